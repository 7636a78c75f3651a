"""Which scribbles are drawn in: those of the chosen volume, made on demand, followed when the choice changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import slicer
import vtk

from SemanticSegLib.logic.Signal import Signal
from SemanticSegLib.nodes.ScribbleNodes import SCRIBBLES_ATTRIBUTE, addScribbles, referenceVolume, scribblesOf, setReferenceVolume
from semseg_core.errors import InputError

if TYPE_CHECKING:
    from SemanticSegLib.logic.ParameterNode import SemanticSegParameterNode

SEGMENT_EVENTS = (
    slicer.vtkSegmentation.SegmentAdded,
    slicer.vtkSegmentation.SegmentRemoved,
    slicer.vtkSegmentation.SegmentModified,
    slicer.vtkSegmentation.SourceRepresentationModified,
)


class ChosenScribbles:
    """The segmentation node of the chosen volume that strokes are drawn in.

    Every volume has its own; choosing another volume chooses its scribbles. They lie under the volume's transform, wherever it is
    moved. A deleted node is forgotten.

    Args:
        scene: Where they live.

    Attributes:
        changed: `(segmentationNode | None)` when others are chosen, or they are deleted.
        modified: `()` at every change of their segments or voxels.
    """

    def __init__(self, scene: slicer.vtkMRMLScene) -> None:
        self.changed = Signal()
        self.modified = Signal()
        self._scene = scene
        self._parameters: SemanticSegParameterNode | None = None
        self._parametersObserver = 0
        self._node: slicer.vtkMRMLSegmentationNode | None = None
        self._nodeObservers: list[int] = []
        self._volume: slicer.vtkMRMLVolumeNode | None = None
        self._volumeObserver = 0
        self._sceneObserver = scene.AddObserver(slicer.vtkMRMLScene.NodeRemovedEvent, self._onNodeRemoved)

    @property
    def node(self) -> slicer.vtkMRMLSegmentationNode | None:
        """The scribbles; None as long as there are none."""
        return self._node

    @property
    def volume(self) -> slicer.vtkMRMLVolumeNode | None:
        """The chosen volume."""
        return self._volume

    def setParameters(self, parameters: SemanticSegParameterNode) -> None:
        """Follow the volume and the scribbles that a parameter node names."""
        self._releaseParameters()
        self._parameters = parameters
        self._parametersObserver = parameters.AddObserver(vtk.vtkCommand.ModifiedEvent, self._onParametersModified)
        self._followVolume(parameters.volume)
        self._follow(parameters.scribbles)

    def begin(self) -> slicer.vtkMRMLSegmentationNode:
        """The scribbles, made where there are none yet.

        Raises:
            InputError: If no volume is chosen.
        """
        if self._node is None:
            if self._volume is None:
                raise InputError("scribbles: no volume is chosen; choose one on top of the panel")
            self.choose(addScribbles(self._scene, self._volume))
        return self._node

    def choose(self, segmentationNode: slicer.vtkMRMLSegmentationNode | None) -> None:
        """Draw in this segmentation from now on."""
        if segmentationNode is not None:
            segmentationNode.SetAttribute(SCRIBBLES_ATTRIBUTE, "1")
            if referenceVolume(segmentationNode) is None and self._volume is not None:
                setReferenceVolume(segmentationNode, self._volume)
        self._parameters.scribbles = segmentationNode
        self._follow(segmentationNode)

    def cleanup(self) -> None:
        """Stop observing."""
        self._releaseParameters()
        self._followVolume(None)
        self._releaseNode()
        self._scene.RemoveObserver(self._sceneObserver)

    def _onParametersModified(self, _caller: object, _event: str) -> None:
        volume, node = self._parameters.volume, self._parameters.scribbles
        if volume is not self._volume:
            self._followVolume(volume)
            if volume is None or node is None or referenceVolume(node) is not volume:
                node = None if volume is None else scribblesOf(self._scene, volume)
        if node is not self._node:
            self.choose(node)

    def _onNodeRemoved(self, _scene: object, _event: str) -> None:
        if self._volume is not None and self._volume.GetScene() is None:
            self._followVolume(None)
        if self._node is not None and self._node.GetScene() is None:
            self._follow(None)

    def _onVolumeMoved(self, _volume: object, _event: str) -> None:
        if self._node is not None and referenceVolume(self._node) is self._volume:
            self._node.SetAndObserveTransformNodeID(self._volume.GetTransformNodeID())

    def _onSegmentsModified(self, _node: object, _event: str) -> None:
        self.modified.emit()

    def _followVolume(self, volume: slicer.vtkMRMLVolumeNode | None) -> None:
        if self._volume is not None:
            self._volume.RemoveObserver(self._volumeObserver)
        self._volume = volume
        if volume is not None:
            self._volumeObserver = volume.AddObserver(slicer.vtkMRMLTransformableNode.TransformModifiedEvent, self._onVolumeMoved)

    def _follow(self, node: slicer.vtkMRMLSegmentationNode | None) -> None:
        if node is not self._node:
            self._releaseNode()
            self._node = node
            if node is not None:
                self._nodeObservers = [node.AddObserver(event, self._onSegmentsModified) for event in SEGMENT_EVENTS]
            self.changed.emit(node)

    def _releaseNode(self) -> None:
        if self._node is not None:
            for observer in self._nodeObservers:
                self._node.RemoveObserver(observer)
        self._node, self._nodeObservers = None, []

    def _releaseParameters(self) -> None:
        if self._parameters is not None:
            self._parameters.RemoveObserver(self._parametersObserver)
        self._parameters = None
