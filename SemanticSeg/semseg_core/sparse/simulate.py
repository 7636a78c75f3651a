"""Scribbles as a person would draw them, from a dense label map: for benchmarks, tests and the demo.

Source:
    Gotkowski, Maier-Hein and Isensee, "Revisiting 3D Medical Scribble Supervision", MICCAI 2025 (ScribbleBench): per slice and
    class one connected component, one curve through its interior and one along its boundary. Here in all three orientations,
    on slices drawn at random, with strokes of one voxel's width and stretches of the interior curve, as suits many small classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from semseg_core.errors import InputError
from semseg_core.geometry import Grid
from semseg_core.labels.tree import LabelTree
from semseg_core.sparse.scribbles import SparseLabels

CURVE_KNOTS = (0.0, 0.0, 0.0, 0.5, 1.0, 1.0, 1.0)
"""Knots of a clamped quadratic B-spline with four control points, the curve ScribbleBench draws."""

LEG_STEPS = np.linspace(0.0, 1.0, 33)[:, None]
NEIGHBORS = np.ones((3, 3), dtype=bool)
CROSS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], dtype=bool)


@dataclass(frozen=True)
class StrokeStyle:
    """How strokes are drawn. The defaults leave about 3 400 marks for 148 brain labels at 2 mm, 8 slices per orientation.

    Args:
        thickness_vox: Width of every stroke in voxels; odd.
        interior_fraction: Least and greatest part of its curve an interior stroke follows.
        inset_vox: Least and greatest distance of a boundary stroke from the edge of its component.
        boundary_fraction: Least and greatest part of the contour a boundary stroke follows.
        coarse: Chance that a stroke is drawn on an ancestor of its label instead, within the ancestor's whole region.
    """

    thickness_vox: int = 1
    interior_fraction: tuple[float, float] = (0.2, 0.5)
    inset_vox: tuple[int, int] = (1, 4)
    boundary_fraction: tuple[float, float] = (0.07, 0.15)
    coarse: float = 0.0

    def __post_init__(self) -> None:
        if self.thickness_vox < 1 or self.thickness_vox % 2 == 0:
            raise InputError(f"strokes {self.thickness_vox} voxels wide: the width is counted from the middle; give 1, 3, 5…")
        if not 0.0 <= self.coarse <= 1.0:
            raise InputError(f"coarse strokes {self.coarse}: give the part of all strokes, between 0 and 1")


def simulate_scribbles(
    label_ids: np.ndarray,
    grid: Grid,
    tree: LabelTree,
    slices_per_orientation: int,
    rng: np.random.Generator,
    style: StrokeStyle | None = None,
) -> SparseLabels:
    """Draw scribbles on some slices of each orientation.

    On every slice, each label found there gets one stroke through the interior and one along the boundary of one of its
    connected components, chosen with probability proportional to its area. No stroke leaves its component. The same
    generator state gives the same strokes.

    Args:
        label_ids: Dense labels, (D, H, W) integers, ids of the tree; 0 where unknown.
        grid: Where they lie.
        tree: The tree.
        slices_per_orientation: How many slices of each of the three orientations, or as many as hold labels.
        rng: Source of randomness.
        style: How strokes are drawn.

    Raises:
        InputError: If there is nothing to draw on, or no slice to draw.
    """
    style = style or StrokeStyle()
    if slices_per_orientation < 1:
        raise InputError(f"{slices_per_orientation} slices per orientation: give at least 1")
    found, inverse = np.unique(label_ids, return_inverse=True)
    table = np.array([tree.position(label_id) if label_id else -1 for label_id in found.tolist()], dtype=np.int32)
    positions = table[inverse].reshape(label_ids.shape)
    if positions.max() < 0:
        raise InputError("the label map holds no label; there is nothing to scribble on")
    drawn = np.full(positions.shape, -1, dtype=np.int32)
    for axis in range(3):
        truth, marks = np.moveaxis(positions, axis, 0), np.moveaxis(drawn, axis, 0)
        filled = np.flatnonzero((truth >= 0).any(axis=(1, 2)))
        for number in rng.choice(filled, min(slices_per_orientation, len(filled)), replace=False):
            _draw_slice(truth[number], marks[number], tree, style, rng)
    indices = np.argwhere(drawn >= 0)
    ids = np.array([label.id for label in tree], dtype=np.int32)
    return SparseLabels(grid, indices, ids[drawn[tuple(indices.T)]])


def _draw_slice(truth: np.ndarray, marks: np.ndarray, tree: LabelTree, style: StrokeStyle, rng: np.random.Generator) -> None:
    """Draw on one slice, (rows, columns), in place."""
    for position, stop in sorted({_target(int(found), tree, style, rng) for found in np.unique(truth[truth >= 0])}):
        window, component = _choose_component((truth >= position) & (truth < stop), rng)
        stroke = _thicken(_interior_stroke(component, style, rng) | _boundary_stroke(component, style, rng), component, style)
        # Strokes cross on labels of one branch only; the deeper says more, and comes later in the tree.
        np.maximum(marks[window], np.where(stroke, position, -1), out=marks[window])


def _target(position: int, tree: LabelTree, style: StrokeStyle, rng: np.random.Generator) -> tuple[int, int]:
    """Positions `[start, stop)` to draw on for a label found: itself or, where the stroke is coarse, a subtree around it."""
    above = tree.ancestors(tree.labels[position].id)[:-1]  # the root says nothing
    if above and rng.random() < style.coarse:
        start = tree.position(above[rng.integers(len(above))].id)
        return start, tree.subtree_stops[start]
    return position, position + 1


def _choose_component(region: np.ndarray, rng: np.random.Generator) -> tuple[tuple[slice, slice], np.ndarray]:
    """One connected component, chosen by area: its bounding box, and its mask therein."""
    from scipy import ndimage

    numbered, _ = ndimage.label(region, NEIGHBORS)
    areas = np.bincount(numbered.ravel())[1:]
    number = int(rng.choice(len(areas), p=areas / areas.sum())) + 1
    window = ndimage.find_objects(numbered, max_label=number)[number - 1]
    return window, numbered[window] == number


def _interior_stroke(component: np.ndarray, style: StrokeStyle, rng: np.random.Generator) -> np.ndarray:
    """A stretch of a smooth curve through the component; where it would leave it, its largest piece."""
    from scipy import ndimage
    from scipy.interpolate import BSpline

    pixels = np.argwhere(component).astype(np.float64)
    points = [rng.choice(pixels)]
    while len(points) < 4:
        leg = points[-1] + LEG_STEPS * (rng.choice(pixels) - points[-1])
        inside = _at(component, leg)
        if not inside.all():  # as far as the eye follows a straight line within the component
            leg = leg[: max(int(np.argmin(inside)), 1)]
            leg = leg[: rng.integers(len(leg)) + 1]
        points.append(leg[-1])
    curve = BSpline(np.array(CURVE_KNOTS), np.array(points), 2)(np.linspace(0.0, 1.0, 4 * max(component.shape)))
    stroke = np.zeros_like(component)
    length = max(1, round(rng.uniform(*style.interior_fraction) * len(curve)))
    first = rng.integers(len(curve) - length + 1)
    rows, columns = np.rint(curve[first : first + length]).astype(int).T
    stroke[rows, columns] = True
    pieces, _ = ndimage.label(stroke & component, NEIGHBORS)
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    return pieces == sizes.argmax()


def _boundary_stroke(component: np.ndarray, style: StrokeStyle, rng: np.random.Generator) -> np.ndarray:
    """A stretch of a contour inside the component; nothing where the component is too thin to have one."""
    from scipy import ndimage

    inset = int(rng.integers(style.inset_vox[0], style.inset_vox[1] + 1)) + style.thickness_vox // 2
    padded = np.pad(component, 1)
    inner = ndimage.binary_erosion(padded, CROSS, iterations=inset)
    contour = (inner & ~ndimage.binary_erosion(inner, NEIGHBORS))[1:-1, 1:-1]
    pixels = np.argwhere(contour)
    stroke = np.zeros_like(component)
    if not len(pixels):
        return stroke
    stroke[tuple(rng.choice(pixels))] = True
    # Growing along the contour by one voxel at either end gives a stretch of 2 n + 1 voxels.
    grown = round(rng.uniform(*style.boundary_fraction) * len(pixels) / 2)
    return ndimage.binary_dilation(stroke, NEIGHBORS, iterations=grown, mask=contour) if grown else stroke


def _thicken(stroke: np.ndarray, component: np.ndarray, style: StrokeStyle) -> np.ndarray:
    from scipy import ndimage

    radius = style.thickness_vox // 2
    return ndimage.binary_dilation(stroke, CROSS, iterations=radius, mask=component) if radius else stroke


def _at(mask: np.ndarray, points: np.ndarray) -> np.ndarray:
    rows, columns = np.rint(points).astype(int).T
    return mask[rows, columns]
