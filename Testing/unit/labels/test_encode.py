"""The tree as arrays."""

from dataclasses import replace

import numpy as np
import pytest

from semseg_core.errors import InputError, LabelTreeError
from semseg_core.labels import encode
from semseg_core.labels.tree import Label, LabelTree


def test_leaf_distances_are_those_worked_out_by_hand(weighted_tree):
    expected = np.array(
        [
            [0.00, 1.10, 1.20, 2.45, 2.35],
            [1.10, 0.00, 0.50, 2.55, 2.45],
            [1.20, 0.50, 0.00, 2.65, 2.55],
            [2.45, 2.55, 2.65, 0.00, 0.40],
            [2.35, 2.45, 2.55, 0.40, 0.00],
        ]
    )
    np.testing.assert_allclose(encode.leaf_distances(weighted_tree), expected, atol=1e-12)


def test_ranges_and_lengths_are_in_depth_first_order(weighted_tree):
    assert encode.leaf_ranges(weighted_tree).tolist() == [[0, 5], [0, 3], [0, 1], [1, 3], [1, 2], [2, 3], [3, 5], [3, 4], [4, 5]]
    assert encode.edge_lengths(weighted_tree).tolist() == [0.0, 1.0, 0.5, 0.4, 0.2, 0.3, 0.7, 0.25, 0.15]


def test_each_leaf_knows_its_label_at_a_level(brain_tree):
    assert encode.level_of_leaves(brain_tree, 1).tolist() == [0, 0, 1, 2]
    assert encode.level_of_leaves(brain_tree, 2).tolist() == [0, 1, 2, 3]


def test_a_distance_matrix_too_large_is_refused():
    count = encode.MATRIX_LEAF_LIMIT + 2
    flat = LabelTree((Label(1, "all", 1), *(Label(number, f"n{number}", number, parent=1) for number in range(2, count + 1))))
    with pytest.raises(LabelTreeError, match="4097 leaves would be too large"):
        encode.leaf_distances(flat)


def test_values_become_ids_and_come_back(brain_tree):
    tree = replace(brain_tree, ignored_values=frozenset({99}))
    values = np.array([[0, 3, 20], [99, 6, 42]], dtype=np.uint8)
    ids = encode.values_to_ids(values, tree, unknown_values=(42,))
    assert ids.tolist() == [[0, 3, 2], [0, 6, 0]]
    assert encode.ids_to_values(ids, tree).tolist() == [[0, 3, 20], [0, 6, 0]]


def test_strange_values_are_counted_and_the_remedy_named(brain_tree):
    with pytest.raises(InputError, match="scribbles: 2 values are not in the label tree 'six labels': 42,63; .*--unknown-values"):
        encode.values_to_ids(np.array([42, 3, 63, 63]), brain_tree, what="scribbles")


def test_an_id_that_is_not_in_the_tree_has_no_value(brain_tree):
    with pytest.raises(LabelTreeError, match="label id 9: not in the tree"):
        encode.ids_to_values(np.array([9]), brain_tree)
