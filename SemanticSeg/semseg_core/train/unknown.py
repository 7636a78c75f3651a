"""Validation with held-out classes: whole labels are left out of training, and what is asked is whether they end as unknown.

Source:
    Protocol of OOD-SEG (Wang et al., arXiv 2411.09553), at every level of the tree: a voxel of a left-out leaf is unknown at the
    leaves, but known at a level where a sibling of its own branch was trained on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from semseg_core.labels.encode import level_of_leaves
from semseg_core.labels.tree import LabelTree
from semseg_core.losses.catalog import DEFAULT_LOSS
from semseg_core.losses.table import build_loss
from semseg_core.metrics.unknown import RejectionCurve, rejection_curve
from semseg_core.models.network import PointNetwork
from semseg_core.models.shape import NetworkShape
from semseg_core.train.config import TrainConfig
from semseg_core.train.events import ignore
from semseg_core.train.loop import fine_tune, start_state
from semseg_core.train.rows import CaseRows, combine

LEAVES = "leaf"
"""The name of the deepest level."""


@dataclass(frozen=True, eq=False)
class FoldResult:
    """What one fold of left-out labels gave.

    Args:
        left_out: Ids of the leaves left out.
        curves: By level ("1", "2", …, "leaf"), where some tested voxels are known and some unknown.
        recommended: By level, the least confidence found on the fold's own held-back strokes, without any unknown voxel.
    """

    left_out: frozenset[int]
    curves: dict[str, RejectionCurve]
    recommended: dict[str, float]


def held_out_folds(tree: LabelTree, count: int, rng: np.random.Generator, level: int | None = None) -> tuple[frozenset[int], ...]:
    """Leaves to leave out, by fold: each leaf in exactly one.

    Args:
        tree: The tree.
        count: Number of folds.
        rng: Deals leaves, or labels, to folds.
        level: Deal whole labels of this level, with all their leaves; single leaves when None.
    """
    groups = tree.leaves if level is None else tree.level_cut(level)
    dealt = rng.permutation(len(groups)) % count
    return tuple(
        frozenset(
            leaf.id for group, number in zip(groups, dealt, strict=True) if number == fold for leaf in _leaves(tree, group.id)
        )
        for fold in range(count)
    )


def without_leaves(tree: LabelTree, left_out: frozenset[int]) -> LabelTree:
    """The tree without some leaves, and without labels that have no leaf left; ids stay."""
    kept = [label for label in tree if any(leaf.id not in left_out for leaf in _leaves(tree, label.id))]
    return LabelTree(tuple(kept), tree.title, next_id=tree.next_id, next_value=tree.next_value)


def validate_unknown(
    cases: Sequence[CaseRows],
    features: torch.Tensor,
    label_ids: np.ndarray,
    tree: LabelTree,
    folds: Sequence[frozenset[int]],
    config: TrainConfig,
    cancelled: Callable[[], bool] = bool,
) -> Iterator[FoldResult]:
    """Train once per fold without its labels, and test on voxels of all labels.

    Args:
        cases: Rows of marks to train on, of the whole tree.
        features: Of the tested voxels, (M, F).
        label_ids: Their labels, (M,), leaves of the tree.
        tree: The whole tree.
        folds: Leaves to leave out; from `held_out_folds`.
        config: How to train.
        cancelled: Ends a training early.
    """
    for left_out in folds:
        smaller = without_leaves(tree, left_out)
        network, recommended = _train([_without(case, tree, left_out) for case in cases], smaller, config, cancelled)
        yield FoldResult(left_out, dict(_curves(network, smaller, features, label_ids, tree)), recommended)


def choose_on_other_folds(results: Sequence[FoldResult], level: str) -> tuple[float, ...]:
    """For each fold the threshold that is best on average over the others: never chosen on what it is tested on."""
    chosen = []
    for number in range(len(results)):
        others = [each.curves[level] for other, each in enumerate(results) if other != number and level in each.curves]
        total = sum(curve.accuracy + curve.recall for curve in others)
        chosen.append(float(others[0].thresholds[np.argmax(total)]))
    return tuple(chosen)


def _train(
    cases: Sequence[CaseRows], tree: LabelTree, config: TrainConfig, cancelled: Callable[[], bool]
) -> tuple[PointNetwork, dict[str, float]]:
    rows = combine(cases, tree, config.balance)
    torch.manual_seed(config.seed)
    network = PointNetwork(NetworkShape(inputs=rows.features.shape[2]), len(tree.leaves))
    network.fit_scaling(rows.features.flatten(0, 1))
    state = start_state(network, config)
    loss = build_loss(config.loss or DEFAULT_LOSS, tree)
    fine_tune(state, rows, loss, tree, config, time.monotonic(), ignore, cancelled, ignore)
    return state.best.eval(), state.thresholds


def _without(case: CaseRows, tree: LabelTree, left_out: frozenset[int]) -> CaseRows:
    """The case without marks that say anything about left-out leaves, marks above them included."""
    touched = {
        label_id for label_id in np.unique(case.label_ids).tolist() if left_out & {leaf.id for leaf in _leaves(tree, label_id)}
    }
    keep = ~np.isin(case.label_ids, list(touched))
    return CaseRows(case.features[:, keep], case.label_ids[keep], case.held[keep], case.inside[keep], case.mirrored[keep])


def _curves(
    network: PointNetwork, smaller: LabelTree, features: torch.Tensor, label_ids: np.ndarray, tree: LabelTree
) -> Iterator[tuple[str, RejectionCurve]]:
    """Level by level, from the deepest that both trees have up."""
    with torch.inference_mode():
        leaves = torch.cat([network(network.standardize(rows)).softmax(dim=1) for rows in features.split(1 << 14)])
    for level in range(1, smaller.height + 1):
        cut = smaller.level_cut(level)
        masses = leaves.new_zeros(len(leaves), len(cut)).index_add_(1, torch.from_numpy(level_of_leaves(smaller, level)), leaves)
        confidence, answers = (part.numpy() for part in masses.max(dim=1))
        places = {label_id: _covering(cut, label_id, tree) for label_id in np.unique(label_ids).tolist()}
        truth = np.array([places[label_id] for label_id in label_ids.tolist()])
        known = truth >= 0
        if known.any() and not known.all():
            yield LEAVES if level == smaller.height else str(level), rejection_curve(confidence, answers == truth, known)


def _covering(cut: Sequence, label_id: int, tree: LabelTree) -> int:
    """Index of the label of a cut that covers a leaf in the whole tree; -1 where it is unknown."""
    return next((index for index, label in enumerate(cut) if tree.covers(label.id, label_id)), -1)


def _leaves(tree: LabelTree, label_id: int) -> tuple:
    start, stop = tree.leaf_range(label_id)
    return tree.leaves[start:stop]
