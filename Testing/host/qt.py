"""The module `qt` of Slicer on PySide6.

For further widget classes (the `slicer` half of the host):
    `register_widget(cls)`  decorator: the class stands for the C++ widget of its name in `.ui` files, and takes no new attributes.
    `alias_signal(cls, "currentNodeChanged(vtkMRMLNode*)", "currentNodeChanged")`  the C++ signature of a Python signal.
Both live in `ui_loader` and `connecting`; the names here are those that PythonQt has.
"""

from __future__ import annotations

import os

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6 import QtCore, QtGui, QtNetwork, QtUiTools, QtWidgets

from . import modal, pythonqt, strict
from .ui_loader import QUiLoader

# Python's own additions, and classes that Qt 5 has not.
_NOT_IN_PYTHONQT = {"QEnum", "QFlag", "QKeyCombination", "QUiLoader", "QPyTextObject", "QCborArray", "QCborMap", "QNativeIpcKey"}

application = QtWidgets.QApplication.instance() or QtWidgets.QApplication(["SlicerTestHost"])
_classes = {
    name: getattr(module, name)
    for module in (QtCore, QtGui, QtNetwork, QtWidgets, QtUiTools)
    for name in dir(module)
    if name.startswith("Q") and isinstance(getattr(module, name), type)
}
pythonqt.imitate(_classes.values())
modal.install()
strict.watch()
globals().update({name: cls for name, cls in _classes.items() if name not in _NOT_IN_PYTHONQT})
__all__ = ["QUiLoader", *sorted(set(_classes) - _NOT_IN_PYTHONQT)]
