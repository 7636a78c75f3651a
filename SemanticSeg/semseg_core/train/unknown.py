"""Validation with held-out classes: whole labels are left out of training, and what is asked is whether they end as unknown.

Source:
    Protocol of OOD-SEG (Wang et al., arXiv 2411.09553), at every level of the tree: a voxel of a left-out leaf is unknown at the
    leaves, but known at a level where a sibling of its own branch was trained on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from semseg_core.features.layout import COORDINATES
from semseg_core.labels.encode import level_of_leaves
from semseg_core.labels.tree import LabelTree
from semseg_core.losses.catalog import DEFAULT_LOSS
from semseg_core.losses.table import build_loss
from semseg_core.metrics.unknown import RejectionCurve, auroc, rejection_curve
from semseg_core.models.network import PointNetwork, open_softmax
from semseg_core.models.shape import NetworkShape
from semseg_core.train.config import TrainConfig
from semseg_core.train.events import ignore
from semseg_core.train.loop import fine_tune, start_state
from semseg_core.train.rows import CaseRows, TrainingRows, combine
from semseg_core.train.scoring import UNKNOWN, known_floor

LEAVES = "leaf"
"""The name of the deepest level."""

SHOWN, EVERYTHING, SOFTMAX, KNOWN = "as shown", "without the floor", "softmax", "known output"
"""Confidences that are compared: what `predict` writes, 0 below the floor under `known`; what it writes with `--everything`; the
largest share of a softmax without a logit for what nobody taught; and the output that tells marks from other voxels, alone."""

Detector = Callable[[PointNetwork, TrainingRows, torch.Tensor], torch.Tensor]
"""Another way to tell what was never taught: from a network, the rows it learned from and tested features, (M, F), to a score
(M,), higher where the network rather knows the voxel."""


@dataclass(frozen=True, eq=False)
class FoldResult:
    """What one fold of left-out labels gave.

    Args:
        left_out: Ids of the leaves left out.
        curves: By confidence, then by level ("1", "2", …, "leaf"), where some tested voxels are known and some unknown.
        recommended: By level, the least confidence found on the fold's own held-back strokes, without any unknown voxel.
        detected: AUROC by name of a detector, then by level.
    """

    left_out: frozenset[int]
    curves: dict[str, dict[str, RejectionCurve]]
    recommended: dict[str, float]
    detected: dict[str, dict[str, float]]


@dataclass(frozen=True, eq=False)
class Trained:
    """A network, what it learned from, and what its model card would say.

    Args:
        network: Trained.
        rows: What it learned from.
        known_floor: As in the card.
        recommended: Least confidence by level and the logit of what nobody taught, from held-back strokes.
    """

    network: PointNetwork
    rows: TrainingRows
    known_floor: float | None
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
    detectors: Mapping[str, Detector] | None = None,
) -> Iterator[FoldResult]:
    """Train once per fold without its labels, as `semseg finetune` does, and test on voxels of all labels.

    Args:
        cases: Rows of marks to train on, of the whole tree; voxels without marks as they are, so those of left-out labels are
            among them.
        features: Of the tested voxels, (M, F).
        label_ids: Their labels, (M,), leaves of the tree.
        tree: The whole tree.
        folds: Leaves to leave out; from `held_out_folds`.
        config: How to train.
        cancelled: Ends a training early.
        detectors: Other scores to measure, by name.
    """
    for left_out in folds:
        smaller = without_leaves(tree, left_out)
        trained = train_rows([_without(case, tree, left_out) for case in cases], smaller, config, cancelled)
        with torch.inference_mode():
            scores = {name: detect(trained.network, trained.rows, features) for name, detect in (detectors or {}).items()}
        curves: dict[str, dict[str, RejectionCurve]] = {}
        detected: dict[str, dict[str, float]] = {name: {} for name in scores}
        for level, confidences, right, known in _levels(trained, smaller, features, label_ids, tree):
            for name, confidence in confidences.items():
                curves.setdefault(name, {})[level] = rejection_curve(confidence, right, known)
            for name, score in scores.items():
                detected[name][level] = auroc(score.numpy()[known], score.numpy()[~known])
        yield FoldResult(left_out, curves, trained.recommended, detected)


def choose_on_other_folds(results: Sequence[FoldResult], level: str, confidence: str = SHOWN) -> tuple[float, ...]:
    """For each fold the threshold that is best on average over the others: never chosen on what it is tested on."""
    found = [result.curves[confidence] for result in results]
    chosen = []
    for number in range(len(found)):
        others = [each[level] for other, each in enumerate(found) if other != number and level in each]
        total = sum(curve.accuracy + curve.recall for curve in others)
        chosen.append(float(others[0].thresholds[np.argmax(total)]))
    return tuple(chosen)


def train_rows(
    cases: Sequence[CaseRows], tree: LabelTree, config: TrainConfig, cancelled: Callable[[], bool] = bool
) -> Trained:
    """A quick learner from nothing, as `semseg finetune` trains it."""
    rows = combine(cases, tree, config.balance)
    torch.manual_seed(config.seed)
    inputs = rows.features.shape[2]
    network = PointNetwork(NetworkShape(inputs, known=inputs - len(COORDINATES) if len(rows.unmarked) else 0), len(tree.leaves))
    network.fit_scaling(torch.cat([rows.features.flatten(0, 1), rows.unmarked]))
    state = start_state(network, config)
    loss = build_loss(config.loss or DEFAULT_LOSS, tree)
    fine_tune(state, rows, loss, tree, config, time.monotonic(), ignore, cancelled, ignore)
    best, marked = state.best.eval(), rows.features[0, ~rows.mirrored]
    return Trained(best, rows, known_floor(best, marked, rows.unmarked), state.thresholds)


def _without(case: CaseRows, tree: LabelTree, left_out: frozenset[int]) -> CaseRows:
    """The case without marks that say anything about left-out leaves, marks above them included."""
    touched = {
        label_id for label_id in np.unique(case.label_ids).tolist() if left_out & {leaf.id for leaf in _leaves(tree, label_id)}
    }
    keep = ~np.isin(case.label_ids, list(touched))
    kept = case.features[:, keep], case.label_ids[keep], case.held[keep], case.inside[keep], case.mirrored[keep]
    return CaseRows(*kept, unmarked=case.unmarked)


def _levels(
    trained: Trained, smaller: LabelTree, features: torch.Tensor, label_ids: np.ndarray, tree: LabelTree
) -> Iterator[tuple[str, dict[str, np.ndarray], np.ndarray, np.ndarray]]:
    """Level by level of the smaller tree: confidences of the tested voxels, which answers are right, which voxels are known."""
    with torch.inference_mode():
        decided = [trained.network.decide(trained.network.standardize(rows)) for rows in features.split(1 << 14)]
    logits = torch.cat([part for part, _ in decided])
    leaves, taught = logits.softmax(dim=1), open_softmax(logits, trained.recommended.get(UNKNOWN)).sum(dim=1)
    familiar = taught
    known_output = None if trained.network.known is None else torch.cat([part for _, part in decided])
    if known_output is not None and trained.known_floor is not None:
        familiar = torch.where(known_output >= trained.known_floor, taught, 0.0)
    for level in range(1, smaller.height + 1):
        cut = smaller.level_cut(level)
        masses = leaves.new_zeros(len(leaves), len(cut)).index_add_(1, torch.from_numpy(level_of_leaves(smaller, level)), leaves)
        softmax, answers = masses.max(dim=1)
        confidences = {SHOWN: softmax * familiar, EVERYTHING: softmax * taught, SOFTMAX: softmax}
        if known_output is not None:
            confidences[KNOWN] = known_output.sigmoid()
        places = {label_id: _covering(cut, label_id, tree) for label_id in np.unique(label_ids).tolist()}
        truth = np.array([places[label_id] for label_id in label_ids.tolist()])
        known = truth >= 0
        if known.any() and not known.all():
            name = LEAVES if level == smaller.height else str(level)
            yield name, {key: value.numpy() for key, value in confidences.items()}, answers.numpy() == truth, known


def _covering(cut: Sequence, label_id: int, tree: LabelTree) -> int:
    """Index of the label of a cut that covers a leaf in the whole tree; -1 where it is unknown."""
    return next((index for index, label in enumerate(cut) if tree.covers(label.id, label_id)), -1)


def _leaves(tree: LabelTree, label_id: int) -> tuple:
    start, stop = tree.leaf_range(label_id)
    return tree.leaves[start:stop]
