"""The live preview in the panel, with a real worker beside it: from the switch over strokes to a kept result."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest
import slicer
from host import gestures
from host.scripted_panel import Panel
from widgets.story_desk import PATIENCE_S, Story

from SemanticSegLib.logic import PreviewRounds
from SemanticSegLib.nodes.Arrays import arrayFromImage

SHELL = [(16, j, 14) for j in (4, 5, 31, 32)] + [(i, 18, 14) for i in (5, 6, 26, 27)]
CORE = [(i, j, 14) for i in (13, 16, 19) for j in (14, 18, 22)]
AIR = [(1, 1, 14), (30, 1, 14), (1, 34, 14), (30, 34, 14)]


class Live(Story):
    """A user with the switch, and what the slice views show."""

    def __init__(self, panel: Panel) -> None:
        super().__init__(panel)
        self.preview = panel.widget.panel.preview
        self.box = slicer.util.childWidgetVariables(self.preview.widget)
        self.errors = []
        self.logic.preview.failed.connect(lambda *told: self.errors.append(told))

    def switch(self) -> None:
        gestures.click(self.box.liveCheckBox)

    def until(self, state: str) -> None:
        gestures.wait_until(lambda: self.logic.preview.state == state or self.errors, PATIENCE_S)
        assert self.logic.preview.state == state, self.errors

    def below(self, name: str) -> list[str]:
        """Names of a label and all below it."""
        tree = self.logic.labels.tree
        return [label.name for label in tree.subtree(next(label.id for label in tree if label.name == name))]

    @property
    def overlays(self) -> list[str]:
        """What lies in the label layer of each slice view."""
        views = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
        nodes = [slicer.mrmlScene.GetNodeByID(view.GetLabelVolumeID()) if view.GetLabelVolumeID() else None for view in views]
        return [node.GetName() for node in nodes if node is not None]

    @property
    def voxels(self) -> np.ndarray:
        """Names of the labels in the preview, voxel by voxel."""
        (node,) = slicer.util.getNodesByClass("vtkMRMLLabelMapVolumeNode")
        colors = node.GetDisplayNode().GetColorNode()
        names = np.array([colors.GetColorName(code) for code in range(colors.GetNumberOfColors())])
        return names[arrayFromImage(node.GetImageData())]


@pytest.fixture
def live(head_volume: slicer.vtkMRMLScalarVolumeNode, panel: Panel, monkeypatch: pytest.MonkeyPatch) -> Live:
    """The panel on the synthetic head, with labels; the worker learns only as long as a head of 32 000 voxels takes."""
    for name, seconds in (("FIRST_S", 1.5), ("STROKE_S", 0.5), ("FURTHER_S", 0.5), ("LEARNED_S", 1.0)):
        monkeypatch.setattr(PreviewRounds, name, seconds)
    made = Live(panel)
    assert made.logic.parameters.volume is head_volume
    made.usePreset("head tissue: 13 leaves")
    slicer.util.resetSliceViews()
    return made


def test_strokes_show_at_once_then_everywhere_and_become_a_result(live: Live) -> None:
    live.switch()
    live.until("waiting")
    assert "at least two labels" in live.box.statusLabel.text
    assert live.overlays == ["Live preview (not saved)"] * 3
    for name, voxels in (("scalp", SHELL), ("intracranial", CORE), ("air", AIR)):
        live.stroke(name, voxels, 6.0)
    live.until("filling")
    strokes = dict(live.logic.scribbles.counts)
    live.until("waiting")
    assert live.box.statusLabel.text == f"Preview from {sum(strokes.values())} voxels."
    seen = live.voxels
    assert np.isin(seen[12:17, 14:23, 13:20], live.below("intracranial")).mean() > 0.9
    assert np.isin(seen[:, :2, :2], live.below("air")).mean() > 0.9

    gestures.click(live.box.keepButton)
    finished = []
    live.logic.results.finished.connect(finished.append)
    gestures.wait_until(lambda: finished or live.errors, PATIENCE_S)
    assert [applied.kind for applied in finished] == ["done"], live.errors
    assert [model.name for model in live.logic.models.list()] == [live.logic.parameters.model]
    assert live.logic.parameters.result.GetDisplayVisibility()
    assert live.overlays == []
    assert not slicer.util.getNodesByClass("vtkMRMLLabelMapVolumeNode")
    assert not live.box.liveCheckBox.checked
    assert live.logic.scribbles.counts == strokes


def test_a_worker_that_is_killed_is_told_and_loses_no_stroke(live: Live) -> None:
    for name, voxels in (("scalp", SHELL), ("air", AIR)):
        live.stroke(name, voxels, 6.0)
    strokes = dict(live.logic.scribbles.counts)
    live.switch()
    live.until("opening")
    os.killpg(live.logic.preview._worker._running._process.pid, signal.SIGKILL)
    gestures.wait_until(lambda: live.errors, PATIENCE_S)
    assert live.logic.preview.state == "off"
    assert live.preview._errors.widget.visible
    assert not live.box.liveCheckBox.checked
    assert live.overlays == []
    assert live.logic.scribbles.counts == strokes


def test_leaving_the_module_ends_the_worker(live: Live, panel: Panel) -> None:
    live.switch()
    live.until("opening")
    running = live.logic.preview._worker._running
    child, folder = running._process, running.folder.path
    panel.widget.cleanup()
    assert child.poll() is not None
    assert not folder.exists()
    panel.parent.reload()


def test_what_is_missing_is_said_and_its_installation_offered(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = "Not installed yet: PyTorch. Press Install."
    with monkeypatch.context() as without:
        without.setattr(live.logic.dependencies, "usable", lambda: (False, missing))
        live.switch()
        assert not live.box.liveCheckBox.checked
        assert live.box.statusLabel.text == missing
        assert live.box.setupPlace.visible
    live.logic.dependencies.refresh()
    assert not live.box.setupPlace.visible
    assert not live.box.statusLabel.visible
    live.logic.parameters.volume = None
    assert not live.box.liveCheckBox.enabled
    assert live.box.liveCheckBox.toolTip == "No volume is chosen. Choose one on top of the panel."
