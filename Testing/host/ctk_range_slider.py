"""ctkDoubleRangeSlider: a groove with two handles."""

from __future__ import annotations

from PySide6 import QtCore, QtGui, QtWidgets

from .ctk_property import clipped, held, split_arguments
from .ui_loader import register_widget

Qt = QtCore.Qt
_HANDLE = 7  # radius of a handle in pixels


@register_widget
class ctkDoubleRangeSlider(QtWidgets.QWidget):  # noqa: N801
    """A groove with two handles."""

    minimumValueChanged = QtCore.Signal(float)
    maximumValueChanged = QtCore.Signal(float)
    valuesChanged = QtCore.Signal(float, float)
    minimumPositionChanged = QtCore.Signal(float)
    maximumPositionChanged = QtCore.Signal(float)
    positionsChanged = QtCore.Signal(float, float)
    sliderPressed = QtCore.Signal()
    sliderReleased = QtCore.Signal()
    rangeChanged = QtCore.Signal(float, float)

    singleStep = held(float, 1.0)
    tickInterval = held(float, 0.0)
    tickPosition = held(int, 0, "update")
    tracking = held(bool, True)
    symmetricMoves = held(bool, False)
    orientation = held(Qt.Orientation, Qt.Orientation.Horizontal, "update")

    def __init__(self, *arguments):
        orientation, parent = split_arguments(arguments, (Qt.Orientation, QtWidgets.QWidget))
        super().__init__(parent)
        self._range, self._values, self._held = (0.0, 99.0), (0.0, 99.0), None
        if orientation is not None:
            self.orientation = orientation
        self.setSizePolicy(QtWidgets.QSizePolicy.Policy.Expanding, QtWidgets.QSizePolicy.Policy.Fixed)

    def setRange(self, minimum: float, maximum: float) -> None:
        self._range = (float(minimum), float(max(minimum, maximum)))
        self.setValues(*self._values)
        self.rangeChanged.emit(*self._range)

    def setMinimumValue(self, value: float) -> None:
        self.setValues(min(value, self._values[1]), self._values[1])

    def setMaximumValue(self, value: float) -> None:
        self.setValues(self._values[0], max(value, self._values[0]))

    def setValues(self, low: float, high: float) -> None:
        before = self._values
        self._values = tuple(clipped(each, *self._range) for each in sorted((low, high)))
        self.update()
        if self._values != before:
            self.positionsChanged.emit(*self._values)
            self.valuesChanged.emit(*self._values)
        if self._values[0] != before[0]:
            self.minimumPositionChanged.emit(self._values[0])
            self.minimumValueChanged.emit(self._values[0])
        if self._values[1] != before[1]:
            self.maximumPositionChanged.emit(self._values[1])
            self.maximumValueChanged.emit(self._values[1])

    def _set_minimum(self, low: float) -> None:
        self.setRange(low, max(low, self._range[1]))

    def _set_maximum(self, high: float) -> None:
        self.setRange(min(high, self._range[0]), high)

    minimum = QtCore.Property(float, lambda self: self._range[0], _set_minimum)
    maximum = QtCore.Property(float, lambda self: self._range[1], _set_maximum)
    minimumValue = QtCore.Property(float, lambda self: self._values[0], setMinimumValue)
    maximumValue = QtCore.Property(float, lambda self: self._values[1], setMaximumValue)
    minimumPosition = QtCore.Property(float, lambda self: self._values[0], setMinimumValue)
    maximumPosition = QtCore.Property(float, lambda self: self._values[1], setMaximumValue)

    def sizeHint(self) -> QtCore.QSize:
        return QtCore.QSize(84, 3 * _HANDLE)

    minimumSizeHint = sizeHint

    def mousePressEvent(self, event: QtGui.QMouseEvent) -> None:
        x = event.position().x()
        left, right = (self._pixel(value) for value in self._values)
        self._held = int(abs(right - x) < abs(left - x) or (left == right and x > left))
        self.sliderPressed.emit()

    def mouseMoveEvent(self, event: QtGui.QMouseEvent) -> None:
        usable = max(1, self.width - 2 * _HANDLE)
        share = clipped((event.position().x() - _HANDLE) / usable, 0.0, 1.0)
        value = self._range[0] + share * (self._range[1] - self._range[0])
        if self.singleStep > 0:
            value = self._range[0] + round((value - self._range[0]) / self.singleStep) * self.singleStep
        (self.setMinimumValue, self.setMaximumValue)[self._held](value)

    def mouseReleaseEvent(self, _event: QtGui.QMouseEvent) -> None:
        self._held = None
        self.sliderReleased.emit()

    def _pixel(self, value: float) -> int:
        span = self._range[1] - self._range[0]
        share = (value - self._range[0]) / span if span else 0.0
        return round(_HANDLE + share * (self.width - 2 * _HANDLE))

    def paintEvent(self, _event: QtGui.QPaintEvent) -> None:
        painter = QtGui.QPainter(self)
        painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
        middle = self.height / 2
        left, right = (self._pixel(value) for value in self._values)
        outline = self.palette.color(QtGui.QPalette.ColorRole.Mid)
        for start, end, role in (
            (_HANDLE, self.width - _HANDLE, QtGui.QPalette.ColorRole.Button),
            (left, right, QtGui.QPalette.ColorRole.Highlight),
        ):
            painter.setPen(outline)
            painter.setBrush(self.palette.brush(role) if self.enabled else self.palette.mid())
            painter.drawRoundedRect(QtCore.QRectF(start, middle - 2, end - start, 4), 2, 2)
        painter.setBrush(self.palette.button())
        for x in (left, right):
            painter.drawRoundedRect(QtCore.QRectF(x - _HANDLE + 2, middle - _HANDLE, 2 * _HANDLE - 4, 2 * _HANDLE), 3, 3)
