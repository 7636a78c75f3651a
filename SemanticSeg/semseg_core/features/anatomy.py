"""What of a volume is imaged anatomy, and where a point lies relative to it.

Coordinates relative to the imaged body, not to the scanner, are what carries location from one subject to the next.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from semseg_core.data.intensity import otsu_threshold
from semseg_core.geometry import Grid

EMPTY_SHARE = 0.2
"""From this share of voxels at exactly the smallest value on, an image counts as masked (skull-stripped, a fan of ultrasound):
then all others are foreground. nnU-Net takes nonzero voxels likewise."""


def is_masked(array: np.ndarray) -> bool:
    """Whether the surroundings of the anatomy, (D, H, W), were set to one value."""
    return bool((array == array.min()).mean() >= EMPTY_SHARE)


def foreground_mask(array: np.ndarray, grid: Grid, shown: np.ndarray | None = None) -> np.ndarray:
    """Which voxels show anatomy rather than air, padding or the outside of a mask.

    Args:
        array: First channel, (D, H, W) float32.
        grid: Its grid, along the anatomical axes (axis 0 runs along S).
        shown: Which voxels a mask left over, (D, H, W) bool; None where air and tissue must be told apart by brightness.

    Returns:
        (D, H, W) bool; all True where no background can be told apart.
    """
    from scipy import ndimage

    inside = shown
    if inside is None:
        # Half of Otsu's threshold: dark tissue (fluid, bone, lung) is nearer to air than to bright tissue.
        smoothed = ndimage.gaussian_filter(array, 1.0)
        floor = np.percentile(smoothed, 1.0)
        inside = smoothed > floor + 0.5 * (otsu_threshold(smoothed) - floor)
    structure = ndimage.generate_binary_structure(3, 1)
    # Tissue goes on beyond the field of view: a single slice must not be opened away.
    inside = ndimage.binary_opening(np.pad(inside, 1, mode="edge"), structure)[1:-1, 1:-1, 1:-1]
    regions, count = ndimage.label(inside, structure)
    if count == 0:
        return np.ones(array.shape, dtype=bool)
    sizes = np.bincount(regions.reshape(-1))
    sizes[0] = 0
    body = np.isin(regions, np.flatnonzero(sizes >= 0.1 * sizes.max()))
    # Close gaps of 6 mm, then fill holes slice by slice: airways and lungs reach the edge of the field of view only in S.
    reach = max(1, round(6.0 / max(grid.spacing_mm)))
    padded = np.pad(body, reach)
    closed = ndimage.binary_closing(padded, structure, iterations=reach)[(slice(reach, -reach),) * 3]
    return np.stack([ndimage.binary_fill_holes(section) for section in closed])


@dataclass(frozen=True)
class BodyFrame:
    """Position and size of the imaged anatomy: coordinates are -1…1 across it along R, A and S.

    Args:
        center_mm: Middle of the anatomy, RAS.
        half_extent_mm: Half its extent along R, A, S.
    """

    center_mm: tuple[float, float, float]
    half_extent_mm: tuple[float, float, float]

    @classmethod
    def of(cls, mask: np.ndarray, grid: Grid) -> BodyFrame:
        """The frame of a foreground mask; the outermost 1 % of voxels on each side do not count (noise, cables, cropping)."""
        indices = np.argwhere(mask)
        if len(indices) > 200_000:
            indices = indices[:: len(indices) // 200_000]
        points = grid.index_to_ras(indices)
        low, high = np.percentile(points, (1.0, 99.0), axis=0)
        half = np.maximum((high - low) / 2, max(grid.spacing_mm))
        return cls(tuple(((low + high) / 2).tolist()), tuple(half.tolist()))
