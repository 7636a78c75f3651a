"""Labels drawn on one grid, moved to the image's, where both have the same voxels."""

from __future__ import annotations

import numpy as np

from semseg_core.errors import ShapeError
from semseg_core.geometry import TOLERANCE_MM, Grid
from semseg_core.sparse.scribbles import SparseLabels


def place(marks: SparseLabels, grid: Grid, what: str = "scribbles", others: str = "the image") -> tuple[SparseLabels, int]:
    """The marks on another grid whose voxels coincide, and how many fell outside it.

    Slicer crops a segmentation to its segments, and other programs store the same voxels along other axes; both lie on the
    image's lattice and are moved exactly. Nothing is interpolated.

    Args:
        marks: Marks on their own grid.
        grid: The image's grid.
        what: What the marks are, for messages.
        others: What lies on `grid`, for messages.

    Raises:
        ShapeError: If the voxels do not coincide; the message says whether spacing, direction or position differs.
    """
    steps, first = _steps(marks.grid, grid, what, others)
    indices = (marks.indices @ steps.T + first).astype(np.int64)
    inside = ((indices >= 0) & (indices < grid.shape)).all(axis=1)
    return SparseLabels(grid, indices[inside], marks.label_ids[inside]), int((~inside).sum())


def place_values(
    values: np.ndarray, own: Grid, grid: Grid, what: str = "the truth", others: str = "the image"
) -> tuple[np.ndarray, int]:
    """As `place`, for a whole array: its values on another grid, and how many but 0 fell outside it.

    Args:
        values: One per voxel of `own`, (D, H, W); 0 stands for nothing.
        own: Their grid.
        grid: Where they are wanted; what `own` does not cover becomes 0.
        what: What they are, for messages.
        others: What lies on `grid`, for messages.

    Raises:
        ShapeError: If the voxels do not coincide.
    """
    steps, first = _steps(own, grid, what, others)
    axes, signs = np.abs(steps).argmax(axis=1), steps.sum(axis=1)
    turned = np.flip(values.transpose(axes), np.flatnonzero(signs < 0))
    start = (first - np.where(signs < 0, np.array(turned.shape) - 1, 0)).astype(int)
    low, high = np.maximum(start, 0), np.minimum(start + turned.shape, grid.shape)
    placed = np.zeros(grid.shape, dtype=values.dtype)
    if (low < high).all():
        placed[tuple(map(slice, low, high))] = turned[tuple(map(slice, low - start, high - start))]
    return placed, int(np.count_nonzero(values) - np.count_nonzero(placed))


def _steps(own: Grid, grid: Grid, what: str, others: str) -> tuple[np.ndarray, np.ndarray]:
    """What a step along each own axis is on the other grid, (3, 3) of -1, 0 and 1, and where the first voxel lies there."""
    axes = np.linalg.inv(grid.ijk_to_ras[:3, :3]) @ own.ijk_to_ras[:3, :3]
    turned = np.rint(axes)
    if not (np.abs(turned).sum(axis=0) == 1).all() or not (np.abs(turned).sum(axis=1) == 1).all():
        raise _differs(own, grid, what, others)
    first = np.rint(grid.ras_to_index(own.index_to_ras(np.zeros((1, 3)))))[0]
    steps = turned[::-1, ::-1]  # from (i, j, k) to (k, j, i)
    corners = np.array(np.meshgrid(*((0, size - 1) for size in own.shape), indexing="ij")).reshape(3, -1).T
    distance = np.abs(grid.index_to_ras(corners @ steps.T + first) - own.index_to_ras(corners)).max()
    if distance > TOLERANCE_MM:
        raise _differs(own, grid, what, others)
    return steps, first


def _differs(own: Grid, grid: Grid, what: str, others: str) -> ShapeError:
    """The error that says in what two grids differ."""
    spacings = [" × ".join(f"{value:.5g}" for value in each.spacing_mm[::-1]) for each in (own, grid)]
    directions = [each.ijk_to_ras[:3, :3] / np.linalg.norm(each.ijk_to_ras[:3, :3], axis=0) for each in (own, grid)]
    if spacings[0] != spacings[1]:
        difference = f"spacing {spacings[0]} mm against {spacings[1]} mm"
    elif np.abs(directions[0] - directions[1]).max() > 1e-5:
        difference = "their axes are turned against each other"
    else:
        shift = grid.ras_to_index(own.index_to_ras(np.zeros((1, 3))))[0]
        fraction = ", ".join(f"{value:g}" for value in np.round(shift - np.rint(shift), 3)[::-1] + 0.0)
        difference = f"shifted by ({fraction}) voxels (i, j, k)"
    return ShapeError(f"{what}: not drawn on the voxels of {others}: {difference}; resample them onto {others} first")
