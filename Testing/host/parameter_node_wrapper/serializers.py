"""Typed values as parameter strings and node references of a vtkMRMLScriptedModuleNode, in the words that Slicer writes."""

from __future__ import annotations

import enum
import pathlib
import types
import typing
from typing import Any

import slicer

from .annotations import Default, IsInstance, IsNone, NotNone, Validator, split


class Serializer:
    """Writes, reads and removes one value under a name. `cached`: the value is safe to keep and hand out again."""

    cached = True

    def __init__(self, *validators: Validator) -> None:
        self.validators = list(validators)

    @staticmethod
    def takes(type_: Any) -> bool:
        """Whether a type, or the type of a value within a union, is of this kind."""
        raise NotImplementedError

    def default(self) -> Any:
        raise NotImplementedError

    def validate(self, value: Any) -> None:
        for validator in self.validators:
            validator.validate(value)

    def write(self, node: Any, name: str, value: Any) -> None:
        self.validate(value)
        self.store(node, name, value)

    def store(self, node: Any, name: str, value: Any) -> None:
        raise NotImplementedError

    def isIn(self, node: Any, name: str) -> bool:
        return node.HasParameter(name)

    def read(self, node: Any, name: str) -> Any:
        raise NotImplementedError

    def remove(self, node: Any, name: str) -> None:
        node.UnsetParameter(name)


class NumberSerializer(Serializer):
    def __init__(self, type_: type) -> None:
        super().__init__(NotNone(), IsInstance((int, float) if type_ is float else type_))
        self._type = type_

    @staticmethod
    def takes(type_: Any) -> bool:
        return type_ in (int, float)

    def default(self) -> int:
        return 0

    def store(self, node: Any, name: str, value: float) -> None:
        node.SetParameter(name, str(value))

    def read(self, node: Any, name: str) -> float:
        return self._type(node.GetParameter(name))


class TextSerializer(NumberSerializer):
    """Strings and paths: a type that is made from its own text."""

    @staticmethod
    def takes(type_: Any) -> bool:
        return type_ is str or (isinstance(type_, type) and issubclass(type_, pathlib.PurePath))

    def default(self) -> Any:
        return self._type()


class BoolSerializer(NumberSerializer):
    @staticmethod
    def takes(type_: Any) -> bool:
        return type_ is bool

    def default(self) -> bool:
        return False

    def read(self, node: Any, name: str) -> bool:
        return node.GetParameter(name) == "True"


class EnumSerializer(Serializer):
    def __init__(self, type_: type[enum.Enum]) -> None:
        super().__init__(IsInstance(type_))
        self._type = type_

    @staticmethod
    def takes(type_: Any) -> bool:
        return isinstance(type_, type) and issubclass(type_, enum.Enum)

    def default(self) -> enum.Enum:
        return next(iter(self._type))

    def store(self, node: Any, name: str, value: enum.Enum) -> None:
        node.SetParameter(name, value.name)

    def read(self, node: Any, name: str) -> enum.Enum:
        key = node.GetParameter(name)
        if key not in self._type.__members__:
            raise ValueError(f"{name}: {key!r} is not a name in {self._type}")
        return self._type[key]


class NodeSerializer(Serializer):
    """A node reference; an empty parameter of the same name says that it was set, be it to None."""

    def __init__(self, type_: type) -> None:
        super().__init__(IsInstance(type_))

    @staticmethod
    def takes(type_: Any) -> bool:
        return isinstance(type_, type) and issubclass(type_, slicer.vtkMRMLNode)

    def default(self) -> None:
        return None

    def store(self, node: Any, name: str, value: slicer.vtkMRMLNode | None) -> None:
        node.SetParameter(name, "")
        node.SetNodeReferenceID(name, value.GetID() if value is not None else None)

    def read(self, node: Any, name: str) -> slicer.vtkMRMLNode | None:
        return node.GetNodeReference(name)

    def remove(self, node: Any, name: str) -> None:
        node.UnsetParameter(name)
        node.RemoveNodeReferenceIDs(name)


class NoneSerializer(Serializer):
    """The empty half of an Optional."""

    def __init__(self, _type: Any) -> None:
        super().__init__(IsNone())

    @staticmethod
    def takes(type_: Any) -> bool:
        return type_ is type(None)

    def default(self) -> None:
        return None

    def store(self, node: Any, name: str, _value: None) -> None:
        node.SetParameter(name, "True")

    def read(self, _node: Any, _name: str) -> None:
        return None


class UnionSerializer(Serializer):
    """Each member has its own name, `name.index`; at most one of them is in the node."""

    def __init__(self, type_: Any) -> None:
        super().__init__()
        self._members = [serializerOf(member)[0] for member in typing.get_args(type_)]
        self.cached = all(member.cached for member in self._members)

    @staticmethod
    def takes(type_: Any) -> bool:
        return typing.get_origin(type_) is typing.Union or isinstance(type_, types.UnionType)

    def default(self) -> Any:
        optional = len(self._members) == 2 and isinstance(self._members[1], NoneSerializer)
        return None if optional else self._members[0].default()

    def validate(self, value: Any) -> None:
        super().validate(value)
        self._memberFor(value)

    def store(self, node: Any, name: str, value: Any) -> None:
        index = self._memberFor(value)
        with slicer.util.NodeModify(node):
            self.remove(node, name)
            self._members[index].write(node, f"{name}.{index}", value)

    def isIn(self, node: Any, name: str) -> bool:
        return any(member.isIn(node, f"{name}.{index}") for index, member in enumerate(self._members))

    def read(self, node: Any, name: str) -> Any:
        for index, member in enumerate(self._members):
            if member.isIn(node, f"{name}.{index}"):
                return member.read(node, f"{name}.{index}")
        raise KeyError(f"No value of {name}")

    def remove(self, node: Any, name: str) -> None:
        with slicer.util.NodeModify(node):
            for index, member in enumerate(self._members):
                member.remove(node, f"{name}.{index}")

    def _memberFor(self, value: Any) -> int:
        refused: Exception = TypeError(f"Unable to write {value!r} of type {type(value)}")
        for index, member in enumerate(self._members):
            if member.takes(type(value)):
                try:
                    member.validate(value)
                except (TypeError, ValueError) as error:
                    refused = error
                else:
                    return index
        raise refused


KINDS: list[type[Serializer]] = [
    NumberSerializer, TextSerializer, BoolSerializer, EnumSerializer, NodeSerializer, NoneSerializer, UnionSerializer,
]  # fmt: skip


def serializerOf(annotated: Any) -> tuple[Serializer, Default | None]:
    """The serializer of a possibly annotated type, and its annotated default if there is one.

    Raises:
        TypeError: If no kind takes the type.
        ValueError: If there are several defaults, or the type has annotations that mean nothing here.
    """
    type_, annotations = split(annotated)
    kind = next((kind for kind in KINDS if kind.takes(type_)), None)
    if kind is None:
        raise TypeError(f"Unable to create a serializer for type {type_}")
    serializer = kind(type_)
    serializer.validators += [annotation for annotation in annotations if isinstance(annotation, Validator)]
    defaults = [annotation for annotation in annotations if isinstance(annotation, Default)]
    if len(defaults) > 1:
        raise ValueError(f"{annotated}: several defaults")
    return serializer, defaults[0] if defaults else None
