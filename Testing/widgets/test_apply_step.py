"""Step 4 of the panel, clicked: a model trained and applied by real child processes, its result slid, corrected, measured."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import qt
import slicer
from host import gestures
from widgets.results_desk import ANSWERS, MODEL, ResultsDesk, Step, train
from widgets.training_desk import GRID, PERSON, TREE, anatomy, image

from SemanticSegLib.nodes.Arrays import arrayFromImage
from SemanticSegLib.nodes.ResultNodes import addResult
from SemanticSegLib.nodes.SegmentationNodes import LABEL_MAP, addSegmentation
from SemanticSegLib.nodes.VolumeNodes import addVolume
from semseg_core.data.answer_paths import AnswerPaths
from semseg_core.geometry import Grid


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tmp_path_factory.mktemp("model"))


@pytest.fixture
def desk(slicer_scene: slicer.vtkMRMLScene, tmp_path: Path) -> Iterator[ResultsDesk]:
    made = ResultsDesk(slicer_scene, tmp_path)
    yield made
    made.cleanup()


@pytest.fixture
def step(desk: ResultsDesk) -> Iterator[Step]:
    made = Step(desk)
    yield made
    made.step.cleanup()


@pytest.fixture
def applied(step: Step, model: Path) -> Step:
    """The step with what the model answered for the volume of the panel."""
    desk = step.desk
    desk.prepare()
    desk.store(model)
    paths = AnswerPaths.load(model.parent / ANSWERS, TREE)
    desk.parameters.result = addResult(desk.scene, paths, desk.parameters.volume, MODEL, TREE)
    desk.settle()
    return step


def shown_ids(desk: ResultsDesk) -> np.ndarray:
    """Label ids of the result's layer; in this tree they are the values, too."""
    segmentation = desk.parameters.result.GetSegmentation()
    return arrayFromImage(segmentation.GetLayerDataObject(0, LABEL_MAP))


def names(desk: ResultsDesk) -> list[str]:
    segmentation = desk.parameters.result.GetSegmentation()
    return [segmentation.GetNthSegment(index).GetName() for index in range(segmentation.GetNumberOfSegments())]


# Before there is a result


def test_what_is_missing_is_said_by_the_button(step, desk, model):
    assert not step.ui.applyButton.enabled
    assert step.ui.applyButton.toolTip.startswith("No model yet; train one")
    assert not step.ui.modelSelector.enabled
    assert not step.ui.resultBox.visible
    desk.store(model)
    assert step.ui.modelSelector.currentText == MODEL
    assert step.ui.applyButton.toolTip == "No volume is chosen; choose one on top of the panel."
    desk.prepare()
    desk.settle()
    assert step.ui.applyButton.enabled
    assert "scribbles stay as they are" in step.ui.applyButton.toolTip


def test_the_card_tells_what_a_model_is_for(step, desk, model):
    desk.store(model)
    gestures.click(step.ui.cardButton)
    words = " ".join(label.text for label in step.ui.cardBox.findChildren(qt.QLabel))
    for expected in ("head: 3 labels on 2 levels", "image", "fitted to the range", "one image", "mm; the result keeps"):
        assert expected in words


def test_without_packages_the_setup_is_offered_and_nothing_can_start(step, desk, model, monkeypatch):
    desk.prepare()
    desk.store(model)
    monkeypatch.setattr(desk.dependencies, "usable", lambda: (False, "PyTorch is missing."))
    desk.dependencies.changed.emit()
    assert step.ui.setupPlace.visible
    assert (step.ui.applyButton.enabled, step.ui.applyButton.toolTip) == (False, "PyTorch is missing.")


# Applying


def test_a_click_gives_a_result_beside_the_volume(step, desk, model):
    desk.prepare()
    desk.store(model)
    desk.settle()
    gestures.click(step.ui.applyButton)
    desk.wait()
    assert desk.applied[-1].kind == "done", desk.applied[-1]
    node = desk.parameters.result
    assert node.GetName() == f"{PERSON} result"
    assert names(desk) == ["front", "back", "right"]
    assert (shown_ids(desk) == anatomy()).mean() > 0.9
    assert step.ui.resultBox.visible
    assert step.ui.applyButton.text == "Apply"
    assert not step.ui.progressBar.visible
    assert step.ui.statusLabel.text.startswith("Done: 3 labels in")
    assert list(desk.jobs.iterdir()) == [], "job folders are removed"
    assert desk.scribbles.counts[3] > 0, "strokes are still there"


def test_a_cancel_keeps_the_earlier_result(applied, desk):
    before = shown_ids(desk).copy()
    gestures.click(applied.ui.applyButton)
    assert applied.ui.applyButton.text == "Cancel"
    assert not applied.ui.modelSelector.enabled
    gestures.click(applied.ui.applyButton)
    desk.wait()
    assert desk.applied[-1].kind == "cancelled"
    assert applied.ui.statusLabel.text == "Cancelled. The earlier result stays."
    np.testing.assert_array_equal(shown_ids(desk), before)
    assert list(desk.jobs.iterdir()) == []


def test_a_failure_is_told_in_a_sentence_and_keeps_the_earlier_result(applied, desk):
    before = shown_ids(desk).copy()
    (desk.models.model(MODEL).folder / "model.safetensors").write_bytes(b"broken")
    gestures.click(applied.ui.applyButton)
    desk.wait()
    assert desk.applied[-1].kind == "failed"
    labels = [label.text for label in applied.ui.errorPlace.findChildren(qt.QLabel)]
    assert any("does not match its card" in text for text in labels)
    np.testing.assert_array_equal(shown_ids(desk), before)


def test_a_volume_that_was_deleted_meanwhile_gets_no_result(step, desk, model):
    desk.prepare()
    desk.store(model)
    desk.settle()
    gestures.click(step.ui.applyButton)
    desk.scene.RemoveNode(desk.parameters.volume)
    desk.wait()
    assert desk.applied[-1].kind == "failed"
    assert "deleted meanwhile" in desk.applied[-1].message
    assert desk.parameters.result is None


def test_ticked_volumes_are_segmented_one_after_the_other(step, desk, model):
    desk.prepare()
    desk.store(model)
    others = [desk.add("second", 1), desk.add("third", 2)]
    desk.settle()
    gestures.choose(step.ui.toSelector, "chosen volumes…")
    assert step.ui.applyButton.toolTip == "No volume is chosen; tick the volumes to apply the model to."
    listed = [step.ui.volumesList.item(row).text() for row in range(step.ui.volumesList.count)]
    assert listed == [PERSON, "second", "third"]
    for row in (1, 2):
        step.ui.volumesList.item(row).setCheckState(qt.Qt.Checked)
    gestures.click(step.ui.applyButton)
    desk.wait()
    assert desk.applied[-1].count == 2
    assert step.ui.statusLabel.text == "2 volumes were segmented."
    found = desk.scene.GetNodesByClass("vtkMRMLSegmentationNode")
    results = {found.GetItemAsObject(index).GetName() for index in range(found.GetNumberOfItems())}
    assert {"second result", "third result"} <= results
    assert f"{PERSON} result" not in results
    assert others


def test_every_frame_of_a_sequence_gets_a_result_that_follows_the_browser(step, desk, model):
    desk.prepare()
    desk.store(model)
    frames = [image(0), image(0)[:, ::-1]]
    sequence = desk.scene.AddNewNodeByClass("vtkMRMLSequenceNode", "frames")
    for number, frame in enumerate(frames):
        node = addVolume(desk.scene, "frame", np.ascontiguousarray(frame), GRID)
        sequence.SetDataNodeAtValue(node, str(number))
        desk.scene.RemoveNode(node)
    browser = desk.scene.AddNewNodeByClass("vtkMRMLSequenceBrowserNode", "browser")
    browser.SetAndObserveMasterSequenceNodeID(sequence.GetID())
    desk.parameters.volume = browser.GetProxyNode(sequence)
    desk.settle()
    gestures.choose(step.ui.toSelector, "all frames of its sequence")
    gestures.click(step.ui.applyButton)
    desk.wait()
    assert (desk.applied[-1].kind, desk.applied[-1].count) == ("done", 2), desk.applied[-1].message
    for number, truth in ((0, anatomy()), (1, anatomy()[:, ::-1]), (0, anatomy())):
        browser.SetSelectedItemNumber(number)
        desk.settle()
        agreement = (shown_ids(desk) == truth).mean()
        assert agreement == pytest.approx((desk.results.shown.answers.label_ids == truth).mean())
        assert (shown_ids(desk) == desk.results.shown.answers.label_ids).all()
    first = desk.results.shown.paths.leaves.copy()
    browser.SetSelectedItemNumber(1)
    desk.settle()
    assert (desk.results.shown.paths.leaves != first).any(), "each frame has its own answers"


# The result


def test_the_slider_goes_from_detail_to_certainty(applied, desk):
    shares = desk.results.shown.paths.shares
    detail = len(names(desk))
    threshold = int(shares[1][shares[1] > 0].max()) + 1
    applied.ui.certaintySlider.value = min(threshold, 200)
    desk.settle()
    assert desk.parameters.certainty == pytest.approx(min(threshold, 200) / 200)
    assert applied.ui.certaintyValue.text == f"{100 * min(threshold, 200) / 200:.3g} %"
    assert {"front", "back"}.isdisjoint(names(desk)) or threshold > 200
    applied.ui.certaintySlider.value = 0
    desk.settle()
    assert len(names(desk)) == detail


def test_levels_are_chosen_by_name(applied, desk):
    selector = applied.ui.levelSelector
    assert [selector.itemText(index) for index in range(selector.count)] == ["as deep as certain", "level 1", "leaves only"]
    gestures.choose(selector, "level 1")
    desk.settle()
    assert names(desk) == ["left", "right"]


def test_confidence_and_surfaces_are_shown_on_demand(applied, desk):
    gestures.click(applied.ui.confidenceCheck)
    assert desk.parameters.confidence is not None
    view = desk.scene.GetFirstNodeByClass("vtkMRMLSliceCompositeNode")
    assert view.GetForegroundVolumeID() == desk.parameters.confidence.GetID()
    gestures.click(applied.ui.confidenceCheck)
    assert view.GetForegroundVolumeID() is None
    gestures.click(applied.ui.surfacesCheck)
    desk.until(lambda: desk.scene.GetNumberOfNodesByClass("vtkMRMLModelNode") - models_before(desk) == 2)
    gestures.click(applied.ui.surfacesCheck)
    assert surfaces(desk) == set()


def surfaces(desk: ResultsDesk) -> set[str]:
    found = desk.scene.GetNodesByClass("vtkMRMLModelNode")
    nodes = [found.GetItemAsObject(index) for index in range(found.GetNumberOfItems())]
    return {node.GetName() for node in nodes if node.GetAttribute("SemanticSeg.LabelId")}


def models_before(desk: ResultsDesk) -> int:
    """Slice models, which the views bring along."""
    return desk.scene.GetNumberOfNodesByClass("vtkMRMLModelNode") - len(surfaces(desk))


def test_the_line_under_the_slider_tells_what_lies_under_the_mouse(applied, desk):
    crosshair = desk.scene.GetFirstNodeByClass("vtkMRMLCrosshairNode")
    crosshair.SetCursorPositionRAS(GRID.index_to_ras(np.array([[8, 5, 4]]))[0].tolist())
    assert applied.ui.readoutLabel.text.startswith("front ")
    assert "· left " in applied.ui.readoutLabel.text
    crosshair.SetCursorPositionInvalid()
    assert applied.ui.readoutLabel.text == " "


def test_answers_become_scribbles_and_strokes_stay(applied, desk, user_answers):
    before = desk.scribbles.marks().marks
    applied.ui.acceptSpin.value = 0
    crosshair = desk.scene.GetFirstNodeByClass("vtkMRMLCrosshairNode")
    crosshair.SetCursorPositionRAS(GRID.index_to_ras(np.array([[8, 5, 4]]))[0].tolist())
    crosshair.SetCursorPositionInvalid()
    user_answers("All labels")
    gestures.click(applied.ui.acceptButton)
    menu = applied.ui.acceptButton.menu()
    entries = [action.text for action in menu.actions()]
    assert entries == ["The selected label", "The region last pointed at: front", "All labels"]
    after = desk.scribbles.marks().marks
    assert len(after) == np.prod(GRID.shape)
    assert "voxels became scribbles" in applied.ui.statusLabel.text
    kept = np.zeros(GRID.shape, dtype=np.int32)
    kept[tuple(after.indices.T)] = after.label_ids
    np.testing.assert_array_equal(kept[tuple(before.indices.T)], before.label_ids)


def test_correct_and_retrain_asks_for_a_training_from_this_model(applied, desk):
    asked = []
    desk.results.retrainRequested.connect(asked.append)
    gestures.click(applied.ui.retrainButton)
    assert asked == [MODEL] == [desk.parameters.startModel]


def test_volumes_go_to_a_table_and_a_file(applied, desk, tmp_path, user_answers):
    applied.ui.measureSection.collapsed = False
    gestures.click(applied.ui.tableButton)
    table = desk.scene.GetFirstNodeByClass("vtkMRMLTableNode")
    assert table.GetNumberOfRows() == 5
    assert float(table.GetCellText(0, 3)) == pytest.approx(np.prod(GRID.shape) * 1.5 / 1000)
    user_answers(str(tmp_path / "volumes.csv"))
    gestures.click(applied.ui.csvButton)
    lines = (tmp_path / "volumes.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "Label,Level,Voxels,Volume (mL),Path"
    assert lines[1].startswith(f"head,0,{np.prod(GRID.shape)},")


def test_a_truth_tells_how_good_it_is(applied, desk):
    applied.ui.measureSection.collapsed = False
    assert not applied.ui.evaluateButton.enabled
    assert "Choose a segmentation" in applied.ui.evaluateButton.toolTip
    truth = addSegmentation(desk.scene, "truth", anatomy(), desk.parameters.volume, TREE, "MANUAL")
    applied.ui.truthSelector.setCurrentNode(truth)
    gestures.click(applied.ui.evaluateButton)
    desk.until(lambda: not desk.results.evaluating.stage)
    assert desk.results.evaluating.problem == ""
    expected = (shown_ids(desk) == anatomy()).mean()
    assert desk.results.evaluating.report.tree.accuracy == pytest.approx(expected, abs=1e-6)
    labels = [label.text for label in applied.ui.evaluationBox.findChildren(qt.QLabel)]
    assert any(text.startswith(f"Correct {100 * expected:.1f}\u00a0%") for text in labels)


def test_a_truth_that_covers_a_part_is_compared_and_forgotten_when_something_else_is_shown(applied, desk):
    applied.ui.measureSection.collapsed = False
    drawn = np.where(np.indices(GRID.shape)[0] == 6, anatomy(), 0)[6:7]
    start = np.eye(4)
    start[2, 3] = 6  # Slicer keeps no more of a segmentation than what is drawn
    part = addVolume(desk.scene, "part", drawn.astype(np.int16), Grid(drawn.shape, GRID.ijk_to_ras @ start))
    truth = addSegmentation(desk.scene, "truth", drawn, part, TREE, "MANUAL")
    applied.ui.truthSelector.setCurrentNode(truth)
    gestures.click(applied.ui.evaluateButton)
    desk.until(lambda: not desk.results.evaluating.stage)
    assert desk.results.evaluating.problem == ""
    assert desk.results.evaluating.report is not None
    shown = applied.ui.evaluationBox.findChildren(qt.QTreeWidget)[0]
    assert shown.visible
    applied.ui.certaintySlider.value = applied.ui.certaintySlider.maximum
    desk.settle()
    assert not shown.visible


# The volume of the panel


def test_each_volume_shows_its_own_result_as_the_slider_says(applied, desk):
    first = desk.parameters.volume
    applied.ui.fadeSlider.value = 20
    desk.parameters.volume = second = desk.add("second")
    desk.settle()
    assert not applied.ui.resultBox.visible
    gestures.click(applied.ui.applyButton)
    desk.wait()
    desk.settle()
    assert desk.results.shown.volume is second
    assert desk.parameters.result.GetDisplayNode().GetOpacity() == pytest.approx(0.4)
    desk.parameters.volume = first
    desk.settle()
    assert desk.results.shown.volume is first
    assert applied.ui.resultBox.visible


def test_after_several_volumes_the_result_of_the_one_on_top_is_shown(applied, desk):
    desk.add("second")
    desk.settle()
    gestures.choose(applied.ui.toSelector, "chosen volumes…")
    for row in range(2):
        applied.ui.volumesList.item(row).setCheckState(qt.Qt.Checked)
    gestures.click(applied.ui.applyButton)
    desk.wait()
    assert desk.applied[-1].count == 2
    assert desk.results.shown.volume is desk.parameters.volume


# Models


def test_a_chosen_model_stays_chosen_when_it_is_renamed(applied, desk, model):
    desk.store(model, "newer")
    desk.results.chooseModel(MODEL)
    desk.parameters.startModel = MODEL
    desk.models.rename(MODEL, "better")
    desk.settle()
    assert applied.ui.modelSelector.currentText == "better"
    assert desk.parameters.startModel == "better"


def test_models_are_renamed_exported_imported_and_deleted(step, desk, model, tmp_path, user_answers):
    desk.store(model)
    gestures.click(step.ui.modelsButton)
    ui = step.step._dialog._ui
    assert not ui.deleteButton.enabled
    assert ui.deleteButton.toolTip == "Select a model first"
    ui.table.selectRow(0)
    ui.table.item(0, 0).setText("halves of a head")
    assert [stored.name for stored in desk.models.list()] == ["halves of a head"]
    assert step.ui.modelSelector.currentText == "halves of a head"
    ui.table.selectRow(0)
    user_answers(str(tmp_path / "halves.zip"))
    gestures.click(ui.exportButton)
    assert ui.messageLabel.text == "Exported to halves.zip."
    user_answers(str(tmp_path / "halves.zip"))
    gestures.click(ui.importButton)
    assert sorted(stored.name for stored in desk.models.list()) == ["halves", "halves of a head"]
    assert ui.spaceLabel.text.startswith("2 models, ")
    ui.table.selectRow([ui.table.item(row, 0).text() for row in range(2)].index("halves of a head"))
    user_answers(qt.QMessageBox.Cancel)
    gestures.click(ui.deleteButton)
    assert len(desk.models.list()) == 2
    user_answers(qt.QMessageBox.Ok)
    gestures.click(ui.deleteButton)
    assert [stored.name for stored in desk.models.list()] == ["halves"]
    ui.table.item(0, 0).setText("a/b")
    assert "use up to" in ui.messageLabel.text
    assert ui.table.item(0, 0).text() == "halves"
