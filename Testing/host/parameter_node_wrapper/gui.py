"""Binds widgets to parameters, both ways; which widget can show which type is as narrow as in Slicer."""

from __future__ import annotations

import enum
import pathlib
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ctk
import qt
import slicer
import vtk

from .annotations import Choice, Decimals, Maximum, Minimum, RangeBounds, SingleStep, WithinRange, first, split
from .pack import FloatRange


@dataclass
class Binding:
    """One widget: how its value is read and written, and the signal of its changes (None: it has none)."""

    widget: Any
    read: Callable[[], Any]
    write: Callable[[Any], None]
    signal: str | None
    receiver: Callable[[], None] | None = None

    def connect(self, receiver: Callable[[], None]) -> None:
        self.receiver = receiver
        if self.signal:
            getattr(self.widget, self.signal).connect(receiver)

    def disconnect(self) -> None:
        if self.signal:
            getattr(self.widget, self.signal).disconnect(self.receiver)


def bind(widget: Any, annotated: Any) -> Binding:
    """The binding of a widget to a type.

    Raises:
        RuntimeError: If Slicer has none for this pair, or the type lacks the annotation that the widget needs.
    """
    type_, annotations = split(annotated)
    kind = type(widget)
    if type_ is bool and kind in (qt.QCheckBox, ctk.ctkCheckBox):
        return _property(widget, "checked", "stateChanged")
    if type_ is bool and kind is qt.QPushButton:
        widget.checkable = True
        return _property(widget, "checked", "toggled")
    if type_ is int and kind in (qt.QSlider, qt.QSpinBox):
        _limit(widget, annotations, needed=kind is qt.QSlider, free=(-(2**31), 2**31 - 1))
        return _property(widget, "value", "valueChanged")
    if type_ in (int, float) and kind in _decimalWidgets():
        return _bindNumber(widget, type_, annotations)
    if kind in (qt.QComboBox, ctk.ctkComboBox):
        return _bindComboBox(widget, type_, first(annotations, Choice))
    if type_ is str and kind in (qt.QLineEdit, qt.QLabel):
        return _property(widget, "text", "textChanged" if kind is qt.QLineEdit else None)
    if type_ is str and kind is qt.QTextEdit:
        return Binding(widget, widget.toPlainText, widget.setPlainText, "textChanged")
    if type_ is FloatRange and kind in (ctk.ctkRangeWidget, ctk.ctkDoubleRangeSlider, slicer.qMRMLRangeWidget):
        return _bindRange(widget, annotations)
    if isinstance(type_, type) and issubclass(type_, pathlib.PurePath) and kind is ctk.ctkPathLineEdit:
        write = lambda value: setattr(widget, "currentPath", str(value))  # noqa: E731
        return Binding(widget, lambda: type_(widget.currentPath), write, "currentPathChanged")
    if kind is slicer.qMRMLNodeComboBox and _nodeTypes(type_):
        widget.nodeTypes = [each().GetClassName() for each in _nodeTypes(type_)]
        return Binding(widget, widget.currentNode, widget.setCurrentNode, "currentNodeChanged")
    raise RuntimeError(f"Unable to create GUI connector from datatype {annotated} to widget type {kind}")


def _decimalWidgets() -> tuple[type, ...]:
    return (qt.QDoubleSpinBox, ctk.ctkSliderWidget, slicer.qMRMLSliderWidget, ctk.ctkDoubleSlider, ctk.ctkDoubleSpinBox,
            slicer.qMRMLSpinBox)  # fmt: skip


def _property(widget: Any, name: str, signal: str | None) -> Binding:
    def write(value: Any) -> None:
        if getattr(widget, name) != value:
            setattr(widget, name, value)

    return Binding(widget, lambda: getattr(widget, name), write, signal)


def _limit(widget: Any, annotations: tuple[Any, ...], needed: bool, free: tuple[float, float]) -> None:
    within, low, high = (first(annotations, kind) for kind in (WithinRange, Minimum, Maximum))
    if needed and within is None and (low is None or high is None):
        raise RuntimeError(f"Cannot have a connection to {type(widget).__name__} where the number is unbounded")
    widget.minimum = within.minimum if within else low.minimum if low else free[0]
    widget.maximum = within.maximum if within else high.maximum if high else free[1]


def _bindNumber(widget: Any, type_: type, annotations: tuple[Any, ...]) -> Binding:
    decimals, step = first(annotations, Decimals), first(annotations, SingleStep)
    if not isinstance(widget, ctk.ctkDoubleSlider) and (type_ is int or decimals):
        widget.decimals = 0 if type_ is int else decimals.value
    if step:
        widget.singleStep = step.value
    needed = type(widget) in (ctk.ctkSliderWidget, slicer.qMRMLSliderWidget)
    _limit(widget, annotations, needed, (float("-inf"), float("inf")))
    return Binding(widget, lambda: type_(widget.value), lambda value: setattr(widget, "value", type_(value)), "valueChanged")


def _bindComboBox(widget: Any, type_: type, choice: Choice | None) -> Binding:
    if isinstance(type_, type) and issubclass(type_, enum.Enum):
        choices = list(type_)
        label = getattr(type_, "label", lambda each: each.name)
    elif choice is not None and type_ in (int, float, str, bool):
        choices, label = list(choice.choices), str
    else:
        raise RuntimeError(f"Cannot have a connection to {type(widget).__name__} of {type_} without a Choice annotation")
    widget.clear()
    for each in choices:
        widget.addItem(label(each))
    return Binding(
        widget,
        lambda: choices[widget.currentIndex],
        lambda value: setattr(widget, "currentIndex", choices.index(value)),
        "currentIndexChanged",
    )


def _bindRange(widget: Any, annotations: tuple[Any, ...]) -> Binding:
    bounds = first(annotations, RangeBounds)
    if bounds is None:
        raise RuntimeError("Cannot have a connection to a range widget where the range is unbounded: add RangeBounds")
    widget.setRange(bounds.minimum, bounds.maximum)
    return Binding(
        widget,
        lambda: FloatRange(widget.minimumValue, widget.maximumValue),
        lambda value: widget.setValues(value.minimum, value.maximum),
        "valuesChanged",
    )


def _nodeTypes(type_: Any) -> list[type]:
    members = typing.get_args(type_) or (type_,)
    nodes = [each for each in members if isinstance(each, type) and issubclass(each, slicer.vtkMRMLNode)]
    return nodes if len(nodes) + (type(None) in members) == len(members) else []


def connectGui(wrapper: Any, gui: Any) -> int:
    """Bind all children of a widget, or all attributes of an object, that name a parameter."""
    isWidget = hasattr(gui, "isWidgetType") and gui.isWidgetType()
    widgets = gui.findChildren(qt.QWidget) if isWidget else vars(gui).values()
    named = {name: widget for widget in widgets if (name := widget.property("SlicerParameterName"))}
    return connectParametersToGui(wrapper, named)


def connectParametersToGui(wrapper: Any, mapping: dict[str, Any]) -> int:
    """Bind widgets to parameters by name; gives the tag to undo it."""
    bindings = {name: bind(widget, wrapper.dataType(name)) for name, widget in mapping.items()}
    busy = _Busy()

    def toGui(_node: Any = None, _event: str = "") -> None:
        if not busy.busy:
            with busy, slicer.util.NodeModify(wrapper):
                for name, binding in bindings.items():
                    binding.write(wrapper.getValue(name))

    def fromGui(name: str) -> Callable[[], None]:
        def receive() -> None:
            if not busy.busy:
                wrapper.setValue(name, bindings[name].read())

        return receive

    for name, binding in bindings.items():
        binding.write(wrapper.getValue(name))
        binding.connect(fromGui(name))
    tag = max(wrapper._bindings, default=-1) + 1
    wrapper._bindings[tag] = (bindings, wrapper.AddObserver(vtk.vtkCommand.ModifiedEvent, toGui))
    return tag


def disconnectGui(wrapper: Any, tag: int) -> None:
    """Undo a binding; an unknown tag is ignored, as in Slicer."""
    if tag in wrapper._bindings:
        bindings, observer = wrapper._bindings.pop(tag)
        for binding in bindings.values():
            binding.disconnect()
        wrapper.RemoveObserver(observer)


class _Busy:
    """Widgets are being written: what they signal meanwhile is no choice of the user."""

    busy = False

    def __enter__(self) -> None:
        self.busy = True

    def __exit__(self, *_: object) -> None:
        self.busy = False
