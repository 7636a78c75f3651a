"""Sparse labels: which voxels carry a mark, and on which label of the tree.

A voxel without a mark is *unknown*, never background. A mark on an inner label means "one of its leaves".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from semseg_core.errors import ShapeError
from semseg_core.geometry import Grid
from semseg_core.labels.encode import ids_to_values, values_to_ids
from semseg_core.labels.tree import LabelTree


@dataclass(frozen=True, eq=False)
class SparseLabels:
    """Marks on a grid.

    Args:
        grid: The image's grid.
        indices: Voxels `(k, j, i)`, (N, 3) int32, each at most once, within the grid.
        label_ids: The marked label of each voxel, (N,) int32.

    Raises:
        ShapeError: If the arrays do not belong together or an index lies outside the grid.
    """

    grid: Grid
    indices: np.ndarray
    label_ids: np.ndarray

    def __post_init__(self) -> None:
        indices = np.array(self.indices, dtype=np.int32).reshape(-1, 3)
        label_ids = np.array(self.label_ids, dtype=np.int32).reshape(-1)
        if len(indices) != len(label_ids):
            raise ShapeError(f"sparse labels: {len(indices)} voxels but {len(label_ids)} labels; give one label per voxel")
        if len(indices) and (indices.min() < 0 or (indices >= self.grid.shape).any()):
            outside = int(((indices < 0) | (indices >= self.grid.shape)).any(axis=1).sum())
            raise ShapeError(
                f"sparse labels: {outside} marks lie outside the image of {self.grid.shape} voxels (k, j, i); remove them"
            )
        # A stable sort takes no time where the voxels are in order already, as np.argwhere gives them; np.unique takes seconds.
        places = np.sort(np.ravel_multi_index(indices.T, self.grid.shape), kind="stable")
        if (places[1:] == places[:-1]).any():
            raise ShapeError("sparse labels: a voxel is marked more than once; keep one label per voxel")
        indices.setflags(write=False)
        label_ids.setflags(write=False)
        object.__setattr__(self, "indices", indices)
        object.__setattr__(self, "label_ids", label_ids)

    @classmethod
    def from_label_map(
        cls, values: np.ndarray, grid: Grid, tree: LabelTree, unknown_values: Iterable[int] = (), what: str = "scribbles"
    ) -> SparseLabels:
        """Marks from a label map, (D, H, W) integers: every voxel that is neither 0 nor declared unknown.

        Raises:
            InputError: If a value is not in the tree.
            ShapeError: If the label map does not have the grid's shape.
        """
        if values.shape != grid.shape:
            raise ShapeError(f"{what}: the label map has {values.shape} voxels (k, j, i), its grid {grid.shape}")
        indices = np.argwhere(values)
        label_ids = values_to_ids(values[tuple(indices.T)], tree, unknown_values, what)
        return cls(grid, indices[label_ids > 0], label_ids[label_ids > 0])

    def to_label_map(self, tree: LabelTree) -> np.ndarray:
        """Label map of the grid's shape, int32, with the tree's values; 0 where unknown."""
        values = np.zeros(self.grid.shape, dtype=np.int32)
        values[tuple(self.indices.T)] = ids_to_values(self.label_ids, tree)
        return values

    def __len__(self) -> int:
        return len(self.label_ids)

    def subset(self, keep: np.ndarray) -> SparseLabels:
        """The marks selected by a boolean mask or index array, (N,)."""
        return SparseLabels(self.grid, self.indices[keep], self.label_ids[keep])

    def remapped(self, new_ids: Mapping[int, int | None]) -> SparseLabels:
        """The marks after an edit of the tree: ids found in `new_ids` change, to nothing where it gives None."""
        label_ids = self.label_ids.copy()
        for old, new in new_ids.items():
            label_ids[self.label_ids == old] = 0 if new is None else new
        return SparseLabels(self.grid, self.indices[label_ids > 0], label_ids[label_ids > 0])

    def counts(self) -> dict[int, int]:
        """Number of marked voxels by label id."""
        ids, counts = np.unique(self.label_ids, return_counts=True)
        return dict(zip(ids.tolist(), counts.tolist(), strict=True))
