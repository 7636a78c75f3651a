"""Results in the scene: a segmentation that can be decided again, because all that the model answered is kept beside it.

The answers lie in two hidden volumes which the segmentation refers to, and the tree they speak of in a text node; so all three
are saved with the scene. The tree is the model's and is frozen: later edits of the tree that is worked with must not change what
the model has said.
"""

from __future__ import annotations

import json

import numpy as np
import slicer
import vtk

from SemanticSegLib.nodes.Arrays import arrayFromImage, arrayFromMatrix, fillImage, matrixFromArray
from SemanticSegLib.nodes.DicomReadiness import UNCODED
from SemanticSegLib.nodes.Placement import placeBeside
from SemanticSegLib.nodes.SegmentationNodes import LABEL_MAP, describeSegment, segmentTag
from SemanticSegLib.nodes.TreeNodes import readTree, writeTree
from SemanticSegLib.nodes.VolumeNodes import parentMatrix, requireShape
from semseg_core.data.answer_paths import AnswerPaths, Answers
from semseg_core.data.images import compact
from semseg_core.data.segments import ID_TAG, TERMINOLOGY_TAG, segment_id, segment_tags
from semseg_core.errors import InputError
from semseg_core.geometry import Grid
from semseg_core.labels.formats.color_table import flat_names
from semseg_core.labels.formats.own_json import to_text
from semseg_core.labels.tree import LabelTree

MODEL_ATTRIBUTE = "SemanticSeg.Model"
"""Marks a segmentation as a result; its value is the name of the model."""

LEAVES, SHARES, TREE = "SemanticSeg.leaves", "SemanticSeg.shares", "SemanticSeg.tree"
"""Roles of the nodes a result refers to."""

PLACE_ATTRIBUTE = "SemanticSeg.IjkToRas"
"""Where the kept voxels lie, within the transform of the result: 16 numbers, row by row."""

ALGORITHM_TYPE = "AUTOMATIC"


def addResult(
    scene: slicer.vtkMRMLScene, paths: AnswerPaths, volumeNode: slicer.vtkMRMLVolumeNode, model: str, tree: LabelTree | None
) -> slicer.vtkMRMLSegmentationNode:
    """A new result of a volume, beside it and under its transform; it shows nothing before `showAnswers`.

    Args:
        scene: Where to add it.
        paths: What the model answered, a voxel for each of `volumeNode`.
        volumeNode: What it was applied to.
        model: Name of the model.
        tree: The tree that is worked with; the model's own is offered as a tree of the scene where it is another one.

    Raises:
        ShapeError: If there is not one answer per voxel of `volumeNode`.
    """
    name = f"{volumeNode.GetName()} result"
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", scene.GenerateUniqueName(name))
    placeBeside(scene, node, volumeNode)
    node.GetSegmentation().SetSourceRepresentationName(LABEL_MAP)
    node.CreateDefaultDisplayNodes()
    keepPaths(node, paths, volumeNode, model, tree)
    return node


def keepPaths(
    resultNode: slicer.vtkMRMLSegmentationNode,
    paths: AnswerPaths,
    volumeNode: slicer.vtkMRMLVolumeNode,
    model: str,
    tree: LabelTree | None,
) -> None:
    """Replace what a result keeps; see `addResult`."""
    requireShape(paths.leaves, volumeNode, f"result '{resultNode.GetName()}'")
    resultNode.SetAttribute(MODEL_ATTRIBUTE, model)
    # The transform comes first: the reference geometry, on which Slicer saves the voxels, is relative to it.
    resultNode.SetAndObserveTransformNodeID(volumeNode.GetTransformNodeID())
    resultNode.SetReferenceImageGeometryParameterFromVolumeNode(volumeNode)
    toRas = vtk.vtkMatrix4x4()
    volumeNode.GetIJKToRASMatrix(toRas)
    stacked = paths.shares.reshape(-1, *paths.grid.shape[1:])  # one volume above the other: their voxels stay together
    for role, array in ((LEAVES, paths.leaves), (SHARES, stacked)):
        kept = _kept(resultNode, role, "vtkMRMLScalarVolumeNode")
        image = vtk.vtkImageData()
        fillImage(image, array)
        kept.SetAndObserveImageData(image)
        # Slicer turns left-handed volumes round when it opens them again, so where the voxels lie is kept as text.
        kept.SetAttribute(PLACE_ATTRIBUTE, json.dumps(arrayFromMatrix(toRas).ravel().tolist()))
    treeNode = _kept(resultNode, TREE, "vtkMRMLTextNode")
    if paths.tree == tree:
        treeNode.SetText(to_text(paths.tree))
    else:
        writeTree(treeNode, paths.tree)
        treeNode.SetName(paths.tree.title or f"{model} labels")
        treeNode.SetHideFromEditors(False)


def resultPaths(resultNode: slicer.vtkMRMLSegmentationNode) -> AnswerPaths:
    """What a result keeps; its arrays are the scene's own memory, and stay valid as long as the nodes are not changed.

    Raises:
        InputError: If nothing is kept, because the node is no result or the kept nodes were deleted.
        LabelTreeError: If the kept tree cannot be read.
        SemSegError: If what is kept was altered.
    """
    leavesNode, sharesNode, treeNode = (resultNode.GetNodeReference(role) for role in (LEAVES, SHARES, TREE))
    if None in (leavesNode, sharesNode, treeNode) or leavesNode.GetImageData() is None or sharesNode.GetImageData() is None:
        raise InputError(f"segmentation '{resultNode.GetName()}': what the model answered is not in the scene; apply it again")
    leaves = arrayFromImage(leavesNode.GetImageData())
    shares = arrayFromImage(sharesNode.GetImageData())
    if len(shares) % len(leaves) or shares.shape[1:] != leaves.shape[1:]:
        raise InputError(f"segmentation '{resultNode.GetName()}': what the model answered was altered; apply it again")
    place = np.array(json.loads(leavesNode.GetAttribute(PLACE_ATTRIBUTE)), dtype=np.float64)
    grid = Grid(leaves.shape, place.reshape(4, 4))
    return AnswerPaths(readTree(treeNode), grid, leaves, shares.reshape(-1, *leaves.shape))


def isResult(node: slicer.vtkMRMLNode | None) -> bool:
    """Whether a node is a result of ours."""
    return node is not None and node.IsA("vtkMRMLSegmentationNode") and node.GetAttribute(MODEL_ATTRIBUTE) is not None


def keptNodes(resultNode: slicer.vtkMRMLSegmentationNode) -> tuple[slicer.vtkMRMLNode, ...]:
    """The nodes that hold what the model answered."""
    found = (resultNode.GetNodeReference(role) for role in (LEAVES, SHARES, TREE))
    return tuple(node for node in found if node is not None)


def showAnswers(resultNode: slicer.vtkMRMLSegmentationNode, paths: AnswerPaths, answers: Answers, look: LabelTree) -> None:
    """Make the segments of a result those of the answers, all in one layer; the segments that stay keep how they are shown.

    Args:
        resultNode: The result.
        paths: What it keeps.
        answers: Decided from `paths`.
        look: Gives names and colors; has all labels of the model.
    """
    segmentation = resultNode.GetSegmentation()
    names = flat_names(look)
    segments = segmentIds(resultNode)
    image = _layer(resultNode, paths.grid, _values(paths.tree, answers))
    for labelId, segmentId in segments.items():
        if labelId not in answers.voxels:
            # Taken out of the layer first: else Slicer would look for its voxels in there, to clear them.
            segmentation.GetSegment(segmentId).RemoveRepresentation(LABEL_MAP)
            segmentation.RemoveSegment(segmentId)
    place = 0
    for label in paths.tree:
        if label.id not in answers.voxels:
            continue
        if label.id not in segments:
            segment = slicer.vtkSegment()
            tags = {TERMINOLOGY_TAG: UNCODED, **segment_tags(paths.tree, label, ALGORITHM_TYPE)}
            describeSegment(segment, look[label.id], names[label.id], tags)
            segment.SetLabelValue(label.value)
            segment.AddRepresentation(LABEL_MAP, image)
            segmentation.AddSegment(segment, segment_id(label))
            segmentation.SetSegmentIndex(segment_id(label), place)
        place += 1


def segmentIds(resultNode: slicer.vtkMRMLSegmentationNode) -> dict[int, str]:
    """The segment of every label that a result shows, by label id."""
    segmentation = resultNode.GetSegmentation()
    found = {}
    for index in range(segmentation.GetNumberOfSegments()):
        text = segmentTag(segmentation.GetNthSegment(index), ID_TAG) or ""
        if text.isdigit():
            found[int(text)] = segmentation.GetNthSegmentID(index)
    return found


def describeResult(resultNode: slicer.vtkMRMLSegmentationNode, look: LabelTree) -> None:
    """Give the segments of a result the names and colors of another tree, where it has their labels."""
    names = flat_names(look)
    for labelId, segmentId in segmentIds(resultNode).items():
        if labelId in look:
            describeSegment(resultNode.GetSegmentation().GetSegment(segmentId), look[labelId], names[labelId], {})


def worldGrid(resultNode: slicer.vtkMRMLSegmentationNode, paths: AnswerPaths) -> Grid:
    """Where the voxels of a result lie in the world.

    Raises:
        InputError: If it lies under a transform that is not linear.
    """
    return Grid(paths.grid.shape, parentMatrix(resultNode) @ paths.grid.ijk_to_ras)


def voxelAt(resultNode: slicer.vtkMRMLSegmentationNode, paths: AnswerPaths, point: tuple[float, float, float]) -> tuple[int, ...]:
    """The voxel `(k, j, i)` at a point of the world, RAS millimeters; empty outside the image."""
    toLocal = vtk.vtkGeneralTransform()
    slicer.vtkMRMLTransformNode.GetTransformBetweenNodes(None, resultNode.GetParentTransformNode(), toLocal)
    index = np.rint(paths.grid.ras_to_index(np.array([toLocal.TransformPoint(point)])))[0].astype(int)
    return tuple(index.tolist()) if (index >= 0).all() and (index < paths.grid.shape).all() else ()


def _values(tree: LabelTree, answers: Answers) -> np.ndarray:
    """Label values in place of ids."""
    if all(tree[labelId].value == labelId for labelId in answers.voxels):
        return answers.label_ids
    table = np.zeros(max(answers.voxels, default=0) + 1, dtype=np.int32)
    for labelId in answers.voxels:
        table[labelId] = tree[labelId].value
    return compact(table).take(answers.label_ids)


def _layer(resultNode: slicer.vtkMRMLSegmentationNode, grid: Grid, values: np.ndarray) -> slicer.vtkOrientedImageData:
    """The image that all segments share, filled with values; those who show it are told once."""
    segmentation = resultNode.GetSegmentation()
    image = segmentation.GetLayerDataObject(0, LABEL_MAP) if segmentation.GetNumberOfLayers(LABEL_MAP) == 1 else None
    if image is None:
        segmentation.RemoveAllSegments()
        image = slicer.vtkOrientedImageData()
    image.SetImageToWorldMatrix(matrixFromArray(grid.ijk_to_ras))
    fillImage(image, values)
    image.Modified()
    return image


def _kept(resultNode: slicer.vtkMRMLSegmentationNode, role: str, className: str) -> slicer.vtkMRMLNode:
    """The node of a role, made where it is missing; hidden from the lists that people choose from."""
    node = resultNode.GetNodeReference(role)
    if node is None:
        scene = resultNode.GetScene()
        node = scene.AddNewNodeByClass(className, scene.GenerateUniqueName(f"{resultNode.GetName()} {role.partition('.')[2]}"))
        resultNode.SetNodeReferenceID(role, node.GetID())
    node.SetHideFromEditors(True)
    return node
