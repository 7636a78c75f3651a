"""A dark sheet to draw on, addressed in inches from its top left corner."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from semseg_core.files import replacing

GROUND = (0.043, 0.051, 0.067)
INK, QUIET, FAINT = "#eef1f5", "#9aa5b4", "#3a4452"
DOTS_PER_INCH = 160

Box = tuple[float, float, float, float]
"""Left, top, width and height."""


class Sheet:
    """One page.

    Args:
        width: Width in inches.
        height: Height in inches.
    """

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self._figure = Figure(figsize=(width, height), facecolor=GROUND)

    def write(self, x: float, y: float, text: str, *, size: float, color: str = INK, **style: object) -> None:
        """Write text whose middle is at height y."""
        self._figure.text(x / self.width, 1 - y / self.height, text, fontsize=size, color=color, va="center", **style)

    def rule(self, left: float, right: float, y: float) -> None:
        """Draw a faint horizontal line."""
        self._figure.add_artist(Line2D((left / self.width, right / self.width), (1 - y / self.height,) * 2, color=FAINT, lw=0.8))

    def patch(self, x: float, y: float, size: float, color: tuple[float, float, float]) -> None:
        """Draw a colored square whose top left corner is at (x, y)."""
        corner = (x / self.width, 1 - (y + size) / self.height)
        transform = self._figure.transFigure
        self._figure.add_artist(Rectangle(corner, size / self.width, size / self.height, color=color, lw=0, transform=transform))

    def show(self, picture: np.ndarray, box: Box) -> Axes:
        """Show a picture, (rows, columns, 3), stretched over a box."""
        x, y, width, height = box
        place = (x / self.width, 1 - (y + height) / self.height, width / self.width, height / self.height)
        axes = self._figure.add_axes(place)
        axes.set_axis_off()
        axes.imshow(picture, interpolation="lanczos", aspect="auto")
        return axes

    def save(self, path: Path) -> None:
        """Write the sheet as PNG; an earlier file is replaced whole or not at all."""
        with replacing(path, "picture") as temporary:
            self._figure.savefig(temporary, dpi=DOTS_PER_INCH, facecolor=GROUND)
