"""The voxels of scribbles, read and drawn as arrays.

Slicer keeps segments that do not overlap in one shared layer, cropped to what is drawn. Here it is read and written as it lies,
since going through Slicer's own import takes a tenth of a second for every segment.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import numpy as np
import slicer
import vtk

from SemanticSegLib.nodes.Arrays import arrayFromImage, arrayFromMatrix, fillImage, matrixFromArray
from SemanticSegLib.nodes.ScribbleNodes import segmentLabels
from SemanticSegLib.nodes.SegmentationNodes import LABEL_MAP, layersOf, segmentsOf
from semseg_core.data.images import compact
from semseg_core.geometry import Grid
from semseg_core.sparse.scribbles import SparseLabels

SAME_VOXEL = 1e-4
"""Part of a voxel by which two lattices may drift apart over one voxel and still be the same."""


class Drawn(NamedTuple):
    """Marked voxels of a segmentation.

    Args:
        voxels: Where, `(k, j, i)` on the lattice of the segmentation's own label maps, (N, 3) int64; may be negative.
        labelIds: The label each one is marked with, (N,) int32; 0 stands for unknown.
    """

    voxels: np.ndarray
    labelIds: np.ndarray


def voxelCounts(segmentationNode: slicer.vtkMRMLSegmentationNode) -> dict[int, int]:
    """Marked voxels by label id, of labels that have any."""
    counts: dict[int, int] = {}
    for image, labels in labeledLayers(segmentationNode):
        found = np.zeros(len(labels), dtype=np.int64)
        for row in arrayFromImage(image):  # slice by slice, which stays in the processor's cache
            if row.any():
                found += np.bincount(row[row != 0], minlength=len(labels))  # strokes are few: faster than counting zeros too
        for value in np.flatnonzero(found * (labels > 0)).tolist():
            counts[int(labels[value])] = counts.get(int(labels[value]), 0) + int(found[value])
    return counts


def drawn(segmentationNode: slicer.vtkMRMLSegmentationNode, chosen: Collection[int] | None = None, step: int = 1) -> Drawn:
    """Voxels that are marked with labels; where segments overlap, a voxel appears once for each layer.

    Args:
        segmentationNode: The segmentation.
        chosen: Ids of the labels that are meant; None for all.
        step: Only every so many voxels are looked at.
    """
    parts = [Drawn(np.zeros((0, 3), dtype=np.int64), np.zeros(0, dtype=np.int32))]
    for image, labels in labeledLayers(segmentationNode):
        array = arrayFromImage(image)
        looked = array.ravel()[::step]
        meant = (labels > 0) if chosen is None else np.isin(labels, list(chosen)) & (labels > 0)
        if not meant.any():
            continue
        places = np.flatnonzero(looked == np.flatnonzero(meant)[0] if meant.sum() == 1 else looked)
        values = looked[places]
        kept = meant[values]
        voxels = np.column_stack(np.unravel_index(places[kept] * step, array.shape)) + startOf(image)
        parts.append(Drawn(voxels, labels[values[kept]]))
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
        values = np.zeros(int(marks.labelIds.max()) + 1, dtype=np.int32)
        for labelId, segmentId in segmentIds.items():
            segment = segmentation.GetSegment(segmentId)
            if segment.GetRepresentation(LABEL_MAP) is image:
                values[labelId] = segment.GetLabelValue()
        chosen = values[marks.labelIds]
        here = chosen > 0
        if here.any():
            extend(image, segmentationNode, marks.voxels[here].min(axis=0), marks.voxels[here].max(axis=0))
            _assign(image, marks.voxels[here], chosen[here])
        image.Modified()


def onLatticeOf(segmentationNode: slicer.vtkMRMLSegmentationNode, grid: Grid, indices: np.ndarray) -> np.ndarray:
    """Voxels of a grid in the world, (N, 3), as the nearest ones of a segmentation's lattice; several may fall together."""
    return _nearest(gridToLattice(segmentationNode, grid), indices)


def onGrid(segmentationNode: slicer.vtkMRMLSegmentationNode, grid: Grid, marks: Drawn) -> SparseLabels:
    """Voxels of a segmentation's lattice as the nearest ones of a grid in the world; what falls outside is left out."""
    indices = _nearest(np.linalg.inv(gridToLattice(segmentationNode, grid)), marks.voxels)
    inside = ((indices >= 0) & (indices < grid.shape)).all(axis=1)
    indices, labelIds = indices[inside], marks.labelIds[inside]
    _, first = np.unique(np.ravel_multi_index(indices.T, grid.shape), return_index=True)
    return SparseLabels(grid, indices[first], labelIds[first])


def isPainted(segmentationNode: slicer.vtkMRMLSegmentationNode, segmentId: str) -> bool:
    """Whether a segment has any voxel."""
    segment = segmentationNode.GetSegmentation().GetSegment(segmentId)
    image = segment.GetRepresentation(LABEL_MAP)
    return image is not None and not image.IsEmpty() and bool((arrayFromImage(image) == segment.GetLabelValue()).any())


def labelsAt(segmentationNode: slicer.vtkMRMLSegmentationNode, voxels: np.ndarray) -> np.ndarray:
    """The label drawn at each of some voxels of the lattice, (N, 3); 0 where none is; (N,) int32."""
    found = np.zeros(len(voxels), dtype=np.int32)
    for image, labels in labeledLayers(segmentationNode):
        places, inside = _within(image, voxels)
        found[inside] = np.maximum(found[inside], labels[arrayFromImage(image)[places]])
    return found


def labelAt(segmentationNode: slicer.vtkMRMLSegmentationNode, point: tuple[float, float, float]) -> int:
    """The label at a point of the world, RAS millimeters; 0 where nothing is drawn."""
    inverse = vtk.vtkGeneralTransform()
    slicer.vtkMRMLTransformNode.GetTransformBetweenNodes(None, segmentationNode.GetParentTransformNode(), inverse)
    local = inverse.TransformPoint(point)
    for image, labels in labeledLayers(segmentationNode):
        toIjk = vtk.vtkMatrix4x4()
        image.GetWorldToImageMatrix(toIjk)
        voxel = np.rint(toIjk.MultiplyPoint((*local, 1.0))[2::-1]).astype(int) - startOf(image)
        array = arrayFromImage(image)
        if (voxel >= 0).all() and (voxel < array.shape).all() and labels[array[tuple(voxel)]]:
            return int(labels[array[tuple(voxel)]])
    return 0


def labeledLayers(segmentationNode: slicer.vtkMRMLSegmentationNode) -> list[tuple[slicer.vtkOrientedImageData, np.ndarray]]:
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


def startOf(image: slicer.vtkOrientedImageData) -> np.ndarray:
    """First voxel of the image, `(k, j, i)`."""
    return np.array(image.GetExtent()[4::-2])


def _within(image: slicer.vtkOrientedImageData, voxels: np.ndarray) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
    """Where in the image's array those voxels are that lie within it, and which these are."""
    extent = image.GetExtent()
    starts, stops = extent[4::-2], extent[5::-2]
    inside = np.ones(len(voxels), dtype=bool)
    for column, start, stop in zip(voxels.T, starts, stops, strict=True):
        inside &= (column >= start) & (column <= stop)
    return tuple(column[inside] - start for column, start in zip(voxels.T, starts, strict=True)), inside


def _assign(image: slicer.vtkOrientedImageData, voxels: np.ndarray, values: np.ndarray) -> None:
    """Give values, one or one each, to those voxels that lie within the image."""
    if not image.IsEmpty():
        places, inside = _within(image, voxels)
        arrayFromImage(image)[places] = values if len(values) == 1 else values[inside]


def extend(
    image: slicer.vtkOrientedImageData, segmentationNode: slicer.vtkMRMLSegmentationNode, low: np.ndarray, high: np.ndarray
) -> None:
    """Extend the image so that it covers the voxels from `low` to `high`, `(k, j, i)`, and can hold every label value."""
    if image.IsEmpty():
        image.SetImageToWorldMatrix(matrixFromArray(_latticeMatrix(segmentationNode)))
        array = np.zeros((0, 0, 0), dtype=np.uint8)
        start = low
    else:
        array, start = arrayFromImage(image), startOf(image)
        low, high = np.minimum(low, start), np.maximum(high, start + array.shape - 1)
    highest = max(segment.value for segment in segmentsOf(segmentationNode.GetSegmentation()))
    kind = np.promote_types(array.dtype, compact(np.array([highest])).dtype)
    if kind == array.dtype and tuple(high - low + 1) == array.shape:
        return
    grown = np.zeros(high - low + 1, dtype=kind)
    if array.size:
        grown[tuple(slice(s, s + n) for s, n in zip(start - low, array.shape, strict=True))] = array
    fillImage(image, grown)
    image.SetExtent(*(bound for axis in (2, 1, 0) for bound in (int(low[axis]), int(high[axis]))))


def gridToLattice(segmentationNode: slicer.vtkMRMLSegmentationNode, grid: Grid) -> np.ndarray:
    """IJK of a grid in the world to IJK of a segmentation's lattice, (4, 4)."""
    toParent = vtk.vtkMatrix4x4()
    slicer.vtkMRMLTransformNode.GetMatrixTransformBetweenNodes(None, segmentationNode.GetParentTransformNode(), toParent)
    return np.linalg.inv(_latticeMatrix(segmentationNode)) @ arrayFromMatrix(toParent) @ grid.ijk_to_ras


def _nearest(ijkToIjk: np.ndarray, voxels: np.ndarray) -> np.ndarray:
    """Voxels `(k, j, i)`, (N, 3), after a change of lattice."""
    if np.allclose(ijkToIjk, np.eye(4), atol=SAME_VOXEL):  # the usual case, and a result may have millions of voxels
        return voxels.astype(np.int64)
    return np.rint(voxels @ ijkToIjk[2::-1, 2::-1].T + ijkToIjk[2::-1, 3]).astype(np.int64)


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
