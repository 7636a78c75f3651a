"""Laws that hold for any tree and any logits."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from semseg_core.labels.tree import Label, LabelTree
from semseg_core.losses.table import build_loss

SEEDS = st.integers(0, 2**32 - 1)

PURE = "wasserstein(alpha=0, beta=1, normalize=no)"

TREE_LOSSES = (
    PURE,
    "wasserstein",
    "default",
    "tree-cross-entropy(weights=edges)",
    "wasserstein-dice",
    "hxe",
    "level-sum",
    "soft-labels",
)


def distance(tree: LabelTree, first: np.ndarray, second: np.ndarray) -> float:
    """Wasserstein distance between two distributions over the leaves, the first of them positive."""
    loss = build_loss(PURE, tree, torch.float64)
    return loss(torch.from_numpy(np.log(first))[None], torch.from_numpy(second)[None]).item()


def scaled(tree: LabelTree, factor: float) -> LabelTree:
    """The tree with all edges longer by a factor."""
    return LabelTree(tuple(dataclasses.replace(label, length=label.length * factor) for label in tree))


def drawn(tree: LabelTree, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Random logits and marks on any label."""
    draw = np.random.default_rng(seed)
    logits = torch.from_numpy(draw.normal(0, 2, (8, len(tree.leaves))))
    return logits, torch.from_numpy(draw.integers(1, len(tree), 8))


@given(seed=SEEDS)
@settings(max_examples=40, deadline=None)
def test_wasserstein_is_a_metric(random_tree, seed):
    tree = random_tree(seed, zero_edges=False)
    a, b, c = np.random.default_rng(seed).dirichlet(np.ones(len(tree.leaves)), 3)
    assert distance(tree, a, a) == pytest.approx(0.0, abs=1e-12)
    assert distance(tree, a, b) > 0.0
    assert distance(tree, a, b) == pytest.approx(distance(tree, b, a))
    assert distance(tree, a, c) <= distance(tree, a, b) + distance(tree, b, c) + 1e-12


@given(seed=SEEDS)
@settings(max_examples=40, deadline=None)
def test_to_itself_a_mark_costs_nothing_and_elsewhere_something(random_tree, seed):
    tree = random_tree(seed, zero_edges=False)
    loss = build_loss(PURE, tree, torch.float64)
    for index, leaf in enumerate(tree.leaves):
        sure = torch.full((1, len(tree.leaves)), -1e4, dtype=torch.float64)
        sure[0, index] = 0.0
        for label in tree:
            value = loss(sure, torch.tensor([tree.position(label.id)])).item()
            assert (value == 0.0) == tree.covers(label.id, leaf.id)


@pytest.mark.parametrize("expression", TREE_LOSSES)
@given(seed=SEEDS)
@settings(max_examples=10, deadline=None)
def test_the_order_of_siblings_does_not_matter(random_tree, expression, seed):
    tree = random_tree(seed, zero_edges=False)
    order = np.random.default_rng(seed).permutation(len(tree))
    shuffled = LabelTree(tuple(tree.labels[i] for i in order))  # children follow the order given
    logits, marks = drawn(tree, seed)
    channels = [[leaf.id for leaf in tree.leaves].index(leaf.id) for leaf in shuffled.leaves]
    moved = torch.tensor([shuffled.position(tree.labels[mark].id) for mark in marks.tolist()])
    value = build_loss(expression, shuffled, torch.float64)(logits[:, channels], moved).item()
    assert value == pytest.approx(build_loss(expression, tree, torch.float64)(logits, marks).item(), rel=1e-9)


@pytest.mark.parametrize(
    "expression", [PURE, "wasserstein", "cross-entropy", "tree-cross-entropy(weights=edges)", "wasserstein-dice"]
)
@given(seed=SEEDS)
@settings(max_examples=10, deadline=None)
def test_a_label_inserted_over_an_edge_of_length_zero_changes_nothing(random_tree, expression, seed):
    tree = random_tree(seed, zero_edges=False)
    below = tree.labels[1 + seed % (len(tree) - 1)]
    added = Label(tree.next_id, "inserted", 10_000, parent=below.parent, length=below.length)
    longer = LabelTree(
        tuple(dataclasses.replace(label, parent=added.id, length=0.0) if label.id == below.id else label for label in tree)
        + (added,)
    )
    logits, marks = drawn(tree, seed)
    moved = torch.tensor([longer.position(tree.labels[mark].id) for mark in marks.tolist()])
    order = [
        [leaf.id for leaf in tree.leaves].index(leaf.id) for leaf in longer.leaves
    ]  # the new label comes last among siblings
    value = build_loss(expression, longer, torch.float64)(logits[:, order], moved).item()
    assert value == pytest.approx(build_loss(expression, tree, torch.float64)(logits, marks).item(), rel=1e-9, abs=1e-12)


@given(seed=SEEDS, leaves=st.integers(2, 12))
@settings(max_examples=20, deadline=None)
def test_on_a_star_wasserstein_is_one_minus_p(seed, leaves):
    star = LabelTree((Label(1, "root", 1), *(Label(2 + i, f"leaf {i}", 2 + i, parent=1, length=0.5) for i in range(leaves))))
    logits, marks = drawn(star, seed)
    p = logits.softmax(1).gather(1, marks[:, None] - 1)
    assert build_loss(PURE, star, torch.float64)(logits, marks).item() == pytest.approx((1 - p).mean().item())


@given(seed=SEEDS)
@settings(max_examples=20, deadline=None)
def test_with_beta_zero_wasserstein_is_cross_entropy(random_tree, seed):
    tree = random_tree(seed)
    logits, marks = drawn(tree, seed)
    value = build_loss("wasserstein(beta=0)", tree, torch.float64)(logits, marks).item()
    assert value == pytest.approx(build_loss("cross-entropy", tree, torch.float64)(logits, marks).item())


@given(seed=SEEDS, factor=st.floats(0.01, 100.0))
@settings(max_examples=20, deadline=None)
def test_longer_edges_cost_more_unless_distances_are_normalized(random_tree, seed, factor):
    tree = random_tree(seed, zero_edges=False)
    logits, marks = drawn(tree, seed)
    for expression, grown in ((PURE, factor), ("wasserstein(alpha=0)", 1.0), ("wasserstein-dice", 1.0)):
        before = build_loss(expression, tree, torch.float64)(logits, marks).item()
        after = build_loss(expression, scaled(tree, factor), torch.float64)(logits, marks).item()
        assert after == pytest.approx(grown * before, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize(
    "expression", ["cross-entropy", "default", "wasserstein", "dice", "tversky", "focal", "wasserstein-dice", "soft-labels"]
)
@given(seed=SEEDS)
@settings(max_examples=10, deadline=None)
def test_a_mark_on_an_inner_label_does_not_push_its_children_apart(random_tree, brute, expression, seed):
    tree = random_tree(seed, leaves=8, zero_edges=False)
    logits = torch.from_numpy(np.random.default_rng(seed).normal(0, 2, (1, 8)))
    loss = build_loss(expression, tree, torch.float64)
    for label in tree.labels[1:]:
        start, stop = tree.leaf_range(label.id)
        gradient = brute.gradient(lambda x, label=label: loss(x, torch.tensor([tree.position(label.id)])), logits)[0, start:stop]
        p = logits.softmax(1)[0, start:stop]
        # Inside the mark the gradient follows p, so that the ratios of the children stay as they are.
        np.testing.assert_allclose(gradient, p / p.sum() * gradient.sum(), atol=1e-10)
