"""qMRMLSegmentsTableView and qMRMLSegmentationShow3DButton."""

from __future__ import annotations

import slicer
from PySide6 import QtCore, QtGui, QtWidgets

from .connecting import alias_signal
from .ctk_buttons import ctkMenuButton
from .ctk_property import held
from .mrml_widgets import qMRMLWidget
from .scene_watch import SceneWatch
from .ui_loader import register_widget

_ID = QtCore.Qt.ItemDataRole.UserRole
_VISIBLE, _COLOR, _NAME = range(3)
_SEGMENT_EVENTS = (
    "ModifiedEvent",
    slicer.vtkSegmentation.SegmentAdded,
    slicer.vtkSegmentation.SegmentRemoved,
    slicer.vtkSegmentation.SegmentModified,
    slicer.vtkMRMLDisplayableNode.DisplayModifiedEvent,
)


@register_widget
class qMRMLSegmentsTableView(qMRMLWidget):  # noqa: N801
    """The segments of a node: visible, color, name. A double click on the name edits it."""

    selectionChanged = QtCore.Signal(QtCore.QItemSelection, QtCore.QItemSelection)
    segmentAboutToBeModified = QtCore.Signal(str)

    selectionMode = held(int, 3, "_update")
    headerVisible = held(bool, True)
    visibilityColumnVisible = held(bool, True, "_update")
    colorColumnVisible = held(bool, True, "_update")
    opacityColumnVisible = held(bool, False)
    statusColumnVisible = held(bool, False)
    layerColumnVisible = held(bool, False)
    readOnly = held(bool, False, "_update")
    filterBarVisible = held(bool, False)
    textFilter = held(str, "", "_update")
    jumpToSelectedSegmentEnabled = held(bool, False)
    useTerminologySelector = held(bool, True)
    useTerminologySelectorSettingsKey = held(str, "")
    terminologySelectorOptionVisible = held(bool, False)
    terminologySelectorAutoDisable = held(bool, True)

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._node, self._hidden, self._updating = None, [], False
        self._table = QtWidgets.QTableWidget(0, 3, self)
        self._table.setSelectionBehavior(QtWidgets.QAbstractItemView.SelectionBehavior.SelectRows)
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._table)
        self._nodeWatch = SceneWatch(self, lambda _node, _event: self._update())
        self._table.selectionModel().connect(
            "selectionChanged(QItemSelection,QItemSelection)", lambda on, off: self.selectionChanged.emit(on, off)
        )
        self._table.connect("itemChanged(QTableWidgetItem*)", self._onItemChanged)

    segmentCount = QtCore.Property(int, lambda self: len(self._ids()))

    def segmentationNode(self):
        return self._node

    def setSegmentationNode(self, node) -> None:
        self._node = node
        self._nodeWatch.watch(node, _SEGMENT_EVENTS)
        self._update()

    def tableWidget(self) -> QtWidgets.QTableView:
        return self._table

    def selectedSegmentIDs(self) -> list[str]:
        rows = sorted(index.row() for index in self._table.selectionModel().selectedRows())
        return [self.segmentIDForRow(row) for row in rows]

    def setSelectedSegmentIDs(self, segmentIDs: list[str]) -> None:
        if set(segmentIDs) == set(self.selectedSegmentIDs()):
            return
        rows = QtCore.QItemSelection()
        model = self._table.model()
        for segmentID in segmentIDs:
            row = self.rowForSegmentID(segmentID)
            if row >= 0:
                rows.select(model.index(row, 0), model.index(row, 2))
        self._table.selectionModel().select(rows, QtCore.QItemSelectionModel.SelectionFlag.ClearAndSelect)

    def clearSelection(self) -> None:
        self._table.clearSelection()

    def rowForSegmentID(self, segmentID: str) -> int:
        return next((row for row in range(self._table.rowCount) if self.segmentIDForRow(row) == segmentID), -1)

    def segmentIDForRow(self, row: int) -> str:
        item = self._table.item(row, _NAME)
        return item.data(_ID) if item is not None else ""

    def displayedSegmentIDs(self) -> list[str]:
        return [self.segmentIDForRow(row) for row in range(self._table.rowCount)]

    def hideSegments(self) -> list[str]:
        return self._hidden

    def setHideSegments(self, segmentIDs: list[str]) -> None:
        self._hidden = list(segmentIDs)
        self._update()

    def _ids(self) -> list[str]:
        return list(self._node.GetSegmentation().GetSegmentIDs()) if self._node else []

    def _update(self) -> None:
        # Asking for a segment's visibility may make the display node change, which ends here again.
        if not hasattr(self, "_nodeWatch") or self._updating:
            return
        self._updating = True
        self._show()
        self._updating = False

    def _show(self) -> None:
        selected = self.selectedSegmentIDs()
        shown = [each for each in self._ids() if each not in self._hidden and self.textFilter.lower() in self._name(each).lower()]
        blocked = self._table.blockSignals(True)
        followed = self._table.selectionModel().blockSignals(True)
        self._table.setSelectionMode(QtWidgets.QAbstractItemView.SelectionMode(self.selectionMode))
        self._table.setRowCount(len(shown))
        for row, segmentID in enumerate(shown):
            self._fill(row, segmentID)
        self._table.setColumnHidden(_VISIBLE, not self.visibilityColumnVisible)
        self._table.setColumnHidden(_COLOR, not self.colorColumnVisible)
        self._table.clearSelection()
        self.setSelectedSegmentIDs([each for each in selected if each in shown])
        self._table.selectionModel().blockSignals(followed)
        self._table.blockSignals(blocked)
        if selected != self.selectedSegmentIDs():
            self.selectionChanged.emit(QtCore.QItemSelection(), QtCore.QItemSelection())

    def _name(self, segmentID: str) -> str:
        return self._node.GetSegmentation().GetSegment(segmentID).GetName()

    def _fill(self, row: int, segmentID: str) -> None:
        segment = self._node.GetSegmentation().GetSegment(segmentID)
        display = self._node.GetDisplayNode()
        name, visible, color = (QtWidgets.QTableWidgetItem() for _ in range(3))
        name.setText(segment.GetName())
        visible.setCheckState(
            QtCore.Qt.CheckState.Checked
            if display is None or display.GetSegmentVisibility(segmentID)
            else QtCore.Qt.CheckState.Unchecked
        )
        color.setBackground(QtGui.QColor.fromRgbF(*segment.GetColor()))
        for column, item in ((_VISIBLE, visible), (_COLOR, color), (_NAME, name)):
            item.setData(_ID, segmentID)
            if self.readOnly or column == _COLOR:
                item.setFlags(QtCore.Qt.ItemFlag.ItemIsEnabled | QtCore.Qt.ItemFlag.ItemIsSelectable)
            self._table.setItem(row, column, item)

    def _onItemChanged(self, item: QtWidgets.QTableWidgetItem) -> None:
        segmentID = item.data(_ID)
        if item.column() == _NAME:
            self.segmentAboutToBeModified.emit(segmentID)
            self._node.GetSegmentation().GetSegment(segmentID).SetName(item.text())
        elif self._node.GetDisplayNode():
            self._node.GetDisplayNode().SetSegmentVisibility(segmentID, item.checkState() == QtCore.Qt.CheckState.Checked)


alias_signal(qMRMLSegmentsTableView, "selectionChanged(QItemSelection,QItemSelection)", "selectionChanged")


@register_widget
class qMRMLSegmentationShow3DButton(ctkMenuButton):  # noqa: N801
    """Makes and removes the closed surfaces of a segmentation."""

    locked = held(bool, False, "_update")

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._node = None
        self.text, self.checkable, self.enabled = "Show 3D", True, False
        self._nodeWatch = SceneWatch(self, lambda _node, _event: self._update())
        self.connect("toggled(bool)", self._onToggled)

    def segmentationNode(self):
        return self._node

    def setSegmentationNode(self, node) -> None:
        self._node = node
        self._nodeWatch.watch(node, (*_SEGMENT_EVENTS, slicer.vtkSegmentation.ContainedRepresentationNamesModified))
        self._update()

    def setLocked(self, locked: bool) -> None:
        self.locked = locked

    def _update(self) -> None:
        segmentation = self._node.GetSegmentation() if self._node else None
        self.enabled = not self.locked and segmentation is not None and segmentation.GetNumberOfSegments() > 0
        if segmentation is not None:
            surface = slicer.vtkSegmentationConverter.GetSegmentationClosedSurfaceRepresentationName()
            blocked = self.blockSignals(True)
            self.checked = segmentation.ContainsRepresentation(surface)
            self.blockSignals(blocked)

    def _onToggled(self, on: bool) -> None:
        if on:
            self._node.CreateClosedSurfaceRepresentation()
        else:
            self._node.RemoveClosedSurfaceRepresentation()
