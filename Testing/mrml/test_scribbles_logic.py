"""The scribbles of a volume and their segments, on real MRML."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
import vtk
from mrml.scribble_desk import CORTEX, FLUID, LEFT, RIGHT, SHAPE, WHITE_MATTER, Parameters, Wait

from SemanticSegLib.logic.LabelsLogic import LabelsLogic
from SemanticSegLib.logic.ScribblesLogic import ScribblesLogic
from SemanticSegLib.nodes.Placement import hierarchyItem
from SemanticSegLib.nodes.VolumeNodes import addVolume
from semseg_core.data.segments import ID_TAG
from semseg_core.errors import InputError, LabelTreeError
from semseg_core.geometry import Grid

# Nodes


def test_nothing_is_made_before_a_label_is_painted(plain):
    assert plain.scribbles.node is None
    assert plain.counts() == {}
    plain.labels.setCurrent(CORTEX)
    assert plain.scribbles.node is None


def test_what_is_missing_is_said_one_after_the_other(plain):
    assert plain.scribbles.missing() == "Select the label to paint first."
    plain.labels.setCurrent(CORTEX)
    assert plain.scribbles.missing() == ""
    plain.parameters.volume = None
    assert plain.scribbles.missing() == "Choose a volume first."
    with pytest.raises(InputError, match="no volume is chosen"):
        plain.scribbles.segmentFor(CORTEX)


def test_scribbles_lie_on_the_volume_under_its_transform_beside_it_in_the_hierarchy(desk, add_transform):
    transform = add_transform(np.diag((2.0, 2.0, 2.0, 1.0)))
    desk.volume.SetAndObserveTransformNodeID(transform.GetID())
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(desk.scene)
    study = hierarchy.CreateStudyItem(hierarchy.GetSceneItemID(), "study")
    hierarchy.SetItemParent(hierarchyItem(hierarchy, desk.volume), study)
    desk.stroke(CORTEX, np.s_[4, 5, 2:12])
    node = desk.scribbles.node
    assert desk.parameters.scribbles is node
    assert node.GetParentTransformNode() is transform
    assert hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node)) == study
    expected = np.zeros(SHAPE, dtype=np.int32)
    expected[4, 5, 2:12] = CORTEX
    np.testing.assert_array_equal(desk.drawn(), expected)


def test_scribbles_follow_their_volume_under_another_transform(desk, add_transform):
    desk.stroke(CORTEX, np.s_[4, 5, 2:12])
    transform = add_transform(np.diag((1.0, -1.0, 3.0, 1.0)))
    desk.volume.SetAndObserveTransformNodeID(transform.GetID())
    assert desk.scribbles.node.GetParentTransformNode() is transform
    assert np.count_nonzero(desk.drawn() == CORTEX) == 10


def test_every_volume_has_its_own_scribbles(plain):
    plain.stroke(CORTEX, np.s_[4, 5, 2:12])
    first = plain.scribbles.node
    other = addVolume(plain.scene, "MR", np.arange(27, dtype=np.float32).reshape(3, 3, 3), Grid((3, 3, 3), np.eye(4)))
    heard = []
    plain.scribbles.nodeChanged.connect(heard.append)
    plain.parameters.volume = other
    assert plain.scribbles.node is None
    assert plain.scribbles.counts == {}
    second = plain.scribbles.begin()
    assert second is not first
    plain.parameters.volume = plain.volume
    assert plain.scribbles.node is first
    assert plain.scribbles.counts == {CORTEX: 10}
    assert heard == [None, second, first]


def test_deleted_scribbles_are_forgotten_and_begun_anew(plain):
    plain.stroke(CORTEX, np.s_[4, 5, 2:12])
    plain.scribbles.refresh()
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(plain.scene)
    hierarchy.RemoveItem(hierarchy.GetItemByDataNode(plain.scribbles.node), False, False)  # as the application does
    plain.scene.RemoveNode(plain.scribbles.node)
    assert plain.scribbles.node is None
    assert plain.scribbles.counts == {}
    plain.stroke(RIGHT, np.s_[4, 5, 2:12])
    assert plain.counts() == {RIGHT: 10}


def test_a_deleted_volume_and_a_closed_scene_leave_nothing_behind(plain):
    plain.stroke(CORTEX, np.s_[4, 5, 2:12])
    plain.scene.RemoveNode(plain.volume)
    assert plain.scribbles.volume is None
    plain.scene.Clear(False)
    assert plain.scribbles.node is None
    assert plain.scribbles.missing() == "Choose a volume first."


def test_scribbles_come_back_with_the_scene(plain, new_scene, tmp_path):
    plain.stroke(CORTEX, np.s_[4, 5, 2:12])
    path = str(tmp_path / "scene.mrb")
    assert plain.scene.WriteToMRB(path, None, slicer.vtkMRMLMessageCollection())
    scene = new_scene()
    assert scene.ReadFromMRB(path, True, slicer.vtkMRMLMessageCollection())
    parameters = Parameters(scene)
    parameters.node.SetNodeReferenceID("volume", scene.GetFirstNodeByName("CT").GetID())
    labels = LabelsLogic(scene, parameters)
    scribbles = ScribblesLogic(scene, parameters, labels, soon=Wait)
    parameters.node.SetNodeReferenceID("scribbles", scene.GetFirstNodeByClass("vtkMRMLSegmentationNode").GetID())
    assert scribbles.counts == {CORTEX: 10}
    assert scribbles.segmentFor(CORTEX) == "SemanticSeg_3"
    scribbles.cleanup()
    labels.cleanup()


def test_after_cleanup_nothing_is_observed(plain):
    plain.stroke(CORTEX, np.s_[4, 5, 2:12])
    node = plain.scribbles.node
    plain.scribbles.cleanup()
    plain.waits[0].cancel()
    node.GetSegmentation().RemoveAllSegments()
    plain.labels.rename(CORTEX, "gray matter")
    plain.parameters.volume = None
    assert not plain.waits[0].requested


# Segments


def test_a_selected_label_gets_an_empty_segment_that_goes_if_never_painted(plain):
    plain.stroke(CORTEX, np.s_[4, 5, 2:12])
    plain.labels.setCurrent(RIGHT)
    assert plain.segments() == {"SemanticSeg_3": "cortex", "SemanticSeg_5": "right"}
    plain.labels.setCurrent(FLUID)
    assert plain.segments() == {"SemanticSeg_3": "cortex", "SemanticSeg_6": "fluid"}
    plain.labels.setCurrent(0)
    assert plain.segments() == {"SemanticSeg_3": "cortex"}


def test_a_segment_carries_color_path_and_id_and_is_drawn_by_hand(plain):
    segment = plain.scribbles.begin().GetSegmentation().GetSegment(plain.scribbles.segmentFor(CORTEX))
    tags = {}
    for tag in (ID_TAG, "SemanticSeg.Path", "DICOM.SegmentAlgorithmType"):
        text = vtk.mutable("")
        assert segment.GetTag(tag, text)
        tags[tag] = str(text)
    assert tags == {ID_TAG: "3", "SemanticSeg.Path": "/brain/left/cortex", "DICOM.SegmentAlgorithmType": "MANUAL"}
    assert segment.GetColor() == pytest.approx((0.9, 0.6, 0.5))


def test_inner_labels_are_painted_as_leaves_are(plain):
    plain.stroke(LEFT, np.s_[4, 5, 2:12])
    assert plain.counts() == {LEFT: 10}
    assert np.count_nonzero(plain.drawn() == LEFT) == 10


def test_a_label_of_another_tree_makes_nothing(plain):
    with pytest.raises(LabelTreeError, match="label id 99"):
        plain.scribbles.segmentFor(99)
    assert plain.scribbles.node is None


def test_a_hidden_label_is_shown_when_it_is_to_be_painted(plain):
    plain.stroke(CORTEX, np.s_[4, 5, 2:12])
    display = plain.scribbles.node.GetDisplayNode()
    plain.labels.setVisible([CORTEX], False)
    assert not display.GetSegmentVisibility("SemanticSeg_3")
    plain.scribbles.segmentFor(CORTEX)
    assert display.GetSegmentVisibility("SemanticSeg_3")
    assert CORTEX not in plain.labels.hidden


def test_names_colors_and_paths_follow_the_tree(plain):
    plain.stroke(CORTEX, np.s_[4, 5, 2:12])
    plain.labels.rename(CORTEX, "gray matter")
    plain.labels.recolor([CORTEX], (0.1, 0.2, 0.3))
    plain.labels.move([CORTEX], RIGHT)
    segment = plain.scribbles.node.GetSegmentation().GetSegment("SemanticSeg_3")
    path = vtk.mutable("")
    segment.GetTag("SemanticSeg.Path", path)
    assert (segment.GetName(), str(path)) == ("gray matter", "/brain/right/gray matter")
    assert segment.GetColor() == pytest.approx((0.1, 0.2, 0.3))
    assert plain.counts() == {CORTEX: 10}


def test_the_segmentation_of_somebody_else_may_be_scribbled_in(plain):
    node = plain.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "by hand")
    node.SetReferenceImageGeometryParameterFromVolumeNode(plain.volume)
    node.CreateDefaultDisplayNodes()
    for name in ("White Matter", "tumor"):
        node.GetSegmentation().AddEmptySegment(name, name, (1.0, 0.0, 0.0))
    plain.scribbles.choose(node)
    assert plain.scribbles.strangers == ("tumor",)
    assert plain.scribbles.segmentFor(WHITE_MATTER) == "White Matter"
    assert node.GetSegmentation().GetSegment("tumor").GetColor() == (1.0, 0.0, 0.0)
    plain.stroke(WHITE_MATTER, np.s_[2, 2, 1:12])
    assert plain.counts() == {WHITE_MATTER: 11}
    plain.labels.setCurrent(CORTEX)
    plain.labels.setCurrent(RIGHT)
    assert set(plain.segments()) == {"White Matter", "tumor", "SemanticSeg_5"}  # what others made is never dropped
