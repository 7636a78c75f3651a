"""What tests of training work with: a divided head with strokes on it, and the use cases around it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import qt
import slicer

from SemanticSegLib.logic.Dependencies import Dependencies
from SemanticSegLib.logic.JobFolders import JobFolders
from SemanticSegLib.logic.LabelsLogic import LabelsLogic
from SemanticSegLib.logic.ModelStore import ModelStore
from SemanticSegLib.logic.ParameterNode import SemanticSegParameterNode
from SemanticSegLib.logic.Runner import JobRunner
from SemanticSegLib.logic.ScribblesLogic import ScribblesLogic
from SemanticSegLib.logic.TrainingLogic import IDLE, TrainingLogic
from SemanticSegLib.nodes.TreeNodes import addTree
from SemanticSegLib.nodes.VolumeNodes import addVolume
from semseg_core.geometry import Grid
from semseg_core.labels.tree import Label, LabelTree

GRID = Grid((16, 30, 24), np.diag((1.0, 1.0, 1.5, 1.0)))
PERSON = "Doe John 1931"
TREE = LabelTree(
    (
        Label(1, "head", 1),
        Label(2, "left", 2, parent=1),
        Label(3, "front", 3, parent=2),
        Label(4, "back", 4, parent=2),
        Label(5, "right", 5, parent=1),
    ),
    title="head",
)


def anatomy() -> np.ndarray:
    """Label ids: two halves, of which one is divided again."""
    _k, j, i = np.indices(GRID.shape)
    return np.where(i < 12, np.where(j < 15, 3, 4), 5)


def image(seed: int = 0) -> np.ndarray:
    """A noisy picture of it."""
    return (anatomy() * 50 + np.random.default_rng(seed).normal(0, 10, GRID.shape)).astype(np.int16)


def strokes() -> np.ndarray:
    """Label ids of strokes in four slices."""
    marks = np.zeros(GRID.shape, dtype=np.int32)
    truth = anatomy()
    for k in (3, 6, 9, 12):
        for j in (4, 10, 19, 25):
            marks[k, j, 2:10], marks[k, j, 14:22] = truth[k, j, 2:10], truth[k, j, 14:22]
    return marks


class Desk:
    """What the panel would compose, on a scene with labels and a volume."""

    def __init__(self, scene: slicer.vtkMRMLScene, folder: Path) -> None:
        self.scene = scene
        self.parameters = SemanticSegParameterNode(scene.AddNewNodeByClass("vtkMRMLScriptedModuleNode"))
        self.parameters.budgetSeconds = 1.0
        self.labels = LabelsLogic(scene, self.parameters)
        self.scribbles = ScribblesLogic(scene, self.parameters, self.labels)
        self.jobs = folder / "cache" / "jobs"
        self.runner = JobRunner(sys.executable, JobFolders(folder / "cache"), graceS=60.0)
        self.models = ModelStore(folder / "models")
        self.dependencies = Dependencies(self.runner)
        self.training = TrainingLogic(
            scene, self.parameters, self.labels, self.scribbles, self.runner, self.models, self.dependencies
        )
        self.states, self.results = [], []
        self.training.stateChanged.connect(self.states.append)
        self.training.finished.connect(self.results.append)

    def prepare(self) -> Desk:
        """Labels, a volume, and strokes on it."""
        self.parameters.tree = addTree(self.scene, TREE)
        self.labels.setParameters(self.parameters)
        self.parameters.volume = addVolume(self.scene, PERSON, image(), GRID)
        self.scribbles.addMarks(strokes())
        self.scribbles.refresh()
        return self

    def until(self, true: Callable[[], bool], timeout_s: float = 60.0) -> None:
        """Let the application's loop run until something is so."""
        endsAt = time.monotonic() + timeout_s
        while not true():
            assert time.monotonic() < endsAt, (self.states, self.training.run.log)
            qt.QApplication.processEvents()
            time.sleep(0.005)

    def finish(self) -> None:
        """Wait for the end of the training."""
        self.until(lambda: self.training.state == IDLE)

    def cleanup(self) -> None:
        """End what still runs."""
        self.runner.endAll()
        for each in (self.training, self.scribbles, self.labels):
            each.cleanup()
