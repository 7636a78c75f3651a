"""Where the deep learner starts: a context network that suits the images, beside a point network that does not use it yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from semseg_core.data.resample import anatomical_grid
from semseg_core.data.volume import Volume
from semseg_core.features.layout import COORDINATES
from semseg_core.models.card import ModelCard
from semseg_core.models.context import FEATURES, ContextNetwork
from semseg_core.models.network import PointNetwork
from semseg_core.models.start_context import start_context

COARSER = 2.0
"""Spacing of what the context network sees, in working spacings: a head at 2 mm becomes 60×60×45 voxels, a step a second."""

THICK = 3.0
"""From so many times the spacing within slices on, slices are too far apart for kernels across them (nnU-Net's limit)."""

WINDOW, FLAT_WINDOW = 48, 128
"""Voxels of a patch and of a window along each axis, in three and in two dimensions.

They are the same in training and in use, as the network normalizes over what it is shown.
"""


def deep_start(
    card: ModelCard, network: PointNetwork, volumes: Sequence[Volume]
) -> tuple[ModelCard, PointNetwork, ContextNetwork]:
    """A model without a context network, with one: the start model's, whose features the point network does not use yet."""
    context = fitting_context(card, volumes)
    features = context.shape.features
    wider = PointNetwork(replace(network.shape, inputs=network.shape.inputs + features), network.head.out_features)
    place = network.shape.inputs - len(COORDINATES)
    state = network.state_dict()
    for name, tensor in wider.state_dict().items():
        if tensor.shape != state[name].shape:
            before, after = state[name][..., :place], state[name][..., place:]
            new = before.new_full((*before.shape[:-1], features), 1.0 if name == "scale" else 0.0)
            state[name] = torch.cat([before, new, after], dim=-1)
    wider.load_state_dict(state)
    return replace(card, context=context.shape, network=wider.shape), wider, context


def fit_context_scaling(network: PointNetwork, features: torch.Tensor) -> None:
    """Take mean and scale of the context network's features alone from training features, (N, F)."""
    fitted = PointNetwork(network.shape, 1)
    fitted.fit_scaling(features)
    new = slice(-len(COORDINATES) - FEATURES, -len(COORDINATES))
    network.mean[new], network.scale[new] = fitted.mean[new], fitted.scale[new]


def fitting_context(card: ModelCard, volumes: Sequence[Volume]) -> ContextNetwork:
    """A context network from the start model, with the measures that suit the images."""
    spacing, plane = measures(card.spacing_mm, [anatomical_grid(volume.grid, card.spacing_mm).shape for volume in volumes])
    start = start_context(len(card.rules), spacing, plane)
    window = (WINDOW,) * 3 if plane is None else tuple(1 if axis == plane else FLAT_WINDOW for axis in range(3))
    network = ContextNetwork(replace(start.shape, window=window))
    network.load_state_dict(start.state_dict())
    return network


def measures(
    spacing_mm: tuple[float, float, float], shapes: Sequence[tuple[int, int, int]]
) -> tuple[tuple[float, float, float], int | None]:
    """Spacing of the context network, and the axis across the slices where it must be one of two dimensions.

    Args:
        spacing_mm: Working spacing along S, A, R.
        shapes: Of the cases at that spacing.
    """
    single = [axis for axis in range(3) if any(shape[axis] == 1 for shape in shapes)]
    if single:
        return spacing_mm, single[0]
    thickest = max(range(3), key=lambda axis: spacing_mm[axis])
    if spacing_mm[thickest] >= THICK * sorted(spacing_mm)[1]:
        return spacing_mm, thickest
    return tuple(COARSER * axis for axis in spacing_mm), None
