"""The box that shows what is installed and what can compute, and installs on request."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import qt
import slicer
from host import answers
from host.gestures import click
from host.packaging import pip
from host.pytorch_utils import script as torch_script

from SemanticSegLib.logic import Dependencies as module
from SemanticSegLib.logic.Dependencies import Dependencies, Device
from SemanticSegLib.logic.JobFolders import JobFolders
from SemanticSegLib.logic.ParameterNode import SemanticSegParameterNode
from SemanticSegLib.logic.Report import Report
from SemanticSegLib.logic.Runner import JobRunner
from SemanticSegLib.widgets.ErrorBox import ErrorBox
from SemanticSegLib.widgets.SetupBox import SetupBox

pytestmark = pytest.mark.usefixtures("application")


@pytest.fixture
def dependencies(tmp_path: Path) -> Dependencies:
    return Dependencies(JobRunner(sys.executable, JobFolders(tmp_path / "cache")))


@pytest.fixture
def show(dependencies: Dependencies, slicer_scene: slicer.vtkMRMLScene) -> Iterator[Callable[[], tuple[SetupBox, ErrorBox]]]:
    """Shows the box, with one for errors below it."""
    shown = []

    def make() -> tuple[SetupBox, ErrorBox]:
        parameters = SemanticSegParameterNode(slicer_scene.AddNewNodeByClass("vtkMRMLScriptedModuleNode"))
        widget = qt.QWidget()
        qt.QVBoxLayout(widget)
        errors = ErrorBox(Report(parameters, dependencies, "Slicer"), widget.layout())
        shown.extend([widget, SetupBox(dependencies, errors, widget.layout()), errors])
        widget.resize(400, 300)
        widget.show()
        return shown[1], errors

    yield make
    for box in shown[1:]:
        box.cleanup()


def part(box: SetupBox | ErrorBox, name: str) -> qt.QWidget:
    """A named part of a box."""
    return getattr(slicer.util.childWidgetVariables(box.widget), name)


def test_where_all_is_there_only_devices_can_be_checked(show: Callable) -> None:
    box, _errors = show()
    assert part(box, "stateLabel").text.startswith("Ready: PyTorch ")
    assert not part(box, "installButton").visible
    assert not part(box, "devicesLabel").visible
    assert part(box, "lookButton").enabled


def test_installing_asks_and_then_does(show: Callable, user_answers: Callable) -> None:
    pip.missing = {"torch", "safetensors"}
    box, errors = show()
    assert part(box, "stateLabel").text == "Not installed yet: PyTorch, safetensors. Press Install."
    assert not part(box, "lookButton").visible
    user_answers(qt.QMessageBox.Cancel)
    click(part(box, "installButton"))
    assert "PyTorch, safetensors will be downloaded" in answers.asked[-1].text
    assert (pip.asked, torch_script.asked) == ([], [])
    user_answers(qt.QMessageBox.Ok)
    click(part(box, "installButton"))
    assert len(torch_script.asked) == len(pip.asked) == 1
    assert part(box, "stateLabel").text.startswith("Ready")
    assert not part(box, "installButton").visible
    assert not errors.widget.visible


def test_a_failure_is_said_and_can_be_tried_again(show: Callable, user_answers: Callable) -> None:
    pip.missing = {"tqdm"}
    pip.outcome = "failed"
    box, errors = show()
    user_answers(qt.QMessageBox.Ok)
    click(part(box, "installButton"))
    assert "There is no version of a package" in part(errors, "messageLabel").text
    assert part(box, "installButton").enabled
    pip.outcome = "installed"
    user_answers(qt.QMessageBox.Ok)
    click(part(box, "installButton"))
    assert not errors.widget.visible


def test_a_restart_is_offered(
    show: Callable, dependencies: Dependencies, user_answers: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    pip.missing = {"tqdm"}
    monkeypatch.setattr(module, "loadedVersions", iter([{}, {"numpy": "2"}, {}, {"numpy": "2"}]).__next__)
    restarts = []
    monkeypatch.setattr(slicer.util, "restart", lambda: restarts.append(True))
    box, _errors = show()
    user_answers(qt.QMessageBox.Ok, qt.QMessageBox.No)
    click(part(box, "installButton"))
    assert "Restart now?" in answers.asked[-1].text
    assert restarts == []
    pip.missing = {"tqdm"}
    dependencies.refresh()
    user_answers(qt.QMessageBox.Ok, qt.QMessageBox.Yes)
    click(part(box, "installButton"))
    assert restarts == [True]


def test_what_must_be_done_first_is_said(show: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    pip.missing = {"torch"}
    monkeypatch.delitem(sys.modules, "PyTorchUtils")
    box, _errors = show()
    assert not part(box, "installButton").enabled
    assert "Extensions Manager" in part(box, "installButton").toolTip
    assert part(box, "stateLabel").text.endswith(
        "First install the extension PyTorch with the Extensions Manager and restart Slicer."
    )


def test_after_a_look_that_failed_one_can_look_again(show: Callable, dependencies: Dependencies) -> None:
    box, _errors = show()
    dependencies._fault = "The calculation ended unexpectedly (code 9)."
    dependencies.changed.emit()
    assert part(box, "stateLabel").text == "The calculation ended unexpectedly (code 9)."
    assert not part(box, "installButton").visible
    assert part(box, "lookButton").enabled


def test_devices_are_told_with_their_faults(show: Callable, dependencies: Dependencies, monkeypatch: pytest.MonkeyPatch) -> None:
    box, _errors = show()

    def pretend() -> None:
        monkeypatch.setattr(Dependencies, "isLooking", True)
        dependencies.changed.emit()

    monkeypatch.setattr(dependencies, "lookAtDevices", pretend)
    click(part(box, "lookButton"))
    assert "Checking" in part(box, "devicesLabel").text
    assert not part(box, "lookButton").enabled
    assert part(box, "lookButton").toolTip == "A check is running"
    monkeypatch.setattr(Dependencies, "isLooking", False)
    dependencies.devices = (Device("cuda:0", "RTX 4070, 12 GB", "its driver is too old"), Device("cpu", "8 threads", ""))
    dependencies.changed.emit()
    assert part(box, "devicesLabel").text.splitlines() == [
        "○ cuda:0: RTX 4070, 12 GB, its driver is too old",
        "● cpu: 8 threads, ready",
    ]
    assert part(box, "lookButton").enabled


def test_a_look_that_cannot_begin_is_said(show: Callable, tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir(exist_ok=True)
    (tmp_path / "cache" / "jobs").write_text("in the way")
    box, errors = show()
    click(part(box, "lookButton"))
    assert "cannot be written" in part(errors, "messageLabel").text


def test_after_cleanup_nothing_is_heard(show: Callable, dependencies: Dependencies) -> None:
    box, _errors = show()
    box.cleanup()
    pip.missing = {"tqdm"}
    dependencies.refresh()
    assert part(box, "stateLabel").text.startswith("Ready")
