"""ctkRangeWidget: two numbers with a range between them."""

from __future__ import annotations

from PySide6 import QtCore, QtWidgets

from .ctk_property import delegated, held
from .ctk_range_slider import ctkDoubleRangeSlider
from .ctk_spin_box import ctkDoubleSpinBox
from .ui_loader import register_widget

Qt = QtCore.Qt


@register_widget
class ctkRangeWidget(QtWidgets.QWidget):  # noqa: N801
    """Spin box, range slider, spin box."""

    minimumValueChanged = QtCore.Signal(float)
    minimumValueIsChanging = QtCore.Signal(float)
    maximumValueChanged = QtCore.Signal(float)
    maximumValueIsChanging = QtCore.Signal(float)
    valuesChanged = QtCore.Signal(float, float)
    rangeChanged = QtCore.Signal(float, float)

    tracking = held(bool, True)
    autoSpinBoxWidth = held(bool, True)
    spinBoxTextAlignment = held(int, 0x81)
    spinBoxAlignment = held(int, 0x80)
    customSpinBoxesLimitsMin = QtCore.Property(float, lambda self: 0.0)
    customSpinBoxesLimitsMax = QtCore.Property(float, lambda self: 0.0)
    symmetricMoves = delegated(bool, "_slider", "symmetricMoves")
    tickInterval = delegated(float, "_slider", "tickInterval")

    def __init__(self, parent: QtWidgets.QWidget | None = None):
        super().__init__(parent)
        self._changing = False
        self._slider = ctkDoubleRangeSlider(Qt.Orientation.Horizontal, self)
        self._boxes = ctkDoubleSpinBox(self), ctkDoubleSpinBox(self)
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for part in (self._boxes[0], self._slider, self._boxes[1]):
            layout.addWidget(part)
        self.setSizePolicy(QtWidgets.QSizePolicy.Policy.Expanding, QtWidgets.QSizePolicy.Policy.Fixed)
        self._show_values()
        self._slider.connect("valuesChanged(double,double)", self._on_values)
        self._slider.connect("rangeChanged(double,double)", self.rangeChanged.emit)
        self._slider.connect("sliderPressed()", self._start_changing)
        self._slider.connect("sliderReleased()", self._stop_changing)
        self._boxes[0].connect("valueChanged(double)", self.setMinimumValue)
        self._boxes[1].connect("valueChanged(double)", self.setMaximumValue)
        self._shown = self._slider._values

    def setMinimumValue(self, value: float) -> None:
        self._slider.setMinimumValue(value)

    def setMaximumValue(self, value: float) -> None:
        self._slider.setMaximumValue(value)

    def setValues(self, low: float, high: float) -> None:
        self._slider.setValues(low, high)

    def setRange(self, minimum: float, maximum: float) -> None:
        self._slider.setRange(minimum, maximum)
        self._show_values()

    def setDecimals(self, decimals: int) -> None:
        for box in self._boxes:
            box.setDecimals(decimals)

    def reset(self) -> None:
        self.setValues(self.minimum, self.maximum)

    def _on_values(self, low: float, high: float) -> None:
        before, self._shown = self._shown, (low, high)
        self._show_values()
        if not self._changing:
            self.valuesChanged.emit(low, high)
        for is_changed, changing, changed, value in (
            (low != before[0], self.minimumValueIsChanging, self.minimumValueChanged, low),
            (high != before[1], self.maximumValueIsChanging, self.maximumValueChanged, high),
        ):
            if is_changed:
                changing.emit(value)
                if not self._changing:
                    changed.emit(value)

    def _show_values(self) -> None:
        (low, high), (minimum, maximum) = self._slider._values, self._slider._range
        for box, value, bounds in ((self._boxes[0], low, (minimum, high)), (self._boxes[1], high, (low, maximum))):
            blocked = box.blockSignals(True)
            box.minimum, box.maximum = bounds
            if value != box.value:  # or what is just being typed would be written anew
                box.setValue(value)
            box.blockSignals(blocked)

    def _start_changing(self) -> None:
        self._changing, self._before = not self.tracking, self._slider._values

    def _stop_changing(self) -> None:
        waited, self._changing = self._changing, False
        low, high = self._slider._values
        if waited and (low, high) != self._before:
            self.valuesChanged.emit(low, high)
            if low != self._before[0]:
                self.minimumValueChanged.emit(low)
            if high != self._before[1]:
                self.maximumValueChanged.emit(high)

    def _set_on_boxes(self, name: str, value) -> None:
        for box in self._boxes:
            setattr(box, name, value)

    def _set_step(self, step: float) -> None:
        self._slider.singleStep = step
        self._set_on_boxes("singleStep", step)

    def _set_minimum(self, low: float) -> None:
        self.setRange(low, max(low, self.maximum))

    def _set_maximum(self, high: float) -> None:
        self.setRange(min(high, self.minimum), high)

    minimum = QtCore.Property(float, lambda self: self._slider.minimum, _set_minimum)
    maximum = QtCore.Property(float, lambda self: self._slider.maximum, _set_maximum)
    minimumValue = QtCore.Property(float, lambda self: self._slider.minimumValue, setMinimumValue)
    maximumValue = QtCore.Property(float, lambda self: self._slider.maximumValue, setMaximumValue)
    singleStep = QtCore.Property(float, lambda self: self._slider.singleStep, _set_step)
    decimals = QtCore.Property(int, lambda self: self._boxes[0].decimals, setDecimals)
    prefix = QtCore.Property(str, lambda self: self._boxes[0].prefix, lambda self, text: self._set_on_boxes("prefix", text))
    suffix = QtCore.Property(str, lambda self: self._boxes[0].suffix, lambda self, text: self._set_on_boxes("suffix", text))
