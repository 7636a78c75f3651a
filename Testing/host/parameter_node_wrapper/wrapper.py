"""`parameterNodeWrapper`: the annotated members of a class become typed properties kept in a vtkMRMLScriptedModuleNode."""

from __future__ import annotations

import typing
import weakref
from typing import Any

import slicer
import vtk

from .annotations import Default, split
from .pack import isParameterPack
from .serializers import Serializer, serializerOf


class _Parameter:
    """One member of one wrapped node; a cached value is read anew whenever the node says it was modified by others."""

    def __init__(self, node: Any, name: str, serializer: Serializer, default: Default) -> None:
        self.node, self.name, self.serializer, self.default = node, name, serializer, default
        if not serializer.isIn(node, name):
            serializer.write(node, name, default.value)
        self._observer = None
        if serializer.cached:
            self._value = self._fromNode()
            self._writing = False
            # The observer must not keep this object: the end of the object is what removes the observer.
            itself = weakref.ref(self)
            self._observer = node.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda _node, _event: itself()._onModified())

    def __del__(self) -> None:
        if getattr(self, "_observer", None) is not None:
            self.node.RemoveObserver(self._observer)

    def read(self) -> Any:
        return self._value if self.serializer.cached else self._fromNode()

    def write(self, value: Any) -> None:
        if not self.serializer.cached:
            self.serializer.write(self.node, self.name, value)
            return
        self._writing = True
        try:
            with slicer.util.NodeModify(self.node):
                self.serializer.write(self.node, self.name, value)
                self._value = self._fromNode()
        finally:
            self._writing = False

    def _fromNode(self) -> Any:
        if not self.serializer.isIn(self.node, self.name):
            self.serializer.write(self.node, self.name, self.default.value)
        return self.serializer.read(self.node, self.name)

    def _onModified(self) -> None:
        if not self._writing:
            self._value = self._fromNode()


class _Wrapped:
    """What the decorator adds to a class."""

    allParameters: dict[str, tuple[Serializer, Default, Any]]  # noqa: N815 (Slicer's name)
    _is_parameter_node_wrapper = True

    def default(self, name: str) -> Default:
        return self._parameter(name).default

    def isCached(self, name: str) -> bool:
        return self._parameter(name).serializer.cached

    @classmethod
    def dataType(cls, name: str) -> Any:
        top, _, rest = name.partition(".")
        if top not in cls.allParameters:
            raise ValueError(f"No parameter {top!r}; there are {', '.join(cls.allParameters)}")
        annotated = cls.allParameters[top][2]
        if not rest:
            return annotated
        pack = split(annotated)[0]
        if not isParameterPack(pack):
            raise ValueError(f"{top!r} is no parameter pack and has no {rest!r}")
        return pack.dataType(rest)

    def getValue(self, name: str) -> Any:
        value = self._parameter(name).read()
        rest = name.partition(".")[2]
        return value.getValue(rest) if rest else value

    def setValue(self, name: str, value: Any) -> None:
        parameter = self._parameter(name)
        rest = name.partition(".")[2]
        if rest:
            parameter.read().setValue(rest, value)
        else:
            parameter.write(value)

    def connectGui(self, gui: Any) -> int:
        """Bind the widgets whose dynamic property `SlicerParameterName` names a parameter; gives the tag for `disconnectGui`."""
        from .gui import connectGui  # needs Qt, which a test without widgets has not

        return connectGui(self, gui)

    def connectParametersToGui(self, mapping: dict[str, Any]) -> int:
        from .gui import connectParametersToGui

        return connectParametersToGui(self, mapping)

    def disconnectGui(self, tag: int) -> None:
        from .gui import disconnectGui

        disconnectGui(self, tag)

    def StartModify(self) -> int:
        return self.parameterNode.StartModify()

    def EndModify(self, wasModifying: int) -> None:
        self.parameterNode.EndModify(wasModifying)

    def AddObserver(self, event: Any, callback: Any, priority: float = 0.0) -> int:
        return self.parameterNode.AddObserver(event, callback, priority)

    def RemoveObserver(self, tag: int) -> None:
        self.parameterNode.RemoveObserver(tag)

    def Modified(self) -> None:
        self.parameterNode.Modified()

    def _parameter(self, name: str) -> _Parameter:
        self.dataType(name)
        return getattr(self, f"_{name.partition('.')[0]}_impl")


def _initialize(self: Any, parameterNode: Any, prefix: str | None = None) -> None:
    self.parameterNode = parameterNode
    self._bindings = {}
    for name, (serializer, default, _annotated) in self.allParameters.items():
        setattr(self, f"_{name}_impl", _Parameter(parameterNode, f"{prefix or ''}{name}", serializer, default))


def _property(name: str) -> property:
    return property(
        lambda self: getattr(self, f"_{name}_impl").read(), lambda self, value: getattr(self, f"_{name}_impl").write(value)
    )


def parameterNodeWrapper(classtype: type | None = None) -> Any:
    """Class decorator, with or without parentheses."""
    return _wrap if classtype is None else _wrap(classtype)


def _wrap(cls: type) -> type:
    parameters: dict[str, tuple[Serializer, Default, Any]] = {}
    for name, annotated in typing.get_type_hints(cls, include_extras=True).items():
        serializer, default = serializerOf(annotated)
        if hasattr(cls, name):
            default = Default(getattr(cls, name))
        parameters[name] = (serializer, default or Default(serializer.default()), annotated)
    for name, member in vars(_Wrapped).items():
        if name in ("__module__", "__qualname__", "__dict__", "__weakref__", "__doc__", "__annotations__"):
            continue
        if name in parameters or hasattr(cls, name):
            raise ValueError(f"Cannot use reserved name {name!r} in a parameterNodeWrapper")
        setattr(cls, name, member)
    for name in parameters:
        setattr(cls, name, _property(name))
    cls.allParameters = parameters
    cls.__init__ = _initialize
    return cls


def isParameterNodeWrapper(thing: Any) -> bool:
    """Whether a class or an object was made by `parameterNodeWrapper`."""
    return getattr(thing, "_is_parameter_node_wrapper", False)
