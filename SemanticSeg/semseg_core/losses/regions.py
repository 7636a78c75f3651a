"""Adaptive region-specific Tversky loss: the volume in boxes, each with its own balance of false positives and negatives."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch

from semseg_core.errors import InputError, ShapeError
from semseg_core.labels.tree import LabelTree
from semseg_core.losses.overlap import SMOOTH, OverlapLoss, Regions, SoftCounts

REDUCTIONS = ("mean", "sum")


class RegionTverskyLoss(OverlapLoss):
    """Tversky loss of each leaf in each box, with weights that follow the box's own errors.

    Boxes divide the volume without overlap, whatever its size: `boxes` of them along each axis (at most one per voxel), or as
    many of `size` voxels as it takes, the last one smaller. Boxes without an annotated voxel are left out.

    Ignored: voxels of target -1. Without annotated voxels: 0 with a zero gradient. Perfect prediction: 0. A box where a leaf
    is absent reacts strongly to the least probability of it, since `SMOOTH` is small.

    Args:
        tree: The label tree.
        boxes: Boxes per axis, one number or one per axis.
        size: Voxels per box and axis instead; None to go by `boxes`.
        least: Lowest weight of false positives and of false negatives (A).
        span: How much more such a weight may become (B).
        reduction: "mean" over boxes, or "sum" as the paper is said to do.
        background: As for `OverlapLoss`, like the next two.
        absent: Whether leaves without a marked voxel take part.
        pooled: Whether the batch is counted as one.

    Source:
        Chen et al., IEEE TPAMI 45(11), 2023; formula as two independent re-implementations have it (WltyBY, PyMIC). Where
        sizes do not divide, theirs pool windows that overlap; ours do not.

    Raises:
        InputError: If an option has an impossible value.
    """

    def __init__(
        self,
        tree: LabelTree,
        boxes: float | Sequence[float] = 16,
        size: float | Sequence[float] | None = None,
        least: float = 0.3,
        span: float = 0.4,
        reduction: str = "mean",
        background: str | None = None,
        absent: bool = True,
        pooled: bool = False,
    ) -> None:
        if reduction not in REDUCTIONS:
            raise InputError(f"region-tversky: reduction '{reduction}' is unknown; choose one of {', '.join(REDUCTIONS)}")
        formula = partial(adaptive_tversky_formula, least=least, span=span, summed=reduction == "sum")
        super().__init__(tree, formula, background, absent, pooled)
        self.boxes = _whole("boxes", boxes)
        self.size = None if size is None else _whole("size", size)

    def regions(self, logits: torch.Tensor) -> Regions:
        """The boxes of a volume.

        Raises:
            ShapeError: If logits are rows, which lie nowhere in particular, or have other axes than the options.
        """
        if logits.dim() < 3:
            raise ShapeError(
                f"region-tversky: logits {tuple(logits.shape)} are rows and lie nowhere; give (B, L, *spatial), or use tversky"
            )
        return boxes_of(tuple(logits.shape[2:]), self.boxes, self.size, logits.device)


def adaptive_tversky_formula(counts: SoftCounts, least: float = 0.3, span: float = 0.4, summed: bool = False) -> torch.Tensor:
    """Tversky losses with weights `least + span × (share of the errors)`, of means over all voxels of a region.

    The gradient flows through the weights. With `summed`, losses are multiplied by the number of annotated regions, so that
    their mean is the sum.
    """
    hits, predicted, true = (part / counts.sizes for part in (counts.hits, counts.predicted, counts.true))
    positives, negatives = predicted - hits, true - hits
    both = positives + negatives + SMOOTH
    alpha = least + span * (positives + SMOOTH) / both
    beta = least + span * (negatives + SMOOTH) / both
    losses = 1.0 - (hits + SMOOTH) / (hits + alpha * positives + beta * negatives + SMOOTH)
    return losses * (counts.voxels > 0).sum(2, keepdim=True) if summed else losses


def boxes_of(shape: tuple[int, ...], boxes: tuple[int, ...], size: tuple[int, ...] | None, device: torch.device) -> Regions:
    """A volume divided into boxes.

    Args:
        shape: Voxels along each axis.
        boxes: Boxes along each axis, or one number for all.
        size: Voxels per box along each axis, or one number for all; None to go by `boxes`.
        device: Where to put the result.

    Raises:
        ShapeError: If there are neither one number nor one per axis.
    """
    asked = boxes if size is None else size
    if len(asked) not in (1, len(shape)):
        raise ShapeError(f"region-tversky: {len(asked)} numbers for {len(shape)} axes; give one number, or one per axis")
    index = torch.zeros((), dtype=torch.int64, device=device)
    count = 1
    for axis, (length, number) in enumerate(zip(shape, asked * (len(shape) if len(asked) == 1 else 1), strict=True)):
        along = torch.arange(length, device=device)
        parts = min(number, length) if size is None else -(-length // number)
        along = along * parts // length if size is None else along // number
        index = index * parts + along.view(-1, *(1,) * (len(shape) - axis - 1))
        count *= parts
    index = index.expand(shape).reshape(-1)
    return Regions(index, torch.bincount(index, minlength=count))


def _whole(name: str, value: float | Sequence[float]) -> tuple[int, ...]:
    """The numbers of an option as whole ones."""
    numbers = (value,) if isinstance(value, (int, float)) else tuple(value)
    if not numbers or not all(isinstance(number, (int, float)) and number >= 1 and number == int(number) for number in numbers):
        raise InputError(f"region-tversky: {name} {value}: give whole numbers, 1 or more, like 16 or 16/16/8")
    return tuple(int(number) for number in numbers)
