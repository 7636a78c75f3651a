"""Applying a model in a child process, one image after the other, while the panel stays fluid.

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
from semseg_core.job import PredictJob
from semseg_core.labels.tree import LabelTree
from semseg_core.train.events import Event, Progress, Stage

if TYPE_CHECKING:
    from SemanticSegLib.logic.JobFolders import JobFolder
    from SemanticSegLib.logic.Runner import JobRunner, Outcome, RunningJob

TURN_S = 0.05
"""Files are written so long before the window is looked after again."""

ANSWERS = "answers.npz"


@dataclass(frozen=True)
class Applied:
    """How it ended.

    Args:
        kind: "done", "failed", "cancelled" or "crashed".
        message: One sentence for the user; empty when done.
        count: Images that were segmented.
        logTail: Last lines of the child's log.
        seconds: How long it took.
        folder: Files of a run that failed, for a report; whoever takes them removes them.
    """

    kind: str
    message: str = ""
    count: int = 0
    logTail: str = ""
    seconds: float = 0.0
    folder: JobFolder | None = None


class Applying:
    """One run over several images.

    Args:
        targets: The images.
        modelFolder: The model.
        tree: Its labels.
        device: Where to compute, as in TrainConfig.
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
        self._runner = runner
        self._receive = receive
        self._done = 0
        self._began = time.monotonic()
        self._folder: JobFolder | None = None
        self._running: RunningJob | None = None
        self._files: Iterator[None] = iter(())
        self._cancelled = False
        self._soon = soon(self._prepare, 0)

    def start(self) -> None:
        """Begin with the first image.

        Raises:
            SemSegError: If it cannot be used, or the job folder cannot be written.
        """
        target = self._targets[self._done]
        self._folder = self._runner.newFolder()
        try:
            parts = [volumeFile(node, self._folder.path / f"image{n}.nrrd") for n, node in enumerate(target.images)]
        except SemSegError:
            self._folder.remove()
            raise
        self._files = (step for part in parts for step in part)
        self._tell(_("Preparing {name}").format(name=target.name), 0.0)
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
        count = len(self._targets[self._done].volumes)
        images = tuple(f"image{number}.nrrd" for number in range(count))
        self._tell(_("Starting"), None)
        self._running = self._runner.start(PredictJob(self._model, images, device=self._device, paths=ANSWERS), self._folder)
        self._running.events.connect(self._onEvent)
        self._running.finished.connect(self._onFinished)

    def _onEvent(self, event: Event) -> None:
        if isinstance(event, Stage) and not self._cancelled:
            self._tell(event.message, None)
        elif isinstance(event, Progress):
            self._tell(None, event.fraction)

    def _onFinished(self, outcome: Outcome) -> None:
        self._running = None
        if outcome.kind != "done":
            failed = outcome.kind in ("failed", "crashed")
            self._end(
                Applied(
                    outcome.kind,
                    self._readable(outcome.message),
                    self._done,
                    outcome.logTail,
                    folder=self._folder if failed else None,
                )
            )
            return
        target = self._targets[self._done]
        try:
            self._receive(target, AnswerPaths.load(self._folder.path / ANSWERS, self._tree))
            self._folder.remove()
            self._done += 1
            if self._done < len(self._targets) and not self._cancelled:
                self.start()
                return
        except SemSegError as error:
            self._end(Applied("failed", f"{target.name}: {error}", self._done))
            return
        cancelled = self._done < len(self._targets)
        seconds = time.monotonic() - self._began
        done = Applied("done", count=self._done, seconds=seconds)
        self._end(Applied("cancelled", _("Cancelled."), self._done) if cancelled else done)

    def _readable(self, message: str) -> str:
        """A message of the child with the names the user knows in place of files."""
        message = message.replace(self._model, f"'{Path(self._model).name}'")
        for number, volume in enumerate(self._targets[self._done].volumes):
            message = message.replace(f"image{number}.nrrd", f"'{volume.GetName()}'")
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
