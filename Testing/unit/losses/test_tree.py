"""Tree losses against their definitions, on random trees, for marks on any label and for distributions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from semseg_core.errors import InputError, LabelTreeError
from semseg_core.labels.tree import Label, LabelTree
from semseg_core.losses import ground, subtrees, weights
from semseg_core.losses.ground import GroundDistances, diameter, distances_to_leaves
from semseg_core.losses.scratch import softmax
from semseg_core.losses.subtrees import SubtreeSums
from semseg_core.losses.table import build_loss
from semseg_core.losses.tree import TreeLoss

SEEDS = st.integers(0, 2**32 - 1)

WEIGHTS = {
    "cross-entropy": lambda tree, mark: lambda label: float(label.id == mark),
    "tree-cross-entropy": lambda tree, mark: lambda label: 1.0,
    "tree-cross-entropy(weights=edges)": lambda tree, mark: lambda label: label.length,
    "tree-cross-entropy(weights=2/0.5/0.25)": lambda tree, mark: lambda label: [2, 0.5, 0.25][min(tree.depth(label.id), 3) - 1],
    "tree-cross-entropy(weights=top, top=0.7)": lambda tree, mark: (
        lambda label: (label.id == mark) + 0.7 * (tree.depth(label.id) == 1)
    ),
    "level-sum": lambda tree, mark: lambda label: 1.0 + tree.height - tree.depth(label.id) if tree.is_leaf(label.id) else 1.0,
    "hxe(alpha=0.3)": lambda tree, mark: (
        lambda label: np.exp(-0.3 * tree.depth(label.id)) - (0 if label.id == mark else np.exp(-0.3 * (tree.depth(label.id) + 1)))
    ),
}
"""What each loss weighs a label on the path of a mark with."""


def voxels(tree: LabelTree, seed: int, count: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    """Random logits and marks on any label but the root."""
    draw = np.random.default_rng(seed)
    logits = torch.from_numpy(draw.normal(0.0, 2.0, (count, len(tree.leaves))))
    return logits, torch.from_numpy(draw.integers(1, len(tree), count))


@pytest.mark.parametrize("expression", WEIGHTS)
@given(seed=SEEDS)
@settings(max_examples=15, deadline=None)
def test_path_cross_entropies_are_what_they_say(random_tree, brute, expression, seed):
    tree = random_tree(seed)
    assume(any(label.length > 0 for label in tree.labels[1:]))  # else edge weights are refused
    logits, marks = voxels(tree, seed)
    value = build_loss(expression, tree, torch.float64)(logits, marks).item()
    expected = [
        brute.path_loss(tree, brute.softmax(row), tree.labels[mark].id, WEIGHTS[expression](tree, tree.labels[mark].id))
        for row, mark in zip(logits.numpy(), marks.tolist(), strict=True)
    ]
    assert value == pytest.approx(np.mean(expected), rel=1e-9, abs=1e-12)


@given(seed=SEEDS)
@settings(max_examples=25, deadline=None)
def test_wasserstein_is_the_cheapest_transport_to_the_leaf_or_into_the_inner_label(random_tree, brute, seed):
    tree = random_tree(seed)
    logits, marks = voxels(tree, seed, 3)
    value = build_loss("wasserstein(alpha=0, beta=1, normalize=no)", tree, torch.float64)(logits, marks).item()
    expected = [
        brute.set_distance(tree, brute.softmax(row), tree.labels[mark].id)
        for row, mark in zip(logits.numpy(), marks.tolist(), strict=True)
    ]
    assert value == pytest.approx(np.mean(expected), abs=1e-8)


@given(seed=SEEDS)
@settings(max_examples=25, deadline=None)
def test_wasserstein_to_the_mass_of_an_inner_label_ends_at_the_label(random_tree, brute, seed):
    tree = random_tree(seed)
    logits, marks = voxels(tree, seed, 3)
    value = build_loss("wasserstein(alpha=0, beta=1, normalize=no, inner=mass)", tree, torch.float64)(logits, marks).item()
    expected = []
    for row, mark in zip(logits.numpy(), marks.tolist(), strict=True):
        mark_id = tree.labels[mark].id
        outside = [leaf for leaf in tree.leaves if not tree.covers(mark_id, leaf.id)]
        expected.append(
            sum(brute.softmax(row)[tree.leaf_range(leaf.id)[0]] * tree.distance(leaf.id, mark_id) for leaf in outside)
        )
    assert value == pytest.approx(np.mean(expected), abs=1e-9)


@given(seed=SEEDS)
@settings(max_examples=20, deadline=None)
def test_wasserstein_between_distributions_is_the_linear_program(random_tree, brute, seed):
    tree = random_tree(seed)
    logits, _ = voxels(tree, seed, 2)
    truth = np.random.default_rng(seed).dirichlet(np.ones(len(tree.leaves)), 2)
    value = build_loss("wasserstein(alpha=0, beta=1, normalize=no)", tree, torch.float64)(logits, torch.from_numpy(truth)).item()
    costs = brute.distances(tree)
    expected = [brute.transport(costs, brute.softmax(row), goal) for row, goal in zip(logits.numpy(), truth, strict=True)]
    assert value == pytest.approx(np.mean(expected), abs=1e-8)


@pytest.mark.parametrize("expression", [*WEIGHTS, "wasserstein", "default"])
def test_a_distribution_on_one_leaf_is_a_mark_there(random_tree, brute, expression):
    tree = random_tree(3, leaves=7, zero_edges=False)
    logits, _ = voxels(tree, 0, 7)
    marks = torch.tensor([tree.position(leaf.id) for leaf in tree.leaves])
    loss = build_loss(expression, tree, torch.float64)
    for truth in (torch.eye(7, dtype=torch.float64), marks):
        value, gradient = loss(logits, truth).item(), brute.gradient(lambda x, truth=truth: loss(x, truth), logits)
        assert value == pytest.approx(loss(logits, marks).item(), rel=1e-9)
        torch.testing.assert_close(gradient, brute.gradient(lambda x: loss(x, marks), logits))


def test_cross_entropy_with_a_distribution_is_the_mean_over_it(weighted_tree):
    logits, _ = voxels(weighted_tree, 1, 1)
    loss = build_loss("tree-cross-entropy(weights=edges, normalize=yes)", weighted_tree, torch.float64)
    truth = torch.tensor([[0.25, 0.0, 0.5, 0.0, 0.25]], dtype=torch.float64)
    alone = [loss(logits, torch.tensor([position])).item() for position in (2, 5, 8)]
    assert loss(logits, truth).item() == pytest.approx(np.dot([0.25, 0.5, 0.25], alone))


@pytest.mark.parametrize(
    ("truth", "message"),
    [
        (torch.full((2, 5), 0.3), "sum to 1"),
        (torch.tensor([[1.5, -0.5, 0, 0, 0]] * 2), "sum to 1"),
        (torch.zeros(2, 4), "shape"),
    ],
)
def test_what_is_no_distribution_is_refused(weighted_tree, truth, message):
    with pytest.raises(Exception, match=message):
        build_loss("wasserstein", weighted_tree)(torch.zeros(2, 5), truth)


def test_a_distribution_of_zeros_is_unknown(weighted_tree, brute):
    loss = build_loss("wasserstein", weighted_tree)
    logits = torch.randn(2, 5, 3, 4)
    truth = torch.zeros(2, 5, 3, 4)
    truth[0, 2, 1] = 1.0
    gradient = brute.gradient(lambda x: loss(x, truth), logits)
    assert gradient[0, :, 1].abs().sum() > 0
    gradient[0, :, 1] = 0.0
    assert not gradient.any()
    assert loss(logits, torch.zeros_like(truth)).item() == 0.0


@pytest.mark.parametrize("gap", [50.0, 80.0, 100.0, 200.0])
@pytest.mark.parametrize("expression", ["cross-entropy", "default", "tree-cross-entropy(weights=edges)", "wasserstein"])
def test_float32_is_right_where_the_network_is_confidently_wrong(random_tree, brute, expression, gap):
    tree = random_tree(11, leaves=30, zero_edges=False)
    logits, marks = voxels(tree, 5, 40)
    logits[:, 0] += gap
    logits = logits.float()
    exact_loss, loss = build_loss(expression, tree, torch.float64), build_loss(expression, tree)
    exact = brute.gradient(lambda x: exact_loss(x, marks), logits.double())
    gradient = brute.gradient(lambda x: loss(x, marks), logits)
    assert loss(logits, marks).item() == pytest.approx(exact_loss(logits.double(), marks).item(), rel=1e-6)
    assert (gradient - exact).abs().max() <= 5e-6 * exact.abs().max()
    wrong = marks > 1  # marks that do not cover the first leaf get a gradient of order one, where a clamp gives none
    outside = torch.tensor([not tree.covers(tree.labels[mark].id, tree.leaves[0].id) for mark in marks.tolist()])
    assert (gradient[wrong & outside].abs().sum(1) > 1e-3).all()


def test_no_node_probability_is_lost_for_peaked_probabilities(random_tree):
    # Differences of cumulative sums give zero and below here for a good part of the labels.
    tree = random_tree(2, leaves=200)
    probabilities = torch.softmax(10.0 * torch.randn(50, 200, generator=torch.Generator().manual_seed(0)), 1)
    sums = SubtreeSums(tree).sums(probabilities)
    exact = SubtreeSums(tree, torch.float64).sums(probabilities.double())
    torch.testing.assert_close(sums.double(), exact, rtol=1e-6, atol=0.0)
    assert (sums > 0).all()


def test_windows_of_leaves_change_nothing(random_tree, brute, monkeypatch):
    tree = random_tree(9, leaves=60)
    logits, marks = voxels(tree, 1, 30)
    whole = build_loss("default + wasserstein", tree, torch.float64)
    monkeypatch.setattr(subtrees, "WINDOW_LEAVES", 7)
    windowed = build_loss("default + wasserstein", tree, torch.float64)
    assert len(windowed.losses[0].sums.windows) == 9
    torch.testing.assert_close(
        brute.gradient(lambda x: windowed(x, marks), logits), brute.gradient(lambda x: whole(x, marks), logits)
    )


def test_without_a_table_of_distances_rows_are_made_as_needed(random_tree, monkeypatch):
    tree = random_tree(4, leaves=25)
    logits, marks = voxels(tree, 1, 30)
    expected = build_loss("wasserstein", tree, torch.float64)(logits, marks).item()
    monkeypatch.setattr(ground, "TABLE_ELEMENTS", 10)
    loss = build_loss("wasserstein", tree, torch.float64)
    assert loss.losses[0].distances.table is None
    assert loss(logits, marks).item() == pytest.approx(expected, rel=1e-12)


@given(seed=SEEDS)
@settings(max_examples=25, deadline=None)
def test_distances_and_diameter_are_those_of_the_paths(random_tree, brute, seed):
    tree = random_tree(seed)
    expected = brute.distances(tree)
    positions = np.array([tree.position(leaf.id) for leaf in tree.leaves])
    np.testing.assert_allclose(distances_to_leaves(tree, positions), expected, atol=1e-12)
    assert diameter(tree) == pytest.approx(expected.max())


def test_a_tree_of_many_labels_is_ready_in_seconds_and_its_loss_finite():
    wide = [Label(1, "root", 1), *(Label(2 + i, f"group {i}", 2 + i, parent=1) for i in range(200))]
    wide += [Label(202 + i, f"leaf {i}", 202 + i, parent=2 + i // 100) for i in range(20000)]
    tree = LabelTree(tuple(wide), title="20 000 leaves")
    loss = build_loss("default + wasserstein", tree)
    logits = torch.zeros(3, 20000, requires_grad=True)
    value = loss(logits, torch.tensor([1, 500, 20000]))
    value.backward()
    assert value.isfinite()
    assert logits.grad.isfinite().all()


def test_trees_too_deep_for_path_weights_are_refused(monkeypatch, weighted_tree):
    monkeypatch.setattr(weights, "ENTRY_LIMIT", 3)
    with pytest.raises(LabelTreeError, match="use a cut"):
        build_loss("tree-cross-entropy", weighted_tree)


def test_a_tree_with_only_a_root_is_refused_and_one_with_only_zero_lengths_is_not():
    with pytest.raises(LabelTreeError, match="nothing to tell it from"):
        build_loss("default", LabelTree((Label(1, "all", 1),)))
    flat = LabelTree((Label(1, "root", 1), Label(2, "a", 2, parent=1, length=0.0), Label(3, "b", 3, parent=1, length=0.0)))
    assert build_loss("wasserstein(alpha=0)", flat)(torch.randn(4, 2), torch.tensor([1, 2, 1, 2])).item() == 0.0


def test_work_is_done_at_annotated_voxels_alone(weighted_tree, monkeypatch):
    rows = []
    monkeypatch.setattr("semseg_core.losses.tree.softmax", lambda logits: rows.append(len(logits)) or softmax(logits))
    targets = torch.full((2, 9, 9, 9), -1)
    targets[0, 4, :, 3] = targets[1, 2, 2, :5] = 4
    build_loss("default + wasserstein", weighted_tree)(torch.zeros(2, 5, 9, 9, 9), targets)
    assert rows == [9, 5]


def test_terms_of_a_sum_share_one_softmax(weighted_tree):
    logits, marks = voxels(weighted_tree, 2)
    together = build_loss(
        "0.5*cross-entropy + 2*tree-cross-entropy + hxe + wasserstein + wasserstein(inner=mass)", weighted_tree, torch.float64
    )
    assert [type(loss) for loss in together.losses] == [TreeLoss, TreeLoss]  # the second for the other kind of distance
    parts = {"cross-entropy": 0.5, "tree-cross-entropy": 2.0, "hxe": 1.0, "wasserstein": 1.0, "wasserstein(inner=mass)": 1.0}
    apart = sum(factor * build_loss(name, weighted_tree, torch.float64)(logits, marks).item() for name, factor in parts.items())
    assert together(logits, marks).item() == pytest.approx(apart, rel=1e-12)


def test_own_distances_are_scaled_to_one_unless_told_otherwise(weighted_tree):
    assert GroundDistances(weighted_tree).table.max().item() == pytest.approx(1.0)
    assert GroundDistances(weighted_tree, normalize=False).table.max().item() == pytest.approx(2.65)
    with pytest.raises(InputError, match="choose one of set, mass"):
        GroundDistances(weighted_tree, inner="nearest")
