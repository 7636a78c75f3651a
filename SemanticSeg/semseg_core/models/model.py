"""A model is its card and its network."""

from __future__ import annotations

from dataclasses import dataclass

from semseg_core.models.card import ModelCard
from semseg_core.models.network import PointNetwork


@dataclass(frozen=True, eq=False)
class Model:
    """A card and the network it describes."""

    card: ModelCard
    network: PointNetwork
