"""Gives the classes of PySide6 the manners of PythonQt.

Qt properties are values, enum members are numbers, lists are tuples, C++ objects take no new attributes, keyword arguments are
refused, `connect` is by signature. What stays different from the real thing is listed in test_pythonqt.py.
"""

from __future__ import annotations

import contextvars
import enum
import inspect
from collections.abc import Iterable

import shiboken6
from PySide6 import QtCore

from . import tuples
from .connecting import BoundSignal, connect, disconnect

_qt_property = QtCore.QObject.property
_METHODS_IN_PYTHONQT = {("QTimer", "singleShot")}


def imitate(classes: Iterable[type]) -> None:
    """Change these classes of PySide6 in place, once per process, base classes and derived ones alike."""
    classes = sorted(set(classes), key=lambda cls: len(cls.__mro__))
    shiboken_classes = [cls for cls in classes if isinstance(cls, type(QtCore.QObject)) and issubclass(cls, shiboken6.Object)]
    qobjects = [cls for cls in shiboken_classes if issubclass(cls, QtCore.QObject)]
    for cls in classes:
        _flatten_enums(cls)
    tuples.install(shiboken_classes)
    for cls in qobjects:
        _make_properties(cls)
    for cls in shiboken_classes:
        if cls.__setattr__ is not _set_attribute:
            cls.__setattr__ = _set_attribute
        _refuse_keywords(cls)
    for cls in qobjects:
        if "__getattribute__" in vars(cls):
            _hook_attributes(cls)
    QtCore.QObject.name = QtCore.QObject.objectName  # Slicer builds PythonQt with this alias; childWidgetVariables needs it
    QtCore.QObject.className = lambda self: self.metaObject().className()
    shiboken_object = QtCore.QObject.__mro__[1]
    for cls in (QtCore.QObject, *(c for c in shiboken_classes if c.__mro__[1] is shiboken_object)):
        cls.delete = lambda self: shiboken6.delete(self)


def imitation(cls: type) -> type:
    """Mark a Python class as standing for a C++ one: its objects take no new public attributes from outside."""
    cls.stands_for_cpp = cls.__name__
    return cls


def _flatten_enums(cls: type) -> None:
    if issubclass(cls, enum.Enum):
        _make_numeric(cls)
        return
    nested = [getattr(cls, name) for name in dir(cls) if name[:1].isupper()]  # PySide6 makes them when they are asked for
    for value in [v for v in nested if isinstance(v, type) and issubclass(v, enum.Enum)]:
        _make_numeric(value)
        for name, member in value.__members__.items():
            if name not in vars(cls):
                setattr(cls, name, member)


def _make_numeric(cls: type[enum.Enum]) -> None:
    if issubclass(cls, int):
        cls.__repr__ = cls.__str__ = int.__repr__
        return
    cls.__int__ = cls.__index__ = lambda self: self.value
    cls.__hash__ = lambda self: hash(self.value)
    cls.__bool__ = lambda self: bool(self.value)
    cls.__eq__ = lambda self, other: self.value == (other.value if isinstance(other, enum.Enum) else other)
    cls.__lt__ = lambda self, other: self.value < int(other)
    cls.__gt__ = lambda self, other: self.value > int(other)
    cls.__add__ = lambda self, other: self.value + int(other)
    cls.__repr__ = cls.__str__ = lambda self: str(self.value)


def _make_properties(cls: type) -> None:
    meta = cls.staticMetaObject
    for index in range(meta.propertyCount()):
        name = meta.property(index).name()
        declared_here = index >= meta.propertyOffset()
        overridden_here = name in vars(cls) and not isinstance(vars(cls)[name], property)  # such as QPushButton.sizeHint
        if (declared_here or overridden_here) and (cls.__name__, name) not in _METHODS_IN_PYTHONQT:
            setattr(cls, name, _as_value(cls, name, meta.property(index)))


def _as_value(cls: type, name: str, meta: QtCore.QMetaProperty) -> property:
    capital = name[0].upper() + name[1:]
    own = vars(cls)
    reader = own.get(name) or own.get("is" + capital) or own.get("has" + capital)
    writer = getattr(cls, "set" + capital, None) if meta.isWritable() else None
    type_name = meta.typeName()

    def read(self):
        return tuples.as_tuple(reader(self) if reader else _qt_property(self, name))

    def write(self, value):
        if not meta.isWritable():
            raise AttributeError(f"Property '{name}' of {type(self).__name__} object is not writable")
        try:
            accepted = writer(self, value) is not False if writer else self.setProperty(name, value)
        except TypeError:
            accepted = False
        if not accepted:
            kind = type(value).__name__
            raise AttributeError(f"Property '{name}' of type '{type_name}' does not accept an object of type {kind} ({value!r})")

    return property(read, write)


def _hook_attributes(cls: type) -> None:
    # Each class keeps its own hook: PySide6 answers for methods that are static and bound at once there.
    plain = cls.__getattribute__

    def get_attribute(self, name):
        if name == "connect":
            return lambda *arguments: connect(self, *arguments)
        if name == "disconnect":
            return lambda *arguments: disconnect(self, *arguments)
        if name == "_plain_signal":
            return lambda signal: plain(self, signal)
        try:
            value = plain(self, name)
        except AttributeError:
            return _dynamic_attribute(self, name)
        if isinstance(value, list) and isinstance(inspect.getattr_static(type(self), name, None), QtCore.Property):
            return tuple(value)
        return BoundSignal(self, name, value) if isinstance(value, QtCore.SignalInstance) else value

    cls.__getattribute__ = get_attribute


def _dynamic_attribute(self: QtCore.QObject, name: str):
    """What PythonQt looks for last: a dynamic property, then a child of that object name."""
    if not name.startswith("_") and shiboken6.isValid(self):
        if name.encode() in [bytes(each.data()) for each in self.dynamicPropertyNames()]:
            return _qt_property(self, name)
        for child in self.children():
            if child.objectName == name:
                return child
    raise AttributeError(f"{type(self).__name__} has no attribute named '{name}'")


loading = contextvars.ContextVar("loading", default=False)
"""Whether a `.ui` file is being loaded: PySide6's loader offers the root an attribute for each child, PythonQt's does not."""


def _set_attribute(self, name: str, value) -> None:
    known = inspect.getattr_static(type(self), name, None)
    kind = type(self).__name__
    if isinstance(known, QtCore.Property):
        if not QtCore.QObject.setProperty(self, name, list(value) if isinstance(value, tuple) else value):
            raise AttributeError(f"Property '{name}' of {kind} does not accept {value!r}")
    elif hasattr(type(known), "__set__"):
        known.__set__(self, value)
    elif isinstance(value, QtCore.SignalInstance):
        self.__dict__[name] = value  # PySide6 itself, which keeps a signal with its object at the first use
    elif isinstance(self, QtCore.QObject) and name.encode() in [bytes(each.data()) for each in self.dynamicPropertyNames()]:
        self.setProperty(name, value)
    elif _is_cpp(type(self)) and not name.startswith("_"):
        if known is not None:
            raise AttributeError(f"'{name}' can not be overwritten on {kind} object")
        if loading.get():
            return
        raise AttributeError(f"'{name}' does not exist on {kind} and creating new attributes on C++ objects is not allowed")
    else:
        self.__dict__[name] = value


def _is_cpp(cls: type) -> bool:
    return cls.__module__.startswith("PySide6") or "stands_for_cpp" in vars(cls)


def _refuse_keywords(cls: type) -> None:
    if "__init__" not in vars(cls):
        return
    plain = cls.__init__

    def init(self, *arguments, **keywords):
        if keywords and _is_cpp(type(self)):
            raise ValueError(f"Called {cls.__name__} with keyword arguments, but called slot does not support kwargs.")
        plain(self, *arguments, **keywords)

    cls.__init__ = init
