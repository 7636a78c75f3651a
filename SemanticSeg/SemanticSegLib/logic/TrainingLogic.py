"""Training as a use case: from the cases of the scene to a model in the store, by a child process, while the panel stays fluid.

`start` looks at every node at once and refuses what cannot be used; from then on nodes may be deleted and the scene closed. The
files of the job folder are written a few milliseconds at a time, then the child process takes over, and what it tells is kept in
`run`. What it leaves behind, whether it ended or was cancelled, becomes a model of the store.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import slicer
import vtk
from slicer.i18n import tr as _

from SemanticSegLib.logic.Dependencies import unsupported
from SemanticSegLib.logic.Signal import Signal
from SemanticSegLib.logic.Soon import Soon
from SemanticSegLib.logic.TrainingCases import TrainingCases
from SemanticSegLib.logic.TrainingJob import (
    channelsOf,
    filesOf,
    jobOf,
    keepModel,
    namesOfChannels,
    requireLoss,
    startFolder,
    written,
)
from SemanticSegLib.logic.TrainingRun import TrainingRun
from semseg_core.cli.options import parse_values
from semseg_core.errors import DependencyError, InputError, SemSegError
from semseg_core.job import FineTuneJob
from semseg_core.train.events import Event

if TYPE_CHECKING:
    from SemanticSegLib.logic.Dependencies import Dependencies
    from SemanticSegLib.logic.JobFolders import JobFolder
    from SemanticSegLib.logic.LabelsLogic import LabelsLogic
    from SemanticSegLib.logic.ModelStore import ModelStore
    from SemanticSegLib.logic.ParameterNode import SemanticSegParameterNode
    from SemanticSegLib.logic.Runner import JobRunner, Outcome, RunningJob
    from SemanticSegLib.logic.ScribblesLogic import ScribblesLogic

IDLE, PREPARING, TRAINING, FINISHING = "idle", "preparing", "training", "finishing"

TURN_S = 0.05
"""Files are written so long before the window is looked after again."""


@dataclass(frozen=True)
class TrainingResult:
    """How a training ended.

    Args:
        kind: "done", "cancelled", "failed" or "crashed".
        model: Name of the model in the store; empty where there is none.
        message: One sentence where it did not end well; empty where it did.
        folder: The job folder where something went wrong, for a report.
        logTail: Last lines of the child's log, fit to be shown to others.
    """

    kind: str
    model: str = ""
    message: str = ""
    folder: JobFolder | None = None
    logTail: str = ""


class TrainingLogic:
    """Starts trainings, follows the one that runs, and keeps what came of it.

    Args:
        scene: Where the cases are.
        parameters: What is chosen in the panel.
        labels: The tree.
        scribbles: What is drawn on the volume of the panel.
        runner: Runs child processes.
        models: Where models are, and where the new one goes.
        dependencies: Says whether this computer can train, and on what.
        soon: Makes what gives way to the application between two parts of a file; `Soon` in the application.

    Attributes:
        cases: What a training would learn from.
        changed: `()` after anything that `canStart` depends on.
        stateChanged: `(state: str)`: idle, preparing, training or finishing.
        progressed: `(run: TrainingRun)` after every event of the child, and while its files are prepared.
        finished: `(result: TrainingResult)` when a training has ended, however it did.
        run: The training that runs, or the latest; None before the first.
        result: How the latest ended; None before that.
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
        soon: Callable[[Callable[[], None], int], Soon] = Soon,
    ) -> None:
        self.changed = Signal()
        self.stateChanged = Signal()
        self.progressed = Signal()
        self.finished = Signal()
        self.run: TrainingRun | None = None
        self.result: TrainingResult | None = None
        self._scene = scene
        self._labels = labels
        self._scribbles = scribbles
        self._runner = runner
        self._models = models
        self._dependencies = dependencies
        self._state = IDLE
        self._folder: JobFolder | None = None
        self._job: FineTuneJob | None = None
        self._steps: Iterator[float] = iter(())
        self._running: RunningJob | None = None
        self._soon = soon(self._prepare, 0)
        self._parameters: SemanticSegParameterNode | None = None
        self.cases = TrainingCases(parameters, scribbles)
        self._sceneObserver = scene.AddObserver(slicer.vtkMRMLScene.NodeRemovedEvent, self._onNodeRemoved)
        for signal in (labels.treeChanged, scribbles.countsChanged, models.changed, dependencies.changed):
            signal.connect(self._onChanged)
        models.renamed.connect(self._onRenamed)
        self.setParameters(parameters)

    def setParameters(self, parameters: SemanticSegParameterNode) -> None:
        """Go on with the choices of another scene; a training that runs is not disturbed."""
        self._forgetParameters()
        self._parameters = parameters
        self._parametersObserver = parameters.AddObserver(vtk.vtkCommand.ModifiedEvent, self._onParametersModified)
        self.cases.setParameters(parameters)
        self.changed.emit()

    def cleanup(self) -> None:
        """Stop observing; a training that runs is ended by the runner."""
        self._soon.cancel()
        self._forgetParameters()
        self._scene.RemoveObserver(self._sceneObserver)
        heard = (self._labels.treeChanged, self._scribbles.countsChanged, self._models.changed, self._dependencies.changed)
        for signal in heard:
            signal.disconnect(self._onChanged)
        self._models.renamed.disconnect(self._onRenamed)

    # What can be done

    @property
    def parameters(self) -> SemanticSegParameterNode:
        """What is chosen now."""
        return self._parameters

    @property
    def state(self) -> str:
        """One of idle, preparing, training and finishing."""
        return self._state

    def canStart(self) -> tuple[bool, str]:
        """Whether a training can be started now, and if not what is missing, in a sentence."""
        missing = self._missing()
        return not missing, missing

    def channels(self, startModel: str | None = None) -> tuple[str, ...]:
        """Names of the image channels: the chosen ones, else those of the tree or of the start model; empty for one unnamed.

        Args:
            startModel: As in `start`.

        Raises:
            InputError: If the chosen names are not as many as the image has channels.
        """
        start = startFolder(self._models, self._parameters.startModel if startModel is None else startModel)
        offered = (self._labels.tree.channels, channelsOf(start))
        return namesOfChannels(self._parameters.channelNames, offered, self.cases.all[0].channelCount)

    # What is done

    def start(self, startModel: str | None = None) -> None:
        """Start a training.

        Args:
            startModel: Name of a stored model, or its folder, to start from; the one of the parameters if None. To correct and
                retrain is to start from the model that is applied, with the scribbles as they are now.

        Raises:
            DependencyError: If a package is not installed.
            SemSegError: If something else is missing or cannot be used. In both cases nothing has been started.
        """
        possible, reason = self.canStart()
        if not possible:
            raise InputError(reason)
        usable, reason = self._dependencies.usable()
        if not usable:
            raise DependencyError(reason)
        name = f"{self.cases.all[0].image} {datetime.now():%H:%M}"
        folder = self._runner.newFolder()
        run = TrainingRun(name, folder.path, self._labels.tree)
        try:
            start = startFolder(self._models, self._parameters.startModel if startModel is None else startModel)
            files = filesOf(self.cases.all, run)
            self._job = jobOf(files, run, self._parameters, self.channels(startModel), start)
        except SemSegError:
            folder.remove()
            raise
        self._dropFolder()
        self._folder, self.run, self.result = folder, run, None
        self._steps = written(files)
        self._setState(PREPARING)
        run.stage = _("Preparing the images")
        self._soon.request()

    def cancel(self) -> None:
        """Stop; the best model so far is kept."""
        if self._state == PREPARING:
            self._soon.cancel()
            self._end(TrainingResult("cancelled", message=_("Cancelled before the training began.")))
        elif self._running is not None and self._state == TRAINING:
            self._setState(FINISHING)
            self._running.cancel()

    # How

    def _onChanged(self, *_news: object) -> None:
        self.changed.emit()

    def _onRenamed(self, name: str, newName: str) -> None:
        if self._parameters.startModel == name:
            self._parameters.startModel = newName

    def _onParametersModified(self, _caller: object, _event: str) -> None:
        self.cases.changed.emit()
        self.changed.emit()

    def _onNodeRemoved(self, _caller: object, _event: str) -> None:
        if self.cases.added:  # the nodes of the volume of the panel are told by the parameters
            self.cases.changed.emit()
            self.changed.emit()

    def _forgetParameters(self) -> None:
        if self._parameters is not None:
            self._parameters.RemoveObserver(self._parametersObserver)
        self._parameters = None

    def _missing(self) -> str:
        tree, parameters = self._labels.tree, self._parameters
        if unsupported():
            return unsupported()
        if self._state != IDLE:
            return _("A training is running. Cancel it, or wait until it ends.")
        if tree is None:
            return _("There are no labels yet. Choose or make them in step 1.")
        if len(tree.leaves) < 2:
            return _("The tree has only one label to paint. Add another in step 1: a model tells labels apart.")
        cases = self.cases.all
        if not cases:
            if parameters.volume is None:
                return _("No volume is chosen. Choose one on top of the panel.")
            return _("Nothing is drawn yet. Scribble on at least two labels in step 2.")
        if len(cases) == 1 and self.cases.ownTakesPart and len(set(self._scribbles.counts) - {tree.root.id}) < 2:
            return _("Only one label is drawn. Scribble on at least one other in step 2.")
        for case in cases:
            if case.problem:
                return f"{case.image}: {case.problem}"
        counts = {case.channelCount for case in cases}
        if len(counts) > 1:
            return _("The cases have {counts} channels. Give all of them the same channels.").format(
                counts=_(" and ").join(map(str, sorted(counts)))
            )
        fault = next((device.fault for device in self._dependencies.devices or () if device.name == parameters.device), "")
        if fault:
            return _("{device}: {fault}. Choose another device.").format(device=parameters.device, fault=fault)
        try:
            parse_values(parameters.unknownValues)
            self.channels()
            requireLoss(parameters.loss)
        except SemSegError as error:
            return str(error)
        return ""

    def _prepare(self) -> None:
        """Write files for a moment; start the child when all are there."""
        endsAt = time.monotonic() + TURN_S
        try:
            while time.monotonic() < endsAt:
                share = next(self._steps, None)
                if share is None:
                    self._running = self._runner.start(self._job, self._folder)
                    self._running.events.connect(self._onEvent)
                    self._running.finished.connect(self._onFinished)
                    self._setState(TRAINING)
                    return
                self.run.fraction = share
        except SemSegError as error:
            self._end(TrainingResult("failed", message=str(error)))
            return
        self.progressed.emit(self.run)
        self._soon.request()

    def _onEvent(self, event: Event) -> None:
        self.run.take(event)
        self.progressed.emit(self.run)

    def _onFinished(self, outcome: Outcome) -> None:
        if outcome.kind in ("failed", "crashed"):
            self._end(TrainingResult(outcome.kind, "", self.run.readable(outcome.message), self._folder, outcome.logTail))
            return
        try:
            model = keepModel(self._models, self._folder.path, self.run.name)
        except SemSegError as error:
            self._end(TrainingResult("failed", "", str(error), self._folder, outcome.logTail))
            return
        if model:
            self._parameters.model = model
            self._end(TrainingResult(outcome.kind, model))
        else:
            self._end(TrainingResult("cancelled", message=_("Cancelled before anything was learned. No model was made.")))

    def _end(self, result: TrainingResult) -> None:
        self._running, self._job, self._steps = None, None, iter(())
        self.result = result
        if result.folder is None:
            self._dropFolder()
        self._setState(IDLE)
        self.finished.emit(result)

    def _dropFolder(self) -> None:
        """Remove the images of a training that is over; those of one that failed stay until then, for a report."""
        if self._folder is not None:
            self._folder.remove()
        self._folder = None

    def _setState(self, state: str) -> None:
        self._state = state
        self.stateChanged.emit(state)
