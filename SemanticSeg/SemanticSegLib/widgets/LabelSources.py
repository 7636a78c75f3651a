"""The menu of whole trees: presets, files, what the scene has; and what else concerns all labels at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import qt
import slicer
from slicer.i18n import tr as _

from SemanticSegLib.logic.LabelsLogic import LabelsLogic
from SemanticSegLib.widgets.DistanceMap import DistanceMap
from semseg_core.labels.presets.catalog import load_preset, preset_names

FOLDER_KEY = "SemanticSeg/LabelsFolder"
"""Where the user keeps label trees; belongs to the user, not to the scene."""

Attempt = Callable[[Callable[[], Iterable[str] | None]], None]
"""Does something, and tells the user the sentences it gives, or why it failed."""


class LabelSources:
    """Fills the menu; lists of nodes are made when they are opened.

    Args:
        labels: The use cases.
        attempt: Runs them.
        menu: The menu to fill.
        parent: Whose window dialogs belong to.
    """

    def __init__(self, labels: LabelsLogic, attempt: Attempt, menu: qt.QMenu, parent: qt.QWidget) -> None:
        self._labels = labels
        self._attempt = attempt
        self._parent = parent
        self._map: DistanceMap | None = None
        self._presets = menu.addMenu(_("Presets"))
        for name in preset_names():
            self._presets.addAction(presetText(name)).setData(name)
        self._presets.connect("triggered(QAction*)", self._onPreset)
        menu.addAction(_("New empty tree")).connect("triggered()", self.startEmpty)
        menu.addAction(_("Import…")).connect("triggered()", self.importFile)
        self._export = menu.addAction(_("Export…"))
        self._export.connect("triggered()", self.exportFile)
        self._segmentations = menu.addMenu(_("From a segmentation"))
        self._segmentations.connect("aboutToShow()", self._listSegmentations)
        self._segmentations.connect("triggered(QAction*)", self._onSegmentation)
        self._colors = menu.addMenu(_("From a color table"))
        self._colors.connect("aboutToShow()", self._listColors)
        self._colors.connect("triggered(QAction*)", self._onColors)
        menu.addSeparator()
        self._distances = menu.addAction(_("Distance map…"))
        self._distances.connect("triggered()", self._showDistances)

    def startEmpty(self) -> None:
        """Begin a tree of one label, which is chosen so that others can be added."""
        self._attempt(lambda: self._labels.new(_("labels")))
        self._labels.setCurrent(self._labels.tree.root.id)

    def usePreset(self, name: str) -> None:
        """Take a preset."""
        self._attempt(lambda: self._labels.load(name))

    def importFile(self) -> None:
        """Ask for a file and read it."""
        filters = _("Label trees") + " (*.json *.csv *.tsv *.txt *.ctbl);;" + _("All files") + " (*)"
        path = qt.QFileDialog.getOpenFileName(self._parent.window(), _("Import labels"), _folder(), filters)
        if path:
            _rememberFolder(path)
            self._attempt(lambda: self._labels.load(path))

    def exportFile(self) -> None:
        """Ask for a file and write it."""
        filters = ";;".join(
            (
                _("Label tree, everything kept") + " (*.json)",
                _("Color table with terminology and tree") + " (*.csv)",
                _("Indented text") + " (*.txt)",
                _("Slicer color table, a flat list") + " (*.ctbl)",
                _("Slicer terminology") + " (*.term.json)",
            )
        )
        path = qt.QFileDialog.getSaveFileName(self._parent.window(), _("Export labels"), f"{_folder()}/labels.json", filters)
        if path:
            _rememberFolder(path)
            self._attempt(lambda: (*self._labels.save(path), _("Written: {name}").format(name=Path(path).name)))

    def _onPreset(self, action: qt.QAction) -> None:
        self.usePreset(action.data())

    def _listSegmentations(self) -> None:
        nodes = slicer.util.getNodesByClass("vtkMRMLSegmentationNode", self._labels.scene)
        entries = [(node.GetName(), f"path {node.GetID()}") for node in nodes]
        grouped = _("{name}, grouped by terminology category")
        entries += [(grouped.format(name=node.GetName()), f"category {node.GetID()}") for node in nodes]
        _list(self._segmentations, entries, _("There is no segmentation in the scene"))

    def _onSegmentation(self, action: qt.QAction) -> None:
        grouping, nodeId = action.data().split()
        self._attempt(lambda: self._labels.fromSegmentation(self._labels.scene.GetNodeByID(nodeId), grouping))

    def _listColors(self) -> None:
        nodes = slicer.util.getNodesByClass("vtkMRMLColorTableNode", self._labels.scene)
        listed = (slicer.vtkMRMLColorTableNode.User, slicer.vtkMRMLColorTableNode.File)  # the others are ramps without names
        entries = [(node.GetName(), node.GetID()) for node in nodes if node.GetType() in listed]
        _list(self._colors, entries, _("There is no color table in the scene"))

    def _onColors(self, action: qt.QAction) -> None:
        self._attempt(lambda: self._labels.fromColors(self._labels.scene.GetNodeByID(action.data())))

    def _showDistances(self) -> None:
        self._attempt(self._openMap)

    def _openMap(self) -> None:
        opened = DistanceMap(self._labels.tree, self._parent.window())
        if self._map is not None:
            self._map.close()
        self._map = opened


def presetText(name: str) -> str:
    """A preset in words: its title and size."""
    tree = load_preset(name)
    return _("{title}: {leaves} leaves").format(title=tree.title, leaves=len(tree.leaves))


def _list(menu: qt.QMenu, entries: Iterable[tuple[str, str]], nothing: str) -> None:
    """Fill a menu with texts and what each stands for."""
    menu.clear()
    for text, data in entries:
        menu.addAction(text).setData(data)
    if menu.isEmpty():
        menu.addAction(nothing).enabled = False


def _folder() -> str:
    return str(qt.QSettings().value(FOLDER_KEY, str(Path.home())))


def _rememberFolder(path: str) -> None:
    qt.QSettings().setValue(FOLDER_KEY, str(Path(path).parent))
