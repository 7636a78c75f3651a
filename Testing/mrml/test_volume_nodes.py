from __future__ import annotations

import numpy as np
import pytest
import slicer
import vtk
from vtk.util.numpy_support import numpy_to_vtk

from SemanticSegLib.nodes.Arrays import arrayFromImage, arrayFromMatrix
from SemanticSegLib.nodes.VolumeNodes import addConfidenceVolume, addVolume, volumeFromNodes, volumeGrid
from semseg_core.errors import InputError, ShapeError
from semseg_core.geometry import Grid


def noise(grid: Grid, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=grid.shape).astype(np.float32)


def shifted(grid: Grid, voxels: float) -> Grid:
    """The grid moved along its first axis."""
    step = np.eye(4)
    step[0, 3] = voxels
    return Grid(grid.shape, grid.ijk_to_ras @ step)


def test_a_volume_keeps_its_voxels_and_grid(scene, grid):
    array = noise(grid)
    volume = volumeFromNodes([addVolume(scene, "T1", array, grid)])
    assert volume.grid.same_as(grid, tolerance_mm=1e-9)
    assert volume.channels == ("image",)
    np.testing.assert_array_equal(volume.array[0], array)


def test_a_voxel_lies_in_the_world_where_mrml_says(volume_node, grid):
    # vtkMRMLVolumeNode.GetBounds goes through VTK's own matrices, from voxel edge to voxel edge.
    bounds = np.zeros(6)
    volume_node.GetRASBounds(bounds)
    half = np.array([(k, j, i) for k in (-0.5, 8.5) for j in (-0.5, 10.5) for i in (-0.5, 12.5)])
    corners = volumeGrid(volume_node).index_to_ras(half)
    np.testing.assert_allclose(bounds[::2], corners.min(axis=0), atol=1e-6)
    np.testing.assert_allclose(bounds[1::2], corners.max(axis=0), atol=1e-6)
    assert volumeGrid(volume_node).shape == grid.shape


def test_parent_transforms_are_composed_from_the_inside_out(volume_node, grid, add_transform):
    inner, outer = np.diag((2.0, 1.0, 1.0, 1.0)), np.eye(4)
    outer[:3, 3] = (10.0, 20.0, 30.0)
    outer_node, inner_node = add_transform(outer), add_transform(inner)
    inner_node.SetAndObserveTransformNodeID(outer_node.GetID())
    volume_node.SetAndObserveTransformNodeID(inner_node.GetID())
    expected = volumeGrid(volume_node)
    np.testing.assert_allclose(expected.ijk_to_ras, outer @ inner @ grid.ijk_to_ras, atol=1e-12)
    volume_node.HardenTransform()
    assert volumeGrid(volume_node).same_as(expected, tolerance_mm=1e-9)


def test_several_volumes_become_channels_in_order(scene, grid):
    first, second = noise(grid, 1), noise(grid, 2)
    nodes = [addVolume(scene, "T1", first, grid), addVolume(scene, "FLAIR", second, grid)]
    volume = volumeFromNodes(nodes, ("t1", "flair"))
    assert volume.channels == ("t1", "flair")
    np.testing.assert_array_equal(volume.array, np.stack([first, second]))
    assert volumeFromNodes(nodes).channels == ("image1", "image2")


def test_a_channel_on_another_grid_is_interpolated_and_told(scene, grid):
    array, notes = noise(grid), []
    nodes = [addVolume(scene, "T1", array, grid), addVolume(scene, "T2", array, shifted(grid, 2))]
    volume = volumeFromNodes(nodes, onNote=notes.append)
    np.testing.assert_allclose(volume.array[1][:, :, 2:], array[:, :, :-2], atol=1e-5)
    assert len(notes) == 1
    assert notes[0].startswith("volume 'T2': interpolated linearly onto the grid of 'T1'; 15% of the voxels lie outside")


def test_a_channel_somewhere_else_is_refused(scene, grid):
    nodes = [addVolume(scene, "T1", noise(grid), grid), addVolume(scene, "T2", noise(grid), shifted(grid, 1000))]
    with pytest.raises(InputError, match="'T2'.*does not overlap with 'T1'"):
        volumeFromNodes(nodes)


def test_a_vector_volume_is_channels_only_where_they_are_named(scene, grid):
    colors = np.random.default_rng(0).integers(0, 255, (*grid.shape, 3), dtype=np.uint8)
    image = vtk.vtkImageData()
    image.SetDimensions(*grid.shape[::-1])
    image.GetPointData().SetScalars(numpy_to_vtk(colors.reshape(-1, 3), deep=True))
    node = scene.AddNewNodeByClass("vtkMRMLVectorVolumeNode", "photo")
    node.SetAndObserveImageData(image)
    with pytest.raises(InputError, match="'photo': has 3 values per voxel"):
        volumeFromNodes([node])
    with pytest.raises(InputError, match="2 channel names .* for 3 channels: 'photo' has 3"):
        volumeFromNodes([node], ("red", "green"))
    volume = volumeFromNodes([node], ("red", "green", "blue"))
    np.testing.assert_array_equal(volume.array, np.moveaxis(colors, -1, 0).astype(np.float32))


def test_what_cannot_be_learned_from_is_refused_by_name(scene, grid):
    with pytest.raises(InputError, match="no volume"):
        volumeFromNodes([])
    with pytest.raises(InputError, match="volume 'nothing': it is empty"):
        volumeFromNodes([scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "nothing")])
    broken = noise(grid)
    broken[0, 0, :2] = np.nan
    with pytest.raises(InputError, match="volume 'broken': 2 voxels are NaN"):
        volumeFromNodes([addVolume(scene, "broken", broken, grid)])
    with pytest.raises(InputError, match="volume 'flat': has the value 0 everywhere"):
        volumeFromNodes([addVolume(scene, "flat", np.zeros(grid.shape), grid)])


def test_a_confidence_map_lies_on_the_volume_in_fixed_colors(scene, volume_node, grid, add_transform):
    volume_node.SetAndObserveTransformNodeID(add_transform(np.diag((1.0, -1.0, 1.0, 1.0))).GetID())
    confidence = np.random.default_rng(0).random(grid.shape)
    node = addConfidenceVolume(scene, "confidence", confidence, volume_node)
    display = node.GetScalarVolumeDisplayNode()
    np.testing.assert_allclose(arrayFromImage(node.GetImageData()), confidence, atol=1e-7)
    assert volumeGrid(node).same_as(volumeGrid(volume_node))
    assert (display.GetWindowLevelMin(), display.GetWindowLevelMax(), display.GetAutoWindowLevel()) == (0.0, 1.0, 0)
    assert isinstance(display.GetColorNode(), slicer.vtkMRMLColorNode)
    with pytest.raises(ShapeError, match="confidence map.*'T1'"):
        addConfidenceVolume(scene, "confidence", confidence[1:], volume_node)


def test_matrices_keep_rows_and_columns_apart():
    matrix = vtk.vtkMatrix4x4()
    matrix.SetElement(0, 3, 5.0)
    assert arrayFromMatrix(matrix)[0].tolist() == [1.0, 0.0, 0.0, 5.0]
