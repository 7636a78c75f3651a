"""Strokes as Slicer's Paint and Erase effects draw them, with the real masking, overwriting and undo of its segment editor."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy

from .segment_editor_widget import qMRMLSegmentEditorWidget

_MODES = {"Paint": "ModificationModeAdd", "Erase": "ModificationModeRemove"}


def paint(
    editor: qMRMLSegmentEditorWidget,
    points: Iterable[Sequence[float]],
    *,
    view: str = "Red",
    diameter_mm: float | None = None,
) -> None:
    """One stroke of the active effect into the current segment, saved for undo first.

    Args:
        editor: With Paint or Erase as active effect, segmentation, volume and segment set.
        points: Where the brush is pressed down on its way, (R, A, S) in mm of the world.
        view: Name of the slice view it is drawn in; a flat brush lies in its plane, one slice thick.
        diameter_mm: Of the brush; as the effect says where None.
    """
    effect = editor.activeEffect()
    assert effect is not None, "no effect is active, so a stroke only moves the view"
    assert effect.name in _MODES, f"strokes of {effect.name} are not imitated"
    logic, node = editor._logic, editor.mrmlSegmentEditorNode()
    assert logic.CanAddSegments(), "nothing can be painted without segmentation and source volume"
    assert editor.currentSegmentID(), "no segment is selected"
    assert logic.ResetModifierLabelmapToDefault()
    brush = logic.GetModifierLabelmap()
    marked = _marked(brush, editor.segmentationNode(), np.asarray(list(points), dtype=float), effect, view, diameter_mm)
    vtk_to_numpy(brush.GetPointData().GetScalars())[marked] = 1
    brush.Modified()
    effect.saveStateForUndo()
    mode = _MODES[effect.name]
    if effect.name == "Erase" and effect.integerParameter("EraseAllSegments"):
        mode = "ModificationModeRemoveAll"
    logic.ModifySegmentByLabelmap(
        node.GetSegmentationNode(), editor.currentSegmentID(), brush, getattr(logic, mode), effect.perSegment, False
    )


def world(volume: slicer.vtkMRMLVolumeNode, i: float, j: float, k: float) -> tuple[float, float, float]:
    """Where the center of a voxel is in the world, (R, A, S) in mm."""
    matrix = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    transform = vtk.vtkGeneralTransform()
    slicer.vtkMRMLTransformNode.GetTransformBetweenNodes(volume.GetParentTransformNode(), None, transform)
    return tuple(transform.TransformPoint(matrix.MultiplyPoint((i, j, k, 1.0))[:3]))


def _marked(brush, segmentation, points, effect, view: str, diameter_mm: float | None) -> np.ndarray:
    """Which of the labelmap's voxels, in storage order, have their center under the brush."""
    to_world = _toWorld(brush, segmentation)
    first_i, last_i, first_j, last_j, first_k, last_k = brush.GetExtent()
    extent = np.arange(first_k, last_k + 1), np.arange(first_j, last_j + 1), np.arange(first_i, last_i + 1)
    k, j, i = np.meshgrid(*extent, indexing="ij")
    centers = np.stack([i.ravel(), j.ravel(), k.ravel()], axis=1) @ to_world[:3, :3].T + to_world[:3, 3]
    radius = (diameter_mm or _diameter(effect, view)) / 2
    widget = slicer.app.layoutManager().sliceWidget(view)
    normal = slicer.util.arrayFromVTKMatrix(widget.mrmlSliceNode().GetSliceToRAS())[:3, 2]
    spacing = slicer.vtkSlicerSegmentEditorLogic.GetSliceSpacing(widget.mrmlSliceNode(), widget.sliceLogic())
    marked = np.zeros(len(centers), dtype=bool)
    for point in np.atleast_2d(points):
        # The real brush is moved by whole voxels too.
        voxel = np.round(np.linalg.inv(to_world) @ [*point, 1.0])
        away = centers - (to_world @ voxel)[:3]
        if effect.integerParameter("BrushSphere"):
            marked |= np.linalg.norm(away, axis=1) <= radius
        else:
            along = away @ normal
            flat = np.linalg.norm(away - along[:, None] * normal, axis=1)
            marked |= (flat <= radius) & (np.abs(along) <= spacing / 2)
    return marked


def _toWorld(brush, segmentation) -> np.ndarray:
    matrix, parent = vtk.vtkMatrix4x4(), vtk.vtkMatrix4x4()
    brush.GetImageToWorldMatrix(matrix)
    slicer.vtkMRMLTransformNode.GetMatrixTransformBetweenNodes(segmentation.GetParentTransformNode(), None, parent)
    return slicer.util.arrayFromVTKMatrix(parent) @ slicer.util.arrayFromVTKMatrix(matrix)


def _diameter(effect, view: str) -> float:
    if effect.integerParameter("BrushDiameterIsRelative"):
        height = slicer.app.layoutManager().sliceWidget(view).mrmlSliceNode().GetFieldOfView()[1]
        return height * effect.doubleParameter("BrushRelativeDiameter") / 100
    return effect.doubleParameter("BrushAbsoluteDiameter")
