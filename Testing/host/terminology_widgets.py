"""qSlicerTerminologyNavigatorWidget: the types of the loaded terminologies in one table. Slicer's dialog round it is C++ only."""

from __future__ import annotations

from collections.abc import Iterator

import slicer
import vtk
from PySide6 import QtCore, QtWidgets

from .ctk_property import held
from .ui_loader import register_widget


@register_widget
class qSlicerTerminologyNavigatorWidget(QtWidgets.QWidget):  # noqa: N801
    """Nothing is selected at first, so the selection is invalid."""

    selectionValidityChanged = QtCore.Signal(bool)
    typeDoubleClicked = QtCore.Signal()
    colorDoubleClicked = QtCore.Signal()

    regionSectionVisible = held(bool, True)
    overrideSectionVisible = held(bool, True)

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._logic = slicer.modules.terminologies.logic()
        self._region = slicer.vtkSlicerTerminologyEntry()
        self._choices = list(self._loaded())
        self._table = QtWidgets.QTableWidget(len(self._choices), 2, self)
        self._table.setObjectName("tableWidget_Type")
        self._table.setSelectionBehavior(QtWidgets.QAbstractItemView.SelectionBehavior.SelectRows)
        self._table.setEditTriggers(QtWidgets.QAbstractItemView.EditTrigger.NoEditTriggers)
        for row, (_context, category, type_) in enumerate(self._choices):
            for column, code in enumerate((type_, category)):
                self._table.setItem(row, column, QtWidgets.QTableWidgetItem(code.GetCodeMeaning()))
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._table)
        self._table.connect("itemSelectionChanged()", lambda: self.selectionValidityChanged.emit(self._row() >= 0))
        self._table.connect("cellDoubleClicked(int,int)", lambda: self.typeDoubleClicked.emit())

    def setTerminologyEntry(self, entry: slicer.vtkSlicerTerminologyEntry) -> bool:
        """Select what the entry says, in its own terminology; False where that is not loaded."""
        self._region.Copy(entry)
        wanted = (entry.GetTerminologyContextName(), *self._codes(entry.GetCategoryObject(), entry.GetTypeObject()))
        rows = [row for row, (context, *pair) in enumerate(self._choices) if (context, *self._codes(*pair)) == wanted]
        self._table.clearSelection()
        if rows:
            self._table.setCurrentCell(rows[0], 0)
            self._table.selectRow(rows[0])
        return bool(rows)

    def terminologyEntry(self, entry: slicer.vtkSlicerTerminologyEntry) -> bool:
        """Write the selection into the entry; False where nothing is selected."""
        if self._row() < 0:
            return False
        context, category, type_ = self._choices[self._row()]
        entry.Copy(self._region)
        entry.SetTerminologyContextName(context)
        entry.GetCategoryObject().Copy(category)
        entry.GetTypeObject().Copy(type_)
        entry.GetTypeModifierObject().Initialize()
        return True

    @staticmethod
    def nameFromTerminology(entry: slicer.vtkSlicerTerminologyEntry) -> str:
        return entry.GetTypeObject().GetCodeMeaning() or ""

    def _row(self) -> int:
        rows = self._table.selectionModel().selectedRows()
        return rows[0].row() if rows else -1

    def _codes(self, *objects) -> tuple[tuple[str, str], ...]:
        return tuple((each.GetCodingSchemeDesignator(), each.GetCodeValue()) for each in objects)

    def _loaded(self) -> Iterator[tuple[str, object, object]]:
        names = vtk.vtkStringArray()
        self._logic.GetLoadedTerminologyNames(names)
        for context in (names.GetValue(index) for index in range(names.GetNumberOfValues())):
            for nth in range(self._logic.GetNumberOfCategoriesInTerminology(context)):
                category = slicer.vtkSlicerTerminologyCategory()
                self._logic.GetNthCategoryInTerminology(context, nth, category)
                for number in range(self._logic.GetNumberOfTypesInTerminologyCategory(context, category)):
                    type_ = slicer.vtkSlicerTerminologyType()
                    self._logic.GetNthTypeInTerminologyCategory(context, category, number, type_)
                    yield context, category, type_
