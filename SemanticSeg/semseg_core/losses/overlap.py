"""Overlap losses: Dice and Tversky from soft counts of annotated voxels.

Per leaf the softmax is summed over the annotated voxels (predicted), over those marked with the leaf (hits), and the marked ones
are counted (true). A loss is a formula of these three; its gradient goes back to the voxels in a second pass. In between, the
softmax lies where the gradient will be, so that nothing else of the logits' size is kept.

A voxel marked with an inner label says of the leaves outside that they are wrong, and of those inside nothing: it counts as
predicted for the former only.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from semseg_core.errors import InputError
from semseg_core.labels.tree import LabelTree
from semseg_core.losses.functional import Annotated, Chunk, analytic
from semseg_core.losses.marks import Marks, leaf_index
from semseg_core.losses.scratch import softmax, sum_of_products, take_rows

SMOOTH = 1e-5
"""Added to both sides of the quotients, as in MONAI and nnU-Net: keeps them finite, and makes empty against empty perfect."""


@dataclass(frozen=True)
class Regions:
    """How the voxels of an item are divided.

    Args:
        index: Region of each voxel, (S,) int64; None where there is but one.
        sizes: Voxels of each region, annotated or not, (R,) int64.
    """

    index: torch.Tensor | None
    sizes: torch.Tensor

    def of(self, chunk: Chunk) -> torch.Tensor:
        """Regions of the voxels of a chunk, (M,)."""
        return torch.zeros_like(chunk.positions) if self.index is None else self.index[chunk.voxels]


@dataclass(frozen=True)
class SoftCounts:
    """Sums over the annotated voxels of each item, leaf and region, all (B, L, R).

    Args:
        hits: Probability of the leaf over voxels marked with it.
        predicted: Probability of the leaf over voxels where it is known whether they are the leaf.
        true: Number of voxels marked with it.
        voxels: Number of annotated voxels, (B, 1, R).
        sizes: Number of voxels, annotated or not, (R,).
    """

    hits: torch.Tensor
    predicted: torch.Tensor
    true: torch.Tensor
    voxels: torch.Tensor
    sizes: torch.Tensor

    def pooled(self) -> SoftCounts:
        """The counts of the batch as one item."""
        parts = (self.hits, self.predicted, self.true, self.voxels)
        return SoftCounts(*(part.sum(0, keepdim=True) for part in parts), self.sizes)


Formula = Callable[[SoftCounts], torch.Tensor]
"""Losses (B, L, R) of counts; differentiable in hits and predicted."""


class OverlapLoss(nn.Module):
    """Mean over items and leaves of a formula of soft counts.

    Ignored: voxels of target -1, and items without any other. Without annotated voxels: 0 with a zero gradient.
    Half-precision logits are worked on in float32.

    Args:
        tree: The label tree; leaves in its order are the channels.
        formula: From counts to losses.
        background: Leaf left out of the mean, by path or name; None for none.
        absent: Whether leaves without a marked voxel in the item take part; there the loss only pushes them down.
        pooled: Whether the counts of the batch are summed first.
    """

    def __init__(
        self, tree: LabelTree, formula: Formula, background: str | None = None, absent: bool = True, pooled: bool = False
    ) -> None:
        super().__init__()
        self.marks = Marks(tree)
        self.formula, self.absent, self.pooled = formula, absent, pooled
        counted = torch.ones(len(tree.leaves))
        if background is not None:
            counted[leaf_index(tree, background, "background")] = 0.0
        if not counted.any():
            raise InputError("overlap loss: the tree has no leaf besides the background; give it one, or leave out background")
        self.register_buffer("counted", counted, persistent=False)

    def forward(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The loss, a scalar; arguments as those of `TreeLoss`."""

        def evaluate(logits: torch.Tensor, wanted: bool) -> tuple[torch.Tensor, torch.Tensor | None]:
            annotated = Annotated(logits, targets, self.marks.leaf_count, self.marks.label_count)
            regions = self.regions(logits)
            gradient = annotated.empty_gradient(logits) if wanted else None
            counts = soft_counts(annotated, self.marks, regions, gradient)
            with torch.enable_grad():
                hits, predicted = counts.hits.requires_grad_(wanted), counts.predicted.requires_grad_(wanted)
                total = self.reduced(counts.pooled() if self.pooled else counts)
            if not wanted:
                return total, None
            slopes = torch.autograd.grad(total, (hits, predicted))
            for chunk in annotated:
                rows = annotated.rows(gradient, chunk)
                _turn_into_gradient(rows, chunk, self.marks, regions, *(part[chunk.item] for part in slopes))
                annotated.write(gradient, chunk, rows)
            return total.detach(), gradient

        return analytic(logits, evaluate)

    def regions(self, logits: torch.Tensor) -> Regions:
        """How the voxels of an item are divided: not at all."""
        return Regions(None, torch.tensor([math.prod(logits.shape[2:])], device=logits.device))

    def reduced(self, counts: SoftCounts) -> torch.Tensor:
        """The loss of the counts: mean over the leaves and annotated regions of each item, then over annotated items."""
        losses = self.formula(counts)
        taken = self.counted.to(losses.dtype).view(1, -1, 1) * (counts.voxels > 0)
        if not self.absent:
            taken = taken * (counts.true > 0)
        items = (losses * taken).sum((1, 2)) / taken.sum((1, 2)).clamp_min(1.0)
        return items.sum() / (taken.sum((1, 2)) > 0).sum().clamp_min(1)


def dice_formula(counts: SoftCounts) -> torch.Tensor:
    """1 - 2 hits / (true + predicted).

    Source:
        `DiceLoss` of MONAI 1.6.1 and nnU-Net's partial loss (which returns it less 1), both with smoothing 1e-5.
    """
    return 1.0 - (2.0 * counts.hits + SMOOTH) / (counts.true + counts.predicted + SMOOTH)


def tversky_formula(counts: SoftCounts, alpha: float = 0.3, beta: float = 0.7) -> torch.Tensor:
    """1 - hits / (hits + alpha × false positives + beta × false negatives).

    Source:
        Salehi et al. 2017, `TverskyLoss` of MONAI 1.6.1; 0.3 and 0.7 as in Usman et al., arXiv 2502.09148.
    """
    wrong = alpha * (counts.predicted - counts.hits) + beta * (counts.true - counts.hits)
    return 1.0 - (counts.hits + SMOOTH) / (counts.hits + wrong + SMOOTH)


def soft_counts(annotated: Annotated, marks: Marks, regions: Regions, kept: torch.Tensor | None = None) -> SoftCounts:
    """Soft counts of the annotated voxels.

    Args:
        annotated: The batch.
        marks: What marks say about leaves.
        regions: How the voxels of an item are divided.
        kept: Gets the softmax, where the gradient of the logits will be; None to drop it.
    """
    leaves, region_count = marks.leaf_count, len(regions.sizes)
    zeros = annotated.zeros(len(annotated.counts), leaves, region_count)
    hits, predicted, true, voxels = zeros, zeros.clone(), zeros.clone(), zeros[:, :1].clone()
    for chunk in annotated:
        probabilities = softmax(chunk.logits)
        if kept is not None:
            rows = annotated.rows(kept, chunk).copy_(probabilities)
            annotated.write(kept, chunk, rows)
        leaf, at_leaf = marks.first_leaf[chunk.positions], marks.is_leaf[chunk.positions].to(zeros.dtype)
        hit = probabilities.gather(1, leaf.unsqueeze(1)).squeeze(1) * at_leaf
        inner = marks.inner(chunk.positions)
        if len(inner):
            probabilities[inner] *= marks.outside(chunk.positions[inner])
        region = regions.of(chunk)
        if regions.index is None:
            predicted[chunk.item, :, 0] += probabilities.sum(0)
        else:
            predicted[chunk.item].scatter_add_(1, region.expand(leaves, -1), probabilities.t())
        place = leaf * region_count + region
        for counts, values in ((hits, hit), (true, at_leaf)):
            _add_at(counts[chunk.item].view(-1), place, values)
        _add_at(voxels[chunk.item, 0], region, torch.ones_like(hit))
    return SoftCounts(hits, predicted, true, voxels, regions.sizes)


def _add_at(counts: torch.Tensor, places: torch.Tensor, values: torch.Tensor) -> None:
    """Add values to flat counts in place."""
    if len(counts) < len(places):  # a few long sums lose digits in one go, so those of a chunk are made apart
        counts += torch.zeros_like(counts).scatter_add_(0, places, values)
    else:
        counts.scatter_add_(0, places, values)


def _turn_into_gradient(
    probabilities: torch.Tensor,
    chunk: Chunk,
    marks: Marks,
    regions: Regions,
    by_hits: torch.Tensor,
    by_predicted: torch.Tensor,
) -> None:
    """Turn the softmax of a chunk, (M, L), into its gradient, from the derivatives by the counts of its item, (L, R)."""
    leaf, region = marks.first_leaf[chunk.positions], regions.of(chunk)
    slopes = take_rows(by_predicted.t(), region, probabilities)
    inner = marks.inner(chunk.positions)
    if len(inner):
        slopes[inner] *= marks.outside(chunk.positions[inner])
    hit = by_hits[leaf, region] * marks.is_leaf[chunk.positions]
    slopes.scatter_add_(1, leaf.unsqueeze(1), hit.unsqueeze(1))
    center = sum_of_products(probabilities, slopes).unsqueeze(1)
    probabilities.mul_(slopes.sub_(center))
