"""Result nodes on real MRML: where they lie, what they keep and show, and what of it is saved."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
from mrml.result_bench import SHAPE, Parameters, Waits, names, nodes_of, paths_on, shown_values

from SemanticSegLib.logic.LabelsLogic import LabelsLogic
from SemanticSegLib.logic.ScribblesLogic import ScribblesLogic
from SemanticSegLib.logic.ShownResult import ShownResult
from SemanticSegLib.nodes.Placement import hierarchyItem
from SemanticSegLib.nodes.ResultNodes import addResult, keptNodes, resultPaths, voxelAt
from SemanticSegLib.nodes.SceneFiles import saveScene
from SemanticSegLib.nodes.SegmentationNodes import segmentTag
from SemanticSegLib.nodes.TreeNodes import treeNodes
from SemanticSegLib.nodes.VolumeNodes import addVolume, volumeGrid
from semseg_core.data.answer_paths import AnswerPaths
from semseg_core.geometry import Grid


def test_a_result_lies_on_its_volume(bench, add_transform, brain_tree):
    moved = np.eye(4)
    moved[:3, 3] = (5.0, -7.0, 11.0)
    bench.volume.SetAndObserveTransformNodeID(add_transform(moved).GetID())
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(bench.scene)
    folder = hierarchy.CreateFolderItem(hierarchy.GetSceneItemID(), "study")
    hierarchy.SetItemParent(hierarchyItem(hierarchy, bench.volume), folder)
    paths = paths_on(bench.volume, brain_tree)
    node = bench.show(paths)
    assert node.GetParentTransformNode() is bench.volume.GetParentTransformNode()
    assert hierarchy.GetItemParent(hierarchyItem(hierarchy, node)) == folder
    assert bench.shown.volume is bench.volume
    np.testing.assert_array_equal(shown_values(node)[:, 0, 0], [3] * 4 + [6] * 3 + [0] * 2)
    point = volumeGrid(bench.volume).index_to_ras(np.array([[5, 3, 2]]))[0]
    assert voxelAt(node, bench.shown.paths, point) == (5, 3, 2)
    assert voxelAt(node, bench.shown.paths, point + 1000.0) == ()


def test_segments_say_what_they_are(plain_bench, brain_tree):
    node = plain_bench.show(paths_on(plain_bench.volume, brain_tree))
    assert names(node) == ["cortex", "fluid"], "in the order of the tree"
    segment = node.GetSegmentation().GetSegment("SemanticSeg_3")
    assert segment.GetColor() == pytest.approx((0.9, 0.6, 0.5))
    assert segment.GetLabelValue() == 3
    assert segmentTag(segment, "SemanticSeg.Path") == "/brain/left/cortex"
    assert segmentTag(segment, "DICOM.SegmentAlgorithmType") == "AUTOMATIC"
    assert segmentTag(segment, "DICOM.SegmentAlgorithmName") == "SemanticSeg"


def test_label_values_are_those_of_the_tree_where_they_differ_from_ids(plain_bench, brain_tree):
    node = plain_bench.show(paths_on(plain_bench.volume, brain_tree))
    plain_bench.settings(level="1")
    np.testing.assert_array_equal(shown_values(node)[:, 0, 0], [20] * 4 + [6] * 3 + [0] * 2)


def test_the_kept_nodes_are_hidden_and_only_a_foreign_tree_is_offered(plain_bench, brain_tree, weighted_tree):
    node = plain_bench.show(paths_on(plain_bench.volume, brain_tree))
    assert [kept.GetHideFromEditors() for kept in keptNodes(node)] == [1, 1, 1]
    assert len(treeNodes(plain_bench.scene)) == 1
    other = addVolume(plain_bench.scene, "MR", np.zeros(SHAPE, dtype=np.float32), Grid(SHAPE, np.eye(4)))
    shares = np.zeros((3, *SHAPE), dtype=np.uint8)
    paths = AnswerPaths(weighted_tree, Grid(SHAPE, np.eye(4)), np.ones(SHAPE, dtype=np.uint8), shares)
    addResult(plain_bench.scene, paths, other, "another", brain_tree)
    assert [tree.GetName() for tree in treeNodes(plain_bench.scene)][1:] == ["weighted"]


def test_the_slider_works_after_the_scene_was_saved_and_opened(bench, new_scene, brain_tree, tmp_path):
    bench.show(paths_on(bench.volume, brain_tree))
    bench.settings(certainty=0.7)
    bench.scene.RemoveNode(bench.parameters.node)
    saveScene(bench.scene, tmp_path / "a.mrb")
    scene = new_scene()
    assert scene.ReadFromMRB(str(tmp_path / "a.mrb"))
    node = next(n for n in nodes_of(scene, "vtkMRMLSegmentationNode"))
    assert names(node) == ["left", "fluid"]
    paths = resultPaths(node)
    np.testing.assert_array_equal(paths.leaves, bench.shown.paths.leaves)
    np.testing.assert_array_equal(paths.shares, bench.shown.paths.shares)
    assert paths.tree == brain_tree
    assert paths.grid.same_as(bench.shown.paths.grid, 1e-3)
    parameters = Parameters(scene)
    labels = LabelsLogic(scene, parameters)
    scribbles = ScribblesLogic(scene, parameters, labels, soon=Waits())
    shown = ShownResult(scene, parameters, labels, scribbles, soon=(waits := Waits()))
    parameters.result = node
    shown.setCertainty(0.5)
    waits.settle()
    assert names(node) == ["cortex", "fluid"]
    for logic in (shown, scribbles, labels):
        logic.cleanup()


def test_a_result_whose_answers_were_deleted_says_so(plain_bench, brain_tree):
    node = plain_bench.show(paths_on(plain_bench.volume, brain_tree))
    told = []
    plain_bench.shown.failed.connect(told.append)
    plain_bench.scene.RemoveNode(keptNodes(node)[0])
    plain_bench.shown.read()
    assert plain_bench.shown.paths is None
    assert "apply it again" in told[0]
    assert names(node) == ["cortex", "fluid"], "what was shown stays"
    assert plain_bench.shown.readout((0.0, 0.0, 0.0)) == ""
