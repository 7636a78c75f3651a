"""Poses by the middles of labels: known affine maps are found again, and labels without fixed places are left alone."""

from __future__ import annotations

import numpy as np
import pytest

from semseg_core.features.pose import LEAST_LABELS, Pose, common_landmarks, fit_pose, middles

RNG = np.random.default_rng(0)
PLACES = RNG.uniform(-0.8, 0.8, (30, 3))
MAP = np.vstack([np.diag([1.1, 0.9, 1.2]) + 0.05 * RNG.standard_normal((3, 3)), [[0.05, -0.1, 0.2]]])


def places_of(points: np.ndarray) -> dict[int, tuple[np.ndarray, float]]:
    return {number: (point, 30.0) for number, point in enumerate(points, start=1)}


def mapped(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    return points @ matrix[:3] + matrix[3]


def test_an_affine_map_is_found_although_labels_are_wrong() -> None:
    landmarks = dict(enumerate(mapped(PLACES, MAP), start=1))
    pose, misfit = fit_pose(places_of(PLACES), landmarks)
    assert pose.apply(PLACES) == pytest.approx(mapped(PLACES, MAP), abs=0.01)
    assert misfit < 0.01
    wrong = PLACES.copy()
    wrong[::10] += 1.0
    robust, misfit = fit_pose(places_of(wrong), landmarks)
    assert robust.apply(PLACES) == pytest.approx(mapped(PLACES, MAP), abs=0.12)
    # By least squares alone: the same labels pull much farther.
    ones = np.c_[wrong, np.ones(30)]
    plain = np.linalg.lstsq(ones, mapped(PLACES, MAP), rcond=None)[0]
    assert np.abs(mapped(PLACES, plain) - mapped(PLACES, MAP)).max() > 0.3


def test_too_few_labels_change_nothing() -> None:
    few = dict(list(places_of(PLACES).items())[: LEAST_LABELS - 1])
    pose, misfit = fit_pose(few, dict(enumerate(mapped(PLACES, MAP), start=1)))
    assert (pose.apply(PLACES) == PLACES).all()
    assert misfit == np.inf


def test_cases_agree_on_landmarks_without_shrinking() -> None:
    """Three bodies, each moved and stretched by its own map: afterwards equal labels lie at equal places."""
    maps = [
        np.vstack([np.diag(size), [shift]])
        for size, shift in (
            ([1.0, 1.0, 1.0], [0.0, 0.0, 0.0]),
            ([1.1, 1.0, 0.8], [0.0, 0.1, -0.2]),
            ([0.9, 1.0, 1.2], [0.0, -0.1, 0.2]),
        )
    ]
    bodies = [mapped(PLACES, each) for each in maps]
    landmarks, poses = common_landmarks([places_of(body) for body in bodies], {})
    aligned = [pose.apply(body) for pose, body in zip(poses, bodies, strict=True)]
    for body in aligned:
        assert body == pytest.approx(np.array(list(landmarks.values())), abs=0.03)
    assert np.mean([pose.matrix for pose in poses], axis=0) == pytest.approx(Pose.identity().matrix, abs=0.01)


def test_landmarks_of_pairs_are_symmetric() -> None:
    images = {number: number + 15 if number <= 15 else number - 15 for number in range(1, 31)}
    landmarks, (pose,) = common_landmarks([places_of(PLACES)], images)
    for number in range(1, 16):
        assert landmarks[number] == pytest.approx(landmarks[number + 15] * [-1.0, 1.0, 1.0])
    assert (pose.matrix == Pose.identity().matrix).all()  # one case stays as it is


def test_labels_without_fixed_places_have_no_landmarks() -> None:
    cases = [places_of(np.random.default_rng(seed).uniform(-1, 1, (30, 3))) for seed in range(4)]
    landmarks, poses = common_landmarks(cases, {})
    assert landmarks == {}
    assert all((pose.matrix == Pose.identity().matrix).all() for pose in poses)


def test_the_middle_of_a_label_needs_some_voxels() -> None:
    label_ids = np.array([3] * 40 + [5] * 6 + [7] * 4)
    coordinates = np.arange(150.0).reshape(50, 3)
    found = middles(label_ids, coordinates)
    assert set(found) == {3, 5}
    assert found[3][0] == pytest.approx([58.5, 59.5, 60.5])
    assert (found[3][1], found[5][1]) == (30.0, 6.0)
