from __future__ import annotations

import pytest
import qt
import slicer
from host import answers, gestures

from SemanticSegLib.widgets.LabelTreeView import LENGTH, VALUE


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
