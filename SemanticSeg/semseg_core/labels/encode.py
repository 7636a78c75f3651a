"""A label tree as arrays. Everything numeric about trees is computed here, and only here.

`L` is the number of leaves, `V` the number of labels without the root. Ranges cost O(labels) always; matrices are made on
demand and refused above a size, since losses and metrics need ranges only.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from semseg_core.errors import InputError, LabelTreeError
from semseg_core.labels.tree import UNKNOWN, LabelTree

MATRIX_LEAF_LIMIT = 4096
"""Largest number of leaves a leaf × leaf matrix is made for: 4096² float64 are 128 MiB."""


def leaf_ranges(tree: LabelTree) -> np.ndarray:
    """Half-open leaf range of every label in depth-first order, (V + 1, 2) int64; row 0 is the root."""
    return np.array(tree.leaf_ranges, dtype=np.int64)


def edge_lengths(tree: LabelTree) -> np.ndarray:
    """Length of the edge above every label in depth-first order, (V + 1,) float64; 0 for the root."""
    lengths = np.array([label.length for label in tree], dtype=np.float64)
    lengths[0] = 0.0
    return lengths


def leaf_distances(tree: LabelTree) -> np.ndarray:
    """Path length between every two leaves, (L, L) float64, symmetric with a zero diagonal.

    Source:
        Tree metric of Evans and Matsen 2012: the sum over edges of length × |A_ei - A_ej|.

    Raises:
        LabelTreeError: Above `MATRIX_LEAF_LIMIT` leaves.
    """
    count = len(tree.leaves)
    if count > MATRIX_LEAF_LIMIT:
        raise LabelTreeError(
            f"label tree '{tree.title}': a distance matrix of {count} leaves would be too large (limit {MATRIX_LEAF_LIMIT}); "
            "use a cut of the tree"
        )
    distances = np.zeros((count, count))
    for (start, stop), length in zip(tree.leaf_ranges[1:], edge_lengths(tree)[1:], strict=True):
        distances[start:stop, :start] += length
        distances[start:stop, stop:] += length
        distances[:start, start:stop] += length
        distances[stop:, start:stop] += length
    return distances


def common_ancestors(tree: LabelTree, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Positions of the deepest labels that cover both labels of each pair, int64, from positions of one shape.

    One pass over the pairs per step up the tree, so a million pairs cost height × a few milliseconds.
    """
    parents, stops = np.array(tree.parent_positions), np.array(tree.subtree_stops)
    found, second = np.broadcast_arrays(np.asarray(first, dtype=np.int64), np.asarray(second, dtype=np.int64))
    while (apart := (second < found) | (second >= stops[found])).any():
        found = np.where(apart, parents[found], found)
    return found


def path_lengths(tree: LabelTree, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Sum of the edge lengths on the path between both labels of each pair, float64, from positions of one shape."""
    from_root = edge_lengths(tree)
    for position in range(1, len(tree)):  # depth-first order: the parent comes first
        from_root[position] += from_root[tree.parent_positions[position]]
    meeting = common_ancestors(tree, first, second)
    # The difference of nearly equal sums may leave -1e-17 where the path is empty.
    return np.maximum(from_root[first] + from_root[second] - 2.0 * from_root[meeting], 0.0)


def level_of_leaves(tree: LabelTree, level: int) -> np.ndarray:
    """For each leaf, its index within `tree.level_cut(level)`, (L,) int64."""
    indices = np.empty(len(tree.leaves), dtype=np.int64)
    for index, label in enumerate(tree.level_cut(level)):
        start, stop = tree.leaf_range(label.id)
        indices[start:stop] = index
    return indices


def values_to_ids(values: np.ndarray, tree: LabelTree, unknown_values: Iterable[int] = (), what: str = "label map") -> np.ndarray:
    """Label ids, int32, of label-map values; 0 where the voxel is unknown.

    Args:
        values: Integer array of any shape.
        tree: Says which value is which label, and which values it ignores.
        unknown_values: Further values that mean unknown.
        what: Where the values come from, for the message.

    Raises:
        InputError: If a value belongs to no label and is not declared unknown; the message counts and lists them.
    """
    found, inverse = np.unique(values, return_inverse=True)
    unknown = {UNKNOWN, *tree.ignored_values, *(int(value) for value in unknown_values)}
    ids = np.zeros(len(found), dtype=np.int32)
    strangers = []
    for index, value in enumerate(found.tolist()):
        if value in unknown:
            continue
        label = tree.by_value.get(value)
        if label is None:
            strangers.append(value)
        else:
            ids[index] = label.id
    if strangers:
        listed = ",".join(str(value) for value in strangers[:12]) + ("…" if len(strangers) > 12 else "")
        raise InputError(
            f"{what}: {len(strangers)} values are not in the label tree '{tree.title}': {listed}; "
            "if they mean unknown, say so with --unknown-values, else choose the tree they belong to"
        )
    return ids[inverse].reshape(np.shape(values))


def ids_to_values(ids: np.ndarray, tree: LabelTree) -> np.ndarray:
    """Label-map values, int32, of label ids; unknown stays 0.

    Raises:
        LabelTreeError: If an id is not in the tree.
    """
    found, inverse = np.unique(ids, return_inverse=True)
    values = np.array([UNKNOWN if label_id == 0 else tree[label_id].value for label_id in found.tolist()], dtype=np.int32)
    return values[inverse].reshape(np.shape(ids))
