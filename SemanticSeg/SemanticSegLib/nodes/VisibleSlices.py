"""Which slices of a volume the slice views show."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import slicer

from SemanticSegLib.nodes.Arrays import arrayFromMatrix
from semseg_core.geometry import Grid

TILT_VOXELS = 1.0
"""A view that leaves a slice by more than this within the volume cuts through several of them, and shows one at an angle."""

Place = tuple[float, ...]
"""A slice as the worker is asked for it, see `semseg_core/interactive/requests.py`."""


def sliceViews(scene: slicer.vtkMRMLScene) -> Iterator[slicer.vtkMRMLSliceNode]:
    """The slice views that are on the screen."""
    found = scene.GetNodesByClass("vtkMRMLSliceNode")
    nodes = (found.GetItemAsObject(index) for index in range(found.GetNumberOfItems()))
    return (node for node in nodes if node.IsMappedInLayout())


def visibleSlices(scene: slicer.vtkMRMLScene, grid: Grid) -> tuple[Place, ...]:
    """The slices of a grid in the world that are on the screen; views beside the volume show none."""
    shown = (_sliceOf(arrayFromMatrix(view.GetSliceToRAS()), grid) for view in sliceViews(scene))
    return tuple(sorted({found for found in shown if found is not None}))


def _sliceOf(sliceToRas: np.ndarray, grid: Grid) -> Place | None:
    normal, point = sliceToRas[:3, 2], sliceToRas[:3, 3]
    # Per voxel along (k, j, i), so much a place in the volume rises above the plane of the view.
    rises = normal @ (grid.index_to_ras(np.eye(3)) - grid.index_to_ras(np.zeros((1, 3)))).T
    axis = int(np.abs(rises).argmax())
    others = [other for other in range(3) if other != axis]
    tilts = -rises[others] / rises[axis]
    start = float(normal @ (point - grid.index_to_ras(np.zeros((1, 3)))[0]) / rises[axis])
    reach = tilts * (np.array(grid.shape)[others] - 1)
    lowest, highest = start + reach.clip(max=0).sum(), start + reach.clip(min=0).sum()
    if highest < -0.5 or lowest > grid.shape[axis] - 0.5:
        return None
    if highest - lowest > TILT_VOXELS:
        return (axis, start, *tilts.tolist())
    return axis, min(max(round((lowest + highest) / 2), 0), grid.shape[axis] - 1)
