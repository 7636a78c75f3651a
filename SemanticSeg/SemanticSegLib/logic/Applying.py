"""Applying a model in child processes, several images one after the other in each, while the panel stays fluid.

What an image gives is handed over as soon as it is there: a cancel, or an image that fails, loses none of the earlier ones.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from slicer.i18n import tr as _

from SemanticSegLib.logic.ApplyTargets import Target
from SemanticSegLib.logic.Signal import Signal
from SemanticSegLib.logic.Soon import Soon
from SemanticSegLib.nodes.NodeFiles import volumeFile
from semseg_core.data.answer_paths import AnswerPaths
from semseg_core.errors import SemSegError
from semseg_core.job import PredictSeriesJob, SeriesImage
from semseg_core.labels.tree import LabelTree
from semseg_core.train.events import Done, Event, Progress, Stage

if TYPE_CHECKING:
    from SemanticSegLib.logic.JobFolders import JobFolder
    from SemanticSegLib.logic.Runner import JobRunner, Outcome, RunningJob

TURN_S = 0.05
"""Files are written so long before the window is looked after again."""

MOST_IMAGES, MOST_VOXELS = 16, 1 << 27
"""Of one child process: their files are written before it starts, and 134 million voxels with their answers take about a GiB."""


@dataclass(frozen=True)
class Applied:
    """How it ended.

    Args:
        kind: "done", "failed", "cancelled" or "crashed".
        message: One sentence for the user; empty when done.
        count: Images that were segmented.
        logTail: Last lines of the child's log.
        seconds: How long it took.
        unfamiliarShare: Part of the last image's body that resembles nothing the model learned from, 0…1.
        folder: Files of a run that failed, for a report; whoever takes them removes them.
    """

    kind: str
    message: str = ""
    count: int = 0
    logTail: str = ""
    seconds: float = 0.0
    unfamiliarShare: float = 0.0
    folder: JobFolder | None = None


class Applying:
    """One run over several images.

    Args:
        targets: The images.
        modelFolder: The model.
        tree: Its labels.
        device: Where to compute, as in TrainConfig.
        everything: Whether to label also what resembles nothing the model learned from.
        runner: Runs child processes.
        receive: Takes what one image gave; may refuse it with a SemSegError, which ends the run.
        soon: Makes what gives way to the application between two parts of a file.

    Attributes:
        progressed: `()` when `stage`, `fraction` or `secondsLeft` changed.
        finished: `(Applied)` once.
    """

    def __init__(
        self,
        targets: Sequence[Target],
        modelFolder: Path,
        tree: LabelTree,
        device: str,
        everything: bool,
        runner: JobRunner,
        receive: Callable[[Target, AnswerPaths], None],
        soon: Callable[[Callable[[], None], int], Soon] = Soon,
    ) -> None:
        self.progressed = Signal()
        self.finished = Signal()
        self.stage = ""
        self.fraction = 0.0
        self.secondsLeft: float | None = None
        self._targets = tuple(targets)
        self._model = str(modelFolder.resolve())
        self._tree = tree
        self._device = device
        self._everything = everything
        self._runner = runner
        self._receive = receive
        self._done = 0
        self._unfamiliarShare = 0.0
        self._batch: tuple[tuple[SeriesImage, Target], ...] = ()
        self._refusal: Applied | None = None
        self._began = time.monotonic()
        self._folder: JobFolder | None = None
        self._running: RunningJob | None = None
        self._files: Iterator[None] = iter(())
        self._waiting: Iterator[tuple[SeriesImage, Target]] = iter(())
        self._cancelled = False
        self._soon = soon(self._prepare, 0)

    def start(self) -> None:
        """Begin with the first images.

        Raises:
            SemSegError: If one of them cannot be used, or the job folder cannot be written.
        """
        self._folder = self._runner.newFolder()
        self._batch, parts, voxels = (), [], 0
        try:
            for number, target in enumerate(self._targets[self._done :][:MOST_IMAGES]):
                nodes = target.images
                voxels += sum(node.GetImageData().GetNumberOfPoints() for node in nodes if node.GetImageData() is not None)
                if self._batch and voxels > MOST_VOXELS:
                    break
                images = tuple(f"image{number}-{channel}.nrrd" for channel in range(len(nodes)))
                parts += [volumeFile(node, self._folder.path / path) for node, path in zip(nodes, images, strict=True)]
                self._batch = (*self._batch, (SeriesImage(images, f"answers{number}.npz"), target))
        except SemSegError:
            self._folder.remove()
            raise
        self._files = (step for part in parts for step in part)
        self._tell(_("Preparing {name}").format(name=self._targets[self._done].name), 0.0)
        self._soon.request()

    def cancel(self) -> None:
        """Stop; `finished` tells when that has happened."""
        self._cancelled = True
        if self._running is not None:
            self._tell(_("Cancelling"), None)
            self._running.cancel()

    def _prepare(self) -> None:
        """Write files for a moment; when all are there, hand over to the child process."""
        until = time.monotonic() + TURN_S
        try:
            for _step in self._files:
                if time.monotonic() > until or self._cancelled:
                    break
            else:
                if not self._cancelled:
                    self._launch()
                    return
        except SemSegError as error:
            self._end(Applied("failed", str(error), self._done))
            return
        if self._cancelled:
            self._end(Applied("cancelled", _("Cancelled."), self._done))
        else:
            self._soon.request()

    def _launch(self) -> None:
        self._tell(_("Starting"), None)
        job = PredictSeriesJob(self._model, tuple(image for image, _target in self._batch), self._device, self._everything)
        self._waiting = iter(self._batch)
        self._running = self._runner.start(job, self._folder)
        self._running.events.connect(self._onEvent)
        self._running.finished.connect(self._onFinished)

    def _onEvent(self, event: Event) -> None:
        if isinstance(event, Stage) and not self._cancelled:
            self._tell(event.message, None)
        elif isinstance(event, Progress):
            self._tell(None, event.fraction)
        elif isinstance(event, Done) and self._refusal is None:
            self._unfamiliarShare = event.summary["unfamiliar_share"]
            self._take(*next(self._waiting))

    def _take(self, image: SeriesImage, target: Target) -> None:
        """Hand over what an image gave; where that is refused, the images after it are in vain."""
        try:
            self._receive(target, AnswerPaths.load(self._folder.path / image.paths, self._tree))
            self._done += 1
        except SemSegError as error:
            self._refusal = Applied("failed", f"{target.name}: {error}", self._done)
            self._running.cancel()

    def _onFinished(self, outcome: Outcome) -> None:
        self._running = None
        if self._refusal is not None:
            self._end(self._refusal)
        elif outcome.kind != "done":
            folder = self._folder if outcome.kind in ("failed", "crashed") else None
            self._end(Applied(outcome.kind, self._readable(outcome.message), self._done, outcome.logTail, folder=folder))
        elif self._done == len(self._targets):
            seconds = time.monotonic() - self._began
            self._end(Applied("done", count=self._done, seconds=seconds, unfamiliarShare=self._unfamiliarShare))
        elif self._cancelled:
            self._end(Applied("cancelled", _("Cancelled."), self._done))
        else:
            self._goOn()

    def _goOn(self) -> None:
        """The next images, in a process of their own."""
        self._folder.remove()
        try:
            self.start()
        except SemSegError as error:
            self._end(Applied("failed", f"{self._targets[self._done].name}: {error}", self._done))

    def _readable(self, message: str) -> str:
        """A message of the child with the names the user knows in place of files."""
        message = message.replace(self._model, f"'{Path(self._model).name}'")
        for image, target in self._batch:
            for path, volume in zip(image.images, target.volumes, strict=True):
                message = message.replace(path, f"'{volume.GetName()}'")
        return message

    def _tell(self, stage: str | None, fraction: float | None) -> None:
        if stage is not None:
            place = _("{number} of {count}").format(number=self._done + 1, count=len(self._targets))
            self.stage = stage if len(self._targets) == 1 else f"{place}: {stage}"
        if fraction is not None:
            self.fraction = (self._done + fraction) / len(self._targets)
            seconds = time.monotonic() - self._began
            self.secondsLeft = seconds * (1 - self.fraction) / self.fraction if fraction and self.fraction else None
        self.progressed.emit()

    def _end(self, applied: Applied) -> None:
        self._soon.cancel()
        if applied.folder is None:
            self._folder.remove()
        self.finished.emit(applied)
