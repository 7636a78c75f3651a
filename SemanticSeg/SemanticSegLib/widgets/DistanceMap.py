"""Distances between all leaves as a heat map: what the tree tells the training about which confusions weigh more."""

from __future__ import annotations

import numpy as np
import qt
from slicer.i18n import tr as _

from semseg_core.labels.encode import leaf_distances
from semseg_core.labels.tree import LabelTree

SIDE = 520
"""Side of the map in pixels, at least; every pair of leaves is a square of whole pixels."""

LARGEST, MARGIN = 800, 60
"""Pixels of the window before it scrolls, and what it needs besides the map."""

RAMP = np.array([(68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37)])
"""Colors from distance 0 to the largest: those of viridis, which grow steadily brighter and read with any color vision."""


class HeatMap(qt.QLabel):
    """A square picture of a matrix; the readout names what is under the pointer."""

    def __init__(self, tree: LabelTree, readout: qt.QLabel) -> None:
        qt.QLabel.__init__(self)
        self._leaves = tree.leaves
        self._distances = leaf_distances(tree)
        self.largest = float(self._distances.max())
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


class DistanceMap:
    """A window with the map, which stays beside the panel until it is closed.

    Args:
        tree: The tree whose leaves are compared.
        parent: The window it belongs to.

    Raises:
        LabelTreeError: If there are too many leaves for a picture.
    """

    def __init__(self, tree: LabelTree, parent: qt.QWidget) -> None:
        readout = qt.QLabel(_("Point at a square to see which two labels it compares."))
        self.heatMap = HeatMap(tree, readout)
        self.dialog = qt.QDialog(parent)
        self.dialog.windowTitle = _("Distances between leaves: {title}").format(title=tree.title)
        layout = qt.QVBoxLayout(self.dialog)
        text = qt.QLabel(
            _("Dark is near in the tree, bright far (up to {largest}). A tree loss weighs mistaking near labels less.").format(
                largest=f"{self.heatMap.largest:g}"
            )
        )
        text.wordWrap = True
        layout.addWidget(text)
        area = qt.QScrollArea()
        area.alignment = qt.Qt.AlignCenter
        area.setWidget(self.heatMap)
        layout.addWidget(area)
        layout.addWidget(readout)
        self.dialog.resize(min(self.heatMap.width, LARGEST) + MARGIN, min(self.heatMap.height, LARGEST) + 2 * MARGIN)
        self.dialog.show()

    def close(self) -> None:
        """Close the window for good."""
        self.dialog.close()
        self.dialog.deleteLater()


def heatColors(distances: np.ndarray) -> np.ndarray:
    """Colors of a matrix of distances, (L, L, 3) uint8, dark at 0 and bright at the largest."""
    places = distances / max(float(distances.max()), 1e-12) * (len(RAMP) - 1)
    channels = [np.interp(places, range(len(RAMP)), channel) for channel in RAMP.T]
    return np.rint(np.stack(channels, axis=-1)).astype(np.uint8)


def pixmapOf(colors: np.ndarray) -> qt.QPixmap:
    """A picture of colors, (H, W, 3) uint8: as a PPM in memory, the one way that needs neither a file nor a pointer."""
    height, width, _channels = colors.shape
    pixmap = qt.QPixmap()
    pixmap.loadFromData(qt.QByteArray(b"P6 %d %d 255\n" % (width, height) + colors.tobytes()))
    return pixmap
