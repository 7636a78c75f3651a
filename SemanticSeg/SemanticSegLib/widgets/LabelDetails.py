"""The line below the tree: color, value, edge length and terminology of the current label."""

from __future__ import annotations

import qt
from slicer.i18n import tr as _

from SemanticSegLib.logic.LabelsLogic import LabelsLogic
from SemanticSegLib.widgets.LabelActions import LabelActions
from SemanticSegLib.widgets.LabelRows import swatch, terminologyCodes, terminologyText
from SemanticSegLib.widgets.LabelSources import Attempt


class LabelDetails:
    """Shows the current label and takes what is typed.

    Args:
        ui: The widgets of `Labels.ui` by name.
        labels: The use cases.
        actions: Those of the tree; the buttons are two of them.
        attempt: Runs a use case and tells the user why it was refused.
    """

    def __init__(self, ui: object, labels: LabelsLogic, actions: LabelActions, attempt: Attempt) -> None:
        self._ui = ui
        self._labels = labels
        self._attempt = attempt
        self._color = actions["color"]
        self._terminology = actions["terminology"]
        ui.colorButton.connect("clicked()", self._color.trigger)
        ui.terminologyButton.connect("clicked()", self._terminology.trigger)
        ui.valueSpinBox.connect("valueChanged(int)", self._onValue)
        ui.lengthSpinBox.connect("valueChanged(double)", self._onLength)

    def show(self) -> None:
        """Bring the line up to the current label; it is gray where there is none."""
        tree, labelId = self._labels.tree, self._labels.currentLabelId
        self._ui.detailsPage.visible = tree is not None
        self._ui.detailsPage.enabled = bool(labelId)
        label = tree[labelId] if tree is not None and labelId else None
        isRoot = label is not None and label.parent is None
        for spinBox, value in (
            (self._ui.valueSpinBox, 1 if label is None else label.value),
            (self._ui.lengthSpinBox, 0.0 if label is None or isRoot else label.length),
        ):
            wasBlocked = spinBox.blockSignals(True)
            spinBox.value = value
            spinBox.blockSignals(wasBlocked)
        self._ui.lengthSpinBox.enabled = not isRoot
        self._ui.lengthSpinBox.toolTip = (
            _("The topmost label has no edge above it")
            if isRoot
            else _("How far the label lies from its parent; a tree loss weighs confusions by such lengths")
        )
        self._ui.colorButton.icon = qt.QIcon() if label is None else swatch(label.color)
        self._ui.colorButton.toolTip = self._color.toolTip
        self._ui.terminologyLine.text = "" if label is None else terminologyText(label.terminology)
        self._ui.terminologyLine.cursorPosition = 0
        self._ui.terminologyLine.toolTip = "" if label is None else terminologyCodes(label.terminology)
        self._ui.terminologyButton.toolTip = self._terminology.toolTip

    def _onValue(self, value: int) -> None:
        if not self._attempt(lambda: self._labels.setValue(self._labels.currentLabelId, value)):
            self.show()

    def _onLength(self, length: float) -> None:
        if not self._attempt(lambda: self._labels.setLength(self._labels.currentLabelId, length)):
            self.show()
