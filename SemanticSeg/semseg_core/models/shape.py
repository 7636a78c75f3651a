"""The measures of a network, as its model card holds them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class NetworkShape:
    """What is needed to build the network again.

    Args:
        inputs: Number of features of the bank.
        width: Width of both hidden layers.
        dropout: Strength of the noise on hidden values while training, as the share that plain dropout would drop.
    """

    inputs: int
    width: int = 256
    dropout: float = 0.4
