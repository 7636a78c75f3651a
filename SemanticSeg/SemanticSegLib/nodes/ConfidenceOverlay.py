"""The confidence map over the image in the slice views."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import slicer

from SemanticSegLib.nodes.Arrays import fillImage, matrixFromArray
from SemanticSegLib.nodes.VolumeNodes import addConfidenceVolume
from semseg_core.geometry import Grid

OPACITY = 0.5

LEAST_SHOWN = 1 / 400
"""Below it nothing was asked, as in air; the map is transparent there."""


def writeConfidence(
    confidenceNode: slicer.vtkMRMLScalarVolumeNode | None,
    scene: slicer.vtkMRMLScene,
    confidence: np.ndarray,
    grid: Grid,
    volumeNode: slicer.vtkMRMLVolumeNode,
) -> slicer.vtkMRMLScalarVolumeNode:
    """A confidence map beside a volume: the node given if it has as many voxels, else a new one.

    Args:
        confidenceNode: The latest map, if there is one.
        scene: Where to add a new one.
        confidence: Probabilities, (D, H, W) within 0…1.
        grid: Where they lie, within the transform of the volume.
        volumeNode: What they were computed for.

    Raises:
        ShapeError: If there is not one probability per voxel of `volumeNode`.
    """
    image = None if confidenceNode is None else confidenceNode.GetImageData()
    if image is None or image.GetDimensions()[::-1] != confidence.shape:
        confidenceNode = addConfidenceVolume(scene, f"{volumeNode.GetName()} confidence", confidence, volumeNode)
        display = confidenceNode.GetScalarVolumeDisplayNode()
        display.SetThreshold(LEAST_SHOWN, 1.0)
        display.SetApplyThreshold(True)
    else:
        fillImage(image, confidence)
        image.Modified()
    confidenceNode.SetAndObserveTransformNodeID(volumeNode.GetTransformNodeID())
    confidenceNode.SetIJKToRASMatrix(matrixFromArray(grid.ijk_to_ras))
    return confidenceNode


def showOverlay(scene: slicer.vtkMRMLScene, confidenceNode: slicer.vtkMRMLScalarVolumeNode) -> None:
    """Lay the map over the image in all slice views."""
    for view in _sliceViews(scene):
        view.SetForegroundVolumeID(confidenceNode.GetID())
        view.SetForegroundOpacity(OPACITY)


def hideOverlay(scene: slicer.vtkMRMLScene, confidenceNode: slicer.vtkMRMLScalarVolumeNode) -> None:
    """Take the map out of the slice views that show it."""
    for view in _sliceViews(scene):
        if view.GetForegroundVolumeID() == confidenceNode.GetID():
            view.SetForegroundVolumeID(None)
            view.SetForegroundOpacity(0.0)


def _sliceViews(scene: slicer.vtkMRMLScene) -> Iterator[slicer.vtkMRMLSliceCompositeNode]:
    found = scene.GetNodesByClass("vtkMRMLSliceCompositeNode")
    return (found.GetItemAsObject(index) for index in range(found.GetNumberOfItems()))
