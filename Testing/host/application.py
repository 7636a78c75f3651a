"""`slicer.app` and `slicer.modules`."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import slicer
from PySide6 import QtCore, QtWidgets

from . import boot, scene_watch, subject_hierarchy
from .pythonqt import imitation
from .views import LayoutManager, qSlicerMainWindow

# Inherited from QApplication, which no second object can be.
_OF_QT = (
    "activeWindow", "allWidgets", "clipboard", "focusWidget", "font", "installEventFilter", "keyboardModifiers", "mouseButtons",
    "overrideCursor", "palette", "processEvents", "removeEventFilter", "restoreOverrideCursor", "sendEvent",
    "setOverrideCursor", "style", "topLevelWidgets", "widgetAt",
)  # fmt: skip


@imitation
class ModuleManager(QtCore.QObject):
    """`slicer.app.moduleManager()`."""

    moduleLoaded = QtCore.Signal(str)
    moduleAboutToBeUnloaded = QtCore.Signal(str)
    moduleUnloaded = QtCore.Signal(str)

    def modulesNames(self) -> list[str]:
        return [module.name for module in vars(slicer.modules).values() if isinstance(module, Module)]

    def module(self, name: str) -> Module | None:
        return getattr(slicer.modules, name.lower(), None)


class Module:
    """One of `slicer.modules`."""

    def __init__(self, name: str, logic: Any, path: str = "", widget: Any = None) -> None:
        self.name, self.title, self.path = name, name, path
        self._logic, self._widget = logic, widget

    def logic(self) -> Any:
        return self._logic

    def widgetRepresentation(self) -> Any:
        return self._widget


def _constant(kind: type, value: Any) -> QtCore.Property:
    return QtCore.Property(kind, lambda _self: value)


@imitation
class qSlicerApplication(QtCore.QObject):  # noqa: N801
    """`slicer.app`, not in testing mode: message boxes are shown, and the test gives the answers."""

    aboutToQuit = QtCore.Signal()
    startupCompleted = QtCore.Signal()
    mrmlSceneChanged = QtCore.Signal(object)
    urlReceived = QtCore.Signal(str)
    focusChanged = QtCore.Signal(object, object)

    applicationName = _constant(str, "Slicer")
    applicationVersion = _constant(str, "5.12.4-2026-06-01")
    mainApplicationName = _constant(str, "Slicer")
    majorVersion = _constant(int, 5)
    minorVersion = _constant(int, 12)
    revision = _constant(str, "34000")
    repositoryRevision = _constant(str, "0000000")
    releaseType = _constant(str, "Stable")
    platform = _constant(str, "linux-amd64")
    arch = _constant(str, "amd64")
    os = _constant(str, "linux")
    isInstalled = _constant(bool, True)
    documentationVersion = _constant(str, "5.12")
    documentationBaseUrl = _constant(str, "https://slicer.readthedocs.io/en/5.12/")

    def __init__(self, core: boot.Core) -> None:
        super().__init__()
        self._core = core
        self._manager = ModuleManager(self)
        self._temporaryPath = str(core.temporaryPath)
        self._rendersPaused = 0
        home = str(core.temporaryPath / "home")
        Path(home).mkdir(exist_ok=True)
        self._home = home
        self._settings = self._revisionSettings = QtCore.QSettings()
        self._window: qSlicerMainWindow | None = None
        self._layoutManager: LayoutManager | None = None

    def _setTemporaryPath(self, path: str) -> None:
        self._temporaryPath = path

    temporaryPath = QtCore.Property(str, lambda self: self._temporaryPath, _setTemporaryPath)
    cachePath = QtCore.Property(str, lambda self: str(self._core.temporaryPath / "cache"))
    slicerHome = QtCore.Property(str, lambda self: self._home)
    startupWorkingPath = QtCore.Property(str, lambda self: self._home)
    slicerUserSettingsFilePath = QtCore.Property(str, lambda self: self._settings.fileName())
    slicerRevisionUserSettingsFilePath = QtCore.Property(str, lambda self: self._revisionSettings.fileName())

    def applicationLogic(self) -> slicer.vtkSlicerApplicationLogic:
        return self._core.logic

    def mrmlScene(self) -> slicer.vtkMRMLScene:
        return self._core.scene

    def moduleLogic(self, moduleName: str) -> Any:
        return self._core.modules.get(moduleName)

    def moduleManager(self) -> ModuleManager:
        return self._manager

    def layoutManager(self) -> LayoutManager:
        return self._layoutManager

    def userSettings(self) -> QtCore.QSettings:
        return self._settings

    def settings(self) -> QtCore.QSettings:
        return self._settings

    def revisionUserSettings(self) -> QtCore.QSettings:
        return self._revisionSettings

    def testingEnabled(self) -> bool:
        return False

    def commandOptions(self) -> SimpleNamespace:
        return SimpleNamespace(testingEnabled=False, noMainWindow=False)

    def startupEnvironment(self) -> QtCore.QProcessEnvironment:
        return QtCore.QProcessEnvironment.systemEnvironment()

    def environment(self) -> QtCore.QProcessEnvironment:
        return QtCore.QProcessEnvironment.systemEnvironment()

    def setEnvironmentVariable(self, key: str, value: str) -> None:
        os.environ[key] = value

    def moduleDocumentationUrl(self, moduleName: str) -> str:
        return f"{self.documentationBaseUrl}user_guide/modules/{moduleName.lower()}.html"

    def translate(self, context: str, text: str) -> str:
        return text

    def pauseRender(self) -> None:
        self._rendersPaused += 1

    def resumeRender(self) -> None:
        assert self._rendersPaused > 0, "resumeRender without pauseRender"
        self._rendersPaused -= 1


def _of_qt(name: str) -> staticmethod:
    return staticmethod(lambda *arguments: getattr(QtWidgets.QApplication.instance(), name)(*arguments))


for _name in _OF_QT:
    setattr(qSlicerApplication, _name, _of_qt(_name))


class Application:
    """The one application of the process, and how a test starts and ends in it."""

    def __init__(self) -> None:
        self.core = boot.boot()
        self.app = qSlicerApplication(self.core)
        slicer.app = self.app
        slicer.modules = SimpleNamespace()
        for name, logic in self.core.modules.items():
            setattr(slicer.modules, name.lower(), Module(name, logic))
        subject_hierarchy.watch(self.core.scene)

    def start(self) -> None:
        """A window, slice views and the settings of a test."""
        self.app._settings = QtCore.QSettings()
        revision = self.app._settings.fileName().replace(".ini", "-34000.ini")
        self.app._revisionSettings = QtCore.QSettings(revision, QtCore.QSettings.Format.IniFormat)
        self.app._window = qSlicerMainWindow()
        self.app._layoutManager = LayoutManager(self.core, self.app._window)

    def end(self) -> None:
        """Close the scene, which calls every observer that was left behind."""
        self.app._window = self.app._layoutManager = None
        scene_watch.forget_dead()
        self.core.scene.Modified()
        boot.empty(self.core)
