"""Where a body lies in its picture, told by where its labels are.

The frame of the imaged anatomy (`features/anatomy.py`) moves with the field of view: a longer neck shifts every coordinate of a
brain. Labels do not: the affine map that brings the middles of a subject's labels to those of the subjects learned from makes
coordinates mean the same in all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

Places = Mapping[int, tuple[np.ndarray, float]]
"""Middle of each label in body coordinates, (3,) along R, A, S, and its weight."""

LEAST_MARKS, ENOUGH_MARKS = 5, 30
"""Voxels of a label from which its middle means something, and from which more do not count for more."""

LEAST_LABELS = 12
"""Labels from which a pose is fitted: four for each of its three rows."""

RIDGE = 2e-3
"""Pull towards no change, beside weights that sum to 1."""

ROUNDS = 5
"""Of fitting all cases to their common middles: the sixth changes nothing to a thousandth of the body."""

LARGEST_MISFIT = 0.12
"""Median distance, in halves of a body, between labels and landmarks beyond which labels have no fixed places, as instruments
in a surgical scene. Five IXI subjects have 0.05 before and 0.03 after."""


@dataclass(frozen=True, eq=False)
class Pose:
    """An affine map of body coordinates.

    Args:
        matrix: (4, 3) float64: three rows that multiply coordinates from the right, then what is added.
    """

    matrix: np.ndarray

    @classmethod
    def identity(cls) -> Pose:
        """The pose that changes nothing."""
        return cls(np.vstack([np.eye(3), np.zeros((1, 3))]))

    def apply(self, coordinates: np.ndarray) -> np.ndarray:
        """Mapped coordinates, (N, 3) float64."""
        return coordinates @ self.matrix[:3] + self.matrix[3]


def middles(label_ids: np.ndarray, coordinates: np.ndarray) -> dict[int, tuple[np.ndarray, float]]:
    """The middle of each label that has enough voxels.

    Args:
        label_ids: (N,) labels of voxels.
        coordinates: (N, 3) body coordinates.
    """
    found = {}
    for label_id in np.unique(label_ids).tolist():
        own = coordinates[label_ids == label_id]
        if len(own) >= LEAST_MARKS:
            found[label_id] = (own.mean(axis=0), float(min(len(own), ENOUGH_MARKS)))
    return found


def fit_pose(places: Places, landmarks: Mapping[int, np.ndarray]) -> tuple[Pose, float]:
    """The pose that brings labels to their landmarks, and the median distance that remains; infinite where too few are common.

    Robust least squares: ten rounds of weights that fall with the distance (Cauchy), since some labels are always wrong.
    """
    common = [label_id for label_id in places if label_id in landmarks]
    if len(common) < LEAST_LABELS:
        return Pose.identity(), np.inf
    source = np.array([[*places[label_id][0], 1.0] for label_id in common])
    target = np.array([landmarks[label_id] for label_id in common])
    weights = np.array([places[label_id][1] for label_id in common])
    pull = RIDGE * np.diag([1.0, 1.0, 1.0, 0.1])
    trust = np.ones(len(common))
    for _ in range(10):
        share = (weights * trust / (weights * trust).sum())[:, None]
        matrix = np.linalg.solve((source * share).T @ source + pull, (source * share).T @ target + pull[:, :3])
        distance = np.linalg.norm(source @ matrix - target, axis=1)
        trust = 1.0 / (1.0 + (distance / max(np.median(distance), 1e-9)) ** 2)
    return Pose(matrix), float(np.median(distance))


def common_landmarks(cases: Sequence[Places], images: Mapping[int, int]) -> tuple[dict[int, np.ndarray], list[Pose]]:
    """Landmarks that all cases agree on, and the pose of each case.

    Args:
        cases: Middles of labels, case by case.
        images: From `mirror_images`: landmarks are symmetric where labels are.

    Returns:
        Landmarks by label, none where labels have no fixed places; and one pose per case, without change for a single case.
    """
    poses = [Pose.identity() for _ in cases]
    landmarks = _mean_places(cases, poses, images)
    if len(cases) == 1 or len(landmarks) < LEAST_LABELS:
        return landmarks if len(landmarks) >= LEAST_LABELS else {}, poses
    misfit = np.inf
    for _ in range(ROUNDS):
        fits = [fit_pose(case, landmarks) for case in cases]
        # The mean of all poses stays no change: else the body would shrink from round to round.
        mean = np.mean([pose.matrix for pose, _ in fits], axis=0)
        poses = [Pose(np.vstack([pose.matrix[:3], pose.matrix[3] - mean[3]]) @ np.linalg.inv(mean[:3])) for pose, _ in fits]
        landmarks = _mean_places(cases, poses, images)
        misfit = float(np.median([distance for _, distance in fits]))
    if misfit > LARGEST_MISFIT:
        return {}, [Pose.identity() for _ in cases]
    return landmarks, poses


def _mean_places(cases: Sequence[Places], poses: Sequence[Pose], images: Mapping[int, int]) -> dict[int, np.ndarray]:
    """Middle of each label over all cases, and where it has a mirror image over that, too."""
    gathered: dict[int, list[np.ndarray]] = {}
    for case, pose in zip(cases, poses, strict=True):
        for label_id, (place, _) in case.items():
            mapped = pose.apply(place[None])[0]
            gathered.setdefault(label_id, []).append(mapped)
            image = images.get(label_id, label_id)
            if image != label_id:
                gathered.setdefault(image, []).append(mapped * [-1.0, 1.0, 1.0])
    return {label_id: np.mean(places, axis=0) for label_id, places in sorted(gathered.items())}
