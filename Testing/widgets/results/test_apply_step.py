"""Step 4 of the panel, clicked: a model trained and applied by real child processes, its result slid, corrected, measured."""

from __future__ import annotations

import json

import numpy as np
import pytest
import qt
from host import gestures
from widgets.results_desk import MODEL, ResultsDesk
from widgets.training_desk import GRID, PERSON, anatomy, image

from SemanticSegLib.logic.UnfamiliarWords import resultHint
from SemanticSegLib.nodes.Arrays import arrayFromImage
from SemanticSegLib.nodes.SegmentationNodes import LABEL_MAP
from SemanticSegLib.nodes.VolumeNodes import addVolume
from semseg_core.models.directory import CARD


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


def set_known_floor(desk: ResultsDesk, floor: float | None) -> None:
    card = desk.models.model(MODEL).folder / CARD
    card.write_text(json.dumps({**json.loads(card.read_text(encoding="utf-8")), "known_floor": floor}), encoding="utf-8")
    desk.models.changed.emit()
    desk.settle()


def test_a_ticked_box_labels_unfamiliar_tissue_and_says_so(step, desk, model):
    desk.prepare()
    desk.store(model)
    set_known_floor(desk, 1e3)  # nothing reaches it
    box = step.ui.everythingCheck
    assert (box.checked, box.enabled) == (False, True)
    gestures.click(box)
    assert desk.parameters.everything
    assert not step.ui.statusLabel.visible, "no result would change"
    gestures.click(step.ui.applyButton)
    assert not box.enabled
    assert "Cancel it, or wait" in box.toolTip
    desk.wait()
    assert desk.applied[-1].kind == "done", desk.applied[-1]
    assert (shown_ids(desk) == anatomy()).mean() > 0.9
    hint = "100 % of the tissue resembles nothing that was scribbled on: its labels are guesses."
    assert step.ui.statusLabel.text.endswith(hint)
    # The slider from detail to certainty says of these answers what it says of others.
    step.ui.certaintySlider.value = 198
    desk.settle()
    shown = desk.results.shown
    np.testing.assert_array_equal(shown_ids(desk), shown.paths.decide(0.99, "auto").label_ids)
    assert 0 < (shown_ids(desk) == 0).mean() < 1
    gestures.click(box)
    assert not desk.parameters.everything
    assert step.ui.statusLabel.text == "Press Apply to change the result accordingly."


def test_much_that_stays_unknown_is_told_with_the_name_of_the_box(step):
    hint = resultHint(0.42, everything=False)
    assert hint.startswith("42 % of the tissue resembles nothing that was scribbled on and stays unknown. ")
    assert hint.endswith(f"tick '{step.ui.everythingCheck.text.replace('&', '')}' and apply again.")
    assert resultHint(0.19, everything=False) == resultHint(0.19, everything=True) == ""


def test_the_box_says_where_a_model_leaves_no_tissue_unknown(step, desk, model):
    desk.store(model)
    for floor, told in ((None, True), (-2.0, False)):
        set_known_floor(desk, floor)
        assert step.ui.everythingCheck.toolTip.endswith("The chosen model labels all tissue in any case.") == told
    desk.parameters.everything = True
    desk.settle()
    assert step.ui.everythingCheck.checked, "as a scene that is opened says"


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
