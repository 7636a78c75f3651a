"""The box that says what went wrong, and the report that it copies."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import qt
import slicer
from host.gestures import click

from SemanticSegLib.logic.Dependencies import Dependencies, Device
from SemanticSegLib.logic.JobFolders import JobFolder, JobFolders
from SemanticSegLib.logic.ParameterNode import SemanticSegParameterNode
from SemanticSegLib.logic.Report import Report
from SemanticSegLib.logic.Runner import JobRunner
from SemanticSegLib.widgets.ErrorBox import ErrorBox
from semseg_core import __version__

pytestmark = pytest.mark.usefixtures("application")


@pytest.fixture
def report(slicer_scene: slicer.vtkMRMLScene, tmp_path: Path) -> Report:
    parameters = SemanticSegParameterNode(slicer_scene.AddNewNodeByClass("vtkMRMLScriptedModuleNode"))
    parameters.model = parameters.startModel = "DOE^JOHN 14.32"
    parameters.budgetSeconds = 90.0
    dependencies = Dependencies(JobRunner(sys.executable, JobFolders(tmp_path / "cache")))
    dependencies.devices = (Device("cuda:0", "RTX 4070", "its driver is too old"), Device("cpu", "8 threads", ""))
    return Report(parameters, dependencies, "Slicer 5.12.3")


@pytest.fixture
def window() -> qt.QWidget:
    widget = qt.QWidget()
    qt.QVBoxLayout(widget)
    widget.resize(400, 300)
    widget.show()
    return widget


@pytest.fixture
def box(report: Report, window: qt.QWidget) -> Iterator[ErrorBox]:
    shown = ErrorBox(report, window.layout())
    yield shown
    shown.cleanup()


@pytest.fixture
def folder(tmp_path: Path) -> JobFolder:
    made = JobFolders(tmp_path / "cache").new()
    (made.path / "image.nrrd").touch()
    return made


def part(box: ErrorBox, name: str) -> qt.QWidget:
    """A named part of the box."""
    return getattr(slicer.util.childWidgetVariables(box.widget), name)


def test_it_is_there_only_while_something_went_wrong(box: ErrorBox) -> None:
    assert not box.widget.visible
    box.show("volume T1: is empty; choose another")
    assert box.widget.visible
    assert part(box, "messageLabel").text == "volume T1: is empty; choose another"
    assert not part(box, "keepButton").visible
    assert not part(box, "detailsButton").enabled
    assert "nothing was started" in part(box, "detailsButton").toolTip
    click(part(box, "closeButton"))
    assert not box.widget.visible


def test_details_unfold_the_log(box: ErrorBox) -> None:
    box.show("It failed.", "first line\nlast line")
    assert not part(box, "logText").visible
    click(part(box, "detailsButton"))
    assert part(box, "logText").visible
    assert part(box, "logText").plainText == "first line\nlast line"
    click(part(box, "detailsButton"))
    assert not part(box, "logText").visible
    click(part(box, "detailsButton"))
    box.show("It failed again.", "other")
    assert not part(box, "logText").visible


def test_the_report_says_much_and_names_nobody(box: ErrorBox) -> None:
    box.show("DOE^JOHN: the disk is full", "semseg: image <path>: the disk is full")
    click(part(box, "copyButton"))
    text = slicer.app.clipboard().text()
    assert text.splitlines()[0] == f"SemanticSeg {__version__} in Slicer 5.12.3"
    assert "device cuda:0: RTX 4070, its driver is too old" in text
    assert "budgetSeconds = 90.0" in text
    assert text.endswith("Log\nsemseg: image <path>: the disk is full\n")
    assert "DOE" not in text
    assert str(Path.home()) not in text
    assert "Copied" in part(box, "doneLabel").text
    box.show("Once more.")
    assert not part(box, "doneLabel").visible
    click(part(box, "copyButton"))
    assert slicer.app.clipboard().text().endswith("Log\n(empty)\n")


def test_the_choices_are_those_of_the_present_scene(report: Report, slicer_scene: slicer.vtkMRMLScene) -> None:
    other = SemanticSegParameterNode(slicer_scene.AddNewNodeByClass("vtkMRMLScriptedModuleNode"))
    other.device = "mps"
    report.setParameters(other)
    assert "device = mps" in report.text("")


def test_files_are_kept_on_request_and_removed_else(box: ErrorBox, folder: JobFolder, tmp_path: Path) -> None:
    place = folder.path
    box.show("It failed.", "log", folder)
    click(part(box, "keepButton"))
    kept = next((tmp_path / "cache" / "kept").iterdir())
    assert (kept / "image.nrrd").exists()
    assert not place.exists()
    assert str(kept) in part(box, "doneLabel").text
    assert not part(box, "keepButton").enabled
    click(part(box, "closeButton"))
    assert (kept / "image.nrrd").exists()


def test_the_files_of_an_earlier_error_go(box: ErrorBox, folder: JobFolder) -> None:
    box.show("It failed.", "log", folder)
    box.show("It failed, looked at again.", "log", folder)
    assert folder.path.exists()
    box.show("Something else failed.")
    assert not folder.path.exists()


def test_closing_removes_the_files(box: ErrorBox, folder: JobFolder) -> None:
    box.show("It failed.", "log", folder)
    assert folder.path.exists()
    click(part(box, "closeButton"))
    assert not folder.path.exists()


def test_files_that_cannot_be_kept_stay_and_it_is_said(box: ErrorBox, folder: JobFolder, tmp_path: Path) -> None:
    (tmp_path / "cache" / "kept").write_text("in the way")
    box.show("It failed.", "log", folder)
    click(part(box, "keepButton"))
    assert "cannot be kept" in part(box, "doneLabel").text
    assert part(box, "keepButton").enabled
    assert folder.path.exists()


def test_a_long_sentence_fits_400_pixels(box: ErrorBox, window: qt.QWidget) -> None:
    box.show("out of memory on the GPU; close other programs that use the GPU, use a smaller or coarser volume " * 3, "log")
    slicer.app.processEvents()
    assert window.width <= 400
    label = part(box, "messageLabel")
    assert label.height >= label.heightForWidth(label.width)
