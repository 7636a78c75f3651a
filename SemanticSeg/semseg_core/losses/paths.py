"""Path weights as tensors."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from semseg_core.labels.encode import leaf_ranges
from semseg_core.labels.tree import LabelTree
from semseg_core.losses.positions import inner_positions, leaf_positions
from semseg_core.losses.weights import PathWeights


class PathTables(nn.Module):
    """Path weights as tables by the position of the mark, (V + 1, 1 + K).

    Column 0 is the leaf of the mark, of weight 0 for a mark on an inner label. The others are the labels of its path that have
    children, padded with the root, of weight 0.

    Args:
        tree: The label tree.
        weights: Path weights.
        dtype: Of the weights.
    """

    def __init__(self, tree: LabelTree, weights: PathWeights, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        count, leaves, ranges = len(tree), leaf_positions(tree), leaf_ranges(tree)
        at_leaf = np.isin(weights.labels, leaves)
        order = np.argsort(weights.marks[~at_leaf], kind="stable")
        marks, labels, inner = (part[~at_leaf][order] for part in (weights.marks, weights.labels, weights.weights))
        lengths = np.bincount(marks, minlength=count)
        column = 1 + np.arange(len(marks)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        path = np.zeros((count, 1 + lengths.max(initial=0)), dtype=np.int64)
        path[:, 0] = np.arange(count)
        path[marks, column] = labels
        path_weights = np.zeros(path.shape)
        path_weights[:, 0] = np.bincount(weights.marks[at_leaf], weights.weights[at_leaf], minlength=count)
        path_weights[marks, column] = inner
        places = np.searchsorted(inner_positions(tree), path)
        places[:, 0] = ranges[:, 0]
        # Cross-entropy alone needs subtree sums for marks on inner labels only; those few go through logarithms at once.
        self.by_sums = bool(np.isin(marks, leaves).any())
        self.register_buffer("ranges", torch.from_numpy(ranges), persistent=False)
        self.register_buffer("leaf_positions", torch.from_numpy(leaves), persistent=False)
        self.register_buffer("labels", torch.from_numpy(path), persistent=False)
        self.register_buffer("places", torch.from_numpy(places), persistent=False)
        self.register_buffer("weights", torch.from_numpy(path_weights).to(dtype), persistent=False)
