"""Qt properties of the CTK imitations that only hold a value, or hold it and redraw."""

from __future__ import annotations

from itertools import count

from PySide6 import QtCore

_numbers = count()
_integers: list[QtCore.Property] = []


def held(kind, default, changed: str | None = None) -> QtCore.Property:
    """A property that keeps its value in the object.

    Args:
        kind: C++ type, as `QtCore.Property` takes it.
        default: The value before anyone sets it.
        changed: Name of the method to call after each change.
    """
    key = f"_held_{next(_numbers)}"

    def read(self):
        return self.__dict__.get(key, default)

    def write(self, value):
        self.__dict__[key] = value
        if changed:
            getattr(self, changed)()

    made = QtCore.Property(kind, read, write)
    if kind is int:
        _integers.append(made)
    return made


def is_held_integer(declared) -> bool:
    """Whether a class attribute is a `held` property of type int, as those that stand for C++ enums are."""
    return any(declared is each for each in _integers)


def split_arguments(arguments: tuple, kinds: tuple) -> list:
    """Overloaded constructor arguments by type: one value or None for each kind."""
    return [next((each for each in arguments if isinstance(each, kind)), None) for kind in kinds]


def delegated(kind, part: str, name: str) -> QtCore.Property:
    """A property that is one of the widget's inner part."""
    return QtCore.Property(
        kind, lambda self: getattr(getattr(self, part), name), lambda self, value: setattr(getattr(self, part), name, value)
    )


def clipped(value: float, minimum: float, maximum: float) -> float:
    """The value within the range."""
    return min(max(float(value), minimum), maximum)
