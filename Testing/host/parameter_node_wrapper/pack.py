"""`parameterPack`: typed members that are one parameter together, and `FloatRange`, the one that Slicer brings."""

from __future__ import annotations

import typing
from typing import Any

import slicer

from .annotations import NotNone, Validator, split
from .serializers import KINDS, Serializer, serializerOf


def isParameterPack(thing: Any) -> bool:
    """Whether a class or an object is a parameter pack."""
    return getattr(thing, "_is_parameterPack", False)


def parameterPack(classtype: type | None = None) -> Any:
    """Class decorator, with or without parentheses."""
    return _makePack if classtype is None else _makePack(classtype)


def _makePack(pack: type) -> type:
    members = typing.get_type_hints(pack, include_extras=True)
    if not members:
        raise ValueError(f"{pack}: a parameter pack needs members")
    parameters: dict[str, tuple[Serializer, Any, Any]] = {}
    for name, annotated in members.items():
        serializer, annotatedDefault = serializerOf(annotated)
        if hasattr(pack, name):
            default = getattr(pack, name)
        else:
            default = annotatedDefault.value if annotatedDefault else serializer.default()
        serializer.validate(default)
        parameters[name] = (serializer, default, annotated)
    for reserved in ("allParameters", "_is_parameterPack", "getValue", "setValue", "dataType"):
        if hasattr(pack, reserved):
            raise ValueError(f"Cannot use reserved name {reserved!r} in a parameter pack")
    pack.allParameters = parameters
    pack._is_parameterPack = True
    for name in parameters:
        setattr(pack, name, _member(name))

    initialize = pack.__dict__.get("__init__", _setMembers)

    def initializeAll(self: Any, *values: Any, **named: Any) -> None:
        _setMembers(self)
        initialize(self, *values, **named)

    pack.__init__ = initializeAll
    for name, function in (("__eq__", _equal), ("__repr__", _text), ("__str__", _text)):
        if name not in pack.__dict__:
            setattr(pack, name, function)
    pack.getValue = _getValue
    pack.setValue = _setValue
    pack.dataType = classmethod(_dataType)
    return pack


def _member(name: str) -> property:
    return property(lambda self: getattr(self, f"_member_{name}"), lambda self, value: _set(self, name, value))


def _set(pack: Any, name: str, value: Any) -> None:
    pack.allParameters[name][0].validate(value)
    object.__setattr__(pack, f"_member_{name}", value)


def _setMembers(pack: Any, *values: Any, **named: Any) -> None:
    names = list(pack.allParameters)
    given = dict(zip(names, values, strict=False))
    unknown = (set(named) - set(names)) | (set(named) & set(given))
    if unknown or len(values) > len(names):
        raise TypeError(f"{type(pack).__name__}: unexpected arguments {sorted(unknown) or values}")
    given.update(named)
    for name, (_serializer, default, _annotated) in pack.allParameters.items():
        _set(pack, name, given.get(name, default))


def _equal(self: Any, other: object) -> bool:
    return getattr(other, "allParameters", None) is self.allParameters and all(
        self.getValue(name) == other.getValue(name) for name in self.allParameters
    )


def _text(self: Any) -> str:
    return f"{type(self).__name__}({', '.join(f'{name}={self.getValue(name)!r}' for name in self.allParameters)})"


def _getValue(self: Any, name: str) -> Any:
    top, _, rest = name.partition(".")
    _dataType(type(self), name)
    return getattr(self, top).getValue(rest) if rest else getattr(self, top)


def _setValue(self: Any, name: str, value: Any) -> None:
    top, _, rest = name.partition(".")
    _dataType(type(self), name)
    if rest:
        getattr(self, top).setValue(rest, value)
    else:
        setattr(self, top, value)


def _dataType(pack: Any, name: str) -> Any:
    top, _, rest = name.partition(".")
    if not hasattr(pack, top):
        raise ValueError(f"{pack} has no member {top!r}")
    if top not in pack.allParameters:
        return None
    annotated = pack.allParameters[top][2]
    if not rest:
        return annotated
    if not isParameterPack(split(annotated)[0]):
        raise ValueError(f"{pack}: {top!r} is no parameter pack and has no {rest!r}")
    return split(annotated)[0].dataType(rest)


def _observed(pack: type) -> type:
    """The kind of pack that a parameter node hands out: what is set in it is written to the node."""

    class ObservedPack(pack):
        def __init__(self, node: Any, serializer: Serializer, name: str, values: dict[str, Any]) -> None:
            object.__setattr__(self, "_place", None)
            _setMembers(self, **values)
            object.__setattr__(self, "_place", (serializer, node, name))

        def __setattr__(self, name: str, value: Any) -> None:
            if not hasattr(self, name):
                raise AttributeError(f"{pack.__name__} of a parameter node has no attribute {name!r}, and none can be added")
            super().__setattr__(name, value)
            place, pending = self._place, name in self.allParameters
            if place and pending:
                serializer, node, at = place
                serializer.write(node, at, self)

        __hash__ = None

    ObservedPack.__name__ = pack.__name__
    return ObservedPack


class PackSerializer(Serializer):
    """Each member under `name.member`."""

    def __init__(self, type_: type) -> None:
        super().__init__(NotNone(), _InstanceOf(type_))
        self._parameters = {name: entry[0] for name, entry in type_.allParameters.items()}
        self._type = type_
        self._observed = _observed(type_)
        self.cached = all(serializer.cached for serializer in self._parameters.values())

    @staticmethod
    def takes(type_: Any) -> bool:
        return isParameterPack(type_)

    def default(self) -> Any:
        return self._type()

    def isIn(self, node: Any, name: str) -> bool:
        member, serializer = next(iter(self._parameters.items()))
        return serializer.isIn(node, f"{name}.{member}")

    def store(self, node: Any, name: str, value: Any) -> None:
        with slicer.util.NodeModify(node):
            for member, serializer in self._parameters.items():
                serializer.write(node, f"{name}.{member}", getattr(value, f"_member_{member}"))

    def read(self, node: Any, name: str) -> Any:
        values = {member: serializer.read(node, f"{name}.{member}") for member, serializer in self._parameters.items()}
        return self._observed(node, self, name, values)

    def remove(self, node: Any, name: str) -> None:
        for member, serializer in self._parameters.items():
            serializer.remove(node, f"{name}.{member}")


class _InstanceOf(Validator):
    def __init__(self, type_: type) -> None:
        self._type = type_

    def validate(self, value: Any) -> None:
        if not isinstance(value, self._type):
            raise ValueError(f"Value must be of type {self._type}, is {value!r}")  # noqa: TRY004 (as Slicer does)


KINDS.append(PackSerializer)


@parameterPack
class FloatRange:
    """Two numbers, the first not above the second."""

    _minimum: float
    _maximum: float

    def __init__(self, minimum: float = 0, maximum: float = 0) -> None:
        self.setRange(minimum, maximum)

    @staticmethod
    def checkRange(minimum: float, maximum: float) -> None:
        if not minimum <= maximum:
            raise ValueError(f"FloatRange must have minimum <= maximum: {minimum} <= {maximum}")

    @property
    def minimum(self) -> float:
        return self._minimum

    @minimum.setter
    def minimum(self, value: float) -> None:
        self.checkRange(value, self._maximum)
        self._minimum = value

    @property
    def maximum(self) -> float:
        return self._maximum

    @maximum.setter
    def maximum(self, value: float) -> None:
        self.checkRange(self._minimum, value)
        self._maximum = value

    def setRange(self, minimum: float, maximum: float) -> None:
        self.checkRange(minimum, maximum)
        self._minimum = minimum
        self._maximum = maximum
