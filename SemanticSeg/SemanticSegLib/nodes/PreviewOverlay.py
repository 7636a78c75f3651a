"""The live preview over the image: a label map in the label layer of the slice views, which a slice refreshes in milliseconds.

A segmentation would take as many steps as it has segments, in each view. Nothing of the preview is saved with the scene.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

import numpy as np
import slicer
import vtk

from SemanticSegLib.nodes.Arrays import arrayFromImage
from SemanticSegLib.nodes.Placement import placeBeside
from semseg_core.interactive.arrays import ShownSlice, volume_parts
from semseg_core.labels.tree import LabelTree

NAME = "Live preview (not saved)"

OPACITY = 0.4

HIDDEN_ATTRIBUTE = "SemanticSeg.HiddenByPreview"
"""Marks a result that is hidden as long as a preview of its volume is shown."""

TABLE_VALUES = 1 << 16
"""Values below it are translated by a table, which takes a fifth of the time of a search."""


class PreviewOverlay:
    """Shows answers as they come. Other results of the volume are hidden meanwhile: two answers in the same colors confuse.

    Args:
        scene: Where the volume is.
        volumeNode: What is segmented.
        resultNode: Another result that is shown now, if there is one.
        tree: As for `color`.
        hidden: As for `color`.

    Attributes:
        node: The label map; its voxels are codes of labels, which stay what they are when the tree is edited.
    """

    def __init__(
        self,
        scene: slicer.vtkMRMLScene,
        volumeNode: slicer.vtkMRMLVolumeNode,
        resultNode: slicer.vtkMRMLSegmentationNode | None,
        tree: LabelTree,
        hidden: Collection[int],
    ) -> None:
        self._scene = scene
        self._codes: dict[int, int] = {}
        if resultNode is not None and resultNode.GetDisplayVisibility():
            resultNode.SetAttribute(HIDDEN_ATTRIBUTE, "1")
            resultNode.SetDisplayVisibility(False)
        self._before: dict[str, tuple[str | None, float]] = {}
        self._colors = scene.AddNewNodeByClass("vtkMRMLColorTableNode", scene.GenerateUniqueName("Live preview colors"))
        self._colors.SetTypeToUser()
        self._colors.SetHideFromEditors(True)
        self.color(tree, hidden)
        self.node = self._labelMap(volumeNode)
        for each in (self._colors, self.node, self.node.GetDisplayNode()):
            each.SetSaveWithScene(False)
        for view in self._views():
            self._before[view.GetID()] = (view.GetLabelVolumeID(), view.GetLabelOpacity())
            view.SetLabelVolumeID(self.node.GetID())
            view.SetLabelOpacity(OPACITY)

    def remove(self) -> None:
        """Take everything away; what was shown before is shown again."""
        for view in self._views():
            if view.GetLabelVolumeID() == self.node.GetID():
                labelMap, opacity = self._before.get(view.GetID(), (None, 1.0))
                view.SetLabelVolumeID(labelMap)
                view.SetLabelOpacity(opacity)
        showHiddenResults(self._scene)
        for node in (self.node, self.node.GetDisplayNode(), self._colors):
            if node is not None and node.GetScene() is self._scene:
                self._scene.RemoveNode(node)

    def color(self, tree: LabelTree, hidden: Collection[int]) -> None:
        """Take names and colors, and the values that answers come in, from a tree; hidden labels are transparent."""
        for label in tree:
            self._codes.setdefault(label.id, len(self._codes) + 1)
        colors = self._colors
        modified = colors.StartModify()
        colors.SetNumberOfColors(max(len(self._codes) + 1, colors.GetNumberOfColors()))
        colors.SetColor(0, "unknown", 0.0, 0.0, 0.0, 0.0)
        for label in tree:
            colors.SetColor(self._codes[label.id], label.name, *label.color, 0.0 if label.id in hidden else 1.0)
        colors.EndModify(modified)
        ordered = sorted(tree, key=lambda label: label.value)
        self._values = np.array([label.value for label in ordered])
        self._coded = np.array([self._codes[label.id] for label in ordered], dtype=np.int16)
        self._table = np.zeros(TABLE_VALUES, dtype=np.int16)
        small = (self._values >= 0) & (self._values < TABLE_VALUES)
        self._table[self._values[small]] = self._coded[small]

    def showSlices(self, slices: Iterable[ShownSlice]) -> None:
        """Show slices as they were answered."""
        voxels = arrayFromImage(self.node.GetImageData())
        for shown in slices:
            if any(shown.rises):
                _drawTilted(voxels, shown, self._codesOf(shown.values))
            else:
                np.moveaxis(voxels, shown.axis, 0)[shown.index] = self._codesOf(shown.values)
        self._tell()

    def showing(self, path: Path) -> Iterator[None]:
        """Show a whole volume as it was answered; writes one part a step, and all of it is seen after the last.

        Raises:
            InputError: While it is read, if it cannot be.
        """
        voxels = arrayFromImage(self.node.GetImageData())
        for start, values in volume_parts(path):
            voxels[start : start + len(values)] = self._codesOf(values)
            yield
        self._tell()

    def follow(self, volumeNode: slicer.vtkMRMLVolumeNode) -> None:
        """Lie where the volume lies now."""
        if self.node.GetTransformNodeID() != volumeNode.GetTransformNodeID():
            self.node.SetAndObserveTransformNodeID(volumeNode.GetTransformNodeID())

    def _codesOf(self, values: np.ndarray) -> np.ndarray:
        """The codes of values; 0 for those that no label has, as of one that was removed just now."""
        if values.dtype.itemsize <= 2:
            return self._table[values]
        places = np.searchsorted(self._values, values).clip(max=len(self._values) - 1)
        return np.where(self._values[places] == values, self._coded[places], 0)

    def _labelMap(self, volumeNode: slicer.vtkMRMLVolumeNode) -> slicer.vtkMRMLLabelMapVolumeNode:
        scene = self._scene
        node = scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", scene.GenerateUniqueName(NAME))
        toRas = vtk.vtkMatrix4x4()
        volumeNode.GetIJKToRASMatrix(toRas)
        node.SetIJKToRASMatrix(toRas)
        image = vtk.vtkImageData()
        image.SetDimensions(volumeNode.GetImageData().GetDimensions())
        image.AllocateScalars(vtk.VTK_SHORT, 1)
        arrayFromImage(image)[...] = 0
        node.SetAndObserveImageData(image)
        node.CreateDefaultDisplayNodes()
        node.GetDisplayNode().SetAndObserveColorNodeID(self._colors.GetID())
        placeBeside(scene, node, volumeNode)
        return node

    def _tell(self) -> None:
        """Tell the views that voxels have changed."""
        self.node.GetImageData().GetPointData().GetScalars().Modified()
        self.node.GetImageData().Modified()

    def _views(self) -> Iterator[slicer.vtkMRMLSliceCompositeNode]:
        found = self._scene.GetNodesByClass("vtkMRMLSliceCompositeNode")
        return (found.GetItemAsObject(index) for index in range(found.GetNumberOfItems()))


def showHiddenResults(scene: slicer.vtkMRMLScene) -> None:
    """Show again the results that a preview has hidden; one that was on when the scene was saved left them so."""
    found = scene.GetNodesByClass("vtkMRMLSegmentationNode")
    for node in (found.GetItemAsObject(index) for index in range(found.GetNumberOfItems())):
        if node.GetAttribute(HIDDEN_ATTRIBUTE) is not None:
            node.RemoveAttribute(HIDDEN_ATTRIBUTE)
            node.SetDisplayVisibility(True)


def _drawTilted(voxels: np.ndarray, shown: ShownSlice, codes: np.ndarray) -> None:
    """Draw a slice at an angle three voxels thick: a view that looks along it meets voxels beside the nearest ones, too."""
    first, second = np.indices(codes.shape, sparse=True)
    index = np.rint(shown.index + shown.rises[0] * first + shown.rises[1] * second).astype(np.int64)
    flat, size = voxels.reshape(-1), voxels.shape[shown.axis]
    step, *others = (stride // voxels.itemsize for stride in np.moveaxis(voxels, shown.axis, 0).strides)
    places = index * step + first * others[0] + second * others[1]
    for beside in (-1, 1, 0):
        inside = (index + beside >= 0) & (index + beside < size)
        flat[places[inside] + beside * step] = codes[inside]
