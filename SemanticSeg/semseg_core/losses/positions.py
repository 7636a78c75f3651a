"""Which positions of a tree are leaves and which have labels below."""

from __future__ import annotations

import numpy as np

from semseg_core.labels.tree import LabelTree


def leaf_mask(tree: LabelTree) -> np.ndarray:
    """Whether the label at each position is a leaf, (V + 1,) bool."""
    return np.array(tree.subtree_stops) == np.arange(len(tree)) + 1


def leaf_positions(tree: LabelTree) -> np.ndarray:
    """Positions of the leaves, (L,) int64."""
    return np.flatnonzero(leaf_mask(tree))


def inner_positions(tree: LabelTree) -> np.ndarray:
    """Positions of the labels that have children, (I,) int64; the root, 0, comes first."""
    return np.flatnonzero(~leaf_mask(tree))
