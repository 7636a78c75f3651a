"""Results on real MRML: kept answers, the slider, what is told under the cursor, scribbles and surfaces made from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import slicer
import vtk

from SemanticSegLib.logic.ApplyTargets import matchChannels
from SemanticSegLib.logic.LabelsLogic import LabelsLogic
from SemanticSegLib.logic.Measurements import labelVolumes
from SemanticSegLib.logic.ScribblesLogic import ScribblesLogic
from SemanticSegLib.logic.ShownResult import ShownResult
from SemanticSegLib.nodes.Arrays import arrayFromImage
from SemanticSegLib.nodes.DicomReadiness import exportProblems, labelsWithoutCodes
from SemanticSegLib.nodes.Placement import hierarchyItem
from SemanticSegLib.nodes.ResultNodes import addResult, keptNodes, resultPaths, segmentIds, voxelAt
from SemanticSegLib.nodes.SceneFiles import saveScene
from SemanticSegLib.nodes.SegmentationNodes import LABEL_MAP, segmentTag
from SemanticSegLib.nodes.SurfaceNodes import surfacesOf
from SemanticSegLib.nodes.TreeNodes import treeNodes
from SemanticSegLib.nodes.VolumeNodes import addVolume, volumeGrid
from semseg_core.data import answer_paths
from semseg_core.data.answer_paths import AnswerPaths
from semseg_core.errors import InputError
from semseg_core.geometry import Grid
from semseg_core.labels.tree import Code, Label, LabelTree, Terminology

LEFT, CORTEX, WHITE_MATTER, RIGHT, FLUID = 2, 3, 4, 5, 6
LEAVES = {CORTEX: 1, WHITE_MATTER: 2, RIGHT: 3, FLUID: 4}
SHAPE = (9, 11, 13)
SETTINGS = {
    "tree": None, "currentLabelId": 0, "hiddenLabelIds": [], "certainty": 0.0, "level": "auto", "showConfidence": False,
    "show3D": False, "resultOpacity": 0.5, "scribbleOpacity": 1.0, "model": "", "device": "cpu", "furtherChannels": [],
    "channelNames": "", "allFrames": False, "startModel": "",
}  # fmt: skip


class Parameters:
    """The parameter node's members that results need, on a real node; the wrapper needs the application's Python."""

    def __init__(self, scene: slicer.vtkMRMLScene) -> None:
        self.__dict__.update(SETTINGS, node=scene.AddNewNodeByClass("vtkMRMLScriptedModuleNode"))
        self.__dict__.update(AddObserver=self.node.AddObserver, RemoveObserver=self.node.RemoveObserver)

    def __getattr__(self, name: str) -> slicer.vtkMRMLNode | None:
        return self.node.GetNodeReference(name)

    def __setattr__(self, name: str, value: object) -> None:
        if name in SETTINGS:
            self.__dict__[name] = value
            self.node.Modified()
        else:
            self.node.SetNodeReferenceID(name, value.GetID() if value is not None else None)


class Wait:
    """Waits until the test says that a burst of changes is over."""

    def __init__(self, action: Callable[[], None], _delayMs: int = 0) -> None:
        self.action, self.requested = action, False

    def request(self) -> None:
        self.requested = True

    def cancel(self) -> None:
        self.requested = False


class Waits(list):
    """All that wait."""

    def __call__(self, action: Callable[[], None], delayMs: int = 0) -> Wait:
        self.append(Wait(action, delayMs))
        return self[-1]

    def settle(self) -> None:
        """Let everything that waits happen, and what that asks for."""
        while any(wait.requested for wait in self):
            for wait in self:
                if wait.requested:
                    wait.requested = False
                    wait.action()


class Desk:
    """One volume with its labels, scribbles and result."""

    def __init__(self, scene: slicer.vtkMRMLScene, volume: slicer.vtkMRMLVolumeNode, tree: LabelTree) -> None:
        self.scene, self.volume, self.waits = scene, volume, Waits()
        self.parameters = Parameters(scene)
        self.parameters.volume = volume
        self.labels = LabelsLogic(scene, self.parameters)
        self.labels.replace(tree)
        self.scribbles = ScribblesLogic(scene, self.parameters, self.labels, soon=self.waits)
        self.shown = ShownResult(scene, self.parameters, self.labels, self.scribbles, soon=self.waits)

    def show(self, paths: AnswerPaths) -> slicer.vtkMRMLSegmentationNode:
        node = addResult(self.scene, paths, self.volume, "a model", self.labels.tree)
        self.parameters.result = node
        return node

    def settings(self, **values: object) -> None:
        for name, value in values.items():
            getattr(self.shown, f"set{name[0].upper()}{name[1:]}")(value)
        self.waits.settle()

    def close(self) -> None:
        self.shown.cleanup()
        self.scribbles.cleanup()
        self.labels.cleanup()


def paths_on(volume: slicer.vtkMRMLVolumeNode, tree: LabelTree) -> AnswerPaths:
    """Three slabs along k: cortex 60 % under left 90 %, fluid 80 % in the middle, nothing known at the end."""
    leaves = np.zeros(volume.GetImageData().GetDimensions()[::-1], dtype=np.uint8)
    shares = np.zeros((2, *leaves.shape), dtype=np.uint8)
    leaves[:4], shares[0, :4], shares[1, :4] = LEAVES[CORTEX], 180, 120
    leaves[4:7], shares[:, 4:7] = LEAVES[FLUID], 160
    toRas = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(toRas)
    return AnswerPaths(tree, Grid(leaves.shape, [[toRas.GetElement(r, c) for c in range(4)] for r in range(4)]), leaves, shares)


def shown_values(node: slicer.vtkMRMLSegmentationNode) -> np.ndarray:
    """The label values of the layer that the segments share."""
    assert node.GetSegmentation().GetNumberOfLayers(LABEL_MAP) == 1
    return arrayFromImage(node.GetSegmentation().GetLayerDataObject(0, LABEL_MAP))


def names(node: slicer.vtkMRMLSegmentationNode) -> list[str]:
    segmentation = node.GetSegmentation()
    return [segmentation.GetNthSegment(index).GetName() for index in range(segmentation.GetNumberOfSegments())]


@pytest.fixture
def desk(scene, volume_node, brain_tree) -> Iterator[Desk]:
    made = Desk(scene, volume_node, brain_tree)
    yield made
    made.close()


@pytest.fixture
def plain(scene, brain_tree) -> Iterator[Desk]:
    """A desk on one grid, where the kind of grid does not matter."""
    made = Desk(scene, addVolume(scene, "CT", np.zeros(SHAPE, dtype=np.float32), Grid(SHAPE, np.eye(4))), brain_tree)
    yield made
    made.close()


# The nodes


def test_a_result_lies_on_its_volume(desk, add_transform, brain_tree):
    moved = np.eye(4)
    moved[:3, 3] = (5.0, -7.0, 11.0)
    desk.volume.SetAndObserveTransformNodeID(add_transform(moved).GetID())
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(desk.scene)
    folder = hierarchy.CreateFolderItem(hierarchy.GetSceneItemID(), "study")
    hierarchy.SetItemParent(hierarchyItem(hierarchy, desk.volume), folder)
    paths = paths_on(desk.volume, brain_tree)
    node = desk.show(paths)
    assert node.GetParentTransformNode() is desk.volume.GetParentTransformNode()
    assert hierarchy.GetItemParent(hierarchyItem(hierarchy, node)) == folder
    assert desk.shown.volume is desk.volume
    np.testing.assert_array_equal(shown_values(node)[:, 0, 0], [3] * 4 + [6] * 3 + [0] * 2)
    point = volumeGrid(desk.volume).index_to_ras(np.array([[5, 3, 2]]))[0]
    assert voxelAt(node, desk.shown.paths, point) == (5, 3, 2)
    assert voxelAt(node, desk.shown.paths, point + 1000.0) == ()


def test_segments_say_what_they_are(plain, brain_tree):
    node = plain.show(paths_on(plain.volume, brain_tree))
    assert names(node) == ["cortex", "fluid"], "in the order of the tree"
    segment = node.GetSegmentation().GetSegment("SemanticSeg_3")
    assert segment.GetColor() == pytest.approx((0.9, 0.6, 0.5))
    assert segment.GetLabelValue() == 3
    assert segmentTag(segment, "SemanticSeg.Path") == "/brain/left/cortex"
    assert segmentTag(segment, "DICOM.SegmentAlgorithmType") == "AUTOMATIC"
    assert segmentTag(segment, "DICOM.SegmentAlgorithmName") == "SemanticSeg"


def test_label_values_are_those_of_the_tree_where_they_differ_from_ids(plain, brain_tree):
    node = plain.show(paths_on(plain.volume, brain_tree))
    plain.settings(level="1")
    np.testing.assert_array_equal(shown_values(node)[:, 0, 0], [20] * 4 + [6] * 3 + [0] * 2)


def test_the_kept_nodes_are_hidden_and_only_a_foreign_tree_is_offered(plain, brain_tree, weighted_tree):
    node = plain.show(paths_on(plain.volume, brain_tree))
    assert [kept.GetHideFromEditors() for kept in keptNodes(node)] == [1, 1, 1]
    assert len(treeNodes(plain.scene)) == 1
    other = addVolume(plain.scene, "MR", np.zeros(SHAPE, dtype=np.float32), Grid(SHAPE, np.eye(4)))
    shares = np.zeros((3, *SHAPE), dtype=np.uint8)
    paths = AnswerPaths(weighted_tree, Grid(SHAPE, np.eye(4)), np.ones(SHAPE, dtype=np.uint8), shares)
    addResult(plain.scene, paths, other, "another", brain_tree)
    assert [tree.GetName() for tree in treeNodes(plain.scene)][1:] == ["weighted"]


def test_the_slider_works_after_the_scene_was_saved_and_opened(desk, new_scene, brain_tree, tmp_path):
    desk.show(paths_on(desk.volume, brain_tree))
    desk.settings(certainty=0.7)
    desk.scene.RemoveNode(desk.parameters.node)
    saveScene(desk.scene, tmp_path / "a.mrb")
    scene = new_scene()
    assert scene.ReadFromMRB(str(tmp_path / "a.mrb"))
    node = next(n for n in nodes_of(scene, "vtkMRMLSegmentationNode"))
    assert names(node) == ["left", "fluid"]
    paths = resultPaths(node)
    np.testing.assert_array_equal(paths.leaves, desk.shown.paths.leaves)
    np.testing.assert_array_equal(paths.shares, desk.shown.paths.shares)
    assert paths.tree == brain_tree
    assert paths.grid.same_as(desk.shown.paths.grid, 1e-3)
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


def nodes_of(scene: slicer.vtkMRMLScene, name: str) -> list:
    found = scene.GetNodesByClass(name)
    return [found.GetItemAsObject(index) for index in range(found.GetNumberOfItems())]


def test_a_result_whose_answers_were_deleted_says_so(plain, brain_tree):
    node = plain.show(paths_on(plain.volume, brain_tree))
    told = []
    plain.shown.failed.connect(told.append)
    plain.scene.RemoveNode(keptNodes(node)[0])
    plain.shown.read()
    assert plain.shown.paths is None
    assert "apply it again" in told[0]
    assert names(node) == ["cortex", "fluid"], "what was shown stays"
    assert plain.shown.readout((0.0, 0.0, 0.0)) == ""


# The slider


@pytest.mark.parametrize(
    ("level", "certainty", "expected"),
    [
        ("auto", 0.0, ["cortex", "fluid"]), ("auto", 0.7, ["left", "fluid"]), ("auto", 0.85, ["left"]), ("auto", 0.95, []),
        ("leaf", 0.7, ["fluid"]), ("1", 0.0, ["left", "fluid"]), ("7", 0.7, ["left", "fluid"]),
    ],
)  # fmt: skip
def test_it_shows_the_deepest_label_that_is_certain_enough(plain, brain_tree, level, certainty, expected):
    node = plain.show(paths_on(plain.volume, brain_tree))
    plain.settings(level=level, certainty=certainty)
    assert names(node) == expected
    plain.settings(level="auto", certainty=0.0)
    assert names(node) == ["cortex", "fluid"], "and back again"
    np.testing.assert_array_equal(shown_values(node)[:, 0, 0], [3] * 4 + [6] * 3 + [0] * 2)


def test_the_levels_are_those_of_the_model(plain, brain_tree):
    assert plain.shown.levels == ("auto", "leaf")
    plain.show(paths_on(plain.volume, brain_tree))
    assert plain.shown.levels == ("auto", "1", "leaf")


def test_labels_hidden_in_the_tree_are_hidden_in_the_result(plain, brain_tree):
    plain.labels.setVisible([FLUID], False)
    node = plain.show(paths_on(plain.volume, brain_tree))
    ids, display = segmentIds(node), node.GetDisplayNode()
    assert [display.GetSegmentVisibility(ids[label]) for label in (CORTEX, FLUID)] == [True, False]
    plain.labels.setVisible([FLUID], True)
    plain.labels.setVisible([CORTEX], False)
    assert [display.GetSegmentVisibility(ids[label]) for label in (CORTEX, FLUID)] == [False, True]
    plain.settings(certainty=0.95)
    plain.settings(certainty=0.0)
    assert not display.GetSegmentVisibility(segmentIds(node)[CORTEX]), "also when it comes back"


def test_names_and_colors_follow_the_tree_that_is_worked_with(plain, brain_tree):
    node = plain.show(paths_on(plain.volume, brain_tree))
    plain.labels.rename(CORTEX, "gray matter")
    plain.labels.recolor([CORTEX], (0.1, 0.2, 0.3))
    assert names(node)[0] == "gray matter"
    assert node.GetSegmentation().GetSegment("SemanticSeg_3").GetColor() == pytest.approx((0.1, 0.2, 0.3))
    assert plain.shown.paths.tree == brain_tree, "what the model said stays as it was"


def test_a_foreign_tree_with_the_same_numbers_changes_nothing(plain, brain_tree):
    node = plain.show(paths_on(plain.volume, brain_tree))
    plain.labels.replace(LabelTree((Label(1, "body", 1), *(Label(i, f"organ {i}", i, parent=1) for i in range(2, 9)))))
    assert names(node) == ["cortex", "fluid"]
    with pytest.raises(InputError, match="labels of 'six labels'"):
        plain.shown.acceptAsScribbles([CORTEX])


def test_fading_shows_both_in_full_in_the_middle(plain, brain_tree):
    node = plain.show(paths_on(plain.volume, brain_tree))
    for balance, result, scribbles in ((0.0, 0.0, 1.0), (0.5, 1.0, 1.0), (0.75, 1.0, 0.5), (1.0, 1.0, 0.0)):
        plain.settings(opacity=balance)
        assert node.GetDisplayNode().GetOpacity() == pytest.approx(result)
        assert plain.parameters.scribbleOpacity == pytest.approx(scribbles)


def test_nothing_is_shown_any_more_when_the_result_is_deleted(plain, brain_tree):
    node = plain.show(paths_on(plain.volume, brain_tree))
    plain.scene.RemoveNode(node)
    assert (plain.shown.node, plain.shown.answers) == (None, None)
    plain.settings(certainty=0.5, confidenceShown=True, surfacesShown=True, opacity=0.2)


def test_closing_the_scene_leaves_nothing_behind(plain, brain_tree, vtk_errors):
    plain.show(paths_on(plain.volume, brain_tree))
    plain.scene.Clear(0)
    assert plain.shown.node is None
    # The application removes items of the subject hierarchy with their nodes; plain MRML stumbles over them now and then.
    vtk_errors[:] = [text for text in vtk_errors if "DataNodeCache inconsistency" not in text]


# Under the cursor


def test_the_cursor_tells_the_answer_and_the_label_above(plain, brain_tree):
    plain.show(paths_on(plain.volume, brain_tree))
    assert plain.shown.readout((0.0, 0.0, 0.0)) == "cortex 60 % · left 90 %"
    assert plain.shown.readout((0.0, 0.0, 5.0)) == "fluid 80 %"
    assert plain.shown.readout((0.0, 0.0, 8.0)) == "unknown"
    assert plain.shown.readout((0.0, 0.0, 99.0)) == ""
    plain.settings(certainty=0.7)
    assert plain.shown.readout((0.0, 0.0, 0.0)) == "left 90 %"
    plain.settings(certainty=0.95)
    assert plain.shown.readout((0.0, 0.0, 0.0)) == "unknown; most likely cortex 60 % · left 90 %"
    assert plain.shown.labelAt((0.0, 0.0, 0.0)) == 0


# Confidence


def test_the_confidence_map_follows_the_slider_and_lies_over_the_image(desk, brain_tree):
    view = desk.scene.AddNewNodeByClass("vtkMRMLSliceCompositeNode")
    desk.show(paths_on(desk.volume, brain_tree))
    desk.settings(confidenceShown=True)
    node = desk.parameters.confidence
    assert view.GetForegroundVolumeID() == node.GetID()
    assert arrayFromImage(node.GetImageData())[:, 0, 0] == pytest.approx([0.6] * 4 + [0.8] * 3 + [0.0] * 2)
    assert volumeGrid(node).same_as(volumeGrid(desk.volume))
    desk.settings(certainty=0.7)
    assert desk.parameters.confidence is node
    assert arrayFromImage(node.GetImageData())[0, 0, 0] == pytest.approx(0.9)
    desk.settings(confidenceShown=False)
    assert view.GetForegroundVolumeID() is None


# Surfaces


def test_surfaces_are_made_one_by_one_for_the_groups_that_are_not_hidden(desk, brain_tree):
    node = desk.show(paths_on(desk.volume, brain_tree))
    desk.settings(surfacesShown=True)
    surfaces = {model.GetName(): model for model in surfacesOf(node)}
    assert sorted(surfaces) == ["fluid", "left"], "the groups of level 1 that have voxels"
    model = surfaces["left"]
    assert model.GetDisplayNode().GetColor() == pytest.approx(brain_tree[LEFT].color)
    grid = volumeGrid(desk.volume)
    corners = grid.index_to_ras(np.array([[k, j, i] for k in (-0.5, 3.5) for j in (-0.5, 10.5) for i in (-0.5, 12.5)]))
    bounds = np.array(model.GetPolyData().GetBounds()).reshape(3, 2)
    assert (bounds[:, 0] >= corners.min(axis=0) - 0.1).all()
    assert (bounds[:, 1] <= corners.max(axis=0) + 0.1).all()
    center = corners.mean(axis=0)
    assert np.abs(bounds.mean(axis=1) - center).max() < np.abs(np.ptp(corners, axis=0)).max() / 4
    desk.labels.setVisible([FLUID], False)
    desk.settings(surfacesShown=True)
    assert [model.GetName() for model in surfacesOf(node)] == ["left"]
    desk.settings(level="leaf")
    assert [model.GetName() for model in surfacesOf(node)] == ["cortex"], "they follow the level"
    desk.settings(surfacesShown=False)
    assert surfacesOf(node) == ()
    assert nodes_of(desk.scene, "vtkMRMLModelNode") == []


# Scribbles


def drawn(desk: Desk) -> np.ndarray:
    marks = desk.scribbles.marks().marks
    array = np.zeros(marks.grid.shape, dtype=np.int32)
    array[tuple(marks.indices.T)] = marks.label_ids
    return array


def test_accepted_labels_become_scribbles_and_never_change_strokes(plain, brain_tree):
    plain.show(paths_on(plain.volume, brain_tree))
    stroke = np.zeros(SHAPE, dtype=np.int32)
    stroke[0, 0, :5] = FLUID
    plain.scribbles.addMarks(stroke)
    assert plain.shown.acceptAsScribbles([LEFT]) == 4 * 11 * 13 - 5
    found = drawn(plain)
    assert (found[0, 0, :5] == FLUID).all()
    assert (found[1:4] == CORTEX).all()
    assert not found[4:].any()


def test_only_certain_answers_and_only_a_region_are_accepted(plain, brain_tree):
    paths = paths_on(plain.volume, brain_tree)
    paths.leaves[5] = 0  # parts the fluid in two regions
    paths.shares[:, 6, 0, 0] = 190
    plain.show(paths)
    assert plain.shown.acceptAsScribbles([brain_tree.root.id], minConfidence=0.9) == 1
    assert plain.shown.acceptAsScribbles([FLUID], point=(0.0, 0.0, 4.0)) == 11 * 13
    assert sorted(np.unique(drawn(plain)[6]).tolist()) == [0, FLUID]
    with pytest.raises(InputError, match="that certain"):
        plain.shown.acceptAsScribbles([CORTEX], minConfidence=0.8)
    with pytest.raises(InputError, match="that certain"):
        plain.shown.acceptAsScribbles([FLUID], point=(0.0, 0.0, 99.0))


def test_without_a_result_of_the_chosen_volume_nothing_is_accepted(plain, brain_tree):
    with pytest.raises(InputError, match="no result of the chosen volume"):
        plain.shown.acceptAsScribbles([CORTEX])
    plain.show(paths_on(plain.volume, brain_tree))
    plain.parameters.volume = addVolume(plain.scene, "MR", np.zeros(SHAPE, dtype=np.float32), Grid(SHAPE, np.eye(4)))
    with pytest.raises(InputError, match="no result of the chosen volume"):
        plain.shown.acceptAsScribbles([CORTEX])


# Numbers


def test_volumes_add_up_along_the_tree(brain_tree):
    volumes = {item.name: item for item in labelVolumes(brain_tree, {CORTEX: 10, LEFT: 5, FLUID: 1}, 0.002)}
    assert {name: item.voxels for name, item in volumes.items()} == {"brain": 16, "left": 15, "cortex": 10, "fluid": 1}
    assert volumes["left"].milliliters == pytest.approx(0.03)
    assert (volumes["cortex"].level, volumes["cortex"].path) == (2, "/brain/left/cortex")


# DICOM


def test_labels_without_codes_are_told_and_still_valid_for_dicom(plain):
    liver = Terminology(Code("SCT", "123037004", "Anatomical Structure"), Code("SCT", "10200004", "Liver"))
    tree = LabelTree((Label(1, "body", 1), Label(2, "liver", 2, parent=1, terminology=liver), Label(3, "rest", 3, parent=1)))
    plain.labels.replace(tree)
    leaves = np.ones(SHAPE, dtype=np.uint8)
    leaves[4:] = 2
    paths = AnswerPaths(tree, Grid(SHAPE, np.eye(4)), leaves, np.full((1, *SHAPE), 200, dtype=np.uint8))
    node = plain.show(paths)
    assert labelsWithoutCodes(node) == ("rest",)
    assert exportProblems(node) == ()
    assert plain.shown.dicomNotes() == (
        "DICOM: labels without codes would be called tissue (1: rest); choose their terminology in step 1.",
    )
    segment = node.GetSegmentation().GetSegment("SemanticSeg_3")
    segment.RemoveTag("TerminologyEntry")
    node.GetSegmentation().GetSegment("SemanticSeg_2").SetTag("DICOM.SegmentAlgorithmName", "")
    assert [text.split(":")[0] for text in exportProblems(node)] == ["segment 'liver'", "segment 'rest'"]


# Channels


def test_volumes_are_matched_to_channels_by_name(scene):
    def volume(name: str) -> slicer.vtkMRMLScalarVolumeNode:
        node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
        node.SetName(name)
        return node

    t1, flair, other = volume("case 7 T1"), volume("case-7_FLAIR"), volume("T10")
    assert matchChannels(("FLAIR", "T1"), (t1, flair, other)) == (flair, t1)
    assert matchChannels(("anything",), (other,)) == (other,)
    assert matchChannels(("image1", "image2"), (flair, t1)) == (flair, t1), "never named: in their order"
    assert matchChannels(("a", "b"), (flair, t1), ("b", "a")) == (t1, flair), "named by the user"
    with pytest.raises(
        InputError, match="channel 'T2' is missing: the model takes T1, T2, chosen are 'case 7 T1', 'case-7_FLAIR'"
    ):
        matchChannels(("T1", "T2"), (t1, flair))
    with pytest.raises(InputError, match="channel 'T1' fits several volumes"):
        matchChannels(("T1", "FLAIR"), (t1, volume("T1 again"), flair))
    with pytest.raises(InputError, match="no volume is chosen"):
        matchChannels(("T1",), ())


def test_a_large_result_is_decided_part_by_part(plain, brain_tree, monkeypatch):
    node = plain.show(paths_on(plain.volume, brain_tree))
    monkeypatch.setattr(answer_paths, "CHUNK", 100)
    monkeypatch.setattr(answer_paths, "CHUNKS_AT_ONCE", 1)
    monkeypatch.setattr("SemanticSegLib.logic.ShownResult.TURN_S", -1.0)
    plain.parameters.certainty = 0.7
    plain.shown.refresh()
    assert names(node) == ["cortex", "fluid"], "what was shown stays until the new one is there"
    plain.waits.settle()
    assert names(node) == ["left", "fluid"]
    plain.parameters.certainty = 0.0
    plain.shown.refresh()
    plain.shown.finish()
    assert names(node) == ["cortex", "fluid"]
