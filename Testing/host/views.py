"""The main window and its slice views: what Python reaches through the layout manager, on real slice nodes and logics."""

from __future__ import annotations

import slicer
from PySide6 import QtCore, QtGui, QtWidgets

from .boot import Core
from .pythonqt import imitation
from .ui_loader import register_widget

KEYS = (
    "Ctrl+O", "Ctrl+S", "Ctrl+W", "Ctrl+H", "Ctrl+F", *(f"Ctrl+{digit}" for digit in range(7)), "Ctrl+`",
    "Ctrl+Shift+A", "Ctrl+Shift+T", "Ctrl+Shift+Space",  # of the markups toolbar
    "Ctrl+Shift+Down", "Ctrl+Shift+Left", "Ctrl+Shift+Right",  # of the sequences toolbar
)  # fmt: skip
"""What the main window takes wherever the keyboard is; where a second shortcut fits such a key, Qt triggers neither."""

HISTORY_KEYS = ("Ctrl+Left", "Alt+Left", "Ctrl+Right", "Alt+Right")
"""To the previous and the next module, in every window. On macOS Ctrl+[ and Ctrl+] stand for those with Alt."""


@register_widget
class qSlicerMainWindow(QtWidgets.QMainWindow):  # noqa: N801
    """Found by `slicer.util.mainWindow()` through its object name; it takes the keys that Slicer's own takes."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("qSlicerMainWindow")
        self._selector = _ModuleSelector(self)
        for keys, context in (
            (KEYS, QtCore.Qt.ShortcutContext.WindowShortcut),
            (HISTORY_KEYS, QtCore.Qt.ShortcutContext.ApplicationShortcut),
        ):
            action = QtGui.QAction("of Slicer", self)
            action.setShortcuts([QtGui.QKeySequence(key) for key in keys])
            action.setShortcutContext(context)
            self.addAction(action)

    def moduleSelector(self) -> _ModuleSelector:
        return self._selector


@imitation
class _ModuleSelector(QtCore.QObject):
    """Shows one module at a time, and tells the panels of scripted ones; Slicer's own have none here."""

    moduleSelected = QtCore.Signal(str)

    def __init__(self, parent: QtCore.QObject) -> None:
        super().__init__(parent)
        self._selected = ""

    def selectModule(self, name: str) -> None:
        """Switch to a module, or to none for an empty name."""
        if name == self._selected:
            return
        _tell(self._selected, "exit")
        self._selected = name
        _tell(name, "enter")
        self.moduleSelected.emit(name)

    selectedModule = QtCore.Property(str, lambda self: self._selected, selectModule)


def _tell(moduleName: str, what: str) -> None:
    """Call `enter` or `exit` of a scripted module's widget, where it has one."""
    representation = getattr(slicer.modules, moduleName.lower()).widgetRepresentation() if moduleName else None
    if representation is not None and hasattr(representation.self(), what):
        getattr(representation.self(), what)()


@register_widget
class qMRMLSliceView(QtWidgets.QWidget):  # noqa: N801
    """Where the slice is drawn; nothing is drawn here."""

    def __init__(self, logic: slicer.vtkMRMLSliceLogic, parent: QtWidgets.QWidget) -> None:
        super().__init__(parent)
        self._logic = logic

    def mrmlSliceNode(self) -> slicer.vtkMRMLSliceNode:
        return self._logic.GetSliceNode()

    def convertDeviceToXYZ(self, xy: list[int]) -> list[float]:
        return [float(xy[0]), float(self.mrmlSliceNode().GetDimensions()[1] - 1 - xy[1]), 0.0]

    def convertXYZToRAS(self, xyz: list[float]) -> list[float]:
        return list(self.mrmlSliceNode().GetXYToRAS().MultiplyPoint([*xyz, 1.0])[:3])

    def convertRASToXYZ(self, ras: list[float]) -> list[float]:
        matrix = self.mrmlSliceNode().GetXYToRAS().NewInstance()
        matrix.DeepCopy(self.mrmlSliceNode().GetXYToRAS())
        matrix.Invert()
        return list(matrix.MultiplyPoint([*ras, 1.0])[:3])

    def setViewCursor(self, cursor: QtGui.QCursor) -> None:
        self.setCursor(cursor)

    def unsetViewCursor(self) -> None:
        self.unsetCursor()

    def scheduleRender(self) -> None:
        pass

    def forceRender(self) -> None:
        pass


@register_widget
class qMRMLSliceWidget(QtWidgets.QWidget):  # noqa: N801
    """One slice view with its logic."""

    def __init__(self, name: str, logic: slicer.vtkMRMLSliceLogic, parent: QtWidgets.QWidget) -> None:
        super().__init__(parent)
        self._name, self._logic = name, logic
        self._view = qMRMLSliceView(logic, self)

    sliceViewName = QtCore.Property(str, lambda self: self._name)

    def sliceLogic(self) -> slicer.vtkMRMLSliceLogic:
        return self._logic

    def mrmlSliceNode(self) -> slicer.vtkMRMLSliceNode:
        return self._logic.GetSliceNode()

    def mrmlSliceCompositeNode(self) -> slicer.vtkMRMLSliceCompositeNode:
        return self._logic.GetSliceCompositeNode()

    def sliceView(self) -> qMRMLSliceView:
        return self._view

    def fitSliceToBackground(self) -> None:
        self._logic.FitSliceToBackground()


class LayoutManager(QtCore.QObject):
    """`slicer.app.layoutManager()`; there is no 3D view."""

    layoutChanged = QtCore.Signal(int)
    threeDViewCount = QtCore.Property(int, lambda self: 0)
    tableViewCount = QtCore.Property(int, lambda self: 0)
    plotViewCount = QtCore.Property(int, lambda self: 0)

    def __init__(self, core: Core, window: QtWidgets.QWidget) -> None:
        super().__init__(window)
        self._core = core
        self._widgets = {name: qMRMLSliceWidget(name, logic, window) for name, logic in core.sliceLogics.items()}
        self._layout = slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView

    def _setLayout(self, layout: int) -> None:
        self._layout = layout
        self.layoutChanged.emit(layout)

    layout = QtCore.Property(int, lambda self: self._layout, _setLayout)

    def mrmlScene(self) -> slicer.vtkMRMLScene:
        return self._core.scene

    def sliceViewNames(self) -> list[str]:
        return list(self._widgets)

    def sliceWidget(self, name: str) -> qMRMLSliceWidget | None:
        return self._widgets.get(name)

    def mrmlSliceLogics(self):
        return self._core.logic.GetSliceLogics()

    def resetSliceViews(self) -> None:
        for widget in self._widgets.values():
            widget.fitSliceToBackground()

    def setLayout(self, layout: int) -> None:
        self._setLayout(layout)
