"""The label tree as a legend, with volumes and, where the truth is known, Dice."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
from sheet import INK, QUIET, Box, Sheet

from semseg_core.geometry import Grid
from semseg_core.labels.tree import Label, LabelTree

ROWS = 22
NAME_LETTERS = 34


def draw_legend(sheet: Sheet, box: Box, tree: LabelTree, label_ids: np.ndarray, grid: Grid, dice: Mapping[int, float]) -> float:
    """Draw the tree and return the height it took, in inches.

    Args:
        sheet: Where to draw.
        box: The place for it; the middle of its heading lies at the top.
        tree: Names and colors.
        label_ids: The result, for the volumes.
        grid: Where it lies.
        dice: Dice by label id; may be empty.
    """
    x, y, width, height = box
    rows = legend_rows(tree)
    volumes = volumes_ml(label_ids, grid, tree)
    step = min(0.34, height / (len(rows) + 1.5))
    size = min(13.0, 38 * step)
    right = x + width
    volume_right = right - 0.75 if dice else right
    sheet.write(x, y, "Label tree", size=14, weight="bold")
    sheet.write(volume_right, y, "ml", size=12, color=QUIET, ha="right")
    if dice:
        sheet.write(right, y, "Dice", size=12, color=QUIET, ha="right")
    for number, label in enumerate(rows, start=1):
        middle = y + 0.12 + number * step
        indent = x + 0.3 * tree.depth(label.id)
        style = {"size": size, "color": INK} if tree.is_leaf(label.id) else {"size": size, "color": QUIET, "weight": "bold"}
        sheet.patch(indent, middle - 0.34 * step, 0.6 * step, label.color)
        sheet.write(indent + 0.95 * step, middle, textwrap.shorten(label.name, NAME_LETTERS, placeholder=" …"), **style)
        sheet.write(volume_right, middle, volume_text(volumes[label.id]), ha="right", **style)
        if label.id in dice:
            sheet.write(right, middle, f"{dice[label.id]:.2f}", ha="right", **style)
    hidden = len(tree) - len(rows)
    if hidden:
        sheet.write(x, y + 0.12 + (len(rows) + 1) * step, f"and {hidden} more labels", size=size, color=QUIET)
    return (len(rows) + 1.5 + bool(hidden)) * step


def legend_rows(tree: LabelTree, limit: int = ROWS) -> Sequence[Label]:
    """The labels of as many levels as fit within `limit` rows; of the first level alone, as many as fit."""
    for level in range(tree.height, 0, -1):
        rows = [label for label in tree if tree.depth(label.id) <= level]
        if len(rows) <= limit:
            return rows
    return [label for label in tree if tree.depth(label.id) <= 1][:limit]


def volumes_ml(label_ids: np.ndarray, grid: Grid, tree: LabelTree) -> dict[int, float]:
    """Volume of every label by id, in milliliters; that of an inner label includes what lies under it."""
    own = np.zeros(len(tree))
    found, counts = np.unique(label_ids, return_counts=True)
    for label_id, count in zip(found.tolist(), counts.tolist(), strict=True):
        if label_id:
            own[tree.position(label_id)] = count
    below = np.concatenate([[0.0], np.cumsum(own)])
    ranges = enumerate(tree.subtree_stops)
    return {tree.labels[start].id: float(below[stop] - below[start]) * grid.voxel_volume_ml for start, stop in ranges}


def volume_text(volume_ml: float) -> str:
    """A volume with as many digits as matter: three, but none beyond a hundredth."""
    return f"{volume_ml:.{0 if volume_ml >= 100 else 1 if volume_ml >= 10 else 2}f}"
