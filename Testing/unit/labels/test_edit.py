"""Each edit of a tree, and what becomes of marks."""

import numpy as np
import pytest

from semseg_core.errors import LabelTreeError
from semseg_core.labels import edit
from semseg_core.labels.edit import Remap
from semseg_core.labels.tree import Code, Terminology
from semseg_core.sparse.scribbles import SparseLabels


def paths(tree):
    return list(tree.by_path)


def test_a_new_label_gets_an_id_and_a_value_never_used_before(brain_tree):
    smaller = edit.remove(brain_tree, 2).tree  # 'left' had the largest value, 20
    tree, remap = edit.add(smaller, 5, "  cortex \t of the right ")
    new = tree.find("cortex of the right")
    assert (new.id, new.value, new.parent, new.color) == (7, 21, 5, smaller[5].color)
    assert remap == Remap()
    assert edit.add(edit.remove(tree, 7).tree, 5, "again").tree.find("again").id == 8


def test_a_label_is_added_at_the_place_asked_for(brain_tree):
    first = edit.add(brain_tree, 1, "new", index=0, value=77, color=(1.0, 0.0, 0.0), length=2.5).tree
    assert [label.name for label in first.children(1)] == ["new", "left", "right", "fluid"]
    assert (first.find("new").value, first.find("new").length) == (77, 2.5)
    middle = edit.add(brain_tree, 1, "new", index=2).tree
    assert [label.name for label in middle.children(1)] == ["left", "right", "new", "fluid"]


def test_marks_on_a_leaf_survive_when_it_gets_a_child(brain_tree, oblique_grid):
    marks = SparseLabels(oblique_grid, np.array([[0, 0, 0], [1, 2, 3]]), np.array([5, 6]))
    tree, remap = edit.add(brain_tree, 5, "cortex")
    kept = marks.remapped(remap.ids)
    assert kept.label_ids.tolist() == [5, 6]
    assert not tree.is_leaf(5)
    assert kept.to_label_map(tree)[0, 0, 0] == 5


def test_rename_keeps_everything_else(brain_tree):
    tree, remap = edit.rename(brain_tree, 3, " gray  matter ")
    assert tree[3].name == "gray matter"
    assert tree[3].value == 3
    assert remap.invertible
    with pytest.raises(LabelTreeError, match="'left' already has a child of this name"):
        edit.rename(brain_tree, 3, "white matter")
    with pytest.raises(LabelTreeError, match="label id 9: not in the tree"):
        edit.rename(brain_tree, 9, "x")


def test_move_takes_the_subtree_along(brain_tree):
    tree = edit.move(brain_tree, 2, 5).tree
    assert paths(tree) == [
        "/brain",
        "/brain/right",
        "/brain/right/left",
        "/brain/right/left/cortex",
        "/brain/right/left/white matter",
        "/brain/fluid",
    ]
    assert [label.name for label in edit.move(brain_tree, 6, 2, index=1).tree.children(2)] == ["cortex", "fluid", "white matter"]


def test_moves_that_would_break_the_tree_are_refused(brain_tree):
    with pytest.raises(LabelTreeError, match="label 1 'brain': it is the root and cannot be moved"):
        edit.move(brain_tree, 1, 2)
    with pytest.raises(LabelTreeError, match="label 2 'left': label 3 'cortex' lies below it; choose a parent elsewhere"):
        edit.move(brain_tree, 2, 3)
    with pytest.raises(LabelTreeError, match="has no siblings"):
        edit.reorder(brain_tree, 1, 0)


@pytest.mark.parametrize(
    ("index", "order"),
    [
        (0, ["fluid", "left", "right"]),
        (1, ["left", "fluid", "right"]),
        (2, ["left", "right", "fluid"]),
        (9, ["left", "right", "fluid"]),
    ],
)
def test_reorder_changes_the_place_among_siblings_only(brain_tree, index, order):
    tree = edit.reorder(brain_tree, 6, index).tree
    assert [label.name for label in tree.children(1)] == order
    assert sorted(label.id for label in tree) == [1, 2, 3, 4, 5, 6]


def test_merged_leaves_share_their_marks(brain_tree, oblique_grid):
    tree, remap = edit.merge(brain_tree, [4, 6], 5)
    assert paths(tree) == ["/brain", "/brain/left", "/brain/left/cortex", "/brain/right"]
    assert dict(remap.ids) == {4: 5, 6: 5}
    assert not remap.invertible
    marks = SparseLabels(oblique_grid, np.array([[0, 0, 0], [1, 0, 0], [2, 0, 0]]), np.array([4, 3, 6]))
    assert marks.remapped(remap.ids).label_ids.tolist() == [5, 3, 5]
    with pytest.raises(LabelTreeError, match="cannot be told apart again"):
        remap.inverse()


def test_merging_an_inner_label_hands_its_children_over(brain_tree):
    assert paths(edit.merge(brain_tree, [2], 5).tree) == [
        "/brain",
        "/brain/right",
        "/brain/right/cortex",
        "/brain/right/white matter",
        "/brain/fluid",
    ]
    dissolved = edit.merge(brain_tree, [2], 1)
    assert [label.name for label in dissolved.tree.children(1)] == ["cortex", "white matter", "right", "fluid"]
    assert dict(dissolved.remap.ids) == {2: 1}
    with pytest.raises(
        LabelTreeError, match="label 2 'left': label 3 'cortex' lies below it; merge the lower label into the upper"
    ):
        edit.merge(brain_tree, [2], 3)
    with pytest.raises(LabelTreeError, match="'right' already has a child of this name"):
        edit.merge(edit.add(brain_tree, 5, "cortex").tree, [2], 5)


def test_removing_a_subtree_gives_its_marks_to_the_parent_a_label_or_nobody(brain_tree):
    assert dict(edit.remove(brain_tree, 2).remap.ids) == {2: 1, 3: 1, 4: 1}
    assert dict(edit.remove(brain_tree, 2, "discard").remap.ids) == {2: None, 3: None, 4: None}
    tree, remap = edit.remove(brain_tree, 3, marks_to=4)
    assert dict(remap.ids) == {3: 4}
    assert not remap.invertible
    assert paths(tree) == ["/brain", "/brain/left", "/brain/left/white matter", "/brain/right", "/brain/fluid"]
    with pytest.raises(LabelTreeError, match="label 3 'cortex': it is removed too, so it cannot take the marks"):
        edit.remove(brain_tree, 2, marks_to=3)
    with pytest.raises(LabelTreeError, match="it is the root and cannot be removed"):
        edit.remove(brain_tree, 1)


def test_a_subtree_is_shaded_from_dark_to_light(brain_tree):
    tree = edit.shade(brain_tree, 2, (0.2, 0.4, 0.8)).tree
    assert tree[2].color == (0.2, 0.4, 0.8)
    assert sum(tree[3].color) < sum(tree[4].color)
    assert tree[3].color[2] > tree[3].color[1] > tree[3].color[0]  # still blue
    assert tree[5].color == brain_tree[5].color
    assert edit.shade(brain_tree, 6).tree == brain_tree


def test_single_fields_are_set(brain_tree):
    liver = Terminology(Code("SCT", "123037004", "Anatomical Structure"), Code("SCT", "10200004", "Liver"))
    assert edit.recolor(brain_tree, 3, (0.0, 0.0, 0.0)).tree[3].color == (0.0, 0.0, 0.0)
    assert edit.set_length(brain_tree, 3, 0.25).tree[3].length == 0.25
    assert edit.set_terminology(brain_tree, 3, liver).tree[3].terminology == liver
    assert edit.set_value(brain_tree, 3, 30).tree[3].value == 30
    with pytest.raises(LabelTreeError, match="value 4 is also that of"):
        edit.set_value(brain_tree, 3, 4)
    with pytest.raises(LabelTreeError, match="its edge length is -1"):
        edit.set_length(brain_tree, 3, -1.0)


def test_label_maps_follow_a_change_of_values_and_a_removal(brain_tree):
    values = np.array([[0, 3, 4], [5, 20, 6]])
    revalued = edit.set_value(brain_tree, 3, 30)
    assert revalued.remap.map_values(values, brain_tree, revalued.tree).tolist() == [[0, 30, 4], [5, 20, 6]]
    removed = edit.remove(brain_tree, 2, "discard")
    assert removed.remap.map_values(values, brain_tree, removed.tree).tolist() == [[0, 0, 0], [5, 0, 6]]


def test_remaps_compose_in_the_order_of_the_edits(brain_tree):
    first = edit.merge(brain_tree, [3], 4)
    second = edit.remove(first.tree, 4, marks_to=5)
    third = edit.remove(second.tree, 5, "discard")
    both = first.remap.compose(second.remap)
    assert dict(both.ids) == {3: 5, 4: 5}
    assert dict(both.compose(third.remap).ids) == {3: None, 4: None, 5: None}
    assert not both.invertible
    assert Remap({1: 2}).compose(Remap({2: 1})) == Remap({2: 1})
    assert Remap({1: 2}).inverse() == Remap({2: 1})
