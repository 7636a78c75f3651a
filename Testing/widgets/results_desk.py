"""What tests of applying work with: the desk of the training tests, a small model trained by a child process, and the step."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import qt
import slicer
from widgets.training_desk import GRID, TREE, Desk, image, strokes

import semseg_core
from SemanticSegLib.logic.Report import Report
from SemanticSegLib.logic.ResultsLogic import ResultsLogic
from SemanticSegLib.nodes.VolumeNodes import addVolume
from SemanticSegLib.widgets.ApplyStep import ApplyStep
from semseg_core.data.images import write_label_map, write_volume
from semseg_core.labels.encode import ids_to_values
from semseg_core.labels.reading import save_tree

MODEL = "halves"
ANSWERS = "answers.npz"


def train(folder: Path) -> Path:
    """A model of the divided head, in a second of training; beside it what it answers for that head."""
    write_volume(folder / "image.nii.gz", image().astype(np.float32), GRID)
    write_label_map(folder / "marks.nii.gz", ids_to_values(strokes(), TREE), GRID)
    save_tree(folder / "tree.json", TREE)
    case = f"{folder / 'image.nii.gz'}={folder / 'marks.nii.gz'}"
    options = ("--budget", "60steps", "--variants", "0", "--progress", "none", "-o", folder / "model")
    semseg("finetune", "--tree", folder / "tree.json", "--case", case, *options)
    semseg("predict", folder / "model", folder / "image.nii.gz", "--paths", folder / ANSWERS, "--progress", "none")
    return folder / "model"


def semseg(*arguments: object) -> None:
    """The command line in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(Path(semseg_core.__file__).parents[1]), "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-m", "semseg_core", *map(str, arguments)], env=environment, check=True, capture_output=True)


class ResultsDesk(Desk):
    """The desk with results; no model is stored yet."""

    def __init__(self, scene: slicer.vtkMRMLScene, folder: Path) -> None:
        super().__init__(scene, folder)
        self.results = ResultsLogic(
            scene, self.parameters, self.labels, self.scribbles, self.runner, self.models, self.dependencies
        )
        self.applied = []
        self.results.finished.connect(self.applied.append)

    def store(self, model: Path, name: str = MODEL) -> None:
        """Put a model into the store."""
        folder = self.models.newFolder(name)
        shutil.copytree(model, folder, dirs_exist_ok=True)
        self.models.changed.emit()

    def add(self, name: str, seed: int = 1) -> slicer.vtkMRMLScalarVolumeNode:
        """A further volume of the same kind."""
        return addVolume(self.scene, name, image(seed), GRID)

    def wait(self) -> None:
        """Until the run has ended."""
        self.until(lambda: not self.results.isApplying)

    def settle(self, count: int = 60) -> None:
        """Let what waits for the end of a burst of changes happen."""
        for _turn in range(count):
            qt.QApplication.processEvents()
            qt.QThread.msleep(2)

    def cleanup(self) -> None:
        self.results.cleanup()
        super().cleanup()


class Step:
    """The step in a window of the panel's width."""

    def __init__(self, desk: ResultsDesk) -> None:
        self.desk = desk
        self.window = qt.QWidget()
        layout = qt.QVBoxLayout(self.window)
        report = Report(desk.parameters, desk.dependencies, "Slicer")
        self.step = ApplyStep(desk.results, desk.models, desk.labels, desk.dependencies, report, layout)
        layout.addStretch(1)
        self.ui = slicer.util.childWidgetVariables(self.step.widget)
        self.window.resize(400, 620)
        self.window.show()
