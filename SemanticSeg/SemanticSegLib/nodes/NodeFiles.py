"""Nodes as files for a child process, written part by part, so that the application stays fluid.

Each function looks at the nodes at once, and refuses what cannot be used; the iterator it returns writes one part a step, and
does not mind when the nodes are deleted meanwhile. What is painted while the file is written may or may not be in it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np
import slicer

from SemanticSegLib.nodes.Arrays import arrayFromImage
from SemanticSegLib.nodes.SegmentationNodes import LABEL_MAP, imageGrid, layersOf, marksFromSegmentation, segmentsOf
from SemanticSegLib.nodes.VolumeNodes import parentMatrix, volumeGrid
from semseg_core.data.images import NoteSink, compact
from semseg_core.data.raw_nrrd import write_parts
from semseg_core.data.seg_nrrd import keys_of
from semseg_core.errors import InputError, ShapeError
from semseg_core.geometry import Grid
from semseg_core.labels.encode import ids_to_values
from semseg_core.labels.tree import LabelTree
from semseg_core.sparse.placing import place
from semseg_core.sparse.scribbles import SparseLabels

MOST_VOXELS = 1_000_000_000
"""Voxels times layers above which segments that overlap are merged before they are written: a file of a gigabyte."""


def volumeFile(volumeNode: slicer.vtkMRMLVolumeNode, path: Path) -> Iterator[None]:
    """Writes a volume, or a label map, where it lies in the world.

    Raises:
        InputError: If the volume is empty or lies under a transform that is not linear; while writing, if the disk is full.
    """
    grid = volumeGrid(volumeNode)
    voxels = arrayFromImage(volumeNode.GetImageData())
    return write_parts(path, lambda start, stop: voxels[start:stop], grid, voxels.dtype, componentCount(volumeNode))


def componentCount(volumeNode: slicer.vtkMRMLVolumeNode) -> int:
    """Values per voxel; 0 for an empty volume."""
    image = volumeNode.GetImageData()
    return 0 if image is None else image.GetNumberOfScalarComponents()


def marksFile(
    segmentationNode: slicer.vtkMRMLSegmentationNode,
    volumeNode: slicer.vtkMRMLVolumeNode,
    tree: LabelTree,
    path: Path,
    onNote: NoteSink,
    leftOut: Collection[str] = (),
) -> Iterator[None]:
    """Writes a segmentation, strokes or dense, so that it lies on the voxels of a volume.

    Where it lies on them already its layers are written as they are, and whoever reads them finds out what they mean. Else the
    segments are brought onto the volume's voxels here and now, which takes a second for a large dense one.

    Args:
        segmentationNode: The segmentation.
        volumeNode: The volume it belongs to.
        tree: Says what the segments mean, where they have to be moved.
        path: Where to; ends in `.nrrd`.
        onNote: Told what was assumed or lost in moving them.
        leftOut: Names of segments that are not meant; their voxels count as unknown.

    Raises:
        InputError: If nothing is drawn, or the volume cannot be used; while writing, if the disk is full.
    """
    name = segmentationNode.GetName()
    segmentation = segmentationNode.GetSegmentation()
    layers = layersOf(segmentation) if segmentation.ContainsRepresentation(LABEL_MAP) else []
    filled = [layer for layer in layers if not layer.IsEmpty()]
    if not filled and not segmentation.ContainsRepresentation(LABEL_MAP) and segmentation.GetNumberOfSegments():
        raise InputError(f"segmentation '{name}': has surfaces but no voxels; create its binary labelmap in Segmentations")
    if not filled:
        raise InputError(f"segmentation '{name}': nothing is drawn in it; scribble, or choose another segmentation")
    box = _commonBox(filled)
    if box is not None and box.voxel_count * len(layers) <= MOST_VOXELS:
        placed = _placedGrid(box, segmentationNode, volumeNode)
        if placed is not None:
            meant = [segment for segment in segmentsOf(segmentation) if segment.name not in leftOut]
            return _layersFile(layers, box, placed, keys_of(meant), path)
    moved = marksFromSegmentation(segmentationNode, volumeNode, tree)
    for note in moved.notes:
        onNote(note)
    return _labelMapFile(moved.marks, tree, path)


def _commonBox(layers: list[slicer.vtkOrientedImageData]) -> Grid | None:
    """The grid that holds all layers, or None where they do not share their voxels."""
    grids = [imageGrid(layer) for layer in layers]
    first = grids[0]
    if not all(np.allclose(grid.ijk_to_ras[:3, :3], first.ijk_to_ras[:3, :3], atol=1e-6) for grid in grids):
        return None
    corners = [np.rint(first.ras_to_index(grid.index_to_ras(np.array([[0, 0, 0], np.array(grid.shape) - 1])))) for grid in grids]
    low, high = np.min(corners, axis=(0, 1)), np.max(corners, axis=(0, 1))
    start = np.eye(4)
    start[:3, 3] = low[::-1]
    box = Grid(tuple((high - low + 1).astype(int).tolist()), first.ijk_to_ras @ start)
    return box if all(_coincides(grid, box) for grid in grids) else None


def _placedGrid(box: Grid, segmentationNode: slicer.vtkMRMLSegmentationNode, volumeNode: slicer.vtkMRMLVolumeNode) -> Grid | None:
    """Where the box lies in the world, or None if its voxels there are not those of the volume."""
    grid = volumeGrid(volumeNode)
    transformNode = segmentationNode.GetParentTransformNode()
    if transformNode is not None and not transformNode.IsTransformToWorldLinear():
        return None
    world = Grid(box.shape, parentMatrix(segmentationNode) @ box.ijk_to_ras)
    return world if _coincides(world, grid) else None


def _coincides(grid: Grid, other: Grid) -> bool:
    """Whether the voxels of one grid are voxels of the other, or would be if that went on."""
    try:
        place(SparseLabels(grid, np.zeros((0, 3)), np.zeros(0)), other)
    except ShapeError:
        return False
    return True


def _layersFile(
    layers: list[slicer.vtkOrientedImageData], box: Grid, placed: Grid, keys: dict[str, str], path: Path
) -> Iterator[None]:
    arrays, starts = [], []
    for layer in layers:
        arrays.append(np.zeros((0, 0, 0), np.uint8) if layer.IsEmpty() else arrayFromImage(layer))
        first = box.ijk_to_ras[:3, 3][np.newaxis] if layer.IsEmpty() else imageGrid(layer).index_to_ras(np.zeros((1, 3)))
        starts.append(np.rint(box.ras_to_index(first))[0].astype(int))
    dtype = np.result_type(*arrays)

    def part(start: int, stop: int) -> np.ndarray:
        slices = np.zeros((stop - start, *box.shape[1:], len(arrays)), dtype=dtype)
        for frame, (array, (k, j, i)) in enumerate(zip(arrays, starts, strict=True)):
            low, high = max(start, k), min(stop, k + array.shape[0])
            if low < high:
                into = slices[low - start : high - start, j : j + array.shape[1], i : i + array.shape[2], frame]
                into[...] = array[low - k : high - k]
        return slices

    return write_parts(path, part, placed, dtype, len(arrays), keys)


def _labelMapFile(marks: SparseLabels, tree: LabelTree, path: Path) -> Iterator[None]:
    values = compact(ids_to_values(marks.label_ids, tree))
    order = np.argsort(marks.indices[:, 0], kind="stable")
    indices, values = marks.indices[order], values[order]

    def part(start: int, stop: int) -> np.ndarray:
        first, last = np.searchsorted(indices[:, 0], (start, stop))
        slices = np.zeros((stop - start, *marks.grid.shape[1:]), dtype=values.dtype)
        slices[tuple((indices[first:last] - (start, 0, 0)).T)] = values[first:last]
        return slices

    return write_parts(path, part, marks.grid, values.dtype)
