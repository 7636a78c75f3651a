"""Dice on held-back marks, by hand."""

from __future__ import annotations

import math

import pytest
import torch

from semseg_core.labels.tree import LabelTree
from semseg_core.train.scoring import UNKNOWN, HeldBackScorer

CORTEX, WHITE, RIGHT, FLUID = range(4)


class Answers(torch.nn.Module):
    """A network whose inputs are the leaves it is to answer."""

    def standardize(self, features: torch.Tensor) -> torch.Tensor:
        return features

    def forward(self, leaves: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.one_hot(leaves[:, 0].long(), 4).float()


def scores(tree: LabelTree, marks: list[int], answers: list[int]) -> dict[str, float]:
    """Scores of answers (leaf indices) at marks (label ids)."""
    targets = torch.tensor([tree.position(label_id) for label_id in marks])
    return HeldBackScorer(torch.tensor(answers, dtype=torch.float32)[:, None], targets, tree)(Answers())


def test_right_answers_score_one_at_every_level(brain_tree: LabelTree) -> None:
    assert scores(brain_tree, [3, 4, 5, 6], [CORTEX, WHITE, RIGHT, FLUID]) == {"1": 1.0, "leaf": 1.0}


def test_a_mistake_within_a_group_costs_nothing_above_it(brain_tree: LabelTree) -> None:
    found = scores(brain_tree, [3, 3, 4, 5], [CORTEX, WHITE, WHITE, RIGHT])
    assert found["1"] == 1.0
    # Cortex 2·1/(2+1), white matter 2·1/(1+2), right 1.
    assert found["leaf"] == pytest.approx((2 / 3 + 2 / 3 + 1) / 3)


def test_a_mistake_across_groups_costs_at_every_level(brain_tree: LabelTree) -> None:
    found = scores(brain_tree, [3, 3, 5, 5], [CORTEX, RIGHT, RIGHT, RIGHT])
    # Left: 2·1/(2+1); right: 2·2/(2+3).
    assert found["1"] == pytest.approx((2 / 3 + 4 / 5) / 2)
    assert found["leaf"] == pytest.approx((2 / 3 + 4 / 5) / 2)


def test_a_mark_on_an_inner_label_counts_down_to_its_own_level(brain_tree: LabelTree) -> None:
    found = scores(brain_tree, [2, 2, 5], [CORTEX, WHITE, RIGHT])
    assert found["1"] == 1.0
    assert found["leaf"] == 1.0  # of the leaves, only right is known


def test_nothing_held_back_scores_nothing(brain_tree: LabelTree) -> None:
    scorer = HeldBackScorer(torch.zeros(0, 1), torch.zeros(0, dtype=torch.int64), brain_tree)
    assert scorer(Answers()) == {}


class Doubtful(Answers):
    """A network whose inputs are the logarithms' arguments, so that their sum is what the logits come to."""

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return rows.log()


def test_the_unknown_logit_is_likelier_than_the_leaves_for_a_twentieth_of_the_marks(brain_tree: LabelTree) -> None:
    marks = torch.full((1001, 4), 0.25) * torch.arange(1, 1002)[:, None]  # the logits of the nth come to log n
    targets = torch.full((1001,), brain_tree.position(5))
    found = HeldBackScorer(marks, targets, brain_tree).thresholds(Doubtful())
    assert found[UNKNOWN] == pytest.approx(math.log(51), abs=1e-4)


def test_the_recommended_confidence_keeps_the_right_answers_of_each_level(brain_tree: LabelTree) -> None:
    # Cortex, white matter, right, fluid: right, right, wrong within the group, and a mark that is known on level 1 only.
    probabilities = torch.tensor([[0.7, 0.1, 0.1, 0.1], [0.2, 0.6, 0.1, 0.1], [0.4, 0.3, 0.2, 0.1], [0.25, 0.24, 0.3, 0.21]])
    targets = torch.tensor([brain_tree.position(label_id) for label_id in (3, 4, 4, 2)])
    found = HeldBackScorer(probabilities, targets, brain_tree).thresholds(Doubtful())
    # All logits come to log 1, so that the unknown is as likely as all leaves together.
    assert found == {"1": pytest.approx(0.24), "leaf": pytest.approx(0.3), UNKNOWN: pytest.approx(0.0, abs=1e-6)}
