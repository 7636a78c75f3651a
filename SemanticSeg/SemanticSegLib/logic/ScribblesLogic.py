"""The scribbles of a volume: their segments follow the label tree, their voxels are counted, moved and added to.

Strokes themselves are drawn by Slicer's segment editor. Whatever else changes voxels goes through here: edits of the tree, and
regions of a result that are accepted. Unpainted means unknown; nothing here ever writes into a result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import numpy as np
import slicer

from SemanticSegLib.logic.Signal import Signal
from SemanticSegLib.logic.Soon import Soon
from SemanticSegLib.nodes.ScribbleNodes import (
    SCRIBBLES_ATTRIBUTE,
    Drawn,
    addScribbles,
    addSegment,
    describeSegments,
    draw,
    drawn,
    labelAt,
    onLatticeOf,
    referenceVolume,
    scribblesOf,
    segmentLabels,
)
from SemanticSegLib.nodes.SegmentationNodes import SegmentationMarks, marksFromSegmentation
from SemanticSegLib.nodes.VolumeNodes import volumeGrid
from semseg_core.errors import InputError
from semseg_core.labels.edit import Remap
from semseg_core.labels.tree import LabelTree
from semseg_core.sparse.scribbles import SparseLabels
from semseg_core.sparse.statistics import FEW_VOXELS

if TYPE_CHECKING:
    from SemanticSegLib.logic.LabelsLogic import LabelsLogic
    from SemanticSegLib.logic.ParameterNode import SemanticSegParameterNode

MODIFIED = "ModifiedEvent"

SEGMENT_EVENTS = (
    slicer.vtkSegmentation.SegmentAdded,
    slicer.vtkSegmentation.SegmentRemoved,
    slicer.vtkSegmentation.SegmentModified,
    slicer.vtkSegmentation.SourceRepresentationModified,
)


class ScribblesLogic:
    """Owns the scribble node of the chosen volume.

    Args:
        scene: Where scribbles live.
        parameters: Say which volume and which scribbles are chosen.
        labels: The tree that scribbles are drawn on.
        soon: Makes what waits until a burst of changes is over; `Soon` in the application.

    Attributes:
        nodeChanged: `(segmentationNode | None)` when other scribbles are chosen, or they are deleted.
        countsChanged: `(counts: dict[labelId, voxels], warnings: dict[labelId, sentence])` shortly after voxels changed.
        aboutToAdd: `()` before `addMarks` changes voxels: whoever keeps a history of strokes saves a state now.
        carried: `()` after an edit of the tree has moved voxels: a history of strokes no longer fits and is dropped.
    """

    def __init__(
        self,
        scene: slicer.vtkMRMLScene,
        parameters: SemanticSegParameterNode,
        labels: LabelsLogic,
        soon: Callable[[Callable[[], None]], Soon] = Soon,
    ) -> None:
        self.nodeChanged = Signal()
        self.countsChanged = Signal()
        self.aboutToAdd = Signal()
        self.carried = Signal()
        self._scene = scene
        self._labels = labels
        self._node: slicer.vtkMRMLSegmentationNode | None = None
        self._volume: slicer.vtkMRMLVolumeNode | None = None
        self._nodeObservers: list[int] = []
        self._volumeObserver = 0
        self._counts: dict[int, int] = {}
        self._warnings: dict[int, str] = {}
        self._strangers: tuple[str, ...] = ()
        self._unpainted: set[int] = set()
        self._parameters: SemanticSegParameterNode | None = None
        self._soon = soon(self.refresh)
        labels.carryMarks = self.carry
        labels.marksOf = self.marksOf
        labels.treeChanged.connect(self._onTreeChanged)
        labels.currentChanged.connect(self._onCurrentChanged)
        labels.visibilityChanged.connect(self._onVisibilityChanged)
        self._sceneObserver = scene.AddObserver(slicer.vtkMRMLScene.NodeRemovedEvent, self._onNodeRemoved)
        self.setParameters(parameters)

    def setParameters(self, parameters: SemanticSegParameterNode) -> None:
        """Take the volume and the scribbles that a parameter node names, now and whenever it changes."""
        self._forgetParameters()
        self._parameters = parameters
        self._parametersObserver = parameters.AddObserver(MODIFIED, self._onParametersModified)
        self._observeVolume(parameters.volume)
        self._observeNode(parameters.scribbles)

    def cleanup(self) -> None:
        """Stop observing."""
        self._soon.cancel()
        self._forgetParameters()
        self._observeVolume(None)
        self._unobserveNode()
        self._scene.RemoveObserver(self._sceneObserver)
        self._labels.treeChanged.disconnect(self._onTreeChanged)
        self._labels.currentChanged.disconnect(self._onCurrentChanged)
        self._labels.visibilityChanged.disconnect(self._onVisibilityChanged)

    # Nodes and segments

    @property
    def node(self) -> slicer.vtkMRMLSegmentationNode | None:
        """The chosen scribbles; None as long as nothing was drawn on the chosen volume."""
        return self._node

    @property
    def strangers(self) -> tuple[str, ...]:
        """Names of the segments among the scribbles that fit no label; they are left alone and not trained on."""
        return self._strangers

    def ready(self) -> str:
        """What is missing before one can scribble, in a sentence; empty where nothing is."""
        if self._parameters.volume is None:
            return "Choose a volume first."
        if self._labels.tree is None:
            return "Choose or make labels first."
        return "" if self._labels.currentLabelId else "Select a label to paint first."

    def begin(self) -> slicer.vtkMRMLSegmentationNode:
        """The scribbles of the chosen volume, made where there are none yet.

        Raises:
            InputError: If no volume is chosen.
        """
        if self._node is None:
            if self._parameters.volume is None:
                raise InputError("scribbles: no volume is chosen; choose one on top of the panel")
            self._parameters.scribbles = addScribbles(self._scene, self._parameters.volume)
            self._observeNode(self._parameters.scribbles)
        return self._node

    def choose(self, segmentationNode: slicer.vtkMRMLSegmentationNode | None) -> None:
        """Scribble in a segmentation made elsewhere; segments that fit labels become theirs, `strangers` names the others."""
        self._parameters.scribbles = segmentationNode
        self._observeNode(segmentationNode)

    def segmentFor(self, labelId: int) -> str:
        """The id of a label's segment, made and shown where missing. One never painted goes when another label is selected.

        Raises:
            InputError: If no volume is chosen.
            LabelTreeError: If there is no such label.
        """
        node = self.begin()
        segmentId = self._segmentIds().get(labelId)
        if segmentId is None:
            segmentId = addSegment(node, self._labels.tree, labelId)
            self._unpainted.add(labelId)
        if labelId in self._labels.hidden:
            self._labels.setVisible([labelId], True)
        return segmentId

    def dropEmptySegments(self, keepLabelId: int = 0) -> None:
        """Remove the segments that were selected but never painted."""
        empty = self._unpainted - {keepLabelId} - set(self.marksOf(self._unpainted))
        for labelId, segmentId in self._segmentIds().items():
            if labelId in empty:
                self._node.GetSegmentation().RemoveSegment(segmentId)
        self._unpainted &= {keepLabelId}

    def labelAt(self, point: tuple[float, float, float]) -> int:
        """The label drawn at a point, RAS millimeters; 0 where there is none."""
        return 0 if self._node is None else labelAt(self._node, point)

    # Voxels

    @property
    def counts(self) -> dict[int, int]:
        """Marked voxels by label id, of labels that have any, as of the latest `countsChanged`."""
        return self._counts

    @property
    def warnings(self) -> dict[int, str]:
        """What is too little to learn from, by label id, as of the latest `countsChanged`."""
        return self._warnings

    def marksOf(self, labelIds: Iterable[int]) -> dict[int, int]:
        """Marked voxels of these labels, now; only of those that have any."""
        labelIds = set(labelIds)
        if self._node is None or not labelIds:
            return {}
        found, counts = np.unique(drawn(self._node).labelIds, return_counts=True)
        return {labelId: count for labelId, count in zip(found.tolist(), counts.tolist(), strict=True) if labelId in labelIds}

    def marks(self, volumeNode: slicer.vtkMRMLVolumeNode | None = None) -> SegmentationMarks:
        """The scribbles as marks on the grid of a volume, by default the chosen one.

        Raises:
            InputError: If there are no scribbles, or segments with voxels fit no label.
        """
        if self._node is None or self._labels.tree is None:
            raise InputError("scribbles: there are none yet; choose labels and scribble on a volume")
        return marksFromSegmentation(self._node, volumeNode or self._parameters.volume, self._labels.tree)

    def addMarks(self, marks: SparseLabels | np.ndarray, overwrite: bool = False) -> int:
        """Add marks on the chosen volume's grid; voxels that are marked already keep their strokes unless `overwrite`.

        Args:
            marks: Marks, or label ids, (D, H, W), 0 where nothing is to be added.
            overwrite: Whether they replace strokes.

        Returns:
            Number of voxels that were added or changed.
        """
        if isinstance(marks, np.ndarray):
            indices = np.argwhere(marks)
            marks = SparseLabels(volumeGrid(self._parameters.volume), indices, marks[tuple(indices.T)])
        node = self.begin()
        voxels, labelIds = onLatticeOf(node, marks)
        if not overwrite:
            free = ~contained(voxels, drawn(node).voxels)
            voxels, labelIds = voxels[free], labelIds[free]
        if len(labelIds):
            self.aboutToAdd.emit()
            self._draw(Drawn(voxels, labelIds))
        return len(labelIds)

    def carry(self, remap: Remap) -> Callable[[], None]:
        """Move marks after an edit of the tree; gives what puts them back, except where was painted since."""
        if self._node is None:
            return lambda: None
        before = drawn(self._node)
        affected = np.isin(before.labelIds, list(remap.ids))
        voxels, old = before.voxels[affected], before.labelIds[affected]
        new = np.array([remap.ids[labelId] or 0 for labelId in old.tolist()], dtype=np.int32)
        self._move(Drawn(voxels, new))
        for labelId, segmentId in self._segmentIds().items():
            if labelId in remap.ids and labelId not in self._labels.tree:
                self._node.GetSegmentation().RemoveSegment(segmentId)
        node = self._node

        def takeBack() -> None:
            if self._node is not node:
                return
            now = valuesAt(drawn(node), voxels)
            same = now == new
            self._move(Drawn(voxels[same], old[same]))

        return takeBack

    def refresh(self) -> None:
        """Count the voxels and tell; happens by itself shortly after every change."""
        self._soon.cancel()
        counts, warnings = {}, {}
        if self._node is not None and self._labels.tree is not None:
            self._strangers = describeSegments(self._node, self._labels.tree)
            marks = drawn(self._node)
            counts, warnings = counted(marks, self._labels.tree)
            self._unpainted -= set(counts)
        self._counts, self._warnings = counts, warnings
        self.countsChanged.emit(counts, warnings)

    # How

    def _move(self, marks: Drawn) -> None:
        if len(marks.labelIds):
            self._draw(marks)
            self.carried.emit()

    def _draw(self, marks: Drawn) -> None:
        found = set(np.unique(marks.labelIds).tolist()) - {0}
        draw(self._node, marks, {labelId: self.segmentFor(labelId) for labelId in found})
        self._unpainted -= found

    def _segmentIds(self) -> dict[int, str]:
        """The segment of each label; the first where there are several."""
        if self._node is None:
            return {}
        return {labelId: segmentId for segmentId, labelId in reversed(segmentLabels(self._node).items())}

    def _onTreeChanged(self, tree: LabelTree | None, remap: Remap | None) -> None:
        del tree, remap
        self.refresh()

    def _onCurrentChanged(self, labelId: int) -> None:
        if self._node is not None:
            self.dropEmptySegments(labelId)
            if labelId:
                self.segmentFor(labelId)

    def _onVisibilityChanged(self, labelIds: frozenset[int], visible: bool) -> None:
        if self._node is not None:
            for labelId, segmentId in self._segmentIds().items():
                if labelId in labelIds:
                    self._node.GetDisplayNode().SetSegmentVisibility(segmentId, visible)

    def _onParametersModified(self, _caller: object, _event: str) -> None:
        volume, node = self._parameters.volume, self._parameters.scribbles
        if volume is not self._volume:
            self._observeVolume(volume)
            if node is None or (volume is not None and referenceVolume(node) is not volume):
                node = None if volume is None else scribblesOf(self._scene, volume)
                self._parameters.scribbles = node
        if node is not self._node:
            self._observeNode(node)

    def _onNodeRemoved(self, _scene: object, _event: str) -> None:
        if self._node is not None and self._node.GetScene() is None:
            self._observeNode(None)
        if self._volume is not None and self._volume.GetScene() is None:
            self._observeVolume(None)

    def _onVolumeMoved(self, _volume: object, _event: str) -> None:
        if self._node is not None and referenceVolume(self._node) is self._volume:
            self._node.SetAndObserveTransformNodeID(self._volume.GetTransformNodeID())

    def _onSegmentsModified(self, _node: object, _event: str) -> None:
        self._soon.request()

    def _observeVolume(self, volume: slicer.vtkMRMLVolumeNode | None) -> None:
        if self._volume is not None:
            self._volume.RemoveObserver(self._volumeObserver)
        self._volume = volume
        if volume is not None:
            self._volumeObserver = volume.AddObserver(slicer.vtkMRMLTransformableNode.TransformModifiedEvent, self._onVolumeMoved)

    def _observeNode(self, node: slicer.vtkMRMLSegmentationNode | None) -> None:
        if node is self._node:
            return
        self._unobserveNode()
        self._node = node
        self._unpainted.clear()
        self._strangers = ()
        if node is not None:
            node.SetAttribute(SCRIBBLES_ATTRIBUTE, "1")
            self._nodeObservers = [node.AddObserver(event, self._onSegmentsModified) for event in SEGMENT_EVENTS]
        self.nodeChanged.emit(node)
        self.refresh()

    def _unobserveNode(self) -> None:
        if self._node is not None:
            for observer in self._nodeObservers:
                self._node.RemoveObserver(observer)
        self._node, self._nodeObservers = None, []

    def _forgetParameters(self) -> None:
        if self._parameters is not None:
            self._parameters.parameterNode.RemoveObserver(self._parametersObserver)
        self._parameters = None


def counted(marks: Drawn, tree: LabelTree) -> tuple[dict[int, int], dict[int, str]]:
    """Marked voxels by label id, and in a word or two what is too little."""
    order = np.argsort(marks.labelIds, kind="stable")
    ids, starts, counts = np.unique(marks.labelIds[order], return_index=True, return_counts=True)
    voxels, warnings = {}, {}
    for labelId, start, count in zip(ids.tolist(), starts.tolist(), counts.tolist(), strict=True):
        if labelId in tree:
            voxels[labelId] = count
            own = marks.voxels[order[start : start + count]]
            if count < FEW_VOXELS:
                warnings[labelId] = f"fewer than {FEW_VOXELS} voxels"
            elif (own.min(axis=0) == own.max(axis=0)).any():
                warnings[labelId] = "one slice only"
    return voxels, warnings


def contained(voxels: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Whether each voxel is among the others, (N,) bool."""
    return valuesAt(Drawn(others, np.ones(len(others), dtype=np.int32)), voxels) > 0


def valuesAt(marks: Drawn, voxels: np.ndarray) -> np.ndarray:
    """The label at each voxel, 0 where there is none, (N,) int32."""
    both = np.concatenate([marks.voxels, voxels])
    if not len(both):
        return np.zeros(0, dtype=np.int32)
    low = both.min(axis=0)
    shape = both.max(axis=0) - low + 1
    known = np.ravel_multi_index((marks.voxels - low).T, shape)
    asked = np.ravel_multi_index((voxels - low).T, shape)
    order = np.argsort(known, kind="stable")
    places = np.searchsorted(known, asked, sorter=order)
    found = np.zeros(len(asked), dtype=np.int32)
    within = places < len(known)
    at = order[places[within]]
    found[within] = np.where(known[at] == asked[within], marks.labelIds[at], 0)
    return found
