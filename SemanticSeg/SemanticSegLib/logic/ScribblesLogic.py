"""The scribbles of a volume: their segments follow the label tree, their voxels are counted, moved and added to.

Strokes themselves are drawn by Slicer's segment editor. Whatever else changes voxels goes through here: edits of the tree, and
regions of a result that are accepted. Unpainted means unknown; nothing here ever writes into a result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import numpy as np
import slicer
from slicer.i18n import tr as _

from SemanticSegLib.logic.ChosenScribbles import ChosenScribbles
from SemanticSegLib.logic.Signal import Signal
from SemanticSegLib.logic.Soon import Soon
from SemanticSegLib.logic.StrokeCounts import DRAWN_BY_HAND, lacking
from SemanticSegLib.nodes.ResultNodes import isResult
from SemanticSegLib.nodes.ScribbleBoxes import Box, boxOnLattice, countLabels, drawBox, unmarked
from SemanticSegLib.nodes.ScribbleNodes import addSegment, describeSegments, segmentLabels
from SemanticSegLib.nodes.ScribbleVoxels import (
    Drawn,
    draw,
    drawn,
    isPainted,
    labelAt,
    labelsAt,
    onGrid,
    onLatticeOf,
    voxelCounts,
)
from SemanticSegLib.nodes.SegmentationNodes import SegmentationMarks, marksFromSegmentation
from SemanticSegLib.nodes.VolumeNodes import requireShape, volumeGrid
from semseg_core.errors import InputError
from semseg_core.geometry import Grid
from semseg_core.labels.edit import Remap
from semseg_core.labels.tree import LabelTree
from semseg_core.sparse.scribbles import SparseLabels

if TYPE_CHECKING:
    from SemanticSegLib.logic.LabelsLogic import LabelsLogic
    from SemanticSegLib.logic.ParameterNode import SemanticSegParameterNode


SKETCHED = 100_000
"""Of more voxels only so many are looked at where they tell enough."""


class ScribblesLogic:
    """Owns the scribbles of the chosen volume.

    Args:
        scene: Where scribbles live.
        parameters: Say which volume and which scribbles are chosen.
        labels: The tree that scribbles are drawn on; its hooks for strokes are taken.
        soon: Makes what waits until a burst of changes is over; `Soon` in the application.

    Attributes:
        nodeChanged: `(segmentationNode | None)` when other scribbles are chosen, or they are deleted.
        countsChanged: `(counts: dict[labelId, voxels], warnings: dict[labelId, sentence])` shortly after voxels changed.
        segmentSelected: `(segmentId: str)` when another label is to be painted, before the segment left empty goes: whoever
            draws changes over now.
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
        self.countsChanged = Signal()
        self.segmentSelected = Signal()
        self.aboutToAdd = Signal()
        self.carried = Signal()
        self._labels = labels
        self._chosen = ChosenScribbles(scene)
        self.nodeChanged = self._chosen.changed
        self._counts: dict[int, int] = {}
        self._warnings: dict[int, str] = {}
        self._strangers: tuple[str, ...] = ()
        self._unpainted: set[int] = set()
        self._recent: list[int] = []
        self._soon = soon(self.refresh)
        self._chosen.changed.connect(self._onChosen)
        self._chosen.modified.connect(self._soon.request)
        labels.carryMarks = self.carry
        labels.marksOf = self.marksOf
        labels.treeChanged.connect(self._onTreeChanged)
        labels.currentChanged.connect(self._onCurrentChanged)
        labels.visibilityChanged.connect(self._onVisibilityChanged)
        self.setParameters(parameters)

    def setParameters(self, parameters: SemanticSegParameterNode) -> None:
        """Take the volume and the scribbles that a parameter node names, now and whenever it changes."""
        self._chosen.setParameters(parameters)

    def cleanup(self) -> None:
        """Stop observing."""
        self._soon.cancel()
        self._chosen.cleanup()
        self._labels.treeChanged.disconnect(self._onTreeChanged)
        self._labels.currentChanged.disconnect(self._onCurrentChanged)
        self._labels.visibilityChanged.disconnect(self._onVisibilityChanged)

    # Nodes and segments

    @property
    def node(self) -> slicer.vtkMRMLSegmentationNode | None:
        """The scribbles; None as long as nothing was drawn on the chosen volume."""
        return self._chosen.node

    @property
    def volume(self) -> slicer.vtkMRMLVolumeNode | None:
        """The volume they are drawn on."""
        return self._chosen.volume

    @property
    def strangers(self) -> tuple[str, ...]:
        """Names of the segments among the scribbles that fit no label; they are left as they are."""
        return self._strangers

    def missing(self) -> str:
        """What is missing before one can scribble, in a sentence; empty where nothing is."""
        if self.volume is None:
            return _("Choose a volume first.")
        if self._labels.tree is None:
            return _("Choose or make labels first.")
        return "" if self._labels.currentLabelId else _("Select the label to paint first.")

    def begin(self) -> slicer.vtkMRMLSegmentationNode:
        """The scribbles of the chosen volume, made where there are none yet.

        Raises:
            InputError: If no volume is chosen.
        """
        return self._chosen.begin()

    def choose(self, segmentationNode: slicer.vtkMRMLSegmentationNode | None) -> None:
        """Scribble in a segmentation made elsewhere; segments that fit labels become theirs, `strangers` names the others.

        Raises:
            InputError: If it is a result: nothing is ever drawn into one.
        """
        if isResult(segmentationNode):
            found = _("'{name}' is a result, which is not drawn in; accept its labels as scribbles in step 4")
            raise InputError(found.format(name=segmentationNode.GetName()))
        self._chosen.choose(segmentationNode)

    def segmentFor(self, labelId: int) -> str:
        """The id of a label's segment, made and shown where missing. One never painted goes when another label is selected.

        Raises:
            InputError: If no volume is chosen, or there is no tree.
            LabelTreeError: If there is no such label.
        """
        if self._labels.tree is None:
            raise InputError("scribbles: there are no labels yet; choose a preset or start an empty tree")
        self._labels.tree.position(labelId)  # refuses a label of another tree before anything is made
        node = self.begin()
        segmentId = self._segmentIds().get(labelId)
        if segmentId is None:
            segmentId = addSegment(node, self._labels.tree, labelId)
            self._unpainted.add(labelId)
        if labelId in self._labels.hidden:
            self._labels.setVisible([labelId], True)
        return segmentId

    def dropEmptySegments(self, keptLabelId: int = 0) -> None:
        """Remove the segments that were selected but never painted."""
        if self.node is not None:
            segmentIds = self._segmentIds()
            for labelId in self._unpainted & set(segmentIds) - {keptLabelId}:
                if not isPainted(self.node, segmentIds[labelId]):
                    self.node.GetSegmentation().RemoveSegment(segmentIds[labelId])
            self._unpainted &= {keptLabelId}

    def followUndo(self) -> None:
        """Go on with a label that has a segment, after undo has taken away that of the current one.

        Making it again would be a change of its own, after which nothing could be done again.
        """
        segmentIds = self._segmentIds()
        if self._labels.currentLabelId not in segmentIds:
            self._labels.setCurrent(next((labelId for labelId in self._recent if labelId in segmentIds), 0))

    def setOpacity(self, opacity: float) -> None:
        """How strongly scribbles cover the image, 0…1."""
        if self.node is not None:
            self.node.GetDisplayNode().SetOpacity(opacity)

    def labelAt(self, point: tuple[float, float, float]) -> int:
        """The label drawn at a point, RAS millimeters; 0 where there is none."""
        return 0 if self.node is None else labelAt(self.node, point)

    # Voxels

    @property
    def counts(self) -> dict[int, int]:
        """Marked voxels by label id, of labels that have any, as of the latest `countsChanged`."""
        return self._counts

    @property
    def warnings(self) -> dict[int, str]:
        """What is too little to learn from, a sentence by label id, as of the latest `countsChanged`."""
        return self._warnings

    def marksOf(self, labelIds: Iterable[int]) -> dict[int, int]:
        """Marked voxels of these labels, now; only of those that have any."""
        wanted = set(labelIds)
        if self.node is None or not wanted:
            return {}
        return {labelId: count for labelId, count in voxelCounts(self.node).items() if labelId in wanted}

    def marks(self, volumeNode: slicer.vtkMRMLVolumeNode | None = None) -> SegmentationMarks:
        """The scribbles as marks on the grid of a volume, by default the chosen one.

        Raises:
            InputError: If there are no scribbles, or segments with voxels fit no label.
        """
        if self.node is None or self._labels.tree is None:
            raise InputError("scribbles: there are none yet; choose labels and scribble on a volume")
        return marksFromSegmentation(self.node, volumeNode or self.volume, self._labels.tree)

    def sketch(self, grid: Grid) -> SparseLabels:
        """The scribbles on a grid for looking at them, at once: of labels with very many voxels only some."""
        if self.node is None:
            return SparseLabels(grid, np.zeros((0, 3)), np.zeros(0))
        counts = voxelCounts(self.node)
        few = {labelId for labelId, count in counts.items() if count <= SKETCHED // 10}
        step = 1 + sum(counts.values()) // SKETCHED
        parts = (drawn(self.node, few), drawn(self.node, set(counts) - few, step))
        return onGrid(self.node, grid, Drawn(*(np.concatenate(part) for part in zip(*parts, strict=True))))

    def addMarks(self, marks: SparseLabels | np.ndarray, overwrite: bool = False) -> int:
        """Add marks on the chosen volume's grid; voxels that are marked already keep their strokes unless `overwrite`.

        Args:
            marks: Marks, or label ids, (D, H, W), 0 where nothing is to be added.
            overwrite: Whether they replace strokes.

        Returns:
            Number of voxels that were marked.

        Raises:
            InputError: If no volume is chosen.
            ShapeError: If an array has not one id per voxel of the volume.
            LabelTreeError: If an id is not in the tree.
        """
        if isinstance(marks, np.ndarray):
            requireShape(marks, self.volume, "accepted regions")
            return self.addBox(volumeGrid(self.volume), Box((0, 0, 0), marks), overwrite)
        return self._addPoints(marks.grid, marks.indices, marks.label_ids, overwrite)

    def addBox(self, grid: Grid, box: Box, overwrite: bool = False) -> int:
        """Add marks in a box of a grid in the world, as `addMarks` does; millions of voxels take a tenth of a second.

        Raises:
            InputError: If no volume is chosen.
            LabelTreeError: If an id is not in the tree.
        """
        node = self.begin()
        placed = boxOnLattice(node, grid, box)
        if placed is None:  # the scribbles have voxels of their own
            indices = np.argwhere(box.labelIds)
            return self._addPoints(grid, indices + np.array(box.start), box.labelIds[tuple(indices.T)], overwrite)
        fresh = placed if overwrite else unmarked(node, placed)
        counts = countLabels(fresh.labelIds)
        if counts:
            self.aboutToAdd.emit()
            drawBox(node, fresh, {labelId: self.segmentFor(labelId) for labelId in counts})
            self._unpainted -= set(counts)
        return sum(counts.values())

    def _addPoints(self, grid: Grid, indices: np.ndarray, labelIds: np.ndarray, overwrite: bool) -> int:
        node = self.begin()
        voxels = onLatticeOf(node, grid, indices)
        if not overwrite:
            free = labelsAt(node, voxels) == 0
            voxels, labelIds = voxels[free], labelIds[free]
        if len(labelIds):
            self.aboutToAdd.emit()
            self._draw(Drawn(voxels, labelIds))
        return len(labelIds)

    def carry(self, remap: Remap) -> Callable[[], None]:
        """Move marks after an edit of the tree; gives what puts them back, except where was painted since."""
        node = self.node
        if node is None:
            return lambda: None
        voxels, old = drawn(node, remap.ids.keys())
        found, inverse = np.unique(old, return_inverse=True)
        new = np.array([remap.ids[labelId] or 0 for labelId in found.tolist()], dtype=np.int32)[inverse]
        present = set(self._segmentIds())
        self._move(Drawn(voxels, new))
        for labelId, segmentId in self._segmentIds().items():
            if labelId in remap.ids and labelId not in new:
                node.GetSegmentation().RemoveSegment(segmentId)
        made = set(self._segmentIds()) - present

        def takeBack() -> None:
            if self.node is node:
                unchanged = labelsAt(node, voxels) == new
                self._move(Drawn(voxels[unchanged], old[unchanged]))
                self._unpainted |= made
                self.dropEmptySegments(self._labels.currentLabelId)

        return takeBack

    def refresh(self) -> None:
        """Name and count what is drawn, and tell; happens by itself shortly after every change."""
        tree, counts, lacks, self._strangers = self._labels.tree, {}, {}, ()
        if self.node is not None and tree is not None:
            self._strangers = describeSegments(self.node, tree)
            counts = {labelId: count for labelId, count in voxelCounts(self.node).items() if labelId in tree}
            byHand = sum(counts.values()) <= DRAWN_BY_HAND
            lacks = lacking(counts, drawn(self.node) if byHand else None, tree)
        self._unpainted -= set(counts)
        self._counts = counts
        self._warnings = {labelId: lack.sentence for labelId, lack in lacks.items()}
        self._soon.cancel()  # naming segments has asked for another round
        self.countsChanged.emit(self._counts, self._warnings)

    # How

    def _move(self, marks: Drawn) -> None:
        if len(marks.labelIds):
            self._draw(marks)
            self.carried.emit()

    def _draw(self, marks: Drawn) -> None:
        labelIds = set(np.unique(marks.labelIds).tolist()) - {0}
        draw(self.node, marks, {labelId: self.segmentFor(labelId) for labelId in labelIds})
        self._unpainted -= labelIds

    def _segmentIds(self) -> dict[int, str]:
        """The segment of each label; the first where there are several."""
        if self.node is None:
            return {}
        return {labelId: segmentId for segmentId, labelId in reversed(segmentLabels(self.node).items())}

    def _onChosen(self, _node: slicer.vtkMRMLSegmentationNode | None) -> None:
        self._unpainted.clear()
        self.refresh()

    def _onTreeChanged(self, _tree: LabelTree | None, _remap: Remap | None) -> None:
        self.refresh()

    def _onCurrentChanged(self, labelId: int) -> None:
        self._recent = [labelId, *(recent for recent in self._recent if recent != labelId)]
        if self.node is not None:
            if labelId:
                self.segmentSelected.emit(self.segmentFor(labelId))
            self.dropEmptySegments(labelId)

    def _onVisibilityChanged(self, labelIds: frozenset[int], visible: bool) -> None:
        for labelId, segmentId in self._segmentIds().items():
            if labelId in labelIds:
                self.node.GetDisplayNode().SetSegmentVisibility(segmentId, visible)
