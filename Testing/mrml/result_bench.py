"""One volume with its labels, scribbles and a result."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import slicer
import vtk

from SemanticSegLib.logic.LabelsLogic import LabelsLogic
from SemanticSegLib.logic.ScribblesLogic import ScribblesLogic
from SemanticSegLib.logic.ShownResult import ShownResult
from SemanticSegLib.nodes.Arrays import arrayFromImage
from SemanticSegLib.nodes.ResultNodes import addResult
from SemanticSegLib.nodes.SegmentationNodes import LABEL_MAP
from SemanticSegLib.nodes.VolumeNodes import addVolume
from semseg_core.data.answer_paths import AnswerPaths
from semseg_core.geometry import Grid
from semseg_core.labels.tree import LabelTree

LEFT, CORTEX, WHITE_MATTER, RIGHT, FLUID = 2, 3, 4, 5, 6
LEAVES = {CORTEX: 1, WHITE_MATTER: 2, RIGHT: 3, FLUID: 4}
SHAPE = (9, 11, 13)
SETTINGS = {
    "tree": None, "currentLabelId": 0, "hiddenLabelIds": [], "certainty": 0.0, "level": "auto", "showConfidence": False,
    "show3D": False, "resultOpacity": 0.5, "scribbleOpacity": 1.0, "model": "", "device": "cpu", "furtherChannels": [],
    "channelNames": "", "allFrames": False, "everything": False, "startModel": "",
}  # fmt: skip


class Parameters:
    """The parameter node's members that results need, on a real node; the wrapper needs the application's Python."""

    def __init__(self, scene: slicer.vtkMRMLScene) -> None:
        self.__dict__.update(SETTINGS, node=scene.AddNewNodeByClass("vtkMRMLScriptedModuleNode"))
        self.__dict__.update(AddObserver=self.node.AddObserver, RemoveObserver=self.node.RemoveObserver)

    def __getattr__(self, name: str) -> slicer.vtkMRMLNode | None:
        return self.node.GetNodeReference(name)

    def __setattr__(self, name: str, value: object) -> None:
        if name in SETTINGS:
            self.__dict__[name] = value
            self.node.Modified()
        else:
            self.node.SetNodeReferenceID(name, value.GetID() if value is not None else None)


class Wait:
    """Waits until the test says that a burst of changes is over."""

    def __init__(self, action: Callable[[], None], _delayMs: int = 0) -> None:
        self.action, self.requested = action, False

    def request(self) -> None:
        self.requested = True

    def cancel(self) -> None:
        self.requested = False


class Waits(list):
    """All that wait."""

    def __call__(self, action: Callable[[], None], delayMs: int = 0) -> Wait:
        self.append(Wait(action, delayMs))
        return self[-1]

    def settle(self) -> None:
        """Let everything that waits happen, and what that asks for."""
        while any(wait.requested for wait in self):
            for wait in self:
                if wait.requested:
                    wait.requested = False
                    wait.action()


class Bench:
    """One volume with its labels, scribbles and result."""

    def __init__(self, scene: slicer.vtkMRMLScene, volume: slicer.vtkMRMLVolumeNode, tree: LabelTree) -> None:
        self.scene, self.volume, self.waits = scene, volume, Waits()
        self.parameters = Parameters(scene)
        self.parameters.volume = volume
        self.labels = LabelsLogic(scene, self.parameters)
        self.labels.replace(tree)
        self.scribbles = ScribblesLogic(scene, self.parameters, self.labels, soon=self.waits)
        self.shown = ShownResult(scene, self.parameters, self.labels, self.scribbles, soon=self.waits)

    def show(self, paths: AnswerPaths) -> slicer.vtkMRMLSegmentationNode:
        node = addResult(self.scene, paths, self.volume, "a model", self.labels.tree)
        self.parameters.result = node
        return node

    def settings(self, **values: object) -> None:
        for name, value in values.items():
            getattr(self.shown, f"set{name[0].upper()}{name[1:]}")(value)
        self.waits.settle()

    def close(self) -> None:
        self.shown.cleanup()
        self.scribbles.cleanup()
        self.labels.cleanup()


def paths_on(volume: slicer.vtkMRMLVolumeNode, tree: LabelTree) -> AnswerPaths:
    """Three slabs along k: cortex 60 % under left 90 %, fluid 80 % in the middle, nothing known at the end."""
    leaves = np.zeros(volume.GetImageData().GetDimensions()[::-1], dtype=np.uint8)
    shares = np.zeros((2, *leaves.shape), dtype=np.uint8)
    leaves[:4], shares[0, :4], shares[1, :4] = LEAVES[CORTEX], 180, 120
    leaves[4:7], shares[:, 4:7] = LEAVES[FLUID], 160
    toRas = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(toRas)
    return AnswerPaths(tree, Grid(leaves.shape, [[toRas.GetElement(r, c) for c in range(4)] for r in range(4)]), leaves, shares)


def shown_values(node: slicer.vtkMRMLSegmentationNode) -> np.ndarray:
    """The label values of the layer that the segments share."""
    assert node.GetSegmentation().GetNumberOfLayers(LABEL_MAP) == 1
    return arrayFromImage(node.GetSegmentation().GetLayerDataObject(0, LABEL_MAP))


def names(node: slicer.vtkMRMLSegmentationNode) -> list[str]:
    segmentation = node.GetSegmentation()
    return [segmentation.GetNthSegment(index).GetName() for index in range(segmentation.GetNumberOfSegments())]


@pytest.fixture
def bench(scene, volume_node, brain_tree) -> Iterator[Bench]:
    made = Bench(scene, volume_node, brain_tree)
    yield made
    made.close()


@pytest.fixture
def plain_bench(scene, brain_tree) -> Iterator[Bench]:
    """A bench on one grid, where the kind of grid does not matter."""
    made = Bench(scene, addVolume(scene, "CT", np.zeros(SHAPE, dtype=np.float32), Grid(SHAPE, np.eye(4))), brain_tree)
    yield made
    made.close()


def nodes_of(scene: slicer.vtkMRMLScene, name: str) -> list:
    found = scene.GetNodesByClass(name)
    return [found.GetItemAsObject(index) for index in range(found.GetNumberOfItems())]
