"""What the live preview works on: the image, the way it learns, and how its answers are looked at."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import slicer
import vtk
from slicer.i18n import tr as _

from SemanticSegLib.logic.Signal import Signal
from SemanticSegLib.logic.TrainingJob import channelsOf, namesOfChannels, requireLoss, startFolder
from SemanticSegLib.nodes.NodeFiles import componentCount
from semseg_core.labels.tree import LabelTree
from semseg_core.train.config import TrainConfig

if TYPE_CHECKING:
    from SemanticSegLib.logic.LabelsLogic import LabelsLogic
    from SemanticSegLib.logic.ModelStore import ModelStore
    from SemanticSegLib.logic.ParameterNode import SemanticSegParameterNode


class PreviewInputs:
    """The choices of the panel that a preview depends on.

    Args:
        parameters: What is chosen in the panel.
        labels: The tree.
        models: Where the start model is.

    Attributes:
        parameters: What is chosen in the panel.
        volumes: The channels of the image, as `begin` found them.
        changed: `()` when a choice may be another.
        imageChanged: `()` when, after `begin`, other volumes are chosen, or one of them has other voxels.
        lookChanged: `()` when level or certainty is another, or whether to label unfamiliar tissue.
    """

    def __init__(self, parameters: SemanticSegParameterNode, labels: LabelsLogic, models: ModelStore) -> None:
        self.changed = Signal()
        self.imageChanged = Signal()
        self.lookChanged = Signal()
        self.volumes: tuple[slicer.vtkMRMLScalarVolumeNode, ...] = ()
        self._labels = labels
        self._models = models
        self._observers: list[tuple[slicer.vtkMRMLNode, int]] = []
        self._follow(parameters)
        labels.treeChanged.connect(self._onTreeChanged)

    def setParameters(self, parameters: SemanticSegParameterNode) -> None:
        """Go on with the choices of another scene."""
        self.end()
        self.parameters.RemoveObserver(self._parametersObserver)
        self._follow(parameters)

    def cleanup(self) -> None:
        """Stop observing."""
        self.end()
        self.parameters.RemoveObserver(self._parametersObserver)
        self._labels.treeChanged.disconnect(self._onTreeChanged)

    def missing(self) -> str:
        """What is missing before a preview can begin, in a sentence; empty where nothing is."""
        if self.parameters.volume is None:
            return _("No volume is chosen. Choose one on top of the panel.")
        if self._labels.tree is None:
            return _("There are no labels yet. Choose or make them in step 1.")
        if len(self._labels.tree.leaves) < 2:
            return _("The tree has only one label to paint. Add another in step 1: a model tells labels apart.")
        return ""

    def begin(self) -> tuple[tuple[str, ...], Path | None, TrainConfig]:
        """Take the image as it is chosen now, and watch it.

        Returns:
            Names of the channels, the directory of the start model, if there is one, and how to train.

        Raises:
            InputError: If a choice cannot be used.
        """
        chosen = self.parameters
        requireLoss(chosen.loss)
        start = startFolder(self._models, chosen.startModel)
        volumes = self._chosenVolumes()
        offered = (self._labels.tree.channels, channelsOf(start))
        channels = namesOfChannels(chosen.channelNames, offered, sum(map(componentCount, volumes)))
        config = TrainConfig(loss=None if chosen.loss == "default" else chosen.loss, device=chosen.device)
        self.end()
        self.volumes = volumes
        event = slicer.vtkMRMLVolumeNode.ImageDataModifiedEvent
        self._observers = [(node, node.AddObserver(event, self._onImageModified)) for node in volumes]
        return channels, start, config

    def end(self) -> None:
        """Watch the image no longer."""
        for node, observer in self._observers:
            node.RemoveObserver(observer)
        self._observers, self.volumes = [], ()

    def look(self, tree: LabelTree) -> dict[str, object]:
        """How answers are wanted, as requests take it; level "auto" where a tree has not so many."""
        level, certainty = self.parameters.level, self.parameters.certainty
        if level.isdigit():
            level = int(level) if 1 <= int(level) <= tree.height else "auto"
        return {"level": level, "min_confidence": certainty, "everything": self.parameters.everything}

    def _chosenVolumes(self) -> tuple[slicer.vtkMRMLScalarVolumeNode, ...]:
        return tuple(node for node in (self.parameters.volume, *self.parameters.furtherChannels) if node is not None)

    def _follow(self, parameters: SemanticSegParameterNode) -> None:
        self.parameters = parameters
        self._look = (parameters.level, parameters.certainty, parameters.everything)
        self._parametersObserver = parameters.AddObserver(vtk.vtkCommand.ModifiedEvent, self._onParametersModified)

    def _onParametersModified(self, _caller: object, _event: str) -> None:
        if self.volumes and self._chosenVolumes() != self.volumes:
            self.imageChanged.emit()
        look = (self.parameters.level, self.parameters.certainty, self.parameters.everything)
        if look != self._look:
            self._look = look
            self.lookChanged.emit()
        self.changed.emit()

    def _onImageModified(self, _volume: object, _event: str) -> None:
        self.imageChanged.emit()

    def _onTreeChanged(self, _tree: LabelTree | None, _remap: object) -> None:
        self.changed.emit()
