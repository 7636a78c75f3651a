"""How much is scribbled on each label, and where that is too little to learn from."""

from __future__ import annotations

from enum import Enum

import numpy as np
from slicer.i18n import tr as _

from SemanticSegLib.nodes.ScribbleVoxels import Drawn
from semseg_core.labels.tree import LabelTree
from semseg_core.sparse.statistics import FEW_VOXELS

DRAWN_BY_HAND = 500_000
"""Above so many voxels nobody drew them by hand, and looking for single slices would be felt."""


class Lack(Enum):
    """What is missing of a label's scribbles."""

    FEW = "few voxels"
    ONE_SLICE = "one slice only"
    NONE_BELOW = "nothing in the whole branch"
    TOPMOST = "every voxel is part of it"

    @property
    def sentence(self) -> str:
        """What to tell the user."""
        return {
            Lack.FEW: _("Fewer than {count} voxels: draw longer strokes.").format(count=FEW_VOXELS),
            Lack.ONE_SLICE: _("One slice only: scribble on another slice too, best in another direction."),
            Lack.TOPMOST: _("Every voxel is part of the topmost label, so its strokes tell nothing: scribble below it."),
            Lack.NONE_BELOW: _("Nothing is scribbled in this whole branch, so it cannot be learned."),
        }[self]


def lacking(counts: dict[int, int], marks: Drawn | None, tree: LabelTree) -> dict[int, Lack]:
    """What is missing, by label id; where nothing is marked, nothing is said.

    Args:
        counts: Marked voxels by label id.
        marks: Where they are; None where they are too many to have been drawn by hand.
        tree: The tree.
    """
    lacks = {} if marks is None else {labelId: Lack.ONE_SLICE for labelId in _inOneSlice(marks) if labelId in tree}
    lacks |= {labelId: Lack.FEW for labelId, count in counts.items() if count < FEW_VOXELS and labelId in tree}
    if counts:
        lacks |= dict.fromkeys(_emptyBranches(counts, tree), Lack.NONE_BELOW)
    if tree.root.id in counts:
        lacks[tree.root.id] = Lack.TOPMOST
    return lacks


def _inOneSlice(marks: Drawn) -> list[int]:
    """Labels whose voxels all lie in one slice, in whichever direction."""
    order = np.argsort(marks.labelIds, kind="stable")
    ids, starts, counts = np.unique(marks.labelIds[order], return_index=True, return_counts=True)
    found = []
    for labelId, start, count in zip(ids.tolist(), starts.tolist(), counts.tolist(), strict=True):
        voxels = marks.voxels[order[start : start + count]]
        if (voxels.min(axis=0) == voxels.max(axis=0)).any():
            found.append(labelId)
    return found


def _emptyBranches(counts: dict[int, int], tree: LabelTree) -> list[int]:
    """Inner labels without a mark on them or below, only the topmost of each branch."""
    marked = [label.id in counts for label in tree]
    for position in range(len(tree) - 1, 0, -1):
        marked[tree.parent_positions[position]] |= marked[position]
    return [
        label.id
        for position, label in enumerate(tree)
        if not marked[position] and marked[tree.parent_positions[position]] and not tree.is_leaf(label.id)
    ]
