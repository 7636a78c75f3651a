"""Scribbling as a user does it: buttons, keys, strokes by the real logic of Slicer's segment editor."""

from __future__ import annotations

import numpy as np
import pytest
import qt
import slicer
from host import gestures
from host.painting import world
from widgets.scribble_bench import CENTER, CORTEX, FLUID, LEFT, RIGHT, WHITE_MATTER, Bench

from SemanticSegLib.logic.ParameterNode import SemanticSegParameterNode
from SemanticSegLib.nodes.ResultNodes import MODEL_ATTRIBUTE
from SemanticSegLib.nodes.VolumeNodes import addConfidenceVolume, addVolume
from semseg_core.geometry import Grid


@pytest.fixture
def bench(application):  # noqa: ARG001 - booted
    made = Bench()
    yield made
    made.close()


@pytest.fixture
def painting(bench, head_volume, brain_tree):
    """The brush is in hand, on the cortex."""
    return bench.begin(head_volume, brain_tree)


def test_what_is_missing_is_said_until_one_can_paint(bench, head_volume, brain_tree):
    assert not bench.ui.paintButton.enabled
    assert bench.ui.paintButton.toolTip == "Choose a volume first."
    bench.parameters.volume = head_volume
    assert bench.ui.paintButton.toolTip == "Choose or make labels first."
    bench.labels.replace(brain_tree)
    assert bench.ui.paintButton.toolTip == "Select the label to paint first."
    assert bench.ui.nameLabel.text == "no label selected"
    bench.labels.setCurrent(CORTEX)
    assert bench.ui.paintButton.enabled
    assert bench.ui.nameLabel.text == "cortex"
    assert bench.ui.nameLabel.toolTip == "brain › left › cortex"
    assert bench.scribbles.node is None  # looking changes nothing


def test_a_click_on_paint_begins_scribbles_of_one_label_per_voxel(painting):
    assert painting.tool == "Paint"
    assert painting.scribbles.node.GetName() == "Head scribbles"
    assert painting.editor.currentSegmentID() == "SemanticSeg_3"
    painting.stroke(CENTER)
    painting.labels.setCurrent(RIGHT)
    assert painting.tool == "Paint"
    painting.stroke(CENTER)
    assert set(painting.counts()) == {RIGHT}


def test_inner_labels_are_painted(painting):
    painting.labels.setCurrent(LEFT)
    painting.stroke(CENTER)
    assert set(painting.counts()) == {LEFT}
    assert painting.ui.nameLabel.text == "left"


def test_a_second_click_puts_the_tool_down(painting):
    gestures.click(painting.ui.paintButton)
    assert painting.tool == ""
    gestures.click(painting.ui.drawButton)
    assert painting.tool == "Draw"
    gestures.click(painting.ui.eraseButton)
    assert painting.tool == "Erase"


def test_selecting_labels_without_painting_leaves_no_segments(painting):
    for label_id in (RIGHT, FLUID, LEFT, CORTEX):
        painting.labels.setCurrent(label_id)
        assert painting.tool == "Paint"
        assert painting.scribbles.node.GetSegmentation().GetNumberOfSegments() == 1
    painting.step.exit()
    assert painting.scribbles.node.GetSegmentation().GetNumberOfSegments() == 0


def test_the_brush_is_as_wide_as_asked(painting):
    painting.parameters.brushDiameterMm = 7.5  # three voxels of 2.5 mm
    painting.stroke(CENTER)
    marks = painting.scribbles.marks().marks
    k, j, i = marks.indices.T
    assert set(k) == {14}
    assert (np.ptp(i), np.ptp(j)) == (2, 2)


def test_a_ball_reaches_across_slices(painting):
    painting.parameters.brushDiameterMm = 9.0
    gestures.click(painting.ui.sphereCheckBox)
    painting.stroke(CENTER)
    assert set(painting.scribbles.marks().marks.indices[:, 0].tolist()) == {13, 14, 15}


def test_strokes_keep_within_the_intensities_asked(painting, head_volume):
    painting.parameters.brushDiameterMm = 50.0
    gestures.click(painting.ui.intensityCheckBox)
    painting.ui.intensityRange.setValues(160.0, 260.0)
    painting.stroke(CENTER)
    image = slicer.util.arrayFromVolume(head_volume)
    marks = painting.scribbles.marks().marks
    marked = image[tuple(marks.indices.T)]
    assert len(marked) > 50
    assert marked.min() >= 160.0


def test_the_range_offered_is_that_of_the_volume(painting, head_volume):
    low, high = slicer.util.arrayFromVolume(head_volume).min(), slicer.util.arrayFromVolume(head_volume).max()
    assert (painting.ui.intensityRange.minimum, painting.ui.intensityRange.maximum) == pytest.approx((low, high), abs=0.01)
    other = addVolume(
        slicer.mrmlScene, "CT", np.linspace(-1000, -900, 27, dtype=np.float32).reshape(3, 3, 3), Grid((3, 3, 3), np.eye(4))
    )
    painting.parameters.volume = other
    assert painting.parameters.intensityRange.minimum == pytest.approx(-1000)
    assert painting.parameters.intensityRange.maximum == pytest.approx(-900)


def test_erasing_makes_any_label_unknown_again(painting):
    painting.stroke(CENTER)
    painting.labels.setCurrent(RIGHT)
    painting.parameters.brushDiameterMm = 10.0
    gestures.click(painting.ui.eraseButton)
    painting.stroke(CENTER)
    assert painting.counts() == {}


# Keys


def test_keys_act_only_while_a_tool_is_active(painting):
    painting.press("W")
    assert painting.labels.currentLabelId == WHITE_MATTER
    painting.press("Q")
    painting.press("Q")
    assert painting.labels.currentLabelId == LEFT
    painting.press("Q")
    assert painting.labels.currentLabelId == LEFT  # a mark on the root would say nothing
    painting.press("Esc")
    assert painting.tool == ""
    painting.press("W")
    assert painting.labels.currentLabelId == LEFT


def test_keys_change_the_brush_and_tooltips_say_which(painting):
    painting.press("+")
    assert painting.parameters.brushDiameterMm == pytest.approx(3.8)
    assert painting.ui.sizeSlider.value == pytest.approx(3.8)
    painting.press("-")
    assert painting.parameters.brushDiameterMm == pytest.approx(3.0)
    assert "(E)" in painting.ui.eraseButton.toolTip
    assert "(Z)" in painting.ui.undoButton.toolTip
    assert "labels have their own undo" in painting.ui.undoButton.toolTip
    assert "(N)" in painting.ui.suggestButton.toolTip


def test_the_wheel_of_the_segment_editor_changes_the_size_shown(painting):
    painting.editor.activeEffect().setCommonParameter("BrushAbsoluteDiameter", (3.0 + 1.25) * 1.2)
    assert painting.parameters.brushDiameterMm == pytest.approx(3.85, abs=0.06)
    assert painting.ui.sizeSlider.value == painting.parameters.brushDiameterMm


def test_the_editor_s_own_defaults_are_no_choice_of_the_user(painting):
    painting.parameters.brushDiameterMm = 2.0
    painting.step.exit()
    slicer.mrmlScene.RemoveNode(painting.editor.mrmlSegmentEditorNode())
    painting.step.enter()
    assert painting.parameters.brushDiameterMm == pytest.approx(2.0)


def test_a_held_key_erases_until_it_is_let_go(painting):
    painting.stroke(CENTER)
    release = gestures.hold(painting.window, "E")
    assert painting.tool == "Erase"
    painting.stroke(CENTER)
    release()
    gestures.wait_until(lambda: painting.tool == "Paint")
    assert painting.counts() == {}


def test_the_key_of_erasing_does_not_end_a_stroke_that_is_drawn(painting):
    release_button = gestures.hold_button(painting.box)
    release_key = gestures.hold(painting.window, "E")
    assert painting.tool == "Paint"
    release_key()
    release_button()
    assert painting.tool == "Paint"


def test_the_key_that_stops_outlives_its_own_press(painting):
    keys = [child for child in painting.window.children() if child.className() == "QShortcut"]
    painting.step.stop()  # PythonQt deletes at once what Python owns, has no parent and is referred to no more
    assert keys
    assert all(key.parent() is not None and not key.enabled for key in keys)


def test_leaving_while_the_key_is_held_leaves_nothing_behind(painting):
    gestures.hold(painting.window, "E")
    painting.step.exit()
    gestures.process_events()
    assert painting.tool == ""


def test_strokes_are_undone_and_redone_by_key_and_by_button(painting):
    painting.stroke(CENTER)
    one = painting.counts()
    painting.stroke((10, 18, 14))
    two = painting.counts()
    assert two[CORTEX] > one[CORTEX]
    painting.press("Z")
    assert painting.counts() == one
    painting.press("Y")
    assert painting.counts() == two
    gestures.click(painting.ui.undoButton)
    gestures.click(painting.ui.undoButton)
    assert painting.counts() == {}
    gestures.click(painting.ui.redoButton)
    assert painting.counts() == one


def test_undo_back_over_a_change_of_label_goes_back_to_the_label_before_and_paints_on(painting):
    painting.stroke(CENTER)
    painting.labels.setCurrent(RIGHT)
    painting.stroke((10, 18, 14))
    painting.press("Z")
    painting.press("Z")
    assert painting.labels.currentLabelId == CORTEX
    assert painting.tool == "Paint"
    painting.stroke(CENTER)
    assert set(painting.counts()) == {CORTEX}


def test_an_edit_of_the_tree_that_moves_voxels_ends_the_history_of_strokes(painting):
    painting.stroke(CENTER)
    painting.labels.remove([CORTEX])
    before = painting.counts()
    assert set(before) == {LEFT}
    gestures.click(painting.ui.undoButton)
    assert painting.counts() == before
    assert painting.ui.reasonLabel.text.startswith("There is no stroke to take back")
    painting.labels.undo()
    assert set(painting.counts()) == {CORTEX}


def test_the_label_under_the_mouse_is_picked_up(painting, head_volume):
    painting.stroke(CENTER)
    painting.labels.setCurrent(RIGHT)
    crosshair = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLCrosshairNode")
    crosshair.SetCursorPositionRAS(world(head_volume, *CENTER))
    painting.press("C")
    assert painting.labels.currentLabelId == CORTEX
    crosshair.SetCursorPositionRAS(world(head_volume, 1, 1, 1))
    painting.press("C")
    assert painting.labels.currentLabelId == CORTEX
    assert painting.ui.reasonLabel.text == "Nothing is scribbled under the mouse."


# Where next


def test_the_next_slice_is_shown_and_said_why(painting, head_volume):
    confidence = np.full((28, 36, 32), 0.99, dtype=np.float32)
    confidence[20, 10, 8] = 0.25
    painting.parameters.confidence = addConfidenceVolume(slicer.mrmlScene, "sure", confidence, head_volume)
    painting.press("N")
    said = painting.ui.reasonLabel.text
    assert said == "Sagittal slice 8: The model is only 25% sure."
    for view, axis in (("Yellow", 0), ("Green", 1), ("Red", 2)):
        slice_to_ras = slicer.app.layoutManager().sliceWidget(view).mrmlSliceNode().GetSliceToRAS()
        assert slice_to_ras.GetElement(axis, 3) == pytest.approx(world(head_volume, 8, 10, 20)[axis], abs=1.5)


def test_what_was_suggested_is_not_suggested_again_at_once(painting):
    seen = set()
    for _ in range(4):
        gestures.click(painting.ui.suggestButton)
        seen.add(painting.ui.reasonLabel.text)
    assert len(seen) == 4


def test_a_label_with_too_little_is_selected_where_it_should_be_drawn_on(painting):
    painting.stroke((10, 18, 14))
    painting.scribbles.refresh()
    painting.labels.setCurrent(RIGHT)
    painting.press("N")
    assert painting.labels.currentLabelId == CORTEX
    assert "cortex is scribbled in" in painting.ui.reasonLabel.text


# What is drawn


def test_how_much_is_drawn_is_said_shortly_after_a_stroke(painting):
    assert painting.ui.summaryLabel.text == "Nothing is scribbled yet."
    painting.stroke(CENTER)
    gestures.wait_until(lambda: "voxels in one label" in painting.ui.summaryLabel.text)
    assert "1 of them with too little" in painting.ui.summaryLabel.text
    assert painting.ui.summaryLabel.toolTip.startswith("cortex: ")


def test_opacity_is_that_of_the_scribbles(painting):
    painting.ui.opacitySlider.value = 0.4
    assert painting.scribbles.node.GetDisplayNode().GetOpacity() == pytest.approx(0.4)


def test_another_segmentation_can_be_chosen_and_strangers_are_named(painting, head_volume):
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "by hand")
    node.SetReferenceImageGeometryParameterFromVolumeNode(head_volume)
    node.GetSegmentation().AddEmptySegment("a", "cortex")
    node.GetSegmentation().AddEmptySegment("b", "tumor")
    gestures.choose(painting.ui.scribblesSelector.findChild(qt.QComboBox), "by hand")
    assert painting.scribbles.node is node
    assert "Segments that fit no label: tumor." in painting.ui.summaryLabel.text
    gestures.click(painting.ui.paintButton)
    assert painting.editor.currentSegmentID() == "a"


def test_nobody_draws_in_another_segmentation_because_the_scribbles_were_deleted(painting, head_volume):
    other = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "A truth")  # stands before them in the selector
    other.SetReferenceImageGeometryParameterFromVolumeNode(head_volume)
    painting.stroke(CENTER)
    slicer.mrmlScene.RemoveNode(painting.scribbles.node)
    gestures.process_events()
    assert painting.scribbles.node is None
    assert painting.ui.scribblesSelector.currentNode() is None
    gestures.click(painting.ui.paintButton)
    painting.stroke(CENTER)
    assert painting.scribbles.node is not other
    assert other.GetSegmentation().GetNumberOfSegments() == 0
    assert painting.ui.scribblesSelector.currentNode() is painting.scribbles.node


def test_nothing_is_drawn_in_a_result(painting):
    painting.stroke(CENTER)
    mine = painting.scribbles.node
    result = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Head result")
    result.SetAttribute(MODEL_ATTRIBUTE, "a model")
    gestures.choose(painting.ui.scribblesSelector.findChild(qt.QComboBox), "Head result")
    assert painting.scribbles.node is mine
    assert painting.ui.scribblesSelector.currentNode() is mine
    assert painting.ui.reasonLabel.text.startswith("'Head result' is a result, which is not drawn in")


def test_accepted_regions_are_taken_back_as_one_stroke(painting):
    painting.stroke(CENTER)
    before = painting.counts()
    painting.scribbles.addMarks(np.full((28, 36, 32), RIGHT, dtype=np.int32))
    assert painting.counts()[RIGHT] > 10_000
    painting.press("Z")
    assert painting.counts() == before


# The module's life


def test_deleted_scribbles_put_the_tool_down_and_painting_begins_anew(painting):
    painting.stroke(CENTER)
    slicer.mrmlScene.RemoveNode(painting.scribbles.node)
    assert painting.tool == ""
    gestures.click(painting.ui.paintButton)
    painting.stroke(CENTER)
    assert set(painting.counts()) == {CORTEX}


def test_another_module_finds_no_tool_no_keys_and_the_way_back_works(painting):
    painting.stroke(CENTER)
    painting.step.exit()
    assert painting.tool == ""
    painting.press("W")
    assert painting.labels.currentLabelId == CORTEX
    painting.step.enter()
    gestures.click(painting.ui.paintButton)
    painting.stroke((10, 18, 14))
    assert painting.tool == "Paint"


@pytest.mark.parametrize("isEnteredAgain", [True, False], ids=["elsewhere", "here"])
def test_a_closed_scene_can_be_followed_by_another(painting, brain_tree, isEnteredAgain):
    painting.stroke(CENTER)
    painting.step.exit()
    painting.step.setParameters(None)
    slicer.mrmlScene.Clear(False)
    assert painting.scribbles.node is None
    parameters = SemanticSegParameterNode(slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScriptedModuleNode"))
    painting.labels.setParameters(parameters)
    painting.scribbles.setParameters(parameters)
    painting.parameters = parameters
    painting.step.setParameters(parameters)
    if isEnteredAgain:  # the user was in another module meanwhile
        painting.step.enter()
    array = np.random.default_rng(0).normal(100, 10, (28, 36, 32)).astype(np.float32)
    painting.begin(addVolume(slicer.mrmlScene, "next", array, Grid((28, 36, 32), np.eye(4))), brain_tree)
    painting.stroke(CENTER)
    assert set(painting.counts()) == {CORTEX}
