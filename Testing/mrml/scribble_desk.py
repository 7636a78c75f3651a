"""One volume with labels and scribbles, drawn on by the logic of Slicer's own segment editor."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import slicer

from SemanticSegLib.logic.LabelsLogic import LabelsLogic
from SemanticSegLib.logic.ScribblesLogic import ScribblesLogic
from SemanticSegLib.nodes.Arrays import arrayFromImage
from SemanticSegLib.nodes.VolumeNodes import addVolume
from semseg_core.geometry import Grid
from semseg_core.labels.tree import LabelTree

CORTEX, WHITE_MATTER, RIGHT, FLUID, LEFT = 3, 4, 5, 6, 2
SHAPE = (9, 11, 13)


class Parameters:
    """The parameter node's members that scribbles need, on a real node; the wrapper needs the application's Python."""

    def __init__(self, scene: slicer.vtkMRMLScene) -> None:
        self.node = scene.AddNewNodeByClass("vtkMRMLScriptedModuleNode")
        self.AddObserver, self.RemoveObserver = self.node.AddObserver, self.node.RemoveObserver
        self.tree, self.currentLabelId, self.hiddenLabelIds = None, 0, []

    @property
    def volume(self):
        return self.node.GetNodeReference("volume")

    @volume.setter
    def volume(self, volume):
        self.node.SetNodeReferenceID("volume", volume.GetID() if volume else None)

    @property
    def scribbles(self):
        return self.node.GetNodeReference("scribbles")

    @scribbles.setter
    def scribbles(self, scribbles):
        self.node.SetNodeReferenceID("scribbles", scribbles.GetID() if scribbles else None)


class Wait:
    """Waits until the test says that the burst of changes is over."""

    def __init__(self, action: Callable[[], None]) -> None:
        self.action, self.requested = action, False

    def request(self) -> None:
        self.requested = True

    def cancel(self) -> None:
        self.requested = False


class Desk:
    """One volume, its labels and scribbles, and a segment editor to draw with."""

    def __init__(self, scene: slicer.vtkMRMLScene, volume: slicer.vtkMRMLVolumeNode, tree: LabelTree) -> None:
        self.scene, self.volume = scene, volume
        self.parameters = Parameters(scene)
        self.parameters.volume = volume
        self.labels = LabelsLogic(scene, self.parameters)
        self.labels.replace(tree)
        self.waits: list[Wait] = []
        self.scribbles = ScribblesLogic(scene, self.parameters, self.labels, soon=self._wait)
        self.editor = slicer.vtkSlicerSegmentEditorLogic()
        self.editor.SetMRMLScene(scene)
        self.editorNode = scene.AddNewNodeByClass("vtkMRMLSegmentEditorNode")
        self.editor.SetSegmentEditorNode(self.editorNode)

    def _wait(self, action: Callable[[], None]) -> Wait:
        self.waits.append(Wait(action))
        return self.waits[-1]

    def stroke(self, label_id: int, *places: tuple, erase: bool = False) -> None:
        """Select a label and draw one stroke over places, each an index of the volume's array."""
        self.labels.setCurrent(label_id)
        segment_id = self.scribbles.segmentFor(label_id)
        self.editorNode.SetAndObserveSegmentationNode(self.scribbles.node)
        self.editorNode.SetAndObserveSourceVolumeNode(self.volume)
        self.editorNode.SetSelectedSegmentID(segment_id)
        assert self.editor.SaveStateForUndo()
        assert self.editor.ResetModifierLabelmapToDefault()
        modifier = self.editor.GetModifierLabelmap()
        arrayFromImage(modifier)[...] = 0
        for place in places:
            arrayFromImage(modifier)[place] = 1
        modifier.Modified()
        mode = self.editor.ModificationModeRemoveAll if erase else self.editor.ModificationModeAdd
        self.editor.ModifySegmentByLabelmap(self.scribbles.node, segment_id, modifier, mode, False, False)

    def drawn(self) -> np.ndarray:
        """Label ids on the volume's voxels, as training would see them."""
        marks = self.scribbles.marks().marks
        array = np.zeros(marks.grid.shape, dtype=np.int32)
        array[tuple(marks.indices.T)] = marks.label_ids
        return array

    def counts(self) -> dict[int, int]:
        self.scribbles.refresh()
        return self.scribbles.counts

    def segments(self) -> dict[str, str]:
        """Names of segments by id."""
        segmentation = self.scribbles.node.GetSegmentation()
        ids = segmentation.GetSegmentIDs()
        return {segment_id: segmentation.GetSegment(segment_id).GetName() for segment_id in ids}

    def close(self) -> None:
        self.scribbles.cleanup()
        self.labels.cleanup()


@pytest.fixture
def new_desk():
    made = []

    def make(scene, volume, tree) -> Desk:
        made.append(Desk(scene, volume, tree))
        return made[-1]

    yield make
    for desk in made:
        desk.close()


@pytest.fixture
def desk(new_desk, scene, volume_node, brain_tree) -> Desk:
    return new_desk(scene, volume_node, brain_tree)


@pytest.fixture
def plain(new_desk, scene, brain_tree) -> Desk:
    """A desk on one grid, where the kind of grid does not matter."""
    volume = addVolume(scene, "CT", np.arange(np.prod(SHAPE), dtype=np.float32).reshape(SHAPE), Grid(SHAPE, np.eye(4)))
    return new_desk(scene, volume, brain_tree)
