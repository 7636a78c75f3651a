"""Overlap and tree metrics equal their definitions, applied voxel by voxel with sets, on random trees."""

from __future__ import annotations

import math
from statistics import fmean

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semseg_core.labels.encode import leaf_distances
from semseg_core.labels.tree import Label, LabelTree
from semseg_core.metrics.confusion import confusion_table
from semseg_core.metrics.hierarchy import largest_leaf_distance, tree_scores
from semseg_core.metrics.overlap import dice


@st.composite
def labelled_voxels(draw: st.DrawFn) -> tuple[LabelTree, np.ndarray, np.ndarray]:
    """A ragged tree of 2 to 9 labels, and truth and answers on any of them, or unknown."""
    count = draw(st.integers(2, 9))
    labels = [Label(1, "1", 1)]
    labels += [
        Label(i, str(i), i, parent=draw(st.integers(1, i - 1)), length=draw(st.floats(0.1, 3.0))) for i in range(2, count + 1)
    ]
    voxels = st.lists(st.tuples(st.integers(0, count), st.integers(0, count)), min_size=1, max_size=30)
    truth, answer = np.array(draw(voxels)).T
    return LabelTree(tuple(labels)), truth, answer


@given(labelled_voxels())
@settings(max_examples=80, deadline=None)
def test_dice_equals_set_overlap_voxel_by_voxel(case: tuple[LabelTree, np.ndarray, np.ndarray]) -> None:
    tree, truth, answer = case
    scores = dice(confusion_table(truth, answer, tree))
    for label in tree.labels[1:]:
        below = {member.id for member in tree.subtree(label.id)}
        # Voxels whose truth lies strictly above the label cannot judge it.
        told = [
            (true_id in below, answered in below)
            for true_id, answered in zip(truth.tolist(), answer.tolist(), strict=True)
            if true_id != 1 and not (true_id not in (0, label.id) and true_id not in below and tree.covers(true_id, label.id))
        ]
        both = sum(a and b for a, b in told)
        either = sum(a for a, _ in told) + sum(b for _, b in told)
        expected = 2 * both / either if either else math.nan
        assert scores[tree.position(label.id)] == pytest.approx(expected, nan_ok=True)


@given(labelled_voxels())
@settings(max_examples=80, deadline=None)
def test_the_largest_leaf_distance_is_that_of_the_matrix(case: tuple[LabelTree, np.ndarray, np.ndarray]) -> None:
    tree = case[0]
    assert largest_leaf_distance(tree) == pytest.approx(leaf_distances(tree).max())


@given(labelled_voxels())
@settings(max_examples=80, deadline=None)
def test_tree_metrics_equal_their_definitions_voxel_by_voxel(case: tuple[LabelTree, np.ndarray, np.ndarray]) -> None:
    tree, truth, answer = case
    lines = {label.id: {above.id for above in (label, *tree.ancestors(label.id))} - {1} for label in tree} | {0: set()}
    told = [
        (t, t if t and a and tree.covers(t, a) else a) for t, a in zip(truth.tolist(), answer.tolist(), strict=True) if t != 1
    ]
    found = tree_scores(confusion_table(truth, answer, tree))
    labelled = [(t, a) for t, a in told if t]
    wrong = [(t, a) for t, a in labelled if a and not tree.covers(a, t)]

    def mean(values: list[float]) -> float:
        return fmean(values) if values else math.nan

    def same(value: float, expected: float) -> bool:
        return value == pytest.approx(expected, abs=1e-9, nan_ok=True)

    assert same(found.distance, mean([tree.distance(t, a or 1) for t, a in labelled]))
    assert same(found.severity, mean([tree.distance(t, a) for t, a in wrong]))
    assert same(found.accuracy, mean([t == a for t, a in labelled]))
    assert same(found.mistakes, mean([(t, a) in wrong for t, a in labelled]))
    assert same(found.coverage, mean([a > 1 for _, a in labelled]))
    shared = sum(len(lines[t] & lines[a]) for t, a in told)
    claimed, true = sum(len(lines[a]) for _, a in told), sum(len(lines[t]) for t, _ in told)
    assert same(found.precision, shared / claimed if claimed else math.nan)
    assert same(found.recall, shared / true if true else math.nan)
    assert same(found.macro_recall, mean([len(lines[t] & lines[a]) / len(lines[t]) for t, a in labelled]))
    assert same(found.macro_precision, mean([len(lines[t] & lines[a]) / len(lines[a]) for t, a in told if a > 1]))
    assert same(sum(found.mistakes_by_depth.values()), 1.0 if wrong else 0.0)
