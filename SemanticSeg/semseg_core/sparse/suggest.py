"""Where to scribble next: the slices on which strokes would tell most, and on each the point to look at first.

With a confidence map, a voxel counts as much as the model is unsure there, more where its answer is a coarse label or one with
few marks. Without one, labels that have too little come first, then what is imaged in the gaps between strokes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from semseg_core.errors import InputError, ShapeError
from semseg_core.geometry import Grid
from semseg_core.labels.tree import LabelTree
from semseg_core.sparse.scribbles import SparseLabels
from semseg_core.sparse.statistics import FEW_VOXELS

BLOCKS = 48
"""Blocks along the longest side of the image; slices are compared by blocks of voxels, which takes a tenth of a second."""

REACH = 1 / 16
"""Part of the longest side over which a stroke says something about its neighborhood."""

THICK = 3.0
"""Slices thicker than this many times their pixels are drawn on as they are; across them, voxels are needles."""

WORTHLESS = 0.02
"""A slice that gains less than this share of the best one is not suggested."""

NAMED = 3
"""Labels without marks that a reason names."""


@dataclass(frozen=True)
class Suggestion:
    """One slice worth scribbling.

    Args:
        axis: Along which the slices are counted: 0, 1, 2 for `k`, `j`, `i`.
        index: Which slice.
        point: Voxel `(k, j, i)` on this slice where to begin.
        score: How much it would tell, 0…1; the list is ordered by it.
        label_id: The label that is probably there, None where nothing is known.
        reason: Why, in a sentence for the user.
    """

    axis: int
    index: int
    point: tuple[int, int, int]
    score: float
    label_id: int | None
    reason: str


def suggest(
    marks: SparseLabels,
    tree: LabelTree,
    *,
    image: np.ndarray | None = None,
    confidence: np.ndarray | None = None,
    answers: np.ndarray | None = None,
    count: int = 10,
) -> tuple[Suggestion, ...]:
    """Slices worth scribbling, the best first, none near another.

    Args:
        marks: What is marked already.
        tree: Its tree.
        image: Intensities, (D, H, W); tells anatomy from air where there is no confidence map.
        confidence: Probability of the model's answer, (D, H, W) within 0…1; 0 where it was not asked.
        answers: The model's answer, (D, H, W) ids of the tree, 0 where it had none; goes with the confidence.
        count: How many suggestions at most.

    Raises:
        InputError: If no suggestion is asked for.
        ShapeError: If an array does not have one value per voxel of the marks' grid.
    """
    if count < 1:
        raise InputError(f"{count} suggestions: ask for at least 1")
    for array, what in ((image, "image"), (confidence, "confidence map"), (answers, "answers")):
        if array is not None and array.shape != marks.grid.shape:
            raise ShapeError(f"{what}: {array.shape} voxels (k, j, i), but the marks lie on {marks.grid.shape}; use one grid")
    voxels = dict.fromkeys((label.id for label in tree), 0) | marks.counts()
    if confidence is not None:
        return tuple(_Uncertain(marks, tree, voxels, confidence, answers).best(count))
    thin = _thin_labels(marks, tree, voxels)[: max(1, count // 2)]
    return (*thin, *_Uncovered(marks, tree, voxels, image).best(count - len(thin)))


class _Field:
    """What a stroke would gain in each block of voxels, (d, h, w); each suggestion takes away what its neighborhood gains."""

    def __init__(self, marks: SparseLabels, gain: np.ndarray, sizes: tuple[int, int, int]) -> None:
        self.grid = marks.grid
        self.sizes = np.array(sizes)
        self.block_mm = self.sizes * marks.grid.spacing_mm
        self.reach_mm = REACH * max(np.array(marks.grid.shape) * marks.grid.spacing_mm)
        self.distance_mm = None  # from the nearest mark
        if len(marks):
            unmarked = np.ones(gain.shape, dtype=bool)
            unmarked[tuple((marks.indices // self.sizes).T)] = False
            self.distance_mm = distances(unmarked, self.block_mm)
            gain = gain * self.distance_mm / (self.distance_mm + self.reach_mm)
        self.gain = gain

    def best(self, count: int) -> Iterator[Suggestion]:
        """The best slices, each after what those before it gain is taken away."""
        largest = None
        for _ in range(count):
            sums = {axis: self.gain.sum(axis=_others(axis)) * self._area(axis) for axis in drawable_axes(self.grid)}
            axis = max(sums, key=lambda axis: sums[axis].max())
            place = int(sums[axis].argmax())
            value = float(sums[axis][place])
            largest = value if largest is None else largest
            if value <= WORTHLESS * largest:
                return
            section = np.moveaxis(self.gain, axis, 0)[place]
            block = np.insert(np.array(np.unravel_index(section.argmax(), section.shape)), axis, place)
            point = self.point_in(
                tuple(slice(b * s, (b + 1) * s) for b, s in zip(block.tolist(), self.sizes.tolist(), strict=True))
            )
            label_id = self.label_at(point)
            reason = self.reason(tuple(block), point, label_id)
            yield Suggestion(axis, point[axis], point, self.weight * value / largest, label_id, reason)
            self._take_away(axis, block)

    def _area(self, axis: int) -> float:
        """Area of a block across an axis, in mm²."""
        return float(np.prod(np.delete(self.block_mm, axis)))

    def _take_away(self, axis: int, block: np.ndarray) -> None:
        """Nothing is gained twice: on the slice, on slices beside it, and around the point in any direction."""
        steps = [np.arange(size) - at for size, at in zip(self.gain.shape, block.tolist(), strict=True)]
        across = [(step * size / (2 * self.reach_mm)) ** 2 for step, size in zip(steps, self.block_mm.tolist(), strict=True)]
        around = across[0][:, None, None] + across[1][:, None] + across[2]
        self.gain = self.gain * (1 - np.exp(-around))
        self.gain *= np.moveaxis((1 - np.exp(-across[axis]))[:, None, None], 0, axis)


class _Uncertain(_Field):
    """Where a model is unsure."""

    weight = 1.0

    def __init__(
        self, marks: SparseLabels, tree: LabelTree, voxels: dict[int, int], confidence: np.ndarray, answers: np.ndarray | None
    ) -> None:
        self.tree, self.voxels, self.confidence, self.answers = tree, voxels, confidence, answers
        sizes = block_sizes(marks.grid)
        gain = block_means(confidence, sizes, _unsureness)
        if answers is not None:
            middles = tuple(
                slice(min(size // 2, count - 1), None, size) for size, count in zip(sizes, answers.shape, strict=True)
            )
            found, inverse = np.unique(answers[middles], return_inverse=True)
            worth = np.array([self._worth(label_id) for label_id in found.tolist()])[inverse].reshape(answers[middles].shape)
            # The last block may be so short that its middle lies outside.
            worth = np.pad(worth, [(0, n - m) for n, m in zip(gain.shape, worth.shape, strict=True)], mode="edge")
            gain = gain * worth
        super().__init__(marks, gain, sizes)

    def _worth(self, label_id: int) -> float:
        """How much a stroke on this answer tells: more where levels are missing below it, and where it has few marks."""
        if label_id == 0:
            return 1.0
        below = max(self.tree.depth(label.id) for label in self.tree.subtree(label_id)) - self.tree.depth(label_id)
        return 1.0 + below / max(self.tree.height, 1) + FEW_VOXELS / (FEW_VOXELS + self.voxels[label_id])

    def point_in(self, block: tuple[slice, slice, slice]) -> tuple[int, int, int]:
        asked = np.where(self.confidence[block] > 0, self.confidence[block], 1.0)
        return _voxel(block, asked.argmin(), asked.shape)

    def label_at(self, point: tuple[int, int, int]) -> int | None:
        return None if self.answers is None else int(self.answers[point]) or None

    def reason(self, block: tuple[int, int, int], point: tuple[int, int, int], label_id: int | None) -> str:
        guess = ""
        if label_id is not None:
            guess = f" that this is {self.tree[label_id].name}, which has {self.voxels[label_id]} scribbled voxels"
        far = "" if self.distance_mm is None else f"; the nearest stroke is {self.distance_mm[block]:.0f} mm away"
        return f"The model is only {self.confidence[point]:.0%} sure{guess}{far}."


class _Uncovered(_Field):
    """What is imaged and lies in the gaps between strokes."""

    weight = 0.5  # labels that have too little come first

    def __init__(self, marks: SparseLabels, tree: LabelTree, voxels: dict[int, int], image: np.ndarray | None) -> None:
        sizes = block_sizes(marks.grid)
        if image is None:
            gain = np.ones([-(-count // size) for count, size in zip(marks.grid.shape, sizes, strict=True)])
        else:
            means = block_means(image, sizes)
            floor = np.percentile(means, 1)
            gain = (means > floor + 0.5 * (means.mean() - floor)).astype(
                np.float64
            )  # dark tissue is nearer to air than to bright
        self.shape = marks.grid.shape
        names = [leaf.name for leaf in tree.leaves if not voxels[leaf.id]]
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        self.missing = f" Not scribbled yet: {', '.join(names[:NAMED])}{more}." if names else ""
        super().__init__(marks, gain, sizes)
        if self.distance_mm is not None:  # far off there may be nothing of any label: the neck under a brain
            self.gain = self.gain * np.exp(-self.distance_mm / self.reach_mm)

    def point_in(self, block: tuple[slice, slice, slice]) -> tuple[int, int, int]:
        middles = [(part.start + min(part.stop, count) - 1) // 2 for part, count in zip(block, self.shape, strict=True)]
        return middles[0], middles[1], middles[2]

    def label_at(self, point: tuple[int, int, int]) -> int | None:
        del point

    def reason(self, block: tuple[int, int, int], point: tuple[int, int, int], label_id: int | None) -> str:
        del point, label_id
        if self.distance_mm is None:
            return f"Nothing is scribbled yet, and this slice shows much of the image.{self.missing}"
        return f"No stroke within {self.distance_mm[block]:.0f} mm.{self.missing}"


def drawable_axes(grid: Grid) -> tuple[int, ...]:
    """Axes whose slices one can draw on: with an area, and not across slices that are much thicker than their pixels."""
    flat = [axis for axis in range(3) if all(grid.shape[other] > 1 for other in _others(axis))]
    spacing = grid.spacing_mm
    thickest = int(np.argmax(spacing))
    if thickest in flat and spacing[thickest] > THICK * min(spacing):
        return (thickest,)
    return tuple(flat) or (int(np.argmin(grid.shape)),)


def block_sizes(grid: Grid) -> tuple[int, int, int]:
    """Voxels along each side of a block that is nearly a cube in space."""
    edge_mm = max(np.array(grid.shape) * grid.spacing_mm) / BLOCKS
    sizes = [max(1, round(edge_mm / spacing)) for spacing in grid.spacing_mm]
    return sizes[0], sizes[1], sizes[2]


def block_means(
    array: np.ndarray, sizes: tuple[int, int, int], of: Callable[[np.ndarray], np.ndarray] = np.asarray
) -> np.ndarray:
    """Mean of every block of voxels, float64; the last blocks may be smaller. Of large blocks, two voxels a side are looked at.

    Args:
        array: (D, H, W).
        sizes: Voxels along each side of a block.
        of: What to take the mean of, as a function of the array's slices.
    """
    looked_at, inside = [], []
    for count, size in zip(array.shape, sizes, strict=True):
        within = np.array([size // 4, size // 4 + size // 2]) if size >= 4 else np.arange(size)
        places = np.arange(0, count, size)[:, np.newaxis] + within
        looked_at.append(np.minimum(places, count - 1))
        inside.append((places < count) | (within == within[0]))
    means = of(array[np.ix_(*(places.ravel() for places in looked_at))])
    for axis, counted in enumerate(inside):
        parts = means.reshape(*means.shape[:axis], *counted.shape, *means.shape[axis + 1 :])
        counted = counted.reshape(*counted.shape, *[1] * (2 - axis))
        means = parts.mean(axis=axis + 1, dtype=np.float32, where=counted)
    return means.astype(np.float64)


def distances(outside: np.ndarray, sampling: np.ndarray) -> np.ndarray:
    """Distance of every block to the nearest one that is not outside; loading scipy for that takes half a second.

    Args:
        outside: (d, h, w) bool, not everywhere true.
        sampling: Size of a block along each axis.
    """
    squares = np.where(outside, np.inf, 0.0).astype(np.float32)
    for axis, size in enumerate(sampling.tolist()):
        along = np.ascontiguousarray(np.moveaxis(squares, axis, 0))
        steps = (np.arange(len(along)) * size).reshape(-1, 1, 1)
        nearest, reached = along.copy(), np.empty_like(along)
        for step, row in zip(steps.ravel().tolist(), along, strict=True):
            if np.isfinite(row).any():
                np.add(row, np.square(steps - step, dtype=np.float32), out=reached)
                np.minimum(nearest, reached, out=nearest)
        squares = np.moveaxis(nearest, 0, axis)
    return np.sqrt(squares)


def _unsureness(confidence: np.ndarray) -> np.ndarray:
    """One less the confidence, 0 where the model was not asked."""
    return np.subtract(1.0, confidence, where=confidence > 0, out=np.zeros(confidence.shape, dtype=np.float32))


def _thin_labels(marks: SparseLabels, tree: LabelTree, voxels: dict[int, int]) -> list[Suggestion]:
    """Labels with few voxels, or in one slice only: a slice through their strokes in another direction, worst label first."""
    axes = drawable_axes(marks.grid)
    order = np.argsort(marks.label_ids, kind="stable")
    sorted_ids = marks.label_ids[order]
    found = []
    for label in tree:
        if not voxels[label.id]:
            continue
        first, last = np.searchsorted(sorted_ids, (label.id, label.id + 1))
        own = marks.indices[order[first:last]]
        if voxels[label.id] >= FEW_VOXELS and (own.min(axis=0) < own.max(axis=0)).all():
            continue
        slices = [len(np.unique(column)) for column in own.T]
        point = own[np.abs(own - own.mean(axis=0)).sum(axis=1).argmin()].tolist()
        drawn = int(np.argmin(slices))
        axis = max((axis for axis in axes if axis != drawn), key=lambda axis: slices[axis], default=None)
        if axis is None:  # no other direction to draw in: a slice further on, towards the middle of the volume
            axis, size = axes[0], marks.grid.shape[axes[0]]
            point[axis] = min(max(point[axis] + (1 if point[axis] < size // 2 else -1), 0), size - 1)
        few = "1 voxel only" if voxels[label.id] == 1 else f"{voxels[label.id]} voxels only"
        lack = "one slice only" if voxels[label.id] >= FEW_VOXELS else few
        score = 0.5 + 0.5 * FEW_VOXELS / (FEW_VOXELS + voxels[label.id])
        reason = f"{label.name} is scribbled in {lack}; draw it here too."
        found.append(Suggestion(axis, point[axis], (point[0], point[1], point[2]), score, label.id, reason))
    return sorted(found, key=lambda suggestion: -suggestion.score)


def _others(axis: int) -> tuple[int, ...]:
    return tuple(other for other in range(3) if other != axis)


def _voxel(block: tuple[slice, slice, slice], place: int, shape: tuple[int, ...]) -> tuple[int, int, int]:
    """The voxel at a flat place within a block."""
    k, j, i = (part.start + int(at) for part, at in zip(block, np.unravel_index(place, shape), strict=True))
    return k, j, i
