"""The whole story in the panel, by clicks, keys and strokes, from labels to a saved result; and what may go wrong."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest
import slicer
from host import gestures
from host.scripted_panel import Panel
from widgets.story_desk import Story

from SemanticSegLib.nodes.VolumeNodes import addVolume
from semseg_core.data.images import read_label_map, read_volume

CT, ORGANS = "ct-totalsegmentator/example_ct.nii.gz", "ct-totalsegmentator/example_seg_fast_force_split.nii.gz"
SHELL = [(16, j, 14) for j in (4, 5, 31, 32)] + [(i, 18, 14) for i in (5, 6, 26, 27)]
CORE = [(i, j, 14) for i in (13, 16, 19) for j in (14, 18, 22)]
AIR = [(1, 1, 14), (30, 1, 14), (1, 34, 14), (30, 34, 14)]


@pytest.fixture
def story(head_volume: slicer.vtkMRMLScalarVolumeNode, panel: Panel) -> Story:
    """The panel on the synthetic head."""
    made = Story(panel)
    assert made.logic.parameters.volume is head_volume
    return made


@pytest.fixture
def drawn(story: Story) -> Story:
    """The synthetic head with three scribbled labels, of which one is an inner one."""
    story.usePreset("head tissue: 13 leaves")
    for name, voxels in (("scalp", SHELL), ("intracranial", CORE), ("air", AIR)):
        story.stroke(name, voxels, 6.0)
    return story


def test_from_an_empty_scene_to_a_saved_result_on_a_generated_head(drawn, tmp_path):
    _tell(drawn, tmp_path)


def test_from_an_empty_scene_to_a_saved_result_on_a_real_ct(slicer_scene, panel, test_data, tmp_path):
    volume, truth = read_volume([test_data / CT]), read_label_map(test_data / ORGANS)
    addVolume(slicer_scene, "CT", volume.array[0].astype(np.int16), volume.grid)
    story = Story(panel)
    gestures.wait_until(lambda: story.logic.parameters.volume is not None)
    story.usePreset("CT organs (TotalSegmentator v2 total): 117 leaves")
    leaves = [label for label in story.logic.labels.tree.leaves if (truth.array == label.value).sum() > 2000][:6]
    assert len(leaves) == 6
    for label in leaves:
        found = np.argwhere(truth.array == label.value)
        middle = found[np.abs(found - np.median(found, axis=0)).sum(1).argsort()[:40:4]]
        story.stroke(label.name, middle[:, ::-1].tolist(), 4.0)
    _tell(story, tmp_path)
    paths = story.logic.results.shown.paths
    answers = paths.decide(0.0, "leaf")
    # Ten voxels in the middle of each of six organs, a few seconds: what matters here is that it is no accident. What resembles
    # none of these few marks stays unknown.
    found = [answers.label_ids[truth.array == label.value] for label in leaves]
    answered = [np.mean(label_ids != 0) for label_ids in found]
    right = [np.mean(label_ids[label_ids != 0] == label.id) for label_ids, label in zip(found, leaves, strict=True)]
    assert np.mean(answered) > 0.4, answered
    assert np.mean(right) > 0.6, right


def _tell(story: Story, tmp_path: Path) -> None:
    """From strokes on: one more label, training, applying, sliding, saving, and reopening in a fresh process."""
    tree = story.logic.labels.tree
    added = story.addChild(tree.root.name, "implant")
    assert story.logic.labels.tree[added].name == "implant"
    strokes = dict(story.logic.scribbles.counts)
    assert len(strokes) >= 3
    assert min(strokes.values()) > 3

    story.startTraining(seconds=6)
    assert story.train.trainButton.text.startswith("Cancel")
    story.untilTrained()
    assert story.logic.training.result.kind == "done", story.logic.training.result
    assert story.logic.parameters.model

    story.applyModel()
    shown = story.logic.results.shown
    assert story.logic.scribbles.counts == strokes, "results leave strokes alone"
    detailed = dict(shown.answers.voxels)
    story.apply.certaintySlider.value = story.apply.certaintySlider.maximum * 9 // 10
    gestures.wait_until(lambda: dict(shown.answers.voxels) != detailed)
    deep = sum(tree.depth(labelId) * count for labelId, count in detailed.items())
    assert sum(tree.depth(labelId) * count for labelId, count in shown.answers.voxels.items()) < deep, "certainty costs detail"

    gestures.click(story.apply.everythingCheck)
    gestures.process_events()
    before = story.state()
    assert story.saveAndReopen(tmp_path / "story.mrb") == before


def test_a_crashed_child_is_told_and_everything_is_still_there(drawn):
    strokes = dict(drawn.logic.scribbles.counts)
    drawn.startTraining(seconds=60)
    gestures.wait_until(lambda: drawn.logic.training.state == "training", 30.0)
    os.killpg(drawn.logic.training._running._process.pid, signal.SIGKILL)
    drawn.untilTrained()
    assert drawn.logic.training.result.kind == "crashed"
    assert drawn.train.errorPlace.visible
    assert drawn.logic.scribbles.counts == strokes
    assert drawn.train.trainButton.enabled
    assert drawn.train.trainButton.text == "Train"


def test_a_cancelled_training_leaves_the_panel_ready(drawn):
    drawn.startTraining(seconds=60)
    gestures.wait_until(lambda: drawn.logic.training.run.losses, 60.0)
    gestures.click(drawn.train.trainButton)
    drawn.untilTrained()
    assert drawn.logic.training.result.kind == "cancelled"
    assert drawn.train.trainButton.text == "Train"
    assert drawn.train.trainButton.enabled


def test_a_training_goes_on_when_its_volume_is_deleted(drawn, head_volume):
    drawn.startTraining(seconds=3)
    gestures.wait_until(lambda: drawn.logic.training.state == "training", 30.0)
    slicer.mrmlScene.RemoveNode(head_volume)
    drawn.untilTrained()
    assert drawn.logic.training.result.kind == "done"
    assert [model.name for model in drawn.logic.models.list()] == [drawn.logic.training.result.model]
    assert not drawn.apply.applyButton.enabled
    assert "volume" in drawn.apply.applyButton.toolTip


def test_a_training_goes_on_when_the_scene_is_closed(drawn):
    drawn.startTraining(seconds=3)
    gestures.wait_until(lambda: drawn.logic.training.state == "training", 30.0)
    slicer.mrmlScene.Clear(0)
    assert drawn.logic.labels.tree is None
    assert drawn.labels.startPage.visible
    drawn.untilTrained()
    assert drawn.logic.training.result.kind == "done"
    assert len(drawn.logic.models.list()) == 1


def test_leaving_the_module_ends_its_children(drawn, panel):
    drawn.startTraining(seconds=60)
    gestures.wait_until(lambda: drawn.logic.training.state == "training", 30.0)
    child, folder = drawn.logic.training._running._process, drawn.logic.training._running.folder.path
    panel.widget.cleanup()
    assert child.poll() is not None
    assert not folder.exists()
    panel.parent.reload()


def test_a_second_scene_replaces_the_first(drawn, tmp_path):
    from SemanticSegLib.nodes.SceneFiles import saveScene

    saveScene(slicer.mrmlScene, tmp_path / "first.mrb")
    names = [label.name for label in drawn.logic.labels.tree]
    strokes = dict(drawn.logic.scribbles.counts)
    slicer.mrmlScene.Clear(0)
    assert drawn.labels.startPage.visible
    slicer.mrmlScene.ReadFromMRB(str(tmp_path / "first.mrb"), True)
    gestures.process_events()
    drawn.logic.scribbles.refresh()
    assert [label.name for label in drawn.logic.labels.tree] == names
    assert drawn.logic.scribbles.counts == strokes
    assert drawn.view.topLevelItem(0).text(0) == names[0]


def test_the_panel_fits_400_pixels(drawn, panel):
    drawn.unfold("labels", "scribble", "train", "apply")
    assert panel.window.width == 400
    room = panel.window.viewport().width
    assert panel.parent.minimumSizeHint.width() <= room


def test_reloading_the_module_brings_everything_back(drawn, panel):
    names = [label.name for label in drawn.logic.labels.tree]
    panel.widget.onReload()
    reloaded = Story(panel)
    reloaded.logic.scribbles.refresh()
    assert [label.name for label in reloaded.logic.labels.tree] == names
    assert reloaded.logic.scribbles.counts == drawn.logic.scribbles.counts
