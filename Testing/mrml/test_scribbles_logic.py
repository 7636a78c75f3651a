"""Scribbles on real MRML: strokes are drawn, undone and redone by the logic of Slicer's own segment editor."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest
import slicer
import vtk

from SemanticSegLib.logic.LabelsLogic import LabelsLogic
from SemanticSegLib.logic.ScribblesLogic import ScribblesLogic
from SemanticSegLib.nodes.Arrays import arrayFromImage
from SemanticSegLib.nodes.Placement import hierarchyItem
from SemanticSegLib.nodes.VolumeNodes import addVolume, volumeGrid
from semseg_core.data.segments import ID_TAG
from semseg_core.errors import InputError, LabelTreeError, ShapeError
from semseg_core.geometry import Grid
from semseg_core.labels.presets.catalog import load_preset
from semseg_core.labels.tree import LabelTree

CORTEX, WHITE_MATTER, RIGHT, FLUID, LEFT = 3, 4, 5, 6, 2
SHAPE = (9, 11, 13)


class Parameters:
    """The parameter node's members that scribbles need, on a real node; the wrapper needs the application's Python."""

    def __init__(self, scene: slicer.vtkMRMLScene) -> None:
        self.node = scene.AddNewNodeByClass("vtkMRMLScriptedModuleNode")
        self.AddObserver, self.RemoveObserver = self.node.AddObserver, self.node.RemoveObserver
        self.tree, self.currentLabelId, self.hiddenLabelIds = None, 0, []

    @property
    def volume(self):
        return self.node.GetNodeReference("volume")

    @volume.setter
    def volume(self, volume):
        self.node.SetNodeReferenceID("volume", volume.GetID() if volume else None)

    @property
    def scribbles(self):
        return self.node.GetNodeReference("scribbles")

    @scribbles.setter
    def scribbles(self, scribbles):
        self.node.SetNodeReferenceID("scribbles", scribbles.GetID() if scribbles else None)


class Wait:
    """Waits until the test says that the burst of changes is over."""

    def __init__(self, action: Callable[[], None]) -> None:
        self.action, self.requested = action, False

    def request(self) -> None:
        self.requested = True

    def cancel(self) -> None:
        self.requested = False


class Desk:
    """One volume, its labels and scribbles, and a segment editor to draw with."""

    def __init__(self, scene: slicer.vtkMRMLScene, volume: slicer.vtkMRMLVolumeNode, tree: LabelTree) -> None:
        self.scene, self.volume = scene, volume
        self.parameters = Parameters(scene)
        self.parameters.volume = volume
        self.labels = LabelsLogic(scene, self.parameters)
        self.labels.replace(tree)
        self.waits: list[Wait] = []
        self.scribbles = ScribblesLogic(scene, self.parameters, self.labels, soon=self._wait)
        self.editor = slicer.vtkSlicerSegmentEditorLogic()
        self.editor.SetMRMLScene(scene)
        self.editorNode = scene.AddNewNodeByClass("vtkMRMLSegmentEditorNode")
        self.editor.SetSegmentEditorNode(self.editorNode)

    def _wait(self, action: Callable[[], None]) -> Wait:
        self.waits.append(Wait(action))
        return self.waits[-1]

    def stroke(self, label_id: int, *places: tuple, erase: bool = False) -> None:
        """Select a label and draw one stroke over places, each an index of the volume's array."""
        self.labels.setCurrent(label_id)
        segment_id = self.scribbles.segmentFor(label_id)
        self.editorNode.SetAndObserveSegmentationNode(self.scribbles.node)
        self.editorNode.SetAndObserveSourceVolumeNode(self.volume)
        self.editorNode.SetSelectedSegmentID(segment_id)
        assert self.editor.SaveStateForUndo()
        assert self.editor.ResetModifierLabelmapToDefault()
        modifier = self.editor.GetModifierLabelmap()
        arrayFromImage(modifier)[...] = 0
        for place in places:
            arrayFromImage(modifier)[place] = 1
        modifier.Modified()
        mode = self.editor.ModificationModeRemoveAll if erase else self.editor.ModificationModeAdd
        self.editor.ModifySegmentByLabelmap(self.scribbles.node, segment_id, modifier, mode, False, False)

    def drawn(self) -> np.ndarray:
        """Label ids on the volume's voxels, as training would see them."""
        marks = self.scribbles.marks().marks
        array = np.zeros(marks.grid.shape, dtype=np.int32)
        array[tuple(marks.indices.T)] = marks.label_ids
        return array

    def counts(self) -> dict[int, int]:
        self.scribbles.refresh()
        return self.scribbles.counts

    def segments(self) -> dict[str, str]:
        """Names of segments by id."""
        segmentation = self.scribbles.node.GetSegmentation()
        ids = segmentation.GetSegmentIDs()
        return {segment_id: segmentation.GetSegment(segment_id).GetName() for segment_id in ids}

    def close(self) -> None:
        self.scribbles.cleanup()
        self.labels.cleanup()


@pytest.fixture
def new_desk():
    made = []

    def make(scene, volume, tree) -> Desk:
        made.append(Desk(scene, volume, tree))
        return made[-1]

    yield make
    for desk in made:
        desk.close()


@pytest.fixture
def desk(new_desk, scene, volume_node, brain_tree) -> Desk:
    return new_desk(scene, volume_node, brain_tree)


@pytest.fixture
def plain(new_desk, scene, brain_tree) -> Desk:
    """A desk on one grid, where the kind of grid does not matter."""
    volume = addVolume(scene, "CT", np.arange(np.prod(SHAPE), dtype=np.float32).reshape(SHAPE), Grid(SHAPE, np.eye(4)))
    return new_desk(scene, volume, brain_tree)


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


# Strokes


def test_a_voxel_has_one_label_the_last_one_painted(plain):
    plain.stroke(CORTEX, np.s_[4, 5, 2:12])
    plain.stroke(RIGHT, np.s_[4, 3:9, 6])
    assert plain.counts() == {CORTEX: 9, RIGHT: 6}
    assert plain.drawn()[4, 5, 6] == RIGHT
    assert plain.scribbles.node.GetSegmentation().GetNumberOfLayers() == 1


def test_strokes_are_undone_and_redone_one_by_one(plain):
    plain.stroke(CORTEX, np.s_[4, 5, 2:12])
    plain.stroke(CORTEX, np.s_[6, 5, 2:12])
    plain.stroke(RIGHT, np.s_[4, 3:9, 6])
    seen = []
    for step in (plain.editor.Undo, plain.editor.Undo, plain.editor.Redo, plain.editor.Redo):
        step()
        plain.scribbles.followUndo()
        seen.append(plain.counts())
    both = {CORTEX: 20}
    assert seen == [both, {CORTEX: 10}, both, {CORTEX: 19, RIGHT: 6}]


def test_undo_that_takes_the_selected_segment_away_goes_back_to_the_label_before(plain):
    plain.stroke(CORTEX, np.s_[4, 5, 2:12])
    plain.stroke(RIGHT, np.s_[4, 3:9, 6])
    plain.editor.Undo()
    plain.editor.Undo()
    plain.scribbles.followUndo()
    assert plain.labels.currentLabelId == CORTEX
    assert plain.editor.CanRedo()


def test_undo_does_not_bring_back_an_old_name(plain):
    plain.stroke(CORTEX, np.s_[4, 5, 2:12])
    plain.stroke(CORTEX, np.s_[6, 5, 2:12])
    plain.labels.rename(CORTEX, "gray matter")
    plain.editor.Undo()
    assert plain.waits[0].requested
    plain.scribbles.refresh()
    assert plain.segments() == {"SemanticSeg_3": "gray matter"}
    assert plain.scribbles.counts == {CORTEX: 10}


def test_the_label_under_a_point_is_found_in_the_world(desk, add_transform):
    desk.volume.SetAndObserveTransformNodeID(add_transform(np.diag((-1.0, 2.0, 1.0, 1.0))).GetID())
    desk.stroke(CORTEX, np.s_[4, 5, 2:12])
    desk.stroke(RIGHT, np.s_[4, 6, 2:12])
    grid = desk.scribbles.marks().marks.grid
    points = grid.index_to_ras(np.array([(4, 5, 3), (4, 6, 3), (4, 7, 3), (0, 0, 0)]))
    assert [desk.scribbles.labelAt(tuple(point)) for point in points] == [CORTEX, RIGHT, 0, 0]


# Counts


def test_a_burst_of_changes_is_counted_once(plain):
    heard = []
    plain.scribbles.countsChanged.connect(lambda counts, warnings: heard.append((counts, warnings)))
    plain.stroke(CORTEX, np.s_[4, 5:9, 2:12])
    heard.clear()
    plain.stroke(CORTEX, np.s_[2, 5, 2:12])
    plain.stroke(CORTEX, np.s_[3, 6, 2:12])
    assert heard == []
    assert plain.waits[0].requested
    plain.waits[0].action()
    assert heard == [({CORTEX: 60}, {})]
    assert not plain.waits[0].requested


def test_too_little_is_said_in_words(plain):
    plain.stroke(CORTEX, np.s_[4, 5:9, 2:12])
    plain.stroke(WHITE_MATTER, np.s_[6:8, 5, 2:4])
    plain.stroke(FLUID, np.s_[0:2, 0:3, 0:3])
    plain.scribbles.refresh()
    assert plain.scribbles.counts == {CORTEX: 40, WHITE_MATTER: 4, FLUID: 18}
    assert plain.scribbles.warnings == {
        CORTEX: "One slice only: scribble on another slice too, best in another direction.",
        WHITE_MATTER: "Fewer than 10 voxels: draw longer strokes.",
    }


def test_a_whole_branch_without_strokes_is_named_once_at_its_top(plain):
    plain.stroke(FLUID, np.s_[0:2, 0:3, 0:3])
    plain.scribbles.refresh()
    assert set(plain.scribbles.warnings) == {LEFT}
    assert plain.scribbles.warnings[LEFT].startswith("Nothing is scribbled in this whole branch")


def test_counting_148_labels_on_a_large_volume_takes_a_moment(new_desk, scene):
    shape = (192, 192, 192)
    grid = Grid(shape, np.eye(4))
    volume = addVolume(scene, "large", np.arange(np.prod(shape), dtype=np.float32).reshape(shape), grid)
    desk = new_desk(scene, volume, load_preset("whole-brain"))
    leaves = [leaf.id for leaf in desk.labels.tree.leaves]
    label_ids = np.zeros(shape, dtype=np.int32)
    places = np.random.default_rng(0).choice(label_ids.size, 40 * len(leaves), replace=False)
    label_ids.ravel()[places] = np.repeat(leaves, 40)
    assert desk.scribbles.addMarks(label_ids) == 40 * len(leaves)
    started = time.perf_counter()
    desk.scribbles.refresh()
    assert time.perf_counter() - started < 1.0  # 0.1 s on a quiet machine
    assert desk.scribbles.counts == dict.fromkeys(leaves, 40)


# Accepting regions


def test_accepted_regions_never_overwrite_strokes(plain):
    plain.stroke(CORTEX, np.s_[4, 5, 2:12])
    region = np.zeros(SHAPE, dtype=np.int32)
    region[4, 4:7] = RIGHT
    heard = []
    plain.scribbles.aboutToAdd.connect(lambda: heard.append(np.count_nonzero(plain.drawn())))
    assert plain.scribbles.addMarks(region) == 3 * 13 - 10
    assert heard == [10]  # before anything changed
    assert plain.counts() == {CORTEX: 10, RIGHT: 29}
    np.testing.assert_array_equal(plain.drawn()[4, 5], [RIGHT] * 2 + [CORTEX] * 10 + [RIGHT])


def test_accepted_regions_are_exact_on_any_grid_and_grow_the_layer(desk):
    desk.stroke(CORTEX, np.s_[4, 5, 6])
    region = np.zeros(SHAPE, dtype=np.int32)
    region[0, 0, 0], region[8, 10, 12], region[4, 5, 7] = RIGHT, FLUID, LEFT
    assert desk.scribbles.addMarks(region, overwrite=True) == 3
    region[4, 5, 6] = CORTEX
    np.testing.assert_array_equal(desk.drawn(), region)


def test_accepted_regions_land_on_a_lattice_with_turned_axes(desk, scene):
    own = desk.volume
    turned = Grid(
        SHAPE[::-1], volumeGrid(desk.volume).ijk_to_ras @ np.array([[0, 0, 1, 0], [0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1.0]])
    )
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "turned")
    node.CreateDefaultDisplayNodes()
    node.SetReferenceImageGeometryParameterFromVolumeNode(addVolume(scene, "turned", np.zeros(turned.shape, np.float32), turned))
    desk.scribbles.choose(node)
    assert desk.volume is own
    region = np.zeros(SHAPE, dtype=np.int32)
    region[2:4, 5, 1:12], region[8, 10, 12] = RIGHT, FLUID
    assert desk.scribbles.addMarks(region) == 23
    np.testing.assert_array_equal(desk.drawn(), region)
    sketch = desk.scribbles.sketch(volumeGrid(desk.volume))
    np.testing.assert_array_equal(sketch.to_label_map(desk.labels.tree) > 0, region > 0)


def test_a_sketch_keeps_few_voxels_of_large_regions_and_all_of_small_ones(new_desk, scene, brain_tree):
    shape = (110, 110, 110)
    volume = addVolume(scene, "large", np.zeros(shape, dtype=np.float32), Grid(shape, np.eye(4)))
    desk = new_desk(scene, volume, brain_tree)
    region = np.full(shape, RIGHT, dtype=np.int32)
    region[5, 5, :20] = CORTEX
    desk.scribbles.addMarks(region)
    counts = desk.scribbles.sketch(Grid(shape, np.eye(4))).counts()
    assert counts[CORTEX] == 20
    assert 300_000 < counts[RIGHT] < 700_000


def test_accepting_may_replace_strokes_where_asked(plain):
    plain.stroke(CORTEX, np.s_[4, 5, 2:12])
    region = np.zeros(SHAPE, dtype=np.int32)
    region[4, 5, :7] = RIGHT
    assert plain.scribbles.addMarks(region, overwrite=True) == 7
    assert plain.counts() == {CORTEX: 5, RIGHT: 7}


def test_accepted_regions_can_be_undone_as_one_stroke(plain):
    plain.stroke(CORTEX, np.s_[4, 5, 2:12])
    plain.scribbles.aboutToAdd.connect(plain.editor.SaveStateForUndo)
    region = np.full(SHAPE, RIGHT, dtype=np.int32)
    plain.scribbles.addMarks(region)
    plain.editor.Undo()
    assert plain.counts() == {CORTEX: 10}
    plain.editor.Redo()
    assert plain.counts() == {CORTEX: 10, RIGHT: region.size - 10}


def test_painting_goes_on_over_accepted_regions(plain):
    plain.scribbles.addMarks(np.full(SHAPE, RIGHT, dtype=np.int32))
    plain.stroke(CORTEX, np.s_[4, 5, 2:12])
    assert plain.counts() == {CORTEX: 10, RIGHT: np.prod(SHAPE) - 10}


def test_regions_of_another_volume_are_refused(plain):
    with pytest.raises(ShapeError, match="accepted regions"):
        plain.scribbles.addMarks(np.ones((2, 2, 2), dtype=np.int32))


def test_hundreds_of_labels_fit_in_one_layer(new_desk, scene):
    volume = addVolume(scene, "CT", np.arange(1000, dtype=np.float32).reshape(10, 10, 10), Grid((10, 10, 10), np.eye(4)))
    desk = new_desk(scene, volume, load_preset("whole-brain"))
    label_ids = np.zeros((10, 10, 10), dtype=np.int32)
    every = [label.id for label in desk.labels.tree]
    label_ids.ravel()[: len(every)] = every
    desk.scribbles.addMarks(label_ids)
    np.testing.assert_array_equal(desk.drawn(), label_ids)


# Edits of the tree


def test_removing_a_label_moves_its_strokes_up_and_undo_brings_them_back(plain):
    plain.stroke(CORTEX, np.s_[4, 5, 2:12])
    plain.stroke(WHITE_MATTER, np.s_[6, 5, 2:12])
    before = plain.drawn()
    plain.labels.setCurrent(0)
    carried = []
    plain.scribbles.carried.connect(lambda: carried.append(1))
    plain.labels.remove([CORTEX, WHITE_MATTER])
    assert plain.counts() == {LEFT: 20}
    assert set(plain.segments()) == {"SemanticSeg_2"}
    plain.labels.undo()
    np.testing.assert_array_equal(plain.drawn(), before)
    assert plain.segments() == {"SemanticSeg_3": "cortex", "SemanticSeg_4": "white matter"}
    plain.labels.redo()
    assert plain.counts() == {LEFT: 20}
    assert len(carried) == 3


def test_strokes_of_a_removed_label_may_be_discarded_or_given_to_a_sibling(plain):
    plain.stroke(CORTEX, np.s_[4, 5, 2:12])
    plain.labels.remove([CORTEX], "discard")
    assert plain.counts() == {}
    plain.labels.undo()
    plain.labels.remove([CORTEX], WHITE_MATTER)
    assert plain.counts() == {WHITE_MATTER: 10}
    plain.labels.undo()
    assert plain.counts() == {CORTEX: 10}


def test_merging_puts_strokes_together_and_undo_parts_them_again(plain):
    plain.stroke(CORTEX, np.s_[4, 5, 2:12])
    plain.stroke(RIGHT, np.s_[6, 5, 2:12])
    before = plain.drawn()
    plain.labels.merge([CORTEX], RIGHT)
    assert plain.counts() == {RIGHT: 20}
    plain.labels.undo()
    np.testing.assert_array_equal(plain.drawn(), before)


def test_undo_of_a_tree_edit_leaves_what_was_painted_since(plain):
    plain.stroke(CORTEX, np.s_[4, 5, 2:12])
    plain.labels.remove([CORTEX])
    plain.stroke(FLUID, np.s_[4, 5, 2:6])
    plain.stroke(RIGHT, np.s_[7, 5, 2:6])
    plain.labels.undo()
    assert plain.counts() == {CORTEX: 6, FLUID: 4, RIGHT: 4}


def test_two_labels_may_exchange_their_ids(plain):
    plain.stroke(CORTEX, np.s_[4, 5, 2:12])
    plain.stroke(RIGHT, np.s_[6, 5, 2:5])
    tree = plain.labels.tree
    swapped = {CORTEX: RIGHT, RIGHT: CORTEX}
    other = LabelTree(
        tuple(type(label)(swapped.get(label.id, label.id), label.name, label.value, label.parent, label.color) for label in tree)
    )
    plain.labels.replace(other)
    assert plain.counts() == {RIGHT: 10, CORTEX: 3}
    assert plain.segments()["SemanticSeg_5"] == "cortex"
    plain.labels.undo()
    assert plain.counts() == {CORTEX: 10, RIGHT: 3}


def test_the_tree_asks_for_the_voxels_of_a_label_as_they_are_now(plain):
    plain.stroke(CORTEX, np.s_[4, 5, 2:12])
    assert plain.labels.marksOf([CORTEX, RIGHT]) == {CORTEX: 10}
