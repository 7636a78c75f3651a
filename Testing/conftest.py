"""Fixtures for all tiers: small trees, a rotated volume grid, and the folder of real volumes where there is one."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from semseg_core.data.volume import Volume
from semseg_core.geometry import Grid
from semseg_core.labels.tree import Label, LabelTree
from semseg_core.sparse.scribbles import SparseLabels


@pytest.fixture
def brain_tree() -> LabelTree:
    """Six labels, ragged: brain → (left → (cortex, white matter), right, fluid)."""
    return LabelTree(
        (
            Label(1, "brain", 10),
            Label(2, "left", 20, parent=1),
            Label(3, "cortex", 3, parent=2, color=(0.9, 0.6, 0.5)),
            Label(4, "white matter", 4, parent=2, color=(0.9, 0.9, 0.8)),
            Label(5, "right", 5, parent=1),
            Label(6, "fluid", 6, parent=1, color=(0.2, 0.4, 0.9)),
        ),
        title="six labels",
    )


@pytest.fixture
def weighted_tree() -> LabelTree:
    """The ragged tree with edge lengths whose distances, losses and metrics were worked out by hand; leaves x1 x2 x3 y1 y2."""
    return LabelTree(
        (
            Label(1, "root", 1),
            Label(2, "X", 2, parent=1, length=1.0),
            Label(3, "x1", 3, parent=2, length=0.5),
            Label(4, "XX", 4, parent=2, length=0.4),
            Label(5, "x2", 5, parent=4, length=0.2),
            Label(6, "x3", 6, parent=4, length=0.3),
            Label(7, "Y", 7, parent=1, length=0.7),
            Label(8, "y1", 8, parent=7, length=0.25),
            Label(9, "y2", 9, parent=7, length=0.15),
        ),
        title="weighted",
    )


@pytest.fixture
def oblique_grid() -> Grid:
    """4 × 5 × 6 voxels (k, j, i), spacing 3 × 2 × 1 mm, turned by 30° about S, origin off zero."""
    turn = np.deg2rad(30.0)
    rotation = np.array([[np.cos(turn), -np.sin(turn), 0.0], [np.sin(turn), np.cos(turn), 0.0], [0.0, 0.0, 1.0]])
    affine = np.eye(4)
    affine[:3, :3] = rotation @ np.diag((1.0, 2.0, 3.0))
    affine[:3, 3] = (-11.0, 7.5, 40.0)
    return Grid((4, 5, 6), affine)


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real volumes named by SEMANTICSEG_TEST_DATA; tests that need it are skipped where it is unset."""
    folder = os.environ.get("SEMANTICSEG_TEST_DATA")
    if not folder:
        pytest.skip("SEMANTICSEG_TEST_DATA is not set: real volumes are not here")
    return Path(folder)


@dataclass(frozen=True)
class Phantom:
    """A generated head: image, tree, dense truth and scribbles on a few slices."""

    volume: Volume
    tree: LabelTree
    truth: np.ndarray
    marks: SparseLabels


@pytest.fixture(scope="session")
def phantom() -> Phantom:
    """28 × 36 × 32 voxels of 3 × 2.5 × 2.5 mm, stored as LPS: left and right half, each with core and shell, in noisy air."""
    rng = np.random.default_rng(7)
    shape = (28, 36, 32)
    k, j, i = np.meshgrid(*(np.linspace(-1, 1, size) for size in shape), indexing="ij")
    radius = np.sqrt((k / 0.8) ** 2 + (j / 0.85) ** 2 + (i / 0.75) ** 2)
    tree = LabelTree(
        (
            Label(1, "head", 9),
            Label(2, "left", 8, parent=1),
            Label(3, "left core", 1, parent=2, color=(0.9, 0.3, 0.2)),
            Label(4, "left shell", 2, parent=2, color=(0.9, 0.7, 0.2)),
            Label(5, "right", 7, parent=1),
            Label(6, "right core", 3, parent=5, color=(0.2, 0.3, 0.9)),
            Label(7, "right shell", 4, parent=5, color=(0.2, 0.7, 0.9)),
        ),
        title="phantom",
    )
    # Stored as LPS: a growing i runs to the patient's left.
    truth = np.where(i > 0, np.where(radius < 0.55, 3, 4), np.where(radius < 0.55, 6, 7)) * (radius < 1.0)
    image = np.select([radius < 0.55, radius < 1.0], [200.0, 110.0], 5.0) + rng.normal(0.0, 6.0, shape)
    affine = np.diag((-2.5, -2.5, 3.0, 1.0))
    affine[:3, 3] = (40.0, 45.0, -42.0)
    grid = Grid(shape, affine)
    drawn = np.zeros(shape, dtype=bool)
    drawn[[8, 14, 19]] = rng.random((3, *shape[1:])) < 0.25
    drawn[:, [12, 24]] |= rng.random((shape[0], 2, shape[2])) < 0.25
    indices = np.argwhere(drawn & (truth > 0))
    return Phantom(
        volume=Volume(image[None].astype(np.float32), grid, ("image",)),
        tree=tree,
        truth=truth.astype(np.int32),
        marks=SparseLabels(grid, indices, truth[tuple(indices.T)]),
    )
