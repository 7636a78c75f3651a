"""Patches of a context network's image around marks, moved and shaded at random, and where the marks lie in them.

What is random is drawn from a generator first and applied then. A patch is sampled once, on a turned, stretched and shifted grid:
no map is interpolated twice, and a mark's place in the patch is known exactly.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from semseg_core.data.resample import sample_linear
from semseg_core.geometry import Grid

TURN = math.radians(10.0)
"""Largest turn around each axis. nnU-Net turns by up to 30°: its images have no place relative to the body beside them."""

STRETCH = 0.1
"""Largest change of size along each axis."""

SHIFT = 0.1
"""Largest shift, as a share of the patch."""


@dataclass(frozen=True, eq=False)
class Places:
    """What each row describes.

    Args:
        points: (N, 3) float32, RAS millimetres; a mirror image has the place of what it shows.
        cases: (N,) int64, number of the case.
        mirrored: (N,) bool, whether the row describes a mirror image.
    """

    points: torch.Tensor
    cases: torch.Tensor
    mirrored: torch.Tensor

    @classmethod
    def none(cls) -> Places:
        """Of no row."""
        return cls.sides(torch.zeros(0, 3), torch.zeros(0, 3))

    @classmethod
    def sides(cls, plain: torch.Tensor, mirrored: torch.Tensor) -> Places:
        """Of one case: points (N, 3) of the image, then points (M, 3) of its mirror image."""
        points = torch.cat([plain, mirrored])
        return cls(points, torch.zeros(len(points), dtype=torch.int64), torch.arange(len(points)) >= len(plain))

    @classmethod
    def join(cls, parts: Sequence[Places]) -> Places:
        """Of the rows of all cases, one after the other, each part being one case."""
        cases = [torch.full((len(part.points),), number) for number, part in enumerate(parts)]
        return cls(torch.cat([part.points for part in parts]), torch.cat(cases), torch.cat([part.mirrored for part in parts]))

    def subset(self, chosen: torch.Tensor | slice) -> Places:
        """Of the rows of these numbers."""
        return Places(self.points[chosen], self.cases[chosen], self.mirrored[chosen])

    def of(self, case: int, mirrored: bool, wanted: torch.Tensor | bool = True) -> torch.Tensor:
        """Numbers of the wanted rows of a case or of its mirror image."""
        return torch.nonzero((self.cases == case) & (self.mirrored == mirrored) & wanted)[:, 0]


@dataclass(frozen=True, eq=False)
class Patch:
    """A part of one image, and rows whose marks lie in it.

    Args:
        image: (1, C, D, H, W) float32; for a network of two dimensions one axis has length 1.
        rows: (n,) int64 numbers of rows, as drawn: some come twice.
        places: (n, 3) float32, place of their marks along R, A, S, -1…1 from the first to the last voxel of the patch.
    """

    image: torch.Tensor
    rows: torch.Tensor
    places: torch.Tensor


class PatchDrawer:
    """Draws patches around marks.

    Args:
        images: A context network's image, (C, D, H, W), and its grid along the anatomical axes, of every case.
        places: Of all rows.
        weights: (N,) probability of being drawn; rows of weight 0 are never used.
        window: Voxels of a patch along S, A, R; less where an image is smaller.
        plane: Axis across the slices of a network of two dimensions, or None.
    """

    def __init__(
        self,
        images: Sequence[tuple[torch.Tensor, Grid]],
        places: Places,
        weights: torch.Tensor,
        window: tuple[int, int, int],
        plane: int | None = None,
    ) -> None:
        self.images = images
        self.places = places
        self.window = window
        self.plane = plane
        self._weights = weights
        self._cumulative = torch.cumsum(weights, dim=0)
        # Rows that may share a patch: of one case, mirrored or not.
        self._groups = {
            (case, mirrored): places.of(case, mirrored, weights > 0) for case in range(len(images)) for mirrored in (False, True)
        }

    def draw(self, row_count: int, generator: torch.Generator) -> Patch:
        """A patch around a mark drawn by weight, with `row_count` rows of the marks in it, drawn by weight, too."""
        uniform = torch.rand(1, generator=generator, dtype=torch.float64) * self._cumulative[-1]
        center_row = min(int(torch.searchsorted(self._cumulative, uniform, right=True)), len(self._weights) - 1)
        case, mirrored = int(self.places.cases[center_row]), bool(self.places.mirrored[center_row])
        image, grid = self.images[case]
        size = tuple(min(wanted, there) for wanted, there in zip(self.window, image.shape[1:], strict=True))
        spacing = torch.tensor(grid.spacing_mm[::-1], dtype=torch.float32)
        half = (torch.tensor(size[::-1]) - 1) / 2 * spacing
        turned = turned_axes(generator, self.plane)
        center = self._center(self.places.points[center_row], grid, half, spacing, generator)
        local = _grid_of(size) * spacing
        patch = sample_linear(image, grid, (local @ turned.T + center).to(image.device))
        patch = patch.T.reshape(1, -1, *size)
        rows = self._groups[case, mirrored]
        offsets = (self.places.points[rows] - center) @ torch.linalg.inv(turned).T
        # What lies up to half a voxel beyond the outermost centers is inside.
        inside = (offsets.abs() <= half + spacing / 2).all(dim=1)
        rows, places = rows[inside], offsets[inside] / half.clamp_min(1e-6)
        places[:, half == 0] = 0.0
        if mirrored:
            places[:, 0] = -places[:, 0]
        drawn = torch.multinomial(self._weights[rows], row_count, replacement=True, generator=generator)
        return Patch(shaded(patch.flip(4) if mirrored else patch, generator), rows[drawn], places[drawn])

    def _center(
        self, mark: torch.Tensor, grid: Grid, half: torch.Tensor, spacing: torch.Tensor, generator: torch.Generator
    ) -> torch.Tensor:
        """Middle of a patch: the mark, but as far within the image as the patch's size allows, and shifted a little."""
        corners = torch.as_tensor(grid.corners_ras(), dtype=torch.float32)
        low, high = corners.amin(dim=0) + half, corners.amax(dim=0) - half
        middle = (low + high) / 2
        center = torch.minimum(torch.maximum(mark, torch.minimum(low, middle)), torch.maximum(high, middle))
        shift = (torch.rand(3, generator=generator) * 2 - 1) * SHIFT * (2 * half + spacing)
        if self.plane is not None:
            axis = 2 - self.plane
            center[axis], shift[axis] = mark[axis], 0.0
        # A mark near the edge of its patch must not be shifted out of it.
        return torch.minimum(torch.maximum(center + shift, mark - 0.8 * half), mark + 0.8 * half)


def sample_patch(maps: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """Values (n, F) of maps (1, F, D, H, W) at places (n, 3) of a patch; beyond its outermost voxels the nearest value holds."""
    where = places.to(maps.device, maps.dtype)[None, None, None]
    return torch.nn.functional.grid_sample(maps, where, mode="bilinear", padding_mode="border", align_corners=True)[0, :, 0, 0].T


def turned_axes(generator: torch.Generator, plane: int | None = None) -> torch.Tensor:
    """A random turn and stretch of R, A, S, (3, 3); within the slices alone if `plane` is their axis."""
    angles = (torch.rand(3, generator=generator) * 2 - 1) * TURN
    stretch = 1.0 + (torch.rand(3, generator=generator) * 2 - 1) * STRETCH
    if plane is not None:
        across = 2 - plane
        angles[[axis for axis in range(3) if axis != across]] = 0.0
        stretch[across] = 1.0
    turned = torch.diag(stretch)
    for axis in range(3):
        first, second = (other for other in range(3) if other != axis)
        turn = torch.eye(3)
        turn[first, first] = turn[second, second] = torch.cos(angles[axis])
        turn[first, second], turn[second, first] = -torch.sin(angles[axis]), torch.sin(angles[axis])
        turned = turn @ turned
    return turned


def shaded(patch: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """A patch, (1, C, D, H, W), as another scanner might have shown it: contrast, brightness, bias field and noise.

    Ranges are those of `features/variants.py`.
    """
    size = patch.shape[2:]
    coarse = (torch.rand((1, 1, *(min(4, length) for length in size)), generator=generator) * 2 - 1) * 0.2
    bias = torch.nn.functional.interpolate(coarse, size=tuple(size), mode="trilinear", align_corners=True)
    per_map = (1, patch.shape[1], 1, 1, 1)
    gamma = torch.exp((torch.rand(per_map, generator=generator) * 2 - 1) * math.log(1.4))
    gain = 1.0 + (torch.rand(per_map, generator=generator) * 2 - 1) * 0.15
    strength = torch.rand(per_map, generator=generator) * 0.03
    noise = torch.randn(patch.shape, generator=generator) * strength
    device = patch.device
    return patch.sign() * patch.abs() ** gamma.to(device) * (gain * (1.0 + bias)).to(device) + noise.to(device)


def _grid_of(size: tuple[int, int, int]) -> torch.Tensor:
    """Voxel centers of a patch along R, A, S, relative to its middle, (P, 3), in array order."""
    axes = [torch.arange(length, dtype=torch.float32) - (length - 1) / 2 for length in size]
    k, j, i = torch.meshgrid(*axes, indexing="ij")
    return torch.stack([i.reshape(-1), j.reshape(-1), k.reshape(-1)], dim=1)
