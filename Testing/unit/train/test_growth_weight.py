"""The weight of grown marks: none where they are wrong, much where they alone are right, and none is guessed from a handful."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from semseg_core.labels.tree import LabelTree
from semseg_core.train.growth_weight import DEFAULT_WEIGHT, LEAST_HELD, WEIGHTS, GrowthTrust

COUNT = 400


class Logits(torch.nn.Module):
    """Says what it is given."""

    def standardize(self, features: torch.Tensor) -> torch.Tensor:
        return features

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return features


def trust(tree: LabelTree, sure: float, right: float, grown_right: float, count: int = COUNT) -> GrowthTrust:
    """Marks of which a network foretells a share, `sure` of itself, and growing another."""
    rng = np.random.default_rng(0)
    leaves = np.array([tree.position(leaf.id) for leaf in tree.leaves])
    truth = rng.integers(len(leaves), size=count)

    def foretold(share: float) -> np.ndarray:
        return np.where(rng.random(count) < share, truth, rng.integers(len(leaves), size=count))

    logits = torch.zeros(count, len(leaves))
    logits[torch.arange(count), torch.from_numpy(foretold(right))] = sure
    grown = torch.from_numpy(leaves[foretold(grown_right)])
    return GrowthTrust(logits, torch.from_numpy(leaves[truth]), grown, torch.full((count,), 1.0 / count), tree)


@pytest.mark.parametrize(("sure", "right", "grown_right", "low", "high"), [
    (3.0, 0.9, 0.0, 0.0, 0.0),  # growing guesses
    (3.0, 0.0, 0.95, 6.0, 6.0),  # the network guesses
    (3.0, 0.7, 0.7, 2.0, 6.0),
    (30.0, 0.7, 0.9, 6.0, 6.0),  # too certain of itself, which a temperature allows for
])  # fmt: skip
def test_the_weight_follows_who_is_right(brain_tree: LabelTree, sure, right, grown_right, low, high) -> None:
    weight = trust(brain_tree, sure, right, grown_right)(Logits())
    assert weight in WEIGHTS
    assert low <= weight <= high


def test_of_an_inner_label_any_leaf_is_right(brain_tree: LabelTree) -> None:
    """All truth and all that grew is the root: nothing is foretold better or worse by any weight, so the first is taken."""
    told = trust(brain_tree, 3.0, 0.5, 0.5)
    root = torch.full((COUNT,), brain_tree.position(brain_tree.root.id))
    assert GrowthTrust(told.features, root, root, told.weights, brain_tree)(Logits()) == WEIGHTS[0]


def test_a_handful_tells_nothing(brain_tree: LabelTree) -> None:
    assert trust(brain_tree, 3.0, 0.9, 0.0, LEAST_HELD - 1)(Logits()) == DEFAULT_WEIGHT
    assert trust(brain_tree, 3.0, 0.9, 0.0, LEAST_HELD)(Logits()) == 0.0
