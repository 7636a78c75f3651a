"""What a user does: clicks, keys, text, drags, waiting. What a user could not do (hidden, disabled) fails.

The widgets must be on a window; it is shown if it is not. Times are in seconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6 import QtCore, QtGui, QtTest, QtWidgets

from .reach import described, focus, index_of, key_target, menu_opened_by, process_events, reach, rectangle_of, spot

Qt = QtCore.Qt
Left = Qt.MouseButton.LeftButton
Right = Qt.MouseButton.RightButton
_NONE = Qt.KeyboardModifier.NoModifier
_DROPS = {"above": 0.1, "on": 0.5, "below": 0.9}


def click(widget: QtWidgets.QWidget, at: tuple[int, int] | None = None, modifiers: Qt.KeyboardModifier = _NONE) -> None:
    """Click with the left mouse button, in the middle of the widget or at a point of it in pixels.

    A button that opens its menu at once takes the entry queued by `answers.choose`.
    """
    reach(widget)
    menu = menu_opened_by(widget) if at is None else None
    if menu is not None:
        menu.exec_(widget.mapToGlobal(QtCore.QPoint(0, widget.height)))
    else:
        QtTest.QTest.mouseClick(widget, Left, modifiers, QtCore.QPoint(*at) if at else spot(widget))
    process_events()


def click_row(view: QtWidgets.QAbstractItemView, row, column: int = 0, modifiers: Qt.KeyboardModifier = _NONE) -> None:
    """Click on a row of a view: a `QModelIndex` or an item of a tree or list widget."""
    reach(view)
    QtTest.QTest.mouseClick(view.viewport(), Left, modifiers, rectangle_of(view, row, column).center())
    process_events()


def double_click_row(view: QtWidgets.QAbstractItemView, row, column: int = 0) -> None:
    """Double click on a row, as for editing it in place."""
    click_row(view, row, column)
    QtTest.QTest.mouseDClick(view.viewport(), Left, _NONE, rectangle_of(view, row, column).center())
    process_events()


def check_row(view: QtWidgets.QAbstractItemView, row, column: int = 0) -> None:
    """Click on the check mark of a row."""
    reach(view)
    rectangle = rectangle_of(view, row, column)
    QtTest.QTest.mouseClick(view.viewport(), Left, _NONE, QtCore.QPoint(rectangle.left() + 10, rectangle.center().y()))
    process_events()


def right_click(widget: QtWidgets.QWidget, row=None) -> None:
    """Ask for the context menu of a widget, or of a row of a view; its choice is queued by `answers.choose`."""
    reach(widget)
    target = widget.viewport() if row is not None else widget
    point = rectangle_of(widget, row, 0).center() if row is not None else spot(widget)
    event = QtGui.QContextMenuEvent(QtGui.QContextMenuEvent.Reason.Mouse, point, target.mapToGlobal(point))
    QtWidgets.QApplication.sendEvent(target, event)
    process_events()


def open_menu(button: QtWidgets.QAbstractButton) -> None:
    """Press the arrow of a button beside which a menu waits; the entry is queued by `answers.choose`."""
    reach(button)
    button.menu().exec_(button.mapToGlobal(QtCore.QPoint(0, button.height)))
    process_events()


def scroll(widget: QtWidgets.QWidget, notches: int, modifiers: Qt.KeyboardModifier = _NONE) -> None:
    """Turn the mouse wheel over a widget; positive is away from the user."""
    reach(widget)
    point, turn, phase = QtCore.QPointF(widget.rect.center()), QtCore.QPoint(0, 120 * notches), Qt.ScrollPhase.NoScrollPhase
    where = widget.mapToGlobal(point)
    event = QtGui.QWheelEvent(point, where, QtCore.QPoint(), turn, Qt.MouseButton.NoButton, modifiers, phase, False)
    QtWidgets.QApplication.sendEvent(widget, event)
    process_events()


def hover(widget: QtWidgets.QWidget, at: tuple[int, int]) -> None:
    """Move the mouse over a point of a widget, no button pressed."""
    reach(widget)
    point = QtCore.QPointF(*at)
    none = Qt.MouseButton.NoButton
    move = QtGui.QMouseEvent(QtCore.QEvent.Type.MouseMove, point, widget.mapToGlobal(point), none, none, _NONE)
    QtWidgets.QApplication.sendEvent(widget, move)
    process_events()


def press(widget: QtWidgets.QWidget, keys: str) -> None:
    """Press a key or a combination as in a manual: `press(view, "Ctrl+Z")`, `press(view, "Del")`."""
    reach(widget)
    focus(widget)
    combination = QtGui.QKeySequence(keys)[0]
    QtTest.QTest.keyClick(key_target(widget), combination.key(), combination.keyboardModifiers())
    process_events()


def hold(widget: QtWidgets.QWidget, keys: str) -> Callable[[], None]:
    """Press a key and hold it; call the answer to release it."""
    reach(widget)
    focus(widget)
    combination = QtGui.QKeySequence(keys)[0]
    QtTest.QTest.keyPress(key_target(widget), combination.key(), combination.keyboardModifiers())
    process_events()

    def release():
        QtTest.QTest.keyRelease(key_target(widget), combination.key(), combination.keyboardModifiers())
        process_events()

    return release


def hold_button(widget: QtWidgets.QWidget) -> Callable[[], None]:
    """Press the left mouse button in the middle of a widget and hold it; call the answer to release it."""
    reach(widget)
    QtTest.QTest.mousePress(widget, Left, _NONE, spot(widget))
    return lambda: QtTest.QTest.mouseRelease(widget, Left, _NONE, spot(widget))


def type_text(widget: QtWidgets.QWidget, text: str, end: str = "") -> None:
    """Type into a field in place of what it holds; `end` is a last key such as "Return" or "Tab"."""
    reach(widget)
    focus(widget)
    target = key_target(widget)
    if hasattr(target, "selectAll"):
        target.selectAll()
    QtTest.QTest.keyClicks(target, text)
    process_events()
    if end:
        press(target, end)


def choose(combo: QtWidgets.QComboBox, text: str) -> None:
    """Choose an entry of a combo box by its text, as a user: `activated` is emitted too."""
    reach(combo)
    entries = [combo.itemText(row) for row in range(combo.count)]
    if text not in entries:
        raise AssertionError(f"{described(combo)} has no entry {text!r}, only {entries}")
    row = entries.index(text)
    if not combo.model().flags(combo.model().index(row, combo.modelColumn)) & Qt.ItemFlag.ItemIsEnabled:
        raise AssertionError(f"the entry {text!r} of {described(combo)} is disabled")
    combo.setCurrentIndex(row)
    combo.activated.emit(row)
    process_events()


def drag(view: QtWidgets.QAbstractItemView, source, target, where: str = "on") -> bool:
    """Drag a row onto, above or below another one; whether the drop was taken.

    Args:
        view: A tree or list.
        source: Index or item to drag.
        target: Index or item to drop at.
        where: "on", "above" or "below".
    """
    reach(view)
    index, goal = index_of(view, source), rectangle_of(view, target, 0)
    model, viewport = view.model(), view.viewport()
    view.setCurrentIndex(index)
    point = QtCore.QPointF(goal.center().x(), goal.top() + goal.height() * _DROPS[where])
    action = _drag_action(view)
    kept = QtCore.QPersistentModelIndex(index)
    data = model.mimeData([index])
    # Qt knows the source of a drag of its own only: Python is told who it is, and a view that takes only its own rows takes all.
    plain, QtGui.QDropEvent.source = QtGui.QDropEvent.source, lambda _event: view
    mode = view.dragDropMode
    if mode == QtWidgets.QAbstractItemView.DragDropMode.InternalMove:
        view.setDragDropMode(QtWidgets.QAbstractItemView.DragDropMode.DragDrop)
    try:
        enter = QtGui.QDragEnterEvent(point.toPoint(), action, data, Left, _NONE)
        over = QtGui.QDragMoveEvent(point.toPoint(), action, data, Left, _NONE)
        drop = QtGui.QDropEvent(point, action, data, Left, _NONE)
        for event in (enter, over, drop):
            event.ignore()
            QtWidgets.QApplication.sendEvent(viewport, event)
            if not event.isAccepted():
                break
        else:
            # A view takes away what was moved elsewhere, unless the one who took it says otherwise by another action.
            if drop.dropAction() == Qt.DropAction.MoveAction and kept.isValid():
                model.removeRow(kept.row(), kept.parent())
        return drop.isAccepted()
    finally:
        QtGui.QDropEvent.source = plain
        view.setDragDropMode(mode)
        process_events()


def drag_mouse(widget: QtWidgets.QWidget, start: tuple[int, int], end: tuple[int, int], modifiers=_NONE) -> None:
    """Press the left button at one point of a widget, move in five steps to another, release; points in pixels."""
    reach(widget)
    QtTest.QTest.mousePress(widget, Left, modifiers, QtCore.QPoint(*start))
    for step in range(1, 6):
        point = QtCore.QPointF(*(a + (b - a) * step / 5 for a, b in zip(start, end, strict=True)))
        move = QtGui.QMouseEvent(QtCore.QEvent.Type.MouseMove, point, widget.mapToGlobal(point), Left, Left, modifiers)
        QtWidgets.QApplication.sendEvent(widget, move)
    QtTest.QTest.mouseRelease(widget, Left, modifiers, QtCore.QPoint(*end))
    process_events()


def wait_until(condition: Callable[[], object], timeout_s: float = 5.0) -> None:
    """Process events until the condition holds.

    Raises:
        AssertionError: If it does not within the time.
    """
    end = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"waited {timeout_s:g} s in vain")
        process_events()
        time.sleep(0.005)


def _drag_action(view: QtWidgets.QAbstractItemView) -> Qt.DropAction:
    """The action that the view itself proposes when it starts a drag."""
    supported = view.model().supportedDragActions()
    if view.defaultDropAction != Qt.DropAction.IgnoreAction and supported & view.defaultDropAction:
        return view.defaultDropAction
    internal = view.dragDropMode == QtWidgets.QAbstractItemView.DragDropMode.InternalMove
    return Qt.DropAction.MoveAction if internal or not supported & Qt.DropAction.CopyAction else Qt.DropAction.CopyAction
