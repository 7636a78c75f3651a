"""Errors along the tree, against hand-worked values."""

from __future__ import annotations

import math

import numpy as np
import pytest

from semseg_core.labels.tree import Label, LabelTree
from semseg_core.metrics.confusion import ConfusionTable, confusion_table
from semseg_core.metrics.hierarchy import TreeScores, subtree_heights, tree_scores

X, X1, XX, X2, X3, Y, Y1, Y2 = range(2, 10)


def scores_of(truth: list[int], answer: list[int], tree: LabelTree, **options: bool) -> TreeScores:
    """All tree metrics of a few voxels."""
    return tree_scores(confusion_table(np.array(truth), np.array(answer), tree, **options))


def test_tree_metrics_reproduce_the_values_worked_out_by_hand(ten_voxels: ConfusionTable) -> None:
    found = tree_scores(ten_voxels)
    assert found.distance == pytest.approx(0.7)
    assert found.relative_distance == pytest.approx(0.2641509433962264)
    assert found.severity == pytest.approx(1.4)
    assert (found.ancestor_height, found.mistake_height) == pytest.approx((1.0, 2.0))
    assert (found.precision, found.recall, found.f1) == pytest.approx((2 / 3, 2 / 3, 2 / 3))
    assert (found.macro_precision, found.macro_recall) == pytest.approx((0.65, 2 / 3))
    assert (found.accuracy, found.caution, found.mistakes, found.coverage) == pytest.approx((0.5, 0.0, 0.5, 1.0))
    # Mistakes x1→x2 and y1→y2, y2→x1, x2→x3, x3→y1 part at X, Y, the root, XX and the root.
    assert found.mistakes_by_depth == pytest.approx({"0": 0.4, "1": 0.4, "2": 0.2})
    assert found.sibling_mistakes == pytest.approx(0.4)


def test_a_perfect_answer_has_no_error_and_no_severity(weighted_tree: LabelTree) -> None:
    found = scores_of([X1, X3, Y2], [X1, X3, Y2], weighted_tree)
    assert (found.accuracy, found.distance, found.f1, found.coverage) == (1.0, 0.0, 1.0, 1.0)
    assert math.isnan(found.severity)
    assert math.isnan(found.sibling_mistakes)
    assert found.mistakes_by_depth == {}


def test_backing_off_to_an_ancestor_is_cautious_and_costs_the_way_down(weighted_tree: LabelTree) -> None:
    found = scores_of([X2, X2], [X, X2], weighted_tree)
    assert found.distance == pytest.approx((0.4 + 0.2) / 2)
    assert (found.accuracy, found.caution, found.mistakes) == (0.5, 0.5, 0.0)
    assert math.isnan(found.severity)
    assert (found.precision, found.recall) == pytest.approx((1.0, 4 / 6))


def test_unknown_and_the_root_are_the_same_answer(weighted_tree: LabelTree) -> None:
    for nothing in (0, 1):
        found = scores_of([X2, Y1], [nothing, Y1], weighted_tree)
        assert found.distance == pytest.approx((1.0 + 0.4 + 0.2) / 2)
        assert (found.coverage, found.caution, found.mistakes) == (0.5, 0.5, 0.0)
        assert (found.precision, found.recall) == pytest.approx((1.0, 2 / 5))
        assert found.macro_precision == 1.0


def test_an_answer_below_an_inner_truth_is_correct(weighted_tree: LabelTree) -> None:
    found = scores_of([X, X, X], [X, X3, Y], weighted_tree)
    assert found.accuracy == pytest.approx(2 / 3)
    assert found.distance == pytest.approx((1.0 + 0.7) / 3)
    assert found.severity == pytest.approx(1.7)


def test_answers_outside_the_truth_lower_precision_alone(weighted_tree: LabelTree) -> None:
    inside = scores_of([X1, 0], [X1, X1], weighted_tree, within_truth=True)
    whole = scores_of([X1, 0], [X1, X1], weighted_tree)
    assert (inside.precision, whole.precision) == (1.0, 0.5)
    assert (whole.accuracy, whole.distance, whole.recall, whole.coverage) == (1.0, 0.0, 1.0, 1.0)


def test_all_wrong_at_the_top_has_f1_zero(weighted_tree: LabelTree) -> None:
    found = scores_of([X1, X2], [Y1, Y2], weighted_tree)
    assert (found.precision, found.recall, found.f1) == (0.0, 0.0, 0.0)
    assert found.mistakes_by_depth == {"0": 1.0, "1": 0.0, "2": 0.0}


def test_nothing_answered_has_no_precision(weighted_tree: LabelTree) -> None:
    found = scores_of([X1, X2], [0, 0], weighted_tree)
    assert math.isnan(found.precision)
    assert math.isnan(found.f1)
    assert (found.recall, found.coverage) == (0.0, 0.0)


def test_a_tree_of_one_label_has_accuracy_and_nothing_to_measure_along() -> None:
    found = scores_of([1, 1], [1, 0], LabelTree((Label(1, "organ", 1),)))
    assert (found.accuracy, found.coverage, found.distance) == (0.5, 0.5, 0.0)
    assert math.isnan(found.relative_distance)
    assert math.isnan(found.precision)


def test_heights_count_edges_to_the_deepest_leaf(weighted_tree: LabelTree) -> None:
    assert dict(zip((label.name for label in weighted_tree), subtree_heights(weighted_tree), strict=True)) == {
        "root": 3, "X": 2, "x1": 0, "XX": 1, "x2": 0, "x3": 0, "Y": 1, "y1": 0, "y2": 0
    }  # fmt: skip
