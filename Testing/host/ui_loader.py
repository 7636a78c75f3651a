"""`qt.QUiLoader` that knows the host's widget classes and makes the `.ui` file's connections, also those of VTK types."""

from __future__ import annotations

import inspect
import xml.etree.ElementTree as ElementTree

from PySide6 import QtCore, QtUiTools, QtWidgets

from . import connecting, strict
from .ctk_property import is_held_integer
from .pythonqt import imitation, loading

LOADERS_OWN = {("Line", "orientation"), ("QLabel", "buddy")}
"""Properties that no class declares, but Designer writes and the loader understands."""

_registered: dict[str, type] = {}
_kept: list[QtUiTools.QUiLoader] = []  # a loader takes the widgets made in Python with it when it goes


def register_widget(cls: type) -> type:
    """Make a Python class stand for the C++ widget of the same name, in `.ui` files and in strictness; a decorator."""
    _registered[cls.__name__] = cls
    return imitation(cls)


def forget_loaders() -> None:
    """Let go of the loaders, after the widgets are gone."""
    _kept.clear()


class QUiLoader(QtUiTools.QUiLoader):
    """Qt's loader; anything in the file that the real application would ignore silently is a violation."""

    def load(self, device: QtCore.QIODevice, parent: QtWidgets.QWidget | None = None) -> QtWidgets.QWidget:
        tree = ElementTree.fromstring(device.readAll().data())
        connections = tree.find("connections")
        if connections is not None:
            tree.remove(connections)
        _number_enums(tree)
        buffer = QtCore.QBuffer()
        buffer.setData(ElementTree.tostring(tree))
        buffer.open(QtCore.QIODevice.OpenModeFlag.ReadOnly)
        offered = loading.set(True)
        try:
            root = super().load(buffer, parent)
        finally:
            loading.reset(offered)
        _kept.append(self)
        _check_properties(root, tree)
        for connection in connections if connections is not None else ():
            _connect(root, *(connection.findtext(part) for part in ("sender", "signal", "receiver", "slot")))
        return root

    def createWidget(self, class_name: str, parent: QtWidgets.QWidget | None = None, name: str = "") -> QtWidgets.QWidget:
        if class_name not in _registered:
            return super().createWidget(class_name, parent, name)
        widget = _registered[class_name](parent)
        widget.setObjectName(name)
        return widget


def _number_enums(tree: ElementTree.Element) -> None:
    """Turn `ctkPathLineEdit::Files|ctkPathLineEdit::Writable` into its number where the imitation holds it as one."""
    for element in tree.iter("widget"):
        cls = _registered.get(element.get("class"))
        for entry in element.findall("property") if cls else ():
            words = entry.find("set") if entry.find("set") is not None else entry.find("enum")
            if words is None or not is_held_integer(inspect.getattr_static(cls, entry.get("name"), None)):
                continue
            number = 0
            for word in words.text.split("|"):
                owner, _, name = word.rpartition("::")
                known = [_registered.get(owner), *(getattr(module, owner, None) for module in (QtCore, QtWidgets))]
                number |= int(getattr(next(each for each in known if each), name))
            entry.remove(words)
            ElementTree.SubElement(entry, "number").text = str(number)


def _check_properties(root: QtWidgets.QWidget, tree: ElementTree.Element) -> None:
    """A property that the class does not declare becomes a dynamic one without a word, unless `stdset="0"` says so."""
    for element in [*tree.iter("widget"), *tree.iter("action")]:
        found = _named(root, element.get("name"))
        for entry in element.findall("property") if found is not None else ():
            name = entry.get("name")
            is_known = entry.get("stdset") == "0" or found.metaObject().indexOfProperty(name) >= 0
            if not is_known and (element.get("class"), name) not in LOADERS_OWN:
                strict.report(f".ui: {element.get('class')} '{element.get('name')}' has no property '{name}'")


def _connect(root: QtWidgets.QWidget, sender: str, signal: str, receiver: str, slot: str) -> None:
    ends = _named(root, sender), _named(root, receiver)
    if None in ends:
        strict.report(f".ui: cannot connect {sender}.{signal} with {receiver}.{slot}: one of the objects is not there")
    else:
        connecting.connect(ends[0], signal, ends[1], slot)


def _named(root: QtWidgets.QWidget, name: str | None) -> QtCore.QObject | None:
    return root if root.objectName == name else root.findChild(QtCore.QObject, name)
