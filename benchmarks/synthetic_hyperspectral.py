"""A synthetic hyperspectral set: no camera took these images. 107 leaves in four groups, 64 bands, some classes never taught.

What makes such images hard is imitated: spectra alike within a group, light that falls off, shadows, highlights, noise that
grows toward the ends of the spectrum, each image with a few of the classes in places of its own. Location tells nothing.
Everything is drawn from one seed, and the same seed gives the same set.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import ndimage

from semseg_core.data.volume import Volume
from semseg_core.geometry import Grid
from semseg_core.labels.tree import Label, LabelTree

BANDS, SIZE = 64, 128
FIRST_NM, LAST_NM = 500.0, 1000.0

EQUIPMENT, ABNORMAL, NORMAL, VASCULAR = "surgical equipment", "abnormal tissue", "normal tissue", "vascular"
GROUPS = {EQUIPMENT: (24, 6), ABNORMAL: (22, 5), NORMAL: (39, 8), VASCULAR: (22, 5)}
"""Leaves and families of each group; 107 leaves in all."""

SHOWN = {EQUIPMENT: 3, ABNORMAL: 4, NORMAL: 9, VASCULAR: 4}
"""Classes of each group in one image."""

UNTAUGHT_SHARE = 0.15
"""Share of the leaves that are never taught; about as many of those shown in an image."""

SPREADS = (0.35, 0.16, 0.07)
"""Deviation of the log-reflectance of groups, of families within a group, of leaves within a family."""

NOISE, TEXTURE = 0.02, 0.03
"""Deviation of the noise of a band in the middle of the spectrum (three times as much at its ends) and of the tissue's own."""


@dataclass(frozen=True, eq=False)
class SyntheticImage:
    """One image and its truth.

    Args:
        volume: 64 channels, one slice.
        label_ids: Of every pixel, (1, 128, 128) int32, untaught classes included.
        untaught: Where a class is shown that nobody teaches, (1, 128, 128) bool.
    """

    volume: Volume
    label_ids: np.ndarray
    untaught: np.ndarray


@dataclass(frozen=True)
class SyntheticSet:
    """All images of a seed: they share the tree, the spectra and the classes that are never taught."""

    seed: int = 0

    @cached_property
    def tree(self) -> LabelTree:
        """Root, 4 groups, 24 families, 107 leaves."""
        labels = [Label(1, "synthetic surgical scene", 1)]

        def add(name: str, parent: int) -> int:
            labels.append(Label(len(labels) + 1, name, len(labels) + 1, parent=parent))
            return len(labels)

        for group, (leaves, families) in GROUPS.items():
            group_id = add(group, 1)
            for family, members in enumerate(np.array_split(np.arange(leaves), families), 1):
                family_id = add(f"{group} {family}", group_id)
                for member in range(1, len(members) + 1):
                    add(f"{group} {family}.{member}", family_id)
        return LabelTree(tuple(labels), title="synthetic surgical scene, 107 classes")

    @cached_property
    def spectra(self) -> np.ndarray:
        """Reflectance of every leaf, (107, 64): a product of smooth deviations of its group, its family and itself."""
        rng = np.random.default_rng((self.seed, 1))
        logarithms = {1: np.full(BANDS, np.log(0.4))}
        for label in list(self.tree)[1:]:
            deviation = SPREADS[self.tree.depth(label.id) - 1]
            logarithms[label.id] = logarithms[label.parent] + deviation * _smooth_curve(rng)
        return np.exp([logarithms[leaf.id] for leaf in self.tree.leaves])

    @cached_property
    def untaught_ids(self) -> frozenset[int]:
        """Leaves that nobody teaches, some of every group."""
        rng = np.random.default_rng((self.seed, 2))
        chosen: set[int] = set()
        for group in self.tree.children(self.tree.root.id):
            start, stop = self.tree.leaf_range(group.id)
            ids = [leaf.id for leaf in self.tree.leaves[start:stop]]
            chosen.update(rng.choice(ids, round(UNTAUGHT_SHARE * len(ids)), replace=False).tolist())
        return frozenset(chosen)

    def image(self, number: int) -> SyntheticImage:
        """One of as many images as wanted."""
        rng = np.random.default_rng((self.seed, 3, number))
        leaves = self._layout(rng)
        ids = np.array([leaf.id for leaf in self.tree.leaves], dtype=np.int32)[leaves]
        array = self._photograph(leaves, rng)
        grid = Grid((1, SIZE, SIZE), np.eye(4))
        wavelengths = np.linspace(FIRST_NM, LAST_NM, BANDS)
        volume = Volume(array[:, None], grid, tuple(f"{wavelength:.0f} nm" for wavelength in wavelengths))
        return SyntheticImage(volume, ids[None], np.isin(ids, list(self.untaught_ids))[None])

    def _layout(self, rng: np.random.Generator) -> np.ndarray:
        """Leaf index of every pixel, (128, 128): blobs of tissue, vessels over them, instruments on top."""
        shown = {group: self._drawn(group, count, rng) for group, count in SHOWN.items()}
        tissue = np.concatenate([shown[NORMAL], shown[ABNORMAL]])
        # A class with a fainter field gets a smaller part of the image.
        heights = np.stack([rng.uniform(0.8, 1.2) * _field(10.0, rng) for _ in tissue])
        leaves = tissue[heights.argmax(axis=0)]
        for leaf in shown[VASCULAR]:
            for _ in range(2):
                leaves[_vessel(rng)] = leaf
        for leaf in shown[EQUIPMENT]:
            leaves[_rod(rng)] = leaf
        return leaves

    def _drawn(self, group: str, count: int, rng: np.random.Generator) -> np.ndarray:
        """Leaf indices of one group: one untaught, the others taught."""
        start, stop = self.tree.leaf_range(self.tree.by_path[f"/{self.tree.root.name}/{group}"].id)
        untaught = np.array([leaf.id in self.untaught_ids for leaf in self.tree.leaves[start:stop]])
        numbers = np.arange(start, stop)
        taught = rng.choice(numbers[~untaught], count - 1, replace=False)
        return np.concatenate([taught, rng.choice(numbers[untaught], 1)])

    def _photograph(self, leaves: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """What a camera would show, (64, 128, 128) float32 in units of a white reference."""
        clean = self.spectra[leaves].transpose(2, 0, 1)
        mixed = (np.stack([_smooth_curve(rng) for _ in range(4)]).T @ _fields(4, rng)).reshape(clean.shape)
        texture = 1.0 + TEXTURE * (_field(1.5, rng) + mixed)
        light = 0.9 + 0.3 * _field(40.0, rng)
        shadow = 1.0 - 0.5 * (_field(12.0, rng) > 1.5)
        pixels = clean * texture * np.clip(light * ndimage.gaussian_filter(shadow, 2.0), 0.2, None)
        highlights = ndimage.gaussian_filter((rng.random((SIZE, SIZE)) < 0.002).astype(float), 1.2)
        pixels = pixels + 8.0 * highlights * rng.uniform(0.5, 1.0)
        # A sensor has least light at both ends of the spectrum.
        noise = NOISE * (1.0 + 2.0 * np.linspace(-1.0, 1.0, BANDS) ** 2)
        pixels = pixels + rng.normal(size=pixels.shape) * noise[:, None, None] * np.sqrt(np.clip(pixels, 0.05, None))
        return np.clip(pixels, 0.0, 1.2).astype(np.float32)  # the sensor is full at 1.2


def _smooth_curve(rng: np.random.Generator) -> np.ndarray:
    """A smooth random function of wavelength, (64,), with mean 0 and deviation 1."""
    wide = ndimage.gaussian_filter1d(rng.normal(size=3 * BANDS), 6.0)[BANDS : 2 * BANDS]
    return (wide - wide.mean()) / wide.std()


def _field(size_px: float, rng: np.random.Generator) -> np.ndarray:
    """A smooth random image, (128, 128), with mean 0 and deviation 1."""
    field = ndimage.gaussian_filter(rng.normal(size=(SIZE, SIZE)), size_px, mode="wrap")
    return (field - field.mean()) / field.std()


def _fields(count: int, rng: np.random.Generator) -> np.ndarray:
    """Several such images, (count, 128 · 128), shaped so that a matrix of curves can mix them."""
    return np.stack([_field(4.0, rng).ravel() for _ in range(count)])


def _vessel(rng: np.random.Generator) -> np.ndarray:
    """A winding line across the image, 2 to 5 pixels wide, (128, 128) bool."""
    heading, place = rng.uniform(0.0, 2.0 * np.pi), rng.uniform(0.2, 0.8, 2) * SIZE
    drawn = np.zeros((SIZE, SIZE), dtype=bool)
    for _ in range(2 * SIZE):
        row, column = np.floor(place).astype(int)
        if not (0 <= row < SIZE and 0 <= column < SIZE):
            break
        drawn[row, column] = True
        heading += rng.normal(0.0, 0.12)
        place = place + 0.7 * np.array([np.sin(heading), np.cos(heading)])
    return ndimage.binary_dilation(drawn, iterations=int(rng.integers(1, 3)))


def _rod(rng: np.random.Generator) -> np.ndarray:
    """A straight instrument that comes in from outside, 6 to 14 pixels wide, (128, 128) bool."""
    rows, columns = np.indices((SIZE, SIZE)) - rng.uniform(0.25, 0.75, 2)[:, None, None] * SIZE
    angle = rng.uniform(0.0, 2.0 * np.pi)
    along, across = np.cos(angle) * rows + np.sin(angle) * columns, -np.sin(angle) * rows + np.cos(angle) * columns
    return (along > 0.0) & (np.abs(across) < rng.uniform(3.0, 7.0))
