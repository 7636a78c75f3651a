from __future__ import annotations

import numpy as np
import pytest

from semseg_core.labels.tree import Label, LabelTree
from semseg_core.sparse.scribbles import SparseLabels
from semseg_core.sparse.statistics import statistics, warnings


@pytest.fixture
def marks(oblique_grid) -> SparseLabels:
    """Cortex on two slices, white matter on one voxel, and a stroke on their parent."""
    indices = [(0, 0, 0), (0, 0, 1), (1, 2, 1), (3, 4, 5), (2, 1, 0), (2, 1, 2)]
    return SparseLabels(oblique_grid, np.array(indices), np.array([3, 3, 3, 4, 2, 2]))


def test_voxels_and_slices_are_counted_with_and_without_what_lies_below(marks, brain_tree):
    entries = {entry.label.name: entry for entry in statistics(marks, brain_tree)}
    assert list(entries) == ["brain", "left", "cortex", "white matter"]
    assert {name: (entry.voxels, entry.subtree_voxels) for name, entry in entries.items()} == {
        "brain": (0, 6),
        "left": (2, 6),
        "cortex": (3, 3),
        "white matter": (1, 1),
    }
    assert entries["cortex"].slices == ((0, 1), (0, 2), (0, 1))
    assert entries["left"].slices == ((0, 1, 2, 3), (0, 1, 2, 4), (0, 1, 2, 5))


def test_no_mark_gives_no_statistics(oblique_grid, brain_tree):
    assert statistics(SparseLabels(oblique_grid, np.empty((0, 3)), np.empty(0)), brain_tree) == ()


def test_each_weakness_is_one_sentence(marks, brain_tree):
    assert warnings(marks, brain_tree, few_voxels=3) == (
        "white matter is marked in one slice only: mark another slice, best in another orientation",
        "left, white matter are marked with fewer than 3 voxels: draw longer strokes",
        "no mark on 2 of 4 leaves, which cannot be learned: right, fluid",
    )


def test_a_mark_and_its_ancestors_alone_tell_nothing_apart(oblique_grid, brain_tree):
    chain = SparseLabels(oblique_grid, np.array([(0, 0, 0), (1, 1, 1), (2, 2, 2)]), np.array([1, 2, 3]))
    assert warnings(chain, brain_tree)[0] == (
        "only /brain/left/cortex is marked, so nothing can be told apart: mark something else too"
    )
    apart = SparseLabels(oblique_grid, np.array([(0, 0, 0), (1, 1, 1)]), np.array([2, 6]))
    assert not any("told apart" in sentence for sentence in warnings(apart, brain_tree))


def test_good_scribbles_give_no_warning(oblique_grid, brain_tree):
    indices = np.argwhere(np.ones(oblique_grid.shape))
    leaves = np.array([leaf.id for leaf in brain_tree.leaves])
    assert warnings(SparseLabels(oblique_grid, indices, leaves[indices.sum(axis=1) % 4]), brain_tree) == ()


def test_long_lists_of_names_are_cut(oblique_grid):
    tree = LabelTree((Label(1, "root", 1), *(Label(n, f"leaf {n}", n, parent=1) for n in range(2, 22))))
    marks = SparseLabels(oblique_grid, np.array([(0, 0, 0), (1, 1, 1)]), np.array([2, 3]))
    assert warnings(marks, tree)[-1].endswith(
        "no mark on 18 of 20 leaves, which cannot be learned: leaf 4, leaf 5, leaf 6, leaf 7, "
        "leaf 8, leaf 9, leaf 10, leaf 11 and 10 more"
    )
