"""Drawing weights by hand on the ragged tree; held-back strokes as a property."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import generate_binary_structure, label

from semseg_core.geometry import Grid
from semseg_core.labels.tree import LabelTree
from semseg_core.sparse.sampling import LEAST_STROKES, balanced_weights, held_back_strokes
from semseg_core.sparse.scribbles import SparseLabels

LEFT, CORTEX, WHITE, RIGHT, FLUID = 2, 3, 4, 5, 6

MARKS = np.array([CORTEX] * 6 + [WHITE] * 2 + [LEFT, FLUID])
"""Below the root, left and fluid are marked: half each. Left's half goes to itself, cortex and white matter in equal thirds."""


def shares(weights: np.ndarray) -> dict[int, float]:
    return {int(label_id): float(weights[label_id == MARKS].sum()) for label_id in np.unique(MARKS)}


def test_full_balance_gives_every_marked_branch_the_same_share(brain_tree: LabelTree) -> None:
    weights = balanced_weights(MARKS, brain_tree, 1.0)
    assert shares(weights) == pytest.approx({LEFT: 1 / 6, CORTEX: 1 / 6, WHITE: 1 / 6, FLUID: 1 / 2})
    assert weights[:6] == pytest.approx(1 / 36)


def test_no_balance_draws_marks_as_often_as_they_were_drawn(brain_tree: LabelTree) -> None:
    assert balanced_weights(MARKS, brain_tree, 0.0) == pytest.approx(0.1)


def test_half_balance_is_the_geometric_mean_of_both(brain_tree: LabelTree) -> None:
    means = {LEFT: np.sqrt(0.1 / 6), CORTEX: np.sqrt(0.6 / 6), WHITE: np.sqrt(0.2 / 6), FLUID: np.sqrt(0.1 / 2)}
    total = sum(means.values())
    found = shares(balanced_weights(MARKS, brain_tree, 0.5))
    assert found == pytest.approx({label_id: mean / total for label_id, mean in means.items()})


def test_a_single_mark_is_always_drawn(brain_tree: LabelTree) -> None:
    assert balanced_weights(np.array([CORTEX]), brain_tree, 1.0) == pytest.approx(1.0)


def test_no_marks_have_no_weights(brain_tree: LabelTree) -> None:
    assert balanced_weights(np.zeros(0, dtype=np.int32), brain_tree, 0.5).shape == (0,)


def strokes_of(marks: SparseLabels) -> list[tuple[int, np.ndarray]]:
    """Label and marks (as indices into `marks`) of every connected set of one label."""
    found = []
    for label_id in np.unique(marks.label_ids):
        mask = np.zeros(marks.grid.shape, dtype=bool)
        mask[tuple(marks.indices[marks.label_ids == label_id].T)] = True
        parts, count = label(mask, generate_binary_structure(3, 3))
        at_mark = np.where(marks.label_ids == label_id, parts[tuple(marks.indices.T)], 0)
        found += [(int(label_id), np.flatnonzero(at_mark == number)) for number in range(1, count + 1)]
    return found


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31), st.floats(0.0, 0.5), st.floats(0.01, 0.3))
def test_whole_strokes_are_held_back_and_never_a_labels_last(seed: int, share: float, density: float) -> None:
    rng = np.random.default_rng(seed)
    grid = Grid((4, 15, 15), np.eye(4))
    indices = np.argwhere(rng.random(grid.shape) < density)
    marks = SparseLabels(grid, indices, rng.integers(1, 5, len(indices)))
    held = held_back_strokes(marks, share, np.random.default_rng(seed))
    assert held.shape == (len(marks),)
    assert held.dtype == bool
    by_label: dict[int, list[bool]] = {}
    for label_id, members in strokes_of(marks):
        assert held[members].all() or not held[members].any()
        by_label.setdefault(label_id, []).append(bool(held[members].any()))
    for strokes in by_label.values():
        few = len(strokes) < LEAST_STROKES or share == 0.0
        assert sum(strokes) == (0 if few else max(1, int(share * len(strokes))))
        assert sum(strokes) <= len(strokes) / 2


def test_touching_strokes_of_two_labels_are_two_strokes() -> None:
    grid = Grid((1, 17, 20), np.eye(4))
    rows = [(0, row, column) for row in range(0, 16, 2) for column in range(20)]
    marks = SparseLabels(grid, rows, [1 if column < 10 else 2 for _, _, column in rows])
    held = held_back_strokes(marks, 0.25, np.random.default_rng(0))
    assert held.sum() == 40  # two of eight half rows of each label
    assert sorted(np.bincount(marks.label_ids[held], minlength=3)) == [0, 20, 20]


def test_equal_generators_hold_back_the_same(phantom) -> None:
    first, again = (held_back_strokes(phantom.marks, 0.3, np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_no_marks_hold_nothing_back() -> None:
    empty = SparseLabels(Grid((2, 2, 2), np.eye(4)), np.zeros((0, 3)), np.zeros(0))
    assert held_back_strokes(empty, 0.5, np.random.default_rng(0)).shape == (0,)
