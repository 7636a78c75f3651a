"""What gestures on the tree mean: each becomes one call of `LabelsLogic`."""

from __future__ import annotations

from collections.abc import Callable

import qt
from slicer.i18n import tr as _

from SemanticSegLib.logic.LabelsLogic import LabelsLogic
from SemanticSegLib.widgets.LabelRows import LabelRows
from SemanticSegLib.widgets.LabelSources import Attempt
from SemanticSegLib.widgets.LabelTreeView import LENGTH, NAME, TERMINOLOGY, VALUE, VISIBLE, LabelTreeView
from SemanticSegLib.widgets.MarksQuestion import askWhereMarksGo
from SemanticSegLib.widgets.TerminologyChoice import chooseTerminology
from semseg_core.errors import LabelTreeError
from semseg_core.labels.colors import to_bytes
from semseg_core.labels.tree import LabelTree


class LabelGestures:
    """Buttons, keys, menus, typing, dragging.

    Args:
        labels: The use cases.
        rows: Tells which label a row is.
        view: The tree widget.
        attempt: Runs a use case and tells the user why it was refused.
    """

    def __init__(self, labels: LabelsLogic, rows: LabelRows, view: LabelTreeView, attempt: Attempt) -> None:
        self._labels = labels
        self._rows = rows
        self._view = view
        self._attempt = attempt

    def mergeTarget(self) -> int:
        """The selected label that others would be merged into: the one chosen last; 0 if none is selected."""
        selected = self._rows.selectedIds()
        return self._current if self._current in selected else next(reversed(selected), 0)

    def slots(self) -> dict[str, Callable[[], None]]:
        """What each action calls, by the action's name."""
        return {
            "undo": lambda: self._attempt(self._labels.undo),
            "redo": lambda: self._attempt(self._labels.redo),
            "addChild": self._addChild,
            "addSibling": self._addSibling,
            "rename": lambda: self._edit(NAME),
            "merge": self._merge,
            "remove": self._remove,
            "moveUp": lambda: self._shift(-1),
            "moveDown": lambda: self._shift(1),
            "moveOut": self._moveOut,
            "moveIn": self._moveIn,
            "visible": self._toggleVisible,
            "color": self._chooseColor,
            "shade": lambda: self._attempt(lambda: self._labels.shade(self._current)),
            "terminology": self._chooseTerminology,
            "removeTerminology": lambda: self._attempt(lambda: self._labels.setTerminology(self._current, None)),
            "value": lambda: self._edit(VALUE),
            "length": lambda: self._edit(LENGTH),
        }

    @property
    def _current(self) -> int:
        return self._rows.labelId(self._view.currentItem())

    @property
    def _tree(self) -> LabelTree:
        return self._labels.tree

    # Typing

    def onDoubleClick(self, _item: qt.QTreeWidgetItem, column: int) -> None:
        """Edit the cell, where it is one that can be edited."""
        if column == TERMINOLOGY:
            self._chooseTerminology()
        elif column in (NAME, VALUE) or (column == LENGTH and self._current != self._tree.root.id):
            self._edit(column)

    def onItemChanged(self, item: qt.QTreeWidgetItem, column: int) -> None:
        """Take what was typed or ticked; show again what is true where it is refused."""
        labelId, text = self._rows.labelId(item), item.text(column).strip()
        takers: dict[int, Callable[[], None]] = {
            NAME: lambda: self._labels.rename(labelId, text),
            VALUE: lambda: self._labels.setValue(labelId, wholeNumber(text)),
            LENGTH: lambda: self._labels.setLength(labelId, number(text)),
            VISIBLE: lambda: self._setVisible(labelId, item.checkState(VISIBLE) == qt.Qt.Checked),
        }
        if column in takers and not self._attempt(takers[column]):
            self._rows.showAgain(labelId)

    def _edit(self, column: int) -> None:
        self._view.setColumnHidden(column, False)
        self._view.scrollToItem(self._view.currentItem())
        self._view.editItem(self._view.currentItem(), column)

    def _setVisible(self, labelId: int, visible: bool) -> None:
        self._labels.setVisible([label.id for label in self._tree.subtree(labelId)], visible)

    def _toggleVisible(self) -> None:
        """Show the selected labels if any of them is hidden, else hide them."""
        selected = {label.id for labelId in self._rows.selectedIds() for label in self._tree.subtree(labelId)}
        self._labels.setVisible(selected, bool(selected & self._labels.hidden))

    # Adding and removing

    def _addChild(self) -> None:
        self._add(self._current, None)

    def _addSibling(self) -> None:
        parent, place = self._whereabouts()
        self._add(parent, place + 1)

    def _add(self, parentId: int, place: int | None) -> None:
        taken = {label.name for label in self._tree.children(parentId)}
        names = (_("new label") if number == 1 else _("new label {number}").format(number=number) for number in range(1, 10**6))
        name = next(name for name in names if name not in taken)
        added: list[int] = []
        if self._attempt(lambda: added.append(self._labels.add(parentId, name, place))):
            self._rows.item(parentId).setExpanded(True)
            self._labels.setCurrent(added[0])
            self._edit(NAME)

    def _merge(self) -> None:
        selected, target = self._rows.selectedIds(), self.mergeTarget()
        self._attempt(lambda: self._labels.merge([labelId for labelId in selected if labelId != target], target))

    def _remove(self) -> None:
        selected = self._labels.topmost(self._rows.selectedIds())
        removed = {label.id for labelId in selected for label in self._tree.subtree(labelId)}
        voxels = sum(self._labels.marksOf(removed).values())
        marksTo = askWhereMarksGo(self._tree, selected, voxels, self._view.window()) if voxels else "parent"
        if marksTo is not None:
            self._attempt(lambda: self._labels.remove(selected, marksTo))

    # Moving

    def drop(self, item: qt.QTreeWidgetItem | None, position: int) -> None:
        """Put the selected labels on, before or behind a row."""
        selected, target = self._rows.selectedIds(), self._rows.labelId(item) or self._tree.root.id
        parent, place = target, None
        if position in (qt.QAbstractItemView.AboveItem, qt.QAbstractItemView.BelowItem) and target != self._tree.root.id:
            parent, place = self._whereabouts(target)
            place += position == qt.QAbstractItemView.BelowItem
        self._attempt(lambda: self._labels.move(selected, parent, place))

    def _shift(self, by: int) -> None:
        parent, place = self._whereabouts()
        last = len(self._tree.children(parent)) - 1
        if 0 <= place + by <= last:
            # The place counts the label itself as well, which is about to leave it.
            self._attempt(lambda: self._labels.move([self._current], parent, place + by + (by > 0)))

    def _moveOut(self) -> None:
        parent, _place = self._whereabouts()
        if parent != self._tree.root.id:
            above, place = self._whereabouts(parent)
            self._attempt(lambda: self._labels.move([self._current], above, place + 1))

    def _moveIn(self) -> None:
        parent, place = self._whereabouts()
        if place > 0:
            upper = self._tree.children(parent)[place - 1].id
            self._attempt(lambda: self._labels.move([self._current], upper))

    def _whereabouts(self, labelId: int = 0) -> tuple[int, int]:
        """Parent and place among its children; of the current label when none is named."""
        label = self._tree[labelId or self._current]
        return label.parent, [child.id for child in self._tree.children(label.parent)].index(label.id)

    # Colors and codes

    def _chooseColor(self) -> None:
        selected = self._rows.selectedIds()
        color = qt.QColorDialog.getColor(
            qt.QColor(*to_bytes(self._tree[self._current].color)), self._view, _("Color of the labels")
        )
        if color.isValid():
            self._attempt(lambda: self._labels.recolor(selected, (color.red() / 255, color.green() / 255, color.blue() / 255)))

    def _chooseTerminology(self) -> None:
        label = self._tree[self._current]
        chosen = chooseTerminology(label.name, label.terminology, self._view.window())
        if chosen is not None:
            self._attempt(lambda: self._labels.setTerminology(label.id, chosen))


def wholeNumber(text: str) -> int:
    """What was typed as a value.

    Raises:
        LabelTreeError: If it is no whole number.
    """
    if not text.isdecimal():
        raise LabelTreeError(_("value '{text}': a label map holds whole numbers; type one from 1 on").format(text=text))
    return int(text)


def number(text: str) -> float:
    """What was typed as a length, with a point or a comma.

    Raises:
        LabelTreeError: If it is no number.
    """
    try:
        return float(text.replace(",", "."))
    except ValueError:
        raise LabelTreeError(_("edge length '{text}': not a number; type one such as 0.5").format(text=text)) from None
