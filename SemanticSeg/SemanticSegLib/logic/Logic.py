"""The use cases put together: what each of them needs of the others, on the scene of the application."""

from __future__ import annotations

import slicer
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleLogic

from SemanticSegLib.logic.Dependencies import Dependencies
from SemanticSegLib.logic.LabelsLogic import LabelsLogic
from SemanticSegLib.logic.LivePreview import LivePreview
from SemanticSegLib.logic.ModelStore import ModelStore
from SemanticSegLib.logic.NextSlice import NextSlice
from SemanticSegLib.logic.ParameterNode import SemanticSegParameterNode
from SemanticSegLib.logic.Report import Report
from SemanticSegLib.logic.ResultsLogic import ResultsLogic
from SemanticSegLib.logic.Runner import JobRunner
from SemanticSegLib.logic.ScribblesLogic import ScribblesLogic
from SemanticSegLib.logic.Soon import Soon
from SemanticSegLib.logic.TrainingLogic import TrainingLogic


class SemanticSegLogic(ScriptedLoadableModuleLogic):
    """Everything that the panel does, usable without it.

    Args:
        runner: Starts child processes; one that starts Slicer's own Python if None.
        models: The user's models; those in the user's data folder if None.

    Attributes:
        scene: The scene of the application.
        parameters: What is chosen, saved with the scene.
        labels: The label tree.
        scribbles: Strokes on the chosen volume.
        nextSlice: Where to scribble next.
        training: Fine-tuning.
        results: Applying, and what came of it.
        preview: A model that learns beside the user.
        report: Text for a bug report.
        dependencies: What is installed.
    """

    def __init__(self, runner: JobRunner | None = None, models: ModelStore | None = None) -> None:
        ScriptedLoadableModuleLogic.__init__(self)
        self.scene = slicer.mrmlScene
        self.runner = runner or JobRunner()
        self.models = models or ModelStore()
        self.dependencies = Dependencies(self.runner)
        self.parameters = self.getParameterNode()
        scene, parameters = self.scene, self.parameters
        self.labels = LabelsLogic(scene, parameters)
        self.scribbles = ScribblesLogic(scene, parameters, self.labels)
        self.nextSlice = NextSlice(scene, parameters, self.labels, self.scribbles)
        shared = (scene, parameters, self.labels, self.scribbles, self.runner, self.models, self.dependencies)
        self.training = TrainingLogic(*shared)
        self.results = ResultsLogic(*shared)
        self.preview = LivePreview(*shared, self.results)
        self._soon = Soon(self._chooseVolume)
        self._sceneObserver = scene.AddObserver(scene.NodeAddedEvent, self._onNodeAdded)
        self.report = Report(parameters, self.dependencies, f"Slicer {slicer.app.applicationVersion}")

    def getParameterNode(self) -> SemanticSegParameterNode:
        """The choices in the scene, made if there are none; where no volume is chosen, the first one is."""
        parameters = SemanticSegParameterNode(super().getParameterNode())
        parameters.volume = parameters.volume or self._firstVolume()
        return parameters

    def readScene(self) -> None:
        """Go on with what the scene holds now, after it was closed, loaded or added to."""
        self.parameters = self.getParameterNode()
        for part in (self.labels, self.scribbles, self.nextSlice, self.training, self.results, self.preview, self.report):
            part.setParameters(self.parameters)

    def cleanup(self) -> None:
        """Stop observing, end child processes, delete their files."""
        self._soon.cancel()
        self.scene.RemoveObserver(self._sceneObserver)
        for part in (self.preview, self.results, self.training, self.scribbles, self.labels):
            part.cleanup()
        self.runner.endAll()

    def _onNodeAdded(self, _caller: object, _event: str) -> None:
        if self.parameters.volume is None:
            self._soon.request()  # not at once: whoever adds a volume has yet to fill it

    def _chooseVolume(self) -> None:
        self.parameters.volume = self.parameters.volume or self._firstVolume()

    def _firstVolume(self) -> slicer.vtkMRMLScalarVolumeNode | None:
        found = self.scene.GetNodesByClass("vtkMRMLScalarVolumeNode")
        nodes = (found.GetItemAsObject(index) for index in range(found.GetNumberOfItems()))
        return next((node for node in nodes if _isImage(node)), None)


def _isImage(node: slicer.vtkMRMLScalarVolumeNode) -> bool:
    """Whether a scalar volume shows something to segment; label maps are scalar volumes, too, and what we keep is hidden."""
    return not (node.IsA("vtkMRMLLabelMapVolumeNode") or node.GetHideFromEditors() or node.GetImageData() is None)
