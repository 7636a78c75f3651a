"""Step 1 of the panel: the label tree, shown and edited."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import qt
import slicer
from slicer.i18n import tr as _

from SemanticSegLib.logic.LabelsLogic import LabelsLogic
from SemanticSegLib.widgets.LabelActions import LabelActions
from SemanticSegLib.widgets.LabelColumns import LabelColumns
from SemanticSegLib.widgets.LabelDetails import LabelDetails
from SemanticSegLib.widgets.LabelGestures import LabelGestures
from SemanticSegLib.widgets.LabelRows import LabelRows
from SemanticSegLib.widgets.LabelSources import LabelSources, presetText
from SemanticSegLib.widgets.LabelTreeView import LabelTreeView
from semseg_core.errors import SemSegError
from semseg_core.labels.presets.catalog import preset_names
from semseg_core.labels.tree import LabelTree

UI = Path(__file__).parents[2] / "Resources" / "UI" / "Labels.ui"

BUTTONS = {
    "undoButton": "undo",
    "redoButton": "redo",
    "childButton": "addChild",
    "siblingButton": "addSibling",
    "mergeButton": "merge",
    "removeButton": "remove",
}
CONTEXT_MENU = (
    ("addChild", "addSibling", "rename"),
    ("merge", "remove"),
    ("visible", "color", "shade", "terminology", "removeTerminology", "value", "length"),
    ("moveUp", "moveDown", "moveOut", "moveIn"),
)
SMALLEST_HEIGHT = 200
"""Of the tree, in pixels: ten rows or so, while other steps are open."""


class LabelTreeEditor:
    """The tree with its tools; every gesture becomes a call of `LabelsLogic`, and what that refuses is said below the tree.

    Keys act only while the tree has the keyboard. Shortcuts of other steps for the same keys, such as undo of strokes, must be
    off meanwhile: Qt does nothing at all where two shortcuts fit a key.

    Args:
        labels: The use cases.
        layout: Where the editor is put.

    Attributes:
        widget: The root widget.
        view: The tree widget, which has the keyboard while labels are edited.
    """

    def __init__(self, labels: LabelsLogic, layout: qt.QLayout) -> None:
        self._labels = labels
        self._isClicking = False
        self.widget = slicer.util.loadUI(str(UI))
        layout.addWidget(self.widget)
        self._ui = slicer.util.childWidgetVariables(self.widget)
        self.view = LabelTreeView(self._onDrop)
        self.view.objectName = "labelTree"
        self.view.accessibleName = _("Label tree")
        self.view.minimumHeight = SMALLEST_HEIGHT
        self._ui.treePage.layout().addWidget(self.view)
        self._rows = LabelRows(self.view)
        self._gestures = LabelGestures(labels, self._rows, self.view, self.attempt)
        self._actions = LabelActions(self.view, self._gestures.slots())
        for button, action in BUTTONS.items():
            getattr(self._ui, button).setDefaultAction(self._actions[action])
        self._details = LabelDetails(self._ui, labels, self._actions, self.attempt)
        self._moreMenu = qt.QMenu(self._ui.moreButton)
        self._sources = LabelSources(labels, self.attempt, self._moreMenu, self.widget)
        self._contextMenu = qt.QMenu(self.view)
        self._setupMenus()
        self._connect()
        self._onTreeChanged(labels.tree, None)

    def cleanup(self) -> None:
        """Hear no more of the labels."""
        self._labels.treeChanged.disconnect(self._onTreeChanged)
        self._labels.currentChanged.disconnect(self._onCurrentChanged)
        self._labels.visibilityChanged.disconnect(self._onVisibilityChanged)
        self._labels.confirmLoss = lambda _voxels: True

    def showVoxels(self, counts: Mapping[int, int], warnings: Mapping[int, str]) -> None:
        """Show how many voxels are scribbled with each label, and what is doubtful about them."""
        self._rows.showVoxels(counts, warnings)

    def attempt(self, action: Callable[[], Iterable[str] | None]) -> bool:
        """Do something; say what it has to tell, or why it was refused."""
        try:
            notes = action()
        except SemSegError as error:
            self._say(str(error))
            return False
        self._say("\n".join(notes or ()))
        return True

    # Setup

    def _setupMenus(self) -> None:
        for number, names in enumerate(CONTEXT_MENU):
            if number:
                self._contextMenu.addSeparator()
            for name in names:
                self._contextMenu.addAction(self._actions[name])
        self._contextMenu.toolTipsVisible = True
        self._moreMenu.addSeparator()
        self._levels = self._moreMenu.addMenu(_("Show levels"))
        self._levels.connect("triggered(QAction*)", self._onLevel)
        self._columns = LabelColumns(self.view, self._moreMenu.addMenu(_("Columns")))
        self._ui.moreButton.setMenu(self._moreMenu)
        for name in preset_names():
            self._ui.presetSelector.addItem(presetText(name), name)

    def _connect(self) -> None:
        self.view.connect("currentItemChanged(QTreeWidgetItem*,QTreeWidgetItem*)", self._onCurrentItemChanged)
        self.view.connect("itemSelectionChanged()", self._onSelectionChanged)
        self.view.connect("itemChanged(QTreeWidgetItem*,int)", self._gestures.onItemChanged)
        self.view.connect("itemDoubleClicked(QTreeWidgetItem*,int)", self._gestures.onDoubleClick)
        self.view.connect("customContextMenuRequested(QPoint)", self._onContextMenu)
        self._ui.searchLine.connect("textChanged(QString)", self._rows.filter)
        self._ui.searchLine.connect("returnPressed()", self._onSearchReturn)
        self._ui.presetButton.connect("clicked()", self._onPresetButton)
        self._ui.emptyButton.connect("clicked()", self._sources.startEmpty)
        self._ui.importButton.connect("clicked()", self._sources.importFile)
        self._labels.treeChanged.connect(self._onTreeChanged)
        self._labels.currentChanged.connect(self._onCurrentChanged)
        self._labels.visibilityChanged.connect(self._onVisibilityChanged)
        self._labels.confirmLoss = self._confirmLoss

    # What the labels tell

    def _onTreeChanged(self, tree: LabelTree | None, _remap: object) -> None:
        self._ui.startPage.visible = tree is None
        self._ui.treePage.visible = tree is not None
        self._rows.show(tree, self._labels.hidden)
        self._rows.setCurrent(self._labels.currentLabelId)
        self._say(self._labels.problem)
        if tree is not None:
            leaves = len(tree.leaves)
            self._ui.countLabel.text = _("1 leaf") if leaves == 1 else _("{leaves} leaves").format(leaves=leaves)
            self._listLevels(tree)
        self._updateActions()

    def _onCurrentChanged(self, labelId: int) -> None:
        if not self._isClicking:
            self._rows.setCurrent(labelId)
        self._updateActions()

    def _onVisibilityChanged(self, _labelIds: frozenset[int], _visible: bool) -> None:
        self._rows.showHidden(self._labels.hidden)

    def _listLevels(self, tree: LabelTree) -> None:
        self._levels.clear()
        for level in range(1, tree.height + 1):
            text = _("All {height} levels").format(height=level) if level == tree.height else str(level)
            self._levels.addAction(text).setData(level)

    # What the user does

    def _onCurrentItemChanged(self, item: qt.QTreeWidgetItem | None, _before: object) -> None:
        if item is not None:
            self._isClicking = True  # the view selects after this; it must not be disturbed
            self._labels.setCurrent(self._rows.labelId(item))
            self._isClicking = False

    def _onSelectionChanged(self) -> None:
        selected = self._rows.selectedIds()
        if len(selected) == 1 and selected[0] != self._labels.currentLabelId:  # the current one was taken out of the selection
            self._labels.setCurrent(selected[0])
        self._updateActions()

    def _onDrop(self, item: qt.QTreeWidgetItem | None, position: int) -> None:
        self._gestures.drop(item, position)

    def _onContextMenu(self, point: qt.QPoint) -> None:
        self._contextMenu.exec_(self.view.viewport().mapToGlobal(point))

    def _onSearchReturn(self) -> None:
        """Choose the first label found, and go on in the tree."""
        labelId = self._rows.firstFound()
        if labelId:
            self._labels.setCurrent(labelId)
            self.view.setFocus()

    def _onPresetButton(self) -> None:
        self._sources.usePreset(preset_names()[self._ui.presetSelector.currentIndex])

    def _onLevel(self, action: qt.QAction) -> None:
        self._rows.expandToLevel(action.data())

    def _confirmLoss(self, voxels: int) -> bool:
        text = _("{voxels} scribbled voxels belong to labels that the new tree lacks. Discard them? Undo brings them back.")
        return slicer.util.confirmOkCancelDisplay(text.format(voxels=voxels), windowTitle=_("Other labels"))

    def _updateActions(self) -> None:
        labels = self._labels
        self._actions.update(
            labels.tree, self._rows.selectedIds(), self._gestures.mergeTarget(), labels.undoable, labels.redoable
        )
        self._details.show()

    def _say(self, text: str) -> None:
        self._ui.statusLabel.text = text
        self._ui.statusLabel.visible = bool(text)
