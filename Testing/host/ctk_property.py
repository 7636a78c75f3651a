"""Qt properties of the CTK imitations that only hold a value, or hold it and redraw."""

from __future__ import annotations

from itertools import count

from PySide6 import QtCore

_numbers = count()


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

    return QtCore.Property(kind, read, write)


def split_arguments(arguments: tuple, kinds: tuple) -> list:
    """Overloaded constructor arguments by type: one value or None for each kind."""
    return [next((each for each in arguments if isinstance(each, kind)), None) for kind in kinds]
