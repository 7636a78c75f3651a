"""The cross-entropy family as one thing: a weighted sum of -log P over the labels on the path of the mark.

P of a label is the probability of its leaves together. Which label on the path weighs how much is all these losses differ in, so
a weighted sum of them is one of them, and costs one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from semseg_core.errors import InputError, LabelTreeError
from semseg_core.labels.encode import edge_lengths
from semseg_core.labels.tree import LabelTree
from semseg_core.losses.positions import leaf_mask

ENTRY_LIMIT = 1 << 25
"""Largest number of weights kept; only trees that are thousands of levels deep reach it."""


@dataclass(frozen=True, eq=False)
class PathWeights:
    """How much -log P of a label weighs for a mark, for all pairs that weigh something.

    A mark on an inner label is treated as if its subtree were merged into one leaf.

    Args:
        marks: Position of the mark, (E,) int64.
        labels: Position of a label on its path, the mark itself included, the root excluded, (E,) int64.
        weights: (E,) float64, above 0.
    """

    marks: np.ndarray
    labels: np.ndarray
    weights: np.ndarray

    def __add__(self, other: PathWeights) -> PathWeights:
        """The weights of the sum of two losses."""
        marks = np.concatenate((self.marks, other.marks))
        labels = np.concatenate((self.labels, other.labels))
        pairs, index = np.unique(np.stack((marks, labels)), axis=1, return_inverse=True)
        return PathWeights(pairs[0], pairs[1], np.bincount(index, np.concatenate((self.weights, other.weights))))

    def __mul__(self, factor: float) -> PathWeights:
        """The weights of the loss times a factor, 0 or more."""
        if factor == 0:
            return PathWeights(self.marks[:0], self.labels[:0], self.weights[:0])
        return PathWeights(self.marks, self.labels, self.weights * factor)

    __rmul__ = __mul__


def cross_entropy_weights(tree: LabelTree) -> PathWeights:
    """Masked cross-entropy: the mark alone. On an inner label the marginal -log P of Fidon et al. 2021."""
    positions = np.arange(1, len(tree))
    return PathWeights(positions, positions, np.ones(len(positions)))


def equal_weights(tree: LabelTree) -> PathWeights:
    """Every label on the path weighs 1."""
    return _over_paths(tree, np.ones(len(tree)))


def depth_weights(tree: LabelTree, weights: Sequence[float]) -> PathWeights:
    """One weight per level from the top; levels below the last take its weight."""
    listed = np.array([0.0, *weights])
    return _over_paths(tree, listed[np.minimum(tree.depths, len(weights))])


def edge_weights(tree: LabelTree) -> PathWeights:
    """Every label weighs the length of the edge above it."""
    return _over_paths(tree, edge_lengths(tree))


def top_weights(tree: LabelTree, top: float) -> PathWeights:
    """The mark weighs 1, and the label of the top level above it `top`."""
    return cross_entropy_weights(tree) + _over_paths(tree, np.where(np.array(tree.depths) == 1, top, 0.0))


def level_sum_weights(tree: LabelTree) -> PathWeights:
    """Every level weighs 1, and a leaf also stands for the levels it does not reach.

    Source:
        Müller and Smith, VISAPP 2020; the repetition of shallow leaves as in their code.
    """
    depths = np.array(tree.depths)
    return _over_paths(tree, np.where(leaf_mask(tree), 1.0 + tree.height - depths, 1.0))


def hxe_weights(tree: LabelTree, alpha: float, normalize: bool = False) -> PathWeights:
    """Hierarchical cross-entropy: each conditional -log P(child | parent) on the path weighs exp(-alpha × depth of the child).

    Source:
        Bertinetto et al., CVPR 2020, section 3.1, with depth counted from the root as in their code. Written as weights of
        -log P: a label weighs the difference to the weight one level down, and the mark its own weight whole. With `normalize`
        divided by the sum of the weights of all labels, the root included, as in their code.
    """
    factors = np.exp(-alpha * np.arange(tree.height + 2))
    depths = np.array(tree.depths)
    if normalize:
        factors /= factors[depths].sum()
    return _over_paths(tree, factors[depths] - factors[depths + 1]) + _at_mark(tree, factors[depths + 1])


def normalized(weights: PathWeights) -> PathWeights:
    """The weights of every mark divided by their sum."""
    totals = np.bincount(weights.marks, weights.weights)
    return PathWeights(weights.marks, weights.labels, weights.weights / totals[weights.marks])


def tree_weights(
    tree: LabelTree, weights: str | float | Sequence[float] = "equal", top: float = 1.0, normalize: bool = False
) -> PathWeights:
    """Weights of the hierarchy-weighted cross-entropy.

    Args:
        tree: The label tree.
        weights: "equal", "edges" (edge lengths), "top" (mark and top level), or one number per level from the top.
        top: What the top level weighs for "top".
        normalize: Whether the weights of a path are divided by their sum.

    Raises:
        InputError: If weights are negative, all zero, or of an unknown kind.
    """
    rules: dict[str, Callable[[], PathWeights]] = {
        "equal": lambda: equal_weights(tree),
        "edges": lambda: edge_weights(tree),
        "top": lambda: top_weights(tree, top),
    }
    if isinstance(weights, str):
        if weights not in rules:
            raise InputError(
                f"tree cross-entropy: weights '{weights}' are unknown; choose one of {', '.join(rules)}, or numbers like 1/0.5"
            )
        listed: Sequence[float] = (top,)
    else:
        listed = (weights,) if isinstance(weights, (int, float)) else tuple(weights)
        rules[""] = lambda: depth_weights(tree, listed)
        weights = ""
    if not listed or not all(np.isfinite(weight) and weight >= 0 for weight in listed):
        raise InputError(f"tree cross-entropy: weights {listed}: give finite numbers, 0 or more")
    chosen = rules[weights]()
    if not len(chosen.weights):
        raise InputError("tree cross-entropy: all weights are zero; give at least one level a weight")
    return normalized(chosen) if normalize else chosen


def _over_paths(tree: LabelTree, node_weights: np.ndarray) -> PathWeights:
    """Weights that belong to the labels, whatever the mark; pairs that weigh nothing are left out."""
    if int(np.sum(tree.depths)) > ENTRY_LIMIT:
        raise LabelTreeError(
            f"label tree '{tree.title}': its paths have {sum(tree.depths)} labels together, too many; use a cut of the tree"
        )
    parents = np.array(tree.parent_positions)
    marks = np.arange(1, len(tree))
    labels = marks
    found: list[tuple[np.ndarray, np.ndarray]] = []
    while len(marks):
        weighing = node_weights[labels] > 0
        found.append((marks[weighing], labels[weighing]))
        labels = parents[labels]
        marks, labels = marks[labels > 0], labels[labels > 0]
    all_marks, all_labels = (np.concatenate(part) for part in zip(*found, strict=True)) if found else (marks, labels)
    return PathWeights(all_marks, all_labels, node_weights[all_labels])


def _at_mark(tree: LabelTree, mark_weights: np.ndarray) -> PathWeights:
    """Weights of the mark itself, by its position."""
    positions = np.arange(1, len(tree))
    return PathWeights(positions, positions, mark_weights[1:])
