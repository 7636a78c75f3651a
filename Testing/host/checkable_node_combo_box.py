"""qMRMLCheckableNodeComboBox: several nodes at a time, with a check box each."""

from __future__ import annotations

from PySide6 import QtCore, QtGui

from .node_combo_box import qMRMLNodeComboBox
from .ui_loader import register_widget

_CHECK = QtCore.Qt.ItemDataRole.CheckStateRole
_CHECKED, _UNCHECKED = QtCore.Qt.CheckState.Checked, QtCore.Qt.CheckState.Unchecked


@register_widget
class qMRMLCheckableNodeComboBox(qMRMLNodeComboBox):  # noqa: N801
    """Checks stay with their nodes while nodes come and go."""

    checkedNodesChanged = QtCore.Signal()

    def __init__(self, parent=None) -> None:
        super().__init__(parent)
        self._checked: set[str] = set()
        self._rebuilding = False
        self._combo.model().connect("itemChanged(QStandardItem*)", self._onItemChanged)

    def checkedNodes(self) -> list:
        return [node for node in self._nodes() if node.GetID() in self._checked]

    def uncheckedNodes(self) -> list:
        return [node for node in self._nodes() if node.GetID() not in self._checked]

    def allChecked(self) -> bool:
        return not self.uncheckedNodes()

    def noneChecked(self) -> bool:
        return not self.checkedNodes()

    def checkState(self, node) -> int:
        return _CHECKED if node.GetID() in self._checked else _UNCHECKED

    def setCheckState(self, node, check) -> None:
        index = next(i for i in range(self._combo.count) if self._id(i) == node.GetID())
        self._item(index).setData(QtCore.Qt.CheckState(int(check)), _CHECK)

    def _nodes(self) -> list:
        nodes = (self.nodeFromIndex(index) for index in range(self.nodeCount()))
        return [node for node in nodes if node is not None]  # None while a scene is being closed

    def _item(self, index: int) -> QtGui.QStandardItem:
        return self._combo.model().item(index)

    def _update(self) -> None:
        if self._scene is not None and self._scene.IsBatchProcessing():
            return
        self._rebuilding = True
        super()._update()
        before = len(self._checked)
        self._checked &= {node.GetID() for node in self._nodes()}
        for index in range(self._combo.count):
            if self._id(index):
                item = self._item(index)
                item.setCheckable(True)
                item.setData(_CHECKED if self._id(index) in self._checked else _UNCHECKED, _CHECK)
        self._rebuilding = False
        if len(self._checked) != before:
            self.checkedNodesChanged.emit()

    def _onItemChanged(self, item: QtGui.QStandardItem) -> None:
        if self._rebuilding:
            return
        identity = self._id(item.row())
        checked = item.checkState() == _CHECKED
        if identity and item.isCheckable() and checked != (identity in self._checked):
            self._checked ^= {identity}
            self.checkedNodesChanged.emit()
