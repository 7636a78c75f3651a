"""Sums over the subtrees of inner labels, and the way back.

Both are small matrix products over windows of the leaf axis: exact zeros and ones, so nothing cancels. (Differences of cumulative
sums are no faster, and wrong for peaked probabilities: a tenth of the nodes come out at 0 or below.) Windows keep the cost linear
in the number of leaves.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from semseg_core.labels.encode import leaf_ranges
from semseg_core.labels.tree import LabelTree
from semseg_core.losses.positions import inner_positions

WINDOW_LEAVES = 128
"""Width of a window: wide enough for a good matrix product, and one window for most trees."""


class SubtreeSums(nn.Module):
    """Sums over the leaves under every label that has children, the root first.

    Args:
        tree: The label tree.
        dtype: Of the values summed.
    """

    def __init__(self, tree: LabelTree, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        ranges = leaf_ranges(tree)[inner_positions(tree)]
        self.ranges: list[list[int]] = ranges.tolist()
        self.inner_count = len(ranges)
        self.leaf_count = len(tree.leaves)
        self.windows = nn.ModuleList(
            _Window(ranges, start, min(start + WINDOW_LEAVES, self.leaf_count), dtype)
            for start in range(0, self.leaf_count, WINDOW_LEAVES)
        )

    def sums(self, leaves: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
        """Values of inner labels (M, I) from those of the leaves (M, L): each the sum over its leaves.

        Args:
            leaves: Values of the leaves.
            out: Where to put the result; None for a new tensor, through which gradients flow.
        """
        result = leaves.new_empty(len(leaves), self.inner_count) if out is None else out
        for window in self.windows:
            part = leaves[:, window.start : window.stop]
            own = result[:, window.first : window.last]
            if out is None:
                own.copy_(part @ window.own.t())
            else:
                torch.mm(part, window.own.t(), out=own)
            if len(window.open_labels):
                result.index_add_(1, window.open_labels, part @ window.open.t())
        return result

    def spread(self, inner: torch.Tensor, leaves: torch.Tensor, factor: float) -> None:
        """Give every leaf the sum of the values (M, I) of the inner labels above it: the transpose of `sums`.

        Args:
            inner: Values of inner labels, (M, I).
            leaves: Changed in place: times the factor, plus the sum, (M, L).
            factor: Where 0, what was in `leaves` does not matter.
        """
        for window in self.windows:
            part = leaves[:, window.start : window.stop]
            part.addmm_(inner[:, window.first : window.last], window.own, beta=factor)
            if len(window.open_labels):
                part.addmm_(inner.index_select(1, window.open_labels), window.open)


class _Window(nn.Module):
    """Leaves [start, stop), the labels [first, last) that begin there, and those still open from windows before."""

    def __init__(self, ranges: np.ndarray, start: int, stop: int, dtype: torch.dtype) -> None:
        super().__init__()
        self.start, self.stop = start, stop
        self.first, self.last = (int(bound) for bound in np.searchsorted(ranges[:, 0], (start, stop)))
        still_open = np.flatnonzero((ranges[:, 0] < start) & (ranges[:, 1] > start))
        self.register_buffer("own", _membership(ranges[self.first : self.last], start, stop, dtype), persistent=False)
        self.register_buffer("open", _membership(ranges[still_open], start, stop, dtype), persistent=False)
        self.register_buffer("open_labels", torch.from_numpy(still_open), persistent=False)


def _membership(ranges: np.ndarray, start: int, stop: int, dtype: torch.dtype) -> torch.Tensor:
    """Which leaves of the window lie under which labels, (labels, stop - start), 0 or 1."""
    leaves = np.arange(start, stop)
    return torch.from_numpy((leaves >= ranges[:, :1]) & (leaves < ranges[:, 1:])).to(dtype)
