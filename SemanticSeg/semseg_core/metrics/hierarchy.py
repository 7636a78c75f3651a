"""How far from the truth the answers lie on the tree.

All averages are over the voxels of one case whose truth is a label; voxels outside every label of the truth enter hierarchical
precision only, where an answer there is a false one. An unknown answer is treated as one at the root.

Source:
    Mistake severity and height of the common ancestor: Bertinetto et al., CVPR 2020. Hierarchical precision and recall: sets of
    ancestors with the label itself and without the root, Kiritchenko et al. 2006; checked against jvlmdr/hiercls.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from semseg_core.labels.encode import edge_lengths, path_lengths
from semseg_core.labels.tree import LabelTree
from semseg_core.metrics.confusion import NOWHERE, ConfusionTable


@dataclass(frozen=True)
class TreeScores:
    """Errors measured along the tree. A number that nothing can define is NaN.

    A *correct* answer is the true label, or a descendant where the truth is an inner label. A *cautious* answer is an ancestor of
    the true label, or unknown. A *mistake* contradicts the truth. The three shares add up to 1.

    Args:
        accuracy: Share of correct answers.
        caution: Share of cautious answers.
        mistakes: Share of mistakes.
        coverage: Share of answers that are not unknown.
        distance: Mean path length between answer and truth, correct ones being 0.
        relative_distance: The same, divided by the largest path length between two leaves.
        severity: Mean path length over mistakes alone. Read it together with `mistakes`: many mild ones lower it.
        ancestor_height: Mean height of the deepest label covering answer and truth, correct ones being 0.
        mistake_height: The same over mistakes alone.
        precision: Hierarchical precision over all voxels together (micro).
        recall: Hierarchical recall over all voxels together (micro).
        f1: Their harmonic mean.
        macro_precision: Mean of the precision of every answered voxel.
        macro_recall: Mean of the recall of every voxel.
        sibling_mistakes: Share of the mistakes that answer a sibling of the true label.
        mistakes_by_depth: Share of the mistakes by the depth of the deepest label covering answer and truth; at `"0"` the two
            have only the root in common.
    """

    accuracy: float
    caution: float
    mistakes: float
    coverage: float
    distance: float
    relative_distance: float
    severity: float
    ancestor_height: float
    mistake_height: float
    precision: float
    recall: float
    f1: float
    macro_precision: float
    macro_recall: float
    sibling_mistakes: float
    mistakes_by_depth: dict[str, float]


def tree_scores(table: ConfusionTable) -> TreeScores:
    """All tree metrics of a confusion table."""
    tree, counts = table.tree, table.counts
    depths = np.array([*tree.depths, 0])  # the last entry, reached by index -1, is for what is nowhere
    heights = np.array(subtree_heights(tree))
    labelled = table.truth != NOWHERE
    correct = labelled & (table.answer == table.truth)
    mistaken = mistakes(table)
    cautious = labelled & ~correct & ~mistaken
    at = np.maximum(table.answer, 0)
    truth = np.maximum(table.truth, 0)
    # An answer nowhere is one at the root, where both meet then.
    meeting = np.maximum(table.meeting, 0)
    lengths = path_lengths(tree, truth, at)
    ancestor_heights = np.where(correct, 0, heights[meeting])
    shared, claimed, true = depths[table.meeting], depths[table.answer], depths[table.truth]
    precision, recall = _ratio(counts @ shared, counts @ claimed), _ratio(counts @ shared, counts @ true)
    parents = np.array(tree.parent_positions)
    siblings = mistaken & (parents[truth] == parents[at])
    wrong = table.total(mistaken)
    distance = _mean(lengths, counts, labelled)
    parting = np.bincount(depths[meeting[mistaken]], weights=counts[mistaken], minlength=tree.height)
    return TreeScores(
        accuracy=_mean(correct, counts, labelled),
        caution=_mean(cautious, counts, labelled),
        mistakes=_mean(mistaken, counts, labelled),
        coverage=_mean(table.answer != NOWHERE, counts, labelled),
        distance=distance,
        relative_distance=_ratio(distance, largest_leaf_distance(tree)),
        severity=_mean(lengths, counts, mistaken),
        ancestor_height=_mean(ancestor_heights, counts, labelled),
        mistake_height=_mean(ancestor_heights, counts, mistaken),
        precision=precision,
        recall=recall,
        f1=_ratio(2.0 * precision * recall, precision + recall) if precision + recall != 0.0 else 0.0,
        macro_precision=_mean(shared / np.maximum(claimed, 1), counts, claimed > 0),
        macro_recall=_mean(shared / np.maximum(true, 1), counts, true > 0),
        sibling_mistakes=_ratio(table.total(siblings), wrong),
        mistakes_by_depth={str(depth): _ratio(voxels, wrong) for depth, voxels in enumerate(parting) if wrong},
    )


def mistakes(table: ConfusionTable) -> np.ndarray:
    """Which pairs contradict each other, (P,) bool: both known, and neither covers the other."""
    return (table.meeting != NOWHERE) & (table.meeting != table.truth) & (table.meeting != table.answer)


def subtree_heights(tree: LabelTree) -> list[int]:
    """Edges from every label down to its deepest leaf, in depth-first order."""
    heights = [0] * len(tree)
    for position in range(len(tree) - 1, 0, -1):
        parent = tree.parent_positions[position]
        heights[parent] = max(heights[parent], heights[position] + 1)
    return heights


def largest_leaf_distance(tree: LabelTree) -> float:
    """Largest path length between two leaves, in O(labels); 0 where there is only one leaf."""
    lengths = edge_lengths(tree)
    reach = np.zeros(len(tree))  # from each label to its farthest leaf seen so far
    seen = np.zeros(len(tree), dtype=bool)
    largest = 0.0
    for position in range(len(tree) - 1, 0, -1):
        parent = tree.parent_positions[position]
        length = reach[position] + lengths[position]
        if seen[parent]:
            largest = max(largest, reach[parent] + length)
        reach[parent] = max(reach[parent], length)
        seen[parent] = True
    return float(largest)


def _mean(values: np.ndarray, counts: np.ndarray, pairs: np.ndarray) -> float:
    """Mean over the voxels of the selected pairs."""
    return _ratio(float(values[pairs] @ counts[pairs]), float(counts[pairs].sum()))


def _ratio(part: float, whole: float) -> float:
    """The quotient; NaN where there is nothing to divide by."""
    return float(part / whole) if whole else float("nan")
