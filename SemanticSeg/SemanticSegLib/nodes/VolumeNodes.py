"""Volume nodes as values of the library, and maps of the library as volume nodes.

MRML speaks RAS as the library does; a volume node says where its voxels lie by its IJK to RAS matrix and by the transforms
above it, and both together are the grid.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import slicer
import vtk

from SemanticSegLib.nodes.Arrays import arrayFromImage, arrayFromMatrix, fillImage, matrixFromArray
from SemanticSegLib.nodes.Placement import placeBeside
from semseg_core.data.images import SINGLE_CHANNEL, NoteSink, brought_onto, ignore_note, intensities
from semseg_core.data.volume import Volume
from semseg_core.errors import InputError, ShapeError
from semseg_core.geometry import Grid

CONFIDENCE_COLORS = "vtkMRMLColorTableNodeIron"
"""Built into every scene with default colors; grows steadily brighter, so that it reads in gray and with any color vision."""


def volumeGrid(volumeNode: slicer.vtkMRMLVolumeNode) -> Grid:
    """Where the node's voxels lie in the world: its matrix under its parent transforms.

    Raises:
        InputError: If the volume is empty, or lies under a transform that is not linear.
    """
    toRas = vtk.vtkMatrix4x4()
    volumeNode.GetIJKToRASMatrix(toRas)
    return Grid(_image(volumeNode).GetDimensions()[::-1], parentMatrix(volumeNode) @ arrayFromMatrix(toRas))


def volumeFromNodes(
    volumeNodes: Sequence[slicer.vtkMRMLVolumeNode], channels: Sequence[str] = (), onNote: NoteSink = ignore_note
) -> Volume:
    """An image of one or several channels.

    The first node defines the grid; the others are interpolated linearly onto it. The same rules hold as for files.

    Args:
        volumeNodes: Scalar or vector volumes; a node with several components gives as many channels.
        channels: One name per channel over all nodes, in order; may be empty where every node is scalar.
        onNote: Told what was changed.

    Raises:
        InputError: If a node is empty or lies under a transform that is not linear, names and channels do not agree in number, or
            a channel holds NaN, infinity, or the same value everywhere.
    """
    if not volumeNodes:
        raise InputError("image: no volume is selected; select at least one")
    grid = volumeGrid(volumeNodes[0])
    parts = []
    for node in volumeNodes:
        voxels = arrayFromImage(_image(node))
        frames = voxels[np.newaxis] if voxels.ndim == 3 else np.moveaxis(voxels, -1, 0)
        frames = np.stack([intensities(frame, f"volume '{node.GetName()}'") for frame in frames])
        own = volumeGrid(node)
        if not own.same_as(grid):
            frames = brought_onto(frames, own, grid, f"volume '{node.GetName()}'", f"'{volumeNodes[0].GetName()}'", onNote)
        parts.append(frames)
    return Volume(np.concatenate(parts), grid, _channelNames(volumeNodes, [len(part) for part in parts], tuple(channels)))


def addVolume(scene: slicer.vtkMRMLScene, name: str, array: np.ndarray, grid: Grid) -> slicer.vtkMRMLScalarVolumeNode:
    """A new scalar volume node of an array, (D, H, W), on a grid of its own."""
    node = _addScalarVolume(scene, name, array)
    node.SetIJKToRASMatrix(matrixFromArray(grid.ijk_to_ras))
    node.CreateDefaultDisplayNodes()
    return node


def addConfidenceVolume(
    scene: slicer.vtkMRMLScene, name: str, confidence: np.ndarray, volumeNode: slicer.vtkMRMLVolumeNode
) -> slicer.vtkMRMLScalarVolumeNode:
    """A new volume node of probabilities, shown from 0 to 1 in colors, on the voxels of `volumeNode` and beside it.

    Args:
        scene: Where to add it.
        name: What to call it; made unique.
        confidence: Probabilities, (D, H, W) within 0…1.
        volumeNode: The volume they were computed for.

    Raises:
        ShapeError: If there is not one probability per voxel of `volumeNode`.
    """
    requireShape(confidence, volumeNode, "confidence map")
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", scene.GenerateUniqueName(name))
    toRas = vtk.vtkMatrix4x4()
    volumeNode.GetIJKToRASMatrix(toRas)
    node.SetIJKToRASMatrix(toRas)
    node.CreateDefaultDisplayNodes()
    display = node.GetScalarVolumeDisplayNode()
    display.SetAutoWindowLevel(False)
    display.SetWindowLevelMinMax(0.0, 1.0)
    display.SetAndObserveColorNodeID(CONFIDENCE_COLORS)
    image = vtk.vtkImageData()  # set when nothing looks for a window any more, which takes a second for a large one
    fillImage(image, np.asarray(confidence, dtype=np.float32))
    node.SetAndObserveImageData(image)
    placeBeside(scene, node, volumeNode)
    return node


def requireShape(array: np.ndarray, volumeNode: slicer.vtkMRMLVolumeNode, what: str) -> None:
    """Refuse an array that has not one value per voxel of a volume.

    Raises:
        ShapeError: If the shapes differ.
    """
    shape = _image(volumeNode).GetDimensions()[::-1]
    if array.shape != shape:
        name = volumeNode.GetName()
        raise ShapeError(
            f"{what}: {array.shape} voxels (k, j, i), but volume '{name}' has {shape}; choose the volume it belongs to"
        )


def _addScalarVolume(scene: slicer.vtkMRMLScene, name: str, array: np.ndarray) -> slicer.vtkMRMLScalarVolumeNode:
    image = vtk.vtkImageData()
    fillImage(image, array)
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", scene.GenerateUniqueName(name))
    node.SetAndObserveImageData(image)
    return node


def _image(volumeNode: slicer.vtkMRMLVolumeNode) -> vtk.vtkImageData:
    image = volumeNode.GetImageData()
    if image is None or image.GetPointData().GetScalars() is None:
        raise InputError(f"volume '{volumeNode.GetName()}': it is empty; load the image again or choose another volume")
    return image


def parentMatrix(node: slicer.vtkMRMLTransformableNode) -> np.ndarray:
    """What the transforms above a node do to its coordinates, (4, 4); the identity where there are none."""
    transformNode = node.GetParentTransformNode()
    matrix = vtk.vtkMatrix4x4()
    if transformNode is None:
        return arrayFromMatrix(matrix)
    if not transformNode.IsTransformToWorldLinear():
        raise InputError(
            f"volume '{node.GetName()}': lies under '{transformNode.GetName()}', which is not linear; harden that transform on "
            "the volume, or take the volume out of it"
        )
    transformNode.GetMatrixTransformToWorld(matrix)
    return arrayFromMatrix(matrix)


def _channelNames(nodes: Sequence[slicer.vtkMRMLVolumeNode], counts: Sequence[int], channels: tuple[str, ...]) -> tuple[str, ...]:
    total = sum(counts)
    if len(channels) == total:
        return channels
    if channels:
        found = ", ".join(f"'{node.GetName()}' has {count}" for node, count in zip(nodes, counts, strict=True))
        names = ", ".join(channels)
        raise InputError(f"image: {len(channels)} channel names ({names}) for {total} channels: {found}; name each one")
    node, count = max(zip(nodes, counts, strict=True), key=lambda pair: pair[1])
    if count > 1:
        raise InputError(
            f"volume '{node.GetName()}': has {count} values per voxel (color or vector); name them as channels, or convert it to "
            "a scalar volume"
        )
    return (SINGLE_CHANNEL,) if total == 1 else tuple(f"{SINGLE_CHANNEL}{index}" for index in range(1, total + 1))
