"""The user's models: their names, sizes and ages; rename, export, import, delete."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import qt
import slicer
from slicer.i18n import tr as _

from SemanticSegLib.logic.ModelStore import ModelStore, StoredModel
from SemanticSegLib.logic.ModelWords import diskWords
from semseg_core.errors import SemSegError

UI = Path(__file__).parents[2] / "Resources" / "UI" / "Models.ui"

SUFFIX = ".zip"
"""One model in one file."""

NAME, LABELS, SIZE, DATE = range(4)
"""Columns."""


class ModelsDialog:
    """A window that stays open beside the panel.

    Args:
        models: The store.
        parent: The widget it belongs to.
    """

    def __init__(self, models: ModelStore, parent: qt.QWidget) -> None:
        self._models = models
        self.dialog = qt.QDialog(parent)
        self.dialog.windowTitle = _("Models")
        layout = qt.QVBoxLayout(self.dialog)
        layout.setContentsMargins(0, 0, 0, 0)
        widget = slicer.util.loadUI(str(UI))
        layout.addWidget(widget)
        self.dialog.resize(560, 320)
        self._ui = ui = slicer.util.childWidgetVariables(widget)
        ui.table.setColumnCount(4)
        ui.table.setHorizontalHeaderLabels([_("Name"), _("Labels"), _("Size"), _("Changed")])
        ui.table.horizontalHeader().setSectionResizeMode(NAME, qt.QHeaderView.Stretch)
        ui.table.verticalHeader().hide()
        ui.table.connect("itemSelectionChanged()", self._updateButtons)
        ui.table.connect("itemChanged(QTableWidgetItem*)", self._onEdited)
        ui.importButton.connect("clicked(bool)", self._onImport)
        ui.exportButton.connect("clicked(bool)", self._onExport)
        ui.renameButton.connect("clicked(bool)", self._onRename)
        ui.deleteButton.connect("clicked(bool)", self._onDelete)
        self._shown: tuple[StoredModel, ...] = ()
        self._filling = False
        models.changed.connect(self.update)
        self.update()

    def show(self) -> None:
        """Bring the window to the front."""
        self.update()
        self.dialog.show()
        self.dialog.raise_()

    def cleanup(self) -> None:
        """Close it for good."""
        self._models.changed.disconnect(self.update)
        self.dialog.close()
        self.dialog.deleteLater()

    def update(self) -> None:
        """Show the models as they are now."""
        chosen = self._chosen()
        self._shown = self._models.list()
        self._filling = True
        self._ui.table.setRowCount(len(self._shown))
        for row, model in enumerate(self._shown):
            self._fillRow(row, model)
        self._filling = False
        names = [model.name for model in self._shown]
        if chosen is not None and chosen.name in names:
            self._ui.table.selectRow(names.index(chosen.name))
        for column in (LABELS, SIZE, DATE):
            self._ui.table.resizeColumnToContents(column)
        used = diskWords(sum(model.bytes for model in self._shown))
        count = _("{count} models").format(count=len(names)) if len(names) != 1 else _("One model")
        self._ui.spaceLabel.text = _("{count}, {size} on this disk: {folder}").format(
            count=count, size=used, folder=self._models.root
        )
        self._updateButtons()

    def _fillRow(self, row: int, model: StoredModel) -> None:
        leaves = "⚠" if model.card is None else str(len(model.card.tree.leaves))
        date = f"{datetime.fromtimestamp(model.modified):%Y-%m-%d %H:%M}"
        for column, words in enumerate((model.name, leaves, diskWords(model.bytes), date)):
            item = qt.QTableWidgetItem(words)
            item.setToolTip(model.fault or words)
            if column != NAME:
                item.setFlags(qt.Qt.ItemIsSelectable | qt.Qt.ItemIsEnabled)
            self._ui.table.setItem(row, column, item)

    def _chosen(self) -> StoredModel | None:
        row = self._ui.table.currentRow()
        return self._shown[row] if 0 <= row < len(self._shown) and self._ui.table.selectedItems() else None

    def _updateButtons(self) -> None:
        chosen = self._chosen()
        tips = {
            "exportButton": _("Write the selected model as one file, to share it or keep it; strokes beside it stay behind"),
            "renameButton": _("Give the selected model another name"),
            "deleteButton": _("Delete the selected model from this disk"),
        }
        for name, tip in tips.items():
            button = getattr(self._ui, name)
            button.enabled = chosen is not None
            button.toolTip = tip if chosen is not None else _("Select a model first")
        if chosen is not None and chosen.card is None:
            self._ui.exportButton.enabled = False
            self._ui.exportButton.toolTip = chosen.fault

    def _attempt(self, action: Callable[[], object], done: str) -> None:
        """Do something; say that it is done, or why it was refused."""
        try:
            action()
            self._ui.messageLabel.text = done
        except SemSegError as error:
            self._ui.messageLabel.text = str(error)

    def _onEdited(self, item: qt.QTableWidgetItem) -> None:
        if self._filling:
            return
        old, new = self._shown[item.row()].name, item.text()
        self._attempt(lambda: self._models.rename(old, new), _("'{old}' is called '{new}' now.").format(old=old, new=new))
        self.update()

    def _onRename(self, _checked: bool = False) -> None:
        self._ui.table.editItem(self._ui.table.item(self._ui.table.currentRow(), NAME))

    def _onImport(self, _checked: bool = False) -> None:
        path = qt.QFileDialog.getOpenFileName(self.dialog, _("Import a model"), "", f"{_('Models')} (*{SUFFIX})")
        if path:
            self._attempt(lambda: self._models.importFrom(Path(path)), _("Imported {file}.").format(file=Path(path).name))

    def _onExport(self, _checked: bool = False) -> None:
        name = self._chosen().name
        path = qt.QFileDialog.getSaveFileName(self.dialog, _("Export a model"), f"{name}{SUFFIX}", f"{_('Models')} (*{SUFFIX})")
        if path:
            self._attempt(lambda: self._models.exportTo(name, Path(path)), _("Exported to {file}.").format(file=Path(path).name))

    def _onDelete(self, _checked: bool = False) -> None:
        name = self._chosen().name
        question = _("Delete the model '{name}' from this disk? This cannot be undone.").format(name=name)
        if slicer.util.confirmOkCancelDisplay(question, windowTitle=_("Delete a model"), parent=self.dialog):
            self._attempt(lambda: self._models.delete(name), _("Deleted '{name}'.").format(name=name))
