"""Distances between all leaves as a heat map: what the tree tells the training about which confusions weigh more."""

from __future__ import annotations

import numpy as np
import qt
from slicer.i18n import tr as _

from semseg_core.labels.encode import leaf_distances
from semseg_core.labels.tree import LabelTree

SIDE = 520
"""Side of the map in pixels, at least; every pair of leaves is a square of whole pixels."""

DARK, BRIGHT = np.array([13, 20, 60]), np.array([253, 231, 100])
"""Colors of distance 0 and of the largest; brightness alone tells them apart, with any color vision."""


class HeatMap(qt.QLabel):
    """A square picture of a matrix; the readout names what is under the pointer."""

    def __init__(self, tree: LabelTree, readout: qt.QLabel) -> None:
        qt.QLabel.__init__(self)
        self._leaves = tree.leaves
        self._distances = leaf_distances(tree)
        self._readout = readout
        self._cell = max(1, -(-SIDE // len(self._leaves)))
        side = self._cell * len(self._leaves)
        self.setPixmap(pixmapOf(np.repeat(np.repeat(heatColors(self._distances), self._cell, axis=0), self._cell, axis=1)))
        self.setFixedSize(side, side)
        self.mouseTracking = True

    def mouseMoveEvent(self, event: qt.QMouseEvent) -> None:
        column, row = event.pos().x() // self._cell, event.pos().y() // self._cell
        if 0 <= row < len(self._leaves) and 0 <= column < len(self._leaves):
            first, second = self._leaves[row].name, self._leaves[column].name
            distance = f"{self._distances[row, column]:g}"
            self._readout.text = _("{first} – {second}: {distance}").format(first=first, second=second, distance=distance)


def showDistances(tree: LabelTree, parent: qt.QWidget) -> qt.QDialog:
    """Open a window with the map, which stays beside the panel.

    Raises:
        LabelTreeError: If there are too many leaves for a picture.
    """
    dialog = qt.QDialog(parent)
    readout = qt.QLabel(_("Point at a square to see which two labels it compares."))
    heatMap = HeatMap(tree, readout)
    dialog.windowTitle = _("Distances between leaves: {title}").format(title=tree.title)
    dialog.setAttribute(qt.Qt.WA_DeleteOnClose)
    layout = qt.QVBoxLayout(dialog)
    text = qt.QLabel(_("Dark squares are pairs close to each other in the tree. Training on a tree loss forgives those sooner."))
    text.wordWrap = True
    layout.addWidget(text)
    area = qt.QScrollArea()
    area.setWidget(heatMap)
    area.setMinimumSize(SIDE // 2, SIDE // 2)
    layout.addWidget(area)
    layout.addWidget(readout)
    dialog.resize(min(heatMap.width, 900) + 60, min(heatMap.height, 700) + 110)
    dialog.show()
    return dialog


def heatColors(distances: np.ndarray) -> np.ndarray:
    """Colors of a matrix of distances, (L, L, 3) uint8, dark at 0 and bright at the largest."""
    share = distances / max(float(distances.max()), 1e-12)
    return np.rint(DARK + share[:, :, np.newaxis] * (BRIGHT - DARK)).astype(np.uint8)


def pixmapOf(colors: np.ndarray) -> qt.QPixmap:
    """A picture of colors, (H, W, 3) uint8: as a PPM in memory, the one way that needs neither a file nor a pointer."""
    height, width, _channels = colors.shape
    pixmap = qt.QPixmap()
    pixmap.loadFromData(qt.QByteArray(b"P6 %d %d 255\n" % (width, height) + colors.tobytes()), "PPM")
    return pixmap
