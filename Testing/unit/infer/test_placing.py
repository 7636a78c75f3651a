"""The body is found in a new image by the labels that a model sees there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from semseg_core.data.intensity import IntensityRule
from semseg_core.data.volume import Volume
from semseg_core.errors import CancelledError
from semseg_core.features.bank import build_feature_bank
from semseg_core.features.layout import feature_names
from semseg_core.geometry import Grid
from semseg_core.infer.placing import placed
from semseg_core.labels.label import Label
from semseg_core.labels.tree import LabelTree
from semseg_core.models.card import ModelCard
from semseg_core.models.shape import NetworkShape

PARTS = 27
TREE = LabelTree((Label(1, "body", 1), *(Label(number, f"part {number}", number, 1) for number in range(2, PARTS + 2))), "parts")


class ByBrightness(torch.nn.Module):
    """Knows a part by its brightness, and is the surer the nearer it lies to its landmark; borders resemble nothing it knows."""

    def __init__(self, landmarks: np.ndarray) -> None:
        super().__init__()
        self.landmarks = torch.as_tensor(landmarks, dtype=torch.float32)

    def standardize(self, features: torch.Tensor) -> torch.Tensor:
        return features

    def decide(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        part = (features[:, 0] * 2 * PARTS - PARTS).round().long().clamp(0, PARTS - 1)
        distance = (features[:, -3:] - self.landmarks[part]).norm(dim=1)
        flat = -features[:, 1:4].norm(dim=1)
        return torch.nn.functional.one_hot(part, PARTS) * (8.0 - distance)[:, None], flat


@pytest.fixture
def scene() -> tuple[Volume, np.ndarray]:
    """A body of 3 × 3 × 3 boxes of different brightness, low in the picture; and where the model learned their middles to be."""
    grid = Grid((40, 30, 30), np.diag((2.0, 2.0, 2.0, 1.0)))
    array = np.zeros(grid.shape, dtype=np.float32)
    middles = np.zeros((PARTS, 3))
    for part, (k, j, i) in enumerate(np.ndindex(3, 3, 3)):
        box = slice(2 + 8 * k, 10 + 8 * k), slice(3 + 8 * j, 11 + 8 * j), slice(3 + 8 * i, 11 + 8 * i)
        array[box] = (part + PARTS) / (2 * PARTS)  # none so dark that it is air
        middles[part] = (i - 1) * 0.66, (j - 1) * 0.66, (k - 1) * 0.66
    # In the images learned from, a neck made the body longer: the boxes lay higher and closer together along S.
    middles[:, 2] = middles[:, 2] * 0.7 + 0.25
    return Volume(array[None], grid, ("image",)), middles


def card_of(landmarks: dict[int, tuple[float, float, float]]) -> ModelCard:
    shape = NetworkShape(len(feature_names(("image",))))
    rules = (IntensityRule("image"),)
    return ModelCard(
        TREE, ("image",), rules, (2.0,) * 3, shape, "cross-entropy", False, known_floor=-0.005, landmarks=landmarks
    )


def test_coordinates_become_those_of_the_landmarks(scene: tuple[Volume, np.ndarray]) -> None:
    volume, middles = scene
    bank = build_feature_bank(volume, (2.0, 2.0, 2.0))
    card = card_of({number: tuple(place) for number, place in enumerate(middles, start=2)})
    found = placed(bank, ByBrightness(middles), card)
    centers = np.array([(2 + 8 * k + 3.5, 3 + 8 * j + 3.5, 3 + 8 * i + 3.5) for k, j, i in np.ndindex(3, 3, 3)])
    points = torch.as_tensor(volume.grid.index_to_ras(centers), dtype=torch.float32)
    before, after = (each.body_coordinates(points).numpy() for each in (bank, found))
    assert np.abs(before - middles).max() > 0.25
    assert np.abs(after - middles).max() < 0.08
    assert torch.equal(found.sample(points)[:, :-3], bank.sample(points)[:, :-3])


def test_without_landmarks_or_with_senseless_ones_nothing_moves(scene: tuple[Volume, np.ndarray]) -> None:
    volume, middles = scene
    bank = build_feature_bank(volume, (2.0, 2.0, 2.0))
    assert placed(bank, ByBrightness(middles), card_of({})) is bank
    shuffled = np.random.default_rng(0).permutation(middles)
    card = card_of({number: tuple(place) for number, place in enumerate(shuffled, start=2)})
    assert (placed(bank, ByBrightness(shuffled), card).pose.matrix == bank.pose.matrix).all()


def test_finding_the_body_can_be_cancelled(scene: tuple[Volume, np.ndarray]) -> None:
    volume, middles = scene
    card = replace(card_of({2: (0.0, 0.0, 0.0)}), known_floor=None)
    with pytest.raises(CancelledError):
        placed(build_feature_bank(volume, (2.0, 2.0, 2.0)), ByBrightness(middles), card, cancelled=lambda: True)
