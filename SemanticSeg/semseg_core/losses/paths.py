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
    """Path weights as tables by the position of the mark; paths are padded with weight 0."""

    def __init__(self, tree: LabelTree, weights: PathWeights, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        ranges = leaf_ranges(tree)
        count = len(tree)
        leaves = leaf_positions(tree)
        at_leaf = np.isin(weights.labels, leaves)
        leaf_weights = np.bincount(weights.marks[at_leaf], weights.weights[at_leaf], minlength=count)
        order = np.argsort(weights.marks[~at_leaf], kind="stable")
        marks, labels, inner = (part[~at_leaf][order] for part in (weights.marks, weights.labels, weights.weights))
        lengths = np.bincount(marks, minlength=count)
        column = np.arange(len(marks)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        path_labels = np.zeros((count, lengths.max(initial=0)), dtype=np.int64)
        path_weights = np.zeros(path_labels.shape)
        path_labels[marks, column] = labels
        path_weights[marks, column] = inner
        # Cross-entropy alone needs subtree sums for marks on inner labels only; those few rows go through logarithms at once.
        self.by_sums = bool(np.isin(marks, leaves).any())
        buffers = {
            "ranges": ranges,
            "leaf_positions": leaves,
            "first_leaves": ranges[:, 0],
            "leaf_weights": leaf_weights,
            "totals": leaf_weights + path_weights.sum(1),
            "path_labels": path_labels,
            "path_columns": np.searchsorted(inner_positions(tree), path_labels),
            "path_weights": path_weights,
        }
        for name, values in buffers.items():
            tensor = torch.from_numpy(np.ascontiguousarray(values))
            self.register_buffer(name, tensor.to(dtype) if tensor.is_floating_point() else tensor, persistent=False)
