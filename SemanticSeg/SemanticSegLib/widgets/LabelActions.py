"""What can be done to the selected labels, as actions that menus, buttons and keys share."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import qt
from slicer.i18n import tr as _

from SemanticSegLib.logic.TreeHistory import EditStep
from semseg_core.labels.tree import LabelTree


class LabelActions:
    """Actions of the tree; their keys work only while it has the keyboard.

    Args:
        view: The tree.
        slots: What each action calls, by the action's name.
    """

    def __init__(self, view: qt.QTreeWidget, slots: dict[str, Callable[[], None]]) -> None:
        self._view = view
        self._tips: dict[str, str] = {}
        self._actions: dict[str, qt.QAction] = {}
        for name, text, keys, tip in descriptions():
            action = qt.QAction(text, view)
            action.shortcut = qt.QKeySequence(keys)
            action.shortcutContext = qt.Qt.WidgetShortcut
            action.connect("triggered()", slots[name])
            view.addAction(action)
            shown = action.shortcut.toString(qt.QKeySequence.NativeText)
            self._tips[name] = f"{tip} ({shown})" if shown else tip
            self._actions[name] = action

    def __getitem__(self, name: str) -> qt.QAction:
        return self._actions[name]

    def update(
        self,
        tree: LabelTree | None,
        selected: Sequence[int],
        mergeTarget: int,
        undoable: EditStep | None,
        redoable: EditStep | None,
    ) -> None:
        """Enable what can be done now; a disabled action says in its tooltip what is missing."""
        missing = {name: self._missing(name, tree, selected) for name in self._actions}
        missing["undo"] = "" if undoable else _("Nothing to undo in the labels")
        missing["redo"] = "" if redoable else _("Nothing to do again in the labels")
        for name, action in self._actions.items():
            action.enabled = not missing[name]
            action.toolTip = missing[name] or self._tips[name]
        if not missing["merge"]:
            tip = _("Merge the selected labels into '{name}', the one chosen last; strokes go along")
            self._name("merge", tip.format(name=tree[mergeTarget].name))
        if undoable:
            self._name("undo", _("Undo: {step}").format(step=stepText(undoable)))
        if redoable:
            self._name("redo", _("Redo: {step}").format(step=stepText(redoable)))

    def _name(self, name: str, tip: str) -> None:
        keys = self._actions[name].shortcut.toString(qt.QKeySequence.NativeText)
        self._actions[name].toolTip = f"{tip} ({keys})"

    def _missing(self, name: str, tree: LabelTree | None, selected: Sequence[int]) -> str:
        """What keeps an action from being done; empty if nothing does."""
        if tree is None:
            return _("There are no labels yet")
        if not selected:
            return _("Select a label first")
        if name == "merge" and len(selected) < 2:
            return _("Select two or more labels to merge (hold Ctrl or Shift while clicking)")
        if name in SINGLE and len(selected) > 1:
            return _("Select one label only")
        if name in NOT_ROOT and tree.root.id in selected:
            return _("The topmost label stays where it is: all others lie below it")
        if name == "shade" and tree.is_leaf(selected[0]):
            return _("No labels lie below this one")
        if name == "removeTerminology" and tree[selected[0]].terminology is None:
            return _("This label has no terminology")
        return ""


SINGLE = {"addChild", "addSibling", "rename", "moveUp", "moveDown", "moveOut", "moveIn", "shade", "terminology"} | {
    "removeTerminology",
    "value",
    "length",
}
NOT_ROOT = {"addSibling", "remove", "moveUp", "moveDown", "moveOut", "moveIn", "length"}


def descriptions() -> tuple[tuple[str, str, str, str], ...]:
    """Name, text, keys and tooltip of every action.

    Slicer takes Alt+Left and Alt+Right for the previous and the next module, whatever has the keyboard.
    """
    return (
        ("undo", "↶", "Ctrl+Z", _("Undo")),
        ("redo", "↷", "Ctrl+Shift+Z", _("Redo")),
        ("addChild", _("+ Child"), "Ctrl+Shift+Return", _("Add a label below the selected one")),
        ("addSibling", _("+ Sibling"), "Ctrl+Return", _("Add a label beside the selected one")),
        ("rename", _("Rename"), "F2", _("Type another name")),
        ("merge", _("Merge"), "Ctrl+M", _("Put the selected labels together into the one selected last; strokes go along")),
        ("remove", _("Remove"), "Del", _("Remove the selected labels and all below them")),
        ("moveUp", _("Move up"), "Alt+Up", _("Put the label before its upper neighbor")),
        ("moveDown", _("Move down"), "Alt+Down", _("Put the label behind its lower neighbor")),
        ("moveOut", _("Move out"), "Alt+Shift+Left", _("Put the label beside its parent")),
        ("moveIn", _("Move in"), "Alt+Shift+Right", _("Put the label below its upper neighbor")),
        ("visible", _("Show or hide"), "", _("Show or hide scribbles and results of the selected labels and all below")),
        ("color", _("Color…"), "", _("Choose a color for the selected labels")),
        ("shade", _("Shade labels below"), "", _("Give all labels below shades of this label's color")),
        ("terminology", _("Terminology…"), "", _("Choose what the label means, in codes of Slicer's terminologies")),
        ("removeTerminology", _("Remove terminology"), "", _("The label means nothing in codes any more")),
        ("value", _("Edit value"), "", _("Type another value for label maps")),
        (
            "length",
            _("Edit edge length"),
            "",
            _("Type how far the label lies from its parent; distances are sums of such lengths"),
        ),
    )


def stepText(step: EditStep) -> str:
    """What a step did, in the words of the panel."""
    words = {
        "add": _("add '{subject}'"),
        "rename": _("rename '{subject}'"),
        "move": _("move '{subject}'"),
        "merge": _("merge '{subject}'"),
        "remove": _("remove '{subject}'"),
        "recolor": _("color of '{subject}'"),
        "shade": _("shades below '{subject}'"),
        "setLength": _("edge length of '{subject}'"),
        "setValue": _("value of '{subject}'"),
        "setTerminology": _("terminology of '{subject}'"),
        "replace": _("change to the labels '{subject}'"),
    }
    return words[step.kind].format(subject=step.subject)
