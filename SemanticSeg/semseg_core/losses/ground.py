"""Ground distances of the Wasserstein losses: from a mark to every leaf along the tree."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from semseg_core.errors import InputError
from semseg_core.labels.encode import edge_lengths, leaf_ranges
from semseg_core.labels.tree import LabelTree
from semseg_core.losses.positions import inner_positions, leaf_mask, leaf_positions

INNER_RULES = ("set", "mass")
"""What a mark on an inner label costs a leaf outside: the way to the nearest leaf inside, or only to the label itself."""

TABLE_ELEMENTS = 1 << 23
"""Largest table of distances kept, labels × leaves; above it, rows are made for the marks that occur."""


class GroundDistances(nn.Module):
    """Distance from every label to every leaf, zero inside an inner label.

    Args:
        tree: The label tree; its edge lengths are the distances.
        inner: "set" or "mass", see `INNER_RULES`.
        normalize: Whether distances are divided by the largest between two leaves.
        scale: A factor on all distances.
        dtype: Of the distances.

    Raises:
        InputError: If `inner` is neither.
    """

    def __init__(
        self, tree: LabelTree, inner: str = "set", normalize: bool = True, scale: float = 1.0, dtype: torch.dtype = torch.float32
    ) -> None:
        super().__init__()
        if inner not in INNER_RULES:
            raise InputError(f"wasserstein: inner '{inner}' is unknown; choose one of {', '.join(INNER_RULES)}")
        largest = diameter(tree) if normalize else 1.0
        self._tree, self._inner = tree, inner
        self._factor = scale / largest if largest > 0 else scale
        self._dtype = dtype
        lengths = torch.from_numpy(edge_lengths(tree) * self._factor).to(dtype)
        self.register_buffer("inner_lengths", lengths[inner_positions(tree)], persistent=False)
        self.register_buffer("leaf_lengths", lengths[leaf_positions(tree)], persistent=False)
        small = len(tree) * len(tree.leaves) <= TABLE_ELEMENTS
        self.register_buffer("table", self._made(np.arange(len(tree))) if small else None, persistent=False)

    def rows(self, positions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """A table (U, L) and for each position its row there, (M,)."""
        if self.table is not None:
            return self.table, positions
        found, index = torch.unique(positions, return_inverse=True)
        return self._made(found.cpu().numpy()).to(positions.device), index

    @property
    def edges(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Scaled lengths of the edges above inner labels, (I,), and above leaves, (L,)."""
        return self.inner_lengths, self.leaf_lengths

    def _made(self, positions: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(distances_to_leaves(self._tree, positions, self._inner) * self._factor).to(self._dtype)


def distances_to_leaves(tree: LabelTree, positions: np.ndarray, inner: str = "set") -> np.ndarray:
    """Distance from marks to every leaf, (U, L) float64, zero to the leaves under the mark.

    Args:
        tree: The label tree.
        positions: Marked labels, (U,).
        inner: "set" or "mass", see `INNER_RULES`.

    Source:
        Optimal transport to the cheapest distribution inside the mark: all mass outside moves to its nearest leaf inside.
    """
    down, nearest = _depths(tree)
    ranges = leaf_ranges(tree)
    parents = np.array(tree.parent_positions)
    leaves = np.arange(len(tree.leaves))
    leaf_depths = down[leaf_positions(tree)]
    reach = down[positions] + (nearest[positions] if inner == "set" else 0.0)
    meeting = np.zeros((len(positions), len(leaves)))
    above = positions
    while (above > 0).any():
        start, stop = ranges[above].T[:, :, None]
        # Ancestors lie nearer to the root, so the deepest common one has the largest depth.
        np.maximum(meeting, np.where((leaves >= start) & (leaves < stop), down[above][:, None], 0.0), out=meeting)
        above = np.maximum(parents[above], 0)
    distances = reach[:, None] + leaf_depths - 2.0 * meeting
    start, stop = ranges[positions].T[:, :, None]
    distances[(leaves >= start) & (leaves < stop)] = 0.0
    return np.maximum(distances, 0.0)  # rounding alone goes below


def diameter(tree: LabelTree) -> float:
    """Largest distance between two leaves, in O(labels)."""
    lengths = edge_lengths(tree)
    deepest = np.zeros(len(tree))
    largest = 0.0
    for position in range(len(tree) - 1, 0, -1):
        parent = tree.parent_positions[position]
        through = deepest[position] + lengths[position]
        # Children come last to first; the last one meets nothing in its parent, and one end alone is no path between leaves.
        if tree.subtree_stops[position] < tree.subtree_stops[parent]:
            largest = max(largest, deepest[parent] + through)
        deepest[parent] = max(deepest[parent], through)
    return float(largest)


def _depths(tree: LabelTree) -> tuple[np.ndarray, np.ndarray]:
    """Length from the root to every label, and from every label to its nearest leaf below, both (V + 1,)."""
    lengths = edge_lengths(tree)
    down = np.zeros(len(tree))
    for position in range(1, len(tree)):
        down[position] = down[tree.parent_positions[position]] + lengths[position]
    nearest = np.where(leaf_mask(tree), 0.0, np.inf)
    for position in range(len(tree) - 1, 0, -1):
        parent = tree.parent_positions[position]
        nearest[parent] = min(nearest[parent], nearest[position] + lengths[position])
    return down, nearest
