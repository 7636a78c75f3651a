"""What went wrong, said without stopping anybody: one sentence, the log behind it, and a report to send."""

from __future__ import annotations

from pathlib import Path

import qt
import slicer
from slicer.i18n import tr as _

from SemanticSegLib.logic.JobFolders import JobFolder
from SemanticSegLib.logic.Report import Report
from semseg_core.errors import SemSegError

UI = Path(__file__).parents[2] / "Resources" / "UI" / "ErrorBox.ui"


class ErrorBox:
    """Hidden until `show`; gone again with its close button or `clear`.

    Args:
        report: Writes what *Copy report* copies.
        layout: Where the box is put.

    Attributes:
        widget: The root widget.
    """

    def __init__(self, report: Report, layout: qt.QLayout) -> None:
        self._report = report
        self._log = ""
        self._folder: JobFolder | None = None
        self.widget = slicer.util.loadUI(str(UI))
        layout.addWidget(self.widget)
        self._ui = slicer.util.childWidgetVariables(self.widget)
        self._ui.detailsButton.connect("toggled(bool)", self._onDetails)
        self._ui.copyButton.connect("clicked(bool)", self._onCopy)
        self._ui.keepButton.connect("clicked(bool)", self._onKeep)
        self._ui.closeButton.connect("clicked(bool)", self._onClose)
        self.clear()

    def show(self, message: str, log: str = "", folder: JobFolder | None = None) -> None:
        """Show an error in place of an earlier one.

        Args:
            message: What went wrong and what to do, in a sentence or two.
            log: The last lines of a log, masked (`Outcome.logTail`, `Dependencies.log`).
            folder: The job's files, which the user may want to keep; as long as the box is shown they should not be removed.
        """
        if self._folder is not None and self._folder is not folder:
            self._folder.remove()
        self._log, self._folder = log, folder
        self._ui.messageLabel.text = message
        self._ui.detailsButton.checked = False
        self._ui.detailsButton.setEnabled(bool(log))
        self._ui.detailsButton.toolTip = _("Show the last lines of the log") if log else _("There is no log: nothing was started")
        self._ui.logText.setPlainText(log)
        self._ui.keepButton.setVisible(folder is not None)
        self._ui.keepButton.setEnabled(True)
        self._ui.doneLabel.hide()
        self.widget.show()

    def clear(self) -> None:
        """Hide the box; job files that were not kept are removed."""
        self.widget.hide()
        self._ui.logText.hide()
        if self._folder is not None:
            self._folder.remove()
        self._folder = None

    def cleanup(self) -> None:
        """Forget the error, with its files."""
        self.clear()

    def _onDetails(self, shown: bool) -> None:
        self._ui.logText.setVisible(shown)

    def _onCopy(self, _checked: bool) -> None:
        slicer.app.clipboard().setText(self._report.text(self._log))
        self._say(_("Copied: versions, device, choices and log, without names and paths."))

    def _onKeep(self, _checked: bool) -> None:
        try:
            place = self._folder.keep()
        except SemSegError as error:
            self._say(str(error))
            return
        self._folder = None
        self._ui.keepButton.setEnabled(False)
        self._say(_("Kept in {folder}. These files hold your images: think before you send them.").format(folder=place))

    def _onClose(self, _checked: bool) -> None:
        self.clear()

    def _say(self, text: str) -> None:
        self._ui.doneLabel.text = text
        self._ui.doneLabel.show()
