"""Surfaces of chosen labels as models in a folder of the subject hierarchy, one label a step.

A segmentation could hold surfaces itself, but Slicer then makes them for all segments at once, which takes half a minute for 148
labels, and makes them anew with every move of the slider. Models are made for the labels one wants to see, and keep.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import slicer
import vtk

from SemanticSegLib.nodes.Arrays import fillImage, matrixFromArray
from SemanticSegLib.nodes.Placement import hierarchyItem
from SemanticSegLib.nodes.Regions import bounds
from semseg_core.geometry import Grid
from semseg_core.labels.formats.color_table import flat_names
from semseg_core.labels.tree import LabelTree

SURFACE = "SemanticSeg.surface"
"""Role by which a result refers to its surfaces; each carries the id of its label."""

LABEL_ATTRIBUTE = "SemanticSeg.LabelId"

MOST_VOXELS = 1 << 18
"""Above so many voxels in its box a label is sampled more coarsely: the surface of a ragged one takes a tenth of a second."""

SMOOTHING_STEPS, PASS_BAND = 12, 0.05


def makeSurfaces(
    resultNode: slicer.vtkMRMLSegmentationNode, labelIds: np.ndarray, grid: Grid, tree: LabelTree, chosen: Iterable[int]
) -> Iterator[None]:
    """Make the surfaces of labels, one a step; those made before for the same result are replaced.

    Args:
        resultNode: The result; surfaces lie under its transform.
        labelIds: What it shows, (D, H, W).
        grid: Where these lie, without the transform.
        tree: The tree of the ids, for names and colors.
        chosen: Ids of the labels; the surface of an inner label goes around all that lies below it.
    """
    removeSurfaces(resultNode)
    names = flat_names(tree)
    for labelId in chosen:
        covered = np.zeros(int(max(label.id for label in tree)) + 1, dtype=np.uint8)
        covered[[label.id for label in tree.subtree(labelId)]] = 1
        mask = np.empty(labelIds.shape, dtype=np.uint8)
        for row, ids in zip(mask, labelIds, strict=True):  # slice by slice, which stays in the processor's cache
            row[...] = covered[ids]
        surface = _surface(mask, grid)
        if surface is not None:
            _addModel(resultNode, names[labelId], tree[labelId].color, labelId, surface)
        yield


def surfacesOf(resultNode: slicer.vtkMRMLSegmentationNode) -> tuple[slicer.vtkMRMLModelNode, ...]:
    """The models made for a result that are still in the scene."""
    count = resultNode.GetNumberOfNodeReferences(SURFACE)
    found = (resultNode.GetNthNodeReference(SURFACE, index) for index in range(count))
    return tuple(node for node in found if node is not None)


def removeSurfaces(resultNode: slicer.vtkMRMLSegmentationNode) -> None:
    """Remove the models made for a result, and their folder."""
    scene = resultNode.GetScene()
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    items = {model: hierarchyItem(hierarchy, model) for model in surfacesOf(resultNode)}
    folders = {hierarchy.GetItemParent(item) for item in items.values()}
    resultNode.RemoveNodeReferenceIDs(SURFACE)
    for model, item in items.items():
        hierarchy.RemoveItem(item, False, False)  # the application does that by itself, plain MRML does not
        scene.RemoveNode(model)
    for folder in folders:
        if hierarchy.GetItemLevel(folder) == "Folder" and hierarchy.GetNumberOfItemChildren(folder) == 0:
            hierarchy.RemoveItem(folder)


def _surface(mask: np.ndarray, grid: Grid) -> vtk.vtkPolyData | None:
    """A smoothed surface around the nonzero voxels, RAS millimeters; None where there are none."""
    box = bounds(mask)
    if box is None:
        return None
    part = mask[box]
    step = int(np.ceil((part.size / MOST_VOXELS) ** (1 / 3)))
    part = np.pad(part[::step, ::step, ::step], 1)  # closed at the border of the image, too
    image = vtk.vtkImageData()
    fillImage(image, part)
    edges = vtk.vtkDiscreteFlyingEdges3D()
    edges.SetInputData(image)
    edges.SetValue(0, 1)
    edges.ComputeNormalsOff()
    smooth = vtk.vtkWindowedSincPolyDataFilter()
    smooth.SetInputConnection(edges.GetOutputPort())
    smooth.SetNumberOfIterations(SMOOTHING_STEPS)
    smooth.SetPassBand(PASS_BAND)
    smooth.NonManifoldSmoothingOn()
    smooth.NormalizeCoordinatesOn()
    place = np.diag((step, step, step, 1.0))
    place[:3, 3] = [along.start - step for along in reversed(box)]
    matrix = grid.ijk_to_ras @ place
    move = vtk.vtkTransform()
    move.SetMatrix(matrixFromArray(matrix))
    moved = vtk.vtkTransformPolyDataFilter()
    moved.SetTransform(move)
    moved.SetInputConnection(smooth.GetOutputPort())
    normals = vtk.vtkPolyDataNormals()
    normals.SetInputConnection(moved.GetOutputPort())
    normals.SplittingOff()
    normals.SetFlipNormals(bool(np.linalg.det(matrix[:3, :3]) < 0))
    normals.Update()
    return normals.GetOutput()


def _addModel(
    resultNode: slicer.vtkMRMLSegmentationNode, name: str, color: tuple[float, ...], labelId: int, surface: vtk.vtkPolyData
) -> None:
    scene = resultNode.GetScene()
    model = scene.AddNewNodeByClass("vtkMRMLModelNode", name)
    model.SetAttribute(LABEL_ATTRIBUTE, str(labelId))
    model.SetAndObservePolyData(surface)
    model.CreateDefaultDisplayNodes()
    model.GetDisplayNode().SetColor(*color)
    model.SetAndObserveTransformNodeID(resultNode.GetTransformNodeID())
    resultNode.AddNodeReferenceID(SURFACE, model.GetID())
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    item = hierarchyItem(hierarchy, model)
    others = [node for node in surfacesOf(resultNode) if node is not model]
    if others:
        folder = hierarchy.GetItemParent(hierarchyItem(hierarchy, others[0]))
    else:
        beside = hierarchy.GetItemParent(hierarchyItem(hierarchy, resultNode))
        folder = hierarchy.CreateFolderItem(beside, f"{resultNode.GetName()} 3D")
    hierarchy.SetItemParent(item, folder)
