from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import slicer
import vtk

from SemanticSegLib.nodes import SegmentationNodes
from SemanticSegLib.nodes.Arrays import arrayFromMatrix, fillImage, matrixFromArray
from SemanticSegLib.nodes.SceneFiles import saveScene
from SemanticSegLib.nodes.SegmentationNodes import addSegmentation, marksFromSegmentation, writeSegmentation
from SemanticSegLib.nodes.VolumeNodes import addVolume, volumeGrid
from semseg_core.data.segments import terminology_entry
from semseg_core.errors import InputError, LabelTreeError, ShapeError
from semseg_core.geometry import Grid
from semseg_core.labels.tree import Code, Label, LabelTree, Terminology
from semseg_core.sparse.scribbles import SparseLabels

LEFT_LIVER = Terminology(
    Code("SCT", "123037004", "Anatomical Structure"), Code("SCT", "10200004", "Liver"), Code("SCT", "7771000", "Left")
)


def dense(marks: SparseLabels) -> np.ndarray:
    """Label ids on the grid of the marks."""
    label_ids = np.zeros(marks.grid.shape, dtype=np.int32)
    label_ids[tuple(marks.indices.T)] = marks.label_ids
    return label_ids


def tag(segment: slicer.vtkSegment, name: str) -> str | None:
    text = vtk.mutable("")
    return str(text) if segment.GetTag(name, text) else None


def draw(
    node: slicer.vtkMRMLSegmentationNode,
    name: str,
    grid: Grid,
    first: Sequence[int],
    stop: Sequence[int],
    tags: dict[str, str] | None = None,
) -> slicer.vtkSegment:
    """Add a segment by MRML's own means: a box of voxels `[first, stop)` (k, j, i), stored without any voxel around it."""
    corner = np.eye(4)
    corner[:3, 3] = first[::-1]
    image = slicer.vtkOrientedImageData()
    fillImage(image, np.ones(np.subtract(stop, first), dtype=np.uint8))
    image.SetImageToWorldMatrix(matrixFromArray(grid.ijk_to_ras @ corner))
    segment_id = node.AddSegmentFromBinaryLabelmapRepresentation(image, name)
    segment = node.GetSegmentation().GetSegment(segment_id)
    for key, text in (tags or {}).items():
        segment.SetTag(key, text)
    return segment


@pytest.fixture
def scribbles(scene: slicer.vtkMRMLScene) -> slicer.vtkMRMLSegmentationNode:
    return scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "scribbles")


@pytest.fixture
def label_ids(grid: Grid) -> np.ndarray:
    """Ids of all six labels of the small tree, inner ones too, and unknown."""
    return np.random.default_rng(1).integers(0, 7, grid.shape)


def test_a_result_becomes_segments_and_is_read_back_exactly(scene, volume_node, grid, brain_tree, label_ids):
    node = addSegmentation(scene, "result", label_ids, volume_node, brain_tree)
    read = marksFromSegmentation(node, volume_node, brain_tree)
    assert read.notes == ()
    assert read.marks.grid.same_as(grid)
    np.testing.assert_array_equal(dense(read.marks), label_ids)


def test_segments_carry_name_color_value_and_tags_of_their_label(scene, volume_node, grid):
    tree = LabelTree(
        (
            Label(1, "body", 10),
            Label(2, "left", 20, parent=1),
            Label(7, "liver", 5, parent=2, color=(0.1, 0.2, 0.3), terminology=LEFT_LIVER),
            Label(3, "right", 30, parent=1),
            Label(4, "liver", 6, parent=3),
        )
    )
    label_ids = np.zeros(grid.shape, dtype=np.int32)
    label_ids[0], label_ids[1] = 4, 7
    segmentation = addSegmentation(scene, "result", label_ids, volume_node, tree).GetSegmentation()
    assert [segmentation.GetNthSegmentID(index) for index in range(2)] == ["SemanticSeg_7", "SemanticSeg_4"]
    liver = segmentation.GetNthSegment(0)
    assert (liver.GetName(), liver.GetColor(), liver.GetLabelValue()) == ("left/liver", (0.1, 0.2, 0.3), 5)
    assert tag(liver, "SemanticSeg.LabelId") == "7"
    assert tag(liver, "SemanticSeg.Path") == "/body/left/liver"
    assert tag(liver, "DICOM.SegmentAlgorithmType") == "AUTOMATIC"
    assert tag(liver, "DICOM.SegmentAlgorithmName") == "SemanticSeg"
    assert liver.GetTerminology() == terminology_entry(LEFT_LIVER)
    assert segmentation.GetNumberOfSegments() == 2  # labels without voxels get none


def test_gray_stays_gray(scene, volume_node, grid, brain_tree):
    # Slicer takes (0.5, 0.5, 0.5) for "no color" and would choose one of its own on showing the node.
    node = addSegmentation(scene, "result", np.full(grid.shape, 5), volume_node, brain_tree)
    assert np.rint(np.multiply(node.GetSegmentation().GetSegment("SemanticSeg_5").GetColor(), 255)).tolist() == [128, 128, 128]


def test_slicers_dicom_export_does_not_take_segments_for_empty(scene, volume_node, brain_tree, label_ids):
    node = addSegmentation(scene, "Result", label_ids, volume_node, brain_tree)
    voxels = node.GetSegmentation().GetNthSegment(0).GetRepresentation("Binary labelmap")
    # DICOMSegmentationExporter.isSegmentEmpty looks for this name, and for another value than 0.
    assert voxels.GetPointData().GetArray("ImageScalars").GetValueRange() != (0, 0)


def test_148_labels_share_one_layer(scene, volume_node, grid):
    tree = LabelTree((Label(1, "root", 1), *(Label(n, f"label {n}", n * 100, parent=1) for n in range(2, 150))))
    label_ids = np.arange(np.prod(grid.shape)).reshape(grid.shape) % 150
    label_ids[label_ids == 1] = 0
    node = addSegmentation(scene, "result", label_ids, volume_node, tree)
    assert node.GetSegmentation().GetNumberOfSegments() == 148
    assert node.GetSegmentation().GetNumberOfLayers() == 1
    np.testing.assert_array_equal(dense(marksFromSegmentation(node, volume_node, tree).marks), label_ids)


def test_the_volume_becomes_the_reference_geometry(scene, volume_node, grid, brain_tree, label_ids):
    node = addSegmentation(scene, "result", label_ids, volume_node, brain_tree)
    text = node.GetSegmentation().GetConversionParameter("Reference image geometry")
    reference = slicer.vtkOrientedImageData()
    assert slicer.vtkSegmentationConverter.DeserializeImageGeometry(text, reference)
    to_ras = vtk.vtkMatrix4x4()
    reference.GetImageToWorldMatrix(to_ras)
    assert reference.GetDimensions() == grid.shape[::-1]
    np.testing.assert_allclose(arrayFromMatrix(to_ras), grid.ijk_to_ras, atol=1e-9)


def test_writing_again_replaces_the_segments(scene, volume_node, grid, brain_tree, label_ids):
    node = addSegmentation(scene, "result", label_ids, volume_node, brain_tree)
    writeSegmentation(node, np.full(grid.shape, 6), volume_node, brain_tree)
    assert node.GetSegmentation().GetNumberOfSegments() == 1
    assert marksFromSegmentation(node, volume_node, brain_tree).marks.counts() == {6: grid.voxel_count}


def test_a_result_of_another_shape_or_tree_is_refused_and_leaves_the_node_as_it_was(
    scene, volume_node, grid, brain_tree, label_ids
):
    node = addSegmentation(scene, "result", label_ids, volume_node, brain_tree)
    with pytest.raises(ShapeError, match="'result'.*'T1'"):
        writeSegmentation(node, label_ids[1:], volume_node, brain_tree)
    with pytest.raises(LabelTreeError, match="label id 99"):
        writeSegmentation(node, np.full(grid.shape, 99), volume_node, brain_tree)
    assert node.GetSegmentation().GetNumberOfSegments() == 6


def test_a_result_lies_beside_its_volume_and_under_its_transform(scene, volume_node, brain_tree, label_ids, add_transform):
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    patient = hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), "patient")
    hierarchy.CreateItem(patient, volume_node)
    volume_node.SetAndObserveTransformNodeID(add_transform(np.diag((1.0, 1.0, 1.0, 1.0))).GetID())
    node = addSegmentation(scene, "result", label_ids, volume_node, brain_tree)
    assert hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node)) == patient
    assert node.GetParentTransformNode() is volume_node.GetParentTransformNode()


def test_strokes_with_an_extent_of_their_own_land_on_the_volumes_voxels(volume_node, grid, brain_tree, scribbles):
    draw(scribbles, "cortex", grid, (2, 3, 4), (3, 6, 9))
    draw(scribbles, "left", grid, (8, 0, 12), (9, 11, 13))
    read = marksFromSegmentation(scribbles, volume_node, brain_tree)
    expected = np.zeros(grid.shape, dtype=int)
    expected[2:3, 3:6, 4:9] = 3
    expected[8, :, 12] = 2
    assert read.notes == ()
    np.testing.assert_array_equal(dense(read.marks), expected)


def test_segments_are_known_by_id_then_path_then_name_then_terminology(volume_node, grid, scribbles):
    labels = [Label(n, name, n * 10, parent=1) for n, name in enumerate(("by id", "by path", "by name"), start=2)]
    tree = LabelTree((Label(1, "root", 1), *labels, Label(5, "by code", 50, parent=1, terminology=LEFT_LIVER)))
    draw(scribbles, "by name", grid, (0, 0, 0), (1, 1, 1), {"SemanticSeg.LabelId": "2"})  # renamed since, still known
    draw(scribbles, "renamed", grid, (1, 0, 0), (2, 1, 1), {"SemanticSeg.Path": "/root/by path"})
    draw(scribbles, "By Name", grid, (2, 0, 0), (3, 1, 1))
    foreign = terminology_entry(LEFT_LIVER).replace("3D Slicer General Anatomy list", "another list").replace("Liver", "Leber")
    draw(scribbles, "Segment_1", grid, (3, 0, 0), (4, 1, 1)).SetTerminology(foreign)
    read = marksFromSegmentation(scribbles, volume_node, tree)
    assert dense(read.marks)[:4, 0, 0].tolist() == [2, 3, 4, 5]
    assert any("by its terminology" in note for note in read.notes)


def test_a_segment_of_no_label_is_an_error_that_names_it_unless_it_is_empty(volume_node, grid, brain_tree, scribbles):
    scribbles.GetSegmentation().AddEmptySegment("empty", "nothing yet")
    assert len(marksFromSegmentation(scribbles, volume_node, brain_tree).marks) == 0
    draw(scribbles, "my sketch", grid, (0, 0, 0), (1, 1, 1))
    with pytest.raises(InputError, match="segmentation 'scribbles'.*'my sketch'"):
        marksFromSegmentation(scribbles, volume_node, brain_tree)


def test_where_segments_overlap_the_inner_label_wins_and_contradictions_are_unknown(volume_node, grid, brain_tree, scribbles):
    draw(scribbles, "cortex", grid, (0, 0, 0), (1, 1, 4))
    draw(scribbles, "left", grid, (0, 0, 2), (1, 1, 8))  # covers cortex
    draw(scribbles, "fluid", grid, (0, 0, 6), (1, 1, 10))  # excludes left
    read = marksFromSegmentation(scribbles, volume_node, brain_tree)
    assert dense(read.marks)[0, 0, :11].tolist() == [3, 3, 3, 3, 2, 2, 0, 0, 6, 6, 0]
    assert len(read.notes) == 2
    assert all("overlap in 2 voxels" in note for note in read.notes)


@pytest.mark.parametrize("compared_at_once", [0, SegmentationNodes.COMPARED_AT_ONCE])
def test_one_segment_a_layer_is_read_as_well(volume_node, grid, brain_tree, scribbles, compared_at_once, monkeypatch):
    monkeypatch.setattr(SegmentationNodes, "COMPARED_AT_ONCE", compared_at_once)
    for label in brain_tree:
        draw(scribbles, label.name, grid, (label.id, 0, 0), (label.id + 1, 11, 13))
        scribbles.GetSegmentation().SeparateSegmentLabelmap(scribbles.GetSegmentation().GetSegmentIdBySegmentName(label.name))
    layers = scribbles.GetSegmentation().GetNumberOfLayers()
    assert layers == 6
    read = marksFromSegmentation(scribbles, volume_node, brain_tree)
    assert dense(read.marks)[:, 5, 5].tolist() == [0, 1, 2, 3, 4, 5, 6, 0, 0]
    assert scribbles.GetSegmentation().GetNumberOfLayers() == layers  # reading changes nothing


def test_strokes_outside_the_volume_are_told(volume_node, grid, brain_tree, scribbles):
    draw(scribbles, "cortex", grid, (0, 0, -4), (1, 1, 3))
    read = marksFromSegmentation(scribbles, volume_node, brain_tree)
    assert dense(read.marks)[0, 0, :4].tolist() == [3, 3, 3, 0]
    assert read.notes == ("segmentation 'scribbles': of its 7 voxels 3 lie on volume 'T1' after moving them to its grid",)


@pytest.mark.usefixtures("volume_node")
def test_strokes_up_to_the_edge_survive_saving(scene, new_scene, grid, brain_tree, scribbles, tmp_path):
    # Slicer stores the strokes cropped, and both geometries as text: rounding must not push an outermost voxel out of the image.
    draw(scribbles, "cortex", grid, (0, 0, 0), (1, 11, 3))
    draw(scribbles, "fluid", grid, (8, 10, 12), (9, 11, 13))
    saveScene(scene, tmp_path / "scene.mrb")
    opened = new_scene()
    assert opened.ReadFromMRB(str(tmp_path / "scene.mrb"), True)
    read = marksFromSegmentation(opened.GetFirstNodeByName("scribbles"), opened.GetFirstNodeByName("T1"), brain_tree)
    assert read.notes == ()
    assert read.marks.counts() == {3: 33, 6: 1}


def test_a_volume_and_strokes_under_one_transform_agree_exactly(volume_node, grid, brain_tree, scribbles, add_transform):
    transform = add_transform(turned(grid))
    for node in (volume_node, scribbles):
        node.SetAndObserveTransformNodeID(transform.GetID())
    draw(scribbles, "cortex", grid, (2, 3, 4), (5, 6, 9))
    read = marksFromSegmentation(scribbles, volume_node, brain_tree)
    assert read.notes == ()
    assert read.marks.grid.same_as(Grid(grid.shape, turned(grid) @ grid.ijk_to_ras))
    assert read.marks.indices.min(axis=0).tolist() == [2, 3, 4]
    assert len(read.marks) == 3 * 3 * 5


@pytest.mark.parametrize("moved", ["volume", "strokes", "both, differently"])
def test_under_different_transforms_each_voxel_takes_the_nearest_mark(
    volume_node, grid, brain_tree, scribbles, add_transform, moved
):
    first, stop = (1, 2, 3), (7, 9, 11)
    draw(scribbles, "cortex", grid, first, stop)
    volume_to_world = strokes_to_world = np.eye(4)
    if moved in ("volume", "both, differently"):
        volume_to_world = turned(grid) @ turned(grid, 0.1, 2.0)
        outer, inner = add_transform(turned(grid)), add_transform(turned(grid, 0.1, 2.0))
        inner.SetAndObserveTransformNodeID(outer.GetID())
        volume_node.SetAndObserveTransformNodeID(inner.GetID())
    if moved in ("strokes", "both, differently"):
        strokes_to_world = turned(grid, -0.2, 1.0)
        scribbles.SetAndObserveTransformNodeID(add_transform(strokes_to_world).GetID())
    read = marksFromSegmentation(scribbles, volume_node, brain_tree)
    assert read.marks.grid.same_as(Grid(grid.shape, volume_to_world @ grid.ijk_to_ras))
    # By numpy alone: the center of each voxel of the volume, taken to the world and into the strokes' own indices.
    centers = np.argwhere(np.ones(grid.shape, dtype=bool))
    world = Grid(grid.shape, volume_to_world @ grid.ijk_to_ras).index_to_ras(centers)
    index = np.rint(Grid(grid.shape, strokes_to_world @ grid.ijk_to_ras).ras_to_index(world))
    expected = ((index >= first) & (index < stop)).all(axis=1).reshape(grid.shape)
    unmoved = np.zeros(grid.shape, dtype=bool)
    unmoved[1:7, 2:9, 3:11] = True
    assert expected.sum() > 50 and (expected != unmoved).sum() > 50  # noqa: PT018 - the test's own premise
    np.testing.assert_array_equal(dense(read.marks) == 3, expected)
    assert any("after moving them to its grid" in note for note in read.notes) == (expected.sum() != unmoved.sum())


def test_strokes_under_a_bent_transform_are_read_and_a_volume_under_one_is_refused(
    scene, volume_node, grid, brain_tree, scribbles
):
    points = vtk.vtkPoints()
    moved = vtk.vtkPoints()
    for corner in grid.corners_ras():
        points.InsertNextPoint(corner)
        moved.InsertNextPoint(corner)
    spline = vtk.vtkThinPlateSplineTransform()
    spline.SetBasisToR()
    spline.SetSourceLandmarks(points)
    spline.SetTargetLandmarks(moved)
    node = scene.AddNewNodeByClass("vtkMRMLTransformNode", "bent")
    node.SetAndObserveTransformToParent(spline)
    draw(scribbles, "cortex", grid, (2, 3, 4), (5, 6, 9))
    scribbles.SetAndObserveTransformNodeID(node.GetID())
    assert len(marksFromSegmentation(scribbles, volume_node, brain_tree).marks) == 45  # bent by nothing
    volume_node.SetAndObserveTransformNodeID(node.GetID())
    with pytest.raises(InputError, match="'T1'.*'bent'.*harden"):
        marksFromSegmentation(scribbles, volume_node, brain_tree)


def test_surfaces_without_voxels_are_refused(volume_node, brain_tree, scribbles):
    sphere = vtk.vtkSphereSource()
    sphere.Update()
    scribbles.AddSegmentFromClosedSurfaceRepresentation(sphere.GetOutput(), "cortex")
    scribbles.GetSegmentation().SetSourceRepresentationName("Closed surface")
    scribbles.RemoveBinaryLabelmapRepresentation()
    with pytest.raises(InputError, match="surfaces but no voxels"):
        marksFromSegmentation(scribbles, volume_node, brain_tree)


def test_148_labels_of_a_real_brain_go_through_the_scene(scene: slicer.vtkMRMLScene, test_data) -> None:
    from semseg_core.data.images import read_label_map, read_volume
    from semseg_core.labels.encode import values_to_ids
    from semseg_core.labels.reading import load_tree

    tree = load_tree(test_data / "label-trees" / "muse_lobe_tree.json").tree
    folder = test_data / "brain-ixi-dlmuse"
    image = read_volume([folder / "IXI132-HH-1415_T1.nii.gz"])
    truth = read_label_map(folder / "IXI132-HH-1415_DLMUSE.nii.gz")
    label_ids = values_to_ids(truth.array, tree)
    volume_node = addVolume(scene, "T1", image.array[0], image.grid)
    node = addSegmentation(scene, "result", label_ids, volume_node, tree)
    read = marksFromSegmentation(node, volume_node, tree)
    assert read.notes == ()
    assert volumeGrid(volume_node).same_as(image.grid)
    np.testing.assert_array_equal(dense(read.marks), label_ids)


def turned(grid: Grid, radians: float = 0.3, shift_mm: float = 1.7) -> np.ndarray:
    """A turn of the grid about its middle, around A, and a shift."""
    matrix = np.eye(4)
    matrix[0, 0] = matrix[2, 2] = np.cos(radians)
    matrix[0, 2], matrix[2, 0] = np.sin(radians), -np.sin(radians)
    middle = grid.corners_ras().mean(axis=0)
    matrix[:3, 3] = middle - matrix[:3, :3] @ middle + (shift_mm, -shift_mm, 0.4 * shift_mm)
    return matrix
