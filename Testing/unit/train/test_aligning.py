"""Cases brought to common landmarks."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from semseg_core.features.pose import Pose
from semseg_core.labels.label import Label
from semseg_core.labels.tree import LabelTree
from semseg_core.train.aligning import aligned, middles_of, posed
from semseg_core.train.rows import CaseRows

TREE = LabelTree((Label(1, "body", 1), *(Label(number, f"part {number}", number, 1) for number in range(2, 22))), "parts")
PLACES = np.random.default_rng(0).uniform(-0.8, 0.8, (20, 3))


def case_of(places: np.ndarray, mirrored: bool = False) -> CaseRows:
    """Six marks around the place of each part; features are two numbers and the coordinates."""
    label_ids = np.repeat(np.arange(2, 22), 6)
    coordinates = np.repeat(places, 6, axis=0) + np.tile(np.array([[0.01], [-0.01]]), (60, 3))
    features = torch.as_tensor(np.c_[np.zeros((120, 2)), coordinates], dtype=torch.float32)[None]
    nothing = np.zeros(120, dtype=bool)
    return CaseRows(features, label_ids, nothing, ~nothing, nothing | mirrored)


def test_equal_labels_of_all_cases_come_to_equal_places() -> None:
    moved = PLACES * [1.0, 1.2, 0.9] + [0.0, 0.1, -0.1]
    cases, landmarks = aligned([case_of(PLACES), case_of(moved)], TREE, {})
    first, second = (np.array([middle for middle, _ in middles_of(case, TREE).values()]) for case in cases)
    assert np.abs(first - second).max() < 0.03 < np.abs(PLACES - moved).max()
    assert np.array(list(landmarks.values())) == pytest.approx((first + second) / 2, abs=1e-3)
    assert torch.equal(cases[0].features[..., :2], case_of(PLACES).features[..., :2])


def test_a_start_model_keeps_its_landmarks() -> None:
    earlier = {number: tuple(place) for number, place in enumerate(PLACES, start=2)}
    moved = PLACES * [1.0, 1.2, 0.9] + [0.0, 0.1, -0.1]
    (case,), landmarks = aligned([case_of(moved)], TREE, earlier)
    assert landmarks == {number: tuple(round(float(part), 4) for part in place) for number, place in earlier.items()}
    found = np.array([middle for middle, _ in middles_of(case, TREE).values()])
    assert found == pytest.approx(PLACES, abs=0.03)


def test_mirror_images_stay_mirror_images() -> None:
    """What is moved to the right in the picture moves to the left in its mirror image."""
    pose = Pose(np.vstack([np.eye(3), [[0.3, 0.1, 0.0]]]))
    plain, mirror = (posed(case_of(PLACES, mirrored), pose).features[0, :, -3:] for mirrored in (False, True))
    coordinates = case_of(PLACES).features[0, :, -3:]
    assert torch.allclose(plain, coordinates + torch.tensor([0.3, 0.1, 0.0]))
    assert torch.allclose(mirror, coordinates + torch.tensor([-0.3, 0.1, 0.0]))
