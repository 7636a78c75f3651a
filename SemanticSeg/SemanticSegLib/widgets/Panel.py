"""The whole panel: the images on top, and under them four steps, each usable on its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import qt
import slicer

from SemanticSegLib.widgets.ApplyStep import ApplyStep
from SemanticSegLib.widgets.Inputs import Inputs
from SemanticSegLib.widgets.LabelTreeEditor import LabelTreeEditor
from SemanticSegLib.widgets.PreviewBox import PreviewBox
from SemanticSegLib.widgets.ScribbleStep import ScribbleStep
from SemanticSegLib.widgets.TrainStep import TrainStep

if TYPE_CHECKING:
    from SemanticSegLib.logic.Logic import SemanticSegLogic

UI = Path(__file__).parents[2] / "Resources" / "UI" / "SemanticSeg.ui"

STEPS = ("labels", "scribble", "train", "apply")

SETTING = "SemanticSeg/openSteps"
"""Which steps are unfolded belongs to the user, not to the scene."""


class Panel:
    """Composes the steps and lets them hear of each other.

    Args:
        logic: The use cases.
        layout: Where the panel is put.

    Attributes:
        widget: The root widget.
        labels: Step 1.
        scribble: Step 2.
        preview: The live preview, at its end.
        train: Step 3.
        apply: Step 4.
    """

    def __init__(self, logic: SemanticSegLogic, layout: qt.QLayout) -> None:
        self._logic = logic
        self._guiTag: int | None = None
        self.widget = slicer.util.loadUI(str(UI))
        layout.addWidget(self.widget)
        self._ui = ui = slicer.util.childWidgetVariables(self.widget)
        self.widget.setMRMLScene(logic.scene)
        self._inputs = Inputs(ui)
        models, dependencies, report = logic.models, logic.dependencies, logic.report
        self.labels = LabelTreeEditor(logic.labels, ui.labelsSection.layout())
        self.scribble = ScribbleStep(logic.scribbles, logic.labels, logic.nextSlice, ui.scribbleSection.layout())
        self.preview = PreviewBox(logic.preview, dependencies, report, ui.scribbleSection.layout())
        self.train = TrainStep(logic.training, models, dependencies, report, ui.trainSection.layout())
        self.apply = ApplyStep(logic.results, models, logic.labels, dependencies, report, ui.applySection.layout())
        self._sections = {name: getattr(ui, f"{name}Section") for name in STEPS}
        self._restoreSteps()
        for section in self._sections.values():
            section.connect("contentsCollapsed(bool)", self._onCollapsed)
        logic.scribbles.countsChanged.connect(self._onCounts)
        logic.results.retrainRequested.connect(self._onRetrain)
        self.readScene()

    # The module's life

    def readScene(self) -> None:
        """Show what the logic read from the scene."""
        parameters = self._logic.parameters
        # Not connectGui: it would take the fields of the steps, too, which bind their own.
        self._guiTag = parameters.connectParametersToGui({"volume": self._ui.volumeSelector})
        self._inputs.setParameters(parameters)
        self.scribble.setParameters(parameters)
        self._onCounts(self._logic.scribbles.counts, self._logic.scribbles.warnings)

    def leaveScene(self) -> None:
        """Let go of the scene, which is about to be closed."""
        self.scribble.exit()
        self.scribble.setParameters(None)
        self._inputs.setParameters(None)
        if self._guiTag is not None:
            self._logic.parameters.disconnectGui(self._guiTag)
            self._guiTag = None

    def enter(self) -> None:
        """The module is shown."""
        self._logic.dependencies.refresh()
        self.scribble.enter()

    def exit(self) -> None:
        """Another module is shown."""
        self.scribble.exit()

    def cleanup(self) -> None:
        """The module goes."""
        self.leaveScene()
        self._logic.scribbles.countsChanged.disconnect(self._onCounts)
        self._logic.results.retrainRequested.disconnect(self._onRetrain)
        for step in (self.apply, self.train, self.preview, self.scribble, self.labels):
            step.cleanup()
        # A reload hides the old widgets and keeps them, with all that they are connected to, the choices of the scene among it.
        self.widget.deleteLater()

    # What steps tell each other

    def _onCounts(self, counts: Mapping[int, int], warnings: Mapping[int, str]) -> None:
        self.labels.showVoxels(counts, warnings)

    def _onRetrain(self, model: str) -> None:
        self._sections["train"].collapsed = False
        self.train.attempt(lambda: self._logic.training.start(startModel=model))

    # Which steps are unfolded

    def _restoreSteps(self) -> None:
        shown = slicer.util.settingsValue(SETTING, " ".join(STEPS[:2])).split()
        for name, section in self._sections.items():
            section.collapsed = name not in shown

    def _onCollapsed(self, _collapsed: bool) -> None:
        shown = [name for name, section in self._sections.items() if not section.collapsed]
        slicer.app.userSettings().setValue(SETTING, " ".join(shown))
