"""Finding the pose of a body in a new image: the model answers roughly, its answers say where the labels are, and again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from semseg_core.errors import CancelledError
from semseg_core.features.bank import FeatureBank
from semseg_core.features.layout import COORDINATES
from semseg_core.features.pose import LARGEST_MISFIT, Pose, fit_pose, middles
from semseg_core.models.card import ModelCard
from semseg_core.models.network import PointNetwork

POINTS = 24_000
"""Random voxels of the body that are asked: some 50 for each of 148 labels in a head."""

ROUNDS, STRIDE = 6, 1.7
"""Of fitting, and how much farther than fitted each goes: answers lag behind the place they should be at. With a stride of 1 it
takes twice as many; with 3 they swing."""


def placed(
    bank: FeatureBank, network: PointNetwork, card: ModelCard, cancelled: Callable[[], bool] = bool, seed: int = 0
) -> FeatureBank:
    """The bank with coordinates as those that the model learned from; as it was where the model knows no landmarks.

    Of all poses tried that of the highest certainty is kept. On three unseen IXI subjects, after strokes on five others, leaf
    Dice in the brain rose from 0.596 to 0.666.

    Args:
        bank: Features of the volume.
        network: On the bank's device.
        card: Has the landmarks.
        cancelled: Asked before each round.
        seed: Of the drawn voxels.

    Raises:
        CancelledError: If `cancelled` said so.
    """
    if not card.landmarks:
        return bank
    landmarks = {label_id: np.array(place) for label_id, place in card.landmarks.items()}
    leaves = np.array([leaf.id for leaf in card.tree.leaves])
    device = bank.depth.maps.device
    points = torch.as_tensor(bank.random_points(POINTS, np.random.default_rng(seed)), dtype=torch.float32, device=device)
    features = bank.sample(points)
    plain = features[:, -len(COORDINATES) :].double().cpu().numpy()
    network.eval()
    pose, best, highest = bank.pose, bank.pose, 0.0
    for _ in range(ROUNDS + 1):
        if cancelled():
            raise CancelledError("cancelled while the body was located")
        features[:, -len(COORDINATES) :] = torch.as_tensor(pose.apply(plain), dtype=torch.float32, device=device)
        answers, certainty, known = _ask(network, features, card.known_floor)
        if certainty > highest:
            best, highest = pose, certainty
        fitted, misfit = fit_pose(middles(leaves[answers[known]], plain[known]), landmarks)
        if misfit > LARGEST_MISFIT:
            break
        pose = Pose(pose.matrix + STRIDE * (fitted.matrix - pose.matrix))
    return replace(bank, pose=best)


def _ask(network: PointNetwork, features: torch.Tensor, floor: float | None) -> tuple[np.ndarray, float, np.ndarray]:
    """Index of the likeliest leaf of each point, the mean certainty of known ones, and which are known."""
    answers, certainty, known = [], [], []
    with torch.inference_mode():
        for rows in features.split(1 << 13):
            logits, resembling = network.decide(network.standardize(rows))
            best = logits.softmax(dim=1).max(dim=1)
            answers.append(best.indices.cpu().numpy())
            certainty.append(best.values.cpu().numpy())
            told = resembling is not None and floor is not None
            known.append((resembling >= floor).cpu().numpy() if told else np.ones(len(rows), dtype=bool))
    told, sure = np.concatenate(known), np.concatenate(certainty)
    return np.concatenate(answers), float(sure[told].mean()) if told.any() else 0.0, told
