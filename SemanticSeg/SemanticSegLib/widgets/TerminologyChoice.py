"""Slicer's own terminology browser, in a dialog that gives codes."""

from __future__ import annotations

import qt
import slicer
from slicer.i18n import tr as _

from semseg_core.data.segments import terminology_entry, terminology_of
from semseg_core.labels.tree import Terminology


def chooseTerminology(name: str, terminology: Terminology | None, parent: qt.QWidget) -> Terminology | None:
    """Ask what a label means; None if the user does not choose.

    The dialog is ours because the one of Slicer cannot be called from Python; the browser in it is Slicer's.
    """
    logic = slicer.modules.terminologies.logic()
    entry = slicer.vtkSlicerTerminologyEntry()
    dialog = qt.QDialog(parent)
    dialog.windowTitle = _("Terminology of '{name}'").format(name=name)
    layout = qt.QVBoxLayout(dialog)
    browser = slicer.qSlicerTerminologyNavigatorWidget()
    browser.overrideSectionVisible = False  # name and color are the tree's
    layout.addWidget(browser)
    buttons = qt.QDialogButtonBox()
    buttons.standardButtons = qt.QDialogButtonBox.Ok | qt.QDialogButtonBox.Cancel
    buttons.connect("accepted()", dialog.accept)
    buttons.connect("rejected()", dialog.reject)
    layout.addWidget(buttons)
    accept = buttons.button(qt.QDialogButtonBox.Ok)
    accept.text = _("Select")
    accept.enabled = False
    browser.connect("selectionValidityChanged(bool)", accept.setEnabled)
    browser.connect("typeDoubleClicked()", dialog.accept)
    if terminology is not None:
        logic.DeserializeTerminologyEntry(terminology_entry(terminology), entry)
        browser.setTerminologyEntry(entry)
    chosen = None
    if dialog.exec_() == qt.QDialog.Accepted and browser.terminologyEntry(entry):
        chosen = terminology_of(logic.SerializeTerminologyEntry(entry))
    dialog.deleteLater()
    return chosen
