"""Truth against answer: the one table all overlap and tree metrics are computed from.

The table counts voxels for each pair (true label, answered label) that occurs. It costs one pass over the voxels; everything
after it works on the pairs, of which there are at most a few thousand.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from semseg_core.errors import LabelTreeError, ShapeError
from semseg_core.labels.encode import common_ancestors
from semseg_core.labels.tree import LabelTree

NOWHERE = -1
"""Position of an unknown voxel: outside every label of the tree."""

CHUNK_VOXELS = 1 << 22
"""Voxels counted at a time, so that the temporaries of a 512³ volume stay below 200 MiB."""

DENSE_PAIRS = 1 << 22
"""Up to this many possible pairs (2 047 labels) they are counted in an array, beyond by sorting, about ten times slower."""


@dataclass(frozen=True, eq=False)
class ConfusionTable:
    """Voxel counts by pair; build it with `confusion_table`.

    Args:
        tree: The tree both sides use.
        truth: Position of the true label, (P,) int64; `NOWHERE` outside every label.
        answer: Position of the answer, (P,) int64, as it is judged (see `judged`); `NOWHERE` for unknown.
        counts: Voxels of each pair, (P,) int64, each at least 1.
    """

    tree: LabelTree
    truth: np.ndarray
    answer: np.ndarray
    counts: np.ndarray

    @cached_property
    def meeting(self) -> np.ndarray:
        """Position of the deepest label that covers truth and answer, (P,) int64; `NOWHERE` where one of them is."""
        found = np.full(len(self.counts), NOWHERE, dtype=np.int64)
        both = (self.truth != NOWHERE) & (self.answer != NOWHERE)
        found[both] = common_ancestors(self.tree, self.truth[both], self.answer[both])
        return found

    def total(self, pairs: np.ndarray) -> int:
        """Number of voxels in the pairs selected by a mask, (P,) bool."""
        return int(self.counts[pairs].sum())


def confusion_table(
    truth_ids: np.ndarray, answer_ids: np.ndarray, tree: LabelTree, *, within_truth: bool = False
) -> ConfusionTable:
    """Count the pairs.

    Args:
        truth_ids: Label ids of any shape, 0 where unknown.
        answer_ids: Label ids of the same shape, 0 where unknown.
        tree: The tree the ids belong to.
        within_truth: Leave out voxels whose truth is unknown; otherwise these lie outside every label.

    Raises:
        ShapeError: If the shapes differ.
        LabelTreeError: If an id is not in the tree.
    """
    truth_ids, answer_ids = np.asarray(truth_ids), np.asarray(answer_ids)
    if truth_ids.shape != answer_ids.shape:
        raise ShapeError(f"truth has {truth_ids.shape} voxels, the prediction {answer_ids.shape}; they must lie on one grid")
    truth, answer, counts = _count_pairs(truth_ids.ravel(), answer_ids.ravel(), tree)
    answer = judged(truth, answer, tree)
    # A truth at the root of a larger tree says nothing, not even that the voxel lies outside.
    keep = (truth != NOWHERE) if within_truth else (truth != NOWHERE) | (answer != NOWHERE)
    keep &= (truth != 0) | (len(tree) == 1)
    return ConfusionTable(tree, truth[keep], answer[keep], counts[keep])


def judged(truth: np.ndarray, answer: np.ndarray, tree: LabelTree) -> np.ndarray:
    """The answers as they are judged, positions of the same shape.

    Where the truth is an inner label and the answer one of its descendants, the truth cannot tell right from wrong below
    its own label: the answer is read as the true label. An answer at the root says nothing and is read as unknown, unless
    the root is the only label.
    """
    stops = np.array([*tree.subtree_stops, NOWHERE])  # the last row, reached by index -1, covers nothing
    below = (truth <= answer) & (answer < stops[truth])
    answer = np.where(below, truth, answer)
    return answer if len(tree) == 1 else np.where(answer == 0, NOWHERE, answer)


def positions_of(label_ids: np.ndarray, tree: LabelTree, what: str) -> np.ndarray:
    """Positions, int32, of label ids; `NOWHERE` for 0.

    Raises:
        LabelTreeError: If an id is not in the tree.
    """
    label_ids = np.asarray(label_ids)
    table = np.full(tree.next_id, -2, dtype=np.int32)
    table[0] = NOWHERE
    table[[label.id for label in tree]] = np.arange(len(tree))
    if label_ids.size and not 0 <= label_ids.min() <= label_ids.max() < len(table):
        strange = label_ids[(label_ids < 0) | (label_ids >= len(table))].flat[0]
        raise LabelTreeError(f"{what}: label id {strange} is not in the tree '{tree.title}'")
    positions = table[label_ids]
    if (positions == -2).any():
        raise LabelTreeError(f"{what}: label id {label_ids[positions == -2].flat[0]} is not in the tree '{tree.title}'")
    return positions


def _count_pairs(truth_ids: np.ndarray, answer_ids: np.ndarray, tree: LabelTree) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions in the truth and in the answers, and voxels, of every pair that occurs; each (P,) int64."""
    width = len(tree) + 1
    found, counts = [], []
    for start in range(0, len(truth_ids), CHUNK_VOXELS):
        chunk = slice(start, start + CHUNK_VOXELS)
        truth = positions_of(truth_ids[chunk], tree, "truth").astype(np.int64)
        keys = (truth + 1) * width + (positions_of(answer_ids[chunk], tree, "prediction") + 1)
        if width * width <= DENSE_PAIRS:
            table = np.bincount(keys)
            found.append(np.flatnonzero(table))
            counts.append(table[found[-1]])
        else:
            keys, repeats = np.unique(keys, return_counts=True)
            found.append(keys)
            counts.append(repeats)
    keys, inverse = np.unique(np.concatenate([np.empty(0, np.int64), *found]), return_inverse=True)
    totals = np.zeros(len(keys), dtype=np.int64)
    np.add.at(totals, inverse, np.concatenate([np.empty(0, np.int64), *counts]))
    return keys // width - 1, keys % width - 1, totals
