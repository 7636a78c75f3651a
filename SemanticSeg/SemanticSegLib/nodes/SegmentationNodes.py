"""Segmentation nodes: marks on the grid of a volume from any segmentation, and label arrays as segmentations."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import slicer
import vtk

from SemanticSegLib.nodes.Arrays import arrayFromImage, arrayFromMatrix, fillImage
from SemanticSegLib.nodes.Placement import placeBeside
from SemanticSegLib.nodes.VolumeNodes import requireShape, volumeGrid
from semseg_core.data.images import compact
from semseg_core.data.segmentation import values_of_segments
from semseg_core.data.segments import ID_TAG, PATH_TAG, TERMINOLOGY_TAG, Segment, segment_id, segment_tags
from semseg_core.errors import InputError, ShapeError
from semseg_core.geometry import Grid
from semseg_core.labels.encode import ids_to_values, values_to_ids
from semseg_core.labels.formats.color_table import flat_names
from semseg_core.labels.tree import Label, LabelTree
from semseg_core.sparse.placing import place
from semseg_core.sparse.scribbles import SparseLabels

LABEL_MAP = "Binary labelmap"
"""Slicer's name of the representation that voxels lie in."""

NO_COLOR = (0.5, 0.5, 0.5)
"""Slicer takes this color for none and replaces it by one of its own."""

GRAY = (128 / 255, 128 / 255, 128 / 255)
"""The same gray in 8 bits a channel, which Slicer keeps."""

COMPARED_AT_ONCE = 100_000_000
"""Above so many voxels times layers, segments are first put into common layers: that takes Slicer seconds, but less memory."""


class SegmentationMarks(NamedTuple):
    """Marks, and in sentences for the user what was assumed or lost on the way."""

    marks: SparseLabels
    notes: tuple[str, ...] = ()


def marksFromSegmentation(
    segmentationNode: slicer.vtkMRMLSegmentationNode, volumeNode: slicer.vtkMRMLVolumeNode, tree: LabelTree
) -> SegmentationMarks:
    """The segments' voxels as marks on the grid of a volume.

    Segments are matched to labels by their label id, else by path, name or terminology. Where segments overlap, a label inside
    the other wins; a voxel claimed by labels that exclude each other is unknown. Voxels are moved exactly where the segmentation
    lies on the volume's voxels, and to the nearest voxel where another transform, spacing or direction lies between them.

    Raises:
        InputError: If a segment with voxels fits no label, the segmentation has surfaces only, or the volume is empty or lies
            under a transform that is not linear.
    """
    what = f"segmentation '{segmentationNode.GetName()}'"
    grid = volumeGrid(volumeNode)
    segmentation = segmentationNode.GetSegmentation()
    if segmentation.GetNumberOfSegments() and not segmentation.ContainsRepresentation(LABEL_MAP):
        raise InputError(f"{what}: has surfaces but no voxels; create its binary labelmap in the module Segmentations")
    layers = layersOf(segmentation)
    drawn = sum(_voxelCount(layer) for layer in layers)
    if drawn * len(layers) > COMPARED_AT_ONCE:
        segmentation = _collapsed(segmentation)
        layers = layersOf(segmentation)
    moved = [_moved(layer, segmentationNode, volumeNode) for layer in layers]
    # Strokes are few: only the voxels that any layer marks are compared, however large the volume.
    places = [np.ravel_multi_index(voxels.indices.T, grid.shape) for voxels in moved]
    marked = np.sort(np.concatenate([np.zeros(0, dtype=np.int64), *places]), kind="stable")
    marked = marked[np.diff(marked, prepend=-1) > 0]  # np.unique would take seconds for a dense result
    frames = np.zeros((len(layers), len(marked)), dtype=np.int32)
    for frame, voxels, where in zip(frames, moved, places, strict=True):
        frame[np.searchsorted(marked, where)] = voxels.label_ids
    values, notes = values_of_segments(frames, segmentsOf(segmentation), tree, (), what)
    kept = sum(len(voxels) for voxels in moved)
    if kept != drawn:
        notes.append(f"{what}: of its {drawn} voxels {kept} lie on volume '{volumeNode.GetName()}' after moving them to its grid")
    indices = np.column_stack(np.unravel_index(marked[values > 0], grid.shape))
    return SegmentationMarks(SparseLabels(grid, indices, values_to_ids(values[values > 0], tree)), tuple(notes))


def addSegmentation(
    scene: slicer.vtkMRMLScene,
    name: str,
    labelIds: np.ndarray,
    volumeNode: slicer.vtkMRMLVolumeNode,
    tree: LabelTree,
    algorithmType: str = "AUTOMATIC",
) -> slicer.vtkMRMLSegmentationNode:
    """A new segmentation node of a label array, beside the volume it belongs to.

    Args:
        scene: Where to add it.
        name: What to call it; made unique.
        labelIds: Label ids, (D, H, W) integers, one per voxel of `volumeNode`; 0 where unknown, inner labels are welcome.
        volumeNode: The volume they were computed for, or drawn on.
        tree: Says what the ids mean.
        algorithmType: DICOM's word for who drew it: `AUTOMATIC`, `SEMIAUTOMATIC` or `MANUAL`.

    Raises:
        ShapeError: If there is not one id per voxel of `volumeNode`.
        LabelTreeError: If an id is not in the tree.
    """
    requireShape(labelIds, volumeNode, f"segmentation '{name}'")
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", scene.GenerateUniqueName(name))
    placeBeside(scene, node, volumeNode)
    writeSegmentation(node, labelIds, volumeNode, tree, algorithmType)
    node.CreateDefaultDisplayNodes()
    return node


def writeSegmentation(
    segmentationNode: slicer.vtkMRMLSegmentationNode,
    labelIds: np.ndarray,
    volumeNode: slicer.vtkMRMLVolumeNode,
    tree: LabelTree,
    algorithmType: str = "AUTOMATIC",
) -> None:
    """Replace the segments of a node by the labels of an array, and put the node under the transform of the volume.

    All segments share one layer, in the order of the tree. That makes this a matter of milliseconds, where importing segments
    one by one takes seconds for 148 labels.

    Raises:
        ShapeError: If there is not one id per voxel of `volumeNode`.
        LabelTreeError: If an id is not in the tree.
    """
    requireShape(labelIds, volumeNode, f"segmentation '{segmentationNode.GetName()}'")
    found = set(np.unique(labelIds).tolist())
    image = _referenceImage(volumeNode)
    fillImage(image, compact(ids_to_values(labelIds, tree)))
    # The transform comes first: the reference geometry, on which Slicer saves the voxels, is relative to it.
    segmentationNode.SetAndObserveTransformNodeID(volumeNode.GetTransformNodeID())
    segmentation = segmentationNode.GetSegmentation()
    segmentation.RemoveAllSegments()
    segmentation.SetSourceRepresentationName(LABEL_MAP)
    segmentationNode.SetReferenceImageGeometryParameterFromVolumeNode(volumeNode)
    names = flat_names(tree)
    for label in tree:
        if label.id in found:
            segment = _segment(label, names[label.id], segment_tags(tree, label, algorithmType))
            segment.AddRepresentation(LABEL_MAP, image)
            segmentation.AddSegment(segment, segment_id(label))


def _segment(label: Label, name: str, tags: dict[str, str]) -> slicer.vtkSegment:
    segment = slicer.vtkSegment()
    describeSegment(segment, label, name, tags)
    segment.SetLabelValue(label.value)
    return segment


def describeSegment(segment: slicer.vtkSegment, label: Label, name: str, tags: dict[str, str]) -> None:
    """Give a segment the name, color and tags of its label; where it has them already nothing is touched and nobody is told."""
    color = GRAY if tuple(label.color) == NO_COLOR else tuple(label.color)
    if segment.GetName() != name:
        segment.SetName(name)
        segment.SetNameAutoGenerated(False)
    if not np.allclose(segment.GetColor(), color):
        segment.SetColor(color)
        segment.SetColorAutoGenerated(False)
    for tag, text in tags.items():
        if segmentTag(segment, tag) != text:
            segment.SetTag(tag, text)


def segmentTag(segment: slicer.vtkSegment, tag: str) -> str | None:
    """The text of a segment's tag; None where it has none."""
    text = vtk.mutable("")
    return str(text) if segment.GetTag(tag, text) else None


def segmentsOf(segmentation: slicer.vtkSegmentation) -> list[Segment]:
    """The segments as the library describes them."""
    found = []
    for index in range(segmentation.GetNumberOfSegments()):
        segment = segmentation.GetNthSegment(index)
        layer = segmentation.GetLayerIndex(segmentation.GetNthSegmentID(index), LABEL_MAP)
        tags = {tag: segmentTag(segment, tag) for tag in (ID_TAG, PATH_TAG, TERMINOLOGY_TAG)}
        said = {tag: text for tag, text in tags.items() if text is not None}
        found.append(Segment(segment.GetName(), segment.GetLabelValue(), layer, said))
    return found


def layersOf(segmentation: slicer.vtkSegmentation) -> list[slicer.vtkOrientedImageData]:
    """The label maps the segments lie in; several where segments may overlap."""
    return [segmentation.GetLayerDataObject(layer, LABEL_MAP) for layer in range(segmentation.GetNumberOfLayers(LABEL_MAP))]


def _collapsed(segmentation: slicer.vtkSegmentation) -> slicer.vtkSegmentation:
    """A copy whose segments share layers wherever they do not overlap."""
    copied = slicer.vtkSegmentation()
    copied.DeepCopy(segmentation)
    copied.CollapseBinaryLabelmaps(False)
    return copied


def _referenceImage(volumeNode: slicer.vtkMRMLVolumeNode) -> slicer.vtkOrientedImageData:
    """An image with the volume's geometry and no voxels yet."""
    image = slicer.vtkOrientedImageData()
    image.SetDimensions(volumeNode.GetImageData().GetDimensions())
    toRas = vtk.vtkMatrix4x4()
    volumeNode.GetIJKToRASMatrix(toRas)
    image.SetImageToWorldMatrix(toRas)
    return image


def _moved(
    layer: slicer.vtkOrientedImageData, segmentationNode: slicer.vtkMRMLSegmentationNode, volumeNode: slicer.vtkMRMLVolumeNode
) -> SparseLabels:
    """The layer's values, in place of label ids, on the voxels of the volume, whose grid is taken without its transforms."""
    reference = _referenceImage(volumeNode)
    grid = imageGrid(reference)
    if layer.IsEmpty():
        return SparseLabels(grid, np.zeros((0, 3)), np.zeros(0))
    transform = vtk.vtkGeneralTransform()
    slicer.vtkMRMLTransformNode.GetTransformBetweenNodes(
        segmentationNode.GetParentTransformNode(), volumeNode.GetParentTransformNode(), transform
    )
    linear = vtk.vtkTransform()
    if slicer.vtkMRMLTransformNode.IsGeneralTransformLinear(transform, linear):
        own = imageGrid(layer)
        try:
            return place(_nonzero(layer, Grid(own.shape, arrayFromMatrix(linear.GetMatrix()) @ own.ijk_to_ras)), grid)[0]
        except ShapeError:  # not the same voxels
            pass
    resampled = slicer.vtkOrientedImageData()
    resample = slicer.vtkOrientedImageDataResample.ResampleOrientedImageToReferenceOrientedImage
    resample(layer, reference, resampled, False, False, transform)
    return _nonzero(resampled, grid)


def imageGrid(image: slicer.vtkOrientedImageData) -> Grid:
    """The grid of an image whose extent may start anywhere."""
    toRas = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(toRas)
    start = np.eye(4)
    start[:3, 3] = image.GetExtent()[::2]
    return Grid(image.GetDimensions()[::-1], arrayFromMatrix(toRas) @ start)


def _nonzero(image: slicer.vtkOrientedImageData, grid: Grid) -> SparseLabels:
    array = arrayFromImage(image)
    indices = np.argwhere(array)
    return SparseLabels(grid, indices, array[tuple(indices.T)])


def _voxelCount(layer: slicer.vtkOrientedImageData) -> int:
    return 0 if layer.IsEmpty() else int(np.count_nonzero(arrayFromImage(layer)))
