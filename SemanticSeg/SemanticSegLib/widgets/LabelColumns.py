"""The header of the label tree, and the menu of its columns."""

from __future__ import annotations

import qt
from slicer.i18n import tr as _

from SemanticSegLib.widgets.LabelTreeView import LENGTH, NAME, TERMINOLOGY, VALUE, VISIBLE, VOXELS, LabelTreeView

WIDTHS = {VOXELS: 64, VISIBLE: 42, VALUE: 52, TERMINOLOGY: 120, LENGTH: 52}
"""In pixels; the name takes the rest."""

COLUMNS_KEY = "SemanticSeg/LabelColumns"
"""Numbers of the columns shown, one after the other; a matter of taste, so it belongs to the user and not to the scene."""

SHOWN_AT_FIRST = f"{VOXELS}{VISIBLE}"
"""At 400 pixels names need the rest; the line below the tree tells value, terminology and length of the current label."""


class LabelColumns:
    """Sets the header up.

    Args:
        view: The tree.
        menu: Where columns are shown and hidden.
    """

    def __init__(self, view: LabelTreeView, menu: qt.QMenu) -> None:
        self._view = view
        self._menu = menu
        menu.connect("triggered(QAction*)", self._onTriggered)
        header = view.header()
        header.stretchLastSection = False
        header.minimumSectionSize = min(WIDTHS.values())
        header.setSectionResizeMode(NAME, qt.QHeaderView.Stretch)
        shown = str(qt.QSettings().value(COLUMNS_KEY, SHOWN_AT_FIRST))
        for column, (title, tip) in _titles().items():
            view.headerItem().setText(column, title)
            view.headerItem().setToolTip(column, tip)
            if column in (VOXELS, VALUE, LENGTH):
                view.headerItem().setTextAlignment(column, qt.Qt.AlignRight | qt.Qt.AlignVCenter)
            if column != NAME:
                view.setColumnWidth(column, WIDTHS[column])
                view.setColumnHidden(column, str(column) not in shown)
                action = menu.addAction(title)
                action.toolTip = tip
                action.checkable = True
                action.checked = str(column) in shown
                action.setData(column)
        menu.toolTipsVisible = True

    def _onTriggered(self, action: qt.QAction) -> None:
        self._view.setColumnHidden(action.data(), not action.checked)
        shown = "".join(str(each.data()) for each in self._menu.actions() if each.checked)
        qt.QSettings().setValue(COLUMNS_KEY, shown)


def _titles() -> dict[int, tuple[str, str]]:
    """Title and tooltip of every column."""
    return {
        NAME: (_("Label"), _("Name and color; type F2 or double-click to rename, drag to move")),
        VOXELS: (_("Voxels"), _("Scribbled voxels, with those of all labels below")),
        VISIBLE: (_("Show"), _("Show or hide scribbles and results of the label and all below")),
        VALUE: (_("Value"), _("Value in label maps; double-click to change")),
        TERMINOLOGY: (_("Terminology"), _("What the label means in codes; double-click to choose")),
        LENGTH: (_("Length"), _("Length of the edge to the label above; double-click to change")),
    }
