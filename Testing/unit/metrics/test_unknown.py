"""Rejection of what was never seen, by hand and against brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semseg_core.metrics.unknown import auroc, calibration_error, keeping_threshold, rejection_curve

CONFIDENCE = np.array([0.9, 0.8, 0.6, 0.4, 0.7, 0.3])
RIGHT = np.array([True, True, False, True, False, False])
KNOWN = np.array([True, True, True, True, False, False])


def test_a_curve_by_hand() -> None:
    curve = rejection_curve(CONFIDENCE, RIGHT, KNOWN)
    assert curve.at(0.0) == (0.75, 1.0, 0.0)
    assert curve.at(0.5) == (0.5, 0.75, 0.5)
    assert curve.at(0.75) == (0.5, 0.5, 1.0)
    assert curve.at(1.0) == (0.0, 0.0, 1.0)
    assert curve.auroc == pytest.approx(6 / 8)  # 0.9 and 0.8 beat both, 0.6 and 0.4 beat 0.3
    assert curve.best_threshold() == pytest.approx(0.71)  # accuracy 1/2, recall 1; below, 1.25 at most


def test_a_curve_of_six_voxels_two_of_them_of_no_known_class() -> None:
    softmax = np.array(
        [[0.9, 0.05, 0.05], [0.5, 0.3, 0.2], [0.36, 0.34, 0.3], [0.2, 0.75, 0.05], [0.4, 0.35, 0.25], [0.1, 0.2, 0.7]]
    )
    truth = np.array([0, 0, -1, 1, -1, 2])
    curve = rejection_curve(softmax.max(axis=1), softmax.argmax(axis=1) == truth, truth >= 0)
    assert [(curve.at(tau)[0], curve.at(tau)[2]) for tau in (0.0, 0.45, 0.6)] == [(1.0, 0.0), (1.0, 1.0), (0.75, 1.0)]
    assert curve.auroc == 1.0


def test_confidence_that_is_reached_exactly_is_enough() -> None:
    curve = rejection_curve(np.array([0.5, 1.0 - 1e-7, 0.2]), np.array([True, True, False]), np.array([True, True, False]))
    assert curve.at(0.5)[0] == 1.0
    assert curve.at(1.0)[0] == 0.5


@given(st.lists(st.integers(0, 6), min_size=1, max_size=20), st.lists(st.integers(0, 6), min_size=1, max_size=20))
def test_auroc_is_the_share_of_pairs(known: list[int], unknown: list[int]) -> None:
    pairs = [(a > b) + 0.5 * (a == b) for a in known for b in unknown]
    assert auroc(np.array(known), np.array(unknown)) == pytest.approx(np.mean(pairs))


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=50), st.floats(0.05, 1))
def test_the_asked_part_of_right_answers_is_kept(rows: list[tuple[float, bool]], kept: float) -> None:
    confidence, right = (np.array(column) for column in zip(*rows, strict=True))
    threshold = keeping_threshold(confidence, right, kept)
    assert 0.0 <= threshold <= 1.0
    if right.any():
        assert (confidence[right] >= threshold).mean() >= kept - 1e-9


def test_no_right_answer_recommends_nothing() -> None:
    assert keeping_threshold(np.array([0.9]), np.array([False])) == 0.0


def test_the_calibration_error_by_hand() -> None:
    # Half and half: 0.6 and 0.8 are right half the time (0.2 too sure on average), 0.3 never (0.3 too sure), in two bins.
    confidence, right = np.array([0.6, 0.8, 0.3, 0.3]), np.array([True, False, False, False])
    assert calibration_error(confidence, right, bins=2) == pytest.approx(0.5 * 0.2 + 0.5 * 0.3)
    assert calibration_error(np.array([1.0, 1.0, 0.0]), np.array([True, True, False])) == 0.0
    assert calibration_error(np.full(4, 0.75), np.array([True, True, True, False])) == pytest.approx(0.0)
