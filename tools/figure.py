"""The demo's picture: three orientations of image, scribbles, result and confidence, the tree as legend, and a 3D view."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from legend import draw_legend
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from panels import confidence_panel, confidence_scale, gray_panel, result_panel, scribble_panel, window
from sheet import GROUND, INK, QUIET, Box, Sheet
from slices import LETTERS, Slice, choose_slices, smoothed

from semseg_core.geometry import Grid
from semseg_core.labels.tree import LabelTree
from semseg_core.sparse.scribbles import SparseLabels

COLUMNS = ("Image", "Scribbles", "Result", "Confidence")
HEAD, FOOT, EDGE, GAP = 1.72, 0.78, 0.55, 0.09
LEFT = 0.85
PANEL, SIDE, TALLEST = 3.15, 5.1, 10.6
"""Inches: widest panel, width of legend and 3D view, and the most that three panels may take in height."""

TITLE_LETTERS = 56
NOTES = ("Radiological views: the patient's right is on the left.", "For research; not a medical device.")
NOTE_3D = "The 3D view is smoothed."


@dataclass(frozen=True)
class Content:
    """What is shown.

    Args:
        image: Intensities, (D, H, W).
        grid: Where all of it lies.
        tree: Names and colors.
        marks: The scribbles.
        label_ids: The result, (D, H, W); 0 where unknown.
        confidence: Its probabilities, (D, H, W).
        title: What was done, in a few words.
        subtitle: On what, from how much.
        dice: Mean Dice by level, `"1"`, `"2"`, … and `"leaf"`; empty where the truth is not known.
        label_dice: Dice by label id; empty where the truth is not known.
    """

    image: np.ndarray
    grid: Grid
    tree: LabelTree
    marks: SparseLabels
    label_ids: np.ndarray
    confidence: np.ndarray
    title: str
    subtitle: str
    dice: Mapping[str, float]
    label_dice: Mapping[int, float]


def draw_figure(path: Path, content: Content, surfaces: np.ndarray | None) -> None:
    """Write the picture as PNG; an earlier file is replaced whole or not at all.

    Args:
        path: Where to.
        content: What is shown.
        surfaces: The 3D view, (rows, columns, 3) uint8; where it is None, the legend has the side for itself.
    """
    views = choose_slices(content.image, content.grid, content.marks)
    widths, heights = zip(*(view.size_mm for view in views), strict=True)
    inch_per_mm = min(PANEL / max(widths), TALLEST / sum(heights))
    panel = max(widths) * inch_per_mm
    body = sum(heights) * inch_per_mm + GAP * (len(views) - 1)
    side = LEFT + 4 * panel + 3 * GAP + 0.45
    sheet = Sheet(side + SIDE + EDGE, HEAD + body + FOOT)
    _write_head(sheet, content)
    for column, name in enumerate(COLUMNS):
        sheet.write(LEFT + column * (panel + GAP) + panel / 2, HEAD - 0.2, name, size=14, weight="bold", ha="center")
    top = HEAD
    for view, pictures in zip(views, _pictures(content, views), strict=True):
        _draw_row(sheet, view, pictures, top, panel, inch_per_mm)
        top += view.size_mm[1] * inch_per_mm + GAP
    _draw_scale(sheet, LEFT + 3 * (panel + GAP), HEAD + body + 0.13, panel)
    share = 1.0 if surfaces is None else 0.52
    used = draw_legend(
        sheet, (side, HEAD - 0.2, SIDE, share * body), content.tree, content.label_ids, content.grid, content.label_dice
    )
    notes = NOTES if surfaces is None else (NOTES[0], NOTE_3D, NOTES[1])
    sheet.write(LEFT, sheet.height - 0.32, "   ".join(notes), size=10, color=QUIET)
    if surfaces is not None:
        _draw_surfaces(sheet, surfaces, (side, HEAD + used, SIDE, body - used))
    sheet.save(path)


def _pictures(content: Content, views: Sequence[Slice]) -> list[tuple[np.ndarray, ...]]:
    """The four pictures of each view."""
    black, white = window(content.image)
    drawn = np.zeros(content.grid.shape, dtype=np.int32)
    drawn[tuple(content.marks.indices.T)] = content.marks.label_ids
    voxel_mm = (1000 * content.grid.voxel_volume_ml) ** (1 / 3)
    rows = []
    for view in views:
        sampled = [view.sample(array, content.grid, 1) for array in (content.image, content.confidence)]
        strokes, labels = (np.nan_to_num(view.sample(array, content.grid, 0)).astype(int) for array in (drawn, content.label_ids))
        gray = np.clip((np.nan_to_num(sampled[0], nan=black) - black) / (white - black), 0.0, 1.0)
        labels = smoothed(labels, 0.45 * voxel_mm / view.pixel_mm)
        rows.append(
            (
                gray_panel(gray),
                scribble_panel(gray, strokes, content.tree),
                result_panel(gray, labels, content.tree),
                confidence_panel(gray, sampled[1], labels),
            )
        )
    return rows


def _write_head(sheet: Sheet, content: Content) -> None:
    sheet.rule(LEFT, sheet.width - EDGE, 1.28)
    sheet.write(LEFT, 0.52, textwrap.shorten(content.title, TITLE_LETTERS, placeholder=" …"), size=25, weight="bold")
    sheet.write(LEFT, 0.95, content.subtitle, size=13, color=QUIET)
    right = sheet.width - EDGE
    levels = [level for level in content.dice if level != str(content.tree.height)]  # the deepest level is the leaves again
    for level in reversed(levels):
        sheet.write(right, 0.50, f"{content.dice[level]:.2f}", size=25, weight="bold", ha="right")
        sheet.write(right, 0.95, "leaves" if level == "leaf" else f"level {level}", size=12, color=QUIET, ha="right")
        right -= 1.15
    if levels:
        sheet.write(right, 0.50, "Dice", size=25, color=QUIET, ha="right")


def _draw_row(sheet: Sheet, view: Slice, pictures: Sequence[np.ndarray], top: float, panel: float, inch_per_mm: float) -> None:
    """The pictures of one view side by side, each in the middle of its column."""
    width, height = (size * inch_per_mm for size in view.size_mm)
    sheet.write(LEFT - 0.2, top + height / 2, view.view.capitalize(), size=12, color=QUIET, rotation=90, ha="center")
    axes = [
        sheet.show(picture, (LEFT + column * (panel + GAP) + (panel - width) / 2, top, width, height))
        for column, picture in enumerate(pictures)
    ]
    _write_sides(axes[0], LETTERS[view.view])


def _write_sides(axes: Axes, letters: str) -> None:
    """The letters of the patient's sides at the left, right, top and bottom of a picture."""
    places = (
        (0.03, 0.5, "left", "center"),
        (0.97, 0.5, "right", "center"),
        (0.5, 0.985, "center", "top"),
        (0.5, 0.015, "center", "bottom"),
    )
    for letter, (x, y, ha, va) in zip(letters, places, strict=True):
        text = axes.text(x, y, letter, transform=axes.transAxes, ha=ha, va=va, color=INK, fontsize=12, weight="bold")
        text.set_path_effects([withStroke(linewidth=2.5, foreground=GROUND)])


def _draw_scale(sheet: Sheet, x: float, y: float, width: float) -> None:
    sheet.show(confidence_scale(), (x + 0.25 * width, y, 0.5 * width, 0.11))
    sheet.write(x + 0.22 * width, y + 0.055, "sure 1", size=11, color=QUIET, ha="right")
    sheet.write(x + 0.78 * width, y + 0.055, "0 unsure", size=11, color=QUIET)


def _draw_surfaces(sheet: Sheet, surfaces: np.ndarray, box: Box) -> None:
    """The 3D view without its empty border, as large as the box allows and in its middle."""
    seen = np.argwhere((surfaces != surfaces[0, 0]).any(axis=-1))
    (top, left), (bottom, right) = seen.min(axis=0), seen.max(axis=0) + 1
    x, y, width, height = box
    scale = min(width / (right - left), height / (bottom - top))
    across, down = (right - left) * scale, (bottom - top) * scale
    sheet.show(surfaces[top:bottom, left:right], (x + (width - across) / 2, y + (height - down) / 2, across, down))
