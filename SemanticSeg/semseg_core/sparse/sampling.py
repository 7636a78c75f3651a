"""Which marks to train on, how often, and which to hold back."""

from __future__ import annotations

import numpy as np

from semseg_core.labels.tree import LabelTree
from semseg_core.sparse.scribbles import SparseLabels

LEAST_STROKES = 8
"""A label with fewer strokes keeps all of them for training: it can spare none."""


def balanced_weights(label_ids: np.ndarray, tree: LabelTree, balance: float) -> np.ndarray:
    """Probability of drawing each mark, balanced over labels and over subtrees.

    At every label of the tree, the marked branches below it (and the marks on itself, as one more branch) get equal shares;
    so a group of three small nuclei is drawn as often as the group of all cortex. `balance` goes between the natural
    frequency of each label and these shares, geometrically.

    Args:
        label_ids: (N,) ids of marked labels.
        tree: Their tree.
        balance: 0 for natural frequencies, 1 for equal shares.

    Returns:
        (N,) float64, summing to 1.
    """
    positions = np.array([tree.position(label_id) for label_id in np.unique(label_ids)], dtype=np.int64)
    marked = np.zeros(len(tree), dtype=bool)
    marked[positions] = True
    below = marked.copy()  # whether a label or one of its descendants is marked
    for position in range(len(tree) - 1, 0, -1):
        below[tree.parent_positions[position]] |= below[position]
    branches = marked.astype(np.int64)
    for position in range(1, len(tree)):
        branches[tree.parent_positions[position]] += below[position]
    share = np.zeros(len(tree))
    share[0] = 1.0
    for position in range(1, len(tree)):
        if below[position]:
            parent = tree.parent_positions[position]
            share[position] = share[parent] / branches[parent]
    own = share / np.maximum(branches, 1)  # of its share, a marked label keeps one branch for itself
    of_mark = np.array([tree.position(label_id) for label_id in label_ids.tolist()], dtype=np.int64)
    counts = np.bincount(of_mark, minlength=len(tree))
    wanted = np.zeros(len(tree))
    wanted[positions] = (counts[positions] / len(label_ids)) ** (1.0 - balance) * own[positions] ** balance
    weights = (wanted / np.maximum(counts, 1))[of_mark]
    return weights / weights.sum()


def held_back_strokes(marks: SparseLabels, share: float, rng: np.random.Generator) -> np.ndarray:
    """Whole strokes to keep out of training and measure on: neighbors of a training voxel would prove nothing.

    A stroke is a connected set of marks of one label. Labels with fewer than `LEAST_STROKES` strokes hold none back.

    Args:
        marks: All marks of a case.
        share: Share of each label's strokes, 0…0.5.
        rng: Draws them.

    Returns:
        (N,) bool, True where held back.
    """
    from scipy.ndimage import find_objects, generate_binary_structure, label

    held = np.zeros(len(marks), dtype=bool)
    if share == 0.0 or not len(marks):
        return held
    ids, dense = np.unique(marks.label_ids, return_inverse=True)
    volume = np.zeros(marks.grid.shape, dtype=np.int32)
    volume[tuple(marks.indices.T)] = dense + 1
    strokes = np.zeros(marks.grid.shape, dtype=np.int32)
    touching = generate_binary_structure(3, 3)
    for number, box in enumerate(find_objects(volume), start=1):
        found, count = label(volume[box] == number, touching)
        if count >= LEAST_STROKES:
            chosen = rng.choice(count, size=max(1, int(share * count)), replace=False) + 1
            strokes[box] |= np.isin(found, chosen).astype(np.int32)
    held[:] = strokes[tuple(marks.indices.T)] > 0
    return held
