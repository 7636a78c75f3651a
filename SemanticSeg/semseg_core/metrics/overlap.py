"""Dice for every label of a tree, and its means over leaves, depths and levels."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from semseg_core.labels.tree import Label, LabelTree
from semseg_core.metrics.confusion import NOWHERE, ConfusionTable

LEAF = "leaf"
"""Key of the leaves among the levels, which are `"1"`, `"2"`, …"""


def voxel_counts(table: ConfusionTable) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Voxels of every label's subtree: in the truth, in the answers, and in both; each (V + 1,) int64 in depth-first order.

    A voxel is in both where the label covers truth and answer, that is, where it covers the deepest label that covers both.
    """
    return tuple(_subtree_sums(positions, table) for positions in (table.truth, table.answer, table.meeting))


def dice(table: ConfusionTable) -> np.ndarray:
    """Dice of every label, (V + 1,) float64 in depth-first order; NaN where a label is absent from truth and answers alike.

    The mask of a label is the union of its subtree. An answer on an inner label so counts fully for that label and all
    above, and is a miss for the labels below.
    """
    truth, answered, both = voxel_counts(table)
    with np.errstate(invalid="ignore"):
        return 2.0 * both / (truth + answered)


def mean_over(scores: np.ndarray, labels: Iterable[Label], tree: LabelTree) -> float:
    """Mean score of some labels; NaN scores are left out, and the mean of none is NaN."""
    chosen = scores[[tree.position(label.id) for label in labels]]
    chosen = chosen[~np.isnan(chosen)]
    return float(chosen.mean()) if len(chosen) else float("nan")


def means_by_level(scores: np.ndarray, tree: LabelTree) -> dict[str, float]:
    """Mean score over each level, shallower leaves carried down, and over the leaves; keys `"1"`, `"2"`… and `"leaf"`."""
    means = {str(level): mean_over(scores, tree.level_cut(level), tree) for level in range(1, tree.height + 1)}
    return {**means, LEAF: mean_over(scores, tree.leaves, tree)}


def means_by_depth(scores: np.ndarray, tree: LabelTree) -> dict[str, float]:
    """Mean score over the labels at each depth, leaves and inner labels alike; keys `"1"`, `"2"` and so on."""
    depths = np.array(tree.depths)
    return {
        str(depth): mean_over(scores, [tree.labels[position] for position in np.flatnonzero(depths == depth)], tree)
        for depth in range(1, tree.height + 1)
    }


def reported_labels(tree: LabelTree) -> tuple[Label, ...]:
    """The labels that have scores: all below the root, or the root where it is alone."""
    return tree.labels[1:] or tree.labels


def _subtree_sums(positions: np.ndarray, table: ConfusionTable) -> np.ndarray:
    """Voxels at each label or below; differences of a running sum, exact since they are whole numbers."""
    inside = positions != NOWHERE
    at = np.zeros(len(table.tree) + 1, dtype=np.int64)
    np.add.at(at, positions[inside] + 1, table.counts[inside])
    running = at.cumsum()
    return running[list(table.tree.subtree_stops)] - running[: len(table.tree)]
