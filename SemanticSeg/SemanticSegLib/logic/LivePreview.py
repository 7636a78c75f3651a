"""The live preview as a use case: a worker learns beside the user, and every stroke shows in the slice views a moment later.

`start` writes the image for a child process that stays (`PreviewWorker`) and opens it there; from then on `PreviewRounds` answers
the strokes, in an overlay that is not saved. `keep` makes an ordinary model and an ordinary result of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import slicer
from slicer.i18n import tr as _

from SemanticSegLib.logic.PreviewInputs import PreviewInputs
from SemanticSegLib.logic.PreviewRounds import PreviewRounds
from SemanticSegLib.logic.PreviewWorker import PreviewWorker
from SemanticSegLib.logic.Signal import Signal
from SemanticSegLib.logic.Soon import Soon
from SemanticSegLib.logic.TrainingJob import MODEL, keepModel
from SemanticSegLib.nodes.PreviewOverlay import showHiddenResults
from semseg_core.errors import DependencyError, InputError, SemSegError
from semseg_core.interactive.requests import Open, Save
from semseg_core.labels.tree import LabelTree
from semseg_core.train.config import TrainConfig
from semseg_core.train.events import Answer, Event, Stage

if TYPE_CHECKING:
    from SemanticSegLib.logic.Dependencies import Dependencies
    from SemanticSegLib.logic.LabelsLogic import LabelsLogic
    from SemanticSegLib.logic.ModelStore import ModelStore
    from SemanticSegLib.logic.ParameterNode import SemanticSegParameterNode
    from SemanticSegLib.logic.ResultsLogic import ResultsLogic
    from SemanticSegLib.logic.Runner import JobRunner, Outcome
    from SemanticSegLib.logic.ScribblesLogic import ScribblesLogic

OFF, PREPARING, OPENING, ON, KEEPING = "off", "preparing", "opening", "on", "keeping"

TURN_S = 0.05
"""Files are written so long before the window is looked after again."""


class LivePreview:
    """Shows what a model would say while the user scribbles.

    Args:
        scene: Where the volume and the slice views are.
        parameters: What is chosen in the panel.
        labels: The tree.
        scribbles: What is drawn.
        runner: Runs child processes.
        models: Where the start model is, and where a kept one goes.
        dependencies: Says whether this computer can learn.
        results: Applies a kept model, which makes the preview an ordinary result.
        soon: Makes what waits until a burst of changes is over; `Soon` in the application.

    Attributes:
        changed: `()` when `state` or `sentence` is another, or what `canStart` depends on.
        failed: `(message: str, logTail: str, folder: JobFolder | None)` when something went wrong; the folder is the receiver's.
        rounds: What happens while it is on; None else.
    """

    def __init__(
        self,
        scene: slicer.vtkMRMLScene,
        parameters: SemanticSegParameterNode,
        labels: LabelsLogic,
        scribbles: ScribblesLogic,
        runner: JobRunner,
        models: ModelStore,
        dependencies: Dependencies,
        results: ResultsLogic,
        soon: Callable[[Callable[[], None], int], Soon] = Soon,
    ) -> None:
        self.changed = Signal()
        self.failed = Signal()
        self.rounds: PreviewRounds | None = None
        self._scene = scene
        self._labels = labels
        self._scribbles = scribbles
        self._runner = runner
        self._models = models
        self._dependencies = dependencies
        self._results = results
        self._soon = soon
        self._inputs = PreviewInputs(parameters, labels, models)
        self._state, self._sentence = OFF, ""
        self._worker: PreviewWorker | None = None
        self._opening: tuple[tuple[str, ...], Path | None, TrainConfig] | None = None
        self._tree: LabelTree | None = None
        self._prepareSoon = soon(self._prepare, 0)
        showHiddenResults(scene)
        self._inputs.changed.connect(self.changed.emit)
        self._inputs.imageChanged.connect(self._onImageChanged)
        dependencies.changed.connect(self.changed.emit)

    def setParameters(self, parameters: SemanticSegParameterNode) -> None:
        """Go on with another scene; a preview is over with its own."""
        self.stop()
        self._inputs.setParameters(parameters)
        showHiddenResults(self._scene)
        self.changed.emit()

    def cleanup(self) -> None:
        """Stop observing, and the preview."""
        self.stop()
        self._inputs.cleanup()
        self._dependencies.changed.disconnect(self.changed.emit)

    # What can be done

    @property
    def isOn(self) -> bool:
        """Whether a worker is there, or is coming."""
        return self._state != OFF

    @property
    def state(self) -> str:
        """Off, preparing, opening, keeping, or that of the rounds."""
        return self.rounds.state if self._state == ON else self._state

    @property
    def sentence(self) -> str:
        """What is going on, in words; while off, why, where the user did not ask for it."""
        return self.rounds.sentence if self._state == ON else self._sentence

    def canStart(self) -> tuple[bool, str]:
        """Whether `start` would be possible, were everything installed; if not, what is missing, in a sentence."""
        missing = self._inputs.missing()
        return not missing, missing

    def canKeep(self) -> tuple[bool, str]:
        """Whether there is a preview to keep; if not, why, in a sentence."""
        if self._state == KEEPING:
            return False, _("It is being kept.")
        possible = self._state == ON and self.rounds.answers
        return possible, "" if possible else _("There is no preview yet.")

    # What is done

    def start(self) -> None:
        """Begin: the image is written, and a worker opens it.

        Raises:
            DependencyError: If a package is not installed.
            SemSegError: If something else is missing or cannot be used. In both cases nothing has been started.
        """
        self.stop()
        possible, reason = self.canStart()
        if not possible:
            raise InputError(reason)
        usable, reason = self._dependencies.usable()
        if not usable:
            raise DependencyError(reason)
        self._opening = self._inputs.begin()
        self._worker = PreviewWorker(self._runner, self._inputs.volumes)
        self._worker.events.connect(self._onEvent)
        self._worker.ended.connect(self._onEnded)
        self._set(PREPARING, _("Preparing the image…"))
        self._prepareSoon.request()

    def stop(self, sentence: str = "") -> None:
        """End the worker and take the preview away; does nothing while off.

        Args:
            sentence: Why, where the user did not ask for it.
        """
        worker = self._leave()
        if worker is not None:
            worker.end()
            self._set(OFF, sentence)

    def keep(self) -> None:
        """Make the preview a model of the store, apply it, and stop.

        Raises:
            InputError: If there is nothing to keep, or no room.
        """
        possible, reason = self.canKeep()
        if not possible:
            raise InputError(reason)
        self.rounds.hold()  # the model as it is now, and not after the volume that is being filled in
        self._worker.ask(Save, output=str(self._worker.folder.path / MODEL))
        self._set(KEEPING, _("Keeping the preview as a model…"))

    # How

    def _prepare(self) -> None:
        """Write files for a moment; start the child when all are there."""
        endsAt = time.monotonic() + TURN_S
        try:
            for _step in self._worker.files:
                if time.monotonic() > endsAt:
                    self._prepareSoon.request()
                    return
            self._tree = self._labels.tree
            self._worker.start(self._tree, *self._opening)
        except SemSegError as error:
            self._fail(str(error))
            return
        self._set(OPENING, _("Starting…"))

    def _onEvent(self, event: Event) -> None:
        try:
            self._take(event)
        except SemSegError as error:
            self._fail(str(error))

    def _take(self, event: Event) -> None:
        kind = self._worker.kindOf(event.request) if isinstance(event, Answer) else None
        if kind is Open and event.state == "done":
            self._begin()
        elif kind is Open:
            self._fail(self._worker.readable(event.message))
        elif kind is Save:
            self._saved(event)
        elif self.rounds is not None:
            self.rounds.take(event)
        elif isinstance(event, Stage):
            self._set(OPENING, f"{event.message}…")

    def _begin(self) -> None:
        """The worker has the image."""
        _channels, start, _config = self._opening
        collaborators = (self._scene, self._worker, self._inputs, self._labels, self._scribbles)
        self.rounds = PreviewRounds(*collaborators, self._tree, start is not None, self._soon)
        self.rounds.changed.connect(self.changed.emit)
        self.rounds.failed.connect(self._fail)
        self._set(ON, "")
        self.rounds.begin()

    def _saved(self, answer: Answer) -> None:
        if answer.state != "done":
            self._set(ON, "")
            self.rounds.resume()
            self.failed.emit(self._worker.readable(answer.message), "", None)
            return
        volume, parameters = self._inputs.volumes[0], self._inputs.parameters
        parameters.model = keepModel(self._models, self._worker.folder.path, f"{volume.GetName()} {datetime.now():%H:%M}")
        self.stop()
        self._results.apply()

    def _onImageChanged(self) -> None:
        self.stop(_("Live preview is off, because the image is another now. Switch it on again to see this one."))

    def _onEnded(self, outcome: Outcome) -> None:
        self._fail(self._worker.readable(outcome.message), outcome.logTail)

    def _fail(self, message: str, logTail: str = "") -> None:
        """Stop, and tell; the files stay for a report."""
        worker = self._leave()
        self._set(OFF, "")
        self.failed.emit(message, logTail, None if worker is None else worker.release())

    def _leave(self) -> PreviewWorker | None:
        """Let go of everything but the worker, which is handed over."""
        self._prepareSoon.cancel()
        if self.rounds is not None:
            self.rounds.end()
        self._inputs.end()
        worker, self._worker, self.rounds, self._opening, self._tree = self._worker, None, None, None, None
        return worker

    def _set(self, state: str, sentence: str) -> None:
        if (state, sentence) != (self._state, self._sentence):
            self._state, self._sentence = state, sentence
            self.changed.emit()
