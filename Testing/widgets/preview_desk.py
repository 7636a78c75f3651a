"""What tests of the live preview work with: the scribble step on a head, and a worker that answers what the test says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import slicer
from widgets.scribble_bench import Bench

from SemanticSegLib.logic.JobFolders import JobFolder, JobFolders
from SemanticSegLib.logic.LivePreview import LivePreview
from SemanticSegLib.logic.Runner import Outcome
from SemanticSegLib.logic.Signal import Signal
from SemanticSegLib.nodes.Arrays import arrayFromImage
from semseg_core.interactive.arrays import ShownSlice, write_slices, write_volume
from semseg_core.interactive.requests import Request, from_line
from semseg_core.train.events import Answer, View


class Child:
    """A worker that hears everything and does nothing by itself."""

    def __init__(self, folder: JobFolder) -> None:
        self.folder = folder
        self.events, self.finished = Signal(), Signal()
        self.isRunning = True
        self.isCancelling = False
        self._heard = 0

    def cancel(self) -> None:
        self.isCancelling = True

    def heard(self) -> list[Request]:
        """What it was asked since the last time."""
        lines = self.folder.requestsFile.read_text(encoding="utf-8").splitlines()
        new, self._heard = lines[self._heard :], len(lines)
        return [from_line(line) for line in new]

    def answer(self, request: Request, *outputs: Path, state: str = "done", message: str = "", seconds: float = 0.1, **summary):
        self.events.emit(Answer(request.id, state, message, tuple(map(str, outputs)), seconds, summary))

    def end(self, kind: str, message: str) -> None:
        """The process ends."""
        self.isRunning = False
        self.finished.emit(Outcome(kind, message, 1, logTail="the log"))


class PreviewDesk(Bench):
    """The scribble step with a preview beside it; `child` is the latest worker."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folders = JobFolders(folder / "cache")
        self.child: Child | None = None
        self.changed = Signal()  # of the dependencies
        self.models, self.applied, self.failures = [], [], []
        scene = slicer.mrmlScene
        self.preview = LivePreview(scene, self.parameters, self.labels, self.scribbles, self, self, self, self)
        self.preview.failed.connect(lambda *told: self.failures.append(told))

    # What the preview needs of others

    def newFolder(self) -> JobFolder:
        return self.folders.new()

    def serve(self, folder: JobFolder) -> Child:
        self.child = Child(folder)
        return self.child

    def list(self) -> list:
        return self.models

    def usable(self) -> tuple[bool, str]:
        return True, ""

    def apply(self) -> None:
        self.applied.append(self.parameters.model)

    # What happens

    def show_slices(self, request: Request, value: int) -> Path:
        """A file in which every voxel of the asked slices has a value."""
        path = self.child.folder.path / f"slices-{request.id}.npz"
        shape = self.parameters.volume.GetImageData().GetDimensions()[::-1]
        slices = []
        for axis, index, *rises in request.slices:
            flat = [size for along, size in enumerate(shape) if along != axis]
            slices.append(ShownSlice(axis, index, np.full(flat, value), np.ones(flat), tuple(rises) or (0.0, 0.0)))
        write_slices(path, slices)
        return path

    def show_view(self, request: Request, value: int) -> None:
        self.child.events.emit(View(request.id, str(self.show_slices(request, value)), 8))

    def show_volume(self, request: Request, value: int, unfamiliar_share: float = 0.0) -> None:
        path = self.child.folder.path / f"volume-{request.id}.npz"
        shape = self.parameters.volume.GetImageData().GetDimensions()[::-1]
        write_volume(path, np.full(shape, value), np.ones(shape))
        self.child.answer(request, path, unfamiliar_share=unfamiliar_share)

    @property
    def overlay(self) -> slicer.vtkMRMLLabelMapVolumeNode | None:
        return slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLLabelMapVolumeNode")

    def colors(self) -> set[str]:
        """Names of what is seen in the overlay."""
        table = self.overlay.GetDisplayNode().GetColorNode()
        return {table.GetColorName(code) for code in np.unique(arrayFromImage(self.overlay.GetImageData())).tolist()}

    def close(self) -> None:
        self.preview.cleanup()
        super().close()
