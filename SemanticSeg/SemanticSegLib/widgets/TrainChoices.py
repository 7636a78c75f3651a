"""The choices of a training: start model, learner, loss, time, device, names of channels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import qt
from slicer.i18n import tr as _

from SemanticSegLib.logic.TrainingLogic import IDLE, TrainingLogic

if TYPE_CHECKING:
    from SemanticSegLib.logic.Dependencies import Dependencies
    from SemanticSegLib.logic.ModelStore import ModelStore

BUDGETS = (30, 120, 600, 1800)
"""Offered times, in seconds."""

FIELDS = (
    "addCasesButton",
    "channelsLine",
    "unknownLine",
    "startSelector",
    "startButton",
    "learnerSelector",
    "lossSelector",
    "expressionLine",
    "timeSelector",
    "timeSpin",
    "deviceSelector",
    "deviceButton",
)
"""What may be changed while no training runs."""

OWN = "own"
"""Marks the entry for a time or an expression of one's own."""


class TrainChoices:
    """Fields of the step, each bound to one parameter.

    Args:
        ui: Children of the step's `.ui`.
        training: Holds the parameters, and knows when they change.
        models: What one may start from.
        dependencies: Know the devices.
        attempt: Does something, and tells why it was refused.
    """

    def __init__(
        self,
        ui: object,
        training: TrainingLogic,
        models: ModelStore,
        dependencies: Dependencies,
        attempt: Callable[[Callable[[], object]], bool],
    ) -> None:
        from semseg_core.losses.catalog import DESCRIPTIONS
        from semseg_core.train.config import LEARNERS

        self._ui = ui
        self._training = training
        self._models = models
        self._dependencies = dependencies
        self._attempt = attempt
        self._losses = {words.name: words for words in DESCRIPTIONS}
        self._tips = {name: getattr(ui, name).toolTip for name in FIELDS}
        self._ownLoss = False
        for learner, words in zip(LEARNERS, (_("Quick"), _("Deep (ten minutes or more)")), strict=True):
            ui.learnerSelector.addItem(words, learner)
        for words in DESCRIPTIONS:
            plain = words.title if words.name == "default" else f"{words.title} ({words.name})"
            ui.lossSelector.addItem(plain, words.name)
        ui.lossSelector.addItem(_("Expression of your own…"), OWN)
        for seconds in BUDGETS:
            text = _("{n} s").format(n=seconds) if seconds < 60 else _("{n} min").format(n=seconds // 60)
            ui.timeSelector.addItem(text, seconds)
        ui.timeSelector.addItem(_("Other…"), OWN)
        self._ownTime = False
        ui.learnerSelector.connect("activated(int)", self._onLearner)
        ui.lossSelector.connect("activated(int)", self._onLoss)
        ui.expressionLine.connect("editingFinished()", self._onExpression)
        ui.timeSelector.connect("activated(int)", self._onTime)
        ui.timeSpin.connect("valueChanged(int)", self._onSeconds)
        ui.startSelector.connect("activated(int)", self._onStart)
        ui.startButton.connect("clicked(bool)", self._onBrowse)
        ui.deviceSelector.connect("activated(int)", self._onDevice)
        ui.deviceButton.connect("clicked(bool)", self._onLook)
        ui.channelsLine.connect("editingFinished()", self._onChannels)
        ui.unknownLine.connect("editingFinished()", self._onUnknown)
        models.changed.connect(self._fillModels)
        dependencies.changed.connect(self._fillDevices)
        self._fillModels()
        self._fillDevices()

    def cleanup(self) -> None:
        """Hear no more of models and devices."""
        self._models.changed.disconnect(self._fillModels)
        self._dependencies.changed.disconnect(self._fillDevices)

    def setEnabled(self, enabled: bool) -> None:
        """Let things be chosen, or not while a training runs."""
        for name, tip in self._tips.items():
            field = getattr(self._ui, name)
            field.enabled = enabled
            field.toolTip = tip if enabled else _("A training is running. Cancel it, or wait until it ends, to change this.")

    def update(self) -> None:
        """Show the parameters."""
        parameters, ui = self._training.parameters, self._ui
        self._select(ui.learnerSelector, parameters.learner)
        self._showLoss(parameters.loss)
        self._showTime(round(parameters.budgetSeconds))
        self._select(ui.startSelector, parameters.startModel)
        self._select(ui.deviceSelector, parameters.device)
        ui.deviceText.text = self._deviceWords(parameters.device)
        ui.deviceText.setVisible(bool(ui.deviceText.text))
        cases = self._training.cases
        several = any(case.channelCount > 1 for case in (cases.own, *cases.added))
        for widget in (ui.channelsLabel, ui.channelsLine):
            widget.setVisible(several or bool(parameters.channelNames))
        for widget in (ui.unknownLabel, ui.unknownLine):
            widget.setVisible(bool(cases.added))
        for line, text in ((ui.channelsLine, parameters.channelNames), (ui.unknownLine, parameters.unknownValues)):
            if not line.focus:
                line.text = text

    # Fields from parameters

    def _showLoss(self, loss: str) -> None:
        ui = self._ui
        own = self._ownLoss or loss not in self._losses
        self._select(ui.lossSelector, OWN if own else loss)
        ui.expressionLine.setVisible(own)
        words = None if own else self._losses[loss]
        ui.lossText.text = _("Losses can be summed and weighted: press Enter when done.") if words is None else words.when
        ui.lossText.toolTip = "" if words is None else f"{words.sentence}\n{words.formula}\n{words.source}"
        if own and not ui.expressionLine.focus:
            ui.expressionLine.text = "" if loss == "default" else loss

    def _showTime(self, seconds: int) -> None:
        ui = self._ui
        own = self._ownTime or seconds not in BUDGETS
        self._select(ui.timeSelector, OWN if own else seconds)
        ui.timeSpin.setVisible(own)
        if ui.timeSpin.value != seconds:
            blocked = ui.timeSpin.blockSignals(True)
            ui.timeSpin.value = seconds
            ui.timeSpin.blockSignals(blocked)

    def _select(self, selector: qt.QComboBox, data: object) -> None:
        """Show the entry of a value; one that is not among them is added, so that nothing is chosen silently."""
        index = selector.findData(data)
        if index < 0:
            selector.addItem(Path(str(data)).name, data)
            index = selector.count - 1
        selector.currentIndex = index

    def _fillModels(self) -> None:
        selector = self._ui.startSelector
        selector.clear()
        selector.addItem(_("Nothing (a new model)"), "")
        for model in self._models.list():
            selector.addItem(model.name, model.name)
        self._select(selector, self._training.parameters.startModel)

    def _fillDevices(self) -> None:
        selector = self._ui.deviceSelector
        selector.clear()
        selector.addItem(_("Automatic"), "auto")
        for device in self._dependencies.devices or ():
            words = _("{name}: cannot be used") if device.fault else "{name}: {description}"
            selector.addItem(words.format(name=device.name, description=device.description), device.name)
            selector.setItemData(selector.count - 1, device.fault or device.description, qt.Qt.ToolTipRole)
        self._select(selector, self._training.parameters.device)
        looking = self._dependencies.isLooking
        self._ui.deviceButton.enabled = not looking and self._training.state == IDLE

    def _deviceWords(self, name: str) -> str:
        """What is known of the chosen device."""
        if self._dependencies.isLooking:
            return _("Trying every device with a small calculation…")
        if self._dependencies.devices is None:
            return ""
        found = {device.name: device for device in self._dependencies.devices}
        if name == "auto":
            device = next((device for device in found.values() if not device.fault), None)
            return "" if device is None else _("Takes {name}: {words}").format(name=device.name, words=device.description)
        if name not in found:
            return _("{name} was not found on this computer").format(name=name)
        return found[name].fault or _("Ready: {words}").format(words=found[name].description)

    # Parameters from fields

    def _onLearner(self, _index: int) -> None:
        self._training.parameters.learner = self._ui.learnerSelector.currentData

    def _onLoss(self, _index: int) -> None:
        chosen = self._ui.lossSelector.currentData
        self._ownLoss = chosen == OWN
        if self._ownLoss:
            self._training.changed.emit()
            self._ui.expressionLine.setFocus()
        else:
            self._training.parameters.loss = chosen

    def _onExpression(self) -> None:
        self._training.parameters.loss = self._ui.expressionLine.text.strip() or "default"

    def _onTime(self, _index: int) -> None:
        chosen = self._ui.timeSelector.currentData
        self._ownTime = chosen == OWN
        if self._ownTime:
            self._training.changed.emit()
        else:
            self._training.parameters.budgetSeconds = float(chosen)

    def _onSeconds(self, seconds: int) -> None:
        self._training.parameters.budgetSeconds = float(seconds)

    def _onStart(self, _index: int) -> None:
        self._training.parameters.startModel = self._ui.startSelector.currentData

    def _onBrowse(self, _checked: bool = False) -> None:
        folder = qt.QFileDialog.getExistingDirectory(self._ui.startButton, _("Folder of a model"))
        if folder:
            self._training.parameters.startModel = folder

    def _onDevice(self, _index: int) -> None:
        self._training.parameters.device = self._ui.deviceSelector.currentData

    def _onLook(self, _checked: bool = False) -> None:
        self._attempt(self._dependencies.lookAtDevices)

    def _onChannels(self) -> None:
        self._training.parameters.channelNames = self._ui.channelsLine.text

    def _onUnknown(self) -> None:
        self._training.parameters.unknownValues = self._ui.unknownLine.text
