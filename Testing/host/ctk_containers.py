"""ctkCollapsibleButton, ctkCollapsibleGroupBox and ctkExpandableWidget: what hides and shows its contents."""

from __future__ import annotations

from PySide6 import QtCore, QtGui, QtWidgets

from .ctk_property import held, split_arguments
from .ui_loader import register_widget

Qt = QtCore.Qt


def fold_children(parent: QtWidgets.QWidget, fold: bool, folded: set[QtWidgets.QWidget]) -> None:
    """Hide the children that are shown, or show those again; `folded` remembers which."""
    children = [child for child in parent.children() if child.isWidgetType() and not child.isWindow()]
    if fold:
        for child in children:
            if not child.isHidden():
                folded.add(child)
                child.hide()
        return
    for child in folded.intersection(children):
        child.show()
    folded.clear()


@register_widget
class ctkCollapsibleButton(QtWidgets.QAbstractButton):  # noqa: N801 - CTK's name
    """A button as wide as the panel; unchecked, it hides its children."""

    contentsCollapsed = QtCore.Signal(bool)

    collapsedHeight = held(int, 14, "updateGeometry")
    flat = held(bool, False, "update")
    contentsFrameShape = held(int, 0, "update")
    contentsFrameShadow = held(int, 16, "update")
    contentsLineWidth = held(int, 1, "update")
    contentsMidLineWidth = held(int, 0, "update")
    buttonTextAlignment = held(int, 0x81, "update")
    indicatorAlignment = held(int, 0x81, "update")

    def __init__(self, *arguments):
        text, parent = split_arguments(arguments, (str, QtWidgets.QWidget))
        super().__init__(parent)
        self._collapsed = False
        self._hidden_by_me: set[QtWidgets.QWidget] = set()
        self._uncollapsed_height = self.maximumHeight
        self.setText(text or "")
        self.setCheckable(True)
        self.setChecked(True)
        self.setSizePolicy(QtWidgets.QSizePolicy.Policy.Minimum, QtWidgets.QSizePolicy.Policy.Preferred)
        self.setContentsMargins(0, self._header_height(), 0, 0)
        self.toggled.connect(self._on_toggled)

    def _is_collapsed(self) -> bool:
        return self._collapsed

    def _set_collapsed(self, collapsed: bool) -> None:
        self.setChecked(not collapsed)

    collapsed = QtCore.Property(bool, _is_collapsed, _set_collapsed)

    def _on_toggled(self, checked: bool) -> None:
        if checked != self._collapsed:
            return
        self._collapsed = not checked
        if self._collapsed:
            self._uncollapsed_height = self.maximumHeight
            self.setMaximumHeight(self._header_height() + self.collapsedHeight)
        else:
            self.setMaximumHeight(self._uncollapsed_height)
        self._show_children()
        self.updateGeometry()
        self.contentsCollapsed.emit(self._collapsed)

    def _show_children(self) -> None:
        fold_children(self, self._collapsed, self._hidden_by_me)

    def event(self, event: QtCore.QEvent) -> bool:
        # A child may be added, or be shown by its maker, while the button is collapsed.
        if event.type() in (QtCore.QEvent.Type.Show, QtCore.QEvent.Type.ChildPolished) and self._collapsed:
            self._show_children()
        return super().event(event)

    def _header_height(self) -> int:
        return self.fontMetrics().height() + 10

    def sizeHint(self) -> QtCore.QSize:
        width = self.fontMetrics().horizontalAdvance(self.text) + 40
        header = QtCore.QSize(width, self._header_height())
        if self._collapsed:
            return header + QtCore.QSize(0, self.collapsedHeight)
        contents = self.layout().totalSizeHint() if self.layout() else QtCore.QSize(0, self._header_height())
        return header.expandedTo(contents)

    def minimumSizeHint(self) -> QtCore.QSize:
        if self._collapsed or not self.layout():
            return self.sizeHint()
        return self.layout().totalMinimumSize().expandedTo(QtCore.QSize(60, self._header_height()))

    def hitButton(self, position: QtCore.QPoint) -> bool:
        return position.y() < self._header_height()

    def paintEvent(self, _event: QtGui.QPaintEvent) -> None:
        painter = QtWidgets.QStylePainter(self)
        header = QtCore.QRect(0, 0, self.width, self._header_height())
        option = QtWidgets.QStyleOptionButton()
        option.initFrom(self)
        option.rect = header
        if self.flat:
            option.features = QtWidgets.QStyleOptionButton.ButtonFeature.Flat
        option.state |= QtWidgets.QStyle.StateFlag.State_Sunken if self.isDown() else QtWidgets.QStyle.StateFlag.State_Raised
        painter.drawControl(QtWidgets.QStyle.ControlElement.CE_PushButtonBevel, option)
        arrow = QtWidgets.QStyle.PrimitiveElement.PE_IndicatorArrowRight
        if not self._collapsed:
            arrow = QtWidgets.QStyle.PrimitiveElement.PE_IndicatorArrowDown
        side = self.fontMetrics().height() - 4
        option.rect = QtCore.QRect(8, (header.height() - side) // 2, side, side)
        painter.drawPrimitive(arrow, option)
        text = QtCore.QRect(header.adjusted(14 + side, 0, -4, 0))
        shown = self.fontMetrics().elidedText(self.text, Qt.TextElideMode.ElideRight, text.width())
        alignment = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextShowMnemonic
        painter.drawItemText(text, int(alignment), self.palette, self.enabled, shown, QtGui.QPalette.ColorRole.ButtonText)


@register_widget
class ctkCollapsibleGroupBox(QtWidgets.QGroupBox):  # noqa: N801
    """A group box whose check mark shows and hides its children."""

    collapsedHeight = held(int, 14, "updateGeometry")

    def __init__(self, *arguments):
        title, parent = split_arguments(arguments, (str, QtWidgets.QWidget))
        super().__init__(parent)
        self._hidden_by_me: set[QtWidgets.QWidget] = set()
        self.setTitle(title or "")
        self.setCheckable(True)
        self.setChecked(True)
        self.toggled.connect(self._expand)

    collapsed = QtCore.Property(bool, lambda self: not self.isChecked(), lambda self, collapsed: self.setChecked(not collapsed))

    def _expand(self, expanded: bool) -> None:
        fold_children(self, not expanded, self._hidden_by_me)
        header = self.fontMetrics().height() + self.collapsedHeight
        self.setMaximumHeight(QtWidgets.QWIDGETSIZE_MAX if expanded else header)


@register_widget
class ctkExpandableWidget(QtWidgets.QFrame):  # noqa: N801
    """A frame whose height the user may drag; here it is only a frame."""

    orientations = held(int, 3)
    sizeGripInside = held(bool, True)
    sizeGripMargins = held(QtCore.QSize, QtCore.QSize(0, 0))

    def updateSizeHint(self) -> None:
        self.updateGeometry()
