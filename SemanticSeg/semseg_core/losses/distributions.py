"""Tree losses against a distribution over the leaves instead of a mark, one annotator's doubt or several annotators' votes.

Cross-entropies become their mean over the distribution; the Wasserstein distance is the sum over all edges of length × difference
of the probabilities below. Both go through autograd, chunk by chunk: rarer and slower than marks.
"""

from __future__ import annotations

import torch

from semseg_core.losses.functional import Chunk
from semseg_core.losses.ground import GroundDistances
from semseg_core.losses.paths import PathTables
from semseg_core.losses.subtrees import SubtreeSums


def distribution_losses(
    sums: SubtreeSums,
    paths: PathTables | None,
    distances: GroundDistances | None,
    chunk: Chunk,
    out: torch.Tensor | None,
    share: float,
) -> torch.Tensor:
    """Losses of voxels with distributions; as `voxel_losses` of `tree.py`."""
    with torch.enable_grad():
        logits = chunk.logits.detach().requires_grad_(out is not None)
        log_probabilities = logits.log_softmax(1)
        losses = torch.zeros_like(log_probabilities[:, 0])
        if paths is not None:
            losses = losses + _path_cross_entropy(sums, paths, log_probabilities, chunk.truth)
        if distances is not None:
            losses = losses + wasserstein_distances(sums, distances, log_probabilities.exp(), chunk.truth)
    if out is not None:
        (gradient,) = torch.autograd.grad(losses, logits, torch.ones_like(losses))
        torch.mul(gradient, share, out=out)
    return losses.detach()


def wasserstein_distances(
    sums: SubtreeSums, distances: GroundDistances, probabilities: torch.Tensor, truth: torch.Tensor
) -> torch.Tensor:
    """Wasserstein distance along the tree between probabilities and truth, both (M, L).

    Source:
        Closed form of Evans and Matsen 2012: Σ over edges of length × |difference of the mass below|.
    """
    difference = probabilities - truth
    inner, leaf = distances.edges
    return sums.sums(difference).abs() @ inner + difference.abs() @ leaf


def _path_cross_entropy(
    sums: SubtreeSums, paths: PathTables, log_probabilities: torch.Tensor, truth: torch.Tensor
) -> torch.Tensor:
    """Σ over leaves of truth × path cross-entropy of a mark there, (M,)."""
    places, weights = paths.places[paths.leaf_positions].t(), paths.weights[paths.leaf_positions].t()
    losses = -(truth * weights[0] * log_probabilities).sum(1)
    shares = truth.new_zeros(len(truth), sums.inner_count)
    for place, weight in zip(places[1:], weights[1:], strict=True):
        shares.index_add_(1, place, truth * weight)
    for column in torch.nonzero((shares > 0).any(0)).squeeze(1).tolist():
        start, stop = sums.ranges[column]
        losses = losses - shares[:, column] * log_probabilities[:, start:stop].logsumexp(1)
    return losses
