"""Slices show the patient as a radiologist expects, whatever way the voxels run."""

from __future__ import annotations

import numpy as np
import pytest

from semseg_core.geometry import Grid
from semseg_core.sparse.scribbles import SparseLabels

SIDES = {"R": (0, 1), "L": (0, -1), "A": (1, 1), "P": (1, -1), "S": (2, 1), "I": (2, -1)}
"""RAS axis and sign of each side of the patient."""


def grid_of(kind: str) -> Grid:
    turn = np.deg2rad(25.0)
    rotation = np.array([[np.cos(turn), -np.sin(turn), 0.0], [np.sin(turn), np.cos(turn), 0.0], [0.0, 0.0, 1.0]])
    directions = {
        "RAS": np.eye(3),
        "LPS": np.diag((-1.0, -1.0, 1.0)),
        "sagittal stack": np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]),
        "oblique": rotation,
    }
    affine = np.eye(4)
    affine[:3, :3] = directions[kind] @ np.diag((2.0, 3.0, 4.0))
    shape = (30, 40, 60)
    affine[:3, 3] = -affine[:3, :3] @ (np.array(shape[::-1]) - 1) / 2
    return Grid(shape, affine)


def ras_of(grid: Grid) -> np.ndarray:
    """RAS coordinates of every voxel, (D, H, W, 3)."""
    return grid.index_to_ras(np.argwhere(np.ones(grid.shape, dtype=bool))).reshape(*grid.shape, 3)


@pytest.fixture(params=["RAS", "LPS", "sagittal stack", "oblique"])
def grid(request) -> Grid:
    return grid_of(request.param)


@pytest.mark.parametrize("view", ["axial", "coronal", "sagittal"])
def test_each_letter_stands_at_its_side_of_the_patient(grid, view):
    from slices import LETTERS, NORMALS, Slice

    shown = Slice(view, np.array([[-20.0] * 3, [20.0] * 3]), 0.0, 0.5)
    ras = ras_of(grid)
    left, right, top, bottom = LETTERS[view]
    for letter, side in ((left, np.s_[:, 0]), (right, np.s_[:, -1]), (top, np.s_[0]), (bottom, np.s_[-1])):
        axis, sign = SIDES[letter]
        coordinate = shown.sample(ras[..., axis], grid, 1)[side]
        np.testing.assert_allclose(coordinate, sign * 19.75, atol=1e-6)
    assert np.abs(shown.sample(ras[..., NORMALS[view]], grid, 1)).max() < 1e-9


def test_pixels_are_square_and_outside_the_image_there_is_nothing(grid):
    from slices import Slice

    box = np.array([[-20.0, -20.0, -10.0], [20.0, 20.0, 1000.0]])
    picture = Slice("coronal", box, 0.0, 1.0).sample(np.ones(grid.shape), grid, 0)
    assert picture.shape == (1010, 40)
    assert np.isnan(picture[:900]).all()
    assert (picture[-20:] == 1).all()


def test_labels_are_never_mixed(grid):
    from slices import Slice

    labels = np.random.default_rng(0).choice([0, 3, 70], grid.shape)
    picture = Slice("axial", np.array([[-15.0] * 3, [15.0] * 3]), 1.0, 0.3).sample(labels, grid, 0)
    assert set(np.unique(picture)) <= {0, 3, 70}


def test_the_slices_shown_are_those_drawn_on():
    from slices import choose_slices

    grid = grid_of("LPS")
    ras = ras_of(grid)
    drawn = np.zeros(grid.shape, dtype=np.int32)
    drawn[20, 10:12, 10:50] = 1
    drawn[20, 15, 10:50] = 2
    marks = SparseLabels(grid, np.argwhere(drawn), drawn[drawn > 0])
    axial, coronal, _ = choose_slices(np.random.default_rng(0).random(grid.shape) + 1, grid, marks)
    assert axial.at_mm == pytest.approx(ras[20, 0, 0, 2])
    assert coronal.at_mm in ras[0, [10, 11, 15], 0, 1]


def test_the_field_of_view_holds_the_head_and_little_air():
    from slices import MARGIN, content_box

    grid = grid_of("LPS")
    ras = ras_of(grid)
    head = (ras / (30.0, 40.0, 50.0)) ** 2
    box = content_box(np.where(head.sum(axis=-1) < 1, 100.0, 0.0), grid)
    size = box[1] - box[0]
    assert size[0] == pytest.approx(size[1])  # all views have one width
    assert size[2] == pytest.approx(100 * (1 + 2 * MARGIN), rel=0.08)
    assert size[1] == pytest.approx(80 + 200 * MARGIN, rel=0.08)


def test_specks_are_smoothed_away_and_shapes_stay():
    from slices import smoothed

    labels = np.zeros((20, 30), dtype=int)
    labels[:, 15:] = 5
    labels[4, 4] = 9
    clean = labels.copy()
    clean[4, 4] = 0
    np.testing.assert_array_equal(smoothed(labels, 1.0), clean)


def test_smoothing_loses_no_label_that_fills_space():
    from slices import smoothed

    labels = np.random.default_rng(0).integers(1, 5, (4, 5, 6)).repeat(6, 0).repeat(6, 1).repeat(6, 2)
    after = smoothed(labels, 1.0)
    assert after.dtype == labels.dtype
    assert (after == labels).mean() > 0.7
    assert set(np.unique(after)) == {1, 2, 3, 4}
