"""Asks what becomes of scribbles whose labels are removed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import qt
from slicer.i18n import tr as _

from semseg_core.labels.tree import LabelTree

MarksTo = Literal["parent", "discard"] | int


def destinations(tree: LabelTree, labelIds: Sequence[int]) -> list[tuple[str, MarksTo]]:
    """Where marks of removed labels can go, in words and as `LabelsLogic.remove` takes it: parents, siblings, nowhere."""
    parents = {tree[labelId].parent for labelId in labelIds}
    found: list[tuple[str, MarksTo]] = [(_("their parents"), "parent")]
    if len(parents) == 1:
        parent = tree[parents.pop()]
        found = [(_("the parent '{name}'").format(name=parent.name), "parent")]
        siblings = [label for label in tree.children(parent.id) if label.id not in labelIds]
        found += [(_("the sibling '{name}'").format(name=label.name), label.id) for label in siblings]
    return [*found, (_("nowhere: discard them"), "discard")]


def askWhereMarksGo(tree: LabelTree, labelIds: Sequence[int], voxels: int, parent: qt.QWidget) -> MarksTo | None:
    """Where the marks go; None to remove nothing."""
    choices = destinations(tree, labelIds)
    dialog = qt.QDialog(parent)
    dialog.windowTitle = _("Remove labels")
    layout = qt.QVBoxLayout(dialog)
    names = ", ".join(f"'{tree[labelId].name}'" for labelId in labelIds[:3]) + ("…" if len(labelIds) > 3 else "")
    text = _("Removing {names} leaves {voxels} scribbled voxels without a label. &Move them to:")
    question = qt.QLabel(text.format(names=names, voxels=voxels))
    question.wordWrap = True
    layout.addWidget(question)
    selector = qt.QComboBox()
    selector.objectName = "marksSelector"
    for text, _marksTo in choices:
        selector.addItem(text)
    question.setBuddy(selector)
    layout.addWidget(selector)
    hint = qt.QLabel(_("Undo brings the labels and their scribbles back."))
    layout.addWidget(hint)
    buttons = qt.QDialogButtonBox()
    buttons.standardButtons = qt.QDialogButtonBox.Ok | qt.QDialogButtonBox.Cancel
    buttons.button(qt.QDialogButtonBox.Ok).text = _("Remove")
    buttons.connect("accepted()", dialog.accept)
    buttons.connect("rejected()", dialog.reject)
    layout.addWidget(buttons)
    accepted = dialog.exec_() == qt.QDialog.Accepted
    chosen = choices[selector.currentIndex][1] if accepted else None
    dialog.deleteLater()
    return chosen
