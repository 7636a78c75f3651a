"""ctkColorPickerButton and ctkDirectoryButton: buttons that show what was picked and ask for another."""

from __future__ import annotations

from PySide6 import QtCore, QtGui, QtWidgets

from .ctk_property import held, split_arguments
from .ui_loader import register_widget


@register_widget
class ctkColorPickerButton(QtWidgets.QPushButton):  # noqa: N801
    """A swatch of color and its name; a click asks for another color."""

    colorChanged = QtCore.Signal(QtGui.QColor)
    colorNameChanged = QtCore.Signal(str)
    ShowAlphaChannel, NoButtons, DontUseNativeDialog, UseCTKColorDialog = 1, 2, 4, 12

    dialogOptions = held(int, 0)

    def __init__(self, *arguments):
        color, text, parent = split_arguments(arguments, (QtGui.QColor, str, QtWidgets.QWidget))
        super().__init__(parent)
        self._color, self._color_name, self._shows_name = color or QtGui.QColor(), "", True
        self.setText(text or "")
        self.setCheckable(True)
        self._draw()
        self.toggled.connect(self._on_toggled)

    def setColor(self, color: QtGui.QColor) -> None:
        if color != self._color:
            self._color = QtGui.QColor(color)
            self._draw()
            self.colorChanged.emit(self._color)

    def setDisplayColorName(self, shown: bool) -> None:
        self._shows_name = shown
        self._draw()

    def changeColor(self) -> None:
        color = QtWidgets.QColorDialog.getColor(self._color, self, "")
        if color.isValid():
            self.setColor(color)

    def _set_color_name(self, name: str) -> None:
        if name != self._color_name:
            self._color_name = name
            self._draw()
            self.colorNameChanged.emit(name)

    def _on_toggled(self, checked: bool) -> None:
        if checked:
            self.changeColor()
            self.setChecked(False)

    def _draw(self) -> None:
        side = self.style().pixelMetric(QtWidgets.QStyle.PixelMetric.PM_SmallIconSize)
        swatch = QtGui.QPixmap(side, side)
        swatch.fill(self._color)
        self.setIcon(QtGui.QIcon(swatch))
        if self._shows_name:
            self.setText(self._color_name or self._color.name())
        elif self.text in (self._color_name, self._color.name()):
            self.setText("")

    color = QtCore.Property(QtGui.QColor, lambda self: self._color, setColor)
    colorName = QtCore.Property(str, lambda self: self._color_name or self._color.name(), _set_color_name)
    displayColorName = QtCore.Property(bool, lambda self: self._shows_name, setDisplayColorName)


@register_widget
class ctkDirectoryButton(QtWidgets.QWidget):  # noqa: N801
    """A button that shows a directory and asks for another."""

    directoryChanged = QtCore.Signal(str)
    directorySelected = QtCore.Signal(str)

    acceptMode = held(int, 0)
    caption = held(str, "")
    options = held(int, 1)
    elideMode = held(int, 3)
    text = held(str, "", "_draw")
    icon = held(QtGui.QIcon, QtGui.QIcon(), "_draw")

    def __init__(self, *arguments):
        directory, parent = split_arguments(arguments, (str, QtWidgets.QWidget))
        super().__init__(parent)
        self._directory = directory or ""
        self._button = QtWidgets.QPushButton(self)
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._button)
        self._draw()
        self._button.connect("clicked()", self.browse)

    def browse(self) -> str:
        chosen = QtWidgets.QFileDialog.getExistingDirectory(self, self.caption, self._directory)
        if chosen:
            self._set_directory(chosen)
            self.directorySelected.emit(chosen)
        return chosen

    def _set_directory(self, directory: str) -> None:
        if directory != self._directory:
            self._directory = directory
            self._draw()
            self.directoryChanged.emit(directory)

    def _draw(self) -> None:
        self._button.setText(self.text or self._directory)
        self._button.setIcon(self.icon)

    directory = QtCore.Property(str, lambda self: self._directory, _set_directory)
