"""How much is scribbled on each label, and where that is too little to learn from."""

from __future__ import annotations

from enum import Enum

import numpy as np
from slicer.i18n import tr as _

from SemanticSegLib.nodes.ScribbleNodes import Drawn
from semseg_core.labels.tree import LabelTree
from semseg_core.sparse.statistics import FEW_VOXELS

COUNTED_BY_SLICE = 2_000_000
"""Above so many voxels nobody drew them by hand, and looking for single slices would take a second."""


class Lack(Enum):
    """What is missing of a label's scribbles."""

    FEW = "few voxels"
    ONE_SLICE = "one slice only"
    NONE_BELOW = "nothing in the whole branch"

    @property
    def sentence(self) -> str:
        """What to tell the user."""
        return {
            Lack.FEW: _("Fewer than {count} voxels: draw longer strokes.").format(count=FEW_VOXELS),
            Lack.ONE_SLICE: _("One slice only: scribble on another slice too, best in another direction."),
            Lack.NONE_BELOW: _("Nothing is scribbled in this whole branch, so it cannot be learned."),
        }[self]


def counted(marks: Drawn, tree: LabelTree) -> tuple[dict[int, int], dict[int, Lack]]:
    """Marked voxels by label id, of labels that have any, and what is lacking; where nothing is marked, nothing is said."""
    order = np.argsort(marks.labelIds, kind="stable")
    ids, starts, sizes = np.unique(marks.labelIds[order], return_index=True, return_counts=True)
    counts, lacks = {}, {}
    for labelId, start, size in zip(ids.tolist(), starts.tolist(), sizes.tolist(), strict=True):
        if labelId not in tree:
            continue
        counts[labelId] = size
        if size < FEW_VOXELS:
            lacks[labelId] = Lack.FEW
        elif len(order) <= COUNTED_BY_SLICE:
            voxels = marks.voxels[order[start : start + size]]
            if (voxels.min(axis=0) == voxels.max(axis=0)).any():
                lacks[labelId] = Lack.ONE_SLICE
    if counts:
        lacks |= dict.fromkeys(_emptyBranches(counts, tree), Lack.NONE_BELOW)
    return counts, lacks


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
