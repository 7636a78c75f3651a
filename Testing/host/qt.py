"""The module `qt` of Slicer on PySide6.

For further widget classes (the `slicer` half of the host):
    `ui_loader.register_widget(cls)`  decorator: the class stands for the C++ widget of its name in `.ui` files, and takes no new
        attributes from outside.
    `connecting.alias_signal(cls, "currentNodeChanged(vtkMRMLNode*)", "currentNodeChanged")`  a Python signal's C++ signature.
"""

from __future__ import annotations

import ctypes
import os
import sys

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6 import QtCore, QtGui, QtNetwork, QtUiTools, QtWidgets

from . import modal, old_names, pythonqt, strict
from .ui_loader import QUiLoader

# Python's own additions, and classes that Qt 5 has not.
_NOT_IN_PYTHONQT = {"QEnum", "QFlag", "QKeyCombination", "QUiLoader", "QPyTextObject", "QCborArray", "QCborMap", "QNativeIpcKey"}

if sys.version_info < (3, 12):
    # PySide6 6.12 gives None back without counting it, as is right from Python 3.12 on, where None is immortal; before that the
    # interpreter ends with "deallocating None" after some ten thousand calls. So it is made as good as immortal here.
    ctypes.c_ssize_t.from_address(id(None)).value += 1 << 40

application = QtWidgets.QApplication.instance() or QtWidgets.QApplication(["SlicerTestHost"])
_classes = {
    name: getattr(module, name)
    for module in (QtCore, QtGui, QtNetwork, QtWidgets, QtUiTools)
    for name in dir(module)
    if name.startswith("Q") and isinstance(getattr(module, name), type)
}
pythonqt.imitate(_classes.values())
modal.install()
old_names.install()
strict.watch()
globals().update({name: cls for name, cls in _classes.items() if name not in _NOT_IN_PYTHONQT})
__all__ = ["QUiLoader", *sorted(set(_classes) - _NOT_IN_PYTHONQT)]
