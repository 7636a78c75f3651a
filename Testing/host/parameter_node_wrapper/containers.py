"""Lists, tuples and dicts of typed values; lists and dicts write themselves back when they are changed in place."""

from __future__ import annotations

import typing
from collections.abc import Iterator, MutableMapping, MutableSequence
from typing import Any

import slicer

from .serializers import KINDS, NumberSerializer, Serializer, serializerOf


class ObservedList(MutableSequence):
    """A list in a parameter node. It has no + and *: their result would no longer be in the node."""

    def __init__(self, node: Any, serializer: Serializer, name: str, values: list[Any]) -> None:
        self._place = (node, name)
        self._serializer = serializer
        self._list = values

    def __repr__(self) -> str:
        return f"ObservedList({self._list})"

    def __eq__(self, other: object) -> bool:
        return self._list == (other._list if isinstance(other, ObservedList) else other)

    __hash__ = None

    def __len__(self) -> int:
        return len(self._list)

    def __getitem__(self, index: Any) -> Any:
        return self._list[index]

    def __setitem__(self, index: Any, value: Any) -> None:
        self._list[index] = value
        self._save()

    def __delitem__(self, index: Any) -> None:
        del self._list[index]
        self._save()

    def insert(self, index: int, value: Any) -> None:
        self._list.insert(index, value)
        self._save()

    def extend(self, values: Any) -> None:
        self._list.extend(values)
        self._save()

    def clear(self) -> None:
        self._list.clear()
        self._save()

    def sort(self, **how: Any) -> None:
        self._list.sort(**how)
        self._save()

    def _save(self) -> None:
        try:
            self._serializer.write(*self._place, self._list)
        finally:
            self._list = self._serializer.read(*self._place)._list


class ObservedDict(MutableMapping):
    """A dict in a parameter node."""

    def __init__(self, node: Any, serializer: Serializer, name: str, values: dict[Any, Any]) -> None:
        self._place = (node, name)
        self._serializer = serializer
        self._dict = values

    def __repr__(self) -> str:
        return f"ObservedDict({self._dict})"

    def __eq__(self, other: object) -> bool:
        return self._dict == (other._dict if isinstance(other, ObservedDict) else other)

    __hash__ = None

    def __len__(self) -> int:
        return len(self._dict)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._dict)

    def __getitem__(self, key: Any) -> Any:
        return self._dict[key]

    def __setitem__(self, key: Any, value: Any) -> None:
        self._dict[key] = value
        self._save()

    def __delitem__(self, key: Any) -> None:
        del self._dict[key]
        self._save()

    def _save(self) -> None:
        try:
            self._serializer.write(*self._place, self._dict)
        finally:
            self._dict = self._serializer.read(*self._place)._dict


class ListSerializer(Serializer):
    """`name.len` and one value under each `name.index`."""

    def __init__(self, type_: Any) -> None:
        super().__init__()
        self._setElement(serializerOf(*typing.get_args(type_))[0])

    def _setElement(self, element: Serializer) -> None:
        self._element = element
        self._length = NumberSerializer(int)
        self.cached = element.cached

    @staticmethod
    def takes(type_: Any) -> bool:
        return typing.get_origin(type_) is list or type_ is list

    def default(self) -> list[Any]:
        return []

    def isIn(self, node: Any, name: str) -> bool:
        return self._length.isIn(node, f"{name}.len")

    def store(self, node: Any, name: str, value: Any) -> None:
        before = list(self.read(node, name)) if self.isIn(node, name) else None
        with slicer.util.NodeModify(node):
            try:
                for index, element in enumerate(value):
                    self._element.write(node, f"{name}.{index}", element)
                self._length.write(node, f"{name}.len", len(value))
            except (TypeError, ValueError):
                if before is None:
                    self.remove(node, name)
                else:
                    self.store(node, name, before)
                raise
            for index in range(len(value), len(before or ())):
                self._element.remove(node, f"{name}.{index}")

    def read(self, node: Any, name: str) -> ObservedList:
        count = self._length.read(node, f"{name}.len")
        return ObservedList(node, self, name, [self._element.read(node, f"{name}.{index}") for index in range(count)])

    def remove(self, node: Any, name: str) -> None:
        with slicer.util.NodeModify(node):
            for index in range(self._length.read(node, f"{name}.len") if self.isIn(node, name) else 0):
                self._element.remove(node, f"{name}.{index}")
            self._length.remove(node, f"{name}.len")


class TupleSerializer(Serializer):
    """One value under each `name.index`."""

    def __init__(self, type_: Any) -> None:
        super().__init__()
        self._elements = [serializerOf(element)[0] for element in typing.get_args(type_)]
        self.cached = all(element.cached for element in self._elements)

    @staticmethod
    def takes(type_: Any) -> bool:
        return typing.get_origin(type_) is tuple

    def default(self) -> Iterator[Any]:
        # As in Slicer: an iterator that the first node uses up, so a tuple needs a default of its own.
        return (element.default() for element in self._elements)

    def store(self, node: Any, name: str, value: Any) -> None:
        values = tuple(value)
        if len(values) != len(self._elements):
            raise ValueError(f"{name}: expected {len(self._elements)} values, got {len(values)}")
        with slicer.util.NodeModify(node):
            for index, (element, one) in enumerate(zip(self._elements, values, strict=True)):
                element.write(node, f"{name}.{index}", one)

    def isIn(self, node: Any, name: str) -> bool:
        return self._elements[0].isIn(node, f"{name}.0")

    def read(self, node: Any, name: str) -> tuple[Any, ...]:
        return tuple(element.read(node, f"{name}.{index}") for index, element in enumerate(self._elements))

    def remove(self, node: Any, name: str) -> None:
        with slicer.util.NodeModify(node):
            for index, element in enumerate(self._elements):
                element.remove(node, f"{name}.{index}")


class DictSerializer(ListSerializer):
    """A list of (key, value)."""

    def __init__(self, type_: Any) -> None:
        Serializer.__init__(self)
        self._setElement(TupleSerializer(tuple[typing.get_args(type_)]))

    @staticmethod
    def takes(type_: Any) -> bool:
        return typing.get_origin(type_) is dict or type_ is dict

    def default(self) -> dict[Any, Any]:
        return {}

    def store(self, node: Any, name: str, value: Any) -> None:
        super().store(node, name, value.items() if hasattr(value, "items") else value)

    def read(self, node: Any, name: str) -> ObservedDict:
        return ObservedDict(node, self, name, dict(super().read(node, name)))


KINDS += [ListSerializer, TupleSerializer, DictSerializer]
