"""The demo's result as a 3D Slicer scene, made on Slicer's own MRML without the application."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import slicer

from SemanticSegLib.nodes.SceneFiles import saveScene
from SemanticSegLib.nodes.SegmentationNodes import addSegmentation
from SemanticSegLib.nodes.TreeNodes import addTree
from SemanticSegLib.nodes.VolumeNodes import addConfidenceVolume, addVolume
from semseg_core.data.volume import Volume
from semseg_core.geometry import Grid
from semseg_core.labels.tree import LabelTree
from semseg_core.sparse.scribbles import SparseLabels

VIEWS = {"Red": "Axial", "Green": "Coronal", "Yellow": "Sagittal"}
"""Slicer's slice views and what they show."""


def write_scene(
    path: Path, name: str, volume: Volume, tree: LabelTree, marks: SparseLabels, label_ids: np.ndarray, confidence: np.ndarray
) -> None:
    """Write a scene that opens with the image in all views, strokes and result over it, and the result in 3D.

    Args:
        path: Where to; ends in `.mrb`.
        name: What the image is called.
        volume: The image; each channel becomes a node.
        tree: Names and colors.
        marks: The scribbles, on the image's grid.
        label_ids: The result, (D, H, W); 0 where unknown.
        confidence: Its probabilities, (D, H, W).

    Raises:
        InputError: If the file cannot be written.
    """
    scene = slicer.vtkMRMLScene()
    application = slicer.vtkSlicerApplicationLogic()
    application.SetMRMLScene(scene)
    colors = application.GetColorLogic()
    colors.SetMRMLScene(scene)
    colors.AddDefaultColorNodes()
    segmentations = slicer.vtkSlicerSegmentationsModuleLogic()  # makes the scene know segmentation nodes
    segmentations.SetMRMLApplicationLogic(application)
    segmentations.SetMRMLScene(scene)
    names = [name] if len(volume.channels) == 1 else [f"{name} {channel}" for channel in volume.channels]
    nodes = [addVolume(scene, title, array, volume.grid) for title, array in zip(names, volume.array, strict=True)]
    drawn = np.zeros(volume.grid.shape, dtype=np.int32)
    drawn[tuple(marks.indices.T)] = marks.label_ids
    scribbles = addSegmentation(scene, "scribbles", drawn, nodes[0], tree, "MANUAL")
    scribbles.GetDisplayNode().SetOpacity2DFill(1.0)
    scribbles.GetDisplayNode().SetVisibility3D(False)
    result = addSegmentation(scene, "result", label_ids, nodes[0], tree)
    result.GetDisplayNode().SetOpacity2DFill(0.4)
    result.CreateClosedSurfaceRepresentation()
    confidence_node = addConfidenceVolume(scene, "confidence", confidence, nodes[0])
    addTree(scene, tree)
    _arrange(scene, nodes[0], confidence_node, volume.grid)
    saveScene(scene, path)


def _arrange(
    scene: slicer.vtkMRMLScene, volume: slicer.vtkMRMLVolumeNode, confidence: slicer.vtkMRMLVolumeNode, grid: Grid
) -> None:
    """Show the image in the three slice views, with the confidence over it, to be faded in."""
    slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(scene, True)
    corners = grid.corners_ras()
    middle, size = corners.mean(axis=0), 1.15 * float(np.ptp(corners, axis=0).max())
    for name, orientation in VIEWS.items():
        view = _add_singleton(scene, "vtkMRMLSliceNode", name)
        view.SetOrientation(orientation)
        view.SetFieldOfView(size, size, min(grid.spacing_mm))
        view.JumpSliceByCentering(*middle)
        layers = _add_singleton(scene, "vtkMRMLSliceCompositeNode", name)
        layers.SetBackgroundVolumeID(volume.GetID())
        layers.SetForegroundVolumeID(confidence.GetID())
        layers.SetForegroundOpacity(0.0)


def _add_singleton(scene: slicer.vtkMRMLScene, class_name: str, layout_name: str) -> slicer.vtkMRMLNode:
    """A node that, on opening the scene, takes the place of the application's own of this layout name."""
    node = scene.CreateNodeByClass(class_name)  # with the scene's orientation presets
    node.SetName(layout_name)
    node.SetLayoutName(layout_name)
    node.SetSingletonTag(layout_name)
    node.UnRegister(None)
    return scene.AddNode(node)
