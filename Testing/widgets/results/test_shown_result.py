"""Step 4 of the panel, clicked: the result is slid from detail to certainty, accepted, retrained from, measured, evaluated."""

from __future__ import annotations

import numpy as np
import pytest
import qt
from host import gestures
from widgets.results_desk import MODEL, ResultsDesk
from widgets.training_desk import GRID, TREE, anatomy

from SemanticSegLib.nodes.Arrays import arrayFromImage
from SemanticSegLib.nodes.SegmentationNodes import LABEL_MAP, addSegmentation
from SemanticSegLib.nodes.VolumeNodes import addVolume
from semseg_core.geometry import Grid


def shown_ids(desk: ResultsDesk) -> np.ndarray:
    """Label ids of the result's layer; in this tree they are the values, too."""
    segmentation = desk.parameters.result.GetSegmentation()
    return arrayFromImage(segmentation.GetLayerDataObject(0, LABEL_MAP))


def names(desk: ResultsDesk) -> list[str]:
    segmentation = desk.parameters.result.GetSegmentation()
    return [segmentation.GetNthSegment(index).GetName() for index in range(segmentation.GetNumberOfSegments())]


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
