"""Tree losses per annotated voxel: cross-entropy over the labels on a path, and Wasserstein distance along the tree.

Both are computed together, with their gradient, from one softmax. With `p` the softmax, `P` the probability of a label and `d`
the distances from the mark:

    loss     = Σ over path  w (-log P)  +  Σ over leaves  d p
    gradient = p (Σ over path w  -  Σ over labels of the path above the leaf  w / P  +  d  -  Σ d p)
"""

from __future__ import annotations

from functools import partial

import torch
from torch import nn

from semseg_core.errors import InputError
from semseg_core.labels.tree import LabelTree
from semseg_core.losses.distributions import distribution_losses
from semseg_core.losses.functional import Chunk, mean_over_voxels
from semseg_core.losses.ground import GroundDistances
from semseg_core.losses.paths import PathTables
from semseg_core.losses.scratch import scratch, softmax, sum_of_products, take_rows
from semseg_core.losses.subtrees import SubtreeSums
from semseg_core.losses.weights import PathWeights

UNDERFLOW = 1e-30
"""Probabilities below it are computed again as logarithms: their quotients would lose digits, then become infinite."""


class TreeLoss(nn.Module):
    """Mean over annotated voxels of a path cross-entropy plus a Wasserstein distance to the mark.

    Ignored: voxels of target -1, and of the root. Without annotated voxels: 0 with a zero gradient. Perfect prediction: 0.
    Half-precision logits are worked on in float32.

    Args:
        tree: The label tree; leaves in its order are the channels.
        weights: Path cross-entropy; None for none.
        distances: Ground distances, already scaled by the weight of the Wasserstein term; None for none.
        dtype: Of the tables; float64 for float64 logits.

    Source:
        Wang et al., arXiv 2507.15777; the formula of the Wasserstein term as in Fidon et al. 2017, of the hierarchy-weighted
        cross-entropy our reconstruction.
    """

    def __init__(
        self,
        tree: LabelTree,
        weights: PathWeights | None,
        distances: GroundDistances | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        self.leaf_count, self.label_count = len(tree.leaves), len(tree)
        self.sums = SubtreeSums(tree, dtype)
        self.distances = distances
        self.paths = None if weights is None or not len(weights.weights) else PathTables(tree, weights, dtype)
        if self.paths is None and distances is None:
            raise InputError("loss: all its terms have weight 0; give one of them a weight")

    def forward(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The loss, a scalar.

        Args:
            logits: (N, L) rows of annotated voxels, or (B, L, *spatial).
            targets: Positions in depth-first order, (N,) or (B, *spatial) integers; -1 is unknown. Or distributions over the
                leaves in the shape of the logits; all zero is unknown.

        Raises:
            ShapeError: If the shapes do not belong together.
            InputError: If a target is no position of the tree, or no distribution.
        """
        kernel = partial(voxel_losses, self.sums, self.paths, self.distances)
        return mean_over_voxels(logits, targets, self.leaf_count, self.label_count, kernel, soft=True)


def voxel_losses(
    sums: SubtreeSums,
    paths: PathTables | None,
    distances: GroundDistances | None,
    chunk: Chunk,
    out: torch.Tensor | None,
    share: float,
) -> torch.Tensor:
    """Losses (M,) of voxels.

    Args:
        sums: Subtree sums of the tree.
        paths: Path cross-entropy, or None.
        distances: Scaled ground distances, or None.
        chunk: The voxels, with marks or distributions.
        out: Where their gradients go, (M, L); None if they are not wanted.
        share: Factor on the gradients.
    """
    losses = mark_losses if chunk.truth is None else distribution_losses
    return losses(sums, paths, distances, chunk, out, share)


def mark_losses(
    sums: SubtreeSums,
    paths: PathTables | None,
    distances: GroundDistances | None,
    chunk: Chunk,
    out: torch.Tensor | None,
    share: float,
) -> torch.Tensor:
    """Losses of voxels with marks; as `voxel_losses`.

    With s the derivative of a loss by the probabilities, its gradient by the logits is p (s - Σ p s). What it costs are passes
    over (M, L), so factors and constants go into smaller tensors wherever they can.
    """
    probabilities = softmax(chunk.logits)
    if distances is None:
        slopes, moved = None, torch.zeros_like(probabilities[:, 0])
    else:
        table, rows = distances.rows(chunk.positions)
        slopes = take_rows(table, rows, probabilities)
        moved = sum_of_products(probabilities, slopes)
    if paths is None:
        if out is not None:
            _put_gradient(out, probabilities, slopes, -moved, share)
        return moved

    places = paths.places.index_select(0, chunk.positions)
    weights = paths.weights.index_select(0, chunk.positions)
    path = probabilities.gather(1, places[:, :1])
    if paths.by_sums:
        inner = sums.sums(probabilities, scratch("inner", probabilities, sums.inner_count))
        path = torch.cat((path, inner.gather(1, places[:, 1:])), 1)
        lost = path.amin(1) <= UNDERFLOW
    else:
        lost = (path[:, 0] <= UNDERFLOW) | (weights[:, 0] == 0.0)
    lost = lost.nonzero().squeeze(1)
    if len(lost):
        weights[lost] = 0.0
    path = path.clamp_min_(UNDERFLOW)

    used = weights if paths.by_sums else weights[:, :1]
    losses = moved - (used * path.log()).sum(1)
    if out is not None:
        constants = used.sum(1) - moved
        if paths.by_sums:
            inner.zero_().scatter_add_(1, places[:, 1:], (weights[:, 1:] / path[:, 1:]).mul_(-share))
            inner[:, 0] = constants.mul_(share)  # the root is above every leaf
            slopes, kept = (scratch("rows", probabilities), 0.0) if slopes is None else (slopes, share)
            sums.spread(inner, slopes, kept)
            torch.mul(slopes, probabilities, out=out)
        else:
            _put_gradient(out, probabilities, slopes, constants, share)
        out.scatter_add_(1, places[:, :1], weights[:, :1] * -share)
    if len(lost):
        exact, gradient = path_losses_by_logarithms(paths, chunk.logits[lost], chunk.positions[lost])
        losses[lost] += exact
        if out is not None:
            out.index_add_(0, lost, gradient, alpha=share)
    return losses


def path_losses_by_logarithms(
    paths: PathTables, logits: torch.Tensor, positions: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Path cross-entropy (M,) and its gradient (M, L), right at any gap between logits: a logsumexp of its own for each label.

    Several times slower than sums, so for the voxels that need it. Logits (M, L), positions (M,).
    """
    leaves = torch.arange(logits.shape[1], device=logits.device)
    log_total = logits.logsumexp(1)
    losses = torch.zeros_like(log_total)
    weights = paths.weights[positions]
    gradient = logits.softmax(1) * weights.sum(1, keepdim=True)
    for label, weight in zip(paths.labels[positions].t(), weights.t(), strict=True):
        start, stop = paths.ranges[label].unsqueeze(2).unbind(1)
        inside = logits.masked_fill((leaves < start) | (leaves >= stop), -torch.inf)
        losses += weight * (log_total - inside.logsumexp(1))
        gradient -= weight.unsqueeze(1) * inside.softmax(1)
    return losses, gradient


def _put_gradient(
    out: torch.Tensor, probabilities: torch.Tensor, slopes: torch.Tensor | None, constants: torch.Tensor, share: float
) -> None:
    """Put share × p (slopes + constants) into `out`, (M, L); slopes (M, L) or None, constants (M,)."""
    scaled = (constants * share).unsqueeze(1)
    torch.mul(scaled if slopes is None else torch.add(scaled, slopes, alpha=share, out=slopes), probabilities, out=out)
