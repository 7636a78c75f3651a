"""What training and applying need: what is there, what to install, and what there is to compute on."""

from __future__ import annotations

from pathlib import Path

import qt
import slicer
from slicer.i18n import tr as _

from SemanticSegLib.logic.Dependencies import Dependencies
from SemanticSegLib.widgets.ErrorBox import ErrorBox
from semseg_core.errors import SemSegError

UI = Path(__file__).parents[2] / "Resources" / "UI" / "SetupBox.ui"


class SetupBox:
    """Shows states and asks before anything is installed.

    Args:
        dependencies: The states, and what changes them.
        errors: Says what went wrong.
        layout: Where the box is put.

    Attributes:
        widget: The root widget.
    """

    def __init__(self, dependencies: Dependencies, errors: ErrorBox, layout: qt.QLayout) -> None:
        self._dependencies = dependencies
        self._errors = errors
        self.widget = slicer.util.loadUI(str(UI))
        layout.addWidget(self.widget)
        self._ui = slicer.util.childWidgetVariables(self.widget)
        self._ui.installButton.connect("clicked(bool)", self._onInstall)
        self._ui.lookButton.connect("clicked(bool)", self._onLook)
        dependencies.changed.connect(self.update)
        self.update()

    def cleanup(self) -> None:
        """Hear no more."""
        self._dependencies.changed.disconnect(self.update)

    def update(self) -> None:
        """Show the states as they are now."""
        usable, reason = self._dependencies.usable()
        possible, hint = self._dependencies.canInstall()
        versions = ", ".join(f"{package.name} {package.version}" for package in self._dependencies.packages() if package.version)
        self._ui.stateLabel.text = _("Ready: {versions}").format(versions=versions) if usable else reason
        self._ui.installButton.setVisible(not self._dependencies.isComplete)
        self._ui.installButton.setEnabled(possible)
        self._ui.installButton.toolTip = _("Says what would be installed, and asks") if possible else hint
        self._ui.devicesLabel.text = self._devices()
        self._ui.devicesLabel.setVisible(bool(self._ui.devicesLabel.text))
        looking = self._dependencies.isLooking
        self._ui.lookButton.setVisible(self._dependencies.isComplete)
        self._ui.lookButton.setEnabled(not looking)
        self._ui.lookButton.toolTip = (
            _("A check is running") if looking else _("Try every device with a small calculation; takes some seconds")
        )

    def _devices(self) -> str:
        """A line for each device; what is going on while they are tried."""
        if self._dependencies.isLooking:
            return _("Checking what can compute here…")
        devices = self._dependencies.devices or ()
        return "\n".join(
            f"{'○' if device.fault else '●'} {device.name}: {device.description}, {device.fault or _('ready')}"
            for device in devices
        )

    def _onLook(self, _checked: bool) -> None:
        try:
            self._dependencies.lookAtDevices()
        except SemSegError as error:
            self._errors.show(str(error))

    def _onInstall(self, _checked: bool) -> None:
        if not slicer.util.confirmOkCancelDisplay(self._dependencies.consent(), _("Install what training and applying need")):
            return
        self._errors.clear()
        self._ui.installButton.setEnabled(False)  # events go on being heard while installers run
        self._ui.stateLabel.text = _("Installing; this may take some minutes. The Python console shows what is going on.")
        try:
            with slicer.util.WaitCursor():
                slicer.app.processEvents()  # so that the sentence is seen before the wait
                restart = self._dependencies.install()
        except SemSegError as error:
            self._errors.show(str(error), self._dependencies.log)
            self.update()
            return
        if restart and not slicer.app.testingEnabled():
            question = _("Installed. Slicer still uses other versions of some packages. Restart now? Save your scene before.")
            if slicer.util.confirmYesNoDisplay(question, _("Restart Slicer")):
                slicer.util.restart()
