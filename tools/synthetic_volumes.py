"""Random anatomies and random images of them, which owe nothing to anyone's data: what the start model learns from.

An anatomy is a label map of nested bodies, folds, sheets, tubes and blobs, often with two halves alike; an image of it has
random contrast, texture, sharpness, resolution, shading and noise.

Source:
    Billot et al. 2023, SynthSeg (random contrast of given label maps); Dey et al. 2024, Learning General-Purpose Biomedical
    Volume Representations using Randomized Synthesis (random label maps too, and two contrasts of one for contrast).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt, gaussian_filter

from semseg_core.data.intensity import IntensityRule

AIR = 0
"""The region outside the body, where there is one."""

REACH = 6.0
"""Voxels up to which distances are told apart: what a body that halves four times can see to its full resolution."""

TARGETS = (
    *("border nearness", "on border"),
    *(f"to border {axis}" for axis in "DHW"),
    *(f"within region {axis}" for axis in "DHW"),
    *("region size", "region thickness", "from air", "value", "value across"),
)
"""What is true of a voxel and can be seen from its surroundings only, in the order of `Anatomy.targets`."""


@dataclass(frozen=True, eq=False)
class Anatomy:
    """A label map.

    Args:
        regions: (D, H, W) int64, 0 is air; the two halves of a mirrored region have numbers of their own.
        tissues: Tissue of each region, (R,) int64; mirrored regions share one.
    """

    regions: np.ndarray
    tissues: np.ndarray


@dataclass(frozen=True, eq=False)
class View:
    """An image of an anatomy.

    Args:
        image: (D, H, W) float32, scaled as the library scales images.
        clean: The same without texture, shading and noise.
    """

    image: np.ndarray
    clean: np.ndarray


def draw_anatomy(generator: np.random.Generator, size: int) -> Anatomy:
    """A random label map of size³ voxels; for 32³ it takes about 10 ms."""
    mirrored = generator.random() < 0.5
    shape = (size, size, size // 2 if mirrored else size)
    labels = _Labels(generator, shape, mirrored)
    labels.divide()
    radius = labels.radius()
    limit = labels.fold(radius) if generator.random() < 0.6 else generator.uniform(0.6, 0.85)
    labels.place_bodies()
    if generator.random() < 0.8:
        labels.enclose(radius, limit)
    whole = _mirror(generator, labels) if mirrored else labels.regions
    warped = _warp(generator, whole)
    present, regions = np.unique(warped.numpy().astype(np.int64), return_inverse=True)
    if present[0] != AIR:  # region 0 is air even where there is none
        present, regions = np.r_[AIR, present], regions + 1
    _, tissues = np.unique(present % labels.count, return_inverse=True)
    return Anatomy(regions.reshape((size,) * 3), tissues)


def draw_views(generator: np.random.Generator, anatomy: Anatomy) -> tuple[View, View]:
    """Two images of an anatomy: mostly in similar contrast, as of one protocol, sometimes in two that have nothing in common."""
    means = _draw_means(generator, anatomy)
    if generator.random() < 0.7:
        others = np.abs(means + generator.normal(0.0, 0.08, len(means)))
    else:
        others = _draw_means(generator, anatomy)
    return draw_view(generator, anatomy, means), draw_view(generator, anatomy, others)


def _draw_means(generator: np.random.Generator, anatomy: Anatomy) -> np.ndarray:
    """Brightness of each tissue, 0…1."""
    count = int(anatomy.tissues.max()) + 1
    means = generator.random(count)
    if generator.random() < 0.3:  # few tones, so that regions differ by place and shape alone
        means = generator.choice(generator.random(generator.integers(3, 7)), count)
    means[AIR] = 0.0 if generator.random() < 0.8 else generator.uniform(0.0, 0.5)
    return means


def draw_view(generator: np.random.Generator, anatomy: Anatomy, means: np.ndarray) -> View:
    """A random image of an anatomy; for 32³ it takes about 10 ms.

    Args:
        generator: Draws everything but the contrast.
        anatomy: The label map.
        means: Brightness of each tissue.
    """
    shape = anatomy.regions.shape
    count = len(means)
    blur = generator.uniform(0.3, 1.1)
    clean = gaussian_filter(means[anatomy.tissues][anatomy.regions].astype(np.float32), blur, truncate=3.0)
    deviations = np.abs(generator.normal(0.0, 0.06, count)).astype(np.float32)
    texture, shading = (_fields(generator, 1, shape, int(generator.integers(*cells)))[0].numpy() for cells in ((8, 17), (2, 5)))
    image = clean + texture * deviations[anatomy.tissues][anatomy.regions]
    image = image * np.exp(np.float32(generator.uniform(0.0, 0.4)) * shading)
    if generator.random() < 0.4:
        image = _coarsened(generator, image)
    sigma = float(np.abs(generator.normal(0.0, 0.05)))
    image = image + sigma * generator.standard_normal(shape, dtype=np.float32)
    if generator.random() < 0.5:  # magnitudes of complex noise, as MR has them
        image = np.hypot(image, sigma * generator.standard_normal(shape, dtype=np.float32))
    if generator.random() < 0.3:  # what was cut away is exactly 0
        image[anatomy.regions == AIR] = 0.0
    power = float(np.exp(generator.normal(0.0, 0.25)))
    image, clean = (np.clip(array, 0.0, None) ** power for array in (image, clean))
    return _scaled(generator, image, clean)


def targets(anatomy: Anatomy, views: tuple[View, ...], places: np.ndarray) -> np.ndarray:
    """What is true of voxels, each about -1…1; for 32³ voxels and two views it takes about 15 ms.

    Args:
        anatomy: The label map.
        views: Images of it.
        places: Positions in the flattened volume, (N,) int64.

    Returns:
        (len(views), N, len(TARGETS)) float32.
    """
    regions = anatomy.regions
    count = len(anatomy.tissues)
    distances, nearest = distance_transform_edt(~_borders(regions), return_indices=True)
    index = np.stack(np.unravel_index(places, regions.shape), axis=1).astype(np.float32)
    labels = regions.ravel()
    volumes = np.maximum(np.bincount(labels, minlength=count), 1)
    axes = [axis.ravel() for axis in np.indices(regions.shape, dtype=np.float32)]
    centers = np.stack([np.bincount(labels, axis, count) for axis in axes], axis=1) / volumes[:, None]
    squares = np.stack([np.bincount(labels, axis * axis, count) for axis in axes], axis=1) / volumes[:, None]
    extents = np.sqrt(np.maximum(squares - centers**2, 0.0)) + 1.0
    thickness = np.zeros(count)
    np.maximum.at(thickness, labels, distances.ravel())
    distance = distances.ravel()[places]
    mine = labels[places]
    to_border = nearest.reshape(3, -1)[:, places].T - index
    direction = to_border / np.maximum(distance, 1e-6)[:, None]
    beyond = np.clip(np.rint(index + to_border + 2.0 * direction), 0, np.array(regions.shape) - 1).astype(np.int64)
    from_air = distance_transform_edt(regions != AIR) if (regions == AIR).any() else np.full(regions.shape, 2 * REACH)
    seen = (
        np.exp(-distance / 2.0),
        distance <= 0.5,
        *(np.clip(to_border, -REACH, REACH) / REACH).T,
        *(np.clip((index - centers[mine]) / extents[mine], -2.0, 2.0) / 2.0).T,
        np.log(volumes[mine] / labels.size) / 6.0 + 0.5,
        np.minimum(thickness[mine], REACH) / REACH,
        np.minimum(from_air.ravel()[places], 2 * REACH) / (2 * REACH),
    )
    return np.stack(
        [np.stack((*seen, view.clean.ravel()[places], view.clean[tuple(beyond.T)]), axis=1) for view in views]
    ).astype(np.float32)


def draw_places(generator: np.random.Generator, anatomy: Anatomy, count: int) -> np.ndarray:
    """Positions in the flattened volume, (count,) int64: small regions more often than their size asks for, air less often."""
    labels = anatomy.regions.ravel()
    weights = 1.0 / np.sqrt(np.maximum(np.bincount(labels, minlength=len(anatomy.tissues)), 1))
    weights[AIR] *= 0.2
    sums = np.cumsum(weights[labels])
    return np.minimum(np.searchsorted(sums, generator.random(count) * sums[-1]), labels.size - 1)


class _Labels:
    """A label map in the making, of one half where the other is to be alike."""

    def __init__(self, generator: np.random.Generator, shape: tuple[int, int, int], mirrored: bool) -> None:
        self.generator = generator
        self.shape = shape
        axes = [torch.linspace(-1.0, 1.0, length) for length in shape]
        if mirrored:
            axes[2] = torch.linspace(-1.0, 0.0, shape[2])
        self.axes = torch.meshgrid(*axes, indexing="ij")
        self.regions = torch.ones(shape, dtype=torch.int64)
        self.count = 1
        self.central = {AIR}
        """Regions that are not divided at the mirror."""

    def new(self, many: int = 1) -> int:
        """The first of so many new numbers."""
        first = self.count
        self.count += many
        return first

    def divide(self) -> None:
        """Fill space with cells, and some cells with smaller ones."""
        many = int(self.generator.integers(2, 11))
        fields = _fields(self.generator, many, self.shape, int(self.generator.integers(2, 7)))
        self.regions = fields.argmax(0) + self.new(many)
        if self.generator.random() < 0.7:
            parts = int(self.generator.integers(2, 5))
            part = _fields(self.generator, parts, self.shape, int(self.generator.integers(4, 10))).argmax(0)
            divided = torch.as_tensor(self.generator.random(self.count) < 0.5)[self.regions]
            first = self.new(parts * self.count)
            self.regions = torch.where(divided, first + self.regions * parts + part, self.regions)

    def radius(self) -> torch.Tensor:
        """0 at a middle, about 1 at the sides, of uneven bodies."""
        middle = self.generator.uniform(-0.25, 0.25, 3) * (1.0, 1.0, 0.0)
        axes = self.generator.uniform(0.75, 1.25, 3)
        squares = sum(((place - shift) / length) ** 2 for place, shift, length in zip(self.axes, middle, axes, strict=True))
        uneven = _fields(self.generator, 1, self.shape, int(self.generator.integers(3, 6)))[0]
        return torch.sqrt(squares) + self.generator.uniform(0.0, 0.12) * uneven

    def fold(self, radius: torch.Tensor) -> float:
        """A folded sheet around the inner regions with something else in its furrows; returns how far it reaches."""
        inner = self.generator.uniform(0.35, 0.65)
        depth = self.generator.uniform(0.08, 0.3)
        folded = radius + depth * _fields(self.generator, 1, self.shape, int(self.generator.integers(7, 13)))[0]
        thickness = self.generator.uniform(0.08, 0.25)
        self.regions[folded > inner] = self.new()
        self.regions[folded > inner + thickness] = self.new()
        return min(inner + thickness + 0.5 * depth, 0.9)

    def place_bodies(self) -> None:
        """Ellipsoids, tubes and sheets over what is there."""
        for _ in range(self.generator.integers(0, 9)):
            middle = self.generator.uniform(-0.8, 0.8, 3)
            axes = self.generator.uniform(0.08, 0.35, 3)
            squares = sum(((place - shift) / length) ** 2 for place, shift, length in zip(self.axes, middle, axes, strict=True))
            self.regions[squares < 1.0] = self.new()
        for _ in range(self.generator.integers(0, 3)):  # two surfaces meet in a curve
            first, second = _fields(self.generator, 2, self.shape, int(self.generator.integers(3, 6)))
            self.regions[first**2 + second**2 < self.generator.uniform(0.15, 0.35) ** 2] = self.new()
        if self.generator.random() < 0.3:
            surface = _fields(self.generator, 1, self.shape, int(self.generator.integers(3, 7)))[0]
            self.regions[surface.abs() < self.generator.uniform(0.08, 0.25)] = self.new()

    def enclose(self, radius: torch.Tensor, limit: float) -> None:
        """Shells around everything, and air around them."""
        for _ in range(self.generator.integers(0, 4)):
            shell = self.new()
            self.central.add(shell)
            self.regions[radius > limit] = shell
            limit += self.generator.uniform(0.05, 0.2)
        self.regions[radius > limit] = AIR


def _mirror(generator: np.random.Generator, labels: _Labels) -> torch.Tensor:
    """Both halves; most regions get another number on the other side, which keeps their tissue: number modulo count."""
    central = generator.random(labels.count) < 0.3
    central[list(labels.central)] = True
    other = torch.where(torch.as_tensor(central)[labels.regions], labels.regions, labels.regions + labels.count)
    return torch.cat([labels.regions, other.flip(2)], dim=2)


def _warp(generator: np.random.Generator, regions: torch.Tensor) -> torch.Tensor:
    """The label map turned, scaled, moved and bent, its axes in any order."""
    regions = regions.permute(*generator.permutation(3).tolist()).to(torch.float32)
    turn, _ = np.linalg.qr(np.eye(3) + generator.normal(0.0, 0.15, (3, 3)))
    turn *= np.sign(np.diag(turn))  # a small turn, no mirror
    matrix = np.c_[turn * generator.uniform(0.55, 1.1, 3), generator.uniform(-0.3, 0.3, 3)]
    places = torch.nn.functional.affine_grid(torch.as_tensor(matrix[None], dtype=torch.float32), (1, 1, *regions.shape), False)
    bent = _fields(generator, 3, regions.shape, int(generator.integers(3, 6))).permute(1, 2, 3, 0)
    places = places + generator.uniform(0.0, 0.08) * bent[None]
    return torch.nn.functional.grid_sample(regions[None, None], places, "nearest", "reflection", align_corners=False)[0, 0]


def _fields(generator: np.random.Generator, count: int, shape: tuple[int, ...], size: int) -> torch.Tensor:
    """Smooth random fields, (count, D, H, W), of deviation about 1: noise on `size` cells along the longest axis."""
    cells = [max(2, round(size * length / max(shape))) for length in shape]
    noise = torch.as_tensor(generator.standard_normal((1, count, *cells), dtype=np.float32))
    return torch.nn.functional.interpolate(noise, tuple(shape), mode="trilinear", align_corners=True)[0] * 1.5


def _coarsened(generator: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """As if measured in thick slices along one axis, or in larger voxels."""
    factors = np.ones(3)
    factors[generator.permutation(3)[: generator.choice((1, 3))]] = generator.uniform(1.3, 3.0)
    small = [max(4, round(length / factor)) for length, factor in zip(image.shape, factors, strict=True)]
    whole = torch.as_tensor(image)[None, None]
    coarse = torch.nn.functional.adaptive_avg_pool3d(whole, small)
    return torch.nn.functional.interpolate(coarse, image.shape, mode="trilinear", align_corners=False)[0, 0].numpy()


def _scaled(generator: np.random.Generator, image: np.ndarray, clean: np.ndarray) -> View:
    """As the library scales images; with some freedom, because the rest of the body lies outside of this crop."""
    low = float(np.percentile(image, 1.0))
    high = max(float(np.percentile(image, 99.0)), low + 1e-3)
    if generator.random() < 0.1:  # a narrow window, as of soft tissue in CT
        low, high = np.sort(np.quantile(image, generator.uniform(0.05, 0.95, 2))) + (0.0, 1e-2)
    rule = IntensityRule("", "window", low, high)
    gain, offset = generator.uniform(0.7, 1.2), generator.uniform(-0.05, 0.1)
    return View(*(np.clip(rule.apply(array) * np.float32(gain) + np.float32(offset), -0.5, 2.0) for array in (image, clean)))


def _borders(regions: np.ndarray) -> np.ndarray:
    """Voxels with another region next to them."""
    found = np.zeros(regions.shape, dtype=bool)
    for axis in range(3):
        differ = np.diff(regions, axis=axis) != 0
        first, second = ([slice(None)] * 3 for _ in range(2))
        first[axis], second[axis] = slice(None, -1), slice(1, None)
        found[tuple(first)] |= differ
        found[tuple(second)] |= differ
    if not found.any():
        found[0, 0, 0] = True  # a distance needs something to be measured from
    return found
