"""Generalised Wasserstein Dice loss with the distances of the tree."""

from __future__ import annotations

import torch
from torch import nn

from semseg_core.errors import InputError
from semseg_core.labels.tree import LabelTree
from semseg_core.losses.functional import Annotated, Chunk, analytic
from semseg_core.losses.ground import GroundDistances
from semseg_core.losses.marks import leaf_index
from semseg_core.losses.overlap import SMOOTH
from semseg_core.losses.positions import leaf_positions
from semseg_core.losses.subtrees import SubtreeSums
from semseg_core.losses.tree import voxel_losses

WEIGHTINGS = ("default", "generalized")

CEILINGS = ("one", "background")


class WassersteinDiceLoss(nn.Module):
    """Dice loss in which a voxel is wrong by how far its probabilities are from its mark along the tree.

    With W the Wasserstein distance of a voxel to its mark, a the weight of the mark and c its ceiling:

        hits = Σ a (c - W)        loss = 1 - 2 hits / (2 hits + Σ b W)

    where b is 1 for the default weighting and a for the generalized one. Mean over the items that have annotated voxels.

    Ignored: voxels of target -1. Without annotated voxels: 0 with a zero gradient. Perfect prediction: 0. Half-precision logits
    are worked on in float32.

    Args:
        tree: The label tree; its edge lengths, scaled to maximum 1, are the distances.
        weighting: "default": 1 for every mark but 0 for the background; "generalized": 1 / (voxels of the mark + 1).
        background: Leaf that is the background, by path or name; None for none.
        ceiling: "one", or "background" for the distance of the mark to the background as in equation 9 of the paper; they differ
            where that distance is not the largest.
        inner: What a mark on an inner label means, see `GroundDistances`.
        distances: Distances (V + 1, L) by position of the mark to use instead of the tree's.
        dtype: Of the distances.

    Source:
        Fidon et al. 2017, and Tilborghs et al. 2020 for "generalized"; as `GeneralizedWassersteinDiceLoss` of MONAI 1.6.1
        (both weightings, ceiling "one"), which has no unknown voxels and must have the background first.

    Raises:
        InputError: If an option has an impossible value.
    """

    def __init__(
        self,
        tree: LabelTree,
        weighting: str = "default",
        background: str | None = None,
        ceiling: str = "one",
        inner: str = "set",
        distances: GroundDistances | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        for name, value, known in (("weighting", weighting, WEIGHTINGS), ("ceiling", ceiling, CEILINGS)):
            if value not in known:
                raise InputError(f"wasserstein-dice: {name} '{value}' is unknown; choose one of {', '.join(known)}")
        if ceiling == "background" and background is None:
            raise InputError("wasserstein-dice: ceiling=background needs to know the background; name its leaf by background=")
        self.leaf_count, self.label_count = len(tree.leaves), len(tree)
        self.weighting = weighting
        self.sums = SubtreeSums(tree, dtype)
        self.distances = GroundDistances(tree, inner, dtype=dtype) if distances is None else distances
        weights, ceilings = torch.ones(self.label_count, dtype=dtype), torch.ones(self.label_count, dtype=dtype)
        if background is not None:
            leaf = leaf_index(tree, background, "background")
            if weighting == "default":
                weights[tree.position(tree.leaves[leaf].id)] = 0.0
            if ceiling == "background":
                table, rows = self.distances.rows(torch.arange(self.label_count))
                ceilings = table[rows, leaf].to(dtype)
        self.register_buffer("weights", weights, persistent=False)
        self.register_buffer("ceilings", ceilings, persistent=False)
        self.register_buffer("leaf_positions", torch.from_numpy(leaf_positions(tree)), persistent=False)

    def forward(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The loss, a scalar; arguments as those of `TreeLoss`, distributions too."""

        def evaluate(logits: torch.Tensor, wanted: bool) -> tuple[torch.Tensor, torch.Tensor | None]:
            annotated = Annotated(logits, targets, self.leaf_count, self.label_count, soft=True)
            gradient = annotated.empty_gradient(logits) if wanted else None
            counts = annotated.zeros(len(annotated.counts), self.label_count)
            moved = torch.zeros_like(counts)
            for chunk in annotated:
                rows = annotated.rows(gradient, chunk) if wanted else None
                losses = voxel_losses(self.sums, None, self.distances, chunk, rows, 1.0)
                self._add(counts[chunk.item], chunk, torch.ones_like(losses))
                self._add(moved[chunk.item], chunk, losses)
                if wanted:
                    annotated.write(gradient, chunk, rows)
            with torch.enable_grad():
                items = self._items(counts, moved.requires_grad_(wanted))
                total = items.sum() / max(sum(count > 0 for count in annotated.counts), 1)
            if not wanted:
                return total, None
            (slopes,) = torch.autograd.grad(total, moved)
            for chunk in annotated:
                rows = annotated.rows(gradient, chunk)
                rows *= self._taken(slopes[chunk.item], chunk).unsqueeze(1)
                annotated.write(gradient, chunk, rows)
            return total.detach(), gradient

        return analytic(logits, evaluate)

    def _items(self, counts: torch.Tensor, moved: torch.Tensor) -> torch.Tensor:
        """Loss of each item, (B,), from voxels and distance moved by mark, both (B, V + 1); 0 for items without voxels."""
        generalized = self.weighting == "generalized"
        weights = 1.0 / (counts + 1.0) if generalized else self.weights
        hits = (weights * (counts * self.ceilings - moved)).sum(1)
        cost = ((weights if generalized else 1.0) * moved).sum(1)
        losses = 1.0 - (2.0 * hits + SMOOTH) / (2.0 * hits + cost + SMOOTH)
        return losses * (counts.sum(1) > 0)

    def _add(self, totals: torch.Tensor, chunk: Chunk, values: torch.Tensor) -> None:
        """Add the values of voxels, (M,), to the totals of their marks, (V + 1,), in place."""
        if chunk.truth is None:
            totals += torch.zeros_like(totals).scatter_add_(0, chunk.positions, values)
        else:
            totals.index_add_(0, self.leaf_positions, values @ chunk.truth)

    def _taken(self, totals: torch.Tensor, chunk: Chunk) -> torch.Tensor:
        """What each voxel gets of numbers by mark: the transpose of `_add`."""
        return totals[chunk.positions] if chunk.truth is None else chunk.truth @ totals[self.leaf_positions]
