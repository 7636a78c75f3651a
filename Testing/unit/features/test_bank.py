"""The feature bank: against numpy's eigenvalues, ramps, and the same volume stored otherwise."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from semseg_core.data.resample import box_points, grid_points
from semseg_core.data.volume import Volume
from semseg_core.errors import CancelledError
from semseg_core.features.bank import FeatureBank, _eigenvalues, build_feature_bank
from semseg_core.features.layout import feature_names
from semseg_core.features.variants import vary_intensities
from semseg_core.geometry import Grid


def features_of(volume: Volume, indices: np.ndarray, spacing_mm: tuple[float, float, float] = (2.0, 2.0, 2.0)) -> dict:
    """Features by name, each (N,), at voxels (k, j, i)."""
    bank = build_feature_bank(volume, spacing_mm)
    sampled = bank.sample(torch.as_tensor(volume.grid.index_to_ras(indices), dtype=torch.float32)).numpy()
    return dict(zip(feature_names(volume.channels), sampled.T, strict=True))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(-3, 3, width=32), min_size=6, max_size=6))
def test_hessian_eigenvalues_are_numpys(entries: list[float]) -> None:
    a, d, e, b, f, c = entries
    matrix = np.array([[a, d, e], [d, b, f], [e, f, c]])
    rows = [[torch.tensor([value], dtype=torch.float32) for value in row] for row in ((a, d, e), (b, f), (c,))]
    found = torch.cat(_eigenvalues(rows)).numpy()
    assert found[0] >= found[1] - 2e-3 >= found[2] - 4e-3
    np.testing.assert_allclose(found, np.linalg.eigvalsh(matrix)[::-1], atol=3e-3)


@pytest.mark.parametrize("matrix", [np.zeros((3, 3)), np.eye(3), -2 * np.eye(3), np.diag((1.0, 1.0, -1.0)), np.full((3, 3), 1.0)])
def test_repeated_eigenvalues_are_no_trouble(matrix: np.ndarray) -> None:
    rows = [[torch.tensor([matrix[i, j]], dtype=torch.float32) for j in range(i, 3)] for i in range(3)]
    np.testing.assert_allclose(torch.cat(_eigenvalues(rows)), np.linalg.eigvalsh(matrix)[::-1], atol=2e-3)


@pytest.mark.parametrize(
    ("shape", "spacing"),
    [
        ((12, 14, 16), (2.0, 2.0, 2.0)),
        ((3, 3, 3), (2.0, 2.0, 2.0)),
        ((1, 20, 24), (1.0, 1.0, 1.0)),
        ((1, 1, 1), (1.0, 1.0, 1.0)),
        ((20, 1, 24), (1.0, 1.0, 1.0)),
        ((5, 40, 40), (10.0, 1.0, 1.0)),
        ((2, 40, 40), (10.0, 0.4, 0.4)),
    ],
)
@pytest.mark.parametrize("channels", [("t1",), ("t1", "flair")])
def test_there_is_a_finite_feature_for_every_name(
    shape: tuple[int, int, int], spacing: tuple[float, float, float], channels: tuple[str, ...]
) -> None:
    array = np.random.default_rng(0).uniform(0, 1, (len(channels), *shape)).astype(np.float32)
    grid = Grid(shape, np.diag((spacing[2], spacing[1], spacing[0], 1.0)))
    features = features_of(Volume(array, grid, channels), np.argwhere(np.ones(shape)), spacing)
    assert len(features) == len(feature_names(channels))  # no name twice
    assert all(np.isfinite(values).all() for values in features.values())


@pytest.mark.parametrize("turn_deg", [0.0, 20.0])
def test_a_box_is_described_as_its_points_are_in_the_body_or_everywhere(phantom, turn_deg: float) -> None:
    turn = np.deg2rad(turn_deg)
    rotation = np.eye(4)
    rotation[:2, :2] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    grid = Grid(phantom.volume.grid.shape, rotation @ phantom.volume.grid.ijk_to_ras)
    bank = build_feature_bank(Volume(phantom.volume.array / 200.0, grid, phantom.volume.channels), (3.0, 2.5, 2.5))
    box = ((10, 11), (3, 30), (0, 32))
    points = box_points(grid, box)
    asked, features = bank.sample_box(grid, box)
    assert asked.tolist() == list(range(len(points)))
    np.testing.assert_allclose(features, bank.sample(points), atol=1e-4)
    inside, some = bank.sample_box(grid, box, everywhere=False)
    assert torch.equal(inside, torch.nonzero(bank.inside(points))[:, 0])
    assert 0 < len(inside) < len(points)
    np.testing.assert_allclose(some, features[inside], atol=1e-4)


def test_a_ramp_has_its_slope_in_the_right_direction_and_no_curvature() -> None:
    """2 per mm along A, stored with i, j, k running to P, S, R; measured per working voxel of 2 mm."""
    affine = np.array([[0, 0, 2.0, -30], [-2.0, 0, 0, 30], [0, 2.0, 0, -30], [0, 0, 0, 1]])
    grid = Grid((32, 32, 32), affine)
    ras = grid.index_to_ras(np.argwhere(np.ones(grid.shape)))
    ramp = (2.0 * ras[:, 1]).reshape(1, *grid.shape).astype(np.float32)
    features = features_of(Volume(ramp, grid, ("t1",)), np.array([[15, 16, 15], [16, 15, 17]]))
    expected = {"value": 2.0 * grid.index_to_ras(np.array([[15, 16, 15], [16, 15, 17]]))[:, 1], "dR": 0.0, "dA": 4.0, "dS": 0.0}
    expected |= {"curvature1": 0.0, "curvature2": 0.0, "curvature3": 0.0}
    for name, value in expected.items():
        np.testing.assert_allclose(features[f"t1 {name} ×1"], value, atol=0.02, err_msg=name)
    np.testing.assert_allclose(features["t1 dA ×2"], 8.0, atol=0.05)  # per voxel of 4 mm
    # Four voxels of 8 mm away: 2 per mm to A, against it to P.
    for side, change in (("A", 32.0), ("P", -32.0), ("R", 0.0), ("L", 0.0), ("S", 0.0), ("I", 0.0)):
        np.testing.assert_allclose(features[f"t1 8 to {side} ×4"] - features["t1 value ×4"], change, atol=3.0, err_msg=side)


def test_curvature_is_greatest_first_and_negative_on_a_bright_line() -> None:
    shape = (24, 24, 24)
    grid = Grid(shape, np.diag((2.0, 2.0, 2.0, 1.0)))
    array = np.zeros((1, *shape), dtype=np.float32)
    array[0, :, 12, 12] = 1.0  # along S
    features = features_of(Volume(array, grid, ("t1",)), np.array([[12, 12, 12]]))
    first, second, third = (features[f"t1 curvature{number} ×1"][0] for number in (1, 2, 3))
    assert first == pytest.approx(0.0, abs=1e-3)
    assert second == pytest.approx(third, abs=2e-3)
    assert second < -0.4  # second difference with step 2 of a single bright voxel: -1/2


def test_body_coordinates_run_from_minus_one_to_one_across_the_body() -> None:
    shape = (40, 40, 40)
    grid = Grid(shape, np.diag((-2.0, 2.0, 2.0, 1.0)))
    array = np.zeros((1, *shape), dtype=np.float32)
    array[0, 10:30, 10:30, 10:30] = 1.0
    features = features_of(Volume(array, grid, ("t1",)), np.array([[10, 20, 29], [29, 20, 10]]))
    for name, ends in (("R", (-1, 1)), ("S", (-1, 1)), ("A", (0, 0))):
        np.testing.assert_allclose(features[name], ends, atol=0.1, err_msg=name)


def test_depth_is_the_distance_to_the_surface_in_units_of_30_mm() -> None:
    shape = (40, 40, 40)
    grid = Grid(shape, np.diag((2.0, 2.0, 2.0, 1.0)))
    array = np.zeros((1, *shape), dtype=np.float32)
    array[0, 10:30, 10:30, 10:30] = 1.0
    features = features_of(Volume(array, grid, ("t1",)), np.array([[20, 20, 20], [20, 20, 2]]))
    np.testing.assert_allclose(features["depth"], (20 / 30, -16 / 30), atol=2.5 / 30)


def test_depth_is_zero_where_there_is_no_air_at_all() -> None:
    shape = (10, 10, 10)
    array = np.full((1, *shape), 1.0, dtype=np.float32)
    features = features_of(Volume(array, Grid(shape, np.eye(4)), ("t1",)), np.argwhere(np.ones(shape)), (1.0, 1.0, 1.0))
    np.testing.assert_array_equal(features["depth"], 0.0)


@pytest.mark.parametrize("order", ["flipped", "sagittal"])
def test_a_volume_stored_otherwise_has_the_same_features_at_the_same_points(order: str) -> None:
    rng = np.random.default_rng(1)
    shape = (16, 18, 20)
    affine = np.diag((2.0, 2.0, 2.0, 1.0))
    affine[:3, 3] = (-20.0, -10.0, 5.0)
    array = rng.uniform(0, 1, shape).astype(np.float32)
    stored = Volume(array[None], Grid(shape, affine), ("t1",))
    if order == "flipped":
        other_affine = affine @ np.array([[-1, 0, 0, 19], [0, -1, 0, 17], [0, 0, 1, 0], [0, 0, 0, 1]])
        other = Volume(array[None, :, ::-1, ::-1].copy(), Grid(shape, other_affine), ("t1",))
    else:  # the new (k, j, i) are the old (i, k, j)
        other_affine = affine[:, [1, 2, 0, 3]]
        other = Volume(array.transpose(2, 0, 1)[None].copy(), Grid((20, 16, 18), other_affine), ("t1",))
    points = torch.as_tensor(stored.grid.index_to_ras(rng.uniform(0, 15, (200, 3))), dtype=torch.float32)
    banks = [build_feature_bank(volume, (2.0, 2.0, 2.0)) for volume in (stored, other)]
    torch.testing.assert_close(banks[0].sample(points), banks[1].sample(points), atol=2e-3, rtol=0)
    assert torch.equal(banks[0].inside(points), banks[1].inside(points))


def test_sampling_no_points_gives_a_row_of_no_voxels() -> None:
    bank = bank_of_a_cube()
    assert bank.sample(torch.zeros(0, 3)).shape == (0, len(feature_names(("t1",))))
    assert bank.inside(torch.zeros(0, 3)).shape == (0,)


def test_inside_is_where_the_body_is() -> None:
    bank = bank_of_a_cube()
    assert bank.inside(torch.tensor([[40.0, 40.0, 40.0], [4.0, 4.0, 4.0], [500.0, 0.0, 0.0]])).tolist() == [True, False, False]


def test_the_edge_of_a_mask_stays_where_it_is() -> None:
    """Blurred edges of a skull-stripped image would label millimeters of nothing around the brain."""
    rng = np.random.default_rng(0)
    shape = (36, 40, 44)
    axes = np.meshgrid(*(np.linspace(-1, 1, size) for size in shape), indexing="ij")
    brain = np.sqrt(sum(axis**2 for axis in axes)) < 0.7
    image = (rng.uniform(0.3, 1.0, shape) * brain).astype(np.float32)
    volume = Volume(image[None], Grid(shape, np.diag((1.0, 1.0, 1.0, 1.0))), ("t1",))
    for seed in (None, 0, 1):
        shown = volume if seed is None else vary_intensities(volume, np.random.default_rng(seed))
        bank = build_feature_bank(shown, (1.0, 1.0, 1.0))
        inside = torch.cat([bank.inside(grid_points(volume.grid, k)) for k in range(shape[0])]).numpy().reshape(shape)
        assert 2 * (inside & brain).sum() / (inside.sum() + brain.sum()) > 0.95


def bank_of_a_cube() -> FeatureBank:
    array = np.zeros((1, 40, 40, 40), dtype=np.float32)
    array[0, 10:30, 10:30, 10:30] = 1.0
    return build_feature_bank(Volume(array, Grid((40, 40, 40), np.diag((2.0, 2.0, 2.0, 1.0))), ("t1",)), (2.0, 2.0, 2.0))


def test_computing_features_can_be_cancelled() -> None:
    volume = Volume(np.zeros((1, 4, 4, 4)), Grid((4, 4, 4), np.eye(4)), ("t1",))
    with pytest.raises(CancelledError):
        build_feature_bank(volume, (1.0, 1.0, 1.0), cancelled=lambda: True)


def test_features_of_the_mirror_image_are_those_of_the_mirrored_volume() -> None:
    """Of a volume of two channels that was turned left for right, at the mirror images of the points."""
    rng = np.random.default_rng(0)
    grid = Grid((16, 18, 20), np.diag((2.0, 2.0, 2.0, 1.0)))
    array = rng.random((2, *grid.shape)).astype(np.float32)
    array[:, :3] = array[:, -3:] = array[:, :, :3] = array[:, :, -3:] = array[..., :3] = array[..., -3:] = 0.0
    volume, turned = (Volume(each, grid, ("a", "b")) for each in (array, array[..., ::-1].copy()))
    bank, mirror = (build_feature_bank(each, (2.0, 2.0, 2.0)) for each in (volume, turned))
    indices = rng.integers((3, 3, 3), (13, 15, 17), size=(50, 3))
    imaged = indices * [1, 1, -1] + [0, 0, 19]
    points, images = (torch.as_tensor(grid.index_to_ras(each), dtype=torch.float32) for each in (indices, imaged))
    assert torch.allclose(bank.sample_mirrored(points), mirror.sample(images), atol=2e-4)
    assert not torch.allclose(bank.sample(points), mirror.sample(images), atol=0.1)
