"""How far confidences lie from the part that is right: as shown, of the softmax, and of one with a temperature."""

from __future__ import annotations

import numpy as np
import torch
from scipy.optimize import minimize_scalar

from semseg_core.labels.tree import LabelTree
from semseg_core.metrics.unknown import calibration_error
from semseg_core.models.network import PointNetwork, open_softmax
from semseg_core.train import loop
from semseg_core.train.config import TrainConfig
from semseg_core.train.rows import CaseRows
from semseg_core.train.scoring import UNKNOWN, HeldBackScorer
from semseg_core.train.unknown import train_rows

COOLEST, HOTTEST = 0.2, 5.0


class Warmer(HeldBackScorer):
    """Fits a temperature where thresholds are found: to strokes that the network of that moment has not seen."""

    temperature = 1.0

    def __init__(self, features: torch.Tensor, targets: torch.Tensor, tree: LabelTree) -> None:
        super().__init__(features, targets, tree)
        starts = torch.tensor([tree.leaf_range(label.id)[0] for label in tree])
        at_leaf = torch.tensor([tree.is_leaf(label.id) for label in tree])[targets]
        self._rows, self._answers = features[at_leaf], starts[targets[at_leaf]]

    def thresholds(self, network: PointNetwork) -> dict[str, float]:
        """Those of the scorer; the temperature is left in the class."""
        with torch.inference_mode():
            logits = network(network.standardize(self._rows))

        def surprise(logarithm: float) -> float:
            return float(torch.nn.functional.cross_entropy(logits / np.exp(logarithm), self._answers))

        found = minimize_scalar(surprise, bounds=(np.log(COOLEST), np.log(HOTTEST)), method="bounded")
        Warmer.temperature = float(np.exp(found.x))
        return super().thresholds(network)


def calibration_errors(
    rows: CaseRows, features: torch.Tensor, label_ids: np.ndarray, tree: LabelTree, config: TrainConfig
) -> dict[str, float]:
    """Train on all labels; expected calibration errors on tested voxels, and what they come from.

    Args:
        rows: Of strokes.
        features: Of tested voxels, (M, F).
        label_ids: Their labels, (M,), leaves.
        tree: The tree.
        config: How to train.
    """
    loop.HeldBackScorer = Warmer
    try:
        trained = train_rows([rows], tree, config)
    finally:
        loop.HeldBackScorer = HeldBackScorer
    with torch.inference_mode():
        network = trained.network
        logits = torch.cat([network(network.standardize(part)) for part in features.split(1 << 13)])
    ids = np.array([leaf.id for leaf in tree.leaves])
    found, right = {"right": 0.0, "temperature": Warmer.temperature}, ids[logits.argmax(dim=1).numpy()] == label_ids
    ways = {
        "softmax": logits.softmax(dim=1),
        "with temperature": (logits / Warmer.temperature).softmax(dim=1),
        "as shown": open_softmax(logits, trained.recommended.get(UNKNOWN)),
    }
    for name, probabilities in ways.items():
        found[name] = calibration_error(probabilities.max(dim=1).values.numpy(), right)
    return {**found, "right": float(right.mean())}
