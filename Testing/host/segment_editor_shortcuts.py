"""The keys that Slicer's segment editor takes while it has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6 import QtGui, QtWidgets


def shortcuts(editor: Any, parent: QtWidgets.QWidget) -> list[QtGui.QShortcut]:
    """Its shortcuts on a window: digits for the effects as they are shown, undo and redo, the segments before and after."""

    def toggle(index: int) -> None:
        effect = editor.effectByIndex(index)
        editor.setActiveEffect(None if effect is editor.activeEffect() else effect)

    actions: dict[str, Callable[[], None]] = {
        "Esc": lambda: editor.setActiveEffect(None),
        "Space": lambda: editor.setActiveEffect(editor._lastEffect),
        "I": editor.toggleSourceVolumeIntensityMaskEnabled,
    }
    actions |= dict.fromkeys(("Z", "Ctrl+Z"), editor.undo) | dict.fromkeys(("Y", "Ctrl+Shift+Z"), editor.redo)
    actions |= dict.fromkeys(("Q", "/", ",", ">"), editor.selectPreviousSegment)
    actions |= dict.fromkeys(("W", "*", ".", "<"), editor.selectNextSegment)
    for index in range(1, 11):
        actions[str(index % 10)] = lambda number=index: toggle(number)
        actions[f"Shift+{index % 10}"] = lambda number=index + 10: toggle(number)
    made = []
    for keys, do in actions.items():
        shortcut = QtGui.QShortcut(QtGui.QKeySequence(keys), parent)
        shortcut.connect("activated()", do)
        made.append(shortcut)
    return made
