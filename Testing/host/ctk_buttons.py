"""CTK's buttons: alignment, check boxes within buttons, menus beside buttons, arrows."""

from __future__ import annotations

from PySide6 import QtCore, QtGui, QtWidgets

from .ctk_property import held, split_arguments
from .ui_loader import register_widget

Qt = QtCore.Qt
_LEFT_MIDDLE, _CENTER = 0x81, 0x84


@register_widget
class ctkPushButton(QtWidgets.QPushButton):  # noqa: N801 - CTK's name
    """A push button whose text and icon can be aligned; drawn like any push button here."""

    buttonTextAlignment = held(int, _CENTER, "update")
    iconAlignment = held(int, _LEFT_MIDDLE, "update")
    elideMode = held(int, 3, "update")

    def __init__(self, *arguments):
        icon, text, parent = split_arguments(arguments, (QtGui.QIcon, str, QtWidgets.QWidget))
        super().__init__(parent)
        self.setText(text or "")
        self.setIcon(icon or QtGui.QIcon())


@register_widget
class ctkCheckablePushButton(ctkPushButton):  # noqa: N801
    """A push button with a check box of its own."""

    checkBoxToggled = QtCore.Signal(bool)
    checkStateChanged = QtCore.Signal(Qt.CheckState)

    indicatorAlignment = held(int, _LEFT_MIDDLE, "update")
    checkBoxControlsButtonToggleState = held(bool, True)
    checkBoxUserCheckable = held(bool, True, "update")

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self._state, self._controls = Qt.CheckState.Unchecked, True

    def _set_check_state(self, state: Qt.CheckState) -> None:
        state = Qt.CheckState(int(state))
        if state == self._state:
            return
        self._state = state
        if self._controls:
            self.setCheckable(state == Qt.CheckState.Checked)
            if self.checkBoxControlsButtonToggleState:
                self.setChecked(state == Qt.CheckState.Checked)
        self.checkStateChanged.emit(state)
        self.checkBoxToggled.emit(state == Qt.CheckState.Checked)
        self.update()

    def _set_controls(self, controls: bool) -> None:
        self._controls = controls
        if controls:
            self._set_check_state(Qt.CheckState.Checked if self.checkable else Qt.CheckState.Unchecked)

    checkState = QtCore.Property(Qt.CheckState, lambda self: self._state, _set_check_state)
    checkBoxControlsButton = QtCore.Property(bool, lambda self: self._controls, _set_controls)

    def _check_box(self) -> QtCore.QRect:
        side = self.style().pixelMetric(QtWidgets.QStyle.PixelMetric.PM_IndicatorWidth)
        return QtCore.QRect(6, (self.height - side) // 2, side, side)

    def hitButton(self, position: QtCore.QPoint) -> bool:
        return not self._check_box().contains(position)

    def mousePressEvent(self, event: QtGui.QMouseEvent) -> None:
        if self.checkBoxUserCheckable and self._check_box().contains(event.position().toPoint()):
            checked = self._state == Qt.CheckState.Checked
            self._set_check_state(Qt.CheckState.Unchecked if checked else Qt.CheckState.Checked)
        else:
            super().mousePressEvent(event)

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        super().paintEvent(event)
        option = QtWidgets.QStyleOptionButton()
        option.initFrom(self)
        option.rect = self._check_box()
        checked = self._state == Qt.CheckState.Checked
        option.state |= QtWidgets.QStyle.StateFlag.State_On if checked else QtWidgets.QStyle.StateFlag.State_Off
        QtWidgets.QStylePainter(self).drawPrimitive(QtWidgets.QStyle.PrimitiveElement.PE_IndicatorCheckBox, option)

    def sizeHint(self) -> QtCore.QSize:
        return QtWidgets.QPushButton.sizeHint.fget(self) + QtCore.QSize(24, 0)


@register_widget
class ctkMenuButton(QtWidgets.QPushButton):  # noqa: N801
    """A push button that opens its menu only at the arrow; elsewhere it is clicked."""

    def __init__(self, *arguments):
        text, parent = split_arguments(arguments, (str, QtWidgets.QWidget))
        super().__init__(parent)
        self.setText(text or "")

    def _arrow(self) -> QtCore.QRect:
        return QtCore.QRect(self.width - 18, 0, 18, self.height)

    def hitButton(self, position: QtCore.QPoint) -> bool:
        return not self._arrow().contains(position)

    def mousePressEvent(self, event: QtGui.QMouseEvent) -> None:
        if self.menu() is not None and self._arrow().contains(event.position().toPoint()):
            self.menu().exec_(self.mapToGlobal(QtCore.QPoint(0, self.height)))
            return
        # Without its menu a push button has no menu to open.
        menu = self.menu()
        self.setMenu(None)
        super().mousePressEvent(event)
        self.setMenu(menu)


@register_widget
class ctkExpandButton(QtWidgets.QToolButton):  # noqa: N801
    """A tool button that shows an arrow."""

    orientation = held(Qt.Orientation, Qt.Orientation.Horizontal, "_point")
    mirrorOnExpand = held(bool, False, "_point")

    def __init__(self, parent: QtWidgets.QWidget | None = None):
        super().__init__(parent)
        self.setCheckable(True)
        self._point()
        self.toggled.connect(self._point)

    def _point(self) -> None:
        arrows = {1: (Qt.ArrowType.RightArrow, Qt.ArrowType.LeftArrow), 2: (Qt.ArrowType.DownArrow, Qt.ArrowType.UpArrow)}
        self.setArrowType(arrows[int(self.orientation)][self.mirrorOnExpand and self.checked])


@register_widget
class ctkCheckBox(QtWidgets.QCheckBox):  # noqa: N801
    """A check box that may show an icon as its indicator."""

    indicatorIcon = held(QtGui.QIcon, QtGui.QIcon(), "update")
    indicatorIconSize = held(QtCore.QSize, QtCore.QSize(0, 0), "update")
