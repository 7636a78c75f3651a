"""Focal loss on the probability of the mark."""

from __future__ import annotations

from functools import partial

import torch
from torch import nn

from semseg_core.errors import InputError
from semseg_core.labels.tree import LabelTree
from semseg_core.losses.functional import Chunk, mean_over_voxels
from semseg_core.losses.marks import Marks


class FocalLoss(nn.Module):
    """Mean over annotated voxels of (1 - P)^gamma × (-log P), with P the softmax probability of the mark.

    Ignored: voxels of target -1. Without annotated voxels: 0 with a zero gradient. Perfect prediction: 0.
    Half-precision logits are worked on in float32.

    Args:
        tree: The label tree; leaves in its order are the channels.
        gamma: How much less sure voxels count more; 0 gives cross-entropy.

    Source:
        Lin et al. 2017. With two leaves equal to `FocalLoss(gamma)` of MONAI 1.6.1 on one sigmoid channel; for more leaves
        MONAI's softmax form divides by the number of leaves too unless it is told an ignore_index.

    Raises:
        InputError: If gamma is negative.
    """

    def __init__(self, tree: LabelTree, gamma: float = 2.0) -> None:
        super().__init__()
        if not 0 <= gamma < float("inf"):
            raise InputError(f"focal: gamma {gamma}: give a number, 0 or more")
        self.marks, self.gamma = Marks(tree), gamma

    def forward(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The loss, a scalar; arguments as those of `TreeLoss`."""
        kernel = partial(focal_losses, self.marks, self.gamma)
        return mean_over_voxels(logits, targets, self.marks.leaf_count, self.marks.label_count, kernel)


def focal_losses(marks: Marks, gamma: float, chunk: Chunk, out: torch.Tensor | None, share: float) -> torch.Tensor:
    """Focal losses (M,) of voxels; their gradients times `share` go to `out`, (M, L), unless it is None."""
    log_probabilities = chunk.logits.log_softmax(1)
    log_mark = marks.log_probability(log_probabilities, chunk.positions)
    # 1 - P from its logarithm: near P = 1 the difference would have no digits left.
    missing = (-torch.expm1(log_mark)).clamp_min(torch.finfo(log_mark.dtype).tiny)
    weight = missing**gamma
    if out is not None:
        slope = (gamma * missing ** (gamma - 1.0) * log_mark.exp() * log_mark - weight) * share
        torch.mul(log_probabilities.exp(), -slope.unsqueeze(1), out=out)
        marks.add_shares(out, chunk.logits, chunk.positions, slope)
    return -weight * log_mark
