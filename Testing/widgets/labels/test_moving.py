from __future__ import annotations

import pytest
import qt
from host import gestures
from widgets.labels_desk import shape_of

from SemanticSegLib.widgets.LabelTreeView import NAME


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
    assert brain.told == expected
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
        ("cortex", "Alt+Shift+Left", ["brain", ["left", ["white matter"]], ["cortex"], ["right"], ["fluid"]]),
        ("right", "Alt+Shift+Right", ["brain", ["left", ["cortex"], ["white matter"], ["right"]], ["fluid"]]),
        ("fluid", "Alt+Down", ["brain", ["left", ["cortex"], ["white matter"]], ["right"], ["fluid"]]),
        ("right", "Alt+Shift+Left", ["brain", ["left", ["cortex"], ["white matter"]], ["right"], ["fluid"]]),
    ],
)
def test_rows_are_moved_by_keys(brain, name, keys, expected):
    brain.select(name)
    gestures.press(brain.view, keys)
    assert brain.shape() == [expected]
    assert brain.told == expected
