"""Puts the host's modules where the product looks for them, and cleans up after each test."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from PySide6 import QtCore, QtWidgets


def install() -> None:
    """Make `import qt`, `import ctk` and Slicer's own Python find the host's; once per process."""
    for name in ("qt", "ctk"):
        sys.modules.setdefault(name, importlib.import_module(f"{__package__}.{name}"))
    importlib.import_module(f"{__package__}.python_modules").install_python_modules()


def start(folder: Path) -> None:
    """Begin of a test: its settings live in a folder of their own."""
    application = QtCore.QCoreApplication
    application.setOrganizationName("NA-MIC")
    application.setApplicationName("SlicerTestHost")
    QtCore.QSettings.setDefaultFormat(QtCore.QSettings.Format.IniFormat)
    for scope in (QtCore.QSettings.Scope.UserScope, QtCore.QSettings.Scope.SystemScope):
        QtCore.QSettings.setPath(QtCore.QSettings.Format.IniFormat, scope, str(folder / "settings"))


def finish() -> None:
    """End of a test: delete what it left on the screen, then raise what went wrong behind its back.

    Raises:
        HostViolation: If anything did.
    """
    from . import answers, modal, strict, ui_loader  # not before install(): qt must be first to touch PySide6

    for widget in QtWidgets.QApplication.topLevelWidgets():
        widget.close()
        widget.deleteLater()
    modal.forget()
    QtCore.QCoreApplication.sendPostedEvents(None, QtCore.QEvent.Type.DeferredDelete)
    QtWidgets.QApplication.processEvents()
    ui_loader.forget_loaders()
    answers.finish()
    strict.check()
