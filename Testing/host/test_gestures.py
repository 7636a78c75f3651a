"""Gestures reach what a user reaches, and nothing else."""

from __future__ import annotations

import pytest
import qt

from host import answers, gestures


def tree_of(*names: str) -> qt.QTreeWidget:
    tree = qt.QTreeWidget()
    tree.setDragDropMode(qt.QAbstractItemView.InternalMove)
    for name in names:
        item = qt.QTreeWidgetItem(tree)
        item.setText(0, name)
        item.setFlags(item.flags() | qt.Qt.ItemIsEditable)
    tree.resize(200, 200)
    return tree


def outline(item, depth: int = 0) -> list[str]:
    rows = []
    for row in range(item.childCount()):
        rows += [". " * depth + item.child(row).text(0), *outline(item.child(row), depth + 1)]
    return rows


def test_what_is_disabled_or_hidden_cannot_be_used():
    window = qt.QWidget()
    button = qt.QPushButton(window)
    button.enabled, button.toolTip = False, "draw on at least two classes"
    with pytest.raises(AssertionError, match="disabled: draw on at least two classes"):
        gestures.click(button)
    button.visible = False
    with pytest.raises(AssertionError, match="not visible"):
        gestures.click(button)


def test_a_shortcut_of_the_window_hears_keys_pressed_in_a_child():
    window, heard = qt.QWidget(), []
    button = qt.QPushButton(window)
    qt.QShortcut(qt.QKeySequence("Ctrl+Shift+Z"), window).connect("activated()", lambda: heard.append("redo"))
    gestures.press(button, "Ctrl+Shift+Z")
    assert heard == ["redo"]


def test_a_key_is_held_until_it_is_released():
    class Watcher(qt.QObject):
        heard = ()

        def eventFilter(self, _watched, event):
            if event.type() in (qt.QEvent.KeyPress, qt.QEvent.KeyRelease):
                self.heard += ((event.type() == qt.QEvent.KeyPress, event.key() == qt.Qt.Key_X),)
            return False

    button, watcher = qt.QPushButton(), Watcher()
    button.installEventFilter(watcher)
    release = gestures.hold(button, "X")
    assert watcher.heard == ((True, True),)
    release()
    assert watcher.heard[-1] == (False, True)
    button.removeEventFilter(watcher)


def test_rows_are_selected_renamed_and_dragged():
    tree = tree_of("brain", "left", "right")
    gestures.double_click_row(tree, tree.topLevelItem(2))
    gestures.type_text(tree.findChild(qt.QLineEdit), "right half", end="Return")
    assert outline(tree.invisibleRootItem()) == ["brain", "left", "right half"]
    assert gestures.drag(tree, tree.topLevelItem(2), tree.topLevelItem(0))
    assert gestures.drag(tree, tree.topLevelItem(1), tree.topLevelItem(0), where="above")
    assert outline(tree.invisibleRootItem()) == ["left", "brain", ". right half"]


def test_a_drop_of_a_python_subclass_knows_where_it_comes_from():
    class Tree(qt.QTreeWidget):
        dropped = ()

        def dropEvent(self, event):
            self.dropped += ((event.source() is self, self.itemAt(event.pos()).text(0)),)
            event.ignore()

    tree = Tree()
    tree.setDragDropMode(qt.QAbstractItemView.InternalMove)
    for name in ("a", "b"):
        qt.QTreeWidgetItem(tree).setText(0, name)
    assert not gestures.drag(tree, tree.topLevelItem(0), tree.topLevelItem(1))
    assert tree.dropped == ((True, "b"),)
    assert outline(tree.invisibleRootItem()) == ["a", "b"]


def test_the_context_menu_of_a_row_is_asked_for_at_that_row():
    tree, heard = tree_of("brain", "left"), []
    menu = qt.QMenu(tree)
    menu.addAction("Remove").triggered.connect(lambda: heard.append("removed"))
    tree.contextMenuPolicy = qt.Qt.CustomContextMenu

    def show(position):
        heard.append(tree.itemAt(position).text(0))
        menu.exec_(tree.viewport().mapToGlobal(position))

    tree.customContextMenuRequested.connect(show)
    answers.choose("Remove")
    gestures.right_click(tree, tree.topLevelItem(1))
    assert heard == ["left", "removed"]


def test_an_entry_that_a_combo_box_does_not_have_cannot_be_chosen():
    box = qt.QComboBox()
    box.addItems(["CPU", "GPU"])
    gestures.choose(box, "GPU")
    assert box.currentText == "GPU"
    with pytest.raises(AssertionError, match="no entry 'TPU'"):
        gestures.choose(box, "TPU")


def test_the_wheel_turns_and_the_mouse_hovers():
    class Canvas(qt.QWidget):
        heard = ()

        def wheelEvent(self, event):
            self.heard += (("wheel", event.angleDelta().y()),)

        def mouseMoveEvent(self, event):
            self.heard += (("mouse", event.pos().x()),)

    canvas = Canvas()
    canvas.mouseTracking = True
    gestures.scroll(canvas, -2)
    gestures.hover(canvas, (7, 9))
    assert canvas.heard == (("wheel", -240), ("mouse", 7))


def test_a_menu_beside_a_button_is_opened_at_its_arrow():
    button, heard = qt.QToolButton(), []
    menu = qt.QMenu(button)
    menu.addAction("GPU").triggered.connect(lambda: heard.append("GPU"))
    button.setMenu(menu)
    button.popupMode = qt.QToolButton.MenuButtonPopup
    answers.choose("GPU")
    gestures.open_menu(button)
    answers.choose("GPU")
    button.showMenu()
    assert heard == ["GPU", "GPU"]


def test_waiting_ends_with_what_is_waited_for_or_fails():
    heard = []
    qt.QTimer.singleShot(20, lambda: heard.append(1))
    gestures.wait_until(lambda: heard)
    with pytest.raises(AssertionError, match="in vain"):
        gestures.wait_until(lambda: False, timeout_s=0.02)
