"""How a result is looked at, corrected, measured and evaluated."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import qt
import slicer
from slicer.i18n import tr as _

from SemanticSegLib.logic.Cursor import Cursor
from SemanticSegLib.logic.ResultsLogic import ResultsLogic
from SemanticSegLib.widgets.EvaluationView import EvaluationView

if TYPE_CHECKING:
    from SemanticSegLib.logic.LabelsLogic import LabelsLogic
    from SemanticSegLib.widgets.ErrorBox import ErrorBox

STEPS = 200
"""The slider moves by half percents, in which the answers are kept."""


class ResultControls:
    """The lower half of the step; hidden as long as there is no result.

    Args:
        ui: Children of the step's `.ui`.
        results: The use cases.
        labels: The tree that is worked with, and its current label.
        errors: Says why an evaluation failed.
        attempt: Does something, and tells what it told or why it was refused.
    """

    def __init__(
        self,
        ui: object,
        results: ResultsLogic,
        labels: LabelsLogic,
        errors: ErrorBox,
        attempt: Callable[[Callable[[], str | None]], bool],
    ) -> None:
        self._ui = ui
        self._results = results
        self._shown = results.shown
        self._labels = labels
        self._errors = errors
        self._attempt = attempt
        self._cursor = Cursor(results.scene)
        self._evaluation = EvaluationView(ui.evaluationBox.layout())
        self._acceptMenu = qt.QMenu(ui.acceptButton)
        self._acceptCurrent, self._acceptRegion, self._acceptAll = (self._acceptMenu.addAction("") for _number in range(3))
        ui.acceptButton.setMenu(self._acceptMenu)
        self._acceptMenu.connect("aboutToShow()", self._onMenu)
        self._acceptCurrent.connect("triggered(bool)", self._onAcceptCurrent)
        self._acceptRegion.connect("triggered(bool)", self._onAcceptRegion)
        self._acceptAll.connect("triggered(bool)", self._onAcceptAll)
        ui.certaintySlider.connect("valueChanged(int)", self._onCertainty)
        ui.levelSelector.connect("activated(int)", self._onLevel)
        ui.fadeSlider.connect("valueChanged(int)", self._onFade)
        ui.confidenceCheck.connect("toggled(bool)", self._onConfidence)
        ui.surfacesCheck.connect("toggled(bool)", self._onSurfaces)
        ui.retrainButton.connect("clicked(bool)", self._onRetrain)
        ui.tableButton.connect("clicked(bool)", self._onTable)
        ui.csvButton.connect("clicked(bool)", self._onCsv)
        ui.evaluateButton.connect("clicked(bool)", self._onEvaluate)
        ui.truthSelector.connect("currentNodeChanged(vtkMRMLNode*)", self._onTruth)
        self._shown.changed.connect(self.update)
        self._cursor.moved.connect(self._onCursor)
        results.evaluating.changed.connect(self._onEvaluating)
        self.update()

    def cleanup(self) -> None:
        """Hear no more of the result."""
        self._shown.changed.disconnect(self.update)
        self._results.evaluating.changed.disconnect(self._onEvaluating)
        self._cursor.cleanup()

    def update(self) -> None:
        """Show how the result is looked at; nothing where there is none."""
        ui, parameters = self._ui, self._results.parameters
        ui.resultBox.setVisible(self._shown.paths is not None)
        if self._shown.answers is not self._results.evaluating.compared:
            self._evaluation.hide()  # its figures are about what was shown before
        if self._shown.paths is None:
            return
        ui.certaintySlider.value = round(parameters.certainty * STEPS)
        ui.certaintyValue.text = f"{100 * parameters.certainty:.3g} %"
        self._fillLevels()
        ui.fadeSlider.value = round(100 * parameters.resultOpacity)
        ui.confidenceCheck.checked = parameters.showConfidence
        ui.surfacesCheck.checked = parameters.show3D
        ui.truthSelector.setCurrentNode(parameters.truth)
        notes = self._shown.dicomNotes()
        ui.codesLabel.text = "\n".join(notes)
        ui.codesLabel.setVisible(bool(notes))
        self._updateEvaluate()

    # How it is looked at

    def _fillLevels(self) -> None:
        levels = self._shown.levels
        selector = self._ui.levelSelector
        if [selector.itemData(index) for index in range(selector.count)] != list(levels):
            selector.clear()
            for level in levels:
                selector.addItem(levelWords(level), level)
        selector.currentIndex = levels.index(str(self._shown.level))

    def _onCertainty(self, value: int) -> None:
        self._ui.certaintyValue.text = f"{100 * value / STEPS:.3g} %"
        if value != round(self._results.parameters.certainty * STEPS):
            self._shown.setCertainty(value / STEPS)

    def _onLevel(self, index: int) -> None:
        self._shown.setLevel(self._ui.levelSelector.itemData(index))

    def _onFade(self, value: int) -> None:
        if value != round(100 * self._results.parameters.resultOpacity):
            self._shown.setOpacity(value / 100)

    def _onConfidence(self, checked: bool) -> None:
        if checked != self._results.parameters.showConfidence:
            self._shown.setConfidenceShown(checked)

    def _onSurfaces(self, checked: bool) -> None:
        if checked != self._results.parameters.show3D:
            self._shown.setSurfacesShown(checked)

    def _onCursor(self, point: tuple[float, float, float] | None) -> None:
        words = self._shown.readout(point) if point is not None else ""
        self._ui.readoutLabel.text = words or " "  # a line that is always there keeps the panel still

    # Correcting it

    def _onMenu(self) -> None:
        """Say what each entry would accept."""
        current = self._labels.currentLabelId
        name = self._labels.tree[current].name if current else ""
        self._acceptCurrent.text = _("The selected label: {name}").format(name=name) if current else _("The selected label")
        self._acceptCurrent.enabled = bool(current)
        pointed = self._pointedLabel()
        words = self._shown.paths.tree[pointed].name if pointed else ""
        self._acceptRegion.text = (
            _("The region last pointed at: {name}").format(name=words) if pointed else _("The region last pointed at")
        )
        self._acceptRegion.enabled = bool(pointed)
        self._acceptAll.text = _("All labels")

    def _pointedLabel(self) -> int:
        return self._shown.labelAt(self._cursor.latest) if self._cursor.latest is not None else 0

    def _onAcceptCurrent(self, _checked: bool = False) -> None:
        self._accept([self._labels.currentLabelId])

    def _onAcceptRegion(self, _checked: bool = False) -> None:
        self._accept([self._pointedLabel()], self._cursor.latest)

    def _onAcceptAll(self, _checked: bool = False) -> None:
        self._accept([self._shown.paths.tree.root.id])

    def _accept(self, labelIds: Iterable[int], point: tuple[float, float, float] | None = None) -> None:
        def accept() -> str:
            count = self._shown.acceptAsScribbles(labelIds, self._ui.acceptSpin.value / 100, point)
            return _("{count} voxels became scribbles.").format(count=f"{count:,}".replace(",", "\u202f"))

        self._attempt(accept)

    def _onRetrain(self, _checked: bool = False) -> None:
        self._attempt(self._results.correctAndRetrain)

    # Measuring and evaluating

    def _onTable(self, _checked: bool = False) -> None:
        self._attempt(lambda: _("Written to the table '{name}'.").format(name=self._results.measure().GetName()))

    def _onCsv(self, _checked: bool = False) -> None:
        name = f"{self._shown.node.GetName()} volumes.csv"
        path = qt.QFileDialog.getSaveFileName(self._ui.csvButton, _("Save volumes"), name, f"{_('Tables')} (*.csv)")
        if path:
            self._attempt(lambda: self._results.saveVolumes(path))

    def _onTruth(self, node: slicer.vtkMRMLNode | None) -> None:
        if self._shown.paths is not None and node is not self._results.parameters.truth:
            self._results.parameters.truth = node
        self._updateEvaluate()

    def _updateEvaluate(self) -> None:
        truth, button = self._results.parameters.truth, self._ui.evaluateButton
        running = bool(self._results.evaluating.stage)
        button.enabled = not running and truth is not None and truth is not self._shown.node
        if running:
            button.toolTip = _("An evaluation is running; wait for it")
        elif truth is None:
            button.toolTip = _("Choose a segmentation of the same image that is taken for the truth")
        elif truth is self._shown.node:
            button.toolTip = _("This is the result itself; choose another segmentation")
        else:
            button.toolTip = _("Compare the shown result with the truth, level by level")

    def _onEvaluate(self, _checked: bool = False) -> None:
        self._attempt(lambda: self._results.evaluating.start(self._results.parameters.truth))

    def _onEvaluating(self) -> None:
        evaluating = self._results.evaluating
        self._updateEvaluate()
        if evaluating.stage:
            self._attempt(lambda: _("Evaluation: {stage}").format(stage=evaluating.stage))
        elif evaluating.problem:
            self._attempt(lambda: "")
            self._errors.show(evaluating.problem, evaluating.logTail)
        else:
            self._attempt(lambda: "\n".join(evaluating.notes))
            self._evaluation.show(evaluating.report)


def levelWords(level: str) -> str:
    """A level as the user reads it."""
    if level == "auto":
        return _("as deep as certain")
    if level == "leaf":
        return _("leaves only")
    return _("level {number}").format(number=level)
