"""The demo's picture: three orientations of image, scribbles, result and confidence, the tree as legend, and a 3D view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from slices import LETTERS, Slice, choose_slices, smoothed

from semseg_core.files import replacing
from semseg_core.geometry import Grid
from semseg_core.labels.tree import Label, LabelTree
from semseg_core.sparse.scribbles import SparseLabels

matplotlib.use("Agg")
from matplotlib import patheffects  # noqa: E402 - the backend is chosen before anything is drawn
from matplotlib.figure import Figure  # noqa: E402
from matplotlib.patches import Rectangle  # noqa: E402

GROUND = (0.043, 0.051, 0.067)
INK, QUIET, FAINT = "#eef1f5", "#9aa5b4", "#3a4452"
DOUBT_COLORS = "inferno"
"""Grows steadily brighter: it reads in gray and with any color vision."""

COLUMNS = ("Image", "Scribbles", "Result", "Confidence")
LEGEND_ROWS = 22
DOTS_PER_INCH = 160
MARGIN, GAP, HEAD, FOOT = 0.55, 0.09, 1.72, 0.5
PANEL, SIDE = 3.15, 5.1
TALLEST = 10.6
"""Inches."""


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
        surfaces: The 3D view, (rows, columns, 3) uint8; its place stays empty where it is None.
    """
    slices = choose_slices(content.image, content.grid, content.marks)
    widths, heights = zip(*(view.size_mm for view in slices), strict=True)
    inch_per_mm = min(PANEL / max(widths), TALLEST / sum(heights))
    panel = max(widths) * inch_per_mm
    rows = [height * inch_per_mm for height in heights]
    body = sum(rows) + GAP * (len(rows) - 1)
    left = MARGIN + 0.3
    side_left = left + 4 * panel + 3 * GAP + 0.45
    width, height = side_left + SIDE + MARGIN, HEAD + body + FOOT + 0.28
    figure = Figure(figsize=(width, height), facecolor=GROUND)
    figure.add_artist(matplotlib.lines.Line2D((left / width, 1 - MARGIN / width), (1 - 1.28 / height,) * 2, color=FAINT, lw=0.8))
    _write_head(figure, content, left, width)
    low, high = _window(content.image)
    drawn = _drawn(content)
    voxel_mm = content.grid.voxel_volume_ml ** (1 / 3) * 10
    top = HEAD
    for view, row in zip(slices, rows, strict=True):
        gray = np.clip((view.sample(content.image, content.grid, 1) - low) / (high - low), 0.0, 1.0)
        gray = np.nan_to_num(gray)
        result = smoothed(
            np.nan_to_num(view.sample(content.label_ids, content.grid, 0)).astype(int), 0.45 * voxel_mm / view.pixel_mm
        )
        pictures = (
            _gray_picture(gray),
            _scribble_picture(gray, np.nan_to_num(view.sample(drawn, content.grid, 0)).astype(int), content.tree),
            _result_picture(gray, result, content.tree),
            _confidence_picture(gray, view.sample(content.confidence, content.grid, 1), result),
        )
        for column, picture in enumerate(pictures):
            x = left + column * (panel + GAP) + (panel - view.size_mm[0] * inch_per_mm) / 2
            axes = _axes(figure, (x, top, view.size_mm[0] * inch_per_mm, row))
            axes.imshow(picture, interpolation="lanczos", aspect="auto")
            if column == 0:
                _write_sides(axes, view)
                _write(figure, left - 0.2, top + row / 2, view.view.capitalize(), size=12, color=QUIET, rotation=90, ha="center")
        top += row + GAP
    for column, name in enumerate(COLUMNS):
        _write(figure, left + column * (panel + GAP) + panel / 2, HEAD - 0.2, name, size=14, weight="bold", ha="center")
    _draw_confidence_bar(figure, left + 3 * (panel + GAP), HEAD + body + 0.13, panel)
    legend_height = _draw_legend(
        figure, content, side_left, HEAD - 0.2, max_height=body * (0.52 if surfaces is not None else 1.0)
    )
    note = "Radiological views: the patient's right is on the left.   For research; not a medical device."
    if surfaces is not None:
        note = note.replace("   ", "   The 3D view is smoothed.   ")
        _draw_surfaces(figure, surfaces, (side_left, HEAD + legend_height, SIDE, body - legend_height))
    _write(figure, left, height - 0.32, note, size=10, color=QUIET)
    with replacing(path, "picture") as temporary:
        figure.savefig(temporary, dpi=DOTS_PER_INCH, facecolor=GROUND)


def _draw_surfaces(figure: Figure, surfaces: np.ndarray, box: tuple[float, float, float, float]) -> None:
    """The 3D view without its empty border, as large as the box allows and in its middle."""
    seen = np.argwhere((surfaces != surfaces[0, 0]).any(axis=-1))
    (top, left), (bottom, right) = seen.min(axis=0), seen.max(axis=0) + 1
    cropped = surfaces[top:bottom, left:right]
    x, y, width, height = box
    scale = min(width / cropped.shape[1], height / cropped.shape[0])
    across, down = cropped.shape[1] * scale, cropped.shape[0] * scale
    axes = _axes(figure, (x + (width - across) / 2, y + (height - down) / 2, across, down))
    axes.imshow(cropped, interpolation="lanczos", aspect="auto")


def _write_head(figure: Figure, content: Content, left: float, width: float) -> None:
    _write(figure, left, 0.52, content.title, size=25, weight="bold")
    _write(figure, left, 0.95, content.subtitle, size=13, color=QUIET)
    right = width - MARGIN
    shown = {level: dice for level, dice in content.dice.items() if level != str(content.tree.height)}  # the leaves again
    for level, dice in reversed(shown.items()):
        name = "leaves" if level == "leaf" else f"level {level}"
        _write(figure, right, 0.50, f"{dice:.2f}", size=25, weight="bold", ha="right")
        _write(figure, right, 0.95, name, size=12, color=QUIET, ha="right")
        right -= 1.15
    if content.dice:
        _write(figure, right, 0.50, "Dice", size=25, color=QUIET, ha="right")


def _write_sides(axes: matplotlib.axes.Axes, view: Slice) -> None:
    """The letters of the patient's sides, inside the edges of the panel."""
    places = (
        (0.03, 0.5, "left", "center"),
        (0.97, 0.5, "right", "center"),
        (0.5, 0.985, "center", "top"),
        (0.5, 0.015, "center", "bottom"),
    )
    for letter, (x, y, ha, va) in zip(LETTERS[view.view], places, strict=True):
        text = axes.text(x, y, letter, transform=axes.transAxes, ha=ha, va=va, color=INK, fontsize=12, weight="bold")
        text.set_path_effects([patheffects.withStroke(linewidth=2.5, foreground=GROUND)])


def _window(image: np.ndarray) -> tuple[float, float]:
    """Intensities shown as black and white: what lies above air, without the brightest half percent."""
    low, high = np.percentile(image, (1.0, 99.5))
    bright = image[image > low + 0.08 * (high - low)]
    return float(low), float(low) + 1.12 * float(np.percentile(bright, 99.7) - low) if bright.size else float(high)


def _drawn(content: Content) -> np.ndarray:
    drawn = np.zeros(content.grid.shape, dtype=np.int32)
    drawn[tuple(content.marks.indices.T)] = content.marks.label_ids
    return drawn


def _colors(label_ids: np.ndarray, tree: LabelTree) -> np.ndarray:
    """Colors of label ids, (…, 3)."""
    found, inverse = np.unique(label_ids, return_inverse=True)
    table = np.array([(0.0, 0.0, 0.0) if label_id == 0 else tree[label_id].color for label_id in found.tolist()])
    return table[inverse].reshape(*label_ids.shape, 3)


def _gray_picture(gray: np.ndarray) -> np.ndarray:
    """Gray on the ground of the figure, so that air has no edge."""
    return np.array(GROUND) + gray[..., None] * (1.0 - np.array(GROUND))


def _scribble_picture(gray: np.ndarray, drawn: np.ndarray, tree: LabelTree) -> np.ndarray:
    picture = _gray_picture(0.5 * gray)
    return np.where((drawn > 0)[..., None], _vivid(_colors(drawn, tree)), picture)


def _result_picture(gray: np.ndarray, result: np.ndarray, tree: LabelTree) -> np.ndarray:
    """Colors that keep the light and dark of the image, with fine dark lines where labels meet."""
    tinted = _colors(result, tree) * (0.42 + 0.58 * np.clip(1.25 * gray, 0, 1))[..., None]
    lines = np.zeros(result.shape, dtype=bool)
    lines[:, 1:] |= result[:, 1:] != result[:, :-1]
    lines[1:] |= result[1:] != result[:-1]
    tinted[lines] *= 0.6
    return np.where((result > 0)[..., None], tinted, _gray_picture(0.62 * gray))


def _confidence_picture(gray: np.ndarray, confidence: np.ndarray, result: np.ndarray) -> np.ndarray:
    """What is certain stays gray; the less certain, the brighter it glows."""
    doubt = np.where(result > 0, 1.0 - np.nan_to_num(confidence), 0.0)
    return _glow(_gray_picture(0.5 * gray), doubt)


def _glow(picture: np.ndarray, doubt: np.ndarray) -> np.ndarray:
    glow = matplotlib.colormaps[DOUBT_COLORS](0.25 + 0.75 * doubt)[..., :3]
    strength = np.clip(1.6 * doubt, 0.0, 1.0)[..., None]
    return (1.0 - strength) * picture + strength * glow


def _vivid(colors: np.ndarray) -> np.ndarray:
    """The same hues, strong enough for a line one voxel wide."""
    hsv = matplotlib.colors.rgb_to_hsv(np.clip(colors, 0, 1))
    hsv[..., 1] = np.clip(hsv[..., 1] * 1.3, 0, 1)
    hsv[..., 2] = np.clip(hsv[..., 2] * 1.2, 0.85, 1)
    return matplotlib.colors.hsv_to_rgb(hsv)


def _draw_confidence_bar(figure: Figure, x: float, y: float, width: float) -> None:
    bar = _axes(figure, (x + 0.22 * width, y, 0.56 * width, 0.11))
    bar.imshow(_glow(_gray_picture(np.full((1, 256), 0.3)), np.linspace(0, 1, 256)[None]), aspect="auto")
    _write(figure, x + 0.19 * width, y + 0.055, "sure 1", size=11, color=QUIET, ha="right")
    _write(figure, x + 0.81 * width, y + 0.055, "0 unsure", size=11, color=QUIET)


def _draw_legend(figure: Figure, content: Content, x: float, y: float, max_height: float) -> float:
    """Draw the tree with colors, volumes and Dice, and return the height taken, in inches."""
    tree = content.tree
    rows = legend_rows(tree)
    step = min(0.34, max_height / (len(rows) + 1.5))
    size = min(13.0, 38 * step)
    volumes = volumes_ml(content.label_ids, content.grid, tree)
    dice_right, volume_right = x + SIDE, x + SIDE - (0.75 if content.label_dice else 0.0)
    _write(figure, x, y, "Label tree", size=14, weight="bold")
    _write(figure, volume_right, y, "ml", size=12, color=QUIET, ha="right")
    if content.label_dice:
        _write(figure, dice_right, y, "Dice", size=12, color=QUIET, ha="right")
    for number, label in enumerate(rows, start=1):
        row = y + 0.12 + number * step
        indent = x + 0.3 * tree.depth(label.id)
        _draw_patch(figure, indent, row - 0.34 * step, 0.6 * step, label.color)
        style = {"size": size, "color": INK} if tree.is_leaf(label.id) else {"size": size, "color": QUIET, "weight": "bold"}
        _write(figure, indent + 0.95 * step, row, label.name, **style)
        _write(figure, volume_right, row, f"{volumes[label.id]:.0f}", ha="right", **style)
        if label.id in content.label_dice:
            _write(figure, dice_right, row, f"{content.label_dice[label.id]:.2f}", ha="right", **style)
    hidden = len(tree) - len(rows)
    if hidden:
        _write(figure, x, y + 0.12 + (len(rows) + 1) * step, f"and {hidden} labels below these", size=size, color=QUIET)
    return (len(rows) + 1.5 + bool(hidden)) * step


def volumes_ml(label_ids: np.ndarray, grid: Grid, tree: LabelTree) -> dict[int, float]:
    """Volume of every label by id, in milliliters; that of an inner label includes what lies under it."""
    own = np.zeros(len(tree) + 1)
    found, counts = np.unique(label_ids, return_counts=True)
    for label_id, count in zip(found.tolist(), counts.tolist(), strict=True):
        if label_id:
            own[tree.position(label_id)] = count
    below = np.concatenate([[0.0], np.cumsum(own)])
    stops = zip(tree, tree.subtree_stops, strict=True)
    return {label.id: float(below[stop] - below[tree.position(label.id)]) * grid.voxel_volume_ml for label, stop in stops}


def _draw_patch(figure: Figure, x: float, y: float, size: float, color: tuple[float, float, float]) -> None:
    """A square with its top left corner at (x, y), in inches from the top left."""
    width, height = figure.get_size_inches()
    corner = (x / width, 1 - (y + size) / height)
    figure.add_artist(Rectangle(corner, size / width, size / height, color=color, lw=0, transform=figure.transFigure))


def legend_rows(tree: LabelTree, limit: int = LEGEND_ROWS) -> Sequence[Label]:
    """The labels of as many levels as fit within `limit` rows; of the top level alone, as many as fit."""
    for level in range(tree.height, 0, -1):
        rows = [label for label in tree if tree.depth(label.id) <= level]
        if len(rows) <= limit:
            return rows
    return [label for label in tree if tree.depth(label.id) <= 1][:limit]


def _axes(figure: Figure, box: tuple[float, float, float, float]) -> matplotlib.axes.Axes:
    """Axes without frame at (left, top, width, height), in inches from the top left."""
    x, y, width, height = box
    full_width, full_height = figure.get_size_inches()
    axes = figure.add_axes((x / full_width, 1 - (y + height) / full_height, width / full_width, height / full_height))
    axes.set_axis_off()
    return axes


def _write(figure: Figure, x: float, y: float, text: str, *, size: float, color: str = INK, **style: object) -> None:
    """Text whose middle is at y, in inches from the top left."""
    figure.text(x / figure.get_figwidth(), 1 - y / figure.get_figheight(), text, fontsize=size, color=color, va="center", **style)
