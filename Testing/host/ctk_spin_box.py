"""ctkDoubleSpinBox: a number to type."""

from __future__ import annotations

from PySide6 import QtCore, QtWidgets

from .ctk_property import delegated, held, split_arguments
from .ui_loader import register_widget

Qt = QtCore.Qt


@register_widget
class ctkDoubleSpinBox(QtWidgets.QWidget):  # noqa: N801
    """A spin box in a widget of its own."""

    valueChanged = QtCore.Signal(float)
    editingFinished = QtCore.Signal()
    decimalsChanged = QtCore.Signal(int)
    SetAlways, SetIfDifferent = range(2)
    SizeHintByMinMax, SizeHintByValue = range(2)
    FixedDecimals, DecimalsByShortcuts, DecimalsByKey, DecimalsByValue = 0, 1, 2, 4
    InsertDecimals, ReplaceDecimals, DecimalsAsMax, DecimalsAsMin, DecimalPointAlwaysVisible = 8, 16, 32, 64, 128

    setMode = held(int, 1)
    decimalsOption = held(int, 0x01 | 0x08)
    sizeHintPolicy = held(int, 0)
    invertedControls = held(bool, False)
    isSettingValue = QtCore.Property(bool, lambda self: False)
    frame = delegated(bool, "_box", "frame")
    alignment = delegated(Qt.AlignmentFlag, "_box", "alignment")
    readOnly = delegated(bool, "_box", "readOnly")
    prefix = delegated(str, "_box", "prefix")
    suffix = delegated(str, "_box", "suffix")
    cleanText = QtCore.Property(str, lambda self: self._box.cleanText)
    minimum = delegated(float, "_box", "minimum")
    maximum = delegated(float, "_box", "maximum")
    singleStep = delegated(float, "_box", "singleStep")

    def __init__(self, *arguments):
        super().__init__(*split_arguments(arguments, (QtWidgets.QWidget,)))
        self._box = QtWidgets.QDoubleSpinBox(self)
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._box)
        self.setFocusProxy(self._box)
        self.setSizePolicy(QtWidgets.QSizePolicy.Policy.Minimum, QtWidgets.QSizePolicy.Policy.Fixed)
        self._box.connect("valueChanged(double)", self.valueChanged.emit)
        self._box.connect("editingFinished()", self.editingFinished.emit)

    def setValue(self, value: float) -> None:
        self._box.setValue(value)

    def setDecimals(self, decimals: int) -> None:
        if decimals != self._box.decimals:
            self._box.setDecimals(decimals)
            self.decimalsChanged.emit(decimals)

    def setReadOnly(self, read_only: bool) -> None:
        self._box.setReadOnly(read_only)

    def stepUp(self) -> None:
        self._box.stepUp()

    def stepDown(self) -> None:
        self._box.stepDown()

    setValueIfDifferent = setValueAlways = setValue
    value = QtCore.Property(float, lambda self: self._box.value, setValue)
    decimals = QtCore.Property(int, lambda self: self._box.decimals, setDecimals)
