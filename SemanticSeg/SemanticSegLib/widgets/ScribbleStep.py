"""Step 2 of the panel: scribbling on the current label."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import qt
import slicer
import vtk
from slicer.i18n import tr as _
from slicer.parameterNodeWrapper import FloatRange

from SemanticSegLib.logic.Brush import LARGEST_MM, SMALLEST_MM
from SemanticSegLib.logic.LabelsLogic import LabelsLogic
from SemanticSegLib.logic.NextSlice import NextSlice
from SemanticSegLib.logic.ParameterNode import SemanticSegParameterNode
from SemanticSegLib.logic.ScribblesLogic import ScribblesLogic
from SemanticSegLib.widgets.ScribbleEditor import DRAW, ERASE, PAINT, ScribbleEditor
from SemanticSegLib.widgets.ScribbleKeys import ScribbleKeys, keyText
from semseg_core.errors import SemSegError
from semseg_core.labels.tree import LabelTree

UI = Path(__file__).parents[2] / "Resources" / "UI" / "Scribble.ui"

COLOR_SIZE = 16
"""Side of the square that shows the label's color, in pixels."""

THOUSANDS = "\N{NARROW NO-BREAK SPACE}"

BRUSH_STEP = 1.25
"""Factor of one press on the keys for a smaller or larger brush."""


class ScribbleStep:
    """Tools to draw with, and how much is drawn.

    Keys act while a tool is active, see `ScribbleKeys`; undo and redo here are of strokes, those of labels belong to the tree.

    Args:
        scribbles: Where strokes go.
        labels: The label to paint.
        nextSlice: Finds the slices worth scribbling.
        layout: Where the step is put.

    Attributes:
        widget: The root widget.
    """

    def __init__(self, scribbles: ScribblesLogic, labels: LabelsLogic, nextSlice: NextSlice, layout: qt.QLayout) -> None:
        self._scribbles = scribbles
        self._labels = labels
        self._nextSlice = nextSlice
        self._parameters: SemanticSegParameterNode | None = None
        self._parametersObserver = 0
        self._guiTag: str | None = None
        self._toolBeforeErase = ""
        self._range = (0.0, 0.0)
        self.widget = slicer.util.loadUI(str(UI))
        layout.addWidget(self.widget)
        self._ui = slicer.util.childWidgetVariables(self.widget)
        self.widget.setMRMLScene(slicer.mrmlScene)
        self._editor = ScribbleEditor(scribbles, labels, self.widget.layout())
        self._buttons = {PAINT: self._ui.paintButton, DRAW: self._ui.drawButton, ERASE: self._ui.eraseButton}
        slots = {
            "previousLabel": self.selectPrevious,
            "nextLabel": self.selectNext,
            "labelUnderCursor": self.selectUnderCursor,
            "smaller": self.makeSmaller,
            "larger": self.makeLarger,
            "erase": self.beginErasing,
            "nextSlice": self.showNextSlice,
            "undo": self.undo,
            "redo": self.redo,
            "stop": self.stop,
        }
        self._keys = ScribbleKeys(slicer.util.mainWindow(), slots, self.endErasing)
        self._tips = tooltips()
        self._connect()
        self._say("")
        self._onTreeChanged(labels.tree, None)
        self._showCounts(scribbles.counts, scribbles.warnings)

    def cleanup(self) -> None:
        """Stop drawing; hear no more of scribbles and labels."""
        self._keys.uninstall()
        self._editor.cleanup()
        self._releaseParameters()
        self._labels.treeChanged.disconnect(self._onTreeChanged)
        self._labels.currentChanged.disconnect(self._onCurrentChanged)
        self._scribbles.countsChanged.disconnect(self._showCounts)
        self._scribbles.nodeChanged.disconnect(self._onNodeChanged)

    def setParameters(self, parameters: SemanticSegParameterNode | None) -> None:
        """Show and set the choices of a parameter node; None lets go of it."""
        self._releaseParameters()
        self._parameters = parameters
        if parameters is not None:
            self._showRange()
            self._guiTag = parameters.connectGui(self.widget)
            self._parametersObserver = parameters.AddObserver(vtk.vtkCommand.ModifiedEvent, self._onParametersModified)
            self._editor.setParameters(parameters)
            self._nextSlice.setParameters(parameters)
            self._showNode()
        self._update()

    # The module's life

    def enter(self) -> None:
        """The module is shown."""
        self._editor.attach()
        self._update()

    def exit(self) -> None:
        """Another module is shown, or the scene is about to be closed: stop drawing."""
        self._editor.detach()
        self._scribbles.dropEmptySegments()

    # Gestures

    def setTool(self, name: str) -> None:
        """Draw with a tool, or stop with ""."""
        try:
            self._editor.setTool(name)
        except SemSegError as error:
            self._say(str(error))
        self._showTool(self._editor.tool)

    def stop(self) -> None:
        """Put the tool down."""
        self.setTool("")

    def beginErasing(self) -> None:
        """Erase until `endErasing`."""
        self._toolBeforeErase = self._editor.tool
        self.setTool(ERASE)

    def endErasing(self) -> None:
        """Go back to the tool before."""
        if self._editor.tool:
            self.setTool(self._toolBeforeErase)

    def undo(self) -> None:
        """Take the last stroke back."""
        self._say("" if self._editor.undo() else _("There is no stroke to take back; labels have their own undo in the tree."))

    def redo(self) -> None:
        """Draw the stroke again that was taken back last."""
        self._say("" if self._editor.redo() else _("No stroke was taken back."))

    def selectPrevious(self) -> None:
        """Paint the label above in the tree."""
        self._selectBeside(-1)

    def selectNext(self) -> None:
        """Paint the label below in the tree."""
        self._selectBeside(1)

    def selectUnderCursor(self) -> None:
        """Paint the label that is drawn where the mouse is."""
        point = [0.0, 0.0, 0.0]
        crosshair = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLCrosshairNode")
        labelId = self._scribbles.labelAt(tuple(point)) if crosshair is not None and crosshair.GetCursorPositionRAS(point) else 0
        if labelId:
            self._labels.setCurrent(labelId)
        else:
            self._say(_("Nothing is scribbled under the mouse."))

    def makeSmaller(self) -> None:
        """A smaller brush."""
        self._scaleBrush(1 / BRUSH_STEP)

    def makeLarger(self) -> None:
        """A larger brush."""
        self._scaleBrush(BRUSH_STEP)

    def showNextSlice(self) -> None:
        """Show the next slice worth scribbling, and say why."""
        try:
            self._say(self._nextSlice.show())
        except SemSegError as error:
            self._say(str(error))

    # How

    def _connect(self) -> None:
        ui = self._ui
        for name, button in self._buttons.items():
            button.connect("clicked(bool)", self._slotOf(name))
        ui.undoButton.connect("clicked()", self.undo)
        ui.redoButton.connect("clicked()", self.redo)
        ui.previousButton.connect("clicked()", self.selectPrevious)
        ui.nextButton.connect("clicked()", self.selectNext)
        ui.intensityRange.connect("valuesChanged(double,double)", self._onRangeChanged)
        ui.suggestButton.connect("clicked()", self.showNextSlice)
        # Not bound to the parameter: when a node is deleted a selector goes on to the next one, which nobody chose to draw in.
        ui.scribblesSelector.connect("nodeActivated(vtkMRMLNode*)", self._onScribblesChosen)
        self._editor.toolChanged.connect(self._showTool)
        self._labels.treeChanged.connect(self._onTreeChanged)
        self._labels.currentChanged.connect(self._onCurrentChanged)
        self._scribbles.countsChanged.connect(self._showCounts)
        self._scribbles.nodeChanged.connect(self._onNodeChanged)

    def _slotOf(self, name: str) -> Callable[[bool], None]:
        return lambda checked: self.setTool(name if checked else "")

    def _onScribblesChosen(self, node: slicer.vtkMRMLNode | None) -> None:
        try:
            self._scribbles.choose(node)
        except SemSegError as error:
            self._say(str(error))
        self._showNode()

    def _showNode(self) -> None:
        self._ui.scribblesSelector.setCurrentNode(self._scribbles.node)

    def _selectBeside(self, step: int) -> None:
        tree = self._labels.tree
        if tree is None or len(tree) == 1:
            return
        current = self._labels.currentLabelId
        position = tree.position(current) + step if current else 1
        self._labels.setCurrent(tree.labels[min(max(position, 1), len(tree) - 1)].id)  # a mark on the root says nothing

    def _scaleBrush(self, factor: float) -> None:
        if self._parameters is not None:
            diameter = round(self._parameters.brushDiameterMm * factor, 1)
            self._parameters.brushDiameterMm = min(max(diameter, SMALLEST_MM), LARGEST_MM)

    def _onParametersModified(self, _caller: object, _event: str) -> None:
        self._showRange()
        self._editor.updateBrush()
        self._scribbles.setOpacity(self._parameters.scribbleOpacity)
        self._update()

    def _onTreeChanged(self, _tree: LabelTree | None, _remap: object) -> None:
        self._onCurrentChanged(self._labels.currentLabelId)

    def _onNodeChanged(self, _node: object) -> None:
        if self._parameters is not None:
            self._scribbles.setOpacity(self._parameters.scribbleOpacity)
        self._showNode()
        self._update()

    def _onCurrentChanged(self, labelId: int) -> None:
        tree = self._labels.tree
        known = tree is not None and labelId in tree
        self._ui.nameLabel.text = tree[labelId].name if known else _("no label selected")
        self._ui.nameLabel.toolTip = tree.path(labelId)[1:].replace("/", " › ") if known else _("Select a row of the label tree")
        pixmap = qt.QPixmap(COLOR_SIZE, COLOR_SIZE)
        pixmap.fill(qt.QColor(*(round(255 * part) for part in tree[labelId].color)) if known else qt.QColor(0, 0, 0, 0))
        self._ui.colorLabel.setPixmap(pixmap)
        self._ui.colorLabel.visible = known
        self._update()

    def _showTool(self, tool: str) -> None:
        for name, button in self._buttons.items():
            button.checked = name == tool
        if tool:
            self._keys.install()
        else:
            self._keys.uninstall()

    def _onRangeChanged(self, low: float, high: float) -> None:
        if self._parameters is not None:
            self._parameters.intensityRange = FloatRange(low, high)

    def _showRange(self) -> None:
        """Offer the volume's own intensities; a range of another volume is replaced by all of them."""
        volume, chosen, widget = self._parameters.volume, self._parameters.intensityRange, self._ui.intensityRange
        if volume is None or volume.GetImageData() is None:
            return
        low, high = volume.GetImageData().GetScalarRange()
        blocked = widget.blockSignals(True)
        if (low, high) != self._range:
            self._range = (low, high)
            widget.decimals = 0 if high - low > 50 else 3
            widget.setRange(low, high)
            widget.singleStep = (high - low) / 200
            if chosen.maximum <= max(low, chosen.minimum) or chosen.minimum >= high:
                chosen = self._parameters.intensityRange = FloatRange(low, high)
        widget.setValues(chosen.minimum, chosen.maximum)
        widget.blockSignals(blocked)

    def _showCounts(self, counts: dict[int, int], warnings: dict[int, str]) -> None:
        text = _("Nothing is scribbled yet.")
        if counts:
            voxels = f"{sum(counts.values()):,}".replace(",", THOUSANDS)
            text = _("{voxels} voxels in {labels} labels") if len(counts) > 1 else _("{voxels} voxels in one label")
            text = text.format(voxels=voxels, labels=len(counts))
            thin = sum(labelId in counts for labelId in warnings)
            text += _(", {count} of them with too little").format(count=thin) if thin else ""
        if self._scribbles.strangers:
            names = ", ".join(self._scribbles.strangers)
            text += "\n" + _("Segments that fit no label: {names}. Rename them after labels.").format(names=names)
        self._ui.summaryLabel.text = text
        tree = self._labels.tree
        self._ui.summaryLabel.toolTip = "\n".join(f"{tree[labelId].name}: {why}" for labelId, why in warnings.items())

    def _update(self) -> None:
        """Enable what can be used now; what cannot says in its tooltip what is missing."""
        missing = self._scribbles.missing()
        for name in ("paintButton", "drawButton", "eraseButton", "undoButton", "redoButton"):
            widget = getattr(self._ui, name)
            widget.enabled = not missing
            widget.toolTip = missing or self._tips[name]
        for name in ("previousButton", "nextButton"):
            getattr(self._ui, name).enabled = self._labels.tree is not None
            getattr(self._ui, name).toolTip = self._tips[name]
        ready = self._scribbles.volume is not None and self._labels.tree is not None
        self._ui.suggestButton.enabled = ready
        self._ui.suggestButton.toolTip = self._tips["suggestButton"] if ready else missing
        self._ui.sizeSlider.toolTip = self._tips["sizeSlider"]
        self._ui.intensityRange.enabled = self._ui.intensityCheckBox.checked

    def _say(self, text: str) -> None:
        self._ui.reasonLabel.text = text
        self._ui.reasonLabel.visible = bool(text)

    def _releaseParameters(self) -> None:
        if self._parameters is not None:
            self._parameters.disconnectGui(self._guiTag)
            self._parameters.RemoveObserver(self._parametersObserver)
        self._parameters = None


def tooltips() -> dict[str, str]:
    """What each control does, and by which key."""
    tips = {
        "paintButton": (_("Paint the label with the brush"), None),
        "drawButton": (_("Draw the outline of a region of the label; right-click or Enter fills it"), None),
        "eraseButton": (_("Make voxels unknown again, whichever label they have; hold the key to erase for a moment"), "erase"),
        "undoButton": (_("Take the last stroke back; labels have their own undo in the tree"), "undo"),
        "redoButton": (_("Draw the stroke again that was taken back; labels have their own redo in the tree"), "redo"),
        "previousButton": (_("Previous label of the tree"), "previousLabel"),
        "nextButton": (_("Next label of the tree"), "nextLabel"),
        "suggestButton": (_("Show the slice on which strokes would tell most, and say why"), "nextSlice"),
    }
    found = {name: f"{text} ({keyText(gesture)})" if gesture else text for name, (text, gesture) in tips.items()}
    keys = {"smaller": keyText("smaller"), "larger": keyText("larger")}
    found["sizeSlider"] = _("Diameter of the brush ({smaller} and {larger}, or Shift + mouse wheel in a slice)").format(**keys)
    return found
