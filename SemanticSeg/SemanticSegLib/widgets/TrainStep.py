"""Step 3 of the panel: what to learn from and how, the training while it runs, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import qt
import slicer
from slicer.i18n import tr as _

from SemanticSegLib.logic.TrainingLogic import FINISHING, IDLE, PREPARING, TrainingLogic, TrainingResult
from SemanticSegLib.logic.TrainingWords import clock, resultLines, statusWords
from SemanticSegLib.widgets.CasesTable import CasesTable
from SemanticSegLib.widgets.ErrorBox import ErrorBox
from SemanticSegLib.widgets.LearningCurve import LearningCurve
from SemanticSegLib.widgets.SetupBox import SetupBox
from SemanticSegLib.widgets.TrainChoices import TrainChoices
from semseg_core.errors import DependencyError, SemSegError

if TYPE_CHECKING:
    from SemanticSegLib.logic.Dependencies import Dependencies
    from SemanticSegLib.logic.ModelStore import ModelStore
    from SemanticSegLib.logic.Report import Report
    from SemanticSegLib.logic.TrainingRun import TrainingRun

UI = Path(__file__).parents[2] / "Resources" / "UI" / "Train.ui"


class TrainStep:
    """Shows the choices of a training and the training itself, and passes on what is clicked.

    Args:
        training: The use cases.
        models: What one may start from.
        dependencies: Know what is installed, and the devices.
        report: What *Copy report* copies.
        layout: Where the step is put.

    Attributes:
        widget: The root widget.
    """

    def __init__(
        self, training: TrainingLogic, models: ModelStore, dependencies: Dependencies, report: Report, layout: qt.QLayout
    ) -> None:
        self._training = training
        self._dependencies = dependencies
        self._logLines = 0
        self._reason = ""
        self.widget = slicer.util.loadUI(str(UI))
        layout.addWidget(self.widget)
        self._ui = ui = slicer.util.childWidgetVariables(self.widget)
        self._choices = TrainChoices(ui, training, models, dependencies, self.attempt)
        self._cases = CasesTable(training.cases, ui.addCasesButton, ui.casesPlace.layout(), self.attempt)
        self._curve = LearningCurve(ui.curvePlace.layout())
        self._errors = ErrorBox(report, ui.errorPlace.layout())
        self._setup = SetupBox(dependencies, self._errors, ui.setupPlace.layout())
        for place in (ui.setupPlace, ui.curvePlace, ui.deviceText, ui.statusLabel, ui.warningsLabel, ui.resultLabel, ui.logText):
            place.hide()
        ui.trainButton.connect("clicked(bool)", self._onTrain)
        ui.logButton.connect("toggled(bool)", self._onLog)
        training.changed.connect(self.update)
        training.stateChanged.connect(self._onStateChanged)
        training.progressed.connect(self._onProgressed)
        training.finished.connect(self._onFinished)
        if training.run is not None:
            self._onProgressed(training.run)
        if training.result is not None:
            self._onFinished(training.result)
        self._onStateChanged(training.state)

    def cleanup(self) -> None:
        """Hear no more of the training, which goes on."""
        self._training.changed.disconnect(self.update)
        self._training.stateChanged.disconnect(self._onStateChanged)
        self._training.progressed.disconnect(self._onProgressed)
        self._training.finished.disconnect(self._onFinished)
        self._choices.cleanup()
        self._cases.cleanup()
        self._curve.cleanup()
        self._setup.cleanup()
        self._errors.cleanup()

    def attempt(self, action: Callable[[], Iterable[str] | None]) -> bool:
        """Do something; say what it has to tell, or why it was refused."""
        try:
            notes = action()
        except SemSegError as error:
            self._say(str(error))
            self._ui.setupPlace.setVisible(isinstance(error, DependencyError))
            return False
        self._say("\n".join(notes or ()))
        return True

    def update(self) -> None:
        """Show the choices as they are, and whether a training could start."""
        count = len(self._training.cases.all)
        own = self._training.cases.ownTakesPart
        if count == 0:
            self._ui.casesText.text = _("none yet")
        elif count == 1 and own:
            self._ui.casesText.text = _("this volume")
        else:
            self._ui.casesText.text = _("{count} cases").format(count=count)
        self._choices.update()
        if self._ui.setupPlace.visible and self._dependencies.usable()[0]:
            self._ui.setupPlace.hide()
        self._updateButton()

    # What is clicked

    def _onTrain(self, _checked: bool = False) -> None:
        if self._training.state == IDLE:
            self.attempt(self._training.start)
        else:
            self._training.cancel()

    def _onLog(self, shown: bool) -> None:
        self._ui.logButton.arrowType = qt.Qt.DownArrow if shown else qt.Qt.RightArrow
        self._ui.logText.setVisible(shown)

    # What is heard

    def _onStateChanged(self, state: str) -> None:
        idle = state == IDLE
        if state == PREPARING:
            self._logLines = 0
            self._ui.logText.clear()
            self._errors.clear()
            self._ui.resultLabel.hide()
        self._choices.setEnabled(idle)
        self._cases.setEnabled(idle)
        self._ui.progressBar.setVisible(not idle)
        if not idle:
            self._onProgressed(self._training.run)
        self.update()

    def _onProgressed(self, run: TrainingRun) -> None:
        learning = bool(run.losses or run.scores)
        # A bar without an end moves by itself: reading and preparing do not tell how long they take.
        self._ui.progressBar.maximum = 1000 if learning else 0
        self._ui.progressBar.value = round(1000 * run.fraction) if learning else 0
        self._say(statusWords(self._training.state, run))
        self._curve.show(run.losses, run.scores, run.fraction)
        self._ui.curvePlace.setVisible(learning or self._training.state != IDLE)
        self._ui.warningsLabel.text = "\n".join(f"⚠ {warning}" for warning in run.warnings)
        self._ui.warningsLabel.setVisible(bool(run.warnings))
        for line in run.log[self._logLines :]:
            self._ui.logText.appendPlainText(line)
        self._logLines = len(run.log)
        self._updateButton()

    def _onFinished(self, result: TrainingResult) -> None:
        run = self._training.run
        self._onProgressed(run)
        self._say("")
        if result.kind in ("failed", "crashed"):
            self._ui.resultLabel.hide()
            self._errors.show(result.message, result.logTail, result.folder)
        else:
            self._ui.resultLabel.text = "\n".join(resultLines(result, run))
            self._ui.resultLabel.show()
        self.update()

    def _say(self, text: str) -> None:
        self._ui.statusLabel.text = text
        self._ui.statusLabel.setVisible(bool(text))

    def _updateButton(self) -> None:
        button, state = self._ui.trainButton, self._training.state
        if state == IDLE:
            possible, reason = self._training.canStart()
            button.text = _("Train")
            button.enabled = possible
            button.toolTip = _("Learn a model from the cases; you can go on working meanwhile") if possible else reason
            if reason or self._ui.statusLabel.text == self._reason:
                self._say(reason)
            self._reason = reason
            return
        left = self._training.run.secondsLeft
        button.text = _("Cancel") if not left else _("Cancel ({time} left)").format(time=clock(left))
        button.enabled = state != FINISHING
        button.toolTip = (
            _("The best model so far is being saved") if state == FINISHING else _("Stop now and keep the best model so far")
        )
