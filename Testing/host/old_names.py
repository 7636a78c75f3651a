"""Names of Qt 5.15 that Qt 6 still has, though PySide6 warns of them: the ones that work in both builds of Slicer.

The new names (`position()`, `globalPosition()`) do not exist in Qt 5.15; test_product_manners.py keeps them out of the product.
"""

from __future__ import annotations

from PySide6 import QtGui


def install() -> None:
    """Give the events their names of Qt 5.15 without the warning."""
    mouse = QtGui.QMouseEvent
    mouse.pos = lambda event: event.position().toPoint()
    mouse.localPos = lambda event: event.position()
    mouse.globalPos = lambda event: event.globalPosition().toPoint()
    mouse.x = lambda event: event.pos().x()
    mouse.y = lambda event: event.pos().y()
    drop = QtGui.QDropEvent
    drop.pos = lambda event: event.position().toPoint()
    drop.keyboardModifiers = lambda event: event.modifiers()
    drop.mouseButtons = lambda event: event.buttons()
