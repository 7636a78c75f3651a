"""What counts as body, on generated images whose body is known."""

from __future__ import annotations

import numpy as np
import pytest

from semseg_core.features.anatomy import BodyFrame, foreground_mask, is_masked
from semseg_core.geometry import Grid

SHAPE = (30, 32, 34)


def ball(shape: tuple[int, int, int], radius: float = 0.7) -> np.ndarray:
    """A ball, of this radius in a cube of side 2; a cylinder through thin volumes."""
    axes = (np.linspace(-1, 1, size) if size > 8 else np.zeros(size) for size in shape)
    return np.sqrt(sum(axis**2 for axis in np.meshgrid(*axes, indexing="ij"))) < radius


def grid_of(shape: tuple[int, int, int]) -> Grid:
    return Grid(shape, np.diag((2.0, 2.0, 2.0, 1.0)))


def overlap(mask: np.ndarray, truth: np.ndarray) -> float:
    return 2 * (mask & truth).sum() / (mask.sum() + truth.sum())


@pytest.mark.parametrize("shape", [SHAPE, (1, 40, 44), (2, 40, 44), (40, 1, 44), (6, 40, 44)])
def test_a_head_in_air_is_found(shape: tuple[int, int, int]) -> None:
    truth = ball(shape)
    image = truth * 100.0 + np.random.default_rng(0).normal(0, 5, shape)
    mask = foreground_mask(image.astype(np.float32), grid_of(shape))
    assert mask.shape == shape
    assert mask.dtype == bool
    assert overlap(mask, truth) > 0.85
    assert mask[truth].all()


@pytest.mark.parametrize("shape", [SHAPE, (1, 40, 44), (2, 40, 44), (40, 1, 44), (6, 40, 44)])
def test_what_a_mask_left_over_is_taken_as_it_is(shape: tuple[int, int, int]) -> None:
    truth = ball(shape)
    image = (np.random.default_rng(0).normal(100, 10, shape) * truth).astype(np.float32)
    assert is_masked(image)
    np.testing.assert_array_equal(foreground_mask(image, grid_of(shape), truth), truth)


def test_noise_in_air_is_no_mask() -> None:
    image = (ball(SHAPE) * 100.0 + np.random.default_rng(0).normal(0, 5, SHAPE)).clip(-6).astype(np.float32)
    assert 0.05 < (image == image.min()).mean() < 0.2
    assert not is_masked(image)


def test_dark_holes_belong_to_the_body_and_specks_do_not() -> None:
    truth = ball(SHAPE)
    image = truth * 100.0 * ~ball(SHAPE, 0.3) + np.random.default_rng(0).normal(0, 3, SHAPE)
    image[2, 2, 2] = image[27, 3, 3] = 300.0
    mask = foreground_mask(image.astype(np.float32), grid_of(SHAPE))
    assert mask[ball(SHAPE, 0.3)].all()
    assert not mask[2, 2, 2]
    assert not mask[27, 3, 3]


def test_two_bodies_of_like_size_both_count() -> None:
    image = np.zeros(SHAPE, dtype=np.float32)
    image[5:25, 8:24, 2:12] = image[5:25, 8:24, 22:32] = 100.0
    mask = foreground_mask(image, grid_of(SHAPE))
    assert mask[15, 16, 6]
    assert mask[15, 16, 28]
    assert not mask[15, 16, 17]


def test_nothing_but_noise_is_nearly_all_body() -> None:
    rng = np.random.default_rng(0)
    for noise in (rng.normal(100, 10, SHAPE), rng.rayleigh(10, SHAPE)):
        assert foreground_mask(noise.astype(np.float32), grid_of(SHAPE)).mean() > 0.9


def test_tissue_up_to_the_edge_on_all_sides_is_all_body() -> None:
    rng = np.random.default_rng(0)
    image = np.where(ball(SHAPE, 0.9), 140, 100) + rng.normal(0, 20, SHAPE)
    image[:2] = rng.normal(3, 1, (2, *SHAPE[1:]))  # a bit of air at one end
    mask = foreground_mask(image.astype(np.float32), grid_of(SHAPE))
    assert mask[4:].mean() > 0.99
    assert not mask[0].any()


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 3, 3), (1, 1, 9)])
def test_tiny_volumes_have_a_body(shape: tuple[int, int, int]) -> None:
    image = np.random.default_rng(0).normal(100, 10, shape).astype(np.float32)
    assert foreground_mask(image, grid_of(shape)).any()
    assert foreground_mask(np.full(shape, 7.0, dtype=np.float32), grid_of(shape)).all()


def test_the_frame_is_the_middle_and_half_the_extent_of_the_body() -> None:
    mask = np.zeros((40, 50, 60), dtype=bool)
    mask[10:30, 20:30, 0:40] = True
    affine = np.diag((1.0, 2.0, 3.0, 1.0))
    affine[:3, 3] = (100.0, 0.0, -50.0)
    frame = BodyFrame.of(mask, Grid(mask.shape, affine))
    np.testing.assert_allclose(frame.center_mm, (119.5, 49.0, 8.5), atol=0.5)
    np.testing.assert_allclose(frame.half_extent_mm, (19.5, 9.0, 28.5), atol=1.0)


def test_the_frame_of_a_flat_body_has_an_extent() -> None:
    mask = np.zeros((5, 6, 7), dtype=bool)
    mask[2, 3, 4] = True
    frame = BodyFrame.of(mask, Grid(mask.shape, np.diag((1.0, 2.0, 3.0, 1.0))))
    assert frame.half_extent_mm == (3.0, 3.0, 3.0)
    assert frame.center_mm == (4.0, 6.0, 6.0)
