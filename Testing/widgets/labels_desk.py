"""What tests of the label tree editor work with: the editor on a window, and its rows in words."""

from __future__ import annotations

import qt
import slicer
from host import gestures

from SemanticSegLib.logic.LabelsLogic import LabelsLogic
from SemanticSegLib.widgets.LabelTreeEditor import LabelTreeEditor
from SemanticSegLib.widgets.LabelTreeView import NAME


class Editor:
    """The editor in a window of 400 pixels, and shortcuts to what is on it."""

    def __init__(self, labels: LabelsLogic) -> None:
        self.window = slicer.util.mainWindow()
        self.window.resize(400, 600)
        box = qt.QWidget()
        self.window.setCentralWidget(box)
        self.labels = labels
        self.editor = LabelTreeEditor(labels, qt.QVBoxLayout(box))
        self.ui = slicer.util.childWidgetVariables(self.editor.widget)
        self.view = self.editor.view
        self.window.show()

    def item(self, name: str):
        """The row of this name."""
        found = self.view.findItems(name, qt.Qt.MatchExactly | qt.Qt.MatchRecursive, NAME)
        assert len(found) == 1
        return found[0]

    def select(self, *names: str) -> None:
        """Click on rows, the later ones with Ctrl held."""
        for number, name in enumerate(names):
            gestures.click_row(self.view, self.item(name), 0, qt.Qt.ControlModifier if number else qt.Qt.NoModifier)

    def type(self, text: str, end: str = "Return") -> None:
        """Type into the cell that is being edited."""
        gestures.type_text(self.view.viewport().findChild(qt.QLineEdit), text, end)

    def shape(self, item=None) -> list:
        """Names as nested lists, as the rows show them."""
        item = self.view.invisibleRootItem() if item is None else item
        children = [item.child(place) for place in range(item.childCount())]
        return [[child.text(NAME), *self.shape(child)] for child in children]

    @property
    def told(self) -> list:
        """Names as nested lists, as the tree has them."""
        return shape_of(self.labels.tree)

    def visible(self) -> list[str]:
        """Names of the rows on the screen, from the top."""
        found, item = [], self.view.itemAt(qt.QPoint(5, 5))
        while item is not None:
            found.append(item.text(NAME))
            item = self.view.itemBelow(item)
        return found

    @property
    def status(self) -> str:
        return self.ui.statusLabel.text if self.ui.statusLabel.visible else ""


def shape_of(tree, label=None) -> list:
    """Names as nested lists, as a tree says."""
    label = tree.root if label is None else label
    return [label.name, *(shape_of(tree, child) for child in tree.children(label.id))]
