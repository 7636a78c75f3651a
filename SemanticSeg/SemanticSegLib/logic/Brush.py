"""The brush of Slicer's segment editor, set from the panel's choices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import slicer

if TYPE_CHECKING:
    from SemanticSegLib.logic.ParameterNode import SemanticSegParameterNode

EDITOR_TAG = "SemanticSeg"
"""Our segment editor node's singleton tag: choices here leave those of the module Segment Editor alone."""

DIAMETER = "BrushAbsoluteDiameter"
SMALLEST_MM, LARGEST_MM = 0.5, 50.0


def editorNode(scene: slicer.vtkMRMLScene) -> slicer.vtkMRMLSegmentEditorNode:
    """The node that tells Slicer's segment editor what to draw with, made where missing."""
    node = scene.GetSingletonNode(EDITOR_TAG, "vtkMRMLSegmentEditorNode")
    if node is None:
        node = scene.CreateNodeByClass("vtkMRMLSegmentEditorNode")
        node.UnRegister(None)
        node.SetSingletonTag(EDITOR_TAG)
        node = scene.AddNode(node)
    return node


def setBrush(node: slicer.vtkMRMLSegmentEditorNode, parameters: SemanticSegParameterNode) -> None:
    """Draw with the chosen brush, one label per voxel, only within the chosen intensities.

    Erasing makes a voxel unknown again whichever label it had.
    """
    modified = node.StartModify()
    node.SetOverwriteMode(slicer.vtkMRMLSegmentEditorNode.OverwriteAllSegments)
    node.SetMaskMode(slicer.vtkMRMLSegmentationNode.EditAllowedEverywhere)
    node.SetAttribute("BrushDiameterIsRelative", "0")
    node.SetAttribute(DIAMETER, f"{parameters.brushDiameterMm + _rasterMm(parameters.volume):g}")
    node.SetAttribute("BrushSphere", str(int(parameters.brushSphere)))
    node.SetAttribute("Erase.EraseAllSegments", "1")
    node.SetSourceVolumeIntensityMaskRange(parameters.intensityRange.minimum, parameters.intensityRange.maximum)
    node.SetSourceVolumeIntensityMask(parameters.limitIntensity)
    node.EndModify(modified)


def diameterMm(node: slicer.vtkMRMLSegmentEditorNode, parameters: SemanticSegParameterNode) -> float:
    """The diameter that `setBrush` has set, or that the user has turned since with Shift and the mouse wheel."""
    diameter = float(node.GetAttribute(DIAMETER) or 0.0) - _rasterMm(parameters.volume)
    return min(max(round(diameter, 1), SMALLEST_MM), LARGEST_MM)


def _rasterMm(volume: slicer.vtkMRMLVolumeNode | None) -> float:
    """What a brush must be wider so that its disk of voxels is as wide as asked: half a voxel.

    A disk of exactly three voxels' width covers the centers of one.
    """
    return 0.0 if volume is None else 0.5 * float(np.median(volume.GetSpacing()))
