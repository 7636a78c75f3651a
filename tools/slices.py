"""Slices through a volume of any orientation, as a radiologist sees them: axial, coronal and sagittal, true to scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from semseg_core.geometry import Grid
from semseg_core.sparse.scribbles import SparseLabels

NORMALS = {"axial": 2, "coronal": 1, "sagittal": 0}
"""RAS axis each view looks along."""

SCREEN = {"axial": ((-1, 0), (1, 1)), "coronal": ((-1, 0), (1, 2)), "sagittal": ((-1, 1), (1, 2))}
"""Sign and RAS axis of the screen's right and up: radiological, the patient's right on the left, the nose on the left."""

LETTERS = {"axial": "RLAP", "coronal": "RLSI", "sagittal": "APSI"}
"""Sides of the patient at the left, right, top and bottom of the screen."""

MARGIN = 0.075
"""Room on each side, as a part of the greatest size."""

PIXELS = 640
"""Pixels along the longer side of a field of view."""


@dataclass(frozen=True)
class Slice:
    """A rectangle in the patient.

    Args:
        view: `axial`, `coronal` or `sagittal`.
        box_mm: Least and greatest RAS coordinates of what is shown, (2, 3).
        at_mm: Where along the view's normal the slice lies.
        pixel_mm: Size of a pixel.
    """

    view: str
    box_mm: np.ndarray
    at_mm: float
    pixel_mm: float

    @property
    def size_mm(self) -> tuple[float, float]:
        """Width and height on the screen."""
        extent = self.box_mm[1] - self.box_mm[0]
        (_, across), (_, up) = SCREEN[self.view]
        return float(extent[across]), float(extent[up])

    def sample(self, array: np.ndarray, grid: Grid, order: int) -> np.ndarray:
        """Values of (D, H, W) on the pixels, (rows, columns) float64, from the top left; NaN outside the grid.

        Args:
            array: What to show.
            grid: Where it lies.
            order: 0 for labels (the nearest voxel), 1 for intensities (linear).
        """
        rows, columns = (max(2, round(size / self.pixel_mm)) for size in self.size_mm[::-1])
        points = np.empty((rows, columns, 3))
        points[..., NORMALS[self.view]] = self.at_mm
        (right, across), (_, up) = SCREEN[self.view]
        low, high = self.box_mm
        places = (np.arange(columns) + 0.5) * self.pixel_mm
        points[..., across] = low[across] + places if right > 0 else high[across] - places
        points[..., up] = (high[up] - (np.arange(rows) + 0.5) * self.pixel_mm)[:, None]
        indices = grid.ras_to_index(points.reshape(-1, 3)).T
        inside = (indices >= -0.5).all(axis=0) & (indices <= np.array(grid.shape)[:, None] - 0.5).all(axis=0)
        values = ndimage.map_coordinates(array, indices, output=np.float64, order=order, mode="nearest")
        return np.where(inside, values, np.nan).reshape(rows, columns)


def choose_slices(image: np.ndarray, grid: Grid, marks: SparseLabels) -> list[Slice]:
    """One slice of each orientation, where most is drawn on most labels, all with the same field of view: what is not air.

    Args:
        image: Intensities, (D, H, W).
        grid: Where they lie.
        marks: The scribbles.
    """
    box = content_box(image, grid)
    pixel_mm = float((box[1] - box[0]).max()) / PIXELS
    points = grid.index_to_ras(marks.indices)
    slices = []
    for view, axis in NORMALS.items():
        thickness = float(np.abs(grid.ijk_to_ras[axis, :3]).max())
        slabs = np.rint(points[:, axis] / thickness).astype(int)
        fullest = max(np.unique(slabs), key=lambda slab: (slabs == slab).sum() * len(np.unique(marks.label_ids[slabs == slab])))
        slices.append(Slice(view, box, float(np.median(points[slabs == fullest, axis])), pixel_mm))
    return slices


def smoothed(label_ids: np.ndarray, sigma: float) -> np.ndarray:
    """Labels with their steps and specks rounded off: each element takes the label that has most around it.

    Args:
        label_ids: Labels of any shape.
        sigma: Radius to look around, in elements.
    """
    most = np.zeros(label_ids.shape, dtype=np.float32)
    winner = np.zeros_like(label_ids)
    reach = int(np.ceil(3 * sigma))
    found, inverse = np.unique(label_ids, return_inverse=True)
    for number, box in enumerate(ndimage.find_objects(inverse.reshape(label_ids.shape) + 1)):
        window = tuple(slice(max(0, side.start - reach), side.stop + reach) for side in box)
        share = ndimage.gaussian_filter((label_ids[window] == found[number]).astype(np.float32), sigma, truncate=3.0)
        better = share > most[window]
        most[window][better] = share[better]
        winner[window][better] = found[number]
    return winner


def content_box(image: np.ndarray, grid: Grid) -> np.ndarray:
    """Least and greatest RAS coordinates, (2, 3) mm, of what is brighter than air, with room for letters around it.

    It is as wide from right to left as from front to back, so that all views have one width.
    """
    low, high = np.percentile(image, (1.0, 99.5))
    bright = image > low + 0.08 * (high - low)
    points = grid.index_to_ras(np.argwhere(bright)) if bright.any() else grid.corners_ras()
    # A few specks of noise in the air do not count: the box holds all but 0.05 % of the bright voxels on each side.
    box = np.percentile(points, (0.05, 99.95), axis=0)
    size = box[1] - box[0]
    size[:2] = size[:2].max()
    half = size / 2 + MARGIN * size.max()
    return box.mean(axis=0) + np.array([[-1], [1]]) * half
