"""The tree on screen. What users do to rows is reported; nothing is moved, renamed or removed by the view itself."""

from __future__ import annotations

from collections.abc import Callable

import qt

NAME, VOXELS, VISIBLE, VALUE, TERMINOLOGY, LENGTH = range(6)
"""Columns."""

MIME_TYPE = "application/x-semanticseg-labels"
"""What a drag of rows carries; drags from elsewhere are refused because they carry something else."""


class LabelTreeView(qt.QTreeWidget):
    """A tree widget whose drops are only reported.

    Args:
        onDrop: Told the item under the pointer (None below all) and where on it: one of Qt's drop indicator positions.
    """

    def __init__(self, onDrop: Callable[[object, int], None]) -> None:
        qt.QTreeWidget.__init__(self)
        self._onDrop = onDrop
        self.setColumnCount(LENGTH + 1)
        self.indentation = 14
        self.uniformRowHeights = True
        self.allColumnsShowFocus = True
        self.selectionMode = qt.QAbstractItemView.ExtendedSelection
        # Which cell of a row may be edited is decided on the gesture: Qt knows editable rows only.
        self.editTriggers = qt.QAbstractItemView.NoEditTriggers
        # Qt removes rows after a move, never after a copy.
        self.dragDropMode = qt.QAbstractItemView.DragDrop
        self.defaultDropAction = qt.Qt.CopyAction
        self.contextMenuPolicy = qt.Qt.CustomContextMenu

    def mimeTypes(self) -> list[str]:
        return [MIME_TYPE]

    def dropEvent(self, event: qt.QDropEvent) -> None:
        self._onDrop(self.itemAt(event.pos()), self.dropIndicatorPosition())
        event.accept()
