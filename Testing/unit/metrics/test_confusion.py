"""The table of pairs, and how answers and truths on inner labels are judged."""

from __future__ import annotations

import numpy as np
import pytest

from semseg_core.errors import LabelTreeError, ShapeError
from semseg_core.labels.tree import Label, LabelTree
from semseg_core.metrics import confusion as confusion_module
from semseg_core.metrics.confusion import NOWHERE, confusion_table, judged, positions_of


def pairs(table: confusion_module.ConfusionTable) -> dict[tuple[int, int], int]:
    """Voxels by (true position, answered position)."""
    found: dict[tuple[int, int], int] = {}
    for truth, answer, count in zip(table.truth.tolist(), table.answer.tolist(), table.counts.tolist(), strict=True):
        found[truth, answer] = found.get((truth, answer), 0) + count
    return found


def test_pairs_are_counted_and_unknown_lies_outside_every_label(brain_tree: LabelTree) -> None:
    truth = np.array([[3, 3, 5], [0, 0, 6]])
    answer = np.array([[3, 2, 0], [4, 0, 6]])
    # Depth-first: brain 0, left 1, cortex 2, white matter 3, right 4, fluid 5.
    assert pairs(confusion_table(truth, answer, brain_tree)) == {(2, 2): 1, (2, 1): 1, (4, -1): 1, (-1, 3): 1, (5, 5): 1}
    assert pairs(confusion_table(truth, answer, brain_tree, within_truth=True)) == {(2, 2): 1, (2, 1): 1, (4, -1): 1, (5, 5): 1}


def test_an_answer_below_an_inner_truth_is_read_as_the_truth(brain_tree: LabelTree) -> None:
    truth, answer = positions_of(np.array([2, 2, 2, 3]), brain_tree, ""), positions_of(np.array([3, 2, 5, 2]), brain_tree, "")
    assert judged(truth, answer, brain_tree).tolist() == [1, 1, 4, 1]


def test_an_answer_at_the_root_says_nothing_and_a_truth_there_is_left_out(brain_tree: LabelTree) -> None:
    truth, answer = np.array([3, 1, 1, 0]), np.array([1, 3, 0, 1])
    assert pairs(confusion_table(truth, answer, brain_tree)) == {(2, NOWHERE): 1}


def test_the_root_counts_where_it_is_the_only_label() -> None:
    tree = LabelTree((Label(4, "organ", 1),))
    assert pairs(confusion_table(np.array([4, 4, 0]), np.array([4, 0, 4]), tree)) == {(0, 0): 1, (0, -1): 1, (-1, 0): 1}


@pytest.mark.parametrize("dense_pairs", [confusion_module.DENSE_PAIRS, 0])
def test_chunks_and_large_trees_give_the_same_counts(
    weighted_tree: LabelTree, monkeypatch: pytest.MonkeyPatch, dense_pairs: int
) -> None:
    random = np.random.default_rng(1)
    truth, answer = random.integers(0, 10, (2, 5, 6, 7))
    expected: dict[tuple[int, int], int] = {}
    for true_id, answered_id in zip(truth.flat, answer.flat, strict=True):
        position = weighted_tree.position(true_id) if true_id else -1
        found = weighted_tree.position(answered_id) if answered_id else -1
        found = int(judged(np.array([position]), np.array([found]), weighted_tree)[0])
        if position != 0 and (position, found) != (-1, -1):
            expected[position, found] = expected.get((position, found), 0) + 1
    monkeypatch.setattr(confusion_module, "CHUNK_VOXELS", 11)
    monkeypatch.setattr(confusion_module, "DENSE_PAIRS", dense_pairs)
    assert pairs(confusion_table(truth, answer, weighted_tree)) == expected


@pytest.mark.parametrize(("wrong", "named"), [(-3, "-3"), (99, "99"), (7, "7")])
def test_an_id_outside_the_tree_is_named(wrong: int, named: str) -> None:
    tree = LabelTree((Label(1, "all", 1), Label(9, "part", 2, parent=1)))
    with pytest.raises(LabelTreeError, match=f"prediction: label id {named} is not in the tree"):
        confusion_table(np.array([1, 9]), np.array([9, wrong]), tree)


def test_different_shapes_are_refused(brain_tree: LabelTree) -> None:
    with pytest.raises(ShapeError, match=r"truth has \(2,\) voxels, the prediction \(3,\)"):
        confusion_table(np.zeros(2, int), np.zeros(3, int), brain_tree)
