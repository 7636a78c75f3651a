from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import slicer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from SemanticSegLib.logic.LabelsLogic import LabelsLogic
from SemanticSegLib.logic.TreeEdits import matched
from SemanticSegLib.nodes.SegmentationNodes import addSegmentation
from SemanticSegLib.nodes.TreeNodes import addTree, readTree, writeTree
from semseg_core.data.segments import ID_TAG, terminology_entry
from semseg_core.errors import InputError, LabelTreeError
from semseg_core.labels.edit import Remap
from semseg_core.labels.presets.catalog import load_preset
from semseg_core.labels.tree import Code, Label, LabelTree, Terminology


class Strokes:
    """Marks of three voxels a label, which follow the tree as scribbles do."""

    def __init__(self, labels: LabelsLogic) -> None:
        self.voxels = np.repeat([label.id for label in labels.tree], 3)
        labels.carryMarks = self.carry
        labels.marksOf = self.marks_of

    def marks_of(self, label_ids) -> dict[int, int]:
        return {label_id: int((self.voxels == label_id).sum()) for label_id in label_ids if label_id in self.voxels}

    def carry(self, remap: Remap):
        before = self.voxels.copy()
        for old, new in remap.ids.items():
            self.voxels[before == old] = new or 0
        after = self.voxels.copy()

        def take_back():
            self.voxels[self.voxels == after] = before[self.voxels == after]

        return take_back


@pytest.fixture
def new_labels():
    """Makes use cases of labels; they stop observing before their scene goes."""
    made = []

    def make(scene, node=None) -> LabelsLogic:
        # What is needed of the parameter node; the real one needs the application's Python.
        made.append(LabelsLogic(scene, SimpleNamespace(tree=node, currentLabelId=0, hiddenLabelIds=[])))
        return made[-1]

    yield make
    for labels in made:
        labels.cleanup()


@pytest.fixture
def labels(new_labels, scene, brain_tree):
    logic = new_labels(scene)
    logic.replace(brain_tree)
    return logic


def heard(signal) -> list[tuple]:
    """Everything a signal says from now on."""
    said = []
    signal.connect(lambda *arguments: said.append(arguments))
    return said


def test_without_a_tree_edits_are_refused_in_a_sentence(scene, new_labels):
    labels = new_labels(scene)
    assert labels.tree is None
    with pytest.raises(LabelTreeError, match="choose a preset or start an empty one"):
        labels.add(1, "liver")


def test_every_edit_is_written_into_the_node_and_told(labels):
    said = heard(labels.treeChanged)
    labels.rename(3, "gray matter")
    assert labels.tree[3].name == "gray matter"
    assert readTree(labels._parameters.tree) == labels.tree
    assert said == [(labels.tree, Remap())]
    assert (labels.undoable.kind, labels.undoable.subject) == ("rename", "cortex")


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (lambda labels: labels.rename(3, "white matter"), "already has a child of this name"),
        (lambda labels: labels.rename(3, " "), "must not be empty"),
        (lambda labels: labels.move([2], 3), "lies below it"),
        (lambda labels: labels.remove([1]), "it is the root"),
        (lambda labels: labels.setValue(3, 4), "value 4 is also that of"),
        (lambda labels: labels.setLength(3, -1.0), "edge length"),
        (lambda labels: labels.add(99, "liver"), "not in the tree"),
        (lambda labels: labels.setCurrent(99), "not in the tree"),
    ],
)
def test_an_edit_that_is_refused_changes_nothing(labels, brain_tree, edit, reason):
    said = heard(labels.treeChanged)
    with pytest.raises(LabelTreeError, match=reason):
        edit(labels)
    assert labels.tree == brain_tree == readTree(labels._parameters.tree)
    assert said == []
    assert labels.undoable is None


def test_an_edit_that_changes_nothing_is_no_step(labels):
    labels.rename(3, " cortex ")
    labels.move([3], 2, 0)
    assert labels.undoable is None


def test_several_labels_move_together_in_their_order(labels):
    labels.move([6, 3, 4], 5)
    assert [label.name for label in labels.tree.children(5)] == ["cortex", "white matter", "fluid"]
    labels.undo()
    labels.move([6, 5], 1, 0)
    assert [label.name for label in labels.tree.children(1)] == ["right", "fluid", "left"]


def test_a_place_counts_the_moved_label_itself(labels):
    labels.move([2], 1, 2)
    assert [label.name for label in labels.tree.children(1)] == ["right", "left", "fluid"]


def test_what_lies_below_a_chosen_label_is_removed_with_it_once(labels):
    labels.remove([2, 3])
    assert [label.name for label in labels.tree] == ["brain", "right", "fluid"]
    assert labels.undoable.subject == "left"


@pytest.mark.parametrize(("marks_to", "heir"), [("parent", 1), ("discard", 0), (5, 5)])
def test_undo_brings_removed_labels_and_their_strokes_back(labels, brain_tree, marks_to, heir):
    strokes = Strokes(labels)
    drawn = strokes.voxels.copy()
    labels.remove([2], marks_to)
    assert set(strokes.voxels[np.isin(drawn, (2, 3, 4))].tolist()) == {heir}
    labels.undo()
    assert labels.tree == brain_tree
    assert (strokes.voxels == drawn).all()
    labels.redo()
    assert set(strokes.voxels[np.isin(drawn, (2, 3, 4))].tolist()) == {heir}


def test_undo_keeps_what_was_painted_since(labels):
    strokes = Strokes(labels)
    labels.merge([3], 4)
    strokes.voxels[strokes.voxels == 5] = 6
    labels.undo()
    assert strokes.marks_of([3, 4, 5, 6]) == {3: 3, 4: 3, 6: 6}


def test_strokes_lie_as_the_tree_says_when_the_tree_is_told(labels):
    strokes = Strokes(labels)
    fits = []
    labels.treeChanged.connect(lambda tree, _remap: fits.append(all(i in tree for i in strokes.voxels.tolist())))
    labels.merge([3], 4)
    labels.undo()
    labels.redo()
    assert fits == [True, True, True]


def test_the_current_label_goes_where_its_marks_go(labels):
    said = heard(labels.currentChanged)
    labels.setCurrent(3)
    labels.remove([3], 5)
    labels.remove([5], "discard")
    assert said == [(3,), (5,), (1,)]
    assert labels.currentLabelId == 1


def test_the_current_label_is_in_the_tree_whenever_a_tree_is_told(labels):
    labels.setCurrent(3)
    current = []
    labels.treeChanged.connect(lambda tree, _remap: current.append(labels.currentLabelId in tree))
    labels.remove([2])
    labels.undo()
    assert current == [True, True]


def test_whoever_hears_of_a_tree_can_ask_what_undo_would_do(labels):
    subjects = []
    labels.treeChanged.connect(lambda _tree, _remap: subjects.append(labels.undoable and labels.undoable.subject))
    labels.rename(3, "gray matter")
    labels.undo()
    assert subjects == ["cortex", None]


def test_visibility_is_kept_with_the_parameters(labels):
    said = heard(labels.visibilityChanged)
    labels.setVisible([3, 4], False)
    labels.setVisible([3], True)
    labels.setVisible([3], True)
    assert said == [(frozenset({3, 4}), False), (frozenset({3}), True)]
    assert labels._parameters.hiddenLabelIds == [4]


def test_a_text_changed_by_others_is_read_again_and_its_past_forgotten(labels, brain_tree):
    labels.rename(3, "gray matter")
    said = heard(labels.treeChanged)
    writeTree(labels._parameters.tree, brain_tree)
    assert labels.tree == brain_tree
    assert said == [(brain_tree, None)]
    assert labels.undoable is None


def test_a_damaged_text_says_what_is_wrong(labels):
    labels._parameters.tree.SetText("slept badly")
    assert labels.tree is None
    assert "holds no label tree" in labels.problem


def test_nothing_is_left_after_the_scene_is_closed(scene, labels):
    labels.setCurrent(3)
    labels.rename(3, "gray matter")
    said = heard(labels.treeChanged)
    scene.Clear(False)
    assert said == [(None, None)]
    assert (labels.tree, labels.undoable, labels.currentLabelId) == (None, None, 0)


def test_a_tree_comes_back_with_its_scene(new_scene, new_labels, labels, tmp_path):
    labels.rename(3, "gray matter")
    labels.scene.SetURL(str(tmp_path / "scene.mrml"))
    assert labels.scene.Commit()
    scene = new_scene()
    scene.SetURL(str(tmp_path / "scene.mrml"))
    assert scene.Import()
    # The parameter node of another session may not name the tree: one marked as a label tree is taken.
    assert new_labels(scene).tree == labels.tree


def test_nobody_is_observed_after_cleaning_up(scene, labels):
    said = heard(labels.treeChanged)
    labels.cleanup()
    writeTree(labels._parameters.tree, load_preset("brain-tissue"))
    scene.Clear(False)
    assert said == []


def test_another_tree_keeps_strokes_whose_labels_it_has(labels):
    strokes = Strokes(labels)
    asked = []
    labels.confirmLoss = lambda voxels: asked.append(voxels) or True
    other = LabelTree(tuple(label for label in labels.tree if label.id != 6), title="five labels", next_id=0)
    labels.replace(other)
    assert asked == [3]
    assert strokes.marks_of(range(7)) == {0: 3, 1: 3, 2: 3, 3: 3, 4: 3, 5: 3}
    labels.undo()
    assert strokes.marks_of(range(7)) == dict.fromkeys(range(1, 7), 3)


def test_strokes_are_not_lost_to_another_tree_unless_that_is_wanted(labels, brain_tree):
    Strokes(labels)
    labels.confirmLoss = lambda _voxels: False
    labels.load("ct-organs")
    assert labels.tree == brain_tree


def test_labels_of_another_tree_are_found_by_name_and_codes_not_by_number():
    liver = Terminology(Code("SCT", "123037004", "Anatomical Structure"), Code("SCT", "10200004", "Liver"))
    old = LabelTree(_numbered("body", "liver", "spleen", terminology={"liver": liver}))
    new = LabelTree(_numbered("abdomen", "spleen", "hepar", terminology={"hepar": liver}))
    assert dict(matched(old, new).ids) == {1: None, 2: 3, 3: 2}


def _numbered(root, *names, terminology):
    below = (Label(n, name, n, parent=1, terminology=terminology.get(name)) for n, name in enumerate(names, start=2))
    return (Label(1, root, 1), *below)


@pytest.mark.parametrize("suffix", [".json", ".csv", ".txt"])
def test_a_written_tree_is_read_back(labels, tmp_path, suffix):
    labels.save(tmp_path / f"labels{suffix}")
    paths = set(labels.tree.by_path)
    labels.load("brain-tissue")
    labels.load(tmp_path / f"labels{suffix}")
    assert set(labels.tree.by_path) == paths


def test_a_file_that_is_not_there_is_named(labels, brain_tree):
    with pytest.raises(InputError, match=r"nothing\.json"):
        labels.load("nothing.json")
    assert labels.tree == brain_tree


def test_a_tree_of_a_segmentation_of_ours_is_the_same_tree(labels, scene, volume_node, brain_tree):
    ids = np.zeros(volume_node.GetImageData().GetDimensions()[::-1], dtype=np.int32)
    ids.flat[:5] = (2, 3, 4, 5, 6)
    node = addSegmentation(scene, "result", ids, volume_node, brain_tree)
    labels.fromSegmentation(node)
    assert {path: label.id for path, label in labels.tree.by_path.items() if label.id in (2, 3, 4, 5, 6)} == {
        path: label.id for path, label in brain_tree.by_path.items() if label.id != 1
    }
    assert labels.tree[3].value == 3


def test_segments_of_others_become_labels_under_one_root_or_by_category(scene, new_labels):
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "organs")
    structure, substance = Code("SCT", "123037004", "Anatomical Structure"), Code("SCT", "91720002", "Body Substance")
    for name, category in (("liver", structure), ("blood", substance), ("spleen", structure)):
        segment = slicer.vtkSegment()
        segment.SetName(name)
        segment.SetTerminology(terminology_entry(Terminology(category, Code("SCT", "1", name))))
        node.GetSegmentation().AddSegment(segment)
    labels = new_labels(scene)
    labels.fromSegmentation(node)
    assert set(labels.tree.by_path) == {"/organs", "/organs/liver", "/organs/blood", "/organs/spleen"}
    labels.fromSegmentation(node, "category")
    assert "/organs/Anatomical Structure/spleen" in labels.tree.by_path
    assert labels.tree.find("blood").terminology.category == substance


def test_segments_that_carry_one_id_twice_get_ids_of_their_own(scene, new_labels):
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "copied")
    for name in ("liver", "liver copy"):
        node.GetSegmentation().AddEmptySegment(name, name)
        node.GetSegmentation().GetSegment(name).SetTag(ID_TAG, "7")
    labels = new_labels(scene)
    labels.fromSegmentation(node)
    assert len(labels.tree.leaves) == 2


def test_a_color_table_becomes_a_tree_with_its_values(scene, new_labels):
    node = scene.AddNewNodeByClass("vtkMRMLColorTableNode", "organs")
    node.SetTypeToUser()
    node.SetNumberOfColors(10)
    node.SetColor(7, "liver", 0.5, 0.25, 0.0)
    node.SetColor(9, "spleen", 0.0, 0.0, 1.0)
    labels = new_labels(scene)
    labels.fromColors(node)
    assert {label.name: label.value for label in labels.tree.leaves} == {"liver": 7, "spleen": 9}
    assert labels.tree.find("liver").color == pytest.approx((0.5, 0.25, 0.0), abs=0.003)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "rename", "move", "merge", "remove", "recolor", "setValue", "undo", "redo"]),
        st.integers(0, 30),
        st.integers(0, 30),
        st.sampled_from(["parent", "discard"]),
    ),
    max_size=12,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_whatever_is_edited_node_tree_and_strokes_keep_step(scene, new_labels, brain_tree, steps):
    labels = new_labels(scene, addTree(scene, brain_tree))
    strokes = Strokes(labels)
    drawn = strokes.voxels.copy()
    for gesture, first, second, marks_to in steps:
        ids = [label.id for label in labels.tree]
        one, other = ids[first % len(ids)], ids[second % len(ids)]
        gestures = {
            "add": lambda one=one, second=second: labels.add(one, f"new {second}"),
            "rename": lambda one=one, second=second: labels.rename(one, f"name {second}"),
            "move": lambda one=one, other=other: labels.move([one], other),
            "merge": lambda one=one, other=other: labels.merge([one], other),
            "remove": lambda one=one, marks_to=marks_to: labels.remove([one], marks_to),
            "recolor": lambda one=one, second=second: labels.recolor([one], (second / 30, 0.0, 1.0)),
            "setValue": lambda one=one, second=second: labels.setValue(one, second),
            "undo": labels.undo,
            "redo": labels.redo,
        }
        before = labels.tree
        try:
            gestures[gesture]()
        except LabelTreeError:
            assert labels.tree == before
        assert readTree(labels._parameters.tree) == labels.tree
        assert all(label_id == 0 or label_id in labels.tree for label_id in strokes.voxels.tolist())
    while labels.undoable:
        labels.undo()
    assert labels.tree == brain_tree == readTree(labels._parameters.tree)
    assert (strokes.voxels == drawn).all()
