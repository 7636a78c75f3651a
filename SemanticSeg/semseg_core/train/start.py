"""Where a training starts: the card and the network, from what the images and an earlier model give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from semseg_core.data.intensity import IntensityRule, choose_rules, normalize
from semseg_core.data.resample import anatomical_grid, anatomical_spacing, resample
from semseg_core.data.volume import Volume
from semseg_core.errors import InputError, ModelError
from semseg_core.features.anatomy import foreground_mask, is_masked
from semseg_core.features.components import MOST, Components, principal_components
from semseg_core.features.layout import COORDINATES
from semseg_core.labels.tree import LabelTree
from semseg_core.losses.catalog import DEFAULT_LOSS
from semseg_core.models.card import ModelCard
from semseg_core.models.model import Model
from semseg_core.models.network import NetworkShape, PointNetwork
from semseg_core.models.transfer import TransferReport, transfer
from semseg_core.train.config import TrainConfig

SAMPLES = 20_000
"""Voxels of each body, about, from which components of the channels are found."""

COARSER = 2.0
"""Spacing at which they are found, in working spacings."""


def require_two_leaves(tree: LabelTree) -> None:
    """Raises InputError for a tree under which there is nothing to tell apart."""
    if len(tree.leaves) < 2:
        raise InputError(f"label tree '{tree.title}': has {len(tree.leaves)} leaf; a model needs at least two to tell apart")


def starting_card(volumes: Sequence[Volume], tree: LabelTree, config: TrainConfig, earlier: Model | None) -> ModelCard:
    """The card before training: a start model's rules and spacing, else those that fit the images.

    Raises:
        ModelError: If the start model takes other channels.
    """
    channels = volumes[0].channels
    if earlier is not None:
        if channels != earlier.card.channels:
            raise ModelError(
                f"start model: takes channels {', '.join(earlier.card.channels)}, the cases have "
                f"{', '.join(channels)}; give the same channels, in the same order, with --channels"
            )
        before = earlier.card
        same = {label.id for label in tree if label.id in before.tree and before.tree[label.id].name == label.name}
        landmarks = {label_id: place for label_id, place in before.landmarks.items() if label_id in same}
        loss = config.loss or DEFAULT_LOSS
        return replace(before, tree=tree, loss=loss, training={}, known_floor=None, landmarks=landmarks)
    rules = choose_rules(volumes[0])
    spacing_mm = _working_spacing(volumes, config.max_voxels)
    card = ModelCard(
        tree=tree,
        channels=channels,
        rules=rules,
        spacing_mm=spacing_mm,
        network=NetworkShape(inputs=0),
        loss=config.loss or DEFAULT_LOSS,
        everywhere=False,
        components=_components(volumes, rules, spacing_mm) if len(rules) > MOST else None,
    )
    inputs = card.feature_count
    return replace(card, network=NetworkShape(inputs=inputs, known=inputs - len(COORDINATES)))


def starting_network(card: ModelCard, earlier: Model | None, seed: int) -> tuple[PointNetwork, TransferReport | None]:
    """The network to start from, and what was taken over from an earlier model."""
    torch.manual_seed(seed)
    if earlier is None:
        return PointNetwork(card.network, len(card.tree.leaves)), None
    return transfer(earlier, card.tree)


def _working_spacing(volumes: Sequence[Volume], max_voxels: int) -> tuple[float, float, float]:
    """Median spacing of the images along S, A, R, coarsened alike in all directions until the largest fits."""
    spacing = np.median([anatomical_spacing(volume.grid) for volume in volumes], axis=0)
    while max(anatomical_grid(volume.grid, tuple(spacing)).voxel_count for volume in volumes) > max_voxels:
        spacing = spacing * 1.05
    return tuple(round(float(value), 4) for value in spacing)


def _components(
    volumes: Sequence[Volume], rules: tuple[IntensityRule, ...], spacing_mm: tuple[float, float, float]
) -> Components:
    """Components of many channels, from voxels of all bodies.

    They are found at twice the working spacing, where there is less noise: it would count as variance.
    """
    values = []
    for volume in volumes:
        normalized = normalize(volume, rules)
        grid = anatomical_grid(volume.grid, tuple(max(axis, COARSER * min(spacing_mm)) for axis in spacing_mm))
        coarse = resample(torch.as_tensor(normalized.array), volume.grid, grid).numpy()
        first = coarse[0]
        body = foreground_mask(first, grid, first > first.min() if is_masked(first) else None)
        found = coarse[:, body].T
        values.append(found[:: max(1, len(found) // SAMPLES)])
    return principal_components(np.concatenate(values))
