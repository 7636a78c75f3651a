"""Grids: against nibabel's orientation codes, SimpleITK's physical points, and by hand."""

from __future__ import annotations

import itertools

import nibabel
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semseg_core.data.image_files import LPS_RAS, to_sitk
from semseg_core.errors import ShapeError
from semseg_core.geometry import TOLERANCE_MM, Grid


def axes(letters: str, spacing: tuple[float, float, float] = (1.0, 2.0, 3.0)) -> np.ndarray:
    """Affine whose i, j, k run along the given anatomical letters, with spacing along i, j, k."""
    affine = np.eye(4)
    affine[:3, :3] = 0.0
    for column, (letter, size) in enumerate(zip(letters, spacing, strict=True)):
        pair = next(row for row, names in enumerate(("LR", "PA", "IS")) if letter in names)
        affine[pair, column] = size * (1 if letter in "RAS" else -1)
    affine[:3, 3] = (-11.0, 7.5, 40.0)
    return affine


CODES = ["".join(signs) for order in itertools.permutations(("RL", "AP", "SI")) for signs in itertools.product(*order)]


@pytest.mark.parametrize("code", CODES)
def test_the_orientation_is_the_one_nibabel_names(code: str) -> None:
    affine = axes(code)
    assert Grid((4, 5, 6), affine).orientation == code == "".join(nibabel.aff2axcodes(affine))


def test_an_oblique_grid_takes_the_nearest_axes(oblique_grid: Grid) -> None:
    assert oblique_grid.orientation == "RAS"
    assert oblique_grid.spacing_mm == pytest.approx((3.0, 2.0, 1.0))
    assert oblique_grid.voxel_count == 120
    assert oblique_grid.voxel_volume_ml == pytest.approx(0.006)


def test_two_axes_near_the_same_direction_still_get_different_letters() -> None:
    affine = np.eye(4)
    affine[:3, :3] = [[0.8, 0.75, 0.0], [0.6, 0.66, 0.0], [0.0, 0.1, 1.0]]
    assert sorted(Grid((2, 2, 2), affine).orientation) == ["A", "R", "S"]


def test_a_point_lies_where_simpleitk_says(oblique_grid: Grid) -> None:
    image = to_sitk(np.zeros(oblique_grid.shape, dtype=np.uint8), oblique_grid)
    lps = np.array(image.TransformContinuousIndexToPhysicalPoint((5.0, 1.5, 2.0)))
    found = oblique_grid.index_to_ras(np.array([[2.0, 1.5, 5.0]]))[0]
    np.testing.assert_allclose(found, LPS_RAS[:3, :3] @ lps, atol=1e-9)
    # By hand: 30° turn of (5 · 1, 1.5 · 2), then the origin.
    turn = np.deg2rad(30)
    by_hand = (-11 + 5 * np.cos(turn) - 3 * np.sin(turn), 7.5 + 5 * np.sin(turn) + 3 * np.cos(turn), 46.0)
    np.testing.assert_allclose(found, by_hand, atol=1e-12)


@given(
    st.lists(st.floats(-50, 50), min_size=3, max_size=3),
    st.sampled_from(CODES),
    st.tuples(*[st.floats(0.05, 10)] * 3),
)
def test_indices_survive_the_way_to_ras_and_back(index: list[float], code: str, spacing: tuple[float, float, float]) -> None:
    grid = Grid((4, 5, 6), axes(code, spacing))
    np.testing.assert_allclose(grid.ras_to_index(grid.index_to_ras(np.array([index]))), [index], atol=1e-7)


def test_grids_are_the_same_within_the_tolerance_of_file_headers(oblique_grid: Grid) -> None:
    stored = Grid(oblique_grid.shape, oblique_grid.ijk_to_ras.astype(np.float32))
    assert oblique_grid.same_as(stored)
    for shift, same in ((0.9 * TOLERANCE_MM, True), (1.1 * TOLERANCE_MM, False)):
        moved = oblique_grid.ijk_to_ras.copy()
        moved[0, 3] += shift
        assert oblique_grid.same_as(Grid(oblique_grid.shape, moved)) is same
    assert not oblique_grid.same_as(Grid((4, 5, 7), oblique_grid.ijk_to_ras))


def test_a_small_turn_shows_at_the_far_corner(oblique_grid: Grid) -> None:
    turned = oblique_grid.ijk_to_ras.copy()
    turned[:3, 0] *= 1.001
    assert not oblique_grid.same_as(Grid(oblique_grid.shape, turned))


def test_a_mismatch_names_both_sides_and_the_difference(oblique_grid: Grid) -> None:
    oblique_grid.require_same(oblique_grid, "scribbles a", "image b")
    with pytest.raises(ShapeError, match=r"scribbles a does not lie on the grid of image b: \(6, 5, 4\) voxels .* \(7, 5, 4\)"):
        oblique_grid.require_same(Grid((4, 5, 7), oblique_grid.ijk_to_ras), "scribbles a", "image b")
    moved = oblique_grid.ijk_to_ras.copy()
    moved[2, 3] += 2.0
    with pytest.raises(ShapeError, match="corners up to 2 mm apart; resample"):
        oblique_grid.require_same(Grid(oblique_grid.shape, moved), "scribbles a", "image b")


@pytest.mark.parametrize(
    ("shape", "affine", "words"),
    [
        ((4, 5), np.eye(4), "three positive sizes"),
        ((4, 0, 5), np.eye(4), "three positive sizes"),
        ((4, 5, 6), np.eye(3), "4×4 affine"),
        ((4, 5, 6), np.diag((1, np.nan, 1, 1)), "finite"),
        ((4, 5, 6), np.diag((1, 0, 1, 1)), "not invertible"),
        ((4, 5, 6), np.diag((1, 1, 1, 2)), "not invertible"),
        ((4, 5, 6), [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]], "not invertible"),
    ],
)
def test_an_impossible_grid_is_refused(shape: tuple, affine: np.ndarray, words: str) -> None:
    with pytest.raises(ShapeError, match=words):
        Grid(shape, affine)


def test_voxels_of_a_microscope_are_no_zero_spacing() -> None:
    grid = Grid((2, 2, 2), np.diag((3e-5, 2e-4, 2e-4, 1.0)))
    assert grid.spacing_mm == pytest.approx((2e-4, 2e-4, 3e-5))


def test_a_grid_cannot_be_changed_afterwards() -> None:
    affine = np.eye(4)
    grid = Grid((2, 2, 2), affine)
    affine[0, 3] = 5.0
    assert grid.ijk_to_ras[0, 3] == 0.0
    with pytest.raises(ValueError, match="read-only"):
        grid.ijk_to_ras[0, 3] = 1.0


def test_a_grid_prints_what_a_person_asks_for(oblique_grid: Grid) -> None:
    assert repr(oblique_grid) == "Grid(6 × 5 × 4 voxels (i, j, k), 1 × 2 × 3 mm, RAS)"
