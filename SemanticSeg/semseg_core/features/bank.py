"""The feature bank: multi-scale appearance and location of any point of a volume, from maps computed once.

The volume becomes a pyramid along the anatomical axes. Each level holds the image and its derivatives at that scale; a point's
features are interpolated from all levels, so that coarse scales cost little memory and the input's grid does not matter.
Features are listed in a fixed order by `feature_names`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch

from semseg_core.data.resample import Box, anatomical_grid, are_parallel, box_points, resample, sample_box, sample_linear
from semseg_core.data.volume import Volume
from semseg_core.errors import CancelledError
from semseg_core.features.anatomy import BodyFrame, foreground_mask, is_masked
from semseg_core.features.components import Components
from semseg_core.features.layout import COORDINATES, LEVELS, MAPS_PER_CHANNEL, OFFSETS, WIDE_SCALE, mirroring
from semseg_core.features.pose import Pose
from semseg_core.geometry import Grid

ContextMaps = Callable[[Volume, "torch.device | str", Callable[[], None], bool], tuple[torch.Tensor, Grid]]
"""Maps (F, D, H, W) of a normalized volume or its mirror image, and their grid; `models/context_maps.py` has them."""

SLAB_VOXELS = 1 << 20
"""Voxels of which derivatives are taken at once: some 25 arrays of 4 MiB in between, not of a whole volume."""

FEW = 0.25
"""Part of a box below which its voxels are quicker described point by point."""


@dataclass(frozen=True, eq=False)
class Level:
    """One scale of the pyramid: maps (M, D, H, W) on a grid."""

    maps: torch.Tensor
    grid: Grid


@dataclass(frozen=True, eq=False)
class FeatureBank:
    """Everything needed to describe any point of one volume.

    Args:
        levels: From fine to coarse.
        depth: Signed distance to the body's surface, positive inside, (1, D, H, W), in units of 30 mm, on the third level's grid.
        frame: Where the body is.
        foreground: The body itself, (D, H, W) bool, on the second level's grid.
        channel_count: Number of image channels, or of the components that stand for them in the levels.
        context: Maps of a context network, if there is one.
        pose: How body coordinates become those that a model learned from.
        mirrored_context: What it says of the mirror image, turned back; for training alone.
        plain: The channels as they are, on the first level's grid, where the levels have their components.
    """

    levels: tuple[Level, ...]
    depth: Level
    frame: BodyFrame
    foreground: Level
    channel_count: int
    context: Level | None = None
    pose: Pose = field(default_factory=Pose.identity)
    mirrored_context: Level | None = None
    plain: Level | None = None

    @property
    def maps(self) -> tuple[Level, ...]:
        """All maps in the order of `feature_names`; only the coordinates are not among them."""
        return (*self.levels, self.depth, *(level for level in (self.plain, self.context) if level is not None))

    def sample(self, points_ras: torch.Tensor) -> torch.Tensor:
        """Features of points.

        Args:
            points_ras: (N, 3) float32, RAS millimetres, on the bank's device.

        Returns:
            (N, F) float32, in the order of `feature_names`.
        """
        maps = [sample_linear(level.maps, level.grid, points_ras) for level in self.maps]
        return torch.cat([*maps, self.body_coordinates(points_ras)], dim=1)

    def sample_mirrored(self, points_ras: torch.Tensor) -> torch.Tensor:
        """Features, (N, F), that the mirror image of the volume (left for right) has at the mirror images of points.

        Args:
            points_ras: As for `sample`.
        """
        maps = 0 if self.context is None else len(self.context.maps)
        order, signs = mirroring(self.channel_count, maps, 0 if self.plain is None else len(self.plain.maps))
        features = self.sample(points_ras)[:, order] * torch.tensor(signs, device=points_ras.device)
        if maps:
            mirrored = self.mirrored_context or self.context
            features[:, -maps - len(COORDINATES) : -len(COORDINATES)] = sample_linear(mirrored.maps, mirrored.grid, points_ras)
        return features

    def sample_box(
        self, grid: Grid, box: Box, everywhere: bool = True, wanted: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Features of the voxels of a box of an image's grid; quicker than `sample` where its axes are anatomical.

        Args:
            grid: The image's grid.
            box: Part of it.
            everywhere: Whether to describe also what lies outside the body.
            wanted: Which voxels of the box to describe at most, (P,) bool in array order; all when None.

        Returns:
            The voxels described, counted in array order, (N,) int64, and their features, (N, F).
        """
        device = self.depth.maps.device
        parallel = are_parallel(self.depth.grid, grid)
        voxels = math.prod(stop - start for start, stop in box)
        asked = torch.arange(voxels, device=device) if wanted is None else torch.nonzero(wanted.to(device))[:, 0]
        if not everywhere and parallel:
            asked = asked[sample_box(self.foreground.maps, self.foreground.grid, grid, box)[0, asked] >= 0.5]
        points = voxel_points(grid, box, asked)
        if not everywhere and not parallel:
            inside = self.inside(points)
            asked, points = asked[inside], points[inside]
        if not parallel or len(asked) < FEW * voxels:
            return asked, self.sample(points)
        parts = [sample_box(level.maps, level.grid, grid, box)[:, asked] for level in self.maps]
        return asked, torch.cat([*parts, self.body_coordinates(points).T]).T

    def brightness(self, grid: Grid, box: Box, channel: int) -> torch.Tensor:
        """The image itself at the voxels of a box, (P,), as the finest level has it."""
        finest = self.levels[0]
        image = finest.maps[len(MAPS_PER_CHANNEL) * channel][None]
        if are_parallel(finest.grid, grid):
            return sample_box(image, finest.grid, grid, box)[0]
        return sample_linear(image, finest.grid, box_points(grid, box, image.device))[:, 0]

    def random_points(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Points anywhere in the body, (n, 3) RAS millimetres; at most four per voxel of the second level."""
        indices = np.argwhere(self.foreground.maps[0].cpu().numpy() > 0.5)
        chosen = indices[rng.integers(len(indices), size=min(count, 4 * len(indices)))]
        return self.foreground.grid.index_to_ras(chosen + rng.uniform(-0.5, 0.5, chosen.shape))

    def inside(self, points_ras: torch.Tensor) -> torch.Tensor:
        """Whether points lie in the body, (N,) bool."""
        return sample_linear(self.foreground.maps, self.foreground.grid, points_ras)[:, 0] >= 0.5

    def body_coordinates(self, points_ras: torch.Tensor) -> torch.Tensor:
        """Position relative to the body along R, A, S, (N, 3): -1…1 across it, where its pose is no change."""
        center = torch.tensor(self.frame.center_mm, device=points_ras.device)
        extent = torch.tensor(self.frame.half_extent_mm, device=points_ras.device)
        matrix = torch.as_tensor(self.pose.matrix, dtype=torch.float32, device=points_ras.device)
        return (points_ras - center) / extent @ matrix[:3] + matrix[3]


def voxel_points(grid: Grid, box: Box, asked: torch.Tensor) -> torch.Tensor:
    """RAS positions, (N, 3) float32, of voxels of a box, counted in array order."""
    (start, _), (first, last), (left, right) = box
    numbers = asked.cpu()  # Apple's GPU knows no float64, and float32 would not do for indices far from the origin
    rows = numbers // (right - left)
    k, j, i = rows // (last - first) + start, rows % (last - first) + first, numbers % (right - left) + left
    affine = torch.tensor(grid.ijk_to_ras)
    points = torch.stack([i, j, k], dim=1).double() @ affine[:3, :3].T + affine[:3, 3]
    return points.float().to(asked.device)


def build_feature_bank(
    volume: Volume,
    spacing_mm: tuple[float, float, float],
    device: torch.device | str = "cpu",
    cancelled: Callable[[], bool] = bool,
    context: ContextMaps | None = None,
    mirrored: bool = False,
    components: Components | None = None,
) -> FeatureBank:
    """Compute the maps of a normalized volume.

    Args:
        volume: Intensities normalized by the model's rule.
        spacing_mm: Working spacing along `(k, j, i)` of the anatomical grid, that is along S, A, R.
        device: Where maps are kept and sampled.
        cancelled: Asked several times a second.
        context: Computes the maps of a context network, if there is one.
        mirrored: Whether they are wanted of the mirror image, too.
        components: What the levels have instead of the channels, if so.

    Raises:
        CancelledError: If `cancelled` said so.
    """

    def check() -> None:
        if cancelled():
            raise CancelledError("cancelled while features were computed")

    array = torch.as_tensor(volume.array if components is None else components.apply(volume.array))
    source = volume.grid
    levels: list[Level] = []
    for scale in (2**level for level in range(LEVELS)):
        # Thick slices are not thinned before the other axes have caught up with them.
        spacing = tuple(max(axis, min(spacing_mm) * scale) for axis in spacing_mm)
        grid = anatomical_grid(volume.grid, spacing)
        check()
        array = resample(array, source, grid, check)
        source = grid
        maps = _appearance(array, grid, check)
        if scale >= WIDE_SCALE:
            maps = torch.cat([maps, _surroundings(array)])
        levels.append(Level(maps.to(device), grid))
    finest, coarse, plain = levels[0], levels[1], None
    image = coarse.maps[0]
    if components is not None:
        channels = resample(torch.as_tensor(volume.array), volume.grid, finest.grid, check)
        plain = Level(channels.to(device), finest.grid)
        image = resample(channels[:1], finest.grid, coarse.grid, check)[0]
    check()
    mask = _body(volume, image.cpu().numpy(), coarse.grid)
    check()
    return FeatureBank(
        levels=tuple(levels),
        depth=_depth(mask, coarse.grid, device),
        frame=BodyFrame.of(mask, coarse.grid),
        foreground=Level(torch.as_tensor(mask[None], dtype=torch.float32, device=device), coarse.grid),
        channel_count=len(array),
        context=None if context is None else Level(*context(volume, device, check, False)),
        mirrored_context=Level(*context(volume, device, check, True)) if context is not None and mirrored else None,
        plain=plain,
    )


def _appearance(array: torch.Tensor, grid: Grid, check: Callable[[], None]) -> torch.Tensor:
    """Image, gradient along R, A, S and sorted eigenvalues of the Hessian, (7 · C, D, H, W).

    Derivatives are central differences, scaled by the level's finest spacing so that levels are alike in size.
    """
    scale = [min(grid.spacing_mm) / spacing for spacing in grid.spacing_mm]
    maps = array.new_empty(len(array), len(MAPS_PER_CHANNEL), *grid.shape)
    maps[:, 0] = array
    depth, rows, columns = grid.shape
    thickness = max(4, SLAB_VOXELS // (rows * columns))
    for channel, described in zip(array, maps, strict=True):
        for start in range(0, depth, thickness):
            check()
            stop = min(start + thickness, depth)
            first = max(start - 2, 0)  # what second differences look at
            part = channel[first : stop + 2]
            gradient = [_difference(part, axis) * scale[axis] for axis in range(3)]
            hessian = [[_difference(gradient[row], axis) * scale[axis] for axis in range(row, 3)] for row in range(3)]
            derived = (*reversed(gradient), *_eigenvalues(hessian))
            for into, one in zip(described[1:, start:stop], derived, strict=True):
                into.copy_(one[start - first : stop - first])
    return maps.flatten(0, 1)


def _surroundings(array: torch.Tensor) -> torch.Tensor:
    """The image some voxels away along -R, +R, -A, +A, -S, +S, (12 · C, D, H, W); beyond the field of view its edge goes on."""
    shifted = []
    for steps in OFFSETS:
        for axis in (3, 2, 1):
            places = torch.arange(array.shape[axis])
            for offset in (-steps, steps):
                shifted.append(array.index_select(axis, (places + offset).clamp(0, array.shape[axis] - 1)))
    return torch.cat(shifted)


def _difference(array: torch.Tensor, axis: int) -> torch.Tensor:
    """Central difference along an axis; zero slope beyond the edges, zero along an axis of one voxel."""
    if array.shape[axis] == 1:
        return torch.zeros_like(array)
    last = array.shape[axis] - 1
    twice = torch.empty_like(array)
    torch.sub(array.narrow(axis, 2, last - 1), array.narrow(axis, 0, last - 1), out=twice.narrow(axis, 1, last - 1))
    for edge, below in ((0, 0), (last, last - 1)):
        torch.sub(array.select(axis, below + 1), array.select(axis, below), out=twice.select(axis, edge))
    return twice.mul_(0.5)


def _eigenvalues(hessian: list[list[torch.Tensor]]) -> list[torch.Tensor]:
    """Eigenvalues, greatest first, of the symmetric matrix given by its upper rows, elementwise.

    Source:
        Trigonometric closed form of Smith 1961; 10 times faster than a batched solver on a million voxels.
    """
    (a, d, e), (b, f), (c,) = hessian
    mean = (a + b + c) / 3
    a, b, c = a - mean, b - mean, c - mean
    radius = torch.sqrt(((a * a + b * b + c * c) + 2 * (d * d + e * e + f * f)) / 6).clamp_min(1e-12)
    determinant = a * (b * c - f * f) - d * (d * c - f * e) + e * (d * f - b * e)
    angle = torch.acos((determinant / (2 * radius**3)).clamp(-1.0, 1.0)) / 3
    first = mean + 2 * radius * torch.cos(angle)
    third = mean + 2 * radius * torch.cos(angle + 2 * np.pi / 3)
    return [first, 3 * mean - first - third, third]


def _body(volume: Volume, image: np.ndarray, grid: Grid) -> np.ndarray:
    """The foreground mask on a coarse grid; where the image was masked, by the edge of that mask in the image itself.

    Args:
        volume: The image.
        image: Its first channel on the coarse grid, (D, H, W).
        grid: The coarse grid.
    """
    if not is_masked(image):
        return foreground_mask(image, grid)
    # The blur of the coarse level would carry the edge a few millimeters outward.
    left_over = torch.as_tensor(volume.array[:1] > volume.array[0].min(), dtype=torch.float32)
    return foreground_mask(image, grid, resample(left_over, volume.grid, grid)[0].numpy() >= 0.5)


def _depth(mask: np.ndarray, grid: Grid, device: torch.device | str) -> Level:
    """Signed distance to the surface of the body, positive inside, in units of 30 mm; 0 where it has no surface."""
    from scipy.ndimage import distance_transform_edt

    signed = np.zeros(mask.shape)
    if not mask.all():
        signed = distance_transform_edt(mask, grid.spacing_mm) - distance_transform_edt(~mask, grid.spacing_mm)
    return Level(torch.as_tensor(signed[None] / 30.0, dtype=torch.float32, device=device), grid)
