"""Slicer's own segment editor, reduced to drawing on the scribbles of the current label."""

from __future__ import annotations

from collections.abc import Callable

import qt
import slicer
import vtk

from SemanticSegLib.logic.Brush import diameterMm, editorNode, setBrush
from SemanticSegLib.logic.LabelsLogic import LabelsLogic
from SemanticSegLib.logic.ParameterNode import SemanticSegParameterNode
from SemanticSegLib.logic.ScribblesLogic import ScribblesLogic
from SemanticSegLib.logic.Signal import Signal

PAINT, DRAW, ERASE = "Paint", "Draw", "Erase"
"""Names of Slicer's effects, which are not translated."""

UNDO_STEPS = 30


class ScribbleEditor:
    """Draws by the effects Paint, Draw and Erase of `qMRMLSegmentEditorWidget`, which itself stays hidden.

    It is bound to the tree: what is drawn goes to the segment of the current label. Its history is of strokes; edits of the tree
    that move voxels end it, since an older state would bring back segments of labels that are gone.

    Args:
        scribbles: Where strokes go.
        labels: Say which label is the current one.
        layout: Of the widget that owns the hidden editor.

    Attributes:
        toolChanged: `(name: str)` when another tool is active, "" for none, whoever changed it.
        brushChanged: `()` when the user has turned the brush's size in a slice view.
    """

    def __init__(self, scribbles: ScribblesLogic, labels: LabelsLogic, layout: qt.QLayout) -> None:
        self.toolChanged = Signal()
        self.brushChanged = Signal()
        self._scribbles = scribbles
        self._labels = labels
        self._parameters: SemanticSegParameterNode | None = None
        self._node: slicer.vtkMRMLSegmentEditorNode | None = None
        self._observers: list[int] = []
        self._tool = ""
        self._editor = slicer.qMRMLSegmentEditorWidget()
        layout.addWidget(self._editor)
        self._editor.visible = False
        self._editor.setMaximumNumberOfUndoStates(UNDO_STEPS)
        self.attach()
        self._editor.setMRMLScene(slicer.mrmlScene)
        scribbles.nodeChanged.connect(self._onNodeChanged)
        scribbles.segmentSelected.connect(self._onSegmentSelected)
        scribbles.aboutToAdd.connect(self._keepState)
        scribbles.carried.connect(self._forgetStrokes)
        labels.currentChanged.connect(self._onCurrentChanged)

    def cleanup(self) -> None:
        """Stop drawing and observing."""
        self._scribbles.nodeChanged.disconnect(self._onNodeChanged)
        self._scribbles.segmentSelected.disconnect(self._onSegmentSelected)
        self._scribbles.aboutToAdd.disconnect(self._keepState)
        self._scribbles.carried.disconnect(self._forgetStrokes)
        self._labels.currentChanged.disconnect(self._onCurrentChanged)
        self.detach()

    def setParameters(self, parameters: SemanticSegParameterNode) -> None:
        """Draw with the brush that a parameter node describes."""
        self._parameters = parameters
        self.updateBrush()

    def attach(self) -> None:
        """Use the scene's editor node, made where missing: at first, and after a scene was closed or loaded."""
        self._release()
        self._node = editorNode(slicer.mrmlScene)
        self.updateBrush()  # before the editor fills in its own defaults, which would be taken for the user's choice
        events = (vtk.vtkCommand.ModifiedEvent, slicer.vtkMRMLSegmentEditorNode.EffectParameterModified)
        self._observers = [self._node.AddObserver(event, self._onEditorModified) for event in events]
        self._editor.setMRMLSegmentEditorNode(self._node)
        self._editor.setSegmentationNode(self._scribbles.node)

    def detach(self) -> None:
        """Let go of the scene, which is about to be closed or left."""
        self.setTool("")
        self._editor.setSegmentationNode(None)
        self._editor.removeViewObservations()
        self._release()

    @property
    def tool(self) -> str:
        """The active tool: Paint, Draw, Erase, or "" for none."""
        return self._tool

    def setTool(self, name: str) -> None:
        """Begin to draw the current label with a tool, or stop with "".

        Raises:
            InputError: If no volume is chosen.
            LabelTreeError: If no label is the current one.
        """
        if name:
            if self._node is None:  # the scene was closed or loaded while the module stayed on the screen
                self.attach()
            segmentId = self._scribbles.segmentFor(self._labels.currentLabelId)
            self._editor.setSegmentationNode(self._scribbles.node)
            self._editor.setSourceVolumeNode(self._scribbles.volume)
            self._editor.setCurrentSegmentID(segmentId)
            self._editor.setActiveEffectByName(name)
        elif self._tool:
            self._editor.setActiveEffect(None)

    def updateBrush(self) -> None:
        """Draw with the brush as it is chosen now."""
        if self._node is not None and self._parameters is not None:
            setBrush(self._node, self._parameters)

    def undo(self) -> bool:
        """Take the last stroke back; False where there is none."""
        return self._step("UndoButton", self._editor.undo)

    def redo(self) -> bool:
        """Draw the stroke again that was taken back last; False where there is none."""
        return self._step("RedoButton", self._editor.redo)

    def _step(self, button: str, step: Callable[[], None]) -> bool:
        # Only the editor's own button tells whether there is something to undo.
        if not slicer.util.findChild(self._editor, button).enabled:
            return False
        tool = self._tool
        step()
        self._scribbles.followUndo()
        if tool and self._labels.currentLabelId:
            self.setTool(tool)  # Slicer puts it down where the stroke's segment went
        return True

    def _forgetStrokes(self) -> None:
        self._editor.undoEnabled = True  # said once more, it empties the history

    def _onCurrentChanged(self, labelId: int) -> None:
        if not labelId:
            self.setTool("")

    def _onSegmentSelected(self, segmentId: str) -> None:
        if self._node is not None:
            self._editor.setCurrentSegmentID(segmentId)

    def _onNodeChanged(self, node: slicer.vtkMRMLSegmentationNode | None) -> None:
        if self._node is not None:
            self.setTool("")
            self._forgetStrokes()
            self._editor.setSegmentationNode(node)

    def _keepState(self) -> None:
        """Regions that are accepted can be taken back as a stroke can."""
        if self._editor.segmentationNodeID() == self._scribbles.node.GetID():
            self._editor.saveStateForUndo()

    def _onEditorModified(self, _node: object, _event: str) -> None:
        tool = self._node.GetActiveEffectName() or ""
        if tool != self._tool:
            self._tool = tool
            self.toolChanged.emit(tool)
        if self._parameters is not None:
            diameter = diameterMm(self._node, self._parameters)
            if abs(diameter - self._parameters.brushDiameterMm) > 0.05:
                self._parameters.brushDiameterMm = diameter
                self.brushChanged.emit()

    def _release(self) -> None:
        if self._node is not None:
            for observer in self._observers:
                self._node.RemoveObserver(observer)
        self._node, self._observers = None, []
