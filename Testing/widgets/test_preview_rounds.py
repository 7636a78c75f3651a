"""What the live preview asks of its worker, and what it shows, with a worker that answers what the test says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import slicer
from host import gestures
from widgets.preview_desk import PreviewDesk
from widgets.scribble_bench import CENTER, CORTEX, FLUID, RIGHT, WHITE_MATTER

from SemanticSegLib.nodes.Arrays import arrayFromImage
from SemanticSegLib.nodes.SceneFiles import saveScene
from SemanticSegLib.nodes.VolumeNodes import addVolume
from semseg_core.geometry import Grid
from semseg_core.interactive.arrays import read_marks
from semseg_core.interactive.requests import Cancel, Open, Refine, Request, Save, SetMarks, SetTree, ShowSlices, ShowVolume
from semseg_core.labels.reading import load_tree
from semseg_core.labels.tree import LabelTree
from semseg_core.train.events import Progress


@pytest.fixture
def desk(application, tmp_path: Path) -> Iterator[PreviewDesk]:  # noqa: ARG001 - booted
    made = PreviewDesk(tmp_path)
    yield made
    made.close()


@pytest.fixture
def opened(desk: PreviewDesk, head_volume, brain_tree: LabelTree) -> PreviewDesk:
    """The brush on the cortex, the preview on; the worker has the image, and nothing is drawn."""
    desk.begin(head_volume, brain_tree)
    slicer.util.resetSliceViews()
    slicer.vtkMRMLSliceNode.JumpAllSlices(slicer.mrmlScene, 0.0, 0.0, 0.0)
    desk.preview.start()
    gestures.wait_until(lambda: desk.child is not None)
    (asked,) = desk.child.heard()
    assert isinstance(asked, Open)
    assert load_tree(asked.tree).tree == brain_tree
    assert Path(asked.images[0]).is_file()
    assert asked.model is None
    desk.child.answer(asked)
    assert kinds(desk.child.heard()) == [Cancel]  # nothing to learn from yet
    return desk


@pytest.fixture
def learning(opened: PreviewDesk) -> PreviewDesk:
    """Two labels are drawn, and the worker learns from them."""
    opened.stroke(CENTER, diameter_mm=6.0)
    opened.labels.setCurrent(RIGHT)
    opened.stroke((8, 18, 14), diameter_mm=6.0)
    opened.scribbles.refresh()
    return opened


def kinds(requests: list[Request]) -> list[type[Request]]:
    return [type(request) for request in requests]


def marked(request: SetMarks) -> dict[int, int]:
    """Voxels by label id in the file of a request."""
    ids, counts = np.unique(read_marks(request.scribbles)[1], return_counts=True)
    return dict(zip(ids.tolist(), counts.tolist(), strict=True))


def test_one_label_is_not_enough_and_is_told(opened: PreviewDesk) -> None:
    opened.stroke(CENTER, diameter_mm=6.0)
    opened.scribbles.refresh()
    assert SetMarks not in kinds(opened.child.heard())
    assert opened.preview.sentence == "Scribble on at least two labels; the preview follows each stroke."


def test_a_stroke_asks_for_the_slices_that_are_seen_and_undo_takes_its_marks_back(learning: PreviewDesk) -> None:
    marks, refine = learning.child.heard()[-2:]
    assert marked(marks) == learning.counts()
    assert {axis for axis, _index in refine.slices} == {0, 1, 2}
    before = marked(marks)
    learning.stroke((20, 18, 14), diameter_mm=6.0)
    heard = []
    gestures.wait_until(lambda: heard.extend(learning.child.heard()) or heard)  # by itself, a moment after the stroke
    assert kinds(heard) == [SetMarks, Refine]
    assert marked(heard[0])[RIGHT] > before[RIGHT]
    learning.step.undo()
    learning.scribbles.refresh()
    assert marked(learning.child.heard()[0]) == before


def test_views_come_first_then_the_volume_then_more_learning_and_rest(learning: PreviewDesk) -> None:
    refine = learning.child.heard()[-1]
    learning.show_view(refine, CORTEX)
    assert learning.colors() == {"unknown", "cortex"}
    assert learning.preview.sentence.startswith(f"Preview from {sum(learning.counts().values())} voxels, ")
    learning.child.answer(refine, learning.show_slices(refine, RIGHT), seconds=5.0)
    assert learning.colors() == {"unknown", "right"}
    (volume,) = learning.child.heard()
    learning.child.events.emit(Progress(0.25, 1.0))
    assert learning.preview.sentence.endswith("the whole volume: 25 %")
    learning.show_volume(volume, FLUID)
    gestures.wait_until(lambda: learning.preview.state == "learning")
    assert learning.colors() == {"fluid"}
    (further,) = learning.child.heard()
    learning.child.answer(further, learning.show_slices(further, FLUID), seconds=60.0)
    learning.show_volume(learning.child.heard()[0], FLUID)
    gestures.wait_until(lambda: learning.preview.state == "waiting")
    assert learning.child.heard() == []  # the computer rests
    assert learning.preview.sentence == f"Preview from {sum(learning.counts().values())} voxels."


def test_a_volume_that_newer_strokes_have_overtaken_is_not_shown(learning: PreviewDesk) -> None:
    refine = learning.child.heard()[-1]
    learning.child.answer(refine, learning.show_slices(refine, RIGHT))
    (volume,) = learning.child.heard()
    learning.stroke((20, 18, 14), diameter_mm=6.0)
    learning.scribbles.refresh()
    learning.show_volume(volume, FLUID)
    gestures.process_events()
    assert learning.colors() == {"unknown", "right"}


def test_turning_to_another_slice_asks_for_it(learning: PreviewDesk) -> None:
    refine = learning.child.heard()[-1]
    learning.show_view(refine, CORTEX)
    slicer.vtkMRMLSliceNode.JumpAllSlices(slicer.mrmlScene, 10.0, 5.0, 6.0)
    heard = []
    gestures.wait_until(lambda: heard.extend(learning.child.heard()) or heard)
    (asked,) = heard
    assert isinstance(asked, ShowSlices)
    assert set(asked.slices).isdisjoint(refine.slices)
    learning.child.answer(asked, learning.show_slices(asked, WHITE_MATTER))
    assert learning.colors() == {"unknown", "cortex", "white matter"}


def test_an_image_that_was_turned_is_asked_for_at_an_angle(learning: PreviewDesk) -> None:
    learning.show_view(learning.child.heard()[-1], CORTEX)
    angle = np.deg2rad(15.0)
    turned = np.eye(4)
    turned[:2, :2] = (np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    transform.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(turned))
    learning.parameters.volume.SetAndObserveTransformNodeID(transform.GetID())
    slicer.vtkMRMLSliceNode.JumpAllSlices(slicer.mrmlScene, 3.0, 2.0, 6.0)
    heard = []
    gestures.wait_until(lambda: heard.extend(learning.child.heard()) or heard)
    (asked,) = heard
    assert sorted(len(place) for place in asked.slices) == [2, 4, 4]  # turned about the axis of the axial view
    learning.child.answer(asked, learning.show_slices(asked, WHITE_MATTER))
    assert "white matter" in learning.colors()
    assert learning.overlay.GetTransformNodeID() == transform.GetID()


def test_an_edit_of_the_tree_goes_on_with_the_marks(learning: PreviewDesk) -> None:
    refine = learning.child.heard()[-1]
    learning.show_view(refine, CORTEX)
    learning.labels.rename(CORTEX, "gray matter")
    tree, marks, again = learning.child.heard()
    assert kinds([tree, marks, again]) == [SetTree, SetMarks, Refine]
    assert load_tree(tree.tree).tree == learning.labels.tree
    assert marked(marks) == learning.counts()
    assert learning.colors() == {"unknown", "gray matter"}  # what is shown already is called by its new name
    learning.child.answer(tree, leaves=4, carried=False)
    learning.child.answer(marks, state="failed", message="refused")
    learning.child.answer(again, state="failed", message="nothing is scribbled yet")  # follows from the refusal
    assert learning.preview.sentence == "refused"
    assert not learning.failures
    assert not learning.preview.canKeep()[0]


def test_certainty_and_level_are_those_of_the_result(learning: PreviewDesk) -> None:
    refine = learning.child.heard()[-1]
    assert (refine.level, refine.min_confidence) == ("auto", 0.0)
    learning.show_view(refine, CORTEX)
    learning.parameters.certainty = 0.7
    assert [(request.level, request.min_confidence) for request in learning.child.heard()] == [("auto", 0.7)] * 2
    learning.parameters.level = "9"  # the tree has two levels
    assert {request.level for request in learning.child.heard()} == {"auto"}


def test_much_unfamiliar_tissue_is_told_once_it_rests_and_the_switch_is_followed(learning: PreviewDesk) -> None:
    refine = learning.child.heard()[-1]
    assert not refine.everything
    learning.child.answer(refine, learning.show_slices(refine, CORTEX), seconds=60.0)
    learning.show_volume(learning.child.heard()[0], CORTEX, unfamiliar_share=0.482)
    gestures.wait_until(lambda: learning.preview.state == "waiting")
    title = f"Preview from {sum(learning.counts().values())} voxels."
    share = "48 % of the tissue resembles nothing that was scribbled on"
    advice = "Where labels are missing, scribble, or tick 'Label unfamiliar tissue, too' in step 4."
    assert learning.preview.sentence == f"{title} {share} and stays unknown. {advice}"
    learning.parameters.everything = True
    slices, volume = learning.child.heard()
    assert (kinds([slices, volume]), slices.everything, volume.everything) == ([ShowSlices, ShowVolume], True, True)
    learning.show_volume(volume, CORTEX, unfamiliar_share=0.482)
    gestures.wait_until(lambda: learning.preview.sentence == f"{title} {share}: its labels are guesses.")


def test_a_pause_is_still_explained_when_the_switch_is_moved(learning: PreviewDesk) -> None:
    learning.show_view(learning.child.heard()[-1], CORTEX)
    learning.step.undo()
    learning.scribbles.refresh()
    assert kinds(learning.child.heard()) == [Cancel]
    learning.parameters.everything = True
    learning.show_volume(learning.child.heard()[-1], CORTEX, unfamiliar_share=0.5)
    gestures.wait_until(lambda: learning.colors() == {"cortex"})
    gestures.process_events()
    assert learning.preview.sentence == "Scribble on at least two labels; the preview follows each stroke."


def test_hidden_labels_are_transparent(learning: PreviewDesk) -> None:
    learning.show_view(learning.child.heard()[-1], CORTEX)
    table = learning.overlay.GetDisplayNode().GetColorNode()
    color = [0.0] * 4
    for visible, opacity in ((False, 0.0), (True, 1.0)):
        learning.labels.setVisible([CORTEX], visible)
        table.GetColor(table.GetColorIndexByName("cortex"), color)
        assert color[3] == opacity


def test_another_image_ends_the_preview_and_says_so(learning: PreviewDesk) -> None:
    folder = learning.child.folder.path
    other = addVolume(slicer.mrmlScene, "Other", np.zeros((4, 5, 6), np.int16), Grid((4, 5, 6), np.eye(4)))
    learning.parameters.volume = other
    assert learning.preview.state == "off"
    assert "another" in learning.preview.sentence
    assert learning.child.isCancelling
    assert learning.overlay is None
    learning.child.end("cancelled", "")
    assert not folder.exists()
    assert not learning.failures


def test_new_voxels_in_the_image_end_it_too(learning: PreviewDesk) -> None:
    arrayFromImage(learning.parameters.volume.GetImageData())[:] = 0
    learning.parameters.volume.GetImageData().Modified()
    assert learning.preview.state == "off"


def test_closing_the_scene_ends_it(learning: PreviewDesk) -> None:
    slicer.mrmlScene.Clear(0)
    assert learning.preview.state == "off"
    assert learning.child.isCancelling
    assert not learning.failures


def test_a_failure_is_told_with_its_files_and_costs_no_stroke(learning: PreviewDesk) -> None:
    strokes = dict(learning.counts())
    image = learning.child.folder.path / "image1.nrrd"
    learning.child.answer(learning.child.heard()[-1], state="failed", message=f"{image}: out of memory")
    assert learning.failures == [("'Head': out of memory", "", learning.child.folder)]
    assert learning.preview.state == "off"
    assert learning.child.isCancelling
    assert learning.child.folder.path.exists()
    assert learning.counts() == strokes
    learning.preview.start()  # and it may be tried again
    assert learning.preview.isOn


def test_the_other_result_is_hidden_meanwhile_and_nothing_of_the_preview_is_saved(opened: PreviewDesk, tmp_path: Path) -> None:
    opened.preview.stop()
    result = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Result")
    result.CreateDefaultDisplayNodes()
    opened.parameters.result = result
    opened.preview.start()
    first = opened.child
    gestures.wait_until(lambda: opened.child is not first)
    opened.child.answer(opened.child.heard()[0])
    assert not result.GetDisplayVisibility()
    views = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
    assert {view.GetLabelVolumeID() for view in views} == {opened.overlay.GetID()}
    saveScene(slicer.mrmlScene, tmp_path / "scene.mrb")
    assert {view.GetLabelVolumeID() for view in views} == {opened.overlay.GetID()}
    opened.preview.stop()
    assert result.GetDisplayVisibility()
    assert {view.GetLabelVolumeID() for view in views} == {None}
    slicer.mrmlScene.Clear(0)
    slicer.mrmlScene.ReadFromMRB(str(tmp_path / "scene.mrb"), True)
    assert opened.overlay is None
    opened.preview.setParameters(opened.parameters)
    assert slicer.util.getNode("Result").GetDisplayVisibility()
    assert not slicer.util.getNodes("*preview*")


def test_keeping_saves_what_is_known_now_and_stays_on_where_that_fails(learning: PreviewDesk) -> None:
    refine = learning.child.heard()[-1]
    assert not learning.preview.canKeep()[0]
    learning.show_view(refine, CORTEX)
    learning.preview.keep()
    cancel, save = learning.child.heard()
    assert kinds([cancel, save]) == [Cancel, Save]
    learning.child.answer(save, state="failed", message="the disk is full")
    assert [message for message, _log, _folder in learning.failures] == ["the disk is full"]
    assert learning.preview.state == "waiting"
    learning.stroke((20, 18, 14), diameter_mm=6.0)
    learning.scribbles.refresh()
    assert kinds(learning.child.heard()) == [SetMarks, Refine]


def test_a_start_model_is_shown_before_the_first_stroke(desk: PreviewDesk, head_volume, brain_tree, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.json").write_text("{}")
    desk.begin(head_volume, brain_tree)
    desk.parameters.startModel = str(tmp_path / "model")
    desk.preview.start()
    gestures.wait_until(lambda: desk.child is not None)
    (asked,) = desk.child.heard()
    assert asked.model == str(tmp_path / "model")
    desk.child.answer(asked)
    slices, volume, _cancel = desk.child.heard()
    assert kinds([slices, volume]) == [ShowSlices, ShowVolume]
    desk.child.answer(slices, desk.show_slices(slices, FLUID))
    assert desk.colors() == {"unknown", "fluid"}
    assert desk.preview.canKeep()[0]
