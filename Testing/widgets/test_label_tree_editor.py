"""The label tree editor, driven by what a user does."""

from __future__ import annotations

import numpy as np
import pytest
import qt
import slicer
from host import answers, gestures
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from SemanticSegLib.logic.LabelsLogic import LabelsLogic
from SemanticSegLib.logic.ParameterNode import SemanticSegParameterNode
from SemanticSegLib.nodes.SegmentationNodes import addSegmentation
from SemanticSegLib.widgets.LabelTreeEditor import LabelTreeEditor
from SemanticSegLib.widgets.LabelTreeView import LENGTH, NAME, VALUE, VISIBLE, VOXELS
from semseg_core.errors import LabelTreeError
from semseg_core.labels.presets.catalog import load_preset
from semseg_core.labels.reading import load_tree, save_tree


class Editor:
    """The editor in a window of 400 pixels, and shortcuts to what is on it."""

    def __init__(self, labels: LabelsLogic) -> None:
        self.window = qt.QWidget()
        self.window.resize(400, 600)
        self.labels = labels
        self.editor = LabelTreeEditor(labels, qt.QVBoxLayout(self.window))
        self.ui = slicer.util.childWidgetVariables(self.editor.widget)
        self.view = self.editor.view
        self.window.show()

    def item(self, name: str):
        """The row of this name."""
        found = self.view.findItems(name, qt.Qt.MatchExactly | qt.Qt.MatchRecursive, NAME)
        assert len(found) == 1
        return found[0]

    def select(self, *names: str) -> None:
        """Click on rows, the later ones with Ctrl held."""
        for number, name in enumerate(names):
            gestures.click_row(self.view, self.item(name), 0, qt.Qt.ControlModifier if number else qt.Qt.NoModifier)

    def type(self, text: str, end: str = "Return") -> None:
        """Type into the cell that is being edited."""
        gestures.type_text(self.view.viewport().findChild(qt.QLineEdit), text, end)

    def shape(self, item=None) -> list:
        """Names as nested lists, as the rows show them."""
        item = self.view.invisibleRootItem() if item is None else item
        children = [item.child(place) for place in range(item.childCount())]
        return [[child.text(NAME), *self.shape(child)] for child in children]

    def visible(self) -> list[str]:
        """Names of the rows on the screen, from the top."""
        found, item = [], self.view.itemAt(qt.QPoint(5, 5))
        while item is not None:
            found.append(item.text(NAME))
            item = self.view.itemBelow(item)
        return found

    @property
    def status(self) -> str:
        return self.ui.statusLabel.text if self.ui.statusLabel.visible else ""


def shape_of(tree, label=None) -> list:
    """Names as nested lists, as a tree says."""
    label = tree.root if label is None else label
    return [label.name, *(shape_of(tree, child) for child in tree.children(label.id))]


@pytest.fixture
def labels(slicer_scene):
    logic = LabelsLogic(slicer_scene, SemanticSegParameterNode(slicer_scene.AddNewNodeByClass("vtkMRMLScriptedModuleNode")))
    yield logic
    logic.cleanup()


@pytest.fixture
def empty(labels):
    """The editor before there is a tree."""
    return Editor(labels)


@pytest.fixture
def brain(labels, brain_tree):
    """The editor with brain → (left → (cortex, white matter), right, fluid), all open."""
    labels.replace(brain_tree)
    editor = Editor(labels)
    editor.view.expandAll()
    return editor


@pytest.fixture
def strokes(labels):
    """Marks by label id, which follow the tree."""
    marks = {3: 120, 4: 30}
    labels.marksOf = lambda ids: {i: marks[i] for i in ids if i in marks}
    moves = []

    def carry(remap):
        moves.append(dict(remap.ids))
        return lambda: moves.append("back")

    labels.carryMarks = carry
    return moves


# The first minute


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


# Adding, renaming, removing


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


# Several at once


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


# Moving


@pytest.mark.parametrize(
    ("source", "target", "where", "expected"),
    [
        ("fluid", "left", "on", ["brain", ["left", ["cortex"], ["white matter"], ["fluid"]], ["right"]]),
        ("fluid", "left", "above", ["brain", ["fluid"], ["left", ["cortex"], ["white matter"]], ["right"]]),
        ("left", "fluid", "below", ["brain", ["right"], ["fluid"], ["left", ["cortex"], ["white matter"]]]),
        ("cortex", "white matter", "below", ["brain", ["left", ["white matter"], ["cortex"]], ["right"], ["fluid"]]),
        ("cortex", "right", "above", ["brain", ["left", ["white matter"]], ["cortex"], ["right"], ["fluid"]]),
    ],
)
def test_rows_are_dragged_to_another_place(brain, source, target, where, expected):
    brain.select(source)
    assert gestures.drag(brain.view, brain.item(source), brain.item(target), where)
    assert shape_of(brain.labels.tree) == expected
    assert brain.shape() == [expected]
    assert brain.view.currentItem().text(NAME) == source


def test_a_label_dragged_into_itself_stays_and_the_reason_is_said(brain, brain_tree):
    brain.select("left")
    gestures.drag(brain.view, brain.item("left"), brain.item("cortex"))
    assert brain.labels.tree == brain_tree
    assert brain.shape() == [shape_of(brain_tree)]
    assert "lies below it; choose a parent elsewhere" in brain.status


def test_what_is_dragged_from_elsewhere_is_not_taken(brain, brain_tree):
    data = qt.QMimeData()
    data.setText("liver")
    event = qt.QDragEnterEvent(qt.QPoint(20, 20), qt.Qt.CopyAction, data, qt.Qt.LeftButton, qt.Qt.NoModifier)
    event.ignore()
    qt.QApplication.sendEvent(brain.view.viewport(), event)
    assert not event.isAccepted()
    assert brain.labels.tree == brain_tree


@pytest.mark.parametrize(
    ("name", "keys", "expected"),
    [
        ("white matter", "Alt+Up", ["brain", ["left", ["white matter"], ["cortex"]], ["right"], ["fluid"]]),
        ("left", "Alt+Down", ["brain", ["right"], ["left", ["cortex"], ["white matter"]], ["fluid"]]),
        ("cortex", "Alt+Left", ["brain", ["left", ["white matter"]], ["cortex"], ["right"], ["fluid"]]),
        ("right", "Alt+Right", ["brain", ["left", ["cortex"], ["white matter"], ["right"]], ["fluid"]]),
        ("fluid", "Alt+Down", ["brain", ["left", ["cortex"], ["white matter"]], ["right"], ["fluid"]]),
        ("right", "Alt+Left", ["brain", ["left", ["cortex"], ["white matter"]], ["right"], ["fluid"]]),
    ],
)
def test_rows_are_moved_by_keys(brain, name, keys, expected):
    brain.select(name)
    gestures.press(brain.view, keys)
    assert brain.shape() == [expected]
    assert shape_of(brain.labels.tree) == expected


# Undo


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


# Value, length, terminology


def test_value_and_length_of_the_current_label_are_edited_below_the_tree(brain):
    brain.select("cortex")
    assert (brain.ui.valueSpinBox.value, brain.ui.lengthSpinBox.value) == (3, 1.0)
    gestures.type_text(brain.ui.valueSpinBox, "77", "Return")
    gestures.type_text(brain.ui.lengthSpinBox, "0.25", "Return")
    assert (brain.labels.tree[3].value, brain.labels.tree[3].length) == (77, 0.25)


def test_a_value_that_is_taken_is_refused_and_shown_as_it_was(brain):
    brain.select("cortex")
    gestures.type_text(brain.ui.valueSpinBox, "4", "Return")
    assert brain.labels.tree[3].value == 3
    assert brain.ui.valueSpinBox.value == 3
    assert "value 4 is also that of" in brain.status


def test_the_root_has_no_edge(brain):
    brain.select("brain")
    assert not brain.ui.lengthSpinBox.enabled
    assert "no edge above" in brain.ui.lengthSpinBox.toolTip


@pytest.mark.parametrize(
    ("column", "typed", "reason"),
    [(VALUE, "many", "whole numbers"), (LENGTH, "far", "not a number"), (LENGTH, "-1", "edge length")],
)
def test_what_is_no_number_is_refused_in_its_cell(brain, brain_tree, column, typed, reason):
    brain.view.setColumnHidden(column, False)
    shown = brain.item("cortex").text(column)
    gestures.double_click_row(brain.view, brain.item("cortex"), column)
    brain.type(typed)
    assert brain.labels.tree == brain_tree
    assert reason in brain.status
    assert brain.item("cortex").text(column) == shown


def test_the_meaning_of_a_label_is_chosen_among_slicers_terms(brain):
    def choose_liver(dialog):
        table = slicer.util.findChild(dialog, "tableWidget_Type")
        row = next(row for row in range(table.rowCount) if table.item(row, 0).text() == "Liver")
        accept = next(button for button in dialog.findChildren(qt.QPushButton) if button.text == "Select")
        assert not accept.enabled
        table.selectRow(row)
        gestures.click(accept)

    brain.select("cortex")
    answers.give(choose_liver)
    gestures.click(brain.ui.terminologyButton)
    chosen = brain.labels.tree[3].terminology
    assert (chosen.type.scheme, chosen.type.value) == ("SCT", "10200004")
    assert brain.ui.terminologyLine.text == "Liver"
    assert "Anatomical Structure (SCT 123037004)" in brain.ui.terminologyLine.toolTip
    answers.give(lambda dialog: dialog.reject())
    gestures.click(brain.ui.terminologyButton)
    assert brain.labels.tree[3].terminology == chosen
    answers.choose("Remove terminology")
    gestures.right_click(brain.view, brain.item("cortex"))
    assert brain.labels.tree[3].terminology is None


def test_a_length_may_be_typed_with_a_comma(brain):
    answers.choose("Edit edge length")
    brain.select("cortex")
    gestures.right_click(brain.view, brain.item("cortex"))
    brain.type("0,5")
    assert brain.labels.tree[3].length == 0.5


# Showing


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


# Whole trees


def test_labels_are_exported_and_imported(brain, brain_tree, tmp_path):
    path = tmp_path / "Größe.json"
    answers.choose("Export…")
    answers.give(str(path))
    gestures.click(brain.ui.moreButton)
    assert load_tree(path).tree == brain_tree
    assert brain.status == "Written: Größe.json"
    brain.labels.rename(3, "gray matter")
    answers.choose("Import…")
    answers.give(str(path))
    gestures.click(brain.ui.moreButton)
    assert brain.labels.tree[3].name == "cortex"


def test_what_a_format_cannot_keep_is_said(brain, tmp_path):
    answers.choose("Export…")
    answers.give(str(tmp_path / "labels.ctbl"))
    gestures.click(brain.ui.moreButton)
    assert "a .ctbl is a flat list" in brain.status


def test_a_file_that_is_no_tree_is_refused_by_name(empty, tmp_path):
    path = tmp_path / "notes.json"
    path.write_text("slept badly")
    answers.give(str(path))
    gestures.click(empty.ui.importButton)
    assert "notes.json" in empty.status
    assert empty.ui.startPage.visible


def test_another_tree_asks_before_strokes_lose_their_labels(brain, strokes, brain_tree):
    answers.choose("brain tissue, left and right: 6 leaves")
    answers.give(qt.QMessageBox.Cancel)
    gestures.click(brain.ui.moreButton)
    assert "150 scribbled voxels" in answers.asked[-1].text
    assert brain.labels.tree == brain_tree
    answers.choose("brain tissue, left and right: 6 leaves")
    answers.give(qt.QMessageBox.Ok)
    gestures.click(brain.ui.moreButton)
    assert brain.labels.tree == load_preset("brain-tissue")
    assert brain.shape() == [shape_of(brain.labels.tree)]
    gestures.click(brain.ui.undoButton)
    assert brain.shape() == [shape_of(brain_tree)]
    assert strokes[-1] == "back"


def test_segments_of_the_scene_become_labels(brain, head_volume, brain_tree, slicer_scene):
    ids = np.zeros(head_volume.GetImageData().GetDimensions()[::-1], dtype=np.int32)
    ids.flat[:2] = (3, 6)
    addSegmentation(slicer_scene, "by hand", ids, head_volume, brain_tree)
    answers.choose("by hand")
    gestures.click(brain.ui.moreButton)
    assert brain.shape() == [["brain", ["left", ["cortex"]], ["fluid"]]]
    assert brain.labels.tree.find("cortex").id == 3


def test_a_color_table_of_the_scene_becomes_labels(empty, slicer_scene):
    node = slicer_scene.AddNewNodeByClass("vtkMRMLColorTableNode", "organs")
    node.SetTypeToUser()
    node.SetNumberOfColors(3)
    node.SetColor(1, "liver", 1.0, 0.0, 0.0)
    node.SetColor(2, "spleen", 0.0, 0.0, 1.0)
    gestures.click(empty.ui.emptyButton)
    answers.choose("organs")
    gestures.click(empty.ui.moreButton)
    assert empty.shape() == [["organs", ["liver"], ["spleen"]]]


def test_the_distance_map_names_the_pair_under_the_pointer(brain):
    answers.choose("Distance map…")
    gestures.click(brain.ui.moreButton)
    dialog = next(each for each in qt.QApplication.topLevelWidgets() if "Distances" in each.windowTitle)
    heat_map = brain.editor._sources._map.heatMap
    corner = qt.QPointF(heat_map.width - 2, 2)
    event = qt.QMouseEvent(qt.QEvent.MouseMove, corner, corner, qt.Qt.NoButton, qt.Qt.NoButton, qt.Qt.NoModifier)
    qt.QApplication.sendEvent(heat_map, event)
    assert "cortex – fluid: 3" in [label.text for label in dialog.findChildren(qt.QLabel)]
    near, far = heat_map.pixmap.toImage().pixelColor(2, 2), heat_map.pixmap.toImage().pixelColor(heat_map.width - 2, 2)
    assert near.lightness() < far.lightness()


# Changes from elsewhere


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
        assert brain.shape() == [shape_of(labels.tree)]


@pytest.mark.parametrize("suffix", [".json", ".csv", ".txt"])
def test_every_format_with_a_tree_can_be_imported(empty, brain_tree, tmp_path, suffix):
    path = tmp_path / f"labels{suffix}"
    save_tree(path, brain_tree)
    answers.give(str(path))
    gestures.click(empty.ui.importButton)
    assert empty.shape() == [shape_of(brain_tree)]
