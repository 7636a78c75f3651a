"""Lists of Qt come to Python as tuples, as PythonQt gives them: `tree.selectedItems() + [item]` fails, as it does in Slicer."""

from __future__ import annotations

from collections.abc import Iterable
from functools import wraps

_METHODS = {
    "actions", "allKeys", "allWidgets", "arguments", "buttons", "checkedIndexes", "childGroups", "childKeys", "children",
    "data", "dynamicPropertyNames", "entryInfoList", "entryList", "findChildren", "findItems", "formats", "itemData",
    "items", "keyBindings", "property", "screens", "selectedColumns", "selectedFiles", "selectedIndexes", "selectedItems",
    "selectedRanges", "selectedRows", "selectedUrls", "shortcuts", "sizes", "stringList", "tabStopPositions",
    "takeChildren", "takeColumn", "takeRow", "topLevelWidgets", "topLevelWindows", "urls", "value",
}


def as_tuple(value):
    """A list as a tuple, anything else as it is."""
    return tuple(value) if isinstance(value, list) else value


def install(classes: Iterable[type]) -> None:
    """Let the methods of these classes that answer with lists answer with tuples."""
    for cls in classes:
        for name in _METHODS & vars(cls).keys():
            plain = vars(cls)[name]
            if isinstance(plain, staticmethod):
                setattr(cls, name, staticmethod(_answering_tuples(plain.__func__)))
            elif callable(plain):
                setattr(cls, name, _answering_tuples(plain))


def _answering_tuples(plain):
    @wraps(plain)
    def method(*arguments):
        return as_tuple(plain(*arguments))

    return method
