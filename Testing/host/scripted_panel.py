"""A scripted module loaded as the application loads it: its class, its panel in the dock, its life of enter, exit, reload."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import slicer
import slicer.util
from PySide6 import QtCore, QtWidgets

from .application import Module
from .mrml_widgets import qMRMLWidget
from .ui_loader import register_widget


@register_widget
class qSlicerScriptedLoadableModuleWidget(qMRMLWidget):  # noqa: N801
    """The `parent` of a module's widget."""

    def __init__(self, name: str, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._name = name
        self._widget: Any = None
        QtWidgets.QVBoxLayout(self)

    def self(self) -> Any:
        return self._widget

    def reload(self) -> bool:
        """Make the Python widget anew from the module as it is loaded now, and set it up."""
        self._widget = getattr(sys.modules[self._name], f"{self._name}Widget")(self)
        setattr(slicer.modules, f"{self._name}Widget", self._widget)
        self._widget.setup()
        return True


class Panel:
    """A loaded module with its panel shown in a dock of the given width (pixels).

    Attributes:
        module: The module object, title and texts set.
        widget: The module's own widget object.
        parent: The qMRMLWidget it lives in.
        window: The scroll area that stands for the module panel.
    """

    def __init__(self, path: Path, width: int = 400) -> None:
        self.name = path.stem
        specification = importlib.util.spec_from_file_location(self.name, path)
        python = importlib.util.module_from_spec(specification)
        sys.modules[self.name] = python
        specification.loader.exec_module(python)
        about = SimpleNamespace(path=str(path), title="", categories=[], dependencies=[], contributors=[], helpText="",
                                acknowledgementText="", icon=None, hidden=False, index=-1)  # fmt: skip
        self.parent = qSlicerScriptedLoadableModuleWidget(self.name)
        setattr(slicer.modules, self.name.lower(), Module(self.name, None, str(path), self.parent))
        self.module = getattr(python, self.name)(about)
        self.parent.setMRMLScene(slicer.mrmlScene)
        self.parent.reload()
        self.window = QtWidgets.QScrollArea()
        self.window.setWidgetResizable(True)
        self.window.setHorizontalScrollBarPolicy(QtCore.Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.window.setWidget(self.parent)
        self.window.resize(width, 900)
        self.window.show()
        self.enter()

    @property
    def widget(self) -> Any:
        return self.parent.self()

    def enter(self) -> None:
        """The user switches to the module."""
        slicer.util.selectModule(self.name)
        QtWidgets.QApplication.processEvents()

    def exit(self) -> None:
        """The user switches to another module."""
        slicer.util.selectModule("Volumes")
        QtWidgets.QApplication.processEvents()

    def close(self) -> None:
        """The application quits: the module is left and told, then its widgets go."""
        slicer.util.selectModule("")
        slicer.app.moduleManager().moduleAboutToBeUnloaded.emit(self.name)
        delattr(slicer.modules, self.name.lower())
        delattr(slicer.modules, f"{self.name}Widget")
        sys.modules.pop(self.name, None)
        self.window.close()
        self.window.deleteLater()
