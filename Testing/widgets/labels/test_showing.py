from __future__ import annotations

import pytest
import qt
from host import answers, gestures
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from widgets.labels_desk import Editor, shape_of

from SemanticSegLib.widgets.LabelTreeView import NAME, VALUE, VISIBLE, VOXELS
from semseg_core.errors import LabelTreeError
from semseg_core.labels.reading import save_tree


def test_hiding_a_label_hides_all_below_and_marks_those_above(brain):
    told = []
    brain.labels.visibilityChanged.connect(lambda ids, visible: told.append((ids, visible)))
    gestures.check_row(brain.view, brain.item("left"), VISIBLE)
    assert told == [(frozenset({2, 3, 4}), False)]
    states = {name: brain.item(name).checkState(VISIBLE) for name in ("brain", "left", "cortex", "right")}
    assert states == {
        "brain": qt.Qt.PartiallyChecked,
        "left": qt.Qt.Unchecked,
        "cortex": qt.Qt.Unchecked,
        "right": qt.Qt.Checked,
    }
    gestures.check_row(brain.view, brain.item("cortex"), VISIBLE)
    assert brain.item("left").checkState(VISIBLE) == qt.Qt.PartiallyChecked


def test_several_labels_are_hidden_and_shown_by_the_menu(brain):
    brain.select("cortex", "fluid")
    for hidden in ({3, 6}, set()):
        answers.choose("Show or hide")
        gestures.right_click(brain.view, brain.item("fluid"))
        assert brain.labels.hidden == hidden


def test_voxels_are_counted_with_those_below_and_warned_about(brain):
    brain.editor.showVoxels({3: 12000, 4: 408, 2: 1}, {3: "marked in one slice only"})
    narrow = "\u202f"
    assert brain.item("left").text(VOXELS) == brain.item("brain").text(VOXELS) == f"12{narrow}409"
    assert "Scribbled voxels: 1 of its own, 12409 with all" in brain.item("left").toolTip(VOXELS)
    assert brain.item("cortex").toolTip(VOXELS).startswith("marked in one slice only")
    assert not brain.item("cortex").icon(VOXELS).isNull()
    assert brain.item("white matter").icon(VOXELS).isNull()
    gray = brain.view.palette.color(qt.QPalette.Disabled, qt.QPalette.Text)
    assert brain.item("right").text(VOXELS) == "0"
    assert brain.item("right").foreground(VOXELS).color() == gray
    brain.editor.showVoxels({}, {})
    assert brain.item("cortex").icon(VOXELS).isNull()
    assert brain.item("brain").text(VOXELS) == "0"


def test_search_shows_what_is_found_and_what_lies_above(brain):
    brain.item("left").setExpanded(False)
    before = brain.visible()
    gestures.type_text(brain.ui.searchLine, "WHITE")
    assert brain.visible() == ["brain", "left", "white matter"]
    gestures.press(brain.ui.searchLine, "Return")
    assert brain.labels.currentLabelId == 4
    gestures.type_text(brain.ui.searchLine, "")
    gestures.press(brain.ui.searchLine, "Backspace")
    assert brain.visible() == before


def test_search_goes_on_while_the_tree_is_edited(brain):
    gestures.type_text(brain.ui.searchLine, "matter")
    brain.labels.rename(6, "matter of fluid")
    assert brain.visible() == ["brain", "left", "white matter", "matter of fluid"]


def test_levels_are_opened_from_the_menu(brain):
    answers.choose("1")
    gestures.click(brain.ui.moreButton)
    assert brain.visible() == ["brain", "left", "right", "fluid"]
    answers.choose("All 2 levels")
    gestures.click(brain.ui.moreButton)
    assert len(brain.visible()) == 6


def test_columns_are_chosen_from_the_menu(brain):
    assert brain.view.isColumnHidden(VALUE)
    answers.choose("Value")
    gestures.click(brain.ui.moreButton)
    assert not brain.view.isColumnHidden(VALUE)
    assert brain.item("cortex").text(VALUE) == "3"
    brain.editor.cleanup()
    assert not Editor(brain.labels).view.isColumnHidden(VALUE)


def test_choosing_a_row_chooses_the_label_and_back(brain):
    brain.select("fluid")
    assert brain.labels.currentLabelId == 6
    brain.labels.setCurrent(3)
    assert brain.view.currentItem().text(NAME) == "cortex"
    assert brain.ui.valueSpinBox.value == 3


def test_a_closed_scene_leaves_the_start_page(brain, slicer_scene):
    brain.select("cortex")
    slicer_scene.Clear(False)
    assert brain.ui.startPage.visible
    assert not brain.ui.treePage.visible
    assert brain.view.topLevelItemCount == 0


def test_a_damaged_tree_says_so(brain):
    brain.labels._parameters.tree.SetText("slept badly")
    assert brain.ui.startPage.visible
    assert "holds no label tree" in brain.status


def test_after_cleaning_up_the_labels_are_not_heard(brain):
    before = brain.shape()
    brain.editor.cleanup()
    brain.labels.rename(3, "gray matter")
    brain.labels.setCurrent(6)
    assert brain.shape() == before


def test_only_rows_that_changed_are_touched(brain):
    touched = []
    brain.view.model().connect("dataChanged(QModelIndex,QModelIndex)", lambda index, _last: touched.append(index.row()))
    brain.labels.rename(6, "water")
    assert set(touched) == {2}


GESTURES = st.lists(
    st.tuples(
        st.sampled_from(["add", "move", "merge", "remove", "undo", "redo", "undo"]), st.integers(0, 40), st.integers(0, 40)
    ),
    max_size=12,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=GESTURES)
def test_whatever_is_edited_the_rows_show_the_tree(brain, steps):
    labels = brain.labels
    for gesture, first, second in steps:
        ids = [label.id for label in labels.tree]
        one, other = ids[first % len(ids)], ids[second % len(ids)]
        try:
            match gesture:
                case "add":
                    labels.add(one, f"new {second}", second % 3)
                case "move":
                    labels.move([one], other, first % 3)
                case "merge":
                    labels.merge([one], other)
                case "remove":
                    labels.remove([one])
                case "undo":
                    labels.undo()
                case "redo":
                    labels.redo()
        except LabelTreeError:
            pass
        assert brain.shape() == [brain.told]


@pytest.mark.parametrize("suffix", [".json", ".csv", ".txt"])
def test_every_format_with_a_tree_can_be_imported(empty, brain_tree, tmp_path, suffix):
    path = tmp_path / f"labels{suffix}"
    save_tree(path, brain_tree)
    answers.give(str(path))
    gestures.click(empty.ui.importButton)
    assert empty.shape() == [shape_of(brain_tree)]
