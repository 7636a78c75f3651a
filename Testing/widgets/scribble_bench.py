"""Step 2 of the panel in a window of 400 pixels, and what it works on."""

from __future__ import annotations

import qt
import slicer
from host import gestures
from host.painting import paint, world

from SemanticSegLib.logic.LabelsLogic import LabelsLogic
from SemanticSegLib.logic.NextSlice import NextSlice
from SemanticSegLib.logic.ParameterNode import SemanticSegParameterNode
from SemanticSegLib.logic.ScribblesLogic import ScribblesLogic
from SemanticSegLib.widgets.ScribbleStep import ScribbleStep

CORTEX, WHITE_MATTER, RIGHT, FLUID, LEFT = 3, 4, 5, 6, 2
CENTER = (16, 18, 14)


class Bench:
    """The step in a window of 400 pixels, and what it works on."""

    def __init__(self) -> None:
        scene = slicer.mrmlScene
        self.parameters = SemanticSegParameterNode(scene.AddNewNodeByClass("vtkMRMLScriptedModuleNode"))
        self.labels = LabelsLogic(scene, self.parameters)
        self.scribbles = ScribblesLogic(scene, self.parameters, self.labels)
        self.window = slicer.util.mainWindow()
        self.box = qt.QWidget(self.window)
        self.box.resize(400, 330)
        nextSlice = NextSlice(scene, self.parameters, self.labels, self.scribbles)
        self.step = ScribbleStep(self.scribbles, self.labels, nextSlice, qt.QVBoxLayout(self.box))
        self.step.setParameters(self.parameters)
        self.step.enter()
        self.ui = slicer.util.childWidgetVariables(self.step.widget)
        self.editor = next(child for child in self.step.widget.children() if child.className() == "qMRMLSegmentEditorWidget")
        self.window.show()
        self.box.show()

    def begin(self, volume, tree, label_id: int = CORTEX) -> Bench:
        """Choose volume, tree and label, and take the brush."""
        self.parameters.volume = volume
        self.labels.replace(tree)
        self.labels.setCurrent(label_id)
        gestures.click(self.ui.paintButton)
        return self

    def stroke(self, *voxels: tuple[int, int, int], **options) -> None:
        """Draw over voxels (i, j, k) with the active tool."""
        paint(self.editor, [world(self.parameters.volume, *voxel) for voxel in voxels], **options)

    def press(self, key: str) -> None:
        gestures.press(self.window, key)

    def counts(self) -> dict[int, int]:
        self.scribbles.refresh()
        return self.scribbles.counts

    @property
    def tool(self) -> str:
        """The active effect, as Slicer sees it, and the button that is down must agree."""
        effect = self.editor.activeEffect()
        name = effect.name if effect else ""
        down = [text for text in ("paint", "draw", "erase") if getattr(self.ui, f"{text}Button").checked]
        assert down == ([name.lower()] if name else [])
        return name

    def close(self) -> None:
        self.step.cleanup()
        self.scribbles.cleanup()
        self.labels.cleanup()
