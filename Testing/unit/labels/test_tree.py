"""What makes a tree, and what it answers, on six labels drawn by hand: brain → (left → (cortex, white matter), right, fluid)."""

from dataclasses import replace

import pytest

from semseg_core.errors import LabelTreeError
from semseg_core.labels.tree import Label, LabelTree


def names(labels):
    return [label.name for label in labels]


def test_labels_are_kept_in_depth_first_order_with_children_as_given():
    tree = LabelTree((Label(3, "b", 3, parent=1), Label(1, "root", 1), Label(2, "a", 2, parent=1), Label(4, "b1", 4, parent=3)))
    assert names(tree) == ["root", "b", "b1", "a"]
    assert tree.parent_positions == (-1, 0, 1, 0)
    assert tree.depths == (0, 1, 2, 1)
    assert tree.subtree_stops == (4, 3, 3, 4)


def test_a_subtree_is_a_range_of_leaves(brain_tree):
    assert names(brain_tree.leaves) == ["cortex", "white matter", "right", "fluid"]
    assert brain_tree.leaf_ranges == ((0, 4), (0, 2), (0, 1), (1, 2), (2, 3), (3, 4))
    assert names(brain_tree.subtree(2)) == ["left", "cortex", "white matter"]
    assert names(brain_tree.children(1)) == ["left", "right", "fluid"]
    assert names(brain_tree.ancestors(3)) == ["left", "brain"]
    assert brain_tree.height == 2


def test_membership_and_lookups(brain_tree):
    assert brain_tree.covers(2, 4)
    assert brain_tree.covers(4, 4)
    assert not brain_tree.covers(4, 2)
    assert not brain_tree.covers(2, 5)
    assert 3 in brain_tree
    assert 7 not in brain_tree
    assert brain_tree.by_value[20].name == "left"
    assert brain_tree.by_path["/brain/left/cortex"].id == 3
    assert brain_tree.path(4) == "/brain/left/white matter"
    assert names(brain_tree.overlapping([5, 4, 2])) == ["left", "white matter"]
    assert brain_tree.overlapping([3, 4, 5]) is None


def test_a_level_cut_carries_shallow_leaves_down(brain_tree):
    assert names(brain_tree.level_cut(0)) == ["brain"]
    assert names(brain_tree.level_cut(1)) == ["left", "right", "fluid"]
    assert names(brain_tree.level_cut(2)) == ["cortex", "white matter", "right", "fluid"]
    with pytest.raises(LabelTreeError, match=r"level 3: .* levels 0 \(root\) to 2"):
        brain_tree.level_cut(3)


def test_distance_is_the_sum_of_edge_lengths_on_the_path(weighted_tree):
    assert weighted_tree.distance(3, 5) == pytest.approx(0.5 + 0.4 + 0.2)
    assert weighted_tree.distance(5, 8) == pytest.approx(0.2 + 0.4 + 1.0 + 0.7 + 0.25)
    assert weighted_tree.distance(4, 6) == pytest.approx(0.3)
    assert weighted_tree.distance(5, 5) == 0.0
    assert weighted_tree.lowest_common_ancestor(6, 5).name == "XX"
    assert weighted_tree.lowest_common_ancestor(9, 3).name == "root"


def test_find_takes_a_path_a_name_a_code_or_an_id(brain_tree):
    tree = replace(brain_tree, labels=(*brain_tree.labels, Label(7, "cortex", 7, parent=5, code="rc")))
    assert tree.find("/brain/right/cortex").id == 7
    assert tree.find("rc").id == 7
    assert tree.find("id:3").id == 3
    assert tree.find("fluid").id == 6
    with pytest.raises(
        LabelTreeError, match="2 labels are called so; give the path, one of /brain/left/cortex, /brain/right/cortex"
    ):
        tree.find("cortex")
    with pytest.raises(LabelTreeError, match="label 'liver': no label"):
        tree.find("liver")


def test_new_ids_and_values_lie_above_all_ever_used(brain_tree):
    assert (brain_tree.next_id, brain_tree.next_value) == (7, 21)
    assert replace(brain_tree, ignored_values=frozenset({99})).next_value == 100
    assert replace(brain_tree, next_id=50, next_value=60).next_id == 50


ROOT = Label(1, "root", 1)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ((), "it has no labels; add at least a root"),
        ((ROOT, Label(2, "other", 2)), r"2 roots \(label 1 'root', label 2 'other'\); put them under one common parent"),
        ((ROOT, Label(2, "a", 2, parent=9)), "label 2 'a': its parent 9 does not exist; add that label"),
        ((ROOT, Label(2, "a", 2, parent=3), Label(3, "b", 3, parent=2)), "is its own descendant; give it another parent"),
        ((Label(2, "a", 2, parent=2),), "label 2 'a': its parent label 2 'a' is its own descendant"),
        (
            (ROOT, Label(2, "a", 2, parent=1), Label(2, "b", 3, parent=1)),
            "label 2 'b': id 2 is also that of 'a'; ids must differ",
        ),
        (
            (ROOT, Label(2, "a", 2, parent=1), Label(3, "b", 3, parent=1), Label(2, "a", 4, parent=3)),
            "label 2 'a': it has two parents, 1 and 3; keep one of the two",
        ),
        (
            (ROOT, Label(2, "a", 1, parent=1)),
            "label 2 'a': value 1 is also that of label 1 'root'; give one of them a free value",
        ),
        ((ROOT, Label(2, "a", 2, parent=1), Label(3, "a", 3, parent=1)), "label 3 'a': 'root' already has a child of this name"),
        ((ROOT, Label(2, "a", 0, parent=1)), "label 2 'a': value 0 is not allowed: 0 means unknown"),
        ((ROOT, Label(2, "a", 2**31, parent=1)), "value 2147483648 does not fit a 32-bit label map"),
        ((Label(0, "a", 1),), "label 0 'a': ids run from 1"),
        ((Label(1, "", 1),), "a name must not be empty or contain '/'; rename it"),
        ((Label(1, "a/b", 1),), "label 1 'a/b': a name must not be empty or contain '/'"),
        ((Label(1, "a\nb", 1),), "a name is words with single spaces between them; rename it"),
        ((Label(1, " a", 1),), "a name is words with single spaces between them; rename it"),
        ((Label(1, "a\x1b[31m", 1),), "a name is words with single spaces between them; rename it"),
        (
            (ROOT, Label(2, "a", 2, parent=1, length=-0.5)),
            "label 2 'a': its edge length is -0.5; give a finite number, 0 or more",
        ),
        ((ROOT, Label(2, "a", 2, parent=1, length=float("nan"))), "its edge length is nan"),
        ((ROOT, Label(2, "a", 2, parent=1, length=float("inf"))), "its edge length is inf"),
        ((Label(1, "a", 1, color=(0.0, 0.0, 1.5)),), "give red, green and blue within 0…1"),
        ((Label(1, "a", 1, color=(float("nan"), 0.0, 0.0)),), "give red, green and blue within 0…1"),
    ],
)
def test_what_is_no_tree_is_refused_with_the_label_and_the_remedy(labels, message):
    with pytest.raises(LabelTreeError, match=message):
        LabelTree(labels)


def test_a_label_listed_twice_as_the_same_object_is_refused():
    leaf = Label(2, "a", 2, parent=1)
    with pytest.raises(LabelTreeError, match="id 2 is also that of 'a'"):
        LabelTree((ROOT, leaf, leaf))


def test_a_value_cannot_be_a_label_and_unknown_at_once(brain_tree):
    with pytest.raises(
        LabelTreeError, match="label 5 'right': its value 5 is also listed as unknown; remove it from one of the two"
    ):
        replace(brain_tree, ignored_values=frozenset({5}))


def test_a_chain_of_many_labels_is_built_and_asked_without_recursion():
    count = 20_000
    tree = LabelTree(tuple(Label(number, "x", number, parent=number - 1 or None) for number in range(1, count + 1)))
    assert tree.height == count - 1
    assert tree.leaf_ranges[0] == tree.leaf_ranges[-1] == (0, 1)
    assert tree.distance(1, count) == count - 1
