"""A whole volume, or a slice of it, in a fraction of the time: every fourth voxel along each axis first, then what lies between.

Half way between two voxels that agree, each with enough certainty, their answer is taken. All others are asked as usual, and so
are those whose brightness is not what their neighbors let expect: a vessel of one voxel's width is not lost. So borders, doubtful
places and small things are exact, and only the inside of structures is filled in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from semseg_core.geometry import Grid
from semseg_core.infer.applier import Applier, slabs

CERTAIN = {2: 0.85, 1: 0.5}
"""Probability from which voxels answer for the one between them, by its distance from both; from the farthest on.

On 192³ voxels with 10 classes, after 150 steps, 0.27 % of the answers in the body differ from the exact ones, where the certainty
of these is 0.53 on average; as many are right (0.854 for 0.853). With 0.9 and 0.6 it were 0.06 %, and a stroke with its volume
would take 11 s in place of 8.6.
"""

SURPRISE = 4.0
"""Deviations from the brightness between neighbors, as multiples of the usual one, from which a voxel is asked."""

SAMPLED = 7
"""Every so many voxels tell what is usual."""

IMAGE_VOXELS = 1 << 20
"""Of one channel so many are read from the bank at once: a third of the time that slices one by one take."""

OPEN = -1
"""Stands for the id of a voxel that has to be asked."""


def answer_exactly(
    applier: Applier, on_fraction: Callable[[float], object] = float, cancelled: Callable[[], bool] = bool
) -> tuple[np.ndarray, np.ndarray]:
    """As `answer_quickly`, with every voxel asked."""
    label_ids = np.zeros(applier.grid.shape, dtype=np.int32)
    confidence = np.zeros(applier.grid.shape, dtype=np.float32)
    for box in slabs(applier.grid):
        (start, stop), *_ = box
        label_ids[start:stop], confidence[start:stop] = applier.answer(box, cancelled)
        on_fraction(stop / applier.grid.shape[0])
    return label_ids, confidence


def answer_quickly(
    applier: Applier, on_fraction: Callable[[float], object] = float, cancelled: Callable[[], bool] = bool
) -> tuple[np.ndarray, np.ndarray]:
    """Label ids, int32, and probabilities, float32, of all voxels of the applier's grid; 0 where unknown or not asked.

    Args:
        applier: Answers for boxes.
        on_fraction: Told the share done, 0…1.
        cancelled: Asked some ten times a second.

    Raises:
        CancelledError: If `cancelled` said so.
    """
    grid = applier.grid
    label_ids = np.full(grid.shape, OPEN, dtype=np.int32)
    confidence = np.zeros(grid.shape, dtype=np.float32)
    images = _images(applier)
    places = [slice(None, None, 2 * max(CERTAIN))] * 3
    done = 0

    def ask() -> None:
        """Ask about what is open among `places`."""
        nonlocal done
        some = applier.on(lattice(grid, places))
        ids, certainty = label_ids[tuple(places)], confidence[tuple(places)]
        for box in slabs(some.grid):
            (start, stop), *_ = box
            asked = ids[start:stop] == OPEN
            if asked.any():
                found, sure = some.answer(box, cancelled, asked)
                ids[start:stop][asked], certainty[start:stop][asked] = found[asked], sure[asked]
            done += asked.size
            on_fraction(done / label_ids.size)

    ask()
    for distance, certain in CERTAIN.items():
        for axis, size in enumerate(grid.shape):
            if distance < size:
                places[axis] = slice(distance, None, 2 * distance)
                _settle(label_ids, confidence, images, places, axis, certain)
                ask()
            places[axis] = slice(None, None, distance)
    return label_ids, confidence


def _settle(
    label_ids: np.ndarray, confidence: np.ndarray, images: np.ndarray, places: list[slice], axis: int, certain: float
) -> None:
    """Answer for voxels half way between two along an axis, where both agree and are certain, and nothing is surprising."""
    distance, ends = places[axis].start, list(places)
    ends[axis] = slice(None, None, 2 * distance)
    ids, certainty, seen = (array[(..., *ends)] for array in (label_ids, confidence, images))
    lower, upper = _along(axis, slice(None, -1)), _along(axis, slice(1, None))
    agreed = (ids[lower] == ids[upper]) & (np.minimum(certainty[lower], certainty[upper]) >= certain)
    # The last one may have no voxel beyond it, and stays open.
    inner = (..., *_along(axis, slice(agreed.shape[axis])))
    for image, between in zip(seen, images[(..., *places)][inner], strict=True):
        agreed &= ~_surprising(between, (image[lower] + image[upper]) / 2)
    label_ids[tuple(places)][inner] = np.where(agreed, ids[lower], OPEN)
    confidence[tuple(places)][inner] = (certainty[lower] + certainty[upper]) / 2


def _surprising(image: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Where an image differs from what is expected by far more than usual, bool."""
    deviation = np.abs(image - expected)
    shown = deviation[image > image.min(initial=np.inf)][::SAMPLED]  # what a mask left over
    usual = np.median(shown) if len(shown) else 0.0
    return deviation > SURPRISE * 1.4826 * usual  # of a normal distribution, the median's share of the deviation


def _images(applier: Applier) -> np.ndarray:
    """The image's channels, (C, D, H, W) float32."""
    grid, bank = applier.grid, applier.bank
    images = np.empty((bank.channel_count, *grid.shape), dtype=np.float32)
    for channel, image in enumerate(images):
        for box in slabs(grid, IMAGE_VOXELS):
            (start, stop), *_ = box
            image[start:stop].reshape(-1)[:] = bank.brightness(grid, box, channel).cpu().numpy()
    return images


def lattice(grid: Grid, places: Sequence[slice]) -> Grid:
    """The grid of some voxels of another, evenly spaced along each axis."""
    found = [range(size)[part] for size, part in zip(grid.shape, places, strict=True)]
    affine = grid.ijk_to_ras.copy()
    affine[:3, 3] = grid.index_to_ras(np.array([[each.start for each in found]]))[0]
    affine[:3, :3] *= [each.step for each in reversed(found)]
    return Grid(tuple(map(len, found)), affine)


def _along(axis: int, part: slice) -> tuple[slice, ...]:
    return tuple(part if along == axis else slice(None) for along in range(3))
