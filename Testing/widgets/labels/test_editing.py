from __future__ import annotations

import pytest
import qt
import slicer
from host import answers, gestures
from widgets.labels_desk import shape_of

from semseg_core.labels.presets.catalog import load_preset


def test_without_labels_presets_are_offered(empty):
    assert empty.ui.startPage.visible
    assert not empty.ui.treePage.visible
    assert not empty.ui.detailsPage.visible
    gestures.choose(empty.ui.presetSelector, "CT organs (TotalSegmentator v2 total): 117 leaves")
    gestures.click(empty.ui.presetButton)
    assert empty.labels.tree == load_preset("ct-organs")
    assert empty.ui.countLabel.text == "117 leaves"
    assert not empty.ui.startPage.visible
    assert empty.visible()[0] == empty.labels.tree.root.name


def test_one_can_start_empty(empty):
    gestures.click(empty.ui.emptyButton)
    assert empty.shape() == [["labels"]]


def test_a_tree_is_built_by_keys_alone(empty):
    gestures.click(empty.ui.emptyButton)
    for keys, name in (("Ctrl+Shift+Return", "liver"), ("Ctrl+Return", "spleen"), ("Ctrl+Shift+Return", "hilum")):
        gestures.press(empty.view, keys)
        empty.type(name)
    assert empty.shape() == [["labels", ["liver"], ["spleen", ["hilum"]]]]
    assert empty.labels.tree[empty.labels.currentLabelId].name == "hilum"


def test_a_child_is_added_named_and_chosen_by_the_button(brain):
    brain.select("right")
    gestures.click(brain.ui.childButton)
    brain.type("thalamus")
    added = brain.labels.tree.find("thalamus")
    assert brain.labels.tree[added.parent].name == "right"
    assert brain.labels.currentLabelId == added.id
    assert brain.ui.countLabel.text == "4 leaves"


def test_a_new_label_that_is_not_named_keeps_a_free_name(brain):
    for _ in range(2):
        brain.select("brain")
        gestures.click(brain.ui.childButton)
        gestures.press(brain.view.viewport().findChild(qt.QLineEdit), "Escape")
    assert [label.name for label in brain.labels.tree.children(1)][-2:] == ["new label", "new label 2"]


def test_double_click_renames_in_place(brain):
    gestures.double_click_row(brain.view, brain.item("cortex"))
    brain.type("gray matter")
    assert brain.labels.tree[3].name == "gray matter"


def test_a_name_that_is_taken_is_refused_with_the_reason_and_shown_as_it_was(brain, brain_tree):
    brain.select("cortex")
    gestures.press(brain.view, "F2")
    brain.type("white matter")
    assert brain.labels.tree == brain_tree
    assert brain.item("cortex") is not None
    assert "'left' already has a child of this name; rename one of them" in brain.status
    gestures.press(brain.view, "F2")
    brain.type("gray matter")
    assert brain.status == ""


def test_labels_without_strokes_are_removed_without_a_question(brain):
    brain.select("left")
    gestures.press(brain.view, "Del")
    assert brain.shape() == [["brain", ["right"], ["fluid"]]]


@pytest.mark.parametrize(
    ("choice", "heirs"),
    [
        ("the parent 'brain'", {2: 1, 3: 1, 4: 1}),
        ("the sibling 'fluid'", {2: 6, 3: 6, 4: 6}),
        ("nowhere: discard them", {2: None, 3: None, 4: None}),
    ],
)
def test_removing_strokes_asks_where_they_go_and_undo_brings_them_back(brain, strokes, brain_tree, choice, heirs):
    def answer(dialog):
        assert "Removing 'left' leaves 150 scribbled voxels" in dialog.findChild(qt.QLabel).text.replace("&", "")
        gestures.choose(slicer.util.findChild(dialog, "marksSelector"), choice)
        dialog.accept()

    answers.give(answer)
    brain.select("left")
    gestures.click(brain.ui.removeButton)
    assert strokes == [heirs]
    gestures.click(brain.ui.undoButton)
    assert strokes == [heirs, "back"]
    assert brain.labels.tree == brain_tree
    assert brain.shape() == [shape_of(brain_tree)]


def test_a_removal_can_be_thought_better_of(brain, strokes, brain_tree):
    answers.give(lambda dialog: dialog.reject())
    brain.select("left")
    gestures.press(brain.view, "Del")
    assert brain.labels.tree == brain_tree
    assert strokes == []


def test_the_root_says_why_it_cannot_be_removed(brain):
    brain.select("brain")
    assert not brain.ui.removeButton.enabled
    assert "topmost label stays" in brain.ui.removeButton.toolTip


def test_selected_labels_are_merged_into_the_one_clicked_last(brain, strokes):
    brain.select("cortex", "fluid", "white matter")
    assert "Merge the selected labels into 'white matter'" in brain.ui.mergeButton.toolTip
    gestures.click(brain.ui.mergeButton)
    assert brain.shape() == [["brain", ["left", ["white matter"]], ["right"]]]
    assert strokes == [{3: 4, 6: 4}]


def test_what_is_taken_out_of_the_selection_is_not_acted_on(brain):
    brain.select("cortex", "fluid", "white matter", "white matter")
    assert "into 'fluid'" in brain.ui.mergeButton.toolTip
    brain.select("cortex", "fluid", "fluid")
    assert brain.labels.currentLabelId == 3
    gestures.press(brain.view, "Del")
    assert 3 not in brain.labels.tree


def test_merging_says_that_it_takes_two(brain):
    brain.select("cortex")
    assert not brain.ui.mergeButton.enabled
    assert "two or more" in brain.ui.mergeButton.toolTip


def test_several_labels_get_one_color(brain):
    answers.choose("Color…")
    answers.give(qt.QColor(255, 0, 51))
    brain.select("cortex", "fluid")
    gestures.right_click(brain.view, brain.item("fluid"))
    assert brain.labels.tree[3].color == brain.labels.tree[6].color == (1.0, 0.0, 0.2)


def test_labels_below_get_shades(brain):
    answers.choose("Shade labels below")
    brain.labels.recolor([2], (1.0, 0.0, 0.0))
    brain.select("left")
    gestures.right_click(brain.view, brain.item("left"))
    dark, light = brain.labels.tree[3].color, brain.labels.tree[4].color
    assert sum(dark) < sum(light)
    assert dark[0] > dark[1] == dark[2]


def test_undo_and_redo_say_what_they_do_and_keep_what_is_open(brain, brain_tree):
    assert not brain.ui.undoButton.enabled
    brain.select("cortex")
    gestures.press(brain.view, "F2")
    brain.type("gray matter")
    brain.item("left").setExpanded(False)
    assert brain.ui.undoButton.toolTip.startswith("Undo: rename 'cortex'")
    gestures.press(brain.view, "Ctrl+Z")
    assert brain.labels.tree == brain_tree
    assert not brain.item("left").isExpanded()
    assert brain.ui.redoButton.toolTip.startswith("Redo: rename 'cortex'")
    gestures.press(brain.view, "Ctrl+Shift+Z")
    assert brain.labels.tree[3].name == "gray matter"


def test_keys_of_the_tree_are_dead_while_one_types_elsewhere(brain, brain_tree):
    brain.select("cortex")
    gestures.type_text(brain.ui.searchLine, "co")
    for keys in ("Del", "F2", "Ctrl+Return", "Ctrl+M"):
        gestures.press(brain.ui.searchLine, keys)
    assert brain.labels.tree == brain_tree


def test_the_keyboard_stays_with_the_name_while_it_is_typed(brain):
    brain.select("cortex")
    gestures.press(brain.view, "F2")
    line = brain.view.viewport().findChild(qt.QLineEdit)
    gestures.press(line, "Del")
    assert len(brain.labels.tree) == 6
    brain.type("gray")
    assert brain.labels.tree[3].name == "gray"
