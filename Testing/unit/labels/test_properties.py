"""What holds for any tree and any sequence of edits, found by hypothesis."""

import json
from dataclasses import replace

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from semseg_core.errors import LabelTreeError
from semseg_core.labels import edit, encode
from semseg_core.labels.edit import Remap
from semseg_core.labels.formats import own_json
from semseg_core.labels.reading import load_tree, save_tree
from semseg_core.labels.tree import Code, Label, LabelTree, Terminology

SETTINGS = settings(max_examples=40, deadline=None)

WORDS = st.text(st.sampled_from("aZ09é左_-=~.,;'()|&[]{}"), min_size=1, max_size=5)
NAMES = st.lists(WORDS, min_size=1, max_size=2).map(" ".join)
BYTES = st.integers(0, 255).map(lambda channel: channel / 255)
COLORS = st.tuples(BYTES, BYTES, BYTES)
CODES = st.builds(Code, st.sampled_from(["SCT", "99X"]), st.integers(1, 10**9).map(str), WORDS)
TERMINOLOGIES = st.builds(Terminology, CODES, CODES, st.none() | CODES, st.none() | CODES, st.none() | CODES)


@st.composite
def trees(draw):
    """A valid tree of 1 to 9 labels, with ids and values in no order."""
    count = draw(st.integers(1, 9))
    ids = draw(st.lists(st.integers(1, 99), min_size=count, max_size=count, unique=True))
    values = draw(st.lists(st.integers(1, 300), min_size=count, max_size=count, unique=True))
    labels = [
        Label(
            id=ids[place],
            name=f"{draw(NAMES)} {place}",
            value=values[place],
            parent=ids[draw(st.integers(0, place - 1))] if place else None,
            color=draw(COLORS),
            code=draw(st.none() | WORDS),
            terminology=draw(st.none() | TERMINOLOGIES),
            length=draw(st.floats(0.0, 9.0)),
        )
        for place in range(count)
    ]
    ignored = draw(st.frozensets(st.integers(301, 310), max_size=2))
    return LabelTree(tuple(draw(st.permutations(labels))), draw(NAMES), ignored_values=ignored)


def edits(tree, draw):
    """One random edit of a tree, valid or not."""
    label_id, other_id = draw(st.sampled_from(tree.labels)).id, draw(st.sampled_from(tree.labels)).id
    index = draw(st.none() | st.integers(-1, 5))
    return draw(
        st.sampled_from(
            [
                lambda: edit.add(tree, label_id, f"new {tree.next_id}", index=index),
                lambda: edit.rename(tree, label_id, f"renamed {tree.next_id}"),
                lambda: edit.move(tree, label_id, other_id, index),
                lambda: edit.reorder(tree, label_id, index or 0),
                lambda: edit.merge(tree, [label_id], other_id),
                lambda: edit.remove(tree, label_id, draw(st.sampled_from(["parent", "discard", other_id]))),
                lambda: edit.recolor(tree, label_id, (0.0, 0.5, 1.0)),
                lambda: edit.shade(tree, label_id),
                lambda: edit.set_length(tree, label_id, 3.5),
                lambda: edit.set_value(tree, label_id, draw(st.integers(1, 400))),
                lambda: edit.set_terminology(tree, label_id, None),
            ]
        )
    )


def agrees_with_brute_force(tree):
    """Whether ranges, order and leaves are what a slow walk up from every label says."""
    above = {label.id: {label.id} for label in tree}
    for label in tree:
        if label.parent is not None:
            above[label.id] |= above[label.parent]
    leaves = [label for label in tree if not any(other.parent == label.id for other in tree)]
    under = {label.id: [leaf for leaf in leaves if label.id in above[leaf.id]] for label in tree}
    return (
        list(tree.leaves) == leaves
        and all(leaves[slice(*tree.leaf_range(label.id))] == under[label.id] for label in tree)
        and all(tree.covers(a.id, b.id) == (a.id in above[b.id]) for a in tree for b in tree)
    )


@SETTINGS
@given(tree=trees(), data=st.data())
def test_a_sequence_of_edits_keeps_the_tree_valid_and_never_reuses_an_id_or_a_value(tree, data):
    used_ids, used_values = {label.id for label in tree}, {label.value for label in tree}
    remap, first = Remap(), tree
    for _ in range(data.draw(st.integers(1, 6))):
        try:
            step = edits(tree, data.draw)()
        except LabelTreeError:
            continue
        new = [label for label in step.tree if label.id not in tree]
        assert not used_ids & {label.id for label in new}
        assert not used_values & {label.value for label in new}
        gone = {label.id for label in tree} - {label.id for label in step.tree}
        assert gone == set(step.remap.ids)
        assert all(target is None or target in step.tree for target in step.remap.ids.values())
        assert agrees_with_brute_force(step.tree)
        used_ids |= {label.id for label in step.tree}
        used_values |= {label.value for label in step.tree}
        remap, tree = remap.compose(step.remap), step.tree
    assert all((label.id in tree) != (label.id in remap.ids) for label in first)


@SETTINGS
@given(tree=trees(), data=st.data())
def test_an_edit_and_its_inverse_leave_label_maps_as_they_were_unless_labels_were_put_together(tree, data):
    try:
        changed, remap = edits(tree, data.draw)()
    except LabelTreeError:
        assume(False)
    values = np.array([0, *(label.value for label in tree)])
    mapped = remap.map_values(values, tree, changed)
    if remap.invertible:
        assert remap.inverse().map_values(mapped, changed, tree).tolist() == values.tolist()
    else:
        assert len(set(mapped.tolist())) < len(values)


@SETTINGS
@given(tree=trees())
def test_our_own_json_keeps_everything_and_is_written_one_way_only(tree):
    text = own_json.to_text(tree)
    read = own_json.from_record(json.loads(text))
    assert read == tree
    assert own_json.to_text(read) == text
    shuffled = LabelTree(tuple(sorted(tree, key=lambda label: (label.parent or 0, tree.position(label.id)))), tree.title)
    assert own_json.to_text(replace(shuffled, ignored_values=tree.ignored_values)) == text


@SETTINGS
@given(tree=trees())
def test_the_csv_color_table_keeps_every_label(tree, tmp_path_factory):
    path = tmp_path_factory.mktemp("csv") / "tree.csv"
    save_tree(path, tree)
    assert load_tree(path).tree.labels == tree.labels


@SETTINGS
@given(tree=trees())
def test_indented_text_keeps_names_values_colors_and_lengths(tree, tmp_path_factory):
    path = tmp_path_factory.mktemp("text") / "tree.txt"
    save_tree(path, tree)
    read = load_tree(path).tree
    assert list(read.by_path) == list(tree.by_path)
    kept = [[(label.value, label.color, label.length) for label in either] for either in (read, tree)]
    assert kept[0] == kept[1]


@SETTINGS
@given(tree=trees())
def test_leaf_distances_equal_the_sums_along_paths(tree):
    distances = encode.leaf_distances(tree)
    expected = [[tree.distance(a.id, b.id) for b in tree.leaves] for a in tree.leaves]
    np.testing.assert_allclose(distances, expected, atol=1e-9)
