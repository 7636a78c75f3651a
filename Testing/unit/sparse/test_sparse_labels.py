"""Marks as values: from label maps and back, through edits of the tree, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from semseg_core.errors import InputError, LabelTreeError, ShapeError
from semseg_core.geometry import Grid
from semseg_core.labels import edit
from semseg_core.labels.tree import LabelTree
from semseg_core.sparse.scribbles import SparseLabels

CORNERS = [[0, 0, 0], [3, 4, 5]]


def test_marks_come_from_a_label_map_by_value_and_go_back(brain_tree: LabelTree, oblique_grid: Grid) -> None:
    values = np.zeros(oblique_grid.shape, dtype=np.uint8)
    values[0, 0, 0], values[1, 2, 3], values[3, 4, 5] = 3, 20, 5
    marks = SparseLabels.from_label_map(values, oblique_grid, brain_tree)
    assert marks.indices.tolist() == [[0, 0, 0], [1, 2, 3], [3, 4, 5]]
    assert marks.label_ids.tolist() == [3, 2, 5]  # 20 is the value of the inner label 2
    assert len(marks) == 3
    assert marks.counts() == {2: 1, 3: 1, 5: 1}
    back = marks.to_label_map(brain_tree)
    assert back.dtype == np.int32
    np.testing.assert_array_equal(back, values)


def test_unknown_values_are_no_marks(brain_tree: LabelTree, oblique_grid: Grid) -> None:
    values = np.zeros(oblique_grid.shape, dtype=np.int16)
    values[0, 0, 0], values[0, 0, 1] = 3, 63
    assert SparseLabels.from_label_map(values, oblique_grid, brain_tree, (63, 64)).label_ids.tolist() == [3]
    with pytest.raises(InputError, match=r"scribbles m\.nii: 1 values are not in .* 'six labels': 63; .*--unknown-values"):
        SparseLabels.from_label_map(values, oblique_grid, brain_tree, what="scribbles m.nii")


def test_a_label_map_of_another_shape_is_refused(brain_tree: LabelTree, oblique_grid: Grid) -> None:
    with pytest.raises(ShapeError, match=r"\(4, 5, 7\).*\(4, 5, 6\)"):
        SparseLabels.from_label_map(np.zeros((4, 5, 7), dtype=int), oblique_grid, brain_tree)


@pytest.mark.parametrize(
    ("indices", "label_ids", "words"),
    [
        (CORNERS, [3], "2 voxels but 1 labels"),
        ([[0, 0, 6]], [3], "1 marks lie outside"),
        ([[-1, 0, 0]], [3], "1 marks lie outside"),
        ([[1, 1, 1], [1, 1, 1]], [3, 4], "marked more than once"),
    ],
)
def test_impossible_marks_are_refused(oblique_grid: Grid, indices: list, label_ids: list, words: str) -> None:
    with pytest.raises(ShapeError, match=words):
        SparseLabels(oblique_grid, indices, label_ids)


def test_marks_cannot_be_changed_and_do_not_change_their_source(oblique_grid: Grid) -> None:
    source = np.array(CORNERS)
    marks = SparseLabels(oblique_grid, source, [3, 4])
    source[0, 0] = 2
    assert marks.indices.tolist() == CORNERS
    with pytest.raises(ValueError, match="read-only"):
        marks.label_ids[0] = 9


def test_a_subset_is_picked_by_mask_or_by_number(oblique_grid: Grid) -> None:
    marks = SparseLabels(oblique_grid, CORNERS, [3, 4])
    assert marks.subset(np.array([False, True])).label_ids.tolist() == [4]
    assert marks.subset(np.array([1, 0])).indices.tolist() == CORNERS[::-1]
    assert len(marks.subset(np.zeros(2, dtype=bool))) == 0


def test_remapping_is_simultaneous_and_none_forgets(oblique_grid: Grid) -> None:
    marks = SparseLabels(oblique_grid, [*CORNERS, [1, 1, 1], [2, 2, 2]], [3, 4, 5, 6])
    swapped = marks.remapped({3: 4, 4: 3, 5: None})
    assert swapped.label_ids.tolist() == [4, 3, 6]
    assert swapped.indices.tolist() == [*CORNERS, [2, 2, 2]]


def test_marks_follow_an_edit_of_the_tree(brain_tree: LabelTree, oblique_grid: Grid) -> None:
    marks = SparseLabels(oblique_grid, CORNERS, [3, 6])
    removed = edit.remove(brain_tree, 3)  # cortex: its marks go to its parent
    assert marks.remapped(removed.remap.ids).label_ids.tolist() == [2, 6]
    with pytest.raises(LabelTreeError):
        marks.to_label_map(removed.tree)


def test_no_marks_are_a_value_too(brain_tree: LabelTree, oblique_grid: Grid) -> None:
    empty = SparseLabels.from_label_map(np.zeros(oblique_grid.shape, dtype=int), oblique_grid, brain_tree)
    assert len(empty) == 0
    assert empty.counts() == {}
    assert not empty.to_label_map(brain_tree).any()
