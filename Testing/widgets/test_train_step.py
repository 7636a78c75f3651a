"""Step 3 of the panel, clicked and typed into."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import qt
import slicer
from host import gestures
from widgets.training_desk import GRID, PERSON, TREE, Desk, anatomy, image, strokes

from SemanticSegLib.logic.Report import Report
from SemanticSegLib.logic.TrainingLogic import IDLE, PREPARING, TRAINING, TrainingResult
from SemanticSegLib.logic.TrainingRun import TrainingRun
from SemanticSegLib.nodes.SegmentationNodes import addSegmentation
from SemanticSegLib.nodes.VolumeNodes import addVolume
from SemanticSegLib.widgets.TrainStep import TrainStep
from semseg_core.data.images import write_label_map, write_volume
from semseg_core.train.events import Note, Progress, Score, Stage


class Step:
    """The step in a window of the panel's width."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.window = qt.QWidget()
        layout = qt.QVBoxLayout(self.window)
        report = Report(desk.parameters, desk.dependencies, "Slicer")
        self.step = TrainStep(desk.training, desk.models, desk.dependencies, report, layout)
        self.ui = self.step._ui
        self.window.resize(400, 700)
        self.window.show()

    def pretend(self, state: str, *events: object) -> TrainingRun:
        """Show a training that is only told of."""
        run = TrainingRun("T1 14:32", Path(), TREE)
        self.desk.training.run = run
        for event in events:
            run.take(event)
        self.desk.training._setState(state)
        self.desk.training.progressed.emit(run)
        return run

    def pretendEnd(self, result: TrainingResult) -> None:
        self.desk.training.result = result
        self.desk.training._setState(IDLE)
        self.desk.training.finished.emit(result)


@pytest.fixture
def desk(slicer_scene: slicer.vtkMRMLScene, tmp_path: Path) -> Iterator[Desk]:
    made = Desk(slicer_scene, tmp_path)
    yield made
    made.cleanup()


@pytest.fixture
def step(desk: Desk) -> Iterator[Step]:
    made = Step(desk)
    yield made
    made.step.cleanup()


def test_what_is_missing_is_said_by_the_button_and_below_it_until_it_is_there(step, desk):
    assert not step.ui.trainButton.enabled
    assert step.ui.trainButton.toolTip == step.ui.statusLabel.text == "There are no labels yet. Choose or make them in step 1."
    desk.prepare()
    assert step.ui.trainButton.enabled
    assert not step.ui.statusLabel.visible
    assert "go on working" in step.ui.trainButton.toolTip
    assert step.ui.casesText.text == "this volume"
    desk.scene.RemoveNode(desk.parameters.scribbles)
    desk.scribbles.refresh()
    assert not step.ui.trainButton.enabled
    assert "Nothing is drawn yet" in step.ui.statusLabel.text


def test_a_click_trains_and_the_result_is_told_level_by_level(step, desk):
    desk.prepare()
    desk.parameters.budgetSeconds = 5.0
    gestures.click(step.ui.trainButton)
    assert step.ui.trainButton.text == "Cancel"
    assert not step.ui.lossSelector.enabled
    assert "A training is running" in step.ui.lossSelector.toolTip
    assert step.ui.progressBar.visible
    desk.until(lambda: "Training on" in step.ui.statusLabel.text)
    desk.finish()
    told = step.ui.resultLabel.text
    assert told.startswith(f"Model '{desk.parameters.model}' is ready")
    assert "• level 1 (2: left, right): 1.00, told apart well" in told
    assert "• leaves (3: front, back, right): 1.00, told apart well" in told
    assert step.ui.trainButton.text == "Train"
    assert step.ui.trainButton.enabled
    assert "Training on" in step.ui.logText.plainText
    assert not step.ui.logText.visible
    gestures.click(step.ui.logButton)
    assert step.ui.logText.visible
    assert step.ui.startSelector.findData(desk.parameters.model) > 0
    assert step.ui.lossSelector.enabled
    assert "recommended" in step.ui.lossSelector.toolTip


def test_a_click_on_cancel_before_the_child_starts_ends_it_at_once(step, desk):
    desk.prepare()
    desk.training.start()
    gestures.click(step.ui.trainButton)
    assert desk.training.state == IDLE
    assert step.ui.resultLabel.text == "Cancelled before the training began."


def test_time_left_warnings_and_the_curve_are_shown_while_it_runs(step, desk):
    desk.prepare()
    step.pretend(PREPARING)
    blank = step.step._curve.widget.grab().toImage()
    step.pretend(
        TRAINING,
        Stage("Training on 3507 voxels, cpu"),
        Note("front is marked in one slice only", "warning"),
        *(Progress(n / 20, n * 1.0, 72.0, n * 10, 2.0 / n) for n in range(1, 12)),
        Score(50, 0.4, {"1": 0.8, "leaf": 0.4}, best=True),
        Score(100, 0.3, {"1": 0.9, "leaf": 0.6}, best=True),
    )
    assert step.ui.trainButton.text == "Cancel (1:12 left)"
    assert step.ui.statusLabel.text == "Training on 3507 voxels, cpu · step 110 · 1:12 left"
    assert step.ui.warningsLabel.text == "⚠ front is marked in one slice only"
    assert step.ui.progressBar.value == 550
    curve = step.step._curve.widget
    assert curve.accessibleDescription == "leaves 0.60, level 1 0.90"
    assert curve.grab().toImage() != blank


def test_the_curve_takes_the_colors_of_the_style(step, desk):
    desk.prepare()
    step.pretend(TRAINING, Progress(0.5, 1.0, 1.0, 10, 1.0), Score(10, 1.0, {"leaf": 0.5}))
    curve = step.step._curve.widget
    gestures.process_events()
    light = curve.grab().toImage().pixelColor(2, 2).lightness()
    palette = curve.palette
    palette.setColor(qt.QPalette.Base, qt.QColor(30, 30, 30))
    curve.palette = palette
    gestures.process_events()
    assert curve.grab().toImage().pixelColor(2, 2).lightness() < light / 2


def test_a_crash_is_told_with_its_log_and_forgotten_at_the_next_start(step, desk):
    desk.prepare()
    step.pretend(TRAINING, Progress(0.5, 1.0, 1.0, 10, 1.0))
    step.pretendEnd(TrainingResult("crashed", message="The calculation ended unexpectedly.", logTail="line one\nline two"))
    box = slicer.util.childWidgetVariables(step.step._errors.widget)
    assert box.messageLabel.text == "The calculation ended unexpectedly."
    gestures.click(box.detailsButton)
    assert box.logText.plainText == "line one\nline two"
    assert not step.ui.resultLabel.visible
    step.pretend(PREPARING)
    assert not step.step._errors.widget.visible


def test_a_cancelled_training_says_which_model_it_kept(step, desk):
    desk.prepare()
    run = step.pretend(TRAINING, Progress(0.5, 1.0, 1.0, 10, 1.0))
    run.summary = {"steps": 10, "voxels": 40, "held_back_dice": {"leaf": 0.5, "1": 0.7}, "held_back_voxels": 9}
    step.pretendEnd(TrainingResult("cancelled", "T1 14.32"))
    assert "best model so far is kept as 'T1 14.32'" in step.ui.resultLabel.text
    assert "level 1 (2: left, right): 0.70, mostly right" in step.ui.resultLabel.text
    assert "leaves (3: front, back, right): 0.50, often confused" in step.ui.resultLabel.text
    run.summary = {}
    step.pretendEnd(TrainingResult("done", "T1 14.32"))
    assert "Too few strokes to hold any back" in step.ui.resultLabel.text


def test_missing_packages_are_offered_and_nothing_starts(step, desk, monkeypatch):
    desk.prepare()
    monkeypatch.setattr(desk.dependencies, "_lacking", lambda: "Not installed yet: PyTorch. Press Install.")
    gestures.click(step.ui.trainButton)
    assert desk.training.state == IDLE
    assert step.ui.statusLabel.text == "Not installed yet: PyTorch. Press Install."
    assert step.ui.setupPlace.visible
    monkeypatch.undo()
    desk.dependencies.changed.emit()
    assert not step.ui.setupPlace.visible


# Choices


def test_losses_are_chosen_by_what_they_are_for(step, desk):
    desk.prepare()
    assert step.ui.lossSelector.currentText == "Recommended"
    assert step.ui.lossText.text == "When you do not know which to take."
    assert not step.ui.expressionLine.visible
    gestures.choose(step.ui.lossSelector, "Overlap, nothing missed (tversky)")
    assert desk.parameters.loss == "tversky"
    assert step.ui.lossText.text == "For small lesions that must not be missed."
    assert "Salehi" in step.ui.lossText.toolTip
    gestures.choose(step.ui.lossSelector, "Expression of your own…")
    gestures.type_text(step.ui.expressionLine, "0.5*dice + ", end="Return")
    assert not step.ui.trainButton.enabled
    assert "expected the name of a loss" in step.ui.statusLabel.text
    step.ui.expressionLine.clear()
    gestures.type_text(step.ui.expressionLine, "0.5*dice + focal", end="Return")
    assert desk.parameters.loss == "0.5*dice + focal"
    assert step.ui.trainButton.enabled
    gestures.choose(step.ui.lossSelector, "Recommended")
    assert desk.parameters.loss == "default"
    assert not step.ui.expressionLine.visible


def test_the_learner_is_quick_unless_the_deep_one_is_chosen(step, desk):
    desk.prepare()
    assert step.ui.learnerSelector.currentText == "Quick"
    gestures.choose(step.ui.learnerSelector, "Deep (ten minutes or more)")
    assert desk.parameters.learner == "deep"
    desk.parameters.learner = "quick"
    assert step.ui.learnerSelector.currentText == "Quick"


def test_times_are_offered_and_any_other_can_be_given(step, desk):
    desk.prepare()
    gestures.choose(step.ui.timeSelector, "10 min")
    assert desk.parameters.budgetSeconds == 600.0
    assert not step.ui.timeSpin.visible
    gestures.choose(step.ui.timeSelector, "Other…")
    step.ui.timeSpin.value = 45
    assert desk.parameters.budgetSeconds == 45.0
    gestures.choose(step.ui.timeSelector, "30 s")
    assert desk.parameters.budgetSeconds == 30.0
    desk.parameters.budgetSeconds = 77.0
    assert step.ui.timeSelector.currentText == "Other…"
    assert step.ui.timeSpin.value == 77


def test_a_start_model_is_chosen_by_name_or_by_its_folder(step, desk, user_answers, tmp_path):
    desk.prepare()
    assert step.ui.startSelector.currentText == "Nothing (a new model)"
    user_answers(str(tmp_path / "elsewhere"))
    gestures.click(step.ui.startButton)
    assert desk.parameters.startModel == str(tmp_path / "elsewhere")
    assert step.ui.startSelector.currentText == "elsewhere"
    assert "not there any more" in step.ui.statusLabel.text
    gestures.choose(step.ui.startSelector, "Nothing (a new model)")
    assert desk.parameters.startModel == ""
    assert step.ui.trainButton.enabled


def test_devices_that_were_found_can_be_chosen_and_those_that_fail_say_why(step, desk):
    from SemanticSegLib.logic.Dependencies import Device

    desk.prepare()
    assert not step.ui.deviceText.visible
    desk.dependencies.devices = (
        Device("cuda:0", "NVIDIA RTX 4070, 12 GB", "its driver is too old"),
        Device("cpu", "2 threads", ""),
    )
    desk.dependencies.changed.emit()
    assert step.ui.deviceText.text == "Takes cpu: 2 threads"
    gestures.choose(step.ui.deviceSelector, "cuda:0: cannot be used")
    assert desk.parameters.device == "cuda:0"
    assert step.ui.deviceText.text == "its driver is too old"
    assert step.ui.trainButton.toolTip == "cuda:0: its driver is too old. Choose another device."
    gestures.choose(step.ui.deviceSelector, "cpu: 2 threads")
    assert step.ui.deviceText.text == "Ready: 2 threads"
    assert step.ui.trainButton.enabled


# Cases


def test_a_pair_of_the_scene_is_added_and_removed(step, desk, user_answers):
    desk.prepare()
    other = addVolume(desk.scene, "other", image(1), GRID)
    dense = addSegmentation(desk.scene, "dense", anatomy(), other, TREE)
    table = step.step._cases
    assert not table._table.visible
    user_answers("From the scene…")
    gestures.click(step.ui.addCasesButton)
    picker = table._picker
    for chooser, node in zip(picker._choosers, (other, dense), strict=True):
        chooser.setCurrentNode(node)
    add = next(each for each in picker.widget.children() if getattr(each, "text", "") == "Add this pair")
    gestures.click(add)
    assert step.ui.casesText.text == "2 cases"
    assert [table._table.item(row, 0).text() for row in range(table._table.rowCount)] == [PERSON, "other"]
    assert step.ui.unknownLine.visible
    gestures.click(add)
    assert "in the list already" in step.ui.statusLabel.text
    desk.scene.RemoveNode(dense)
    assert table._table.item(1, 1).text().startswith("⚠")
    assert "no longer in the scene" in table._table.item(1, 1).toolTip()
    assert not step.ui.trainButton.enabled
    table._table.setCurrentCell(0, 0)
    assert not table._removeButton.enabled
    table._table.setCurrentCell(1, 0)
    gestures.click(table._removeButton)
    assert step.ui.casesText.text == "this volume"
    assert step.ui.trainButton.enabled


def test_a_folder_is_added_and_what_was_left_out_is_told(step, desk, user_answers, tmp_path):
    folder = tmp_path / "cases"
    folder.mkdir()
    write_volume(folder / "a_t1.nii.gz", image(), GRID)
    write_label_map(folder / "a_seg.nii.gz", np.where(strokes(), strokes(), 0), GRID)
    (folder / "b_t1.nii.gz").write_bytes(b"")
    desk.prepare()
    user_answers("Folder of images and segmentations…", str(folder))
    gestures.click(step.ui.addCasesButton)
    assert "b_t1.nii.gz" in step.ui.statusLabel.text
    assert step.ui.casesText.text == "2 cases"
    assert step.ui.channelsLine.visible
    assert step.ui.channelsLine.text == "t1"
    gestures.type_text(step.ui.unknownLine, "255", end="Return")
    assert desk.parameters.unknownValues == "255"


# Appearance


def test_nothing_is_cut_off_at_the_width_of_the_panel_and_everything_has_a_tooltip(step, desk):
    desk.prepare()
    step.pretend(TRAINING, Stage("Training"), Progress(0.5, 1.0, 60.0, 10, 1.0), Score(10, 1.0, {"1": 0.7, "leaf": 0.5}))
    gestures.process_events()
    assert step.window.minimumSizeHint.width() <= 400
    fields = {name: each for name, each in vars(step.ui).items() if name.endswith(("Button", "Selector", "Line", "Spin", "Bar"))}
    assert len(fields) > 10
    assert [name for name, each in fields.items() if not each.toolTip] == []
