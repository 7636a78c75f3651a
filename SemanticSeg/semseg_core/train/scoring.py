"""Dice on held-back strokes, level by level, while training."""

from __future__ import annotations

import numpy as np
import torch

from semseg_core.labels.tree import LabelTree
from semseg_core.models.network import PointNetwork


class HeldBackScorer:
    """Scores a network on marks it was not trained on.

    A mark on an inner label counts at the levels where it says something: its own depth and above.

    Args:
        features: (M, F) on the network's device.
        targets: (M,) positions in depth-first order.
        tree: The label tree.
    """

    def __init__(self, features: torch.Tensor, targets: torch.Tensor, tree: LabelTree) -> None:
        self._features = features
        positions = targets.numpy()
        starts = np.array([start for start, _ in tree.leaf_ranges])[positions]
        depths = np.array(tree.depths)[positions]
        is_leaf = np.array([tree.is_leaf(label.id) for label in tree])[positions]
        self._levels: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]] = {}
        for level in range(1, tree.height + 1):
            groups = np.empty(len(tree.leaves), dtype=np.int64)
            for number, label in enumerate(tree.level_cut(level)):
                groups[slice(*tree.leaf_range(label.id))] = number
            known = is_leaf | (depths >= level)
            name = "leaf" if level == tree.height else str(level)
            self._levels[name] = (groups, known, groups[starts])

    def __call__(self, network: PointNetwork) -> dict[str, float]:
        """Mean Dice by level ("1", "2", …, "leaf") over the labels among marks or answers; empty when nothing was held back."""
        if not len(self._features):
            return {}
        network.eval()
        with torch.inference_mode():
            leaves = network(network.standardize(self._features)).argmax(dim=1).cpu().numpy()
        return {
            level: _mean_dice(truth[known], groups[leaves[known]])
            for level, (groups, known, truth) in self._levels.items()
            if known.any()
        }


def _mean_dice(truth: np.ndarray, answers: np.ndarray) -> float:
    """Mean Dice over the labels that occur in either, (n,) group numbers."""
    count = int(max(truth.max(), answers.max())) + 1
    sizes = np.bincount(truth, minlength=count) + np.bincount(answers, minlength=count)
    hits = np.bincount(truth[truth == answers], minlength=count)
    return float((2 * hits[sizes > 0] / sizes[sizes > 0]).mean())
