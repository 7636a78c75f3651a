"""Dice on held-back strokes, level by level, while training; scored as `semseg evaluate` scores."""

from __future__ import annotations

import math

import numpy as np
import torch

from semseg_core.labels.tree import LabelTree
from semseg_core.metrics.confusion import confusion_table
from semseg_core.metrics.overlap import dice, means_by_level
from semseg_core.models.network import PointNetwork


class HeldBackScorer:
    """Scores a network on marks it was not trained on.

    Args:
        features: (M, F) on the network's device.
        targets: (M,) positions in depth-first order.
        tree: The label tree.
    """

    def __init__(self, features: torch.Tensor, targets: torch.Tensor, tree: LabelTree) -> None:
        self._features = features
        self._tree = tree
        self._truth = np.array([label.id for label in tree])[targets.numpy()]
        self._leaves = np.array([leaf.id for leaf in tree.leaves])

    def __call__(self, network: PointNetwork) -> dict[str, float]:
        """Mean Dice by level ("1", "2", …, "leaf") over the labels among marks or answers; empty when nothing was held back."""
        if not len(self._features):
            return {}
        network.eval()
        with torch.inference_mode():
            leaves = network(network.standardize(self._features)).argmax(dim=1).cpu().numpy()
        table = confusion_table(self._truth, self._leaves[leaves], self._tree, within_truth=True)
        scores = means_by_level(dice(table), self._tree)
        deepest = str(self._tree.height)  # the same as "leaf"
        return {level: value for level, value in scores.items() if level != deepest and math.isfinite(value)}
