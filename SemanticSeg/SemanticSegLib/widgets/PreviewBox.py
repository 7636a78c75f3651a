"""The live preview in the panel: its switch, what it is doing, and the button that keeps it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import qt
import slicer
from slicer.i18n import tr as _

from SemanticSegLib.logic.LivePreview import LivePreview
from SemanticSegLib.widgets.ErrorBox import ErrorBox
from SemanticSegLib.widgets.SetupBox import SetupBox
from semseg_core.errors import DependencyError, SemSegError

if TYPE_CHECKING:
    from SemanticSegLib.logic.Dependencies import Dependencies
    from SemanticSegLib.logic.JobFolders import JobFolder
    from SemanticSegLib.logic.Report import Report

UI = Path(__file__).parents[2] / "Resources" / "UI" / "PreviewBox.ui"


class PreviewBox:
    """Switches the preview, and shows its state in words.

    Args:
        preview: The use case.
        dependencies: Know what is installed.
        report: What *Copy report* copies.
        layout: Where the box is put.

    Attributes:
        widget: The root widget.
    """

    def __init__(self, preview: LivePreview, dependencies: Dependencies, report: Report, layout: qt.QLayout) -> None:
        self._preview = preview
        self._dependencies = dependencies
        self._refusal = ""
        self.widget = slicer.util.loadUI(str(UI))
        layout.addWidget(self.widget)
        self._ui = ui = slicer.util.childWidgetVariables(self.widget)
        self._errors = ErrorBox(report, ui.errorPlace.layout())
        self._setup = SetupBox(dependencies, self._errors, ui.setupPlace.layout())
        ui.setupPlace.hide()
        ui.liveCheckBox.connect("clicked(bool)", self._onSwitched)
        ui.keepButton.connect("clicked()", self._onKeep)
        preview.changed.connect(self.update)
        preview.failed.connect(self._onFailed)
        self.update()

    def cleanup(self) -> None:
        """Hear no more of the preview."""
        self._preview.changed.disconnect(self.update)
        self._preview.failed.disconnect(self._onFailed)
        self._setup.cleanup()
        self._errors.cleanup()

    def update(self) -> None:
        """Show the state as it is now."""
        ui, preview = self._ui, self._preview
        possible, missing = preview.canStart()
        ui.liveCheckBox.checked = preview.isOn
        ui.liveCheckBox.enabled = possible or preview.isOn
        ui.liveCheckBox.toolTip = missing or _(
            "Learn beside you and show in the slice views what a model would say, a moment after each stroke. Nothing of it is"
            " saved unless you keep it. It begins with the model chosen in step 3 to start from."
        )
        keepable, reason = preview.canKeep()
        ui.keepButton.visible = preview.isOn
        ui.keepButton.enabled = keepable
        ui.keepButton.toolTip = reason or _("Keep what was learned as a model, apply it, and switch the preview off")
        if preview.isOn:
            self._refusal = ""
        if ui.setupPlace.visible and self._dependencies.usable()[0]:
            ui.setupPlace.hide()
            self._refusal = ""
        ui.statusLabel.text = preview.sentence or self._refusal
        ui.statusLabel.visible = bool(ui.statusLabel.text)

    def _onSwitched(self, on: bool) -> None:
        self._errors.clear()
        self._attempt(self._preview.start if on else self._preview.stop)

    def _onKeep(self) -> None:
        self._attempt(self._preview.keep)

    def _attempt(self, action: Callable[[], None]) -> None:
        """Do something, or say why it was refused."""
        self._refusal = ""
        try:
            action()
        except SemSegError as error:
            self._refusal = str(error)
            self._ui.setupPlace.visible = isinstance(error, DependencyError)
        self.update()

    def _onFailed(self, message: str, logTail: str, folder: JobFolder | None) -> None:
        self._errors.show(message, logTail, folder)
        self.update()
