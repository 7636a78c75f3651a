"""The project's network on cached features: what all benchmarks of learning share.

The features of every labelled voxel of a case are computed once; each run trains on rows of them by the project's own loop.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from learning_data import Case

from semseg_core.data.intensity import normalize
from semseg_core.features.bank import FeatureBank
from semseg_core.geometry import Grid
from semseg_core.labels.pairs import mirror_images
from semseg_core.labels.tree import LabelTree
from semseg_core.losses.table import build_loss
from semseg_core.models.card import ModelCard
from semseg_core.models.model import describe
from semseg_core.models.network import PointNetwork
from semseg_core.sparse.scribbles import SparseLabels
from semseg_core.train.config import Budget, TrainConfig
from semseg_core.train.loop import fine_tune, start_state
from semseg_core.train.rows import (
    CaseRows,
    combine,
    marks_points,
    mirrored_marks,
    sample_rows,
    sample_sides,
    unmarked_points,
    with_images,
)
from semseg_core.train.scoring import UNKNOWN, known_floor
from semseg_core.train.start import starting_card, starting_network

SAMPLED_AT_ONCE = 1 << 17
"""Voxels described at once."""


@dataclass(frozen=True, eq=False)
class Subject:
    """One case as a network sees it.

    Args:
        case: Image and labels.
        card: Rules, spacing and number of features.
        bank: Its features anywhere.
        features: Of the voxels that are asked about, in array order, (M, F).
    """

    case: Case
    card: ModelCard
    bank: FeatureBank
    features: torch.Tensor

    @property
    def name(self) -> str:
        """Of the case."""
        return self.case.name

    @property
    def grid(self) -> Grid:
        """Of the image and its labels."""
        return self.case.volume.grid

    @property
    def label_ids(self) -> np.ndarray:
        """Dense labels, (D, H, W), 0 where unknown."""
        return self.case.label_ids

    @cached_property
    def asked(self) -> np.ndarray:
        """Which voxels are asked about, (D, H, W) bool: those with a label, and those of classes that nobody teaches."""
        return asked_voxels(self.case)

    @property
    def known_ids(self) -> np.ndarray:
        """Label ids of the voxels that are asked about, (M,); 0 where nobody teaches."""
        return self.label_ids[self.asked]


def asked_voxels(case: Case) -> np.ndarray:
    """Which voxels are asked about, (D, H, W) bool."""
    known = case.label_ids > 0
    return known if case.untaught is None else known | case.untaught


def describe_case(case: Case, start: bool = False) -> Subject:
    """Compute the features of a case, as training does but once for all voxels that are asked about.

    Args:
        case: The case.
        start: Whether those of the start model that comes with the library are among them.
    """
    card = starting_card([case.volume], case.tree, TrainConfig(), None)
    volume, context = normalize(case.volume, card.rules), None
    if start:
        from semseg_core.train.deep_start import fitting_context  # MONAI takes seconds to load

        context = fitting_context(card, [case.volume])
        card = replace(card, context=context.shape)
        card = replace(card, network=replace(card.network, inputs=card.feature_count))
    bank = describe(card, context, volume, mirrored=bool(mirror_images(case.tree)))
    points = case.volume.grid.index_to_ras(np.argwhere(asked_voxels(case)))
    parts = torch.as_tensor(points, dtype=torch.float32).split(SAMPLED_AT_ONCE)
    return Subject(case, card, bank, torch.cat([bank.sample(part) for part in parts]))


def stroke_rows(
    subject: Subject,
    marks: SparseLabels,
    mirror: bool = False,
    unmarked: bool = False,
    seed: int = 0,
    held: np.ndarray | None = None,
) -> CaseRows:
    """Rows of marks, as `case_rows` of the library makes them from the image itself.

    Args:
        subject: The subject.
        marks: Strokes on it.
        mirror: Whether to add those of the mirror image, where the tree has left and right.
        unmarked: Whether to add voxels of the body without marks, which teach what resembles no mark.
        seed: Draws these.
        held: Which marks are held back, (N,) bool; none where not given.
    """
    points = marks_points(marks)
    images = mirror_images(subject.case.tree) if mirror else {}
    inside = subject.bank.inside(points).numpy()
    chosen = mirrored_marks(marks.label_ids, subject.bank.body_coordinates(points)[:, 0].numpy(), images)
    features = sample_rows(subject.bank, points, chosen)[None]
    held = np.zeros(len(marks), dtype=bool) if held is None else held
    rows = with_images(features, marks.label_ids, held, inside, chosen, images)
    if not unmarked:
        return rows
    free = unmarked_points(subject.bank, marks, np.random.default_rng(seed))
    return replace(rows, unmarked=sample_sides(subject.bank, free, bool(images)))


def voxel_rows(subject: Subject, rows: np.ndarray) -> CaseRows:
    """Rows of some of the voxels that are asked about, none held back."""
    nothing = np.zeros(len(rows), dtype=bool)
    return CaseRows(subject.features[rows][None], subject.known_ids[rows], nothing, ~nothing)


@dataclass(frozen=True, eq=False)
class Learned:
    """What a training found.

    Args:
        network: The result.
        known_floor: Least output of its `known` for what resembles a mark; None where it has none.
        unknown_logit: Of what nobody taught; None where nothing was held back.
    """

    network: PointNetwork
    known_floor: float | None
    unknown_logit: float | None


def train(expression: str, cases: Sequence[CaseRows], card: ModelCard, tree: LabelTree, steps: int, seed: int) -> PointNetwork:
    """The network of `learn`."""
    return learn(expression, cases, card, tree, steps, seed).network


def learn(expression: str, cases: Sequence[CaseRows], card: ModelCard, tree: LabelTree, steps: int, seed: int) -> Learned:
    """The project's training; equal seeds give equal initial weights, batches and noise whatever the loss."""
    config = TrainConfig(loss=expression, budget=Budget(steps=steps), seed=seed)
    rows = combine(cases, tree, config.balance)
    network, _ = starting_network(card, None, seed)
    network.fit_scaling(torch.cat([rows.features[0], rows.unmarked]))
    state = start_state(network, config)
    loss = build_loss(expression, tree)
    fine_tune(state, rows, loss, tree, config, time.monotonic(), lambda _: None, bool, lambda _: None)
    floor = known_floor(state.best, rows.features[0, ~rows.mirrored], rows.unmarked)
    return Learned(state.best, floor, state.thresholds.get(UNKNOWN))
