"""Nodes written part by part, read back as the child process reads them."""

from __future__ import annotations

import time

import numpy as np
import pytest
import slicer
import vtk

from SemanticSegLib.nodes import NodeFiles
from SemanticSegLib.nodes.Arrays import fillImage, matrixFromArray
from SemanticSegLib.nodes.NodeFiles import marksFile, volumeFile
from SemanticSegLib.nodes.SegmentationNodes import addSegmentation, marksFromSegmentation
from SemanticSegLib.nodes.VolumeNodes import addVolume, volumeFromNodes
from semseg_core.data import raw_nrrd
from semseg_core.data.images import read_volume
from semseg_core.data.scribbles import read_scribbles
from semseg_core.errors import InputError
from semseg_core.geometry import Grid

TURNED = np.array([[0.0, -1.0, 0.0, 12.0], [1.0, 0.0, 0.0, -3.0], [0.0, 0.0, 1.0, 5.5], [0.0, 0.0, 0.0, 1.0]])


@pytest.fixture(autouse=True)
def several_parts(monkeypatch):
    monkeypatch.setattr(raw_nrrd, "PART_BYTES", 1000)


def draw(node, name, grid, first, stop, value=1):
    """A box of voxels `[first, stop)` (k, j, i) as a segment in a layer of its own, stored without any voxel around it."""
    corner = np.eye(4)
    corner[:3, 3] = first[::-1]
    image = slicer.vtkOrientedImageData()
    fillImage(image, np.full(np.subtract(stop, first), value, dtype=np.uint8))
    image.SetImageToWorldMatrix(matrixFromArray(grid.ijk_to_ras @ corner))
    node.AddSegmentFromBinaryLabelmapRepresentation(image, name)


def written(steps, path):
    assert len(list(steps)) > 1
    return path


def test_a_volume_under_a_transform_lies_in_its_file_where_it_lies_in_the_world(volume_node, add_transform, tmp_path):
    volume_node.SetAndObserveTransformNodeID(add_transform(TURNED).GetID())
    path = written(volumeFile(volume_node, tmp_path / "image.nrrd"), tmp_path / "image.nrrd")
    read, held = read_volume([path]), volumeFromNodes([volume_node])
    assert read.grid.same_as(held.grid)
    np.testing.assert_array_equal(read.array, held.array)


def test_a_volume_deleted_meanwhile_is_written_nevertheless(scene, volume_node, tmp_path):
    held = volumeFromNodes([volume_node])
    steps = volumeFile(volume_node, tmp_path / "image.nrrd")
    next(steps)
    scene.RemoveNode(volume_node)
    del volume_node
    scene.Clear(0)
    list(steps)
    np.testing.assert_array_equal(read_volume([tmp_path / "image.nrrd"]).array, held.array)


@pytest.mark.parametrize("turned", [False, True])
def test_strokes_in_one_layer_or_overlapping_are_the_marks_that_the_scene_shows(
    scene, volume_node, grid, brain_tree, add_transform, tmp_path, turned
):
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "scribbles")
    draw(node, "left", grid, (1, 2, 3), (6, 7, 9))
    draw(node, "cortex", grid, (2, 2, 3), (4, 5, 9))  # inside left
    draw(node, "fluid", grid, (7, 8, 10), (9, 11, 13))
    node.GetSegmentation().AddEmptySegment("none", "never drawn")
    if turned:
        for each in (node, volume_node):
            each.SetAndObserveTransformNodeID(add_transform(TURNED).GetID())
    notes = []
    path = written(marksFile(node, volume_node, brain_tree, tmp_path / "marks.nrrd", notes.append), tmp_path / "marks.nrrd")
    shown = marksFromSegmentation(node, volume_node, brain_tree).marks
    read, told = read_scribbles(path, brain_tree, (), shown.grid)
    assert notes == []
    assert "overlap" in " ".join(told)
    np.testing.assert_array_equal(read.to_label_map(brain_tree), shown.to_label_map(brain_tree))
    assert len(read) == len(shown) == 5 * 5 * 6 + 2 * 3 * 3


def test_a_result_of_the_model_serves_as_dense_truth(scene, volume_node, grid, brain_tree, tmp_path):
    label_ids = np.random.default_rng(1).integers(0, 7, grid.shape)
    node = addSegmentation(scene, "result", label_ids, volume_node, brain_tree)
    path = written(marksFile(node, volume_node, brain_tree, tmp_path / "marks.nrrd", print), tmp_path / "marks.nrrd")
    read, _ = read_scribbles(path, brain_tree, (), grid)
    np.testing.assert_array_equal(read.to_label_map(brain_tree) > 0, label_ids > 0)
    np.testing.assert_array_equal(read.label_ids, label_ids[tuple(read.indices.T)])


def test_a_segmentation_on_other_voxels_is_moved_to_the_volume(scene, volume_node, grid, brain_tree, tmp_path):
    half = np.eye(4)
    half[:3, 3] = 0.3
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "scribbles")
    draw(node, "fluid", Grid(grid.shape, grid.ijk_to_ras @ half), (2, 2, 2), (6, 7, 8))
    path = written(marksFile(node, volume_node, brain_tree, tmp_path / "marks.nrrd", print), tmp_path / "marks.nrrd")
    shown = marksFromSegmentation(node, volume_node, brain_tree).marks
    read, _ = read_scribbles(path, brain_tree, (), grid)
    assert len(read) > 50
    np.testing.assert_array_equal(read.to_label_map(brain_tree), shown.to_label_map(brain_tree))


def test_segments_that_are_not_meant_are_left_out(scene, volume_node, grid, brain_tree, tmp_path):
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "scribbles")
    draw(node, "fluid", grid, (1, 2, 3), (6, 7, 9))
    draw(node, "my notes", grid, (6, 7, 9), (8, 9, 11))
    path = tmp_path / "marks.nrrd"
    list(marksFile(node, volume_node, brain_tree, path, print, ("my notes",)))
    read, notes = read_scribbles(path, brain_tree, (), grid)
    assert set(read.label_ids.tolist()) == {6}
    assert "8 voxels belong to no segment" in notes[0]


def test_very_large_overlapping_segments_are_merged_before_they_are_written(
    scene, volume_node, grid, brain_tree, tmp_path, monkeypatch
):
    monkeypatch.setattr(NodeFiles, "MOST_VOXELS", 10)
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "scribbles")
    draw(node, "left", grid, (1, 2, 3), (6, 7, 9))
    draw(node, "fluid", grid, (5, 2, 3), (7, 7, 9))
    notes = []
    path = written(marksFile(node, volume_node, brain_tree, tmp_path / "marks.nrrd", notes.append), tmp_path / "marks.nrrd")
    read, _ = read_scribbles(path, brain_tree, (), grid)
    assert len(read) == 4 * 5 * 6 + 1 * 5 * 6
    assert "overlap" in notes[0]


def test_nothing_drawn_and_surfaces_only_are_refused_with_the_remedy(scene, volume_node, brain_tree, tmp_path):
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "strokes")
    with pytest.raises(InputError, match="'strokes': nothing is drawn"):
        marksFile(node, volume_node, brain_tree, tmp_path / "marks.nrrd", print)
    sphere = vtk.vtkSphereSource()
    sphere.Update()
    node.AddSegmentFromClosedSurfaceRepresentation(sphere.GetOutput(), "ball")
    node.GetSegmentation().SetSourceRepresentationName("Closed surface")
    node.RemoveBinaryLabelmapRepresentation()
    with pytest.raises(InputError, match="create its binary labelmap"):
        marksFile(node, volume_node, brain_tree, tmp_path / "marks.nrrd", print)


def test_no_part_of_a_ct_takes_longer_than_a_user_notices(scene, brain_tree, tmp_path, monkeypatch):
    monkeypatch.setattr(raw_nrrd, "PART_BYTES", 1 << 24)
    grid = Grid((64, 512, 512), np.diag((0.8, 0.8, 1.0, 1.0)))
    voxels = np.zeros(grid.shape, dtype=np.int16)
    voxels[:, 100:300] = 7
    volume = addVolume(scene, "CT", voxels, grid)
    node = addSegmentation(scene, "strokes", np.where(voxels, 6, 0), volume, brain_tree)
    slowest = 0.0
    for make in (
        lambda: volumeFile(volume, tmp_path / "image.nrrd"),
        lambda: marksFile(node, volume, brain_tree, tmp_path / "marks.nrrd", print),
    ):
        began = time.process_time()
        steps = make()
        while True:
            slowest, began = max(slowest, time.process_time() - began), time.process_time()
            if next(steps, "written") == "written":
                break
    assert slowest < 0.2
