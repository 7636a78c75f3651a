"""What held-back strokes tell while training, level by level: Dice as `semseg evaluate` has it, and a confidence to ask for."""

from __future__ import annotations

import math

import numpy as np
import torch

from semseg_core.labels.encode import level_of_leaves
from semseg_core.labels.tree import Label, LabelTree
from semseg_core.metrics.confusion import confusion_table
from semseg_core.metrics.overlap import dice, means_by_level
from semseg_core.metrics.unknown import KEPT_RIGHT, keeping_threshold
from semseg_core.models.network import PointNetwork, open_softmax

KNOWN_LOST = 0.005
"""Share of the marks that may be taken for unknown."""

UNKNOWN = "unknown logit"
"""Under this name the thresholds hold the logit of what nobody taught, for the model card; beside those of the levels."""

FLOORS = (-3.0, -2.75, -2.5, -2.25, -2.0, -1.75, -1.5)
"""Among these the floor under `known` is sought: tissue that is marked 20 to 5 times more seldom than it occurs.

On IXI132 with 8 and 2 scribbled slices per orientation -1.75 lets 3.4 and 2.9 % of the tissue outside the brain pass, and 98 and
93 % of the brain. On a brain without its head around, where nothing is unknown, it would take away 8 %, -2.5 nothing.
"""


def known_floor(network: PointNetwork, marked: torch.Tensor, unmarked: torch.Tensor) -> float | None:
    """The output of `known` from which a voxel is taken for known, for the model card.

    It lies where the fewest voxels of the body do, between those that resemble marks and those that do not; lower, if need be, so
    that nearly all marks reach it.

    Args:
        network: On the features' device.
        marked: Features of marks, (N, F).
        unmarked: Features of other voxels of the body, (U, F).
    """
    if network.known is None or not len(marked) or not len(unmarked):
        return None
    network.eval()
    with torch.inference_mode():
        marks, others = (
            torch.cat([network.known(network.standardize(rows)) for rows in features.split(1 << 14)]).double().cpu().numpy()
            for features in (marked, unmarked)
        )
    counts = np.histogram(others, bins=FLOORS)[0]
    return min(float(np.quantile(marks, KNOWN_LOST)), FLOORS[int(np.argmin(counts))])


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
        leaves = self._logits(network).argmax(dim=1).cpu().numpy()
        table = confusion_table(self._truth, self._leaves[leaves], self._tree, within_truth=True)
        scores = means_by_level(dice(table), self._tree)
        deepest = str(self._tree.height)  # the same as "leaf"
        return {level: value for level, value in scores.items() if level != deepest and math.isfinite(value)}

    def thresholds(self, network: PointNetwork) -> dict[str, float]:
        """By level, the greatest least confidence that keeps 95 % of the right answers; only levels at which marks are known.

        Under `UNKNOWN` the logit of what nobody taught, which 95 % of these strokes exceed. Only strokes that the network has not
        seen tell: of those it has learned 99.5 % exceed one that left confidences on a CT 0.14 below the part that was right;
        this one's were 0.01 above.
        """
        logits = self._logits(network)
        unknown = float(np.quantile(logits.logsumexp(dim=1).double().cpu().numpy(), 1.0 - KEPT_RIGHT))
        found = {UNKNOWN: unknown} if math.isfinite(unknown) else {}  # a training that diverged has none
        probabilities = open_softmax(logits, found.get(UNKNOWN))
        for level in range(1, self._tree.height + 1):
            cut = self._tree.level_cut(level)
            under = torch.from_numpy(level_of_leaves(self._tree, level)).to(probabilities.device)
            masses = probabilities.new_zeros(len(probabilities), len(cut)).index_add_(1, under, probabilities)
            confidence, answers = (part.cpu().numpy() for part in masses.max(dim=1))
            known = {label_id: self._place(cut, label_id) for label_id in np.unique(self._truth).tolist()}
            truth = np.array([known[label_id] for label_id in self._truth.tolist()])
            told = truth >= 0  # a mark above the cut does not say which of its labels is right
            if told.any():
                name = "leaf" if level == self._tree.height else str(level)
                found[name] = keeping_threshold(confidence[told], (answers == truth)[told])
        return found

    def _logits(self, network: PointNetwork) -> torch.Tensor:
        network.eval()
        with torch.inference_mode():
            return network(network.standardize(self._features))

    def _place(self, cut: tuple[Label, ...], label_id: int) -> int:
        """Index of the label of a cut that covers a label; -1 where none does."""
        return next((index for index, label in enumerate(cut) if self._tree.covers(label.id, label_id)), -1)
