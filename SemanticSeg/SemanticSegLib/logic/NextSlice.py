"""The next slice worth scribbling: found, shown in the slice views, and said why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import slicer
from slicer.i18n import tr as _

from SemanticSegLib.logic.ScribblesLogic import ScribblesLogic
from SemanticSegLib.nodes.Arrays import arrayFromImage
from SemanticSegLib.nodes.VolumeNodes import volumeGrid
from semseg_core.errors import InputError
from semseg_core.geometry import Grid
from semseg_core.sparse.suggest import Suggestion, suggest

if TYPE_CHECKING:
    from SemanticSegLib.logic.LabelsLogic import LabelsLogic
    from SemanticSegLib.logic.ParameterNode import SemanticSegParameterNode


class NextSlice:
    """Goes through the slices worth scribbling, the best first, and looks for new ones when strokes or confidence have changed.

    Args:
        scene: Where the slice views are.
        parameters: Say which confidence map belongs to the volume.
        labels: The tree; the label a suggestion is about becomes the current one.
        scribbles: What is drawn already.
    """

    def __init__(
        self,
        scene: slicer.vtkMRMLScene,
        parameters: SemanticSegParameterNode,
        labels: LabelsLogic,
        scribbles: ScribblesLogic,
    ) -> None:
        self._scene = scene
        self._parameters = parameters
        self._labels = labels
        self._scribbles = scribbles
        self._waiting: list[Suggestion] = []
        self._found: tuple[object, ...] = ()

    def setParameters(self, parameters: SemanticSegParameterNode) -> None:
        """Take the confidence map that a parameter node names."""
        self._parameters = parameters

    def show(self) -> str:
        """Move the slice views to the next slice worth scribbling; gives where that is and why, in sentences.

        Raises:
            InputError: If there is no volume or no tree, or the volume is empty or under a transform that is not linear.
        """
        volume = self._scribbles.volume
        if volume is None or self._labels.tree is None:
            raise InputError("next slice: choose a volume and labels first")
        grid = volumeGrid(volume)
        found = self._state()
        if found != self._found or not self._waiting:
            self._waiting, self._found = list(self._suggestions(grid)), found
        if not self._waiting:
            return _("No slice is worth more strokes than the others.")
        best = self._waiting.pop(0)
        point = grid.index_to_ras([best.point])[0]
        slicer.vtkMRMLSliceNode.JumpAllSlices(self._scene, *point.tolist())
        if best.label_id is not None:
            self._labels.setCurrent(best.label_id)
        where = _("{plane} slice {index}").format(plane=planeText(grid.planes[best.axis]), index=best.index)
        return f"{where}: {best.reason}"

    def _state(self) -> tuple[object, ...]:
        """What suggestions depend on; changes when they are outdated."""
        node, confidence = self._scribbles.node, self._parameters.confidence
        drawn = None if node is None else (node.GetID(), node.GetSegmentation().GetMTime(), tuple(self._scribbles.counts.items()))
        shown = None if confidence is None else (confidence.GetID(), confidence.GetImageData().GetMTime())
        return self._scribbles.volume.GetID(), drawn, shown

    def _suggestions(self, grid: Grid) -> tuple[Suggestion, ...]:
        image = arrayFromImage(self._scribbles.volume.GetImageData())
        image = image if image.ndim == 3 else image[..., 0]
        confidence = self._parameters.confidence
        if confidence is not None:
            confidence = arrayFromImage(confidence.GetImageData()) if volumeGrid(confidence).same_as(grid) else None
        return suggest(self._scribbles.sketch(grid), self._labels.tree, image=image, confidence=confidence)


def planeText(plane: str) -> str:
    """An anatomical plane as the first word of a sentence."""
    return {"axial": _("Axial"), "coronal": _("Coronal"), "sagittal": _("Sagittal")}[plane]
