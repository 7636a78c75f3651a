"""Which slices of a volume the slice views show."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import slicer

from SemanticSegLib.nodes.Arrays import arrayFromMatrix
from semseg_core.geometry import Grid

TILT_VOXELS = 1.0
"""A view that leaves a slice by more than this within the volume cuts through several of them, and shows none."""


def sliceViews(scene: slicer.vtkMRMLScene) -> Iterator[slicer.vtkMRMLSliceNode]:
    """The slice views that are on the screen."""
    found = scene.GetNodesByClass("vtkMRMLSliceNode")
    nodes = (found.GetItemAsObject(index) for index in range(found.GetNumberOfItems()))
    return (node for node in nodes if node.IsMappedInLayout())


def visibleSlices(scene: slicer.vtkMRMLScene, grid: Grid) -> tuple[tuple[int, int], ...]:
    """The slices of a grid in the world that are on the screen: axis, 0 (k), 1 (j) or 2 (i), and index along it.

    Views beside the volume, and those that cut through its slices at an angle, show none.
    """
    shown = (_sliceOf(arrayFromMatrix(view.GetSliceToRAS()), grid) for view in sliceViews(scene))
    return tuple(sorted({found for found in shown if found is not None}))


def _sliceOf(sliceToRas: np.ndarray, grid: Grid) -> tuple[int, int] | None:
    normal, point = sliceToRas[:3, 2], sliceToRas[:3, 3]
    # Per voxel along (k, j, i), so much a place in the volume rises above the plane of the view.
    rises = normal @ (grid.index_to_ras(np.eye(3)) - grid.index_to_ras(np.zeros((1, 3)))).T
    axis = int(np.abs(rises).argmax())
    tilts = np.abs(rises / rises[axis]) * grid.shape
    if np.delete(tilts, axis).sum() > TILT_VOXELS:
        return None
    center = (np.array(grid.shape) - 1) / 2
    middle = normal @ (point - grid.index_to_ras(center[np.newaxis])[0]) / rises[axis]
    index = round(float(center[axis] + middle))
    return (axis, index) if 0 <= index < grid.shape[axis] else None
