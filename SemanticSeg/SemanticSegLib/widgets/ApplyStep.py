"""Step 4 of the panel: a model, what it is applied to, and the result."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import qt
import slicer
from slicer.i18n import tr as _

from SemanticSegLib.logic.Applying import Applied, Applying
from SemanticSegLib.logic.ResultsLogic import ResultsLogic
from SemanticSegLib.logic.UnfamiliarWords import resultHint
from SemanticSegLib.widgets.ErrorBox import ErrorBox
from SemanticSegLib.widgets.ModelCardView import ModelCardView
from SemanticSegLib.widgets.ModelsDialog import ModelsDialog
from SemanticSegLib.widgets.ResultControls import ResultControls
from SemanticSegLib.widgets.SetupBox import SetupBox
from semseg_core.errors import SemSegError

if TYPE_CHECKING:
    from SemanticSegLib.logic.Dependencies import Dependencies
    from SemanticSegLib.logic.LabelsLogic import LabelsLogic
    from SemanticSegLib.logic.ModelStore import ModelStore
    from SemanticSegLib.logic.Report import Report

UI = Path(__file__).parents[2] / "Resources" / "UI" / "Apply.ui"

THIS, FRAMES, CHOSEN = "this", "frames", "chosen"
"""What a model can be applied to."""


class ApplyStep:
    """Shows the choice and the run, and passes on what is clicked.

    Args:
        results: The use cases.
        models: The user's models.
        labels: The tree that is worked with.
        dependencies: What applying needs.
        report: Writes reports of errors.
        layout: Where the step is put.

    Attributes:
        widget: The root widget.
    """

    def __init__(
        self,
        results: ResultsLogic,
        models: ModelStore,
        labels: LabelsLogic,
        dependencies: Dependencies,
        report: Report,
        layout: qt.QLayout,
    ) -> None:
        self._results = results
        self._models = models
        self._dependencies = dependencies
        self._dialog: ModelsDialog | None = None
        self._missing = ""
        self.widget = slicer.util.loadUI(str(UI))
        layout.addWidget(self.widget)
        self._ui = ui = slicer.util.childWidgetVariables(self.widget)
        self.widget.setMRMLScene(results.scene)
        self._card = ModelCardView(ui.cardBox.layout())
        self._errors = ErrorBox(report, ui.errorPlace.layout())
        self._setup = SetupBox(dependencies, self._errors, ui.setupPlace.layout())
        self._controls = ResultControls(ui, results, labels, self._errors, self.attempt)
        for hidden in (ui.cardBox, ui.volumesList, ui.progressBar):
            hidden.hide()
        ui.modelSelector.connect("activated(int)", self._onModel)
        ui.cardButton.connect("toggled(bool)", ui.cardBox.setVisible)
        ui.modelsButton.connect("clicked(bool)", self._onModels)
        ui.toSelector.connect("activated(int)", self._onTo)
        ui.everythingCheck.connect("toggled(bool)", self._onEverything)
        ui.volumesList.connect("itemChanged(QListWidgetItem*)", self._onTicked)
        ui.applyButton.connect("clicked(bool)", self._onApply)
        results.changed.connect(self.update)
        results.progressed.connect(self._onProgressed)
        results.finished.connect(self._onFinished)
        results.shown.failed.connect(self._onFailed)
        dependencies.changed.connect(self.update)
        self.update()

    def cleanup(self) -> None:
        """Hear no more; a run that is under way goes on."""
        self._results.changed.disconnect(self.update)
        self._results.progressed.disconnect(self._onProgressed)
        self._results.finished.disconnect(self._onFinished)
        self._results.shown.failed.disconnect(self._onFailed)
        self._dependencies.changed.disconnect(self.update)
        self._controls.cleanup()
        self._setup.cleanup()
        self._errors.cleanup()
        if self._dialog is not None:
            self._dialog.cleanup()

    def attempt(self, action: Callable[[], str | None]) -> bool:
        """Do something; say what it has to tell, or why it was refused."""
        try:
            self._say(action() or "")
        except SemSegError as error:
            self._say(str(error))
            return False
        return True

    def update(self) -> None:
        """Show the choices as they are, and whether a model could be applied."""
        usable, _reason = self._dependencies.usable()
        self._ui.setupPlace.setVisible(not usable)
        self._fillModels()
        self._fillTo()
        self._updateEverything()
        self._updateButton()
        self._controls.update()

    def _say(self, words: str) -> None:
        """Show a line under the button; without words none is there."""
        self._ui.statusLabel.text = words
        self._ui.statusLabel.setVisible(bool(words))

    # The choices

    def _fillModels(self) -> None:
        ui, chosen = self._ui, self._results.model
        names = [model.name for model in self._results.models]
        if [ui.modelSelector.itemText(index) for index in range(ui.modelSelector.count)] != names:
            ui.modelSelector.clear()
            ui.modelSelector.addItems(names)
        ui.modelSelector.currentIndex = names.index(chosen.name) if chosen is not None else -1
        idle = not self._results.isApplying
        ui.modelSelector.enabled = bool(names) and idle
        ui.cardButton.enabled = bool(names)
        if not names:
            ui.cardButton.checked = False
        missing = _("There is no model yet. Train one in the step above, or import one with Models…")
        busy = busyWords()
        ui.modelSelector.toolTip = (_("The model that is applied") if idle else busy) if names else missing
        ui.cardButton.toolTip = _("Show what the model is for and what it learned from") if names else missing
        ui.toSelector.enabled = ui.volumesList.enabled = idle
        ui.toSelector.toolTip = _("What the model is applied to") if idle else busy
        self._card.show(chosen)

    def _fillTo(self) -> None:
        ui = self._ui
        choices = {THIS: _("this volume"), FRAMES: _("all frames of its sequence"), CHOSEN: _("chosen volumes…")}
        if not self._results.hasFrames:
            del choices[FRAMES]
        present = ui.toSelector.currentData if ui.toSelector.count else THIS
        if [ui.toSelector.itemData(index) for index in range(ui.toSelector.count)] != list(choices):
            ui.toSelector.clear()
            for key, words in choices.items():
                ui.toSelector.addItem(words, key)
        if present != CHOSEN:
            present = FRAMES if self._results.parameters.allFrames and FRAMES in choices else THIS
        ui.toSelector.currentIndex = list(choices).index(present)
        ui.volumesList.setVisible(present == CHOSEN)
        if present == CHOSEN:
            self._fillVolumes()

    def _updateEverything(self) -> None:
        check, chosen = self._ui.everythingCheck, self._results.model
        check.checked = self._results.parameters.everything
        check.enabled = not self._results.isApplying
        words = _(
            "Tissue that resembles nothing you scribbled on stays unknown. Tick this to give it the likeliest label all the same:"
            " after few strokes, for instance, when parts of organs are missing. Tissue that has no label of its own then gets a"
            " wrong one. Air stays unknown. The live preview does the same."
        )
        if not check.enabled:
            words = busyWords()
        elif chosen is not None and chosen.card is not None and chosen.card.known_floor is None:
            words += " " + _("The chosen model labels all tissue in any case.")
        check.toolTip = words

    def _fillVolumes(self) -> None:
        """The scalar volumes of the scene; what was ticked stays so."""
        ui, nodes = self._ui, self._results.volumeNodes()
        ticked = set(self._tickedIds())
        shown = [ui.volumesList.item(row).data(qt.Qt.UserRole) for row in range(ui.volumesList.count)]
        if shown == [node.GetID() for node in nodes]:
            return
        ui.volumesList.blockSignals(True)
        ui.volumesList.clear()
        for node in nodes:
            item = qt.QListWidgetItem(node.GetName())
            item.setData(qt.Qt.UserRole, node.GetID())
            item.setToolTip(node.GetName())
            item.setCheckState(qt.Qt.Checked if node.GetID() in ticked else qt.Qt.Unchecked)
            ui.volumesList.addItem(item)
        ui.volumesList.blockSignals(False)

    def _tickedIds(self) -> list[str]:
        items = [self._ui.volumesList.item(row) for row in range(self._ui.volumesList.count)]
        return [item.data(qt.Qt.UserRole) for item in items if item.checkState() == qt.Qt.Checked]

    def _volumes(self) -> list[slicer.vtkMRMLScalarVolumeNode] | None:
        """The ticked volumes; None where the volume of the panel is meant."""
        if self._ui.toSelector.currentData != CHOSEN:
            return None
        ticked = set(self._tickedIds())
        return [node for node in self._results.volumeNodes() if node.GetID() in ticked]

    # What is clicked

    def _onModel(self, index: int) -> None:
        self._results.chooseModel(self._ui.modelSelector.itemText(index))

    def _onModels(self, _checked: bool = False) -> None:
        self._dialog = self._dialog or ModelsDialog(self._models, self.widget)
        self._dialog.show()

    def _onTo(self, index: int) -> None:
        self._results.parameters.allFrames = self._ui.toSelector.itemData(index) == FRAMES
        self.update()

    def _onEverything(self, checked: bool) -> None:
        if checked != self._results.parameters.everything:
            self._results.parameters.everything = checked
            self._say(_("Press Apply to change the result accordingly.") if self._results.shown.paths is not None else "")

    def _onTicked(self, _item: qt.QListWidgetItem) -> None:
        self._updateButton()

    def _onApply(self, _checked: bool = False) -> None:
        if self._results.isApplying:
            self._results.cancel()
            return
        self._errors.clear()
        try:
            self._results.apply(self._volumes())
        except SemSegError as error:
            self._say(str(error))

    # What is heard

    def _updateButton(self) -> None:
        button, applying = self._ui.applyButton, self._results.isApplying
        self._ui.progressBar.setVisible(applying)
        button.text = _("Cancel") if applying else _("Apply")
        possible, reason = (True, "") if applying else self._results.canApply(self._volumes())
        button.enabled = possible
        if applying:
            button.toolTip = _("Stop; results of volumes that are done stay")
        else:
            button.toolTip = _("Segment with this model; scribbles stay as they are") if possible else reason
            if not possible or self._ui.statusLabel.text == self._missing:
                self._say(reason)
            self._missing = reason

    def _onProgressed(self, applying: Applying) -> None:
        # A bar without an end moves by itself: reading and preparing do not tell how long they take.
        self._ui.progressBar.maximum = 1000 if applying.fraction > 0 else 0
        self._ui.progressBar.value = round(1000 * applying.fraction)
        left = "" if applying.secondsLeft is None else _(", {seconds} s left").format(seconds=round(applying.secondsLeft))
        self._say(f"{applying.stage}{left}")

    def _onFinished(self, applied: Applied) -> None:
        if applied.kind in ("failed", "crashed"):
            self._say("")
            self._errors.show(applied.message, applied.logTail, applied.folder)
        elif applied.kind == "cancelled":
            words = _("Cancelled; {count} volumes were segmented before.").format(count=applied.count)
            self._say(words if applied.count else _("Cancelled. The earlier result stays."))
        else:
            self._say(resultWords(self._results, applied))

    def _onFailed(self, message: str) -> None:
        self._say(message)


def busyWords() -> str:
    """Why choices cannot be changed while a model is applied."""
    return _("A model is being applied. Cancel it, or wait until it ends, to change this.")


def resultWords(results: ResultsLogic, applied: Applied) -> str:
    """What came of a run that ended well, and what to do where much of the image stayed unknown."""
    if applied.count > 1:
        return _("{count} volumes were segmented.").format(count=applied.count)
    seconds = round(applied.seconds)
    if results.shown.answers is None:  # a large one is still being drawn
        words = _("Done in {seconds} s.").format(seconds=seconds)
    else:
        words = _("Done: {count} labels in {seconds} s.").format(count=len(results.shown.answers.voxels), seconds=seconds)
    return f"{words} {resultHint(applied.unfamiliarShare, results.parameters.everything)}".rstrip()
