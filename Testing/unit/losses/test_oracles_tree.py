"""The hand-worked values of the method notes for tree losses, on two small trees."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from semseg_core.labels.encode import leaf_distances
from semseg_core.labels.tree import Label, LabelTree
from semseg_core.losses.ground import GroundDistances
from semseg_core.losses.soft_labels import soft_labels
from semseg_core.losses.subtrees import SubtreeSums
from semseg_core.losses.table import build_loss

LEAVES = {"x1": 2, "x2": 4, "x3": 5, "y1": 7, "y2": 8}
"""Positions of the leaves of the weighted tree."""

INNER = {"X": 1, "XX": 3, "Y": 6}


def loss_at(expression: str, tree: LabelTree, probabilities: list[float], position: int) -> float:
    """Loss of one voxel with the given probabilities."""
    logits = torch.tensor([probabilities], dtype=torch.float64).log()
    return build_loss(expression, tree, torch.float64)(logits, torch.tensor([position])).item()


def test_leaf_distances_are_path_lengths(weighted_tree, oracles):
    np.testing.assert_allclose(leaf_distances(weighted_tree), oracles["T1.M"], atol=1e-12)
    assert GroundDistances(weighted_tree, dtype=torch.float64).table.max().item() == pytest.approx(1.0)
    assert leaf_distances(weighted_tree).max() == pytest.approx(oracles["T1.Mmax"])
    assert [leaf.name for leaf in weighted_tree.leaves] == oracles["T1.leaves"] == list(LEAVES)


@pytest.mark.parametrize("which", ["p", "q"])
def test_subtree_sums_are_the_probabilities_of_the_labels(weighted_tree, oracles, which):
    leaves = torch.tensor([oracles[f"W.{which}"]], dtype=torch.float64)
    root, x, xx, y = SubtreeSums(weighted_tree, torch.float64).sums(leaves)[0].tolist()
    assert [x, y, xx, *leaves[0].tolist()] == pytest.approx(oracles[f"W.node_mass_{which}"], abs=1e-12)
    assert root == pytest.approx(1.0)


@pytest.mark.parametrize("leaf", LEAVES)
def test_wasserstein_to_each_leaf(weighted_tree, oracles, leaf):
    value = loss_at("wasserstein(alpha=0, beta=1, normalize=no)", weighted_tree, oracles["W.p"], LEAVES[leaf])
    assert value == pytest.approx(oracles[f"W.onehot_{leaf}"][0], abs=1e-12)


def test_wasserstein_between_two_distributions(weighted_tree, oracles):
    loss = build_loss("wasserstein(alpha=0, beta=1, normalize=no)", weighted_tree, torch.float64)
    logits = torch.tensor([oracles["W.p"]], dtype=torch.float64).log()
    value = loss(logits, torch.tensor([oracles["W.q"]], dtype=torch.float64)).item()
    assert value == pytest.approx(oracles["W.lp_pq"], abs=1e-12)  # the linear program
    assert value == pytest.approx(oracles["W.closed_pq"], abs=1e-12)


def test_wasserstein_on_a_star_is_one_minus_p(oracles):
    star = LabelTree((Label(1, "root", 1), *(Label(2 + i, name, 2 + i, parent=1, length=0.5) for i, name in enumerate(LEAVES))))
    value = loss_at("wasserstein(alpha=0, beta=1, normalize=no)", star, oracles["W.p"], 2)
    assert value == pytest.approx(oracles["W.uniform01_metric_x2 (must be 1-p_y)"][0], abs=1e-12)


def test_wasserstein_gradient(weighted_tree, oracles, brute):
    loss = build_loss("wasserstein(alpha=0, beta=1, normalize=no)", weighted_tree, torch.float64)
    logits = torch.tensor([oracles["W.p"]], dtype=torch.float64).log()
    gradient = brute.gradient(lambda x: loss(x, torch.tensor([LEAVES["x2"]])), logits)
    np.testing.assert_allclose(gradient[0], oracles["W.grad_logits_y_x2"], atol=1e-12)


def test_wasserstein_gradient_vanishes_where_confidently_wrong_and_that_of_cross_entropy_does_not(weighted_tree, oracles, brute):
    known = oracles["W.saturation_confident_wrong_y1_for_x2"]
    logits = torch.tensor([known["p"]], dtype=torch.float64).log()
    largest = {
        name: brute.gradient(
            lambda x, name=name: build_loss(name, weighted_tree, torch.float64)(x, torch.tensor([LEAVES["x2"]])), logits
        )
        .abs()
        .max()
        .item()
        for name in ("wasserstein(alpha=0, beta=1, normalize=no)", "cross-entropy")
    }
    assert list(largest.values()) == pytest.approx([known["gradW_linf"], known["gradCE_linf"]], rel=1e-9)


CROSS_ENTROPIES = {
    "cross-entropy": "CE.leaf",
    "tree-cross-entropy": "CE.sum_path_unweighted (Muller&Smith, ragged tree: leaf+XX+X)",
    "tree-cross-entropy(weights=edges)": "CE.sum_path_edge_weighted sum_v w_v*(-log P_v)",
    "tree-cross-entropy(weights=edges, normalize=yes)": "CE.sum_path_edge_weighted_normalised /sum_path w",
    "tree-cross-entropy(weights=top, top=0)": "CE.leaf+0.0*top (two-level, top = X/Y)",
    "tree-cross-entropy(weights=top, top=0.5)": "CE.leaf+0.5*top (two-level, top = X/Y)",
    "tree-cross-entropy(weights=top, top=1)": "CE.leaf+1.0*top (two-level, top = X/Y)",
    "tree-cross-entropy(weights=top, top=2)": "CE.leaf+2.0*top (two-level, top = X/Y)",
    "wasserstein(alpha=1, beta=1, normalize=no)": "CE+W.alpha1_beta1",
    "wasserstein(alpha=0.5, beta=0.5, normalize=no)": "CE+W.alpha0.5_beta0.5",
    "wasserstein(alpha=1, beta=1)": "CE+W.alpha1_beta1_Mnormalised",
    "hxe(alpha=0)": "HXE.lambda=1 (must equal CE)",
    "hxe(alpha=0.5)": "HXE.lambda=exp(-0.5*depth) unnormalised",
    "hxe(alpha=0.5, normalize=yes)": "HXE.lambda=exp(-0.5*depth)/sum_all_nodes_incl_root (repo)",
    "soft-labels(beta=4)": "SoftLabels.CE beta=4",
    "soft-labels(beta=10)": "SoftLabels.CE beta=10",
}


@pytest.mark.parametrize("expression", CROSS_ENTROPIES)
def test_cross_entropies_of_leaf_x2(weighted_tree, oracles, expression):
    value = loss_at(expression, weighted_tree, oracles["W.p"], LEAVES["x2"])
    assert value == pytest.approx(oracles[CROSS_ENTROPIES[expression]], abs=1e-12)


def test_probabilities_on_the_path_of_x2(weighted_tree, oracles):
    path = [
        np.exp(-loss_at("cross-entropy", weighted_tree, oracles["W.p"], at)) for at in (LEAVES["x2"], INNER["XX"], INNER["X"])
    ]
    assert path == pytest.approx(oracles["CE.path_node_probs (x2,XX,X)"], abs=1e-12)
    conditionals = [path[0] / path[1], path[1] / path[2], path[2]]
    assert conditionals == pytest.approx(oracles["HXE.conditionals x2|XX, XX|X, X|root"], abs=1e-12)


def test_level_sum_counts_a_shallow_leaf_again_for_deeper_levels(weighted_tree, oracles):
    key = "CE.Muller&Smith repo, y=y1 (shallow leaf is re-counted at deeper levels: -log P_Y - 2 log p_y1)"
    assert loss_at("level-sum", weighted_tree, oracles["W.p"], LEAVES["y1"]) == pytest.approx(oracles[key], abs=1e-12)


def test_hxe_equals_the_path_loss_with_the_differences_of_its_factors(weighted_tree, oracles):
    # lambda .2 .6 1.6 from the leaf up are the cumulative edge lengths: the edge-weighted path loss.
    value = loss_at("tree-cross-entropy(weights=edges)", weighted_tree, oracles["W.p"], LEAVES["x2"])
    key = "EQUIV.HXE with lambda=cumsum of node weights from leaf up (must equal edge-weighted path CE)"
    assert value == pytest.approx(oracles[key], abs=1e-12)


@pytest.mark.parametrize("beta", [4, 10])
def test_soft_labels_share_by_height_of_the_common_ancestor(weighted_tree, oracles, beta):
    others, own = soft_labels(weighted_tree, beta)
    column = others[LEAVES["x2"]].copy()
    column[1] += own[LEAVES["x2"]]
    np.testing.assert_allclose(column, oracles[f"SoftLabels.beta={beta} column y=x2"], atol=1e-12)
    heights = np.array(oracles["LCAheight.D"])  # what the shares are made of
    whole = others[list(LEAVES.values())] + np.diag(own[list(LEAVES.values())])
    np.testing.assert_allclose(-np.log(whole / np.diag(whole)[:, None]) / beta, heights / heights.max(), atol=1e-12)


@pytest.mark.parametrize("label", ["X", "XX"])
def test_a_mark_on_an_inner_label_is_the_marginal(weighted_tree, oracles, label):
    value = loss_at("cross-entropy", weighted_tree, oracles["W.p"], INNER[label])
    assert value == pytest.approx(oracles[f"MARG.CE when only '{label}' is annotated"], abs=1e-12)


@pytest.mark.parametrize(
    ("inner", "key"),
    [
        ("set", "MARG.W target = any leaf of X (set distance): sum_{l not in X} p_l min_{l' in X} M[l,l']"),
        ("mass", "MARG.W target = internal node X, mass inside X free: sum_{l not in X} p_l d(l,X)"),
    ],
)
def test_wasserstein_to_an_inner_label(weighted_tree, oracles, inner, key):
    expression = f"wasserstein(alpha=0, beta=1, normalize=no, inner={inner})"
    assert loss_at(expression, weighted_tree, oracles["W.p"], INNER["X"]) == pytest.approx(oracles[key], abs=1e-12)


def test_balanced_tree(balanced_tree, oracles):
    np.testing.assert_allclose(leaf_distances(balanced_tree), oracles["T2.M"], atol=1e-12)
    positions = [2, 3, 5, 6, 7]
    moved = [loss_at("wasserstein(alpha=0, beta=1, normalize=no)", balanced_tree, oracles["T2.p"], p) for p in positions]
    assert moved == pytest.approx(oracles["T2.W one-hot for each leaf (= sum_level 2 w_d (1-P_anc_d))"], abs=1e-12)
    entropies = [loss_at("tree-cross-entropy(weights=1/0.5)", balanced_tree, oracles["T2.p"], p) for p in positions]
    assert entropies == pytest.approx(oracles["T2.tree CE per leaf, node weights = edge weights (1.0*top + 0.5*leaf)"], abs=1e-12)
