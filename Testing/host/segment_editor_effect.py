"""qSlicerSegmentEditorAbstractEffect: name and parameters of an effect; what Paint and Erase do is in painting.py."""

from __future__ import annotations

import slicer
from PySide6 import QtCore

from .pythonqt import imitation
from .strict import report

# Name, and whether the effect works on the selected segment; in the order in which Slicer registers them.
EFFECTS = {
    "Paint": True, "Erase": True, "Scissors": True, "Draw": True, "Fill between slices": False, "Grow from seeds": False,
    "Hollow": True, "Islands": True, "Level tracing": True, "Logical operators": True, "Margin": True, "Mask volume": True,
    "Smoothing": True, "Threshold": True,
}  # fmt: skip
_COMMON_BRUSH = {
    "BrushMinimumAbsoluteDiameter": 0.01, "BrushMaximumAbsoluteDiameter": 100.0, "BrushAbsoluteDiameter": 5.0,
    "BrushRelativeDiameter": 3.0, "BrushDiameterIsRelative": 1, "BrushSphere": 0, "EditIn3DViews": 0, "BrushPixelMode": 0,
}  # fmt: skip


def _written(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:g}"


@imitation
class qSlicerSegmentEditorAbstractEffect(QtCore.QObject):  # noqa: N801
    """Parameters are attributes of the editor node: an effect's own under `Name.parameter`, common ones under `parameter`."""

    def __init__(self, name: str, editor: QtCore.QObject, logic: slicer.vtkSlicerSegmentEditorLogic) -> None:
        super().__init__(editor)
        self._name, self._editor, self._logic, self._active = name, editor, logic, False

    name = QtCore.Property(str, lambda self: self._name)
    title = QtCore.Property(str, lambda self: self._name)
    perSegment = QtCore.Property(bool, lambda self: EFFECTS[self._name])
    requireSegments = QtCore.Property(bool, lambda self: True)

    def parameterSetNode(self):
        return self._logic.GetSegmentEditorNode()

    def scene(self):
        return self._editor.mrmlScene()

    def active(self) -> bool:
        return self._active

    def activate(self) -> None:
        self._active = True

    def deactivate(self) -> None:
        self._active = False

    def parameter(self, name: str) -> str:
        node = self.parameterSetNode()
        value = node.GetAttribute(f"{self._name}.{name}") if node else ""
        value = node.GetAttribute(name) if value is None else value
        if value is None:
            report(f"parameter {name!r} cannot be found for effect {self._name}")
            return ""
        return value

    def integerParameter(self, name: str) -> int:
        return int(self.parameter(name))

    def doubleParameter(self, name: str) -> float:
        return float(self.parameter(name))

    def parameterDefined(self, name: str) -> bool:
        return self.commonParameterDefined(f"{self._name}.{name}")

    def commonParameterDefined(self, name: str) -> bool:
        return bool(self.parameterSetNode() and self.parameterSetNode().GetAttribute(name))

    def setParameter(self, name: str, value: str | float) -> None:
        self.setCommonParameter(f"{self._name}.{name}", value)

    def setParameterDefault(self, name: str, value: str | float) -> None:
        self.setCommonParameterDefault(f"{self._name}.{name}", value)

    def setCommonParameterDefault(self, name: str, value: str | float) -> None:
        if self.parameterSetNode() and self.parameterSetNode().GetAttribute(name) is None:
            self.setCommonParameter(name, value)

    def setCommonParameter(self, name: str, value: str | float) -> None:
        node = self.parameterSetNode()
        if node is None:
            report(f"invalid segment editor parameter set node of effect {self._name}")
            return
        if (node.GetAttribute(name) or "") == _written(value):
            return
        disabled = node.GetDisableModifiedEvent()
        node.SetDisableModifiedEvent(1)
        node.SetAttribute(name, _written(value))
        node.SetDisableModifiedEvent(disabled)
        node.InvokeCustomModifiedEvent(slicer.vtkMRMLSegmentEditorNode.EffectParameterModified)

    def saveStateForUndo(self) -> None:
        self._editor.saveStateForUndo()

    def selectEffect(self, effectName: str) -> None:
        self._editor.setActiveEffectByName(effectName)

    def setMRMLDefaults(self) -> None:
        if self._name in ("Paint", "Erase"):
            for name, value in _COMMON_BRUSH.items():
                self.setCommonParameterDefault(name, value)
            self.setParameterDefault("ColorSmudge", 0)
            self.setParameterDefault("EraseAllSegments", 0)
