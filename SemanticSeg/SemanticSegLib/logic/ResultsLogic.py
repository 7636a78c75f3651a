"""Applying models: which one, to what, and what becomes of the answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import slicer
import vtk
from slicer.i18n import tr as _

from SemanticSegLib.logic.Applying import Applied, Applying
from SemanticSegLib.logic.ApplyTargets import Target, framesOf, matchChannels
from SemanticSegLib.logic.Evaluating import Evaluating
from SemanticSegLib.logic.Measurements import LabelVolume, labelVolumes, tableColumns, writeCsv
from SemanticSegLib.logic.ShownResult import ShownResult
from SemanticSegLib.logic.Signal import Signal
from SemanticSegLib.logic.Soon import Soon
from SemanticSegLib.nodes.ResultNodes import addResult, isResult, keepPaths
from SemanticSegLib.nodes.ScribbleNodes import referenceVolume
from SemanticSegLib.nodes.SequenceNodes import ResultFrames, browserOf
from SemanticSegLib.nodes.TableNodes import fillTable
from SemanticSegLib.nodes.VolumeNodes import volumeGrid
from semseg_core.data.answer_paths import AnswerPaths
from semseg_core.errors import InputError, ModelError, SemSegError

if TYPE_CHECKING:
    from SemanticSegLib.logic.Dependencies import Dependencies
    from SemanticSegLib.logic.LabelsLogic import LabelsLogic
    from SemanticSegLib.logic.ModelStore import ModelStore, StoredModel
    from SemanticSegLib.logic.ParameterNode import SemanticSegParameterNode
    from SemanticSegLib.logic.Runner import JobRunner
    from SemanticSegLib.logic.ScribblesLogic import ScribblesLogic
    from semseg_core.models.card import ModelCard


class ResultsLogic:
    """Applies a stored model in a child process and keeps the result; the last good one stays when anything fails.

    Args:
        scene: Where volumes and results are.
        parameters: What is chosen in the panel.
        labels: The tree that is worked with.
        scribbles: Where accepted labels go.
        runner: Runs child processes.
        models: What can be applied.
        dependencies: Says whether applying is possible on this computer.
        soon: Makes what waits until a burst of changes is over; `Soon` in the application.

    Attributes:
        shown: The result that is shown, and how.
        evaluating: Comparing it with a truth.
        changed: `()` when the choice of model or images may have changed, and when applying starts or ends.
        progressed: `(applying: Applying)` while it runs.
        finished: `(applied: Applied)` when it has ended, however it did.
        retrainRequested: `(model: str)`: the user corrected the result and wants to go on training from this model.
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
        self.progressed = Signal()
        self.finished = Signal()
        self.retrainRequested = Signal()
        self._scene = scene
        self._labels = labels
        self._runner = runner
        self._models = models
        self._dependencies = dependencies
        self._soon = soon
        self._applying: Applying | None = None
        self._frames: ResultFrames | None = None
        self.shown = ShownResult(scene, parameters, labels, scribbles, soon)
        self.evaluating = Evaluating(self.shown, runner, soon)
        self._changedSoon = soon(self.changed.emit, 50)
        self._parameters: SemanticSegParameterNode | None = None
        self._choice: tuple[object, ...] = (None,)
        self._parametersObserver = self._volumeObserver = 0
        self._volume: slicer.vtkMRMLVolumeNode | None = None
        self._observeParameters(parameters)
        models.changed.connect(self.changed.emit)
        models.renamed.connect(self._onRenamed)
        events = (slicer.vtkMRMLScene.NodeAddedEvent, slicer.vtkMRMLScene.NodeRemovedEvent)
        self._sceneObservers = [scene.AddObserver(event, self._onSceneChanged) for event in events]

    def setParameters(self, parameters: SemanticSegParameterNode) -> None:
        """Go on with the choices of another scene; a run that is under way is cancelled, its volumes are gone."""
        self.cancel()
        self._observeParameters(parameters)
        self.shown.setParameters(parameters)
        self.changed.emit()

    def cleanup(self) -> None:
        """Stop observing; a run under way is cancelled."""
        self._models.changed.disconnect(self.changed.emit)
        self._models.renamed.disconnect(self._onRenamed)
        self._changedSoon.cancel()
        self._observeParameters(None)
        for observer in self._sceneObservers:
            self._scene.RemoveObserver(observer)
        if self._applying is not None:
            self._applying.finished.disconnect(self._onFinished)
        self.cancel()
        self.evaluating.cleanup()
        self.shown.cleanup()

    # The model

    @property
    def models(self) -> tuple[StoredModel, ...]:
        """What can be applied."""
        return self._models.list()

    @property
    def model(self) -> StoredModel | None:
        """The chosen model; the newest where the chosen one is gone or none was chosen."""
        stored = self._models.list()  # the newest first
        return next((model for model in stored if model.name == self._parameters.model), stored[0] if stored else None)

    def chooseModel(self, name: str) -> None:
        """Choose the model to apply."""
        self._parameters.model = name
        self.changed.emit()

    def card(self) -> ModelCard | None:
        """What the chosen model expects and answers; None where there is no model.

        Raises:
            ModelError: If its card cannot be read.
        """
        model = self.model
        if model is not None and model.card is None:
            raise ModelError(model.fault)
        return None if model is None else model.card

    # Applying

    @property
    def scene(self) -> slicer.vtkMRMLScene:
        """Where volumes and results are."""
        return self._scene

    def volumeNodes(self) -> tuple[slicer.vtkMRMLScalarVolumeNode, ...]:
        """The images of the scene a model could be applied to."""
        found = self._scene.GetNodesByClass("vtkMRMLScalarVolumeNode")
        nodes = (found.GetItemAsObject(index) for index in range(found.GetNumberOfItems()))
        return tuple(
            node
            for node in nodes
            if not node.GetHideFromEditors()
            and not node.IsA("vtkMRMLLabelMapVolumeNode")
            and node is not self._parameters.confidence
        )

    @property
    def parameters(self) -> SemanticSegParameterNode:
        """What is chosen in the panel."""
        return self._parameters

    @property
    def isApplying(self) -> bool:
        """Whether a run is under way."""
        return self._applying is not None

    def canApply(self, volumes: Sequence[slicer.vtkMRMLScalarVolumeNode] | None = None) -> tuple[bool, str]:
        """Whether `apply` could start now, else what is missing, in a sentence."""
        if self._applying is not None:
            return False, _("A model is being applied; wait, or cancel it.")
        ready, reason = self._dependencies.usable()
        if not ready:
            return False, reason
        try:
            self.targets(volumes)
        except SemSegError as error:
            return False, _sentence(str(error))
        return True, ""

    @property
    def hasFrames(self) -> bool:
        """Whether the volume of the panel shows the frames of a sequence."""
        return self._parameters.volume is not None and browserOf(self._parameters.volume) is not None

    def targets(self, volumes: Sequence[slicer.vtkMRMLScalarVolumeNode] | None = None) -> tuple[Target, ...]:
        """What the chosen model would be applied to.

        Args:
            volumes: Images, each one the only channel; None for the volume of the panel with its further channels, or all frames
                of it, as chosen there.

        Raises:
            InputError: If there is no model or no volume, or a channel is missing.
            ModelError: If the card of the model cannot be read.
        """
        card = self.card()
        if card is None:
            raise InputError(_("no model yet; train one in the step above, or import one with Models…"))
        if volumes is None:
            parameters = self._parameters
            here = [node for node in (parameters.volume, *parameters.furtherChannels) if node is not None]
            names = [name for name in re.split(r"\s*,\s*", parameters.channelNames.strip()) if name]
            matched = matchChannels(card.channels, here, names)
            return framesOf(matched) if parameters.allFrames and self.hasFrames else (Target(matched),)
        if not volumes:
            raise InputError(_("no volume is chosen; tick the volumes to apply the model to"))
        if len(card.channels) > 1:
            raise InputError(
                _("model '{name}' takes {count} images at once ({channels}); apply it to one volume with its further channels")
                .format(name=self.model.name, count=len(card.channels), channels=", ".join(card.channels))
            )  # fmt: skip
        return tuple(Target((volume,)) for volume in volumes)

    def apply(self, volumes: Sequence[slicer.vtkMRMLScalarVolumeNode] | None = None) -> None:
        """Start; see `targets` for the arguments. `finished` tells the end.

        Raises:
            SemSegError: If it cannot start, with the reason.
        """
        possible, reason = self.canApply(volumes)
        if not possible:
            raise InputError(reason)
        model, tree = self.model, self.card().tree
        self._parameters.model = model.name
        self._frames = None
        how = self._parameters.device, self._parameters.everything
        applying = Applying(self.targets(volumes), model.folder, tree, *how, self._runner, self._receive, self._soon)
        applying.progressed.connect(self._onProgressed)
        applying.finished.connect(self._onFinished)
        self._applying = applying
        try:
            applying.start()
        except SemSegError:
            self._applying = None
            raise
        self.changed.emit()

    def cancel(self) -> None:
        """Stop the run that is under way; results of images that are done stay."""
        if self._applying is not None:
            self._applying.cancel()

    def correctAndRetrain(self) -> None:
        """Ask for a training that starts from the model whose result was corrected.

        Raises:
            InputError: If there is no model.
        """
        if self.model is None:
            raise InputError(_("retraining: there is no model yet; train one first"))
        self._parameters.startModel = self.model.name
        self.retrainRequested.emit(self.model.name)

    # Measuring

    def volumes(self) -> tuple[LabelVolume, ...]:
        """Volume of every label and group that is shown.

        Raises:
            InputError: If there is no result, or its volume was deleted.
        """
        shown = self.shown
        if shown.answers is None or shown.volume is None:
            raise InputError(_("measurements: there is no result; apply a model first"))
        return labelVolumes(shown.paths.tree, shown.answers.voxels, volumeGrid(shown.volume).voxel_volume_ml)

    def measure(self) -> slicer.vtkMRMLTableNode:
        """The volumes as a table of the scene, one for each result.

        Raises:
            InputError: As `volumes`.
        """
        columns = tableColumns(self.volumes())
        role = "SemanticSeg.volumes"
        table = self.shown.node.GetNodeReference(role)
        if table is None:
            name = self._scene.GenerateUniqueName(f"{self.shown.node.GetName()} volumes")
            table = self._scene.AddNewNodeByClass("vtkMRMLTableNode", name)
            self.shown.node.SetNodeReferenceID(role, table.GetID())
        fillTable(table, columns)
        return table

    def saveVolumes(self, path: str | Path) -> None:
        """The volumes as a CSV file.

        Raises:
            InputError: As `volumes`, or if the file cannot be written.
        """
        writeCsv(path, self.volumes())

    # How

    def _receive(self, target: Target, paths: AnswerPaths) -> None:
        """Keep what one image gave."""
        volume = target.volumes[0]
        if volume.GetScene() is not self._scene:
            raise InputError(_("its volume was deleted meanwhile, so there is no place for the result"))
        tree, model = self._labels.tree, self._parameters.model
        node = _resultOf(self._scene, volume)
        if node is None:
            node = addResult(self._scene, paths, volume, model, tree)
        else:
            keepPaths(node, paths, volume, model, tree)
        if self._parameters.result is node:
            self.shown.read()
        else:
            self._parameters.result = node
        if target.frame is not None:
            self.shown.finish()
            self._frames = self._frames or ResultFrames(node, volume)
            self._frames.keep(target.frame)

    def _onProgressed(self) -> None:
        self.progressed.emit(self._applying)

    def _onFinished(self, applied: Applied) -> None:
        self._applying = None
        if self._frames is not None and applied.count:
            self._frames.follow()
        if _resultOf(self._scene, self._parameters.volume) is not None:  # of several volumes, the last one's is shown by now
            self._showOwn()
        self.finished.emit(applied)
        self.changed.emit()

    def _observeParameters(self, parameters: SemanticSegParameterNode | None) -> None:
        if self._parameters is not None:
            self._parameters.RemoveObserver(self._parametersObserver)
        self._parameters = parameters or self._parameters
        self._followVolume(None if parameters is None else parameters.volume)
        if parameters is not None:
            self._choice = (parameters.volume,)
            self._parametersObserver = parameters.AddObserver(vtk.vtkCommand.ModifiedEvent, self._onParametersModified)

    def _onParametersModified(self, _caller: object, _event: str) -> None:
        chosen = self._parameters
        how = (chosen.allFrames, chosen.everything, chosen.model)
        choice = (chosen.volume, tuple(chosen.furtherChannels), chosen.channelNames, *how)
        if choice != self._choice:  # the slider moves parameters, too, and is no reason to look at models on disk
            isOther = chosen.volume is not self._choice[0]
            self._choice = choice
            if isOther:
                self._followVolume(chosen.volume)
                self._showOwn()
            self._changedSoon.request()

    def _showOwn(self) -> None:
        """Show the result of the chosen volume: each has its own. What a deleted volume leaves stays, and what a scene brings."""
        volume = self._parameters.volume
        if volume is not None and not self._scene.IsImporting():
            self._parameters.result = _resultOf(self._scene, volume)

    def _followVolume(self, volume: slicer.vtkMRMLVolumeNode | None) -> None:
        if self._volume is not None:
            self._volume.RemoveObserver(self._volumeObserver)
        self._volume = volume
        if volume is not None:
            self._volumeObserver = volume.AddObserver(slicer.vtkMRMLTransformableNode.TransformModifiedEvent, self._onVolumeMoved)

    def _onVolumeMoved(self, _volume: object, _event: str) -> None:
        """A result goes with its volume, as scribbles do."""
        result = _resultOf(self._scene, self._volume)
        if result is not None:
            result.SetAndObserveTransformNodeID(self._volume.GetTransformNodeID())
            if result is self._parameters.result and self._parameters.confidence is not None:
                self._parameters.confidence.SetAndObserveTransformNodeID(self._volume.GetTransformNodeID())

    def _onRenamed(self, name: str, newName: str) -> None:
        if self._parameters.model == name:
            self._parameters.model = newName

    def _onSceneChanged(self, _scene: object, _event: str) -> None:
        self._changedSoon.request()


def _resultOf(scene: slicer.vtkMRMLScene, volume: slicer.vtkMRMLVolumeNode) -> slicer.vtkMRMLSegmentationNode | None:
    """The result of a volume, which a new one replaces; None where there is none yet."""
    found = scene.GetNodesByClass("vtkMRMLSegmentationNode")
    nodes = (found.GetItemAsObject(index) for index in range(found.GetNumberOfItems()))
    return next((node for node in nodes if isResult(node) and referenceVolume(node) is volume), None)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "…")) else ".")
