"""What a user's hand finds: the widget on the screen, the spot to aim at, the field that takes the keys."""

from __future__ import annotations

from PySide6 import QtCore, QtWidgets


def process_events() -> None:
    """Let Qt do what is waiting, deletions included."""
    QtWidgets.QApplication.processEvents()
    QtCore.QCoreApplication.sendPostedEvents(None, QtCore.QEvent.Type.DeferredDelete)


def reach(widget: QtWidgets.QWidget) -> None:
    """Bring the widget onto the screen.

    Raises:
        AssertionError: If a user could not use it all the same: hidden, or disabled.
    """
    if not widget.window().visible:
        widget.window().show()
        widget.window().activateWindow()
        process_events()
    if not widget.visible:
        raise AssertionError(f"{described(widget)} is not visible: nobody can use it")
    if not widget.enabled:
        raise AssertionError(f"{described(widget)} is disabled: {widget.toolTip}")


def focus(widget: QtWidgets.QWidget) -> None:
    """Give the widget the keys, as a click into it or Tab would."""
    QtWidgets.QApplication.setActiveWindow(widget.window())
    widget.setFocus()
    process_events()


def key_target(widget: QtWidgets.QWidget) -> QtWidgets.QWidget:
    """A field within a composed widget, such as the spin box of a slider, takes the keys."""
    while widget.focusProxy() is not None:
        widget = widget.focusProxy()
    return widget


def menu_opened_by(widget: QtWidgets.QWidget) -> QtWidgets.QMenu | None:
    """The menu that a click in the middle of a button opens, or None."""
    if isinstance(widget, QtWidgets.QToolButton):
        return widget.menu() if widget.popupMode == QtWidgets.QToolButton.ToolButtonPopupMode.InstantPopup else None
    plain = isinstance(widget, QtWidgets.QPushButton) and widget.className() != "ctkMenuButton"
    return widget.menu() if plain else None


def spot(widget: QtWidgets.QWidget) -> QtCore.QPoint:
    """Where a user would aim: the mark of a check box, the title of a collapsible button, else the middle."""
    if isinstance(widget, QtWidgets.QAbstractButton) and not widget.hitButton(widget.rect.center()):
        return QtCore.QPoint(10, 10)
    return widget.rect.center()


def index_of(view: QtWidgets.QAbstractItemView, row) -> QtCore.QModelIndex:
    """The index of a row that is given as index or item."""
    return row if isinstance(row, QtCore.QModelIndex | QtCore.QPersistentModelIndex) else view.indexFromItem(row)


def rectangle_of(view: QtWidgets.QAbstractItemView, row, column: int) -> QtCore.QRect:
    """Where a row stands in its view, which is scrolled to show it.

    Raises:
        AssertionError: If it is filtered out or within a closed branch.
    """
    index = index_of(view, row)
    index = index.sibling(index.row(), column)
    view.scrollTo(index)
    process_events()
    rectangle = view.visualRect(index)
    if rectangle.isEmpty():
        raise AssertionError(f"the row {index.data()!r} of {described(view)} is not on the screen")
    return rectangle


def described(widget: QtWidgets.QWidget) -> str:
    """The widget's class and name, for messages."""
    return f"{widget.className()} '{widget.objectName}'"
