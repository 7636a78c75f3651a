"""Scribble nodes: segmentations in which a voxel has one label or is unknown, read and drawn on voxel by voxel.

Slicer keeps such segments in one shared layer, cropped to what is drawn. Here it is read and written as an array, since going
through Slicer's own import takes a tenth of a second for every segment.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import slicer
import vtk

from SemanticSegLib.nodes.Arrays import arrayFromImage, arrayFromMatrix, fillImage, matrixFromArray
from SemanticSegLib.nodes.Placement import placeBeside
from SemanticSegLib.nodes.SegmentationNodes import LABEL_MAP, describeSegment, layersOf, segmentsOf, segmentTag
from semseg_core.data.images import compact
from semseg_core.data.segments import ID_TAG, TERMINOLOGY_TAG, UNSAID, match_segments, segment_id, segment_tags
from semseg_core.labels.formats.color_table import flat_names
from semseg_core.labels.tree import Label, LabelTree
from semseg_core.sparse.scribbles import SparseLabels

SCRIBBLES_ATTRIBUTE = "SemanticSeg.Scribbles"
"""Marks a segmentation node as one that is scribbled in."""

DRAWN_BY_HAND = "MANUAL"


class Drawn(NamedTuple):
    """Marked voxels of a segmentation.

    Args:
        voxels: Where, `(k, j, i)` on the lattice of the segmentation's own label maps, (N, 3) int64; may be negative.
        labelIds: The label each one is marked with, (N,) int32; 0 stands for unknown.
    """

    voxels: np.ndarray
    labelIds: np.ndarray


def addScribbles(scene: slicer.vtkMRMLScene, volumeNode: slicer.vtkMRMLVolumeNode) -> slicer.vtkMRMLSegmentationNode:
    """A new, empty scribble node on the voxels of a volume, under its transform and beside it in the subject hierarchy."""
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", scene.GenerateUniqueName(f"{volumeNode.GetName()} scribbles"))
    node.SetAttribute(SCRIBBLES_ATTRIBUTE, "1")
    placeBeside(scene, node, volumeNode)
    node.GetSegmentation().SetSourceRepresentationName(LABEL_MAP)
    node.SetReferenceImageGeometryParameterFromVolumeNode(volumeNode)
    node.CreateDefaultDisplayNodes()
    return node


def scribblesOf(scene: slicer.vtkMRMLScene, volumeNode: slicer.vtkMRMLVolumeNode) -> slicer.vtkMRMLSegmentationNode | None:
    """The scribble node of a volume, None where there is none yet."""
    found = scene.GetNodesByClass("vtkMRMLSegmentationNode")
    nodes = (found.GetItemAsObject(index) for index in range(found.GetNumberOfItems()))
    return next((n for n in nodes if n.GetAttribute(SCRIBBLES_ATTRIBUTE) and referenceVolume(n) is volumeNode), None)


def referenceVolume(segmentationNode: slicer.vtkMRMLSegmentationNode) -> slicer.vtkMRMLVolumeNode | None:
    """The volume whose voxels a segmentation is drawn on."""
    return segmentationNode.GetNodeReference(slicer.vtkMRMLSegmentationNode.GetReferenceImageGeometryReferenceRole())


def setReferenceVolume(segmentationNode: slicer.vtkMRMLSegmentationNode, volumeNode: slicer.vtkMRMLVolumeNode) -> None:
    """Say on which volume a segmentation is drawn, without changing its voxels."""
    role = slicer.vtkMRMLSegmentationNode.GetReferenceImageGeometryReferenceRole()
    segmentationNode.SetNodeReferenceID(role, volumeNode.GetID())


def segmentLabels(segmentationNode: slicer.vtkMRMLSegmentationNode) -> dict[str, int]:
    """Label id by segment id, for the segments that carry a label's id."""
    segmentation = segmentationNode.GetSegmentation()
    labels = {}
    for index in range(segmentation.GetNumberOfSegments()):
        text = segmentTag(segmentation.GetNthSegment(index), ID_TAG) or ""
        if text.isdigit():
            labels[segmentation.GetNthSegmentID(index)] = int(text)
    return labels


def describeSegments(segmentationNode: slicer.vtkMRMLSegmentationNode, tree: LabelTree) -> tuple[str, ...]:
    """Give segments the names, colors, codes and tags of the labels they mean.

    A segment is known by the id of its label; one without an id, or with an id that the tree has not, by path, name or codes.

    Returns:
        Names of the segments that fit no label, which are left as they are.
    """
    segmentation = segmentationNode.GetSegmentation()
    # A voxel count of 0 says that a segment which fits nothing is no error.
    found, _ = match_segments([replace(segment, voxel_count=0) for segment in segmentsOf(segmentation)], tree)
    names = flat_names(tree)
    strangers = []
    for index, label in enumerate(found):
        segment = segmentation.GetNthSegment(index)
        if label is None:
            strangers.append(segment.GetName())
            continue
        _describe(segment, tree, label, names[label.id])
    return tuple(strangers)


def addSegment(segmentationNode: slicer.vtkMRMLSegmentationNode, tree: LabelTree, labelId: int) -> str:
    """A new, empty segment of a label; gives its id."""
    segmentation = segmentationNode.GetSegmentation()
    label = tree[labelId]
    segmentId = segmentation.AddEmptySegment(segment_id(label))
    _describe(segmentation.GetSegment(segmentId), tree, label, flat_names(tree)[labelId])
    return segmentId


def drawn(segmentationNode: slicer.vtkMRMLSegmentationNode) -> Drawn:
    """All voxels that are marked with labels; where segments overlap, a voxel appears once for each layer."""
    parts = [Drawn(np.zeros((0, 3), dtype=np.int64), np.zeros(0, dtype=np.int32))]
    for image, labels in _layers(segmentationNode):
        array = arrayFromImage(image)
        places = np.flatnonzero(array.ravel() != 0)
        labelIds = labels[array.ravel()[places]]
        known = labelIds > 0
        voxels = np.column_stack(np.unravel_index(places[known], array.shape)) + _start(image)
        parts.append(Drawn(voxels, labelIds[known]))
    return Drawn(np.concatenate([part.voxels for part in parts]), np.concatenate([part.labelIds for part in parts]))


def draw(segmentationNode: slicer.vtkMRMLSegmentationNode, marks: Drawn, segmentIds: dict[int, str]) -> None:
    """Give voxels other labels, or none where the label is 0; each voxel is then in no other segment.

    Args:
        segmentationNode: The segmentation.
        marks: What to draw; each voxel once.
        segmentIds: The segment of each label id that occurs, made before.
    """
    if not len(marks.labelIds):
        return
    segmentation = segmentationNode.GetSegmentation()
    for image in layersOf(segmentation):
        _assign(image, marks.voxels, np.zeros(1, dtype=np.int64))
    for image in layersOf(segmentation):
        here = {
            labelId: segmentation.GetSegment(segmentId).GetLabelValue()
            for labelId, segmentId in segmentIds.items()
            if segmentation.GetSegment(segmentId).GetRepresentation(LABEL_MAP) is image
        }
        chosen = np.isin(marks.labelIds, list(here))
        if chosen.any():
            ids, inverse = np.unique(marks.labelIds[chosen], return_inverse=True)
            _grow(image, segmentationNode, marks.voxels[chosen])
            _assign(image, marks.voxels[chosen], np.array([here[labelId] for labelId in ids.tolist()])[inverse])
        image.Modified()


def onLatticeOf(segmentationNode: slicer.vtkMRMLSegmentationNode, marks: SparseLabels) -> Drawn:
    """Marks on a grid in the world as voxels of a segmentation's lattice, the nearest ones; each voxel once."""
    toParent = vtk.vtkMatrix4x4()
    slicer.vtkMRMLTransformNode.GetMatrixTransformBetweenNodes(None, segmentationNode.GetParentTransformNode(), toParent)
    worldToIjk = np.linalg.inv(_latticeMatrix(segmentationNode)) @ arrayFromMatrix(toParent)
    points = marks.grid.index_to_ras(marks.indices)
    voxels = np.rint(points @ worldToIjk[:3, :3].T + worldToIjk[:3, 3]).astype(np.int64)[:, ::-1]
    _, first = np.unique(voxels, axis=0, return_index=True)
    return Drawn(voxels[first], marks.label_ids[first])


def isPainted(segmentationNode: slicer.vtkMRMLSegmentationNode, segmentId: str) -> bool:
    """Whether a segment has any voxel."""
    segment = segmentationNode.GetSegmentation().GetSegment(segmentId)
    image = segment.GetRepresentation(LABEL_MAP)
    return image is not None and not image.IsEmpty() and bool((arrayFromImage(image) == segment.GetLabelValue()).any())


def valuesAt(marks: Drawn, voxels: np.ndarray) -> np.ndarray:
    """The label marked at each of some voxels, (N, 3); 0 where none is; (N,) int32."""
    values = np.zeros(len(voxels), dtype=np.int32)
    if len(voxels) and len(marks.labelIds):
        low = np.minimum(marks.voxels.min(axis=0), voxels.min(axis=0))
        shape = np.maximum(marks.voxels.max(axis=0), voxels.max(axis=0)) - low + 1
        known, asked = (np.ravel_multi_index((some - low).T, shape) for some in (marks.voxels, voxels))
        order = np.argsort(known, kind="stable")
        nearest = order[np.minimum(np.searchsorted(known, asked, sorter=order), len(known) - 1)]
        values = np.where(known[nearest] == asked, marks.labelIds[nearest], values)
    return values


def labelAt(segmentationNode: slicer.vtkMRMLSegmentationNode, point: tuple[float, float, float]) -> int:
    """The label at a point of the world, RAS millimeters; 0 where nothing is drawn."""
    inverse = vtk.vtkGeneralTransform()
    slicer.vtkMRMLTransformNode.GetTransformBetweenNodes(None, segmentationNode.GetParentTransformNode(), inverse)
    local = inverse.TransformPoint(point)
    for image, labels in _layers(segmentationNode):
        toIjk = vtk.vtkMatrix4x4()
        image.GetWorldToImageMatrix(toIjk)
        voxel = np.rint(toIjk.MultiplyPoint((*local, 1.0))[2::-1]).astype(int) - _start(image)
        array = arrayFromImage(image)
        if (voxel >= 0).all() and (voxel < array.shape).all() and labels[array[tuple(voxel)]]:
            return int(labels[array[tuple(voxel)]])
    return 0


def _describe(segment: slicer.vtkSegment, tree: LabelTree, label: Label, name: str) -> None:
    describeSegment(segment, label, name, segment_tags(tree, label, DRAWN_BY_HAND))
    if label.terminology is None and "^".join(UNSAID) not in (segmentTag(segment, TERMINOLOGY_TAG) or "^".join(UNSAID)):
        segment.RemoveTag(TERMINOLOGY_TAG)  # of an earlier meaning; Slicer puts the one that says nothing back by itself


def _layers(segmentationNode: slicer.vtkMRMLSegmentationNode) -> list[tuple[slicer.vtkOrientedImageData, np.ndarray]]:
    """Each layer that holds voxels, and the label id of each of its values; 0 for a segment without a label."""
    segmentation = segmentationNode.GetSegmentation()
    labels = segmentLabels(segmentationNode)
    found = []
    for image in layersOf(segmentation):
        if not image.IsEmpty():
            table = np.zeros(int(arrayFromImage(image).max()) + 1, dtype=np.int32)
            for segmentId, labelId in labels.items():
                segment = segmentation.GetSegment(segmentId)
                if segment.GetRepresentation(LABEL_MAP) is image and segment.GetLabelValue() < len(table):
                    table[segment.GetLabelValue()] = labelId
            found.append((image, table))
    return found


def _start(image: slicer.vtkOrientedImageData) -> np.ndarray:
    """First voxel of the image, `(k, j, i)`."""
    return np.array(image.GetExtent()[4::-2])


def _assign(image: slicer.vtkOrientedImageData, voxels: np.ndarray, values: np.ndarray) -> None:
    """Give values to those voxels that lie within the image."""
    if image.IsEmpty():
        return
    array = arrayFromImage(image)
    places = voxels - _start(image)
    inside = ((places >= 0) & (places < array.shape)).all(axis=1)
    array[tuple(places[inside].T)] = values if len(values) == 1 else values[inside]


def _grow(image: slicer.vtkOrientedImageData, segmentationNode: slicer.vtkMRMLSegmentationNode, voxels: np.ndarray) -> None:
    """Extend the image so that it covers the voxels and can hold every label value."""
    low, high = voxels.min(axis=0), voxels.max(axis=0)
    if image.IsEmpty():
        image.SetImageToWorldMatrix(matrixFromArray(_latticeMatrix(segmentationNode)))
        array = np.zeros((0, 0, 0), dtype=np.uint8)
        start = low
    else:
        array, start = arrayFromImage(image), _start(image)
        low, high = np.minimum(low, start), np.maximum(high, start + array.shape - 1)
    highest = max(segment.value for segment in segmentsOf(segmentationNode.GetSegmentation()))
    kind = np.promote_types(array.dtype, compact(np.array([highest])).dtype)
    grown = np.zeros(high - low + 1, dtype=kind)
    if array.size:
        grown[tuple(slice(s, s + n) for s, n in zip(start - low, array.shape, strict=True))] = array
    fillImage(image, grown)
    image.SetExtent(*(bound for axis in (2, 1, 0) for bound in (int(low[axis]), int(high[axis]))))


def _latticeMatrix(segmentationNode: slicer.vtkMRMLSegmentationNode) -> np.ndarray:
    """IJK to the segmentation's own RAS, (4, 4): of what is drawn already, else of the volume it is drawn on."""
    segmentation = segmentationNode.GetSegmentation()
    geometry = next((image for image in layersOf(segmentation) if not image.IsEmpty()), None)
    if geometry is None:
        geometry = slicer.vtkOrientedImageData()
        name = slicer.vtkSegmentationConverter.GetReferenceImageGeometryParameterName()
        slicer.vtkSegmentationConverter.DeserializeImageGeometry(segmentation.GetConversionParameter(name), geometry, False)
    toWorld = vtk.vtkMatrix4x4()
    geometry.GetImageToWorldMatrix(toWorld)
    return arrayFromMatrix(toWorld)
