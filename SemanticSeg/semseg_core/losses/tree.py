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
from semseg_core.losses.functional import Chunk, mean_over_voxels, softmax, take_rows
from semseg_core.losses.ground import GroundDistances
from semseg_core.losses.paths import PathTables
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
    sums: SubtreeSums, paths: PathTables | None, distances: GroundDistances | None, chunk: Chunk, wanted: bool
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Losses (M,) of voxels, and their gradients (M, L) if wanted.

    Args:
        sums: Subtree sums of the tree.
        paths: Path cross-entropy, or None.
        distances: Scaled ground distances, or None.
        chunk: The voxels, with marks or distributions.
        wanted: Whether gradients are wanted.
    """
    losses = mark_losses if chunk.truth is None else distribution_losses
    return losses(sums, paths, distances, chunk, wanted)


def mark_losses(
    sums: SubtreeSums, paths: PathTables | None, distances: GroundDistances | None, chunk: Chunk, wanted: bool
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Losses of voxels with marks; as `voxel_losses`."""
    logits, positions = chunk.logits, chunk.positions
    probabilities = softmax(logits)
    losses = torch.zeros_like(logits[:, 0])
    # With s the derivative of a loss by the probabilities, its gradient by the logits is p (s - Σ p s).
    if distances is not None:
        table, rows = distances.rows(positions)
        slopes = take_rows(table, rows, probabilities)
        moved = (probabilities * slopes).sum(1)
        losses += moved
        centers = moved
    else:
        slopes = torch.zeros_like(probabilities) if wanted else None
        centers = torch.zeros_like(losses)
    if paths is None:
        return losses, slopes.sub_(centers.unsqueeze(1)).mul_(probabilities) if wanted else None

    leaves = paths.first_leaves[positions].unsqueeze(1)
    leaf_weights, totals = paths.leaf_weights[positions], paths.totals[positions]
    at_leaf = probabilities.gather(1, leaves).squeeze(1).clamp_min_(UNDERFLOW)
    lost = (at_leaf <= UNDERFLOW) & (leaf_weights > 0)
    if not paths.by_sums:
        lost |= totals > leaf_weights
    else:
        columns, weights = paths.path_columns[positions], paths.path_weights[positions]
        inner = sums.sums(probabilities)
        above = inner.gather(1, columns).clamp_min_(UNDERFLOW)
        lost |= ((above <= UNDERFLOW) & (weights > 0)).any(1)
    lost = lost.nonzero().squeeze(1)
    if len(lost):
        leaf_weights[lost] = totals[lost] = 0.0
        if paths.by_sums:
            weights[lost] = 0.0

    losses -= leaf_weights * at_leaf.log_()
    if paths.by_sums:
        losses -= (weights * above.log()).sum(1)
        if wanted:
            sums.subtract_spread(slopes, torch.zeros_like(inner).scatter_add_(1, columns, weights / above))
    gradient = None
    if wanted:
        gradient = slopes.sub_((centers - totals).unsqueeze(1)).mul_(probabilities)
        gradient.scatter_add_(1, leaves, -leaf_weights.unsqueeze(1))
    if len(lost):
        exact, exact_gradient = path_losses_by_logarithms(paths, logits[lost], positions[lost])
        losses[lost] += exact
        if wanted:
            gradient.index_add_(0, lost, exact_gradient)
    return losses, gradient


def path_losses_by_logarithms(
    paths: PathTables, logits: torch.Tensor, positions: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Path cross-entropy and gradient, right at any gap between logits: each label has a logsumexp of its own.

    Several times slower than sums, so for the voxels that need it. Logits (M, L), positions (M,).
    """
    log_probabilities = logits.log_softmax(1)
    leaves = torch.arange(logits.shape[1], device=logits.device)
    losses = torch.zeros_like(logits[:, 0])
    gradient = log_probabilities.exp() * paths.totals[positions].unsqueeze(1)
    labels = torch.cat((positions.unsqueeze(1), paths.path_labels[positions]), 1)
    weights = torch.cat((paths.leaf_weights[positions].unsqueeze(1), paths.path_weights[positions]), 1)
    for label, weight in zip(labels.t(), weights.t(), strict=True):
        start, stop = paths.ranges[label].unsqueeze(2).unbind(1)
        inside = log_probabilities.masked_fill((leaves < start) | (leaves >= stop), -torch.inf)
        log_label = inside.logsumexp(1, keepdim=True)
        losses -= weight * log_label.squeeze(1)
        gradient -= weight.unsqueeze(1) * inside.sub_(log_label).exp_()
    return losses, gradient
