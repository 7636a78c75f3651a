"""The rows of a tree widget, kept in step with a label tree: only rows that an edit changed are touched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import qt
from slicer.i18n import tr as _

from SemanticSegLib.widgets.LabelTreeView import LENGTH, NAME, TERMINOLOGY, VALUE, VISIBLE, VOXELS, LabelTreeView
from semseg_core.labels.colors import Color, to_bytes
from semseg_core.labels.tree import Code, Label, LabelTree, Terminology

SWATCH = 13
"""Side of a color square, in pixels."""

ROW_FLAGS = (
    qt.Qt.ItemIsEnabled
    | qt.Qt.ItemIsSelectable
    | qt.Qt.ItemIsEditable
    | qt.Qt.ItemIsDragEnabled
    | qt.Qt.ItemIsDropEnabled
    | qt.Qt.ItemIsUserCheckable
)
NUMBER_ALIGNMENT = qt.Qt.AlignRight | qt.Qt.AlignVCenter

NO_VOXELS = (0, 0, "")
"""What is shown of a label nobody scribbled: its own voxels, those with all below, a warning."""

OPEN_LEVELS = 1
"""Levels below the root that a new tree shows; the whole brain's 111 leaves at once would hide its structure."""


class LabelRows:
    """One item for each label.

    Args:
        view: The widget to fill.
    """

    def __init__(self, view: LabelTreeView) -> None:
        self._view = view
        self._tree: LabelTree | None = None
        # Python owns the items it made: without this reference they would vanish from the view.
        self._items: dict[int, qt.QTreeWidgetItem] = {}
        self._counts: dict[int, int] = {}
        self._warnings: dict[int, str] = {}
        self._hidden: frozenset[int] = frozenset()
        self._shownVoxels: dict[int, tuple[int, int, str]] = {}
        self._shownStates: dict[int, int] = {}
        self._gray = qt.QBrush(view.palette.color(qt.QPalette.Disabled, qt.QPalette.Text))
        self._warningIcon = view.style().standardIcon(qt.QStyle.SP_MessageBoxWarning)
        self._filter = ""
        self._openBeforeFilter: set[int] | None = None

    # The tree

    def show(self, tree: LabelTree | None, hidden: frozenset[int]) -> None:
        """Bring the rows up to a tree and the labels hidden in it; the tree after an edit keeps what is open and selected."""
        old, self._tree = self._tree, tree
        self._hidden = hidden
        with self._quiet():
            if old is None or tree is None or old.title != tree.title:
                self._rebuild(tree)
            else:
                self._update(old, tree)
            self._paintVoxels()
            self._paintStates()
            if self._filter:
                self._applyFilter()

    def showVoxels(self, counts: Mapping[int, int], warnings: Mapping[int, str]) -> None:
        """Show how many voxels are marked with each label, and what is doubtful about them."""
        self._counts, self._warnings = dict(counts), dict(warnings)
        with self._quiet():
            self._paintVoxels()

    def showHidden(self, hidden: frozenset[int]) -> None:
        """Show which labels are hidden."""
        self._hidden = hidden
        with self._quiet():
            self._paintStates()

    def showAgain(self, labelId: int) -> None:
        """Show what the tree says, after the user typed something that was refused."""
        with self._quiet():
            self._fill(self._items[labelId], self._tree[labelId])

    # Which rows

    def item(self, labelId: int) -> qt.QTreeWidgetItem | None:
        """The row of a label."""
        return self._items.get(labelId)

    def labelId(self, item: qt.QTreeWidgetItem | None) -> int:
        """The label of a row; 0 where there is no row."""
        return 0 if item is None else int(item.data(NAME, qt.Qt.UserRole))

    def selectedIds(self) -> tuple[int, ...]:
        """The selected labels, in the order of the tree."""
        if self._tree is None:
            return ()
        return tuple(sorted((self.labelId(item) for item in self._view.selectedItems()), key=self._tree.position))

    def setCurrent(self, labelId: int) -> None:
        """Make a row the current and selected one, and bring it into view."""
        item = self._items.get(labelId)
        # Qt makes a row current without selecting it when the tree gets the keyboard.
        if item is not None and (self.labelId(self._view.currentItem()) != labelId or not item.isSelected()):
            with self._quiet():
                # Without a command the keys that are held, such as those of a shortcut, would extend the selection.
                command = qt.QItemSelectionModel.ClearAndSelect | qt.QItemSelectionModel.Rows
                self._view.setCurrentItem(item, NAME, command)
            self._view.scrollToItem(item)

    def firstFound(self) -> int:
        """The first label that holds the text searched for; 0 if none does, or nothing is searched for."""
        if self._tree is None or not self._filter:
            return 0
        return next((label.id for label in self._tree if self._filter in searchedText(label)), 0)

    def expandToLevel(self, level: int) -> None:
        """Open all rows above a level, and close all others."""
        for label, depth in zip(self._tree, self._tree.depths, strict=True):
            self._items[label.id].setExpanded(depth < level)

    def filter(self, text: str) -> None:
        """Show only labels that hold a text, and those above them; all when it is empty."""
        self._filter = " ".join(text.split()).casefold()
        if self._tree is not None:
            with self._quiet():
                self._applyFilter()

    # How

    @contextmanager
    def _quiet(self) -> Iterator[None]:
        """What the program does to rows is no gesture of the user, and is drawn once."""
        wasBlocked = self._view.blockSignals(True)
        self._view.updatesEnabled = False
        try:
            yield
        finally:
            self._view.updatesEnabled = True
            self._view.blockSignals(wasBlocked)

    def _rebuild(self, tree: LabelTree | None) -> None:
        self._view.clear()
        self._items, self._shownVoxels, self._shownStates, self._openBeforeFilter = {}, {}, {}, None
        if tree is None:
            return
        for label in tree:
            item = self._newItem(label)
            if label.parent is not None:
                self._items[label.parent].addChild(item)
        # The finished tree is given to the view at once: row by row it would lay itself out each time.
        self._view.addTopLevelItem(self._items[tree.root.id])
        self._view.expandToDepth(OPEN_LEVELS - 1)

    def _newItem(self, label: Label) -> qt.QTreeWidgetItem:
        item = qt.QTreeWidgetItem()
        self._items[label.id] = item
        item.setFlags(ROW_FLAGS)
        item.setData(NAME, qt.Qt.UserRole, label.id)
        for column in (VOXELS, VALUE, LENGTH):
            item.setTextAlignment(column, NUMBER_ALIGNMENT)
        self._fill(item, label)
        return item

    def _fill(self, item: qt.QTreeWidgetItem, label: Label) -> None:
        item.setText(NAME, label.name)
        item.setIcon(NAME, swatch(label.color))
        item.setText(VALUE, str(label.value))
        item.setText(TERMINOLOGY, terminologyText(label.terminology))
        item.setToolTip(TERMINOLOGY, terminologyCodes(label.terminology))
        item.setText(LENGTH, "" if label.parent is None else f"{label.length:g}")

    def _update(self, old: LabelTree, new: LabelTree) -> None:
        before = {label.id: label for label in old}
        for label in new:
            known = before.get(label.id)
            if known is None:
                self._newItem(label)
            elif known is not label and known != label:
                self._fill(self._items[label.id], label)
        children = _childrenOf(old)
        moved = {parentId: wanted for parentId, wanted in _childrenOf(new).items() if wanted != children.get(parentId, [])}
        removed = [label.id for label in reversed(old.labels) if label.id not in new]
        if not moved and not removed and old.root.id == new.root.id:
            return
        expanded = {labelId for labelId, item in self._items.items() if item.isExpanded()}
        selected = {self.labelId(item) for item in self._view.selectedItems()}
        for labelId in removed:
            self._drop(labelId)
        if old.root.id != new.root.id:
            self._place(new.root.id, self._view.invisibleRootItem(), 0)
        for parentId, wanted in moved.items():
            self._arrange(self._items[parentId], wanted)
        for parentId in moved:
            for label in new.subtree(parentId):
                self._items[label.id].setExpanded(label.id in expanded)
                self._items[label.id].setSelected(label.id in selected)

    def _drop(self, labelId: int) -> None:
        item = self._items.pop(labelId)
        self._shownVoxels.pop(labelId, None)
        self._shownStates.pop(labelId, None)
        item.takeChildren()  # what outlives it is put elsewhere
        _detach(self._view, item)

    def _arrange(self, parent: qt.QTreeWidgetItem, wanted: list[int]) -> None:
        """Put the children of a row in order, by as few moves as a move of one row needs."""
        for place, labelId in enumerate(wanted):
            while (found := self.labelId(parent.child(place))) != labelId:
                if found and self.labelId(parent.child(place + 1)) == labelId:
                    _detach(self._view, parent.child(place))  # it comes back at its own place
                else:
                    self._place(labelId, parent, place)

    def _place(self, labelId: int, parent: qt.QTreeWidgetItem, place: int) -> None:
        _detach(self._view, self._items[labelId])
        parent.insertChild(place, self._items[labelId])

    def _paintVoxels(self) -> None:
        if self._tree is None:
            return
        own = [self._counts.get(label.id, 0) for label in self._tree]
        sums = [0]
        for count in own:
            sums.append(sums[-1] + count)
        for position, (label, stop) in enumerate(zip(self._tree, self._tree.subtree_stops, strict=True)):
            shown = (own[position], sums[stop] - sums[position], self._warnings.get(label.id, ""))
            before = self._shownVoxels.get(label.id)
            if before != shown:
                self._shownVoxels[label.id] = shown
                self._paintVoxelsOf(self._items[label.id], *shown)
                if shown[2] != (before or NO_VOXELS)[2]:
                    self._items[label.id].setIcon(VOXELS, self._warningIcon if shown[2] else qt.QIcon())

    def _paintVoxelsOf(self, item: qt.QTreeWidgetItem, own: int, total: int, warning: str) -> None:
        item.setText(VOXELS, f"{total:,}".replace(",", "\u202f"))  # a narrow blank, as SI groups digits
        item.setForeground(VOXELS, qt.QBrush() if total else self._gray)
        count = _("Scribbled voxels: {own}").format(own=own)
        if total != own:
            count = _("Scribbled voxels: {own} of its own, {total} with all labels below").format(own=own, total=total)
        item.setToolTip(VOXELS, f"{warning}\n{count}" if warning else count)

    def _paintStates(self) -> None:
        if self._tree is None:
            return
        sums = [0]
        for label in self._tree:
            sums.append(sums[-1] + (label.id in self._hidden))
        for position, (label, stop) in enumerate(zip(self._tree, self._tree.subtree_stops, strict=True)):
            hidden = sums[stop] - sums[position]
            state = {0: qt.Qt.Checked, stop - position: qt.Qt.Unchecked}.get(hidden, qt.Qt.PartiallyChecked)
            if self._shownStates.get(label.id) != state:
                self._shownStates[label.id] = state
                self._items[label.id].setCheckState(VISIBLE, state)

    def _applyFilter(self) -> None:
        if self._filter and self._openBeforeFilter is None:
            self._openBeforeFilter = {labelId for labelId, item in self._items.items() if item.isExpanded()}
        shown, opened = set(), set()
        for label in reversed(self._tree.labels):
            below = label.id in opened
            if below or self._filter in searchedText(label):
                shown.add(label.id)
                opened.add(label.parent)
        for labelId, item in self._items.items():
            item.setHidden(labelId not in shown)
        if not self._filter:
            opened = self._openBeforeFilter or set()
            self._openBeforeFilter = None
        for labelId, item in self._items.items():
            item.setExpanded(labelId in opened)


def swatch(color: Color) -> qt.QIcon:
    """A square of a color."""
    pixmap = qt.QPixmap(SWATCH, SWATCH)
    pixmap.fill(qt.QColor(*to_bytes(color)))
    icon = qt.QIcon(pixmap)
    icon.addPixmap(pixmap, qt.QIcon.Selected)  # else Qt tints it with the color of the selection
    return icon


def searchedText(label: Label) -> str:
    """What a search looks into."""
    return "\n".join((label.name, str(label.value), label.code or "", terminologyText(label.terminology))).casefold()


def terminologyText(terminology: Terminology | None) -> str:
    """A meaning as people say it: `Hippocampus, left`."""
    return ", ".join(code.meaning for code in _said(terminology))


def terminologyCodes(terminology: Terminology | None) -> str:
    """A meaning with its codes, a line each."""
    if terminology is None:
        return _("No terminology chosen")
    return "\n".join(f"{code.meaning} ({code.scheme} {code.value})" for code in (terminology.category, *_said(terminology)))


def _childrenOf(tree: LabelTree) -> dict[int, list[int]]:
    """Ids of the children of each label that has any, parents in the order of the tree."""
    children: dict[int, list[int]] = {}
    for label in tree:
        if label.parent is not None:
            children.setdefault(label.parent, []).append(label.id)
    return {label.id: children[label.id] for label in tree if label.id in children}


def _said(terminology: Terminology | None) -> Sequence[Code]:
    if terminology is None:
        return ()
    parts = (terminology.type, terminology.type_modifier, terminology.region, terminology.region_modifier)
    return [code for code in parts if code is not None]


def _detach(view: LabelTreeView, item: qt.QTreeWidgetItem) -> None:
    """Take a row out of the view; one that lies nowhere stays as it is."""
    above = item.parent()
    if above is None:
        above = view.invisibleRootItem()
    place = above.indexOfChild(item)
    if place >= 0:
        above.takeChild(place)
