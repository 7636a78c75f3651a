"""Sampling and resampling, against scipy and ramps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates

from semseg_core.data.resample import (
    anatomical_grid,
    anatomical_spacing,
    are_parallel,
    box_points,
    grid_points,
    resample,
    sample_box,
    sample_linear,
)
from semseg_core.geometry import Grid


def oblique(shape: tuple[int, int, int], turns_deg: tuple[float, float, float], spacing: tuple[float, float, float]) -> Grid:
    """A grid turned about R, A, then S; spacing along i, j, k."""
    rotation = np.eye(3)
    for axis, degrees in enumerate(turns_deg):
        first, second = [other for other in range(3) if other != axis]
        turn = np.eye(3)
        cosine, sine = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
        turn[first, first], turn[first, second], turn[second, first], turn[second, second] = cosine, -sine, sine, cosine
        rotation = turn @ rotation
    affine = np.eye(4)
    affine[:3, :3] = rotation * np.array(spacing)
    affine[:3, 3] = (-31.0, 17.5, 240.0)
    return Grid(shape, affine)


def points_around(grid: Grid, count: int, rng: np.random.Generator, margin: float = 1.5) -> np.ndarray:
    """Random RAS points in and a little outside a grid."""
    return grid.index_to_ras(rng.uniform(-margin, np.array(grid.shape) - 1 + margin, (count, 3)))


@settings(max_examples=40, deadline=None)
@given(
    st.tuples(*[st.integers(1, 7)] * 3),
    st.tuples(*[st.floats(-180, 180)] * 3),
    st.tuples(*[st.floats(0.3, 5)] * 3),
    st.integers(0, 2**31),
)
def test_sampling_is_trilinear_as_in_scipy_and_goes_on_beyond_the_edge(
    shape: tuple[int, int, int], turns: tuple[float, float, float], spacing: tuple[float, float, float], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    grid = oblique(shape, turns, spacing)
    maps = rng.normal(size=(2, *shape)).astype(np.float32)
    points = points_around(grid, 50, rng)
    expected = [map_coordinates(array, grid.ras_to_index(points).T, order=1, mode="nearest") for array in maps]
    found = sample_linear(torch.from_numpy(maps), grid, torch.as_tensor(points, dtype=torch.float32))
    np.testing.assert_allclose(found.numpy().T, expected, atol=3e-3)


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(*[st.integers(1, 6)] * 3),
    st.tuples(*[st.integers(1, 6)] * 3),
    st.permutations(range(3)),
    st.tuples(*[st.sampled_from((-2.5, -1.0, 0.4, 1.0, 3.0))] * 3),
    st.integers(0, 2**31),
)
def test_a_box_of_a_parallel_grid_is_sampled_as_its_points_are(
    shape: tuple[int, int, int],
    other: tuple[int, int, int],
    order: list[int],
    spacing: tuple[float, float, float],
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    grid = Grid(shape, np.diag((1.5, 1.0, 2.0, 1.0)))
    affine = np.eye(4)
    affine[:3, :3] = np.eye(3)[:, order] * np.array(spacing)
    affine[:3, 3] = rng.uniform(-2, 6, 3)
    target = Grid(other, affine)
    box = tuple(tuple(sorted(rng.choice(size + 1, 2, replace=False).tolist())) for size in other)
    maps = torch.from_numpy(rng.normal(size=(2, *shape)).astype(np.float32))
    assert are_parallel(grid, target)
    found = sample_box(maps, grid, target, box)
    np.testing.assert_allclose(found.T, sample_linear(maps, grid, box_points(target, box)), atol=2e-5)


def test_grids_turned_against_each_other_are_not_parallel(oblique_grid: Grid) -> None:
    assert not are_parallel(Grid((4, 4, 4), np.eye(4)), oblique_grid)
    assert are_parallel(oblique_grid, oblique_grid)


def test_sampling_at_voxel_centers_gives_the_voxels(oblique_grid: Grid) -> None:
    array = torch.arange(120, dtype=torch.float32).reshape(1, *oblique_grid.shape)
    points = torch.cat([grid_points(oblique_grid, k) for k in range(oblique_grid.shape[0])])
    np.testing.assert_allclose(sample_linear(array, oblique_grid, points).flatten(), array.flatten(), atol=1e-3)


def test_sampling_does_not_depend_on_how_points_are_chunked(oblique_grid: Grid, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    array = torch.as_tensor(rng.normal(size=(3, *oblique_grid.shape)), dtype=torch.float32)
    points = torch.as_tensor(points_around(oblique_grid, 23, rng), dtype=torch.float32)
    whole = sample_linear(array, oblique_grid, points)
    monkeypatch.setattr("semseg_core.data.resample.POINTS_AT_ONCE", 5)
    torch.testing.assert_close(sample_linear(array, oblique_grid, points), whole)


def test_no_points_give_no_values(oblique_grid: Grid) -> None:
    assert sample_linear(torch.zeros(3, *oblique_grid.shape), oblique_grid, torch.zeros(0, 3)).shape == (0, 3)


ALIGNED = [
    np.array([[-2.0, 0, 0, 50], [0, -2.0, 0, 60], [0, 0, 2.0, -70], [0, 0, 0, 1]]),
    np.array([[0, 0, 2.0, -50], [2.0, 0, 0, -10], [0, -2.0, 0, 33], [0, 0, 0, 1]]),
    np.array([[0, 2.0, 0, 0.3], [0, 0, -2.0, 0.7], [-2.0, 0, 0, 0.9], [0, 0, 0, 1]]),
]


@pytest.mark.parametrize("affine", ALIGNED)
def test_an_aligned_grid_keeps_its_voxel_centers(affine: np.ndarray) -> None:
    grid = Grid((4, 5, 6), affine.astype(np.float32))
    target = anatomical_grid(grid, anatomical_spacing(grid))
    assert target.orientation == "RAS"
    everything = np.argwhere(np.ones(grid.shape))
    indices = target.ras_to_index(grid.index_to_ras(everything))
    np.testing.assert_allclose(indices, np.rint(indices), atol=1e-4)
    assert len(np.unique(np.rint(indices), axis=0)) == target.voxel_count == grid.voxel_count


@settings(max_examples=40, deadline=None)
@given(st.tuples(*[st.floats(-180, 180)] * 3), st.floats(0.5, 4), st.tuples(*[st.integers(1, 9)] * 3))
def test_the_anatomical_grid_covers_the_volume_within_half_a_voxel(
    turns: tuple[float, float, float], spacing: float, shape: tuple[int, int, int]
) -> None:
    grid = oblique(shape, turns, (1.0, 1.3, 2.0))
    target = anatomical_grid(grid, (spacing, spacing, spacing))
    indices = target.ras_to_index(grid.corners_ras())
    assert (indices >= -0.501).all()
    assert (indices <= np.array(target.shape) - 1 + 0.501).all()


def test_the_spacing_along_the_anatomical_axes_is_that_of_the_nearest_axes() -> None:
    affine = np.zeros((4, 4))
    affine[2, 0], affine[0, 1], affine[1, 2], affine[3, 3] = -1.0, 2.0, 5.0, 1.0  # i runs to I, j to R, k to A
    assert anatomical_spacing(Grid((3, 3, 3), affine)) == (1.0, 5.0, 2.0)
    assert anatomical_spacing(oblique((3, 3, 3), (0, 0, 20), (1.0, 2.0, 3.0))) == pytest.approx((3.0, 2.0, 1.0))


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (3.0, 2.0, 4.0), (0.5, 0.6, 0.7)])
@pytest.mark.parametrize("turns", [(0, 0, 0), (20, -10, 30)])
def test_resampling_preserves_a_linear_ramp(spacing: tuple[float, float, float], turns: tuple[float, float, float]) -> None:
    grid = oblique((20, 22, 24), turns, (1.0, 1.2, 1.5))
    slope = np.array([0.5, -0.3, 0.2])
    everywhere = grid.index_to_ras(np.argwhere(np.ones(grid.shape)))
    ramp = torch.as_tensor((everywhere @ slope).reshape(1, *grid.shape), dtype=torch.float32)
    target = anatomical_grid(grid, spacing)
    found = resample(ramp, grid, target)
    assert found.shape == (1, *target.shape)
    assert found.dtype == torch.float32
    points = target.index_to_ras(np.argwhere(np.ones(target.shape)))
    indices = grid.ras_to_index(points)
    # Away from the edge, where smoothing finds only half of its neighbors and points outside take the nearest value.
    deep = ((indices > 6) & (indices < np.array(grid.shape) - 7)).all(axis=1)
    assert deep.any()
    np.testing.assert_allclose(found.numpy().ravel()[deep], (points @ slope)[deep], atol=2e-3)


def test_resampling_onto_the_same_grid_changes_nothing() -> None:
    grid = Grid((5, 6, 7), np.diag((1.0, 2.0, 3.0, 1.0)))
    array = torch.as_tensor(np.random.default_rng(0).normal(size=(2, *grid.shape)), dtype=torch.float32)
    torch.testing.assert_close(resample(array, grid, grid), array, atol=1e-5, rtol=0)


@pytest.mark.parametrize("affine", ALIGNED)
def test_axes_in_another_order_are_only_rearranged(affine: np.ndarray) -> None:
    grid = Grid((4, 5, 6), affine.astype(np.float32))
    array = torch.as_tensor(np.random.default_rng(0).normal(size=(2, *grid.shape)), dtype=torch.float32)
    target = anatomical_grid(grid, anatomical_spacing(grid))
    found = resample(array, grid, target)
    indices = np.rint(grid.ras_to_index(target.index_to_ras(np.argwhere(np.ones(target.shape))))).astype(int)
    assert torch.equal(found.flatten(1), array[:, indices[:, 0], indices[:, 1], indices[:, 2]])
    before = array.clone()
    found.zero_()
    assert torch.equal(array, before)


@pytest.mark.parametrize(
    "change",
    [
        lambda affine: affine + np.diag((0, 0, 0.01, 0)),  # 1 % longer voxels along k
        lambda affine: affine + np.outer((1, 0, 0, 0), (0, 0, 0, 0.5)),  # half a voxel aside
        lambda affine: affine + np.outer((0, 1, 0, 0), (0.01, 0, 0, 0)),  # a little oblique
        lambda affine: affine @ np.array([[-1, 0, 0, 4], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]),  # turned, one voxel off
    ],
)
def test_voxels_that_are_not_quite_the_same_are_interpolated(change: Callable[[np.ndarray], np.ndarray]) -> None:
    grid = Grid((6, 6, 6), np.eye(4))
    target = Grid((6, 6, 6), change(np.eye(4)))
    array = np.random.default_rng(0).normal(size=(1, 6, 6, 6)).astype(np.float32)
    points = target.index_to_ras(np.argwhere(np.ones(target.shape)))
    expected = map_coordinates(array[0], grid.ras_to_index(points).T, order=1, mode="nearest")
    found = resample(torch.from_numpy(array), grid, target).numpy()
    np.testing.assert_allclose(found.ravel(), expected, atol=1e-4)
    assert not np.array_equal(found.ravel(), array.ravel())


def test_resampling_asks_now_and_then_whether_to_go_on(oblique_grid: Grid) -> None:
    asked = []
    array = torch.zeros(1, *oblique_grid.shape)
    target = anatomical_grid(oblique_grid, (1.0, 1.0, 1.0))
    resample(array, oblique_grid, target, lambda: asked.append(None))
    assert len(asked) == target.shape[0]


def test_noise_gets_weaker_where_voxels_become_larger() -> None:
    grid = Grid((32, 32, 32), np.eye(4))
    noise = torch.as_tensor(np.random.default_rng(0).normal(size=(1, *grid.shape)), dtype=torch.float32)
    coarse = resample(noise, grid, anatomical_grid(grid, (4.0, 4.0, 4.0)))
    # Gaussian of sigma s along each axis keeps 1 / (2 s √π) of the variance: here 3 times 1 / (2 · 1.94 · 1.77).
    assert 0.02 < coarse.std().item() < 0.12


def test_points_of_a_slice_are_its_voxel_centers_in_array_order(oblique_grid: Grid) -> None:
    expected = oblique_grid.index_to_ras(np.array([(2, j, i) for j in range(5) for i in range(6)]))
    points = grid_points(oblique_grid, 2)
    assert points.dtype == torch.float32
    np.testing.assert_allclose(points.numpy(), expected, atol=1e-4)
