"""The live picture of a training: Dice on held-back strokes level by level, and the loss below, against the steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import qt
from slicer.i18n import tr as _

from SemanticSegLib.logic.TrainingRun import levelWords
from semseg_core.train.events import Score

HEIGHT = 190
"""Of the picture, in pixels; its width is that of the panel."""

LOSS_SHARE = 0.3
"""Of the height, for the lower plot."""

GRID = (0.0, 0.5, 1.0)
"""Lines across the upper plot."""

HUES = ((213, 94, 0), (0, 114, 178), (0, 158, 115), (204, 121, 167), (150, 120, 0), (86, 140, 200))
"""Okabe and Ito's colors, told apart with any color vision, darkened where they would vanish on white; leaves first."""

LIGHTER = 140
"""Percent by which they are lightened on a dark background."""


class LearningCurve:
    """Draws into a label, in the colors of whatever style the application has.

    Args:
        layout: Where the picture is put.

    Attributes:
        widget: The label.
    """

    def __init__(self, layout: qt.QLayout) -> None:
        self.widget = qt.QLabel()
        self.widget.setMinimumSize(200, HEIGHT)
        self.widget.setSizePolicy(qt.QSizePolicy.Ignored, qt.QSizePolicy.Fixed)
        self.widget.toolTip = _(
            "Above: agreement (Dice) with strokes the model was not shown, by level of the tree; 1 is best. Below: the loss."
        )
        self.widget.accessibleName = _("Learning curve")
        layout.addWidget(self.widget)
        self._losses: Sequence[tuple[int, float]] = ()
        self._scores: Sequence[Score] = ()
        self._steps = 1
        self._watch = Repaint(self.draw)
        self.widget.installEventFilter(self._watch)

    def cleanup(self) -> None:
        """Draw no more."""
        self.widget.removeEventFilter(self._watch)

    def show(self, losses: Sequence[tuple[int, float]], scores: Sequence[Score], fraction: float) -> None:
        """Draw a training.

        Args:
            losses: Step and loss, in order.
            scores: Dice by level, in order.
            fraction: Share of the training that is done, which says how far the curve will go.
        """
        self._losses, self._scores = losses, scores
        step = max([losses[-1][0] if losses else 1, scores[-1].step if scores else 1])
        self._steps = max(step, round(step / fraction) if fraction > 0 else step)
        latest = scores[-1].dice if scores else {}
        self.widget.accessibleDescription = ", ".join(f"{levelWords(level)} {latest[level]:.2f}" for level in levelsOf(scores))
        self.draw()

    def draw(self) -> None:
        """Draw anew, after a change of data, size or colors."""
        width, height = max(self.widget.width, 200), HEIGHT
        ratio = self.widget.devicePixelRatioF()
        pixmap = qt.QPixmap(round(width * ratio), round(height * ratio))
        pixmap.setDevicePixelRatio(ratio)
        palette = self.widget.palette
        pixmap.fill(palette.color(qt.QPalette.Base))
        painter = qt.QPainter()
        painter.begin(pixmap)
        painter.setRenderHint(qt.QPainter.Antialiasing, True)
        font = self.widget.font
        if font.pointSizeF() > 0:  # else the style gives it in pixels
            font.setPointSizeF(font.pointSizeF() * 0.85)
        painter.setFont(font)
        self._metrics = qt.QFontMetrics(font)
        self._drawInto(painter, width, height, palette)
        painter.end()
        self.widget.setPixmap(pixmap)

    def _drawInto(self, painter: qt.QPainter, width: int, height: int, palette: qt.QPalette) -> None:
        text, faint = palette.color(qt.QPalette.Text), palette.color(qt.QPalette.Mid)
        dark = palette.color(qt.QPalette.Base).lightness() < 128
        line = self._metrics.height()
        left, right = self._metrics.horizontalAdvance("0.00") + 12, width - 10
        top = self._legend(painter, left, right, line, dark) + 4
        bottom = height - line - 4
        upper = Plot(left, right, top, bottom - (bottom - top) * LOSS_SHARE - line, self._steps, 1.0)
        lower = Plot(left, right, bottom - (bottom - top) * LOSS_SHARE, bottom, self._steps, self._highestLoss())
        for value in GRID:
            upper.line(painter, value, faint)
            upper.label(painter, value, f"{value:g}", text, line)
        lower.line(painter, 0.0, faint)
        lower.line(painter, lower.highest, faint)
        lower.label(painter, lower.highest, f"{lower.highest:.2g}", text, line)
        painter.setPen(qt.QPen(text))
        across = qt.QRectF(left, bottom + 2, right - left, line)
        painter.drawText(across, qt.Qt.AlignLeft | qt.Qt.AlignVCenter, "0")
        painter.drawText(across, qt.Qt.AlignHCenter | qt.Qt.AlignVCenter, _("steps"))
        painter.drawText(across, qt.Qt.AlignRight | qt.Qt.AlignVCenter, str(self._steps))
        if not self._losses and not self._scores:
            return
        inside = qt.QRectF(left, upper.bottom - line - 1, right - left - 4, line)
        painter.drawText(inside, qt.Qt.AlignRight | qt.Qt.AlignBottom, _("Dice on strokes held back"))
        lower.curve(painter, self._losses, text, 1.2)
        painter.drawText(qt.QRectF(left, lower.top, right - left - 4, line), qt.Qt.AlignRight | qt.Qt.AlignTop, _("loss"))
        for number, level in reversed(list(enumerate(levelsOf(self._scores)))):
            points = [(score.step, score.dice[level]) for score in self._scores if level in score.dice]
            upper.curve(painter, points, hue(number, dark), 2.2 if number == 0 else 1.6)

    def _legend(self, painter: qt.QPainter, left: int, right: int, line: int, dark: bool) -> float:
        """Words above the plot, in the colors of their curves; gives the height they take."""
        x, y = left, 2
        for number, level in enumerate(levelsOf(self._scores)):
            latest = next(score.dice[level] for score in reversed(self._scores) if level in score.dice)
            words = f"{levelWords(level)} {latest:.2f}"
            width = self._metrics.horizontalAdvance(words) + 4
            if x + width > right and x > left:
                x, y = left, y + line
            painter.setPen(qt.QPen(hue(number, dark)))
            painter.drawText(qt.QRectF(x, y, width, line), qt.Qt.AlignLeft | qt.Qt.AlignVCenter, words)
            x += width + 10
        if not self._scores:
            words = "" if self._losses else _("The curve appears here while a model learns.")
            painter.drawText(qt.QRectF(left, y, right - left, line), qt.Qt.AlignLeft | qt.Qt.AlignVCenter, words)
        return y + line

    def _highestLoss(self) -> float:
        return max((loss for _step, loss in self._losses), default=1.0) or 1.0


class Plot:
    """A rectangle of the picture with its two scales, both from 0."""

    def __init__(self, left: float, right: float, top: float, bottom: float, steps: int, highest: float) -> None:
        self.left, self.right, self.top, self.bottom = left, right, top, bottom
        self.steps, self.highest = steps, highest

    def line(self, painter: qt.QPainter, value: float, color: qt.QColor) -> None:
        """A line across at a value."""
        painter.setPen(qt.QPen(color))
        painter.drawLine(qt.QPointF(self.left, self._y(value)), qt.QPointF(self.right, self._y(value)))

    def label(self, painter: qt.QPainter, value: float, words: str, color: qt.QColor, line: int) -> None:
        """A number left of the plot at a value."""
        painter.setPen(qt.QPen(color))
        rectangle = qt.QRectF(0, self._y(value) - line / 2, self.left - 4, line)
        painter.drawText(rectangle, qt.Qt.AlignRight | qt.Qt.AlignVCenter, words)

    def curve(self, painter: qt.QPainter, points: Sequence[tuple[int, float]], color: qt.QColor, width: float) -> None:
        """A curve; of more points than pixels, one a pixel."""
        if not points:
            return
        pen = qt.QPen(color)
        pen.setWidthF(width)
        painter.setPen(pen)
        every = max(1, len(points) // int(self.right - self.left))
        places = [qt.QPointF(self._x(step), self._y(value)) for step, value in [*points[::every], points[-1]]]
        for start, stop in zip(places, places[1:], strict=False):
            painter.drawLine(start, stop)
        painter.drawEllipse(places[-1], 1.5, 1.5)

    def _x(self, step: int) -> float:
        return self.left + (self.right - self.left) * step / self.steps

    def _y(self, value: float) -> float:
        return self.bottom - (self.bottom - self.top) * min(max(value, 0.0), self.highest) / self.highest


class Repaint(qt.QObject):
    """Tells when a widget has another size or other colors."""

    def __init__(self, draw: Callable[[], None]) -> None:
        qt.QObject.__init__(self)
        self._draw = draw

    def eventFilter(self, _widget: qt.QObject, event: qt.QEvent) -> bool:
        if event.type() in (qt.QEvent.Resize, qt.QEvent.PaletteChange, qt.QEvent.StyleChange):
            self._draw()
        return False


def levelsOf(scores: Sequence[Score]) -> list[str]:
    """The levels that were scored: leaves first, then up to the coarsest."""
    found = {level for score in scores for level in score.dice}
    return sorted(found, key=lambda level: (level != "leaf", -int(level) if level.isdigit() else 0))


def hue(number: int, dark: bool) -> qt.QColor:
    """The color of the n-th curve."""
    color = qt.QColor(*HUES[number % len(HUES)])
    return color.lighter(LIGHTER) if dark else color
