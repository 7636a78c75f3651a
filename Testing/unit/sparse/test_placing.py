from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semseg_core.errors import ShapeError
from semseg_core.geometry import Grid
from semseg_core.sparse.placing import place, place_values
from semseg_core.sparse.scribbles import SparseLabels

TURN = np.deg2rad(30.0)
IMAGE = Grid(
    (4, 5, 6),
    np.array(
        [
            [np.cos(TURN), -2 * np.sin(TURN), 0.0, -11.0],
            [np.sin(TURN), 2 * np.cos(TURN), 0.0, 7.5],
            [0.0, 0.0, 3.0, 40.0],
            [0.0, 0.0, 0.0, 1.0],
        ]
    ),
)


def moved(change: np.ndarray, shape: tuple[int, int, int]) -> Grid:
    """A grid whose `(i, j, k)` are those of the image after `change`, 4×4."""
    return Grid(shape, IMAGE.ijk_to_ras @ change)


@given(
    order=st.permutations([0, 1, 2]),
    signs=st.tuples(*[st.sampled_from([-1, 1])] * 3),
    shift=st.tuples(*[st.integers(-5, 5)] * 3),
    seed=st.integers(0, 99),
)
def test_marks_keep_their_place_however_their_grid_stores_the_same_voxels(order, signs, shift, seed):
    change = np.eye(4)
    change[:3, :3] = np.eye(3)[:, order] * signs
    change[:3, 3] = shift
    grid = moved(change, (5, 4, 7))
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(140)[:20]
    marks = SparseLabels(grid, np.array(np.unravel_index(chosen, grid.shape)).T, rng.integers(1, 9, 20))
    placed, outside = place(marks, IMAGE)
    indices = IMAGE.ras_to_index(grid.index_to_ras(marks.indices))
    inside = ((indices > -0.5) & (indices < np.array(IMAGE.shape) - 0.5)).all(axis=1)
    np.testing.assert_allclose(placed.indices, indices[inside], atol=1e-6)
    np.testing.assert_array_equal(placed.label_ids, marks.label_ids[inside])
    assert outside == (~inside).sum()
    assert placed.grid is IMAGE


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (np.diag((2.0, 2.0, 2.0, 1.0)), r"spacing 2 × 4 × 6 mm against 1 × 2 × 3 mm"),
        (np.diag((1.0, 1.0, 1.01, 1.0)), r"spacing 1 × 2 × 3.03 mm against 1 × 2 × 3 mm"),
        (np.array([[1, 0, 0, 0.5], [0, 1, 0, 0], [0, 0, 1, -0.25], [0, 0, 0, 1.0]]), r"shifted by \(0.5, 0, -0.25\) voxels"),
    ],
)
def test_voxels_that_do_not_coincide_are_refused_with_the_difference(change, message):
    marks = SparseLabels(moved(change, (4, 5, 6)), np.zeros((1, 3)), np.ones(1))
    with pytest.raises(ShapeError, match=message):
        place(marks, IMAGE)


def test_turned_axes_are_refused():
    turned = IMAGE.ijk_to_ras.copy()
    turned[:3, :3] = np.diag((1.0, 2.0, 3.0))
    marks = SparseLabels(Grid((4, 5, 6), turned), np.zeros((1, 3)), np.ones(1))
    with pytest.raises(ShapeError, match="ink: .* of the scan: their axes are turned against each other; resample them"):
        place(marks, IMAGE, "ink", "the scan")


@given(st.permutations(range(3)), st.tuples(*[st.sampled_from((-1, 1))] * 3), st.tuples(*[st.integers(-4, 7)] * 3))
def test_whole_arrays_are_placed_as_marks_are(axes, signs, shift):
    change = np.eye(4)
    change[:3, :3] = np.eye(3)[list(axes)] * np.array(signs)
    change[:3, 3] = shift
    values = np.arange(3 * 4 * 5).reshape(3, 4, 5) % 7
    marks = SparseLabels(moved(change, values.shape), np.argwhere(values), values[values > 0])
    expected, outside = place(marks, IMAGE)
    placed, left = place_values(values, marks.grid, IMAGE)
    dense = np.zeros(IMAGE.shape, dtype=values.dtype)
    dense[tuple(expected.indices.T)] = expected.label_ids
    np.testing.assert_array_equal(placed, dense)
    assert left == outside
