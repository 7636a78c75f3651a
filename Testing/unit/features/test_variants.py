"""Intensity variants: drawn from the generator, within their stated ranges."""

from __future__ import annotations

import numpy as np
import pytest

from semseg_core.data.volume import Volume
from semseg_core.features.variants import vary_intensities
from semseg_core.geometry import Grid


def volume_of(shape: tuple[int, int, int], channels: int = 1) -> Volume:
    array = np.random.default_rng(0).uniform(0.0, 1.0, (channels, *shape)).astype(np.float32)
    return Volume(array, Grid(shape, np.eye(4)), tuple("abcd"[:channels]))


def test_equal_generators_give_equal_variants_and_others_do_not() -> None:
    volume = volume_of((6, 7, 8), 2)
    before = volume.array.copy()
    first, again, other = (vary_intensities(volume, np.random.default_rng(seed)).array for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.01
    np.testing.assert_array_equal(volume.array, before)
    assert first.dtype == np.float32


@pytest.mark.parametrize("shape", [(6, 7, 8), (1, 20, 20), (3, 3, 3), (1, 1, 1), (50, 2, 30)])
def test_a_variant_keeps_the_grid_and_stays_near_the_image(shape: tuple[int, int, int]) -> None:
    volume = volume_of(shape)
    for seed in range(20):
        varied = vary_intensities(volume, np.random.default_rng(seed))
        assert varied.grid is volume.grid
        # x^0.7 at most, times 1.15 · 1.2, and five standard deviations of noise.
        assert (varied.array <= volume.array**0.7 * 1.38 + 0.16).all()
        assert (varied.array >= volume.array**1.4 * 0.68 - 0.16).all()


def test_a_variant_keeps_the_order_of_bright_and_dark() -> None:
    ramp = np.broadcast_to(np.linspace(-0.3, 1.5, 40, dtype=np.float32), (1, 8, 8, 40))
    volume = Volume(ramp.copy(), Grid((8, 8, 40), np.eye(4)), ("t1",))
    for seed in range(10):
        varied = vary_intensities(volume, np.random.default_rng(seed)).array[0].mean(axis=(0, 1))
        assert np.corrcoef(varied, ramp[0, 0, 0])[0, 1] > 0.95
