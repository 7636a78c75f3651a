"""Slices at an angle to the axes of an image, as views show them of an image that was acquired obliquely. Imports numpy alone."""

from __future__ import annotations

import numpy as np

from semseg_core.errors import InputError
from semseg_core.geometry import Grid


def tilted_grid(grid: Grid, axis: int, start: float, first_rise: float, second_rise: float) -> Grid:
    """The grid of a tilted slice: it has the voxels of a straight one, each moved along the axis until it lies in the plane.

    Args:
        grid: The image's grid.
        axis: The axis the slice is cut across: 0 (k), 1 (j) or 2 (i); 1 voxel along it.
        start: Index along it at the first voxel of the other two axes.
        first_rise: How much that index grows with each voxel along the first of them.
        second_rise: The same for the second.

    Raises:
        InputError: If there is no such axis.
    """
    if axis not in (0, 1, 2):
        raise InputError(f"slice across axis {axis}: an image has the axes 0 (k), 1 (j) and 2 (i)")
    first, second = (other for other in (0, 1, 2) if other != axis)
    shear = np.eye(4)
    shear[2 - axis, 2 - first], shear[2 - axis, 2 - second], shear[2 - axis, 3] = first_rise, second_rise, start
    return Grid(tuple(1 if along == axis else size for along, size in enumerate(grid.shape)), grid.ijk_to_ras @ shear)
