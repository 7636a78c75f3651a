"""Cases brought to common landmarks, so that coordinates mean the same in every one of them (`features/pose.py`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch

from semseg_core.features.layout import COORDINATES
from semseg_core.features.pose import LARGEST_MISFIT, Pose, common_landmarks, fit_pose, middles
from semseg_core.labels.pairs import mirror_images
from semseg_core.labels.tree import LabelTree
from semseg_core.train.rows import CaseRows

Landmarks = dict[int, tuple[float, float, float]]


def aligned(
    cases: Sequence[CaseRows], tree: LabelTree, earlier: Mapping[int, tuple[float, float, float]]
) -> tuple[list[CaseRows], Landmarks]:
    """Cases with coordinates in a common frame, and the landmarks of that frame for the model card.

    Args:
        cases: Rows with coordinates of their own bodies.
        tree: Their tree.
        earlier: Landmarks of a start model, which stay; else empty, and the cases agree on theirs.
    """
    places = [middles_of(case, tree) for case in cases]
    landmarks, poses = common_landmarks(places, mirror_images(tree))
    if earlier:
        known = {label_id: np.array(place) for label_id, place in earlier.items()}
        fits = [fit_pose(place, known) for place in places]
        poses = [pose if misfit <= LARGEST_MISFIT else Pose.identity() for pose, misfit in fits]
        landmarks = {**landmarks, **known}
    figures = {label_id: tuple(round(float(part), 4) for part in place) for label_id, place in landmarks.items()}
    return [posed(case, pose) for case, pose in zip(cases, poses, strict=True)], figures


def middles_of(case: CaseRows, tree: LabelTree) -> dict[int, tuple[np.ndarray, float]]:
    """Middles of the leaves that a case has marks of, its mirror image left out."""
    chosen = ~case.mirrored & np.isin(case.label_ids, [leaf.id for leaf in tree.leaves])
    coordinates = case.features[0, :, -len(COORDINATES) :].double().cpu().numpy()[chosen]
    return middles(case.label_ids[chosen], coordinates)


def posed(case: CaseRows, pose: Pose) -> CaseRows:
    """The case with coordinates mapped; rows of its mirror image stay the mirror images of what they show."""
    if (pose.matrix == Pose.identity().matrix).all():
        return case
    sides = np.where(case.mirrored, -1.0, 1.0)[:, None] * [1.0, 0.0, 0.0] + [0.0, 1.0, 1.0]
    coordinates = case.features[..., -len(COORDINATES) :].double().cpu().numpy()
    mapped = torch.as_tensor(sides * pose.apply(sides * coordinates), dtype=torch.float32, device=case.features.device)
    return replace(case, features=torch.cat([case.features[..., : -len(COORDINATES)], mapped], dim=-1))
