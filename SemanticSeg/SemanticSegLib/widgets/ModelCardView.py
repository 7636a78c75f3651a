"""The card of a model, in words."""

from __future__ import annotations

import qt
from slicer.i18n import tr as _

from SemanticSegLib.logic.ModelStore import StoredModel
from SemanticSegLib.logic.ModelWords import cardLines, diskWords


class ModelCardView:
    """Titles and texts in two columns.

    Args:
        layout: Where it is put.
    """

    def __init__(self, layout: qt.QLayout) -> None:
        self.widget = qt.QWidget()
        self._form = qt.QFormLayout(self.widget)
        self._form.setContentsMargins(12, 0, 0, 0)
        self._form.setVerticalSpacing(2)
        self._rows: list[qt.QLabel] = []
        self._shown: StoredModel | None = None
        layout.addWidget(self.widget)

    def show(self, model: StoredModel | None) -> None:
        """Show a model's card, or why it cannot be read."""
        if model == self._shown:
            return
        self._shown = model
        for label in self._rows:
            self._form.removeWidget(label)
            label.deleteLater()
        self._rows = []
        if model is None:
            return
        if model.card is None:
            self._addRow(_("Problem"), model.fault)
            return
        for title, words in (*cardLines(model.card), (_("Size"), diskWords(model.bytes))):
            self._addRow(title, words)

    def _addRow(self, title: str, words: str) -> None:
        name, text = qt.QLabel(f"{title}:"), qt.QLabel(words)
        for label in (name, text):
            label.setTextFormat(qt.Qt.PlainText)
            label.alignment = qt.Qt.AlignTop
        text.wordWrap = True
        text.textInteractionFlags = qt.Qt.TextSelectableByMouse
        self._form.addRow(name, text)
        self._rows += [name, text]
