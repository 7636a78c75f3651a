"""The small qMRML widgets. Only what their headers give to Python is public: properties, signals, slots and invokable methods."""

from __future__ import annotations

from PySide6 import QtCore, QtWidgets

from .connecting import alias_signal
from .ctk_property import held
from .ctk_range_widget import ctkRangeWidget
from .ctk_sliders import ctkSliderWidget
from .ctk_spin_box import ctkDoubleSpinBox
from .ui_loader import register_widget


@register_widget
class qMRMLWidget(QtWidgets.QWidget):  # noqa: N801
    """Knows the scene and tells the widgets within, which a `.ui` file connects to `mrmlSceneChanged`."""

    mrmlSceneChanged = QtCore.Signal(object)

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._scene = None

    def mrmlScene(self):
        return self._scene

    def setMRMLScene(self, scene) -> None:
        if scene is not self._scene:
            self._scene = scene
            self.mrmlSceneChanged.emit(scene)


alias_signal(qMRMLWidget, "mrmlSceneChanged(vtkMRMLScene*)", "mrmlSceneChanged")


@register_widget
class qSlicerWidget(QtWidgets.QWidget):  # noqa: N801
    """The root of older `.ui` files; like qMRMLWidget."""

    mrmlSceneChanged = QtCore.Signal(object)

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._scene = None

    def mrmlScene(self):
        return self._scene

    def setMRMLScene(self, scene) -> None:
        if scene is not self._scene:
            self._scene = scene
            self.mrmlSceneChanged.emit(scene)


alias_signal(qSlicerWidget, "mrmlSceneChanged(vtkMRMLScene*)", "mrmlSceneChanged")


class _Quantity:
    """A number with a unit; the unit node only changes suffix and digits, which is left out here."""

    def mrmlScene(self):
        return self.__dict__.get("_scene")

    def setMRMLScene(self, scene) -> None:
        self.__dict__["_scene"] = scene


@register_widget
class qMRMLSliderWidget(_Quantity, ctkSliderWidget):  # noqa: N801
    quantity = held(str, "")


@register_widget
class qMRMLSpinBox(_Quantity, ctkDoubleSpinBox):  # noqa: N801
    quantity = held(str, "")


@register_widget
class qMRMLRangeWidget(_Quantity, ctkRangeWidget):  # noqa: N801
    quantity = held(str, "")
