"""ctkDoubleSlider and ctkSliderWidget: a number to drag."""

from __future__ import annotations

from PySide6 import QtCore, QtWidgets

from .ctk_property import clipped, delegated, held, split_arguments
from .ctk_spin_box import ctkDoubleSpinBox
from .ui_loader import register_widget

Qt = QtCore.Qt
_STEPS = 10_000  # positions of the integer slider below


@register_widget
class ctkDoubleSlider(QtWidgets.QWidget):  # noqa: N801
    """A slider over real numbers."""

    valueChanged = QtCore.Signal(float)
    sliderMoved = QtCore.Signal(float)
    sliderPressed = QtCore.Signal()
    sliderReleased = QtCore.Signal()
    rangeChanged = QtCore.Signal(float, float)

    singleStep = held(float, 1.0)
    pageStep = held(float, 10.0)
    tickInterval = held(float, 0.0)
    handleToolTip = held(str, "")
    tickPosition = delegated(QtWidgets.QSlider.TickPosition, "_slider", "tickPosition")
    tracking = delegated(bool, "_slider", "tracking")
    invertedAppearance = delegated(bool, "_slider", "invertedAppearance")
    invertedControls = delegated(bool, "_slider", "invertedControls")

    def __init__(self, *arguments):
        orientation, parent = split_arguments(arguments, (Qt.Orientation, QtWidgets.QWidget))
        super().__init__(parent)
        self._value, self._minimum, self._maximum = 0.0, 0.0, 99.0
        self._slider = QtWidgets.QSlider(orientation or Qt.Orientation.Vertical, self)
        self._slider.setRange(0, _STEPS)
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._slider)
        self.setSizePolicy(self._slider.sizePolicy)
        self.setFocusProxy(self._slider)
        self._slider.connect("actionTriggered(int)", self._on_action)
        self._slider.connect("sliderMoved(int)", self._on_moved)
        self._slider.connect("sliderPressed()", self.sliderPressed.emit)
        self._slider.connect("sliderReleased()", self.sliderReleased.emit)

    def setValue(self, value: float) -> None:
        value = clipped(value, self._minimum, self._maximum)
        changed = value != self._value
        self._value = value
        self._place_handle()
        if changed:
            self.valueChanged.emit(value)

    def setOrientation(self, orientation: Qt.Orientation) -> None:
        self._slider.setOrientation(orientation)
        self.setSizePolicy(self._slider.sizePolicy)

    def _set_range(self, minimum: float, maximum: float) -> None:
        self._minimum, self._maximum = float(minimum), float(max(minimum, maximum))
        self.setValue(self._value)
        self.rangeChanged.emit(self._minimum, self._maximum)

    def _set_minimum(self, low: float) -> None:
        self._set_range(low, max(low, self._maximum))

    def _set_maximum(self, high: float) -> None:
        self._set_range(min(high, self._minimum), high)

    def _place_handle(self) -> None:
        span = self._maximum - self._minimum
        self._slider.setValue(round((self._value - self._minimum) / span * _STEPS) if span else 0)

    def _on_moved(self, position: int) -> None:
        value = self._minimum + position / _STEPS * (self._maximum - self._minimum)
        if self.singleStep > 0:
            value = self._minimum + round((value - self._minimum) / self.singleStep) * self.singleStep
        self.sliderMoved.emit(value)
        self.setValue(value)

    def _on_action(self, action: int) -> None:
        steps = {1: self.singleStep, 2: -self.singleStep, 3: self.pageStep, 4: -self.pageStep}.get(action)
        if steps is not None:
            self.setValue(self._value + steps)
            self._slider.setSliderPosition(self._slider.value)

    value = QtCore.Property(float, lambda self: self._value, setValue)
    sliderPosition = QtCore.Property(float, lambda self: self._value, setValue)
    minimum = QtCore.Property(float, lambda self: self._minimum, _set_minimum)
    maximum = QtCore.Property(float, lambda self: self._maximum, _set_maximum)
    orientation = QtCore.Property(Qt.Orientation, lambda self: self._slider.orientation, setOrientation)


@register_widget
class ctkSliderWidget(QtWidgets.QWidget):  # noqa: N801
    """Slider and spin box of one value; untracked, `valueChanged` waits for the mouse to be released."""

    valueChanged = QtCore.Signal(float)
    valueIsChanging = QtCore.Signal(float)
    decimalsChanged = QtCore.Signal(int)
    NoSynchronize, SynchronizeWidth, SynchronizeDecimals = range(3)

    synchronizeSiblings = held(int, 1)
    spinBoxAlignment = held(int, 0x0080)
    popupSlider = held(bool, False)
    tracking = held(bool, True)
    tickPosition = delegated(QtWidgets.QSlider.TickPosition, "_slider", "tickPosition")
    tickInterval = delegated(float, "_slider", "tickInterval")
    pageStep = delegated(float, "_slider", "pageStep")
    invertedAppearance = delegated(bool, "_slider", "invertedAppearance")
    invertedControls = delegated(bool, "_slider", "invertedControls")
    prefix = delegated(str, "_box", "prefix")
    suffix = delegated(str, "_box", "suffix")

    def __init__(self, parent: QtWidgets.QWidget | None = None):
        super().__init__(parent)
        self._changing = False
        self._slider = ctkDoubleSlider(Qt.Orientation.Horizontal, self)
        self._box = ctkDoubleSpinBox(self)
        self._box.maximum = self._slider.maximum
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._slider)
        layout.addWidget(self._box)
        self.setSizePolicy(QtWidgets.QSizePolicy.Policy.Expanding, QtWidgets.QSizePolicy.Policy.Fixed)
        self.setFocusProxy(self._box)
        self._slider.connect("valueChanged(double)", self._on_slider)
        self._slider.connect("sliderPressed()", self._start_changing)
        self._slider.connect("sliderReleased()", self._stop_changing)
        self._box.connect("valueChanged(double)", self._slider.setValue)
        self._box.connect("decimalsChanged(int)", self.decimalsChanged.emit)

    def setValue(self, value: float) -> None:
        self._slider.setValue(value)

    def setDecimals(self, decimals: int) -> None:
        self._box.setDecimals(decimals)

    def setSpinBoxVisible(self, visible: bool) -> None:
        self._box.setVisible(visible)

    def reset(self) -> None:
        self.setValue(self.minimum)

    def _on_slider(self, value: float) -> None:
        if value != self._box.value:  # or what is just being typed would be written anew
            blocked = self._box.blockSignals(True)
            self._box.setValue(value)
            self._box.blockSignals(blocked)
        if not self.tracking:
            self.valueIsChanging.emit(value)
        if not self._changing:
            self.valueChanged.emit(value)

    def _start_changing(self) -> None:
        self._changing, self._before = not self.tracking, self.value

    def _stop_changing(self) -> None:
        waited, self._changing = self._changing, False
        if waited and self.value != self._before:
            self.valueChanged.emit(self.value)

    def _set_bound(self, name: str, bound: float) -> None:
        setattr(self._box, name, bound)
        setattr(self._slider, name, bound)

    def _set_step(self, step: float) -> None:
        self._box.singleStep = self._slider.singleStep = step

    value = QtCore.Property(float, lambda self: self._slider.value, setValue)
    minimum = QtCore.Property(float, lambda self: self._slider.minimum, lambda self, low: self._set_bound("minimum", low))
    maximum = QtCore.Property(float, lambda self: self._slider.maximum, lambda self, high: self._set_bound("maximum", high))
    singleStep = QtCore.Property(float, lambda self: self._slider.singleStep, _set_step)
    decimals = QtCore.Property(int, lambda self: self._box.decimals, setDecimals)
    spinBoxVisible = QtCore.Property(bool, lambda self: not self._box.isHidden(), setSpinBoxVisible)
