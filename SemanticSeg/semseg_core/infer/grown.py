"""Strokes on the very image that is answered for: where they lie they hold, and around them they are heard beside the network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from semseg_core.features.bank import FeatureBank
from semseg_core.features.growth import Growth, covered_leaves, grow_marks
from semseg_core.labels.encode import leaf_ranges
from semseg_core.labels.tree import LabelTree
from semseg_core.sparse.scribbles import SparseLabels

CERTAIN = 30.0
"""What a mark itself adds to the logits of its label's leaves: e³⁰, no network says otherwise."""


@dataclass(frozen=True, eq=False)
class GrownStrokes:
    """Marks grown over an image, and what they add to logits.

    Args:
        growth: The marks, grown.
        ranges: Half-open range of the leaves under each label, by its id, (largest id + 1, 2) int64.
        weight: What a grown mark adds to the logits of its label's leaves.
    """

    growth: Growth
    ranges: torch.Tensor
    weight: float

    @classmethod
    def over(
        cls,
        bank: FeatureBank,
        marks: SparseLabels,
        tree: LabelTree,
        weight: float,
        level: int = 0,
        check: Callable[[], None] = lambda: None,
    ) -> GrownStrokes:
        """Grow marks over the image of a bank.

        Args:
            bank: Features of the image.
            marks: All marks on it.
            tree: Their tree.
            weight: As in the model card.
            level: As for `grow_marks`.
            check: Called several times a second; what it raises ends the work.
        """
        device = bank.depth.maps.device
        points = torch.as_tensor(marks.grid.index_to_ras(marks.indices), dtype=torch.float32, device=device)
        label_ids = [label.id for label in tree]
        ranges = torch.zeros(max(label_ids) + 1, 2, dtype=torch.int64)
        ranges[label_ids] = torch.from_numpy(leaf_ranges(tree))
        return cls(grow_marks(bank, points, marks.label_ids, level, check), ranges.to(device), weight)

    def at(self, points_ras: torch.Tensor) -> SaidByStrokes:
        """What they say of points, (N, 3) float32, RAS millimetres."""
        label_ids, marked = self.growth.at(points_ras)
        return SaidByStrokes(self, label_ids, marked)


@dataclass(frozen=True, eq=False)
class SaidByStrokes:
    """What strokes say of some points.

    Args:
        strokes: Who says so.
        label_ids: (N,) int32.
        marked: (N,) bool, where a mark lies.
    """

    strokes: GrownStrokes
    label_ids: torch.Tensor
    marked: torch.Tensor

    def of(self, chosen: torch.Tensor) -> SaidByStrokes:
        """Of some of the points, by (N,) bool."""
        return SaidByStrokes(self.strokes, self.label_ids[chosen], self.marked[chosen])

    def added_to(self, logits: torch.Tensor) -> torch.Tensor:
        """Logits, (N, L), as strokes and network together have them.

        Their `logsumexp` stays what it was, but at marks: what grew says which leaf it is, not whether it is any.
        """
        covered = covered_leaves(self.strokes.ranges[self.label_ids.long()], logits.shape[1])
        heard = logits + self.strokes.weight * covered
        heard += (logits.logsumexp(dim=1) - heard.logsumexp(dim=1))[:, None]
        return torch.where(self.marked[:, None], logits + CERTAIN * covered, heard)
