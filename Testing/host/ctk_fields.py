"""CTK's line edits, combo boxes and message box."""

from __future__ import annotations

from pathlib import Path

from PySide6 import QtCore, QtGui, QtWidgets

from .ctk_property import held, split_arguments
from .ui_loader import register_widget

Qt = QtCore.Qt


@register_widget
class ctkSearchBox(QtWidgets.QLineEdit):  # noqa: N801 - CTK's name
    """A line edit with a cross that clears it."""

    showSearchIcon = held(bool, False, "update")
    searchIcon = held(QtGui.QIcon, QtGui.QIcon(), "update")
    clearIcon = held(QtGui.QIcon, QtGui.QIcon(), "update")

    def __init__(self, parent: QtWidgets.QWidget | None = None):
        super().__init__(parent)
        self.setPlaceholderText("Search...")
        self.setClearButtonEnabled(True)


@register_widget
class ctkComboBox(QtWidgets.QComboBox):  # noqa: N801
    """A combo box with a default text, which can be kept from scrolling by accident."""

    NeverScroll, AlwaysScroll, ScrollWithFocus, ScrollWithNoVScrollBar = range(4)
    returnRelease = QtCore.Signal()

    defaultText = held(str, "", "_show_default")
    defaultIcon = held(QtGui.QIcon, QtGui.QIcon(), "update")
    forceDefault = held(bool, False, "update")
    elideMode = held(int, 3, "update")
    scrollWheelEffect = held(int, 1)

    def _show_default(self) -> None:
        self.setPlaceholderText(self.defaultText)

    def setCurrentUserDataAsString(self, data: str) -> None:
        self.setCurrentIndex(self.findData(data))

    currentUserDataAsString = QtCore.Property(str, lambda self: str(self.currentData or ""), setCurrentUserDataAsString)


@register_widget
class ctkCheckableComboBox(QtWidgets.QComboBox):  # noqa: N801
    """A combo box whose rows have check marks; the checked ones are its text."""

    checkedIndexesChanged = QtCore.Signal()
    returnRelease = QtCore.Signal()

    def __init__(self, parent: QtWidgets.QWidget | None = None):
        super().__init__(parent)
        self._checked: list[int] = []
        self._watch()
        self.view().viewport().installEventFilter(self)

    def checkableModel(self) -> QtCore.QAbstractItemModel:
        return self.model()

    def setCheckableModel(self, model: QtCore.QAbstractItemModel) -> None:
        self.setModel(model)
        self._watch()

    def checkedIndexes(self) -> list[QtCore.QModelIndex]:
        return [index for index in self._indexes() if self.checkState(index) == Qt.CheckState.Checked]

    def allChecked(self) -> bool:
        return len(self.checkedIndexes()) == self.count

    def noneChecked(self) -> bool:
        return not self.checkedIndexes()

    def checkState(self, index: QtCore.QModelIndex) -> Qt.CheckState:
        return Qt.CheckState(int(index.data(Qt.ItemDataRole.CheckStateRole) or 0))

    def setCheckState(self, index: QtCore.QModelIndex, state: Qt.CheckState) -> None:
        self.model().setData(index, int(state), Qt.ItemDataRole.CheckStateRole)

    def eventFilter(self, watched: QtCore.QObject, event: QtCore.QEvent) -> bool:
        if event.type() == QtCore.QEvent.Type.MouseButtonRelease and watched is self.view().viewport():
            index = self.view().indexAt(event.position().toPoint())
            if index.isValid():
                checked = self.checkState(index) == Qt.CheckState.Checked
                self.setCurrentIndex(index.row())
                self.setCheckState(index, Qt.CheckState.Unchecked if checked else Qt.CheckState.Checked)
                return True
        return super().eventFilter(watched, event)

    def paintEvent(self, _event: QtGui.QPaintEvent) -> None:
        painter = QtWidgets.QStylePainter(self)
        option = QtWidgets.QStyleOptionComboBox()
        self.initStyleOption(option)
        texts = [index.data() for index in self.checkedIndexes()]
        option.currentText = "None" if not texts else "All" if len(texts) == self.count else ", ".join(texts)
        painter.drawComplexControl(QtWidgets.QStyle.ComplexControl.CC_ComboBox, option)
        painter.drawControl(QtWidgets.QStyle.ControlElement.CE_ComboBoxLabel, option)

    def _indexes(self) -> list[QtCore.QModelIndex]:
        return [self.model().index(row, self.modelColumn) for row in range(self.count)]

    def _watch(self) -> None:
        self.model().connect("rowsInserted(QModelIndex,int,int)", self._make_checkable)
        self.model().connect("dataChanged(QModelIndex,QModelIndex,QList<int>)", self._on_data_changed)

    def _make_checkable(self, _parent: QtCore.QModelIndex, first: int, last: int) -> None:
        for row in range(first, last + 1):
            index = self.model().index(row, self.modelColumn)
            if index.data(Qt.ItemDataRole.CheckStateRole) is None:
                self.model().setData(index, 0, Qt.ItemDataRole.CheckStateRole)

    def _on_data_changed(self) -> None:
        checked = [index.row() for index in self.checkedIndexes()]
        if checked != self._checked:
            self._checked = checked
            self.update()
            self.checkedIndexesChanged.emit()


@register_widget
class ctkPathLineEdit(QtWidgets.QWidget):  # noqa: N801
    """An editable path with a button that asks for one."""

    currentPathChanged = QtCore.Signal(str)
    validInputChanged = QtCore.Signal(bool)
    Dirs, Files, Drives, NoSymLinks, Readable, Writable, Executable, Hidden = 1, 2, 4, 8, 16, 32, 64, 256
    AllEntries, NoDotAndDotDot, NoDot, NoDotDot = 7, 0x1000, 0x2000, 0x4000
    AdjustToContents, AdjustToContentsOnFirstShow, AdjustToMinimumContentsLength = range(3)

    label = held(str, "")
    filters = held(int, 0x007 | 0x2000 | 0x4000 | 0x010)
    options = held(int, 0)
    settingKey = held(str, "", "retrieveHistory")
    sizeAdjustPolicy = held(int, 1)
    minimumContentsLength = held(int, 0)
    nameFilters = held("QStringList", [])

    def __init__(self, *arguments):
        label, filters, parent = split_arguments(arguments, (str, list, QtWidgets.QWidget))
        super().__init__(parent)
        self._combo, self._button = QtWidgets.QComboBox(self), QtWidgets.QToolButton(self)
        self._combo.setEditable(True)
        self._combo.setSizePolicy(QtWidgets.QSizePolicy.Policy.Expanding, QtWidgets.QSizePolicy.Policy.Fixed)
        self._button.setText("...")
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._combo)
        layout.addWidget(self._button)
        self.setSizePolicy(QtWidgets.QSizePolicy.Policy.Expanding, QtWidgets.QSizePolicy.Policy.Fixed)
        self.setFocusProxy(self._combo)
        self.label, self.nameFilters, self._valid = label or "", filters or [], True
        self._combo.connect("editTextChanged(QString)", self._on_text)
        self._button.connect("clicked()", self.browse)

    def comboBox(self) -> QtWidgets.QComboBox:
        return self._combo

    def setCurrentPath(self, path: str) -> None:
        self._combo.setEditText(path)

    def browse(self) -> None:
        patterns = ";;".join(self.nameFilters)
        if not self.filters & self.Files:
            path = QtWidgets.QFileDialog.getExistingDirectory(self, "Select a directory...", self.currentPath)
        elif self.filters & self.Writable:
            path = QtWidgets.QFileDialog.getSaveFileName(self, "Select a file to save ", self.currentPath, patterns)
        else:
            path = QtWidgets.QFileDialog.getOpenFileName(self, "Open a file", self.currentPath, patterns)
        if path:
            self.setCurrentPath(path)

    def retrieveHistory(self) -> None:
        if self.settingKey:
            path = self._combo.currentText
            blocked = self._combo.blockSignals(True)
            self._combo.clear()
            self._combo.addItems(list(QtCore.QSettings().value(self.settingKey, []) or []))
            self._combo.setEditText(path)
            self._combo.blockSignals(blocked)

    def addCurrentPathToHistory(self) -> None:
        kept = [self._combo.itemText(row) for row in range(self._combo.count) if self._combo.itemText(row) != self.currentPath]
        if self.settingKey and self.currentPath:
            QtCore.QSettings().setValue(self.settingKey, [self.currentPath, *kept][:5])
            self.retrieveHistory()

    def _on_text(self, path: str) -> None:
        valid = not path or not (self.filters & self.Files) or bool(self.filters & self.Writable) or Path(path).exists()
        if valid:
            self.currentPathChanged.emit(path)
        if valid != self._valid:
            self._valid = valid
            self.validInputChanged.emit(valid)

    currentPath = QtCore.Property(str, lambda self: self._combo.currentText, setCurrentPath)
    showBrowseButton = QtCore.Property(
        bool, lambda self: not self._button.isHidden(), lambda self, shown: self._button.setVisible(shown)
    )
    showHistoryButton = held(bool, True)


@register_widget
class ctkMessageBox(QtWidgets.QMessageBox):  # noqa: N801
    """A message box with "do not show again", which is not remembered here."""

    dontShowAgain = held(bool, False)
    dontShowAgainVisible = held(bool, False)
    dontShowAgainSettingsKey = held(str, "")

    def setDontShowAgain(self, again: bool) -> None:
        self.dontShowAgain = again
