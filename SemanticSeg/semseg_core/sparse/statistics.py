"""How much was scribbled on each label, where, and what is too little to learn from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from semseg_core.labels.tree import Label, LabelTree
from semseg_core.sparse.scribbles import SparseLabels

FEW_VOXELS = 10
"""Marked voxels below which a label is reported. A stroke of one voxel's width through a structure of 2 cm at 2 mm has ten."""

LISTED = 8
"""Labels a warning names before it says how many more there are."""


@dataclass(frozen=True)
class LabelStatistics:
    """What was marked on one label.

    Args:
        label: The label.
        voxels: Marks on the label itself.
        subtree_voxels: Marks on the label and all its descendants.
        slices: Slices `k`, `j` and `i` that hold these, ascending.
    """

    label: Label
    voxels: int
    subtree_voxels: int
    slices: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]


def statistics(marks: SparseLabels, tree: LabelTree) -> tuple[LabelStatistics, ...]:
    """Statistics of every label that is marked or has a marked descendant, in depth-first order."""
    positions = np.array([tree.position(label_id) for label_id in marks.label_ids.tolist()], dtype=np.int64)
    order = np.argsort(positions, kind="stable")
    positions, indices = positions[order], marks.indices[order]
    numbers = np.arange(len(tree))
    starts = np.searchsorted(positions, numbers)
    own_stops = np.searchsorted(positions, numbers, side="right")
    stops = np.searchsorted(positions, tree.subtree_stops)
    return tuple(
        LabelStatistics(
            label=tree.labels[position],
            voxels=int(own_stops[position] - starts[position]),
            subtree_voxels=int(stops[position] - starts[position]),
            slices=tuple(tuple(np.unique(column).tolist()) for column in indices[starts[position] : stops[position]].T),
        )
        for position in np.flatnonzero(stops > starts).tolist()
    )


def warnings(marks: SparseLabels, tree: LabelTree, few_voxels: int = FEW_VOXELS) -> tuple[str, ...]:
    """What makes these marks hard to learn from, as sentences; empty if nothing does.

    Args:
        marks: The marks.
        tree: The tree.
        few_voxels: Marked voxels below which a label is reported.
    """
    marked = [entry for entry in statistics(marks, tree) if entry.voxels]
    found = {entry.label.id for entry in marked}
    unmarked = [leaf for leaf in tree.leaves if leaf.id not in found]
    single = [entry.label for entry in marked if min(len(slices) for slices in entry.slices) == 1]
    few = [entry.label for entry in marked if entry.voxels < few_voxels]
    sentences = []
    if marked and not _tells_apart([entry.label for entry in marked], tree):
        only = tree.path(marked[-1].label.id)
        sentences.append(f"only {only} is marked, so nothing can be told apart: mark something else too")
    if single:
        sentences.append(f"{_labels(single)} in one slice only: mark another slice, best in another orientation")
    if few:
        sentences.append(f"{_labels(few)} with fewer than {few_voxels} voxels: draw longer strokes")
    if unmarked:
        sentences.append(f"no mark on {len(unmarked)} of {len(tree.leaves)} leaves, which cannot be learned: {_names(unmarked)}")
    return tuple(sentences)


def _tells_apart(labels: Sequence[Label], tree: LabelTree) -> bool:
    """Whether two of the labels, given in depth-first order, exclude each other."""
    return any(not tree.covers(upper.id, lower.id) for upper, lower in zip(labels, labels[1:], strict=False))


def _labels(labels: Sequence[Label]) -> str:
    return f"{_names(labels)} {'are' if len(labels) > 1 else 'is'} marked"


def _names(labels: Iterable[Label]) -> str:
    names = [label.name for label in labels]
    return ", ".join(names[:LISTED]) + (f" and {len(names) - LISTED} more" if len(names) > LISTED else "")
