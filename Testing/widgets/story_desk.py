"""The whole module in its panel of 400 pixels, and a user's ways through it: rows, strokes, training, applying."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import qt
import slicer
from host import gestures
from host.painting import paint, world
from host.scripted_panel import Panel

from SemanticSegLib.nodes.SceneFiles import saveScene
from SemanticSegLib.widgets.LabelTreeView import NAME

REOPENED = Path(__file__).with_name("reopened.py")
PATIENCE_S = 180.0


class Story:
    """What a user sees and does.

    Args:
        panel: The module as the application shows it.
    """

    def __init__(self, panel: Panel) -> None:
        self.shown = panel
        self.logic = panel.widget.logic
        parts = panel.widget.panel
        self.labels, self.scribble, self.train, self.apply = (
            slicer.util.childWidgetVariables(step.widget) for step in (parts.labels, parts.scribble, parts.train, parts.apply)
        )
        self.view = parts.labels.view
        self.sections = slicer.util.childWidgetVariables(parts.widget)
        inside = parts.scribble.widget.children()
        self.editor = next(child for child in inside if child.className() == "qMRMLSegmentEditorWidget")

    # Labels

    def usePreset(self, name: str) -> None:
        gestures.choose(self.labels.presetSelector, name)
        gestures.click(self.labels.presetButton)

    def row(self, name: str):
        (found,) = self.view.findItems(name, qt.Qt.MatchExactly | qt.Qt.MatchRecursive, NAME)
        return found

    def select(self, name: str) -> int:
        """Click on a label's row; gives its id."""
        gestures.click_row(self.view, self.row(name))
        return self.logic.labels.currentLabelId

    def addChild(self, parent: str, name: str) -> int:
        """Add a label by the button and type its name."""
        self.select(parent)
        gestures.click(self.labels.childButton)
        gestures.type_text(self.view.viewport().findChild(qt.QLineEdit), name, "Return")
        return self.logic.labels.currentLabelId

    # Scribbles

    def stroke(self, name: str, voxels: Iterable[tuple[int, int, int]], diameterMm: float | None = None) -> None:
        """Take the brush, choose a label, and draw over voxels (i, j, k)."""
        self.select(name)
        if not self.scribble.paintButton.checked:
            gestures.click(self.scribble.paintButton)
        paint(self.editor, [world(self.logic.parameters.volume, *voxel) for voxel in voxels], diameter_mm=diameterMm)
        self.logic.scribbles.refresh()

    # Training and applying

    def unfold(self, *names: str) -> None:
        for name in names:
            section = getattr(self.sections, f"{name}Section")
            if section.collapsed:
                section.collapsed = False
        gestures.process_events()

    def startTraining(self, seconds: int) -> None:
        """Choose a time of one's own, and click on Train."""
        self.unfold("train")
        gestures.choose(self.train.timeSelector, "Other…")
        self.train.timeSpin.value = seconds
        gestures.click(self.train.trainButton)
        assert self.logic.training.state != "idle", self.train.statusLabel.text

    def untilTrained(self) -> None:
        gestures.wait_until(lambda: self.logic.training.state == "idle", PATIENCE_S)

    def applyModel(self) -> None:
        """Click on Apply and wait for the result."""
        self.unfold("apply")
        self.applied = []
        self.logic.results.finished.connect(self.applied.append)
        gestures.click(self.apply.applyButton)
        gestures.wait_until(lambda: self.applied, PATIENCE_S)

    # What is there

    def state(self) -> dict[str, object]:
        """Tree, strokes, choices and result as plain values, comparable across processes."""
        return sceneState(self.logic)

    def saveAndReopen(self, path: Path) -> dict[str, object]:
        """Save the scene, load it in a fresh process, and tell what is there."""
        saveScene(slicer.mrmlScene, path)
        done = subprocess.run([sys.executable, REOPENED, path], capture_output=True, text=True, encoding="utf-8", check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout.splitlines()[-1])


def sceneState(logic) -> dict[str, object]:
    """What the panel holds: the tree, voxels per label, the choices, and voxels of the result per label."""
    shown, parameters = logic.results.shown, logic.parameters
    logic.scribbles.refresh()
    return {
        "labels": [[label.id, label.name, label.value, label.parent, list(label.color)] for label in logic.labels.tree],
        "strokes": {str(labelId): count for labelId, count in sorted(logic.scribbles.counts.items())},
        "result": {str(labelId): int(count) for labelId, count in sorted(dict(shown.answers.voxels).items())},
        "segments": sorted(
            parameters.result.GetSegmentation().GetNthSegment(index).GetName()
            for index in range(parameters.result.GetSegmentation().GetNumberOfSegments())
        ),
        "volume": parameters.volume.GetName(),
        "choices": [
            parameters.budgetSeconds, parameters.certainty, parameters.level, parameters.model, parameters.everything,
        ],
    }
