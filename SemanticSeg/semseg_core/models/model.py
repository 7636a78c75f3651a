"""A model is its card and its networks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch

from semseg_core.data.volume import Volume
from semseg_core.features.bank import FeatureBank, build_feature_bank
from semseg_core.models.card import ModelCard
from semseg_core.models.context import ContextNetwork
from semseg_core.models.context_maps import context_maps
from semseg_core.models.network import PointNetwork
from semseg_core.models.strokes import Strokes


@dataclass(frozen=True, eq=False)
class Model:
    """A card and the networks it describes.

    Args:
        card: What it expects and answers.
        network: Decides for a voxel from its features.
        context: Gives the features that the card's `context` describes; None where it has none.
        strokes: That it was taught by, where they are still with it.
    """

    card: ModelCard
    network: PointNetwork
    context: ContextNetwork | None = None
    strokes: tuple[Strokes, ...] = ()


def describe(
    card: ModelCard,
    context: ContextNetwork | None,
    volume: Volume,
    device: torch.device | str = "cpu",
    cancelled: Callable[[], bool] = bool,
    mirrored: bool = False,
) -> FeatureBank:
    """The feature bank of a volume, as a model of this card sees it.

    Args:
        card: Rules and spacing.
        context: The model's context network.
        volume: Normalized by the card's rules.
        device: Where maps are kept and sampled.
        cancelled: Asked several times a second.
        mirrored: Whether the context network is asked about the mirror image, too.

    Raises:
        CancelledError: If `cancelled` said so.
    """
    maps = None if context is None else partial(context_maps, context)
    return build_feature_bank(volume, card.spacing_mm, device, cancelled, maps, mirrored, card.components)
