"""The result that is shown: decided again at another certainty or level, read under the cursor, turned into scribbles.

Everything here looks at what the model answered once, so nothing waits for the network.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import slicer
import vtk
from slicer.i18n import tr as _

from SemanticSegLib.logic.Accepting import chosenBox
from SemanticSegLib.logic.Signal import Signal
from SemanticSegLib.logic.Soon import Soon
from SemanticSegLib.nodes.ConfidenceOverlay import hideOverlay, showOverlay, writeConfidence
from SemanticSegLib.nodes.DicomReadiness import exportProblems, labelsWithoutCodes
from SemanticSegLib.nodes.ResultNodes import (
    SHARES,
    describeResult,
    isResult,
    resultPaths,
    segmentIds,
    showAnswers,
    voxelAt,
    worldGrid,
)
from SemanticSegLib.nodes.ScribbleNodes import referenceVolume
from SemanticSegLib.nodes.SurfaceNodes import makeSurfaces, removeSurfaces
from semseg_core.data.answer_paths import AnswerPaths, Answers
from semseg_core.errors import InputError, SemSegError
from semseg_core.labels.tree import LabelTree

if TYPE_CHECKING:
    from SemanticSegLib.logic.LabelsLogic import LabelsLogic
    from SemanticSegLib.logic.ParameterNode import SemanticSegParameterNode
    from SemanticSegLib.logic.ScribblesLogic import ScribblesLogic

MODIFIED = vtk.vtkCommand.ModifiedEvent

TURN_S = 0.1
"""So long is decided before the window is looked after again; 8 million voxels take half of it."""

TOLD = 2
"""Labels told under the cursor: the answer and the one above it."""

LISTED = 3
"""Labels without codes that are named before it is said that there are more."""


class ShownResult:
    """Keeps the segmentation, the confidence map and the surfaces in step with the slider.

    Args:
        scene: Where the result is.
        parameters: Names the result and how it is looked at.
        labels: The tree that is worked with; its names, colors and hidden labels are taken over where the result has them.
        scribbles: Where accepted labels go.
        soon: Makes what waits until a burst of changes is over.

    Attributes:
        changed: `()` when another result is shown, it was decided anew, or it is gone.
        failed: `(sentence)` when what is kept cannot be read.
    """

    def __init__(
        self,
        scene: slicer.vtkMRMLScene,
        parameters: SemanticSegParameterNode,
        labels: LabelsLogic,
        scribbles: ScribblesLogic,
        soon: Callable[[Callable[[], None], int], Soon] = Soon,
    ) -> None:
        self.changed = Signal()
        self.failed = Signal()
        self._scene = scene
        self._labels = labels
        self._scribbles = scribbles
        self._node: slicer.vtkMRMLSegmentationNode | None = None
        self._paths: AnswerPaths | None = None
        self._answers: Answers | None = None
        self._surfaces: Iterator[None] = iter(())
        self._refreshSoon = soon(self.refresh, 30)
        self._surfacesSoon = soon(self._makeSurface, 0)
        self._readSoon = soon(self.read, 0)
        self._deciding: Iterator[Answers | None] = iter(())
        self._decideSoon = soon(self._decide, 0)
        self._kept: slicer.vtkMRMLScalarVolumeNode | None = None
        self._keptObserver = self._parametersObserver = 0
        self._parameters: SemanticSegParameterNode | None = None
        self._sceneObserver = scene.AddObserver(slicer.vtkMRMLScene.NodeRemovedEvent, self._onNodeRemoved)
        labels.treeChanged.connect(self._onTreeChanged)
        labels.visibilityChanged.connect(self._onVisibilityChanged)
        self.setParameters(parameters)

    def setParameters(self, parameters: SemanticSegParameterNode) -> None:
        """Go on with the result that a parameter node names."""
        self._forgetParameters()
        self._parameters = parameters
        self._parametersObserver = parameters.AddObserver(MODIFIED, self._onParametersModified)
        self._observe(parameters.result)

    def cleanup(self) -> None:
        """Stop observing."""
        for waiting in (self._refreshSoon, self._readSoon, self._decideSoon, self._surfacesSoon):
            waiting.cancel()
        self._forgetParameters()
        self._observe(None)
        self._scene.RemoveObserver(self._sceneObserver)
        self._labels.treeChanged.disconnect(self._onTreeChanged)
        self._labels.visibilityChanged.disconnect(self._onVisibilityChanged)

    # What is shown

    @property
    def node(self) -> slicer.vtkMRMLSegmentationNode | None:
        """The result; None where there is none."""
        return self._node

    @property
    def paths(self) -> AnswerPaths | None:
        """What the model answered; None without a result, or where that can no longer be read."""
        return self._paths

    @property
    def answers(self) -> Answers | None:
        """What is shown of it."""
        return self._answers

    @property
    def volume(self) -> slicer.vtkMRMLVolumeNode | None:
        """What the model was applied to; None if it was deleted."""
        return None if self._node is None else referenceVolume(self._node)

    @property
    def level(self) -> int | str:
        """The chosen level as `AnswerPaths.decide` takes it; "auto" where this result has not so many."""
        text = self._parameters.level
        if text == "leaf" or not text.isdigit():
            return "leaf" if text == "leaf" else "auto"
        deepest = self._paths.tree.height if self._paths is not None else int(text)
        return int(text) if 1 <= int(text) <= deepest else "auto"

    @property
    def levels(self) -> tuple[str, ...]:
        """The levels one can choose, as they stand in the parameter."""
        depth = 0 if self._paths is None else self._paths.tree.height
        return ("auto", *(str(level) for level in range(1, depth)), "leaf")

    @property
    def isOurs(self) -> bool:
        """Whether the labels of the result are those of the tree that is worked with, or were before some were edited."""
        current, own = self._labels.tree, self._paths.tree
        if current is None:
            return False
        # Ids alone prove nothing: every tree counts from 1.
        return 2 * sum(label.id in current and current[label.id].name == label.name for label in own) >= len(own)

    def dicomNotes(self) -> tuple[str, ...]:
        """What keeps the result from being exported as DICOM SEG, and which labels would only be called tissue, in sentences."""
        if self._node is None:
            return ()
        uncoded = labelsWithoutCodes(self._node)
        named = ", ".join(uncoded[:LISTED]) + ("…" if len(uncoded) > LISTED else "")
        note = _("DICOM: labels without codes would be called tissue ({count}: {names}); choose their terminology in step 1.")
        return (*exportProblems(self._node), *((note.format(count=len(uncoded), names=named),) if uncoded else ()))

    # How it is looked at

    def setCertainty(self, certainty: float) -> None:
        """Show only answers of at least this probability, 0…1; with level "auto" a coarser answer takes the place of others."""
        self._parameters.certainty = min(max(certainty, 0.0), 1.0)
        self._refreshSoon.request()

    def setLevel(self, level: str) -> None:
        """Show answers of a level: "auto", "leaf" or its number."""
        self._parameters.level = level
        self._refreshSoon.request()

    def setConfidenceShown(self, shown: bool) -> None:
        """Lay the confidence of what is shown over the image, or take it away."""
        self._parameters.showConfidence = shown
        if shown:
            self._writeConfidence()
        elif self._parameters.confidence is not None:
            hideOverlay(self._scene, self._parameters.confidence)

    def setSurfacesShown(self, shown: bool) -> None:
        """Make surfaces of what is shown, or remove them; they appear one after the other."""
        self._parameters.show3D = shown
        self._surfaces = iter(())
        if self._node is not None and not shown:
            removeSurfaces(self._node)
        elif self._answers is not None and shown:
            ids, grid, tree = self._answers.label_ids, self._paths.grid, self._paths.tree
            self._surfaces = makeSurfaces(self._node, ids, grid, self._looks(tree), self.groups())
            self._surfacesSoon.request()

    def groups(self) -> tuple[int, ...]:
        """The labels that get a surface: those of the chosen level, of the first one for "auto", without the hidden ones."""
        tree = self._paths.tree
        level = self.level
        cut = tree.leaves if level == "leaf" else tree.level_cut(1 if level == "auto" else level)
        hidden = self._labels.hidden
        return tuple(label.id for label in cut if not all(below.id in hidden for below in tree.subtree(label.id)))

    def setOpacity(self, balance: float) -> None:
        """Fade between scribbles (0) and result (1); in the middle both are shown in full."""
        self._parameters.resultOpacity = balance
        self._parameters.scribbleOpacity = min(1.0, 2.0 * (1.0 - balance))
        self._fade()

    def refresh(self) -> None:
        """Decide anew and show it; happens by itself when the slider, the level or the frame changes."""
        self._refreshSoon.cancel()
        if self._paths is not None:
            self._deciding = self._paths.deciding(self._parameters.certainty, self.level)
            self._decide()

    def finish(self) -> None:
        """Decide to the end now, where a large result would be shown a moment later."""
        self._decide(math.inf)

    def _decide(self, until: float | None = None) -> None:
        until = time.monotonic() + TURN_S if until is None else until
        for answers in self._deciding:
            if answers is not None:
                self._answers = answers
                self._show()
            elif time.monotonic() > until:
                self._decideSoon.request()
                return

    def _show(self) -> None:
        self._draw()
        if self._parameters.showConfidence:
            self._writeConfidence()
        if self._parameters.show3D:
            self.setSurfacesShown(True)
        self.changed.emit()

    def read(self) -> None:
        """Read again what is kept, after it was replaced, and show it."""
        self._readSoon.cancel()
        self._decideSoon.cancel()
        self._deciding = iter(())
        self._paths = self._answers = None
        if self._node is not None:
            try:
                self._paths = resultPaths(self._node)
            except SemSegError as error:
                self.failed.emit(str(error))
        if self._paths is None:
            self.changed.emit()
        else:
            self._refreshSoon.cancel()
            self._deciding = self._paths.deciding(self._parameters.certainty, self.level)
            self._decide(time.monotonic())  # keeping a large one has taken a moment already, so it goes on in the next turn

    def readout(self, point: tuple[float, float, float]) -> str:
        """What the model says at a point, RAS millimeters: the answer, the label above it, and their probabilities."""
        voxel = voxelAt(self._node, self._paths, point) if self._answers is not None else ()
        if not voxel:
            return ""
        way = self._paths.at(voxel)
        shown = int(self._answers.label_ids[voxel])
        if not way:
            return _("unknown")
        tree = self._looks(self._paths.tree)
        known = [labelId for labelId, _share in way]
        last = known.index(shown) if shown in known else len(way) - 1
        said = way[max(0, last + 1 - TOLD) : last + 1][::-1]
        words = " · ".join(f"{tree[labelId].name} {share:.0%}".replace("%", " %") for labelId, share in said)
        return words if shown else _("unknown; most likely {labels}").format(labels=words)

    # Scribbles from it

    def acceptAsScribbles(
        self, labelIds: Iterable[int], minConfidence: float = 0.0, point: tuple[float, float, float] | None = None
    ) -> int:
        """Turn shown answers into scribbles; strokes that are there stay as they are.

        Args:
            labelIds: Labels to accept, with all below them.
            minConfidence: Least probability of the answers, 0…1.
            point: Where given, only the connected region around it, RAS millimeters.

        Returns:
            Number of voxels that became scribbles.

        Raises:
            InputError: If there is no result of the chosen volume, or nothing to accept.
        """
        if self._answers is None or self.volume is not self._parameters.volume:
            raise InputError(_("scribbles: there is no result of the chosen volume; apply a model to it first"))
        tree = self._paths.tree
        if not self.isOurs:
            raise InputError(
                _("scribbles: the result has the labels of '{result}', not those you work with; choose that tree in step 1")
                .format(result=tree.title)
            )  # fmt: skip
        wanted = {below.id for labelId in labelIds if labelId in tree for below in tree.subtree(labelId)}
        wanted &= {label.id for label in self._labels.tree} & set(self._answers.voxels)
        certain = None
        if minConfidence > 0.0:
            least = np.float32(minConfidence - 1e-6)

            def certain(part: slice) -> np.ndarray:
                return self._paths.confidence(self._parameters.certainty, self.level, part) >= least

        chosen = chosenBox(self._node, self._paths, self._answers, wanted, certain, point)
        return self._scribbles.addBox(worldGrid(self._node, self._paths), chosen)

    def labelAt(self, point: tuple[float, float, float]) -> int:
        """The shown label at a point, RAS millimeters; 0 where there is none."""
        voxel = voxelAt(self._node, self._paths, point) if self._answers is not None else ()
        return int(self._answers.label_ids[voxel]) if voxel else 0

    # How

    def _fade(self) -> None:
        display = None if self._node is None else self._node.GetDisplayNode()
        if display is not None:  # while a scene is read, it may come after its segmentation
            display.SetOpacity(min(1.0, 2.0 * self._parameters.resultOpacity))

    def _draw(self) -> None:
        showAnswers(self._node, self._paths, self._answers, self._looks(self._paths.tree))
        display = self._node.GetDisplayNode()
        for labelId, segmentId in segmentIds(self._node).items():
            if labelId in self._labels.hidden and display.GetSegmentVisibility(segmentId):
                display.SetSegmentVisibility(segmentId, False)

    def _looks(self, tree: LabelTree) -> LabelTree:
        """The tree that names and colors come from: the one that is worked with, if the result's grew into it, else its own."""
        current = self._labels.tree
        return current if current is not None and all(label.id in current for label in tree) and self.isOurs else tree

    def _writeConfidence(self) -> None:
        if self._paths is None or self.volume is None:
            return
        confidence = self._paths.confidence(self._parameters.certainty, self.level)
        self._parameters.confidence = writeConfidence(
            self._parameters.confidence, self._scene, confidence, self._paths.grid, self.volume
        )
        showOverlay(self._scene, self._parameters.confidence)

    def _makeSurface(self) -> None:
        if next(self._surfaces, self) is not self:
            self._surfacesSoon.request()

    def _onTreeChanged(self, tree: LabelTree | None, remap: object) -> None:
        del remap
        if self._paths is not None and tree is not None and self._looks(self._paths.tree) is tree:
            describeResult(self._node, tree)

    def _onVisibilityChanged(self, labelIds: frozenset[int], visible: bool) -> None:
        if self._node is not None:
            for labelId, segmentId in segmentIds(self._node).items():
                if labelId in labelIds:
                    self._node.GetDisplayNode().SetSegmentVisibility(segmentId, visible)

    def _onParametersModified(self, _caller: object, _event: str) -> None:
        if self._parameters.result is not self._node:
            self._observe(self._parameters.result)

    def _onNodeRemoved(self, _scene: object, _event: str) -> None:
        if self._node is not None and self._node.GetScene() is None:
            self._observe(None)

    def _onKeptModified(self, _caller: object, _event: str) -> None:
        self._readSoon.request()

    def _observe(self, node: slicer.vtkMRMLSegmentationNode | None) -> None:
        if self._kept is not None:
            self._kept.RemoveObserver(self._keptObserver)
        self._surfaces = iter(())
        self._node = node if isResult(node) else None
        self._fade()
        # A browser of sequences puts another frame into the kept nodes.
        self._kept = None if self._node is None else self._node.GetNodeReference(SHARES)
        if self._kept is not None:
            event = slicer.vtkMRMLVolumeNode.ImageDataModifiedEvent
            self._keptObserver = self._kept.AddObserver(event, self._onKeptModified)
        self.read()

    def _forgetParameters(self) -> None:
        if self._parameters is not None:
            self._parameters.RemoveObserver(self._parametersObserver)
