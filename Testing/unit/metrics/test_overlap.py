"""Dice over a tree, against hand-worked values."""

from __future__ import annotations

import math

import numpy as np
import pytest

from semseg_core.labels.tree import Label, LabelTree
from semseg_core.metrics.confusion import ConfusionTable, confusion_table
from semseg_core.metrics.overlap import dice, mean_over, means_by_depth, means_by_level, reported_labels

CORTEX, WHITE, LEFT, RIGHT, FLUID = 3, 4, 2, 5, 6


def dice_of(truth: list[int], answer: list[int], tree: LabelTree) -> dict[str, float]:
    """Dice by name."""
    scores = dice(confusion_table(np.array(truth), np.array(answer), tree))
    return {label.name: score for label, score in zip(tree, scores.tolist(), strict=True)}


def test_dice_reproduces_the_values_worked_out_by_hand(ten_voxels: ConfusionTable) -> None:
    tree = ten_voxels.tree
    scores = dice(ten_voxels)
    by_name = {label.name: score for label, score in zip(tree, scores.tolist(), strict=True)}
    expected = {"X": 5 / 6, "Y": 0.75, "XX": 0.75, "x1": 0.5, "x2": 0.5, "x3": 0.5, "y1": 0.5, "y2": 0.5}
    assert {name: by_name[name] for name in expected} == pytest.approx(expected)
    levels = {"1": 0.7916666666666667, "2": 0.5625, "3": 0.5}
    assert means_by_level(scores, tree) == pytest.approx({**levels, "leaf": 0.5})
    assert means_by_depth(scores, tree) == pytest.approx(levels)


def test_levels_carry_shallow_leaves_down_and_depths_do_not(brain_tree: LabelTree) -> None:
    scores = np.array([1.0, 0.9, 0.5, 0.3, 0.8, 0.2])  # brain, left, cortex, white matter, right, fluid
    assert means_by_level(scores, brain_tree) == pytest.approx({"1": 1.9 / 3, "2": 1.8 / 4, "leaf": 1.8 / 4})
    assert means_by_depth(scores, brain_tree) == pytest.approx({"1": 1.9 / 3, "2": 0.4})


def test_an_answer_on_an_inner_label_is_a_miss_for_its_leaves_and_a_hit_above(brain_tree: LabelTree) -> None:
    found = dice_of([CORTEX, CORTEX, WHITE, RIGHT], [LEFT, CORTEX, LEFT, RIGHT], brain_tree)
    assert found["cortex"] == pytest.approx(2 / 3)
    assert found["white matter"] == 0.0
    assert found["left"] == 1.0
    assert math.isnan(found["fluid"])


def test_a_truth_on_an_inner_label_neither_helps_nor_hurts_the_leaves_below_it(brain_tree: LabelTree) -> None:
    found = dice_of([CORTEX, LEFT, LEFT, RIGHT], [CORTEX, CORTEX, WHITE, WHITE], brain_tree)
    assert found["cortex"] == 1.0
    assert found["white matter"] == 0.0  # answered on the right, where the truth does contradict it
    assert found["left"] == pytest.approx(2 * 3 / (3 + 4))


def test_answers_outside_the_truth_lower_dice_unless_they_are_left_out(brain_tree: LabelTree) -> None:
    truth, answer = np.array([RIGHT, 0, 0]), np.array([RIGHT, RIGHT, 0])
    right = brain_tree.position(RIGHT)
    assert dice(confusion_table(truth, answer, brain_tree))[right] == pytest.approx(2 / 3)
    assert dice(confusion_table(truth, answer, brain_tree, within_truth=True))[right] == 1.0


def test_the_mean_of_nothing_is_nan(brain_tree: LabelTree) -> None:
    assert math.isnan(mean_over(np.full(6, np.nan), brain_tree.leaves, brain_tree))


def test_a_tree_of_one_label_has_dice_of_its_leaf_alone() -> None:
    tree = LabelTree((Label(1, "organ", 1),))
    scores = dice(confusion_table(np.array([1, 1, 0]), np.array([1, 0, 0]), tree))
    assert means_by_level(scores, tree) == pytest.approx({"leaf": 2 / 3})
    assert reported_labels(tree) == tree.labels
