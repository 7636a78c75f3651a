"""Our own file: its form on disk, and what it refuses."""

import json
from dataclasses import replace

import pytest

from semseg_core.errors import LabelTreeError
from semseg_core.labels import edit
from semseg_core.labels.formats import own_json
from semseg_core.labels.reading import load_tree, save_tree
from semseg_core.labels.tree import Code, Terminology


def test_the_file_has_one_label_a_line_and_readable_colors(brain_tree):
    liver = Terminology(Code("SCT", "123037004", "Anatomical Structure"), Code("SCT", "10200004", "Liver"))
    tree = edit.recolor(brain_tree, 3, (1.0, 0.0, 51 / 255)).tree
    tree = replace(edit.set_terminology(tree, 3, liver).tree, channels=("t1",), ignored_values=frozenset({42, 9}))
    lines = own_json.to_text(tree).splitlines()
    assert lines[:10] == [
        "{",
        ' "format": "semseg-label-tree",',
        ' "version": 1,',
        ' "title": "six labels",',
        ' "provenance": "",',
        ' "channels": ["t1"],',
        ' "ignored_values": [9, 42],',
        ' "next_id": 7,',
        ' "next_value": 43,',
        ' "labels": [',
    ]
    assert lines[12] == (
        '  {"id": 3, "name": "cortex", "value": 3, "parent": 2, "color": "#ff0033", "length": 1.0, "terminology": '
        '{"category": ["SCT", "123037004", "Anatomical Structure"], "type": ["SCT", "10200004", "Liver"]}},'
    )
    assert own_json.from_record(json.loads("\n".join(lines))) == tree


def test_ids_and_values_given_out_once_stay_taken_across_files(brain_tree, tmp_path):
    smaller = edit.remove(brain_tree, 6).tree
    save_tree(tmp_path / "tree.json", smaller)
    grown = edit.add(load_tree(tmp_path / "tree.json").tree, 1, "new").tree
    assert (grown.find("new").id, grown.find("new").value) == (7, 21)


def record(brain_tree, **changes):
    return {**own_json.to_record(brain_tree), **changes}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": 2}, r"version 2 is not known here \(this program reads 1\); update SemanticSeg"),
        ({"version": None}, "version None is not known"),
        ({"labels": None}, 'it has no list "labels"; the file is not complete'),
        ({"labels": []}, "it has no labels; add at least a root"),
        ({"note": "x"}, "unknown field 'note'"),
        ({"title": 3}, "label tree: title is 3, expected text"),
        ({"channels": "t1"}, 'channels is "t1", expected a list'),
        ({"ignored_values": [1.5]}, "ignored_values is 1.5, expected a whole number"),
        ({"next_id": "7"}, 'next_id is "7", expected a whole number'),
    ],
)
def test_a_record_with_a_wrong_head_is_refused(brain_tree, changes, message):
    with pytest.raises(LabelTreeError, match=message):
        own_json.from_record(record(brain_tree, **changes))


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ("x", 'label number 7: it is "x", expected an object'),
        ({"id": 7, "value": 7, "parent": 1}, "label number 7: name is null, expected text"),
        ({"id": "7", "name": "x", "value": 7, "parent": 1}, "label number 7 'x': id is \"7\", expected a whole number"),
        ({"id": 7, "name": "x", "parent": 1}, "label number 7 'x': value is null, expected a whole number"),
        ({"id": 7, "name": "x", "value": True, "parent": 1}, "value is true, expected a whole number"),
        ({"id": 7, "name": "x", "value": 7, "parent": "brain"}, 'parent is "brain", expected a whole number'),
        ({"id": 7, "name": "x", "value": 7, "parent": 1, "colour": "#ffffff"}, "unknown field 'colour'"),
        ({"id": 7, "name": "x", "value": 7, "parent": 1, "color": "red"}, "color 'red' is not understood; write it like #dcd814"),
        ({"id": 7, "name": "x", "value": 7, "parent": 1, "color": [1, 2]}, r"color \[1, 2\] is not understood"),
        ({"id": 7, "name": "x", "value": 7, "parent": 1, "length": "far"}, 'length is "far", expected a number'),
        ({"id": 7, "name": "x", "value": 7, "parent": 1, "length": float("inf")}, "its edge length is inf"),
        (
            {"id": 7, "name": "x", "value": 7, "parent": 1, "terminology": {"type": ["a", "b", "c"]}},
            "needs a category and a type",
        ),
        ({"id": 7, "name": "x", "value": 7, "parent": 1, "terminology": {"type": ["a"]}}, "terminology 'type' is not understood"),
        ({"id": 7, "name": "x", "value": 7, "parent": 9}, "label 7 'x': its parent 9 does not exist"),
        ({"id": 6, "name": "fluid", "value": 7, "parent": 2}, "label 6 'fluid': it has two parents, 1 and 2"),
        ({"id": 7, "name": "x", "value": 6, "parent": 1}, "label 7 'x': value 6 is also that of label 6 'fluid'"),
        ({"id": 7, "name": "x", "value": 7, "parent": None}, "2 roots"),
    ],
)
def test_a_record_with_a_wrong_label_is_refused_by_name(brain_tree, label, message):
    whole = record(brain_tree)
    with pytest.raises(LabelTreeError, match=message):
        own_json.from_record({**whole, "labels": [*whole["labels"], label]})


def test_other_records_are_not_ours():
    for other in ([], "x", {"format": "something"}):
        with pytest.raises(LabelTreeError, match='not of format "semseg-label-tree"'):
            own_json.from_record(other)
