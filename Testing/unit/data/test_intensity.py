"""Intensity rules, against values worked out by hand and brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from semseg_core.data.intensity import IntensityRule, choose_rules, normalize, otsu_threshold
from semseg_core.data.volume import Volume
from semseg_core.errors import InputError
from semseg_core.geometry import Grid


def volume_of(*arrays: np.ndarray, channels: tuple[str, ...] = ("image",)) -> Volume:
    return Volume(np.stack(arrays), Grid(arrays[0].shape, np.eye(4)), channels)


def head(low: float, high: float, shape: tuple[int, int, int] = (10, 20, 20)) -> np.ndarray:
    """Half air, half tissue that runs evenly from `low` to `high`."""
    array = np.zeros(shape, dtype=np.float32)
    array[5:] = np.linspace(low, high, array[5:].size).reshape(array[5:].shape)
    return array


def test_a_window_maps_its_ends_to_zero_and_one_and_is_limited() -> None:
    rule = IntensityRule("ct", "window", -160.0, 240.0)
    values = rule.apply(np.array([[[-160.0, 240.0, 40.0, -3000.0, 3000.0]]]))
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, [[[0.0, 1.0, 0.5, -0.5, 2.0]]], atol=1e-6)


def test_percentiles_are_those_of_all_voxels_and_of_tissue() -> None:
    # The 1st percentile of all is air, 0; tissue is 100…200, whose 99th percentile is 199.
    scaled = IntensityRule("t1").apply(head(100, 200))
    assert scaled[0, 0, 0] == 0.0
    assert scaled.max() == pytest.approx(200 / 199, abs=2e-3)


@pytest.mark.parametrize(("gain", "shift"), [(0.01, 0.0), (37.0, -1000.0), (1e4, 5e4)])
def test_percentiles_do_not_depend_on_the_scanners_units(gain: float, shift: float) -> None:
    array = head(100, 200)
    np.testing.assert_allclose(IntensityRule("t1").apply(array * gain + shift), IntensityRule("t1").apply(array), atol=2e-3)


def test_mostly_empty_images_still_scale_by_their_tissue() -> None:
    array = np.zeros((40, 40, 40), dtype=np.float32)
    array[20:23, 20:23, 20:23] = np.linspace(50, 100, 27).reshape(3, 3, 3)
    scaled = IntensityRule("t1").apply(array)
    assert 0.9 < scaled.max() <= 2.0
    assert scaled[0, 0, 0] == 0.0


def test_ct_gets_two_windows_and_mr_percentiles() -> None:
    ct = np.linspace(-1024, 1500, 1000, dtype=np.float32).reshape(10, 10, 10)
    rules = choose_rules(volume_of(ct, head(0, 400).reshape(-1)[:1000].reshape(10, 10, 10), channels=("ct", "t1")))
    assert [(rule.channel, rule.kind, rule.low, rule.high) for rule in rules] == [
        ("ct", "window", -1000.0, 1000.0),
        ("ct", "window", -160.0, 240.0),
        ("t1", "percentile", 0.0, 1.0),
    ]


def test_every_rule_makes_a_channel_from_the_one_it_names() -> None:
    first, second = head(1, 2), head(5, 9)
    volume = volume_of(first, second, channels=("a", "b"))
    rules = (IntensityRule("b", "window", 0.0, 9.0), IntensityRule("a", "window", 0.0, 2.0), IntensityRule("b"))
    normalized = normalize(volume, rules)
    np.testing.assert_allclose(normalized.array[0], second / 9, rtol=1e-6)
    np.testing.assert_allclose(normalized.array[1], first / 2, rtol=1e-6)
    assert normalized.grid is volume.grid
    with pytest.raises(InputError, match="channel 'c' is missing; the image has a, b"):
        normalize(volume, (IntensityRule("c"),))


@pytest.mark.parametrize(
    ("kind", "low", "high", "words"),
    [("histogram", 0, 1, "neither"), ("window", 1, 1, "empty"), ("window", 2, 1, "empty"), ("window", np.nan, 1, "empty")],
)
def test_an_impossible_rule_is_refused(kind: str, low: float, high: float, words: str) -> None:
    with pytest.raises(InputError, match=f"channel 't1'.*{words}"):
        IntensityRule("t1", kind, low, high)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=2, max_size=60).filter(lambda values: len(set(values)) > 1))
def test_otsu_splits_as_well_as_the_best_of_all_thresholds(values: list[int]) -> None:
    array = np.array(values, dtype=np.float64)

    within = array[array <= np.percentile(array, 99.5)]  # the histogram ends there
    assume(len(np.unique(within)) > 1)

    def between(threshold: float) -> float:
        below, above = within[within <= threshold], within[within > threshold]
        return len(below) * len(above) * (below.mean() - above.mean()) ** 2 if len(below) and len(above) else 0.0

    best = max(between(threshold) for threshold in np.unique(within))
    # The answer is the center of a bin, all of which lies below the threshold.
    assert between(otsu_threshold(array, bins=4096) + 31 / 4096) >= 0.98 * best


def test_otsu_of_a_nearly_constant_image_is_finite() -> None:
    array = np.full(1000, 5.0)
    array[0] = 6.0
    assert np.isfinite(otsu_threshold(array))
    assert np.isfinite(IntensityRule("t1").apply(array.reshape(10, 10, 10))).all()
