"""Which cases a training learns from: the volume of the panel, further ones of the scene, and files."""

from __future__ import annotations

from collections.abc import Callable

import qt
import slicer
from slicer.i18n import tr as _

from SemanticSegLib.logic.TrainingCases import MARKS_CLASSES, Case, TrainingCases

IMAGE, TRUTH = range(2)
"""Columns."""

ROW_HEIGHT = 24
"""In pixels."""

SHOWN_ROWS = 5
"""Rows shown without scrolling."""


class CasesTable:
    """The table, which is there as soon as there is more than the volume of the panel, and the ways to add to it.

    Args:
        cases: The choice.
        addButton: Offers what can be added, as a menu.
        layout: Where the table is put.
        attempt: Does something, and tells what it told or why it was refused.
    """

    def __init__(
        self,
        cases: TrainingCases,
        addButton: qt.QToolButton,
        layout: qt.QLayout,
        attempt: Callable[[Callable[[], object]], bool],
    ) -> None:
        self._cases = cases
        self._attempt = attempt
        self._picker: PairPicker | None = None
        self._layout = layout
        self._menu = qt.QMenu(addButton)
        self._menu.addAction(_("From the scene…")).connect("triggered(bool)", self._onAddFromScene)
        self._menu.addAction(_("Folder of images and segmentations…")).connect("triggered(bool)", self._onAddFolder)
        addButton.setMenu(self._menu)
        self._makeTable()
        cases.changed.connect(self.update)
        self.update()

    def cleanup(self) -> None:
        """Hear no more of the cases."""
        self._cases.changed.disconnect(self.update)
        self._closePicker()

    def update(self) -> None:
        """Show the cases as they are now."""
        added = self._cases.added
        rows = ([self._cases.own] if self._cases.own.volumes else []) + list(added)
        self._table.setRowCount(len(rows))
        for row, case in enumerate(rows):
            idle = case == self._cases.own and not self._cases.ownTakesPart
            problem = _("Nothing is drawn on it, so it takes no part.") if idle else case.problem
            self._show(row, case, problem)
        self._ownRows = len(rows) - len(added)
        self._table.setVisible(bool(added))
        self._removeButton.setVisible(bool(added))
        lines = min(SHOWN_ROWS, len(rows)) + 1
        self._table.setFixedHeight(lines * ROW_HEIGHT + 6)
        self._onSelection()

    def setEnabled(self, enabled: bool) -> None:
        """Let cases be chosen, or not while a training runs."""
        self._table.enabled = enabled
        self._removeButton.enabled = enabled
        if enabled:
            self._onSelection()
        else:
            self._closePicker()

    # How

    def _makeTable(self) -> None:
        self._table = qt.QTableWidget()
        self._table.setColumnCount(2)
        self._table.setHorizontalHeaderLabels([_("Image"), _("Scribbles or segmentation")])
        self._table.verticalHeader().hide()
        self._table.verticalHeader().defaultSectionSize = ROW_HEIGHT
        for column in (IMAGE, TRUTH):
            self._table.horizontalHeader().setSectionResizeMode(column, qt.QHeaderView.Stretch)
        self._table.selectionBehavior = qt.QAbstractItemView.SelectRows
        self._table.editTriggers = qt.QAbstractItemView.NoEditTriggers
        self._table.accessibleName = _("Cases")
        self._table.toolTip = _("What a training learns from. ⚠ marks what cannot be used, and its tooltip says why.")
        self._table.connect("itemSelectionChanged()", self._onSelection)
        self._layout.addWidget(self._table)
        self._removeButton = qt.QPushButton(_("Remove"))
        self._removeButton.connect("clicked(bool)", self._onRemove)
        self._layout.addWidget(self._removeButton)

    def _show(self, row: int, case: Case, problem: str) -> None:
        for column, words in ((IMAGE, case.image), (TRUTH, case.truth)):
            item = qt.QTableWidgetItem(f"⚠ {words}" if problem and column == TRUTH else words)
            item.setToolTip(problem or words)
            self._table.setItem(row, column, item)

    def _onSelection(self) -> None:
        row = self._table.currentRow()
        possible = row >= self._ownRows
        self._removeButton.enabled = possible
        self._removeButton.toolTip = (
            _("Learn from this case no more; nothing is deleted") if possible else _("Select a row that was added")
        )

    def _onRemove(self, _checked: bool = False) -> None:
        self._cases.remove(self._table.currentRow() - self._ownRows)

    def _onAddFromScene(self, _checked: bool = False) -> None:
        self._closePicker()
        self._picker = PairPicker(max(1, len(self._cases.own.volumes)), self._onPick, self._closePicker)
        self._layout.addWidget(self._picker.widget)

    def _onPick(self, nodes: list[slicer.vtkMRMLNode | None]) -> None:
        self._attempt(lambda: self._cases.addFromScene(nodes[:-1], nodes[-1]))

    def _closePicker(self) -> None:
        if self._picker is not None:
            self._picker.cleanup()
        self._picker = None

    def _onAddFolder(self, _checked: bool = False) -> None:
        folder = qt.QFileDialog.getExistingDirectory(self._table, _("Folder with images and their segmentations"))
        if folder:
            self._attempt(lambda: self._cases.addFolder(folder))


class PairPicker:
    """A chooser for each channel of an image, and one for the segmentation that belongs to it.

    Args:
        channelCount: Channels of an image.
        onPick: Given the chosen nodes, None where none is chosen.
        onClose: Called when no more pairs are to be added.

    Attributes:
        widget: The root widget.
    """

    def __init__(
        self, channelCount: int, onPick: Callable[[list[slicer.vtkMRMLNode | None]], None], onClose: Callable[[], None]
    ) -> None:
        self._onPick = onPick
        self._onClose = onClose
        self.widget = qt.QWidget()
        form = qt.QGridLayout(self.widget)
        form.setContentsMargins(0, 0, 0, 0)
        form.setColumnStretch(1, 1)
        images = [_("Image:")] if channelCount == 1 else [_("Channel {n}:").format(n=n + 1) for n in range(channelCount)]
        tip = _("An image of the same kind and channel as the volume on top of the panel")
        self._choosers = [self._chooser(form, row, words, ["vtkMRMLScalarVolumeNode"], tip) for row, words in enumerate(images)]
        tip = _("A segmentation with scribbles, a dense one, or a label map in the values of the labels")
        self._choosers.append(self._chooser(form, channelCount, _("Segmentation:"), list(MARKS_CLASSES), tip))
        form.addWidget(button(_("Close"), _("Add no more pairs"), self._onCloseClicked), channelCount + 1, 1)
        add = button(_("Add this pair"), _("Learn from this image and its segmentation as well"), self._onAddClicked)
        form.addWidget(add, channelCount + 1, 2)

    def cleanup(self) -> None:
        """Take it off the panel."""
        for chooser in self._choosers:
            chooser.setMRMLScene(None)
        self.widget.hide()
        self.widget.deleteLater()

    def _chooser(self, form: qt.QGridLayout, row: int, words: str, nodeTypes: list[str], tip: str) -> slicer.qMRMLNodeComboBox:
        chooser = slicer.qMRMLNodeComboBox()
        chooser.nodeTypes = nodeTypes
        chooser.hideChildNodeTypes = [each for each in MARKS_CLASSES if each not in nodeTypes]
        chooser.noneEnabled = True
        chooser.addEnabled = chooser.removeEnabled = chooser.renameEnabled = chooser.editEnabled = False
        chooser.toolTip = tip
        chooser.setMRMLScene(slicer.mrmlScene)
        label = qt.QLabel(words)
        label.setBuddy(chooser)
        form.addWidget(label, row, 0)
        form.addWidget(chooser, row, 1, 1, 2)
        return chooser

    def _onAddClicked(self, _checked: bool = False) -> None:
        self._onPick([chooser.currentNode() for chooser in self._choosers])

    def _onCloseClicked(self, _checked: bool = False) -> None:
        self._onClose()


def button(text: str, tip: str, onClick: Callable[[bool], None]) -> qt.QPushButton:
    """A button with its tooltip."""
    made = qt.QPushButton(text)
    made.toolTip = tip
    made.connect("clicked(bool)", onClick)
    return made
