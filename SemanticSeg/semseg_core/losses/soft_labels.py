"""Hierarchical soft labels: cross-entropy against a target that shares some probability with near leaves."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from semseg_core.errors import InputError, LabelTreeError
from semseg_core.labels.encode import leaf_ranges
from semseg_core.labels.tree import LabelTree
from semseg_core.losses.functional import Chunk, mean_over_voxels
from semseg_core.losses.ground import TABLE_ELEMENTS
from semseg_core.losses.marks import Marks
from semseg_core.losses.scratch import sum_of_products, take_rows


class SoftLabelLoss(nn.Module):
    """Mean over annotated voxels of the cross-entropy against soft labels.

    A leaf gets probability in proportion to exp(-beta × d), d being the height of its lowest common ancestor with the mark over
    the height of the tree. A mark on an inner label shares as if its subtree were one leaf.

    Ignored: voxels of target -1. Without annotated voxels: 0 with a zero gradient. Perfect prediction: the entropy of the soft
    label, not 0. Half-precision logits are worked on in float32.

    Args:
        tree: The label tree, of moderate size: a table labels × leaves is kept.
        beta: How sharply the labels decline.
        dtype: Of the table.

    Source:
        Bertinetto et al., CVPR 2020, section 3.2.

    Raises:
        InputError: If beta is negative.
        LabelTreeError: If the tree is too large.
    """

    def __init__(self, tree: LabelTree, beta: float = 10.0, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        if not 0 <= beta < float("inf"):
            raise InputError(f"soft-labels: beta {beta}: give a number, 0 or more")
        if len(tree) * len(tree.leaves) > TABLE_ELEMENTS:
            raise LabelTreeError(
                f"label tree '{tree.title}': {len(tree)} labels are too many for soft-labels; use cross-entropy, or a cut"
            )
        self.marks = Marks(tree)
        others, own = soft_labels(tree, beta)
        self.register_buffer("others", torch.from_numpy(others).to(dtype), persistent=False)
        self.register_buffer("own", torch.from_numpy(own).to(dtype), persistent=False)

    def forward(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The loss, a scalar; arguments as those of `TreeLoss`."""
        return mean_over_voxels(logits, targets, self.marks.leaf_count, self.marks.label_count, self._losses)

    def _losses(self, chunk: Chunk, out: torch.Tensor | None, share: float) -> torch.Tensor:
        """Losses (M,) of voxels; their gradients times `share` go to `out`, (M, L), unless it is None."""
        log_probabilities = chunk.logits.log_softmax(1)
        others, own = take_rows(self.others, chunk.positions, chunk.logits), self.own[chunk.positions]
        log_mark = self.marks.log_probability(log_probabilities, chunk.positions)
        losses = -sum_of_products(others, log_probabilities) - own * log_mark
        if out is not None:
            torch.mul(log_probabilities.exp_().sub_(others), share, out=out)
            self.marks.add_shares(out, chunk.logits, chunk.positions, -share * own)
        return losses


def soft_labels(tree: LabelTree, beta: float) -> tuple[np.ndarray, np.ndarray]:
    """Soft labels of every mark: of the leaves outside it, (V + 1, L), and of the mark itself, (V + 1,); float64."""
    heights = np.zeros(len(tree))
    for position in range(len(tree) - 1, 0, -1):
        parent = tree.parent_positions[position]
        heights[parent] = max(heights[parent], heights[position] + 1.0)
    parents, ranges = np.array(tree.parent_positions), leaf_ranges(tree)
    leaves = np.arange(len(tree.leaves))
    meeting = np.full((len(tree), len(leaves)), heights[0])
    above = np.arange(len(tree))
    while (above > 0).any():
        start, stop = ranges[above].T[:, :, None]
        # Labels grow higher towards the root, so the lowest common one has the smallest height.
        np.minimum(meeting, np.where((leaves >= start) & (leaves < stop), heights[above][:, None], np.inf), out=meeting)
        above = np.maximum(parents[above], 0)
    start, stop = ranges.T[:, :, None]
    outside = (leaves < start) | (leaves >= stop)
    shares = np.where(outside, np.exp(-beta * meeting / max(meeting[outside].max(initial=0.0), 1.0)), 0.0)
    total = shares.sum(1) + 1.0
    return shares / total[:, None], 1.0 / total
