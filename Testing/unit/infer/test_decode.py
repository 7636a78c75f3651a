"""Decisions from leaf probabilities, against hand-worked values and brute force over all labels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from semseg_core.errors import InputError, LabelTreeError, ShapeError
from semseg_core.infer import decode as decode_module
from semseg_core.infer.decode import build_decoder, decode
from semseg_core.labels.tree import Label, LabelTree

X, X1, XX, X2, X3, Y, Y1, Y2 = range(2, 10)
"""Ids in the weighted tree: root(X(x1, XX(x2, x3)), Y(y1, y2))."""

SCATTERED = [[0.20, 0.19, 0.19, 0.42, 0.0]]
"""The likeliest leaf, y1, lies apart from the likeliest branch: X 0.58, XX 0.38, Y 0.42."""


@st.composite
def tree_and_probabilities(draw: st.DrawFn) -> tuple[LabelTree, torch.Tensor]:
    """A ragged tree of 2 to 12 labels with edge lengths, and a few rows over its leaves."""
    count = draw(st.integers(2, 12))
    lengths = st.floats(0.1, 3.0)
    labels = [Label(1, "1", 1)]
    labels += [Label(i, str(i), i, parent=draw(st.integers(1, i - 1)), length=draw(lengths)) for i in range(2, count + 1)]
    tree = LabelTree(tuple(labels))
    seed = draw(st.integers(0, 2**31))
    sharpness = draw(st.sampled_from((0.1, 1.0, 10.0)))
    rows = np.random.default_rng(seed).dirichlet([sharpness] * len(tree.leaves), size=6)
    return tree, torch.tensor(rows, dtype=torch.float32)


def mass(tree: LabelTree, row: torch.Tensor, label: Label) -> float:
    start, stop = tree.leaf_range(label.id)
    return float(row[start:stop].double().sum())


def test_the_leaf_decision_is_the_most_probable_leaf_or_unknown(weighted_tree: LabelTree) -> None:
    rows = torch.tensor([[0.1, 0.2, 0.3, 0.25, 0.15], [0.0, 0.0, 0.05, 0.05, 0.9]])
    answers = decode(rows, weighted_tree, "leaf", 0.5)
    assert answers.label_ids.tolist() == [0, Y2]
    assert answers.confidence.tolist() == pytest.approx([0.3, 0.9])
    assert answers.label_ids.dtype == torch.int32
    assert answers.confidence.dtype == torch.float32
    assert decode(rows, weighted_tree).label_ids.tolist() == [X3, Y2]


@pytest.mark.parametrize(
    ("level", "label_id", "confidence"), [(0, 1, 1.0), (1, X, 0.58), (2, Y1, 0.42), (3, Y1, 0.42), ("leaf", Y1, 0.42)]
)
def test_a_level_sums_the_leaves_and_carries_shallow_leaves_down(
    weighted_tree: LabelTree, level: int | str, label_id: int, confidence: float
) -> None:
    answers = decode(torch.tensor(SCATTERED), weighted_tree, level)
    assert answers.label_ids.tolist() == [label_id]
    assert answers.confidence.tolist() == pytest.approx([confidence])


@pytest.mark.parametrize(
    ("threshold", "label_id", "confidence"),
    [(0.0, X2, 0.19), (0.3, XX, 0.38), (0.39, X, 0.58), (0.5, X, 0.58), (0.59, 0, 0.58)],
)
def test_auto_goes_down_the_likeliest_branch_while_it_is_certain(
    weighted_tree: LabelTree, threshold: float, label_id: int, confidence: float
) -> None:
    answers = decode(torch.tensor(SCATTERED), weighted_tree, "auto", threshold)
    assert answers.label_ids.tolist() == [label_id]
    assert answers.confidence.tolist() == pytest.approx([confidence])


def test_auto_reaches_a_leaf_that_holds_all_the_mass_even_at_threshold_one(weighted_tree: LabelTree) -> None:
    for index, leaf in enumerate(weighted_tree.leaves):
        row = torch.eye(5)[index : index + 1]
        assert decode(row, weighted_tree, "auto", 1.0).label_ids.tolist() == [leaf.id]
    thirds = torch.full((1, 5), 0.0)
    thirds[0, :3] = 1 / 3  # 3 × float32(1/3) may fall short of 1 by rounding
    assert decode(thirds, weighted_tree, "auto", 1.0).label_ids.tolist() == [X]


@given(tree_and_probabilities(), st.floats(0.51, 0.99))
@settings(max_examples=60, deadline=None)
def test_above_one_half_auto_is_the_deepest_certain_label_of_the_whole_tree(
    case: tuple[LabelTree, torch.Tensor], threshold: float
) -> None:
    tree, rows = case
    answers = decode(rows, tree, "auto", threshold)
    for row, label_id, confidence in zip(rows, answers.label_ids.tolist(), answers.confidence.tolist(), strict=True):
        masses = {label.id: mass(tree, row, label) for label in tree}
        if any(abs(value - threshold) < 1e-5 for value in masses.values()):
            continue  # float32 may fall on either side
        certain = [label for label in tree if label.parent is not None and masses[label.id] >= threshold]
        expected = max(certain, key=lambda label: tree.depth(label.id)).id if certain else 0
        best_top = max(masses[label.id] for label in tree.children(tree.root.id))
        assert label_id == expected
        assert confidence == pytest.approx(masses[expected] if expected else best_top, abs=1e-5)


@given(tree_and_probabilities())
@settings(max_examples=60, deadline=None)
def test_auto_at_one_half_has_the_least_expected_path_length_among_all_labels(case: tuple[LabelTree, torch.Tensor]) -> None:
    tree, rows = case
    answers = decode(rows, tree, "auto", 0.5).label_ids.tolist()
    for row, label_id in zip(rows.double(), answers, strict=True):
        weights = (row / row.sum()).tolist()

        def expected_cost(answer: int, weights: list[float] = weights) -> float:
            return sum(p * tree.distance(answer, leaf.id) for p, leaf in zip(weights, tree.leaves, strict=True))

        least = min(expected_cost(label.id) for label in tree)
        assert expected_cost(label_id or tree.root.id) == pytest.approx(least, abs=1e-4)


@given(tree_and_probabilities(), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
@settings(max_examples=60, deadline=None)
def test_a_higher_threshold_answers_with_an_ancestor(case: tuple[LabelTree, torch.Tensor], one: float, other: float) -> None:
    tree, rows = case
    low, high = sorted((one, other))
    deep = decode(rows, tree, "auto", low).label_ids.tolist()
    shallow = decode(rows, tree, "auto", high).label_ids.tolist()
    assert all(above == 0 or (below != 0 and tree.covers(above, below)) for above, below in zip(shallow, deep, strict=True))


def test_minimum_cost_reproduces_the_published_rule(weighted_tree: LabelTree) -> None:
    rows = torch.tensor([[0.1, 0.2, 0.3, 0.25, 0.15], *SCATTERED])
    # Expected costs of the second row: 1.466, 1.386, 1.448, 1.478, 1.588; of the first: 1.545, 1.265, 1.265, 1.61, 1.59.
    answers = decode(rows, weighted_tree, "leaf", minimum_cost=True)
    assert answers.label_ids[0].item() in (X2, X3)
    assert answers.label_ids[1].item() == X2
    assert answers.confidence[1].item() == pytest.approx(0.19)
    assert decode(rows, weighted_tree, "leaf", 0.2, minimum_cost=True).label_ids[1].item() == 0


@given(tree_and_probabilities(), st.integers(0, 5))
@settings(max_examples=40, deadline=None)
def test_minimum_cost_at_a_level_is_the_least_expected_path_to_the_true_leaf(
    case: tuple[LabelTree, torch.Tensor], level: int
) -> None:
    tree, rows = case
    cut = tree.level_cut(min(level, tree.height))
    answers = decode(rows, tree, min(level, tree.height), minimum_cost=True).label_ids.tolist()
    for row, label_id in zip(rows.double().tolist(), answers, strict=True):
        costs = {
            label.id: sum(p * tree.distance(label.id, leaf.id) for p, leaf in zip(row, tree.leaves, strict=True)) for label in cut
        }
        assert costs[label_id] == pytest.approx(min(costs.values()), abs=1e-4)


def test_many_rows_are_decided_in_chunks_like_single_ones(weighted_tree: LabelTree, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = torch.from_numpy(np.random.default_rng(3).dirichlet([0.5] * 5, size=50).astype(np.float32))
    whole = {level: decode(rows, weighted_tree, level, 0.4) for level in ("leaf", 1, 2, "auto")}
    monkeypatch.setattr(decode_module, "CHUNK_ROWS", 7)
    for level, answers in whole.items():
        again = decode(rows, weighted_tree, level, 0.4)
        assert torch.equal(again.label_ids, answers.label_ids)
        torch.testing.assert_close(again.confidence, answers.confidence)


@pytest.mark.parametrize("level", ["leaf", 1, "auto"])
def test_no_rows_half_precision_and_broken_rows_are_no_trouble(weighted_tree: LabelTree, level: int | str) -> None:
    decoder = build_decoder(weighted_tree, level, 0.3)
    assert decoder(torch.zeros(0, 5)).label_ids.shape == (0,)
    assert decoder(torch.eye(5, dtype=torch.bfloat16)).confidence.tolist() == [1.0] * 5
    broken = decoder(torch.full((1, 5), float("nan")))
    assert broken.label_ids.tolist() == [0]
    assert broken.confidence.tolist() == [0.0]


def test_a_tree_of_one_label_always_answers_it() -> None:
    tree = LabelTree((Label(7, "all", 1),))
    for level in ("leaf", "auto", 0):
        assert decode(torch.ones(2, 1), tree, level, 0.9).label_ids.tolist() == [7, 7]


def test_buffers_follow_the_module(weighted_tree: LabelTree) -> None:
    decoder = build_decoder(weighted_tree, "auto", 0.5).to("meta")
    assert {buffer.device.type for buffer in decoder.buffers()} == {"meta"}
    assert not decoder.state_dict()  # a checkpoint holds weights, not what the tree says


def test_bad_requests_name_the_remedy(weighted_tree: LabelTree) -> None:
    with pytest.raises(InputError, match=r"minimum confidence 1\.5: give a probability within 0…1"):
        build_decoder(weighted_tree, "leaf", 1.5)
    with pytest.raises(InputError, match="minimum confidence nan"):
        build_decoder(weighted_tree, "leaf", float("nan"))
    with pytest.raises(InputError, match="level 'deep': give a level number, 'leaf' or 'auto'"):
        build_decoder(weighted_tree, "deep")
    with pytest.raises(LabelTreeError, match="level 9: the tree 'weighted' has levels 0"):
        build_decoder(weighted_tree, 9)
    with pytest.raises(InputError, match="choose one of them"):
        build_decoder(weighted_tree, "auto", 0.5, minimum_cost=True)
    with pytest.raises(ShapeError, match=r"expected \(N, 5\), got \(2, 6\)"):
        decode(torch.zeros(2, 6), weighted_tree)


def test_trees_too_large_for_a_matrix_are_refused(weighted_tree: LabelTree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode_module, "MATRIX_LIMIT", 9)
    with pytest.raises(LabelTreeError, match="5 leaves × 2 labels is too large; decide at the leaves"):
        build_decoder(weighted_tree, 1)
    with pytest.raises(LabelTreeError, match="5² costs is too large"):
        build_decoder(weighted_tree, "leaf", minimum_cost=True)
