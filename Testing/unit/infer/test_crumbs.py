"""Crumbs go; places of labels stay, however small; so does what bears a mark."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import label

from semseg_core.infer.crumbs import HOME_SHARE, ISLAND_SHARE, crumbs


def scene() -> np.ndarray:
    """A block of labels 1 and 2 of 1000 voxels, a crumb of label 1, and a small label 3 of its own."""
    answers = np.zeros((12, 12, 20), dtype=np.int32)
    answers[1:11, 1:11, 1:11] = 1
    answers[1:11, 1:11, 6:11] = 2
    answers[2, 2, 14:16] = 1
    answers[6, 6, 14:16] = 3
    return answers


def test_a_crumb_goes_and_a_small_place_stays() -> None:
    found = crumbs(scene())
    assert np.argwhere(found).tolist() == [[2, 2, 14], [2, 2, 15]]


def test_what_bears_a_mark_stays() -> None:
    assert not crumbs(scene(), np.array([[2, 2, 15]])).any()


def test_an_island_of_some_size_stays() -> None:
    answers = scene()
    answers[2, 2, 14:16] = 0
    answers[1:11, 1, 13:15] = 1  # 20 voxels are 2 % of 1000
    assert crumbs(answers).sum() == 20
    answers[1, 2, 13] = 1
    assert not crumbs(answers).any()


def test_nothing_answered_has_no_crumbs() -> None:
    assert not crumbs(np.zeros((3, 4, 5), dtype=np.int32)).any()


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_whole_islands_go_and_each_label_keeps_most_of_itself_in_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    answers = rng.integers(1, 5, (6, 7, 8)) * (rng.random((6, 7, 8)) < 0.3)
    answers[:3, :4, :5] = 1
    found = crumbs(answers)
    islands, count = label(answers > 0)
    sizes = np.bincount(islands.ravel(), minlength=count + 1)
    for number in range(1, count + 1):
        island = islands == number
        assert found[island].all() or not found[island].any()
        names, counts = np.unique(answers[island], return_counts=True)
        home = any(n >= HOME_SHARE * (answers == name).sum() for name, n in zip(names, counts, strict=True))
        assert found[island].all() == (sizes[number] <= ISLAND_SHARE * sizes[1:].max() and not home)
