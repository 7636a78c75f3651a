"""Files that are broken, damaged, or no label tree at all: refused in a sentence that helps, never with a traceback."""

import json
from contextlib import suppress
from random import Random

import pytest

from semseg_core.errors import InputError, LabelTreeError
from semseg_core.labels.formats import color_csv, own_json, term_json
from semseg_core.labels.presets.catalog import load_preset
from semseg_core.labels.reading import load_tree


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("tree.json", '{"nodes": [{"name": "a"', "line 1, column 24: it is no complete JSON .* truncated or damaged"),
        ("tree.json", "[" * 100_000, "its JSON cannot be read|no complete JSON"),
        ("tree.json", '{"a": 1}', "it has no list of labels; expected one called nodes"),
        ("tree.json", "[]", "it has no list of labels"),
        ("tree.json", "3", "it has no list of labels"),
        ("tree.json", b"\xff\xfe[\x00]\x00", "it is UTF-16 text; save it as UTF-8"),
        ("tree.csv", b"id,name,parent\n1,Br\xfccke,\n", "line 2 is no UTF-8 text .byte 0xfc.; save the file as UTF-8"),
        ("tree.csv", 'value,name\n1,"liver', "it is no complete CSV file"),
        ("tree.csv", "id,name,parent\n1,a,\n2,b\n", "row 3 has 2 cells, the header 3; the file is truncated or damaged"),
        ("tree.csv", "value,color\n1,red\n", "it has no column of names; expected one called name among value, color"),
        ("tree.csv", "1,a,b\n2,c,d\n", "its first row is no header; add one"),
        ("tree.csv", "value,name\n", "it lists no labels; choose another file"),
        ("tree.csv", "5\n6\n", "its first row is no header"),
        ("tree.txt", " \n\n", "it holds only blanks"),
        ("image.nii.gz", b"\x1f\x8b\x08\x00\x00\x00", "it is a binary file, not a label tree"),
        ("notes.md", "# Notes\n\nhello\n", "suffix '.md' is no format of label trees"),
    ],
)
def test_what_is_no_label_tree_is_refused_with_its_path(read, name, content, message):
    with pytest.raises(LabelTreeError, match=rf"^label tree .*{name}: .*{message}"):
        read(name, content)


def test_missing_and_empty_files_and_folders_are_told_apart(read, tmp_path):
    with pytest.raises(InputError, match="no such file; check the path, or choose a preset: brain-tissue, "):
        load_tree(tmp_path / "nothing.json")
    with pytest.raises(InputError, match="it is a directory"):
        load_tree(tmp_path)
    with pytest.raises(InputError, match="the file is empty"):
        read("tree.json", "")


def test_a_value_column_is_refused_where_there_is_none_to_choose(read):
    for name, content in (
        ("a.txt", "a\n  b\n"),
        ("a.ctbl", "1 a 0 0 0 255\n"),
        ("a.term.json", {"SegmentationCodes": {"Category": []}}),
    ):
        with pytest.raises(LabelTreeError, match="value column 'label': this format has its values in one place only"):
            read(name, content, value_column="label")
    with pytest.raises(LabelTreeError, match="leave the option out"):
        load_tree("brain-tissue", value_column="label")


LINKED = [{"id": "b", "name": "brain", "parent": None, "label": None}, {"id": "l", "name": "left", "parent": "b", "label": 7}]

SAMPLES = {
    "own.json": own_json.to_text(load_preset("brain-tissue")),
    "linked.json": json.dumps({"nodes": LINKED, "channels": ["t1"], "ignored_values": [9]}),
    "nested.json": json.dumps([{"id": 1, "name": "a", "children": [{"id": 2, "name": "b", "children": []}]}]),
    "terms.json": term_json.to_terminology(load_preset("brain-tissue"))[0],
    "atlas.json": json.dumps([{"@id": "#a", "@type": "Group", "member": ["#b"]}, {"@id": "#b", "@type": "Structure"}]),
    "own.csv": color_csv.to_csv(load_preset("brain-tissue")),
    "linked.csv": "id,name,parent,length\n1,brain,,\n2,left,1,0.5\n3,right,1,2\n",
    "regions.csv": "10,brain,1,2,3\n11,left,1,2,\n1,hippocampus,1,,\n",
    "flat.ctbl": "# Color table\n0 none 0 0 0 0\n1 liver 255 0 0 255\n2 spleen 0 255 0 255\n",
    "tree.txt": "brain = 3 #808080\n  left = 1\n  right = 2 ~0.5\n",
    "paths.txt": "/brain/left = 1\n/brain/right = 2\n",
}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_damaged_file_is_read_or_refused_in_words_but_never_a_bug(read, name):
    text = SAMPLES[name]
    read(name, text)
    random = Random(0)
    for _ in range(120):
        cut, place = random.randrange(1, len(text)), random.randrange(len(text))
        damaged = random.choice(
            [text[:cut], text[:place] + random.choice('0-9.,/"[]{}\n x') + text[place + 1 :], text[:place] + text[cut:]]
        )
        with suppress(LabelTreeError, InputError):
            read(name, damaged)


@pytest.mark.parametrize("name", [name for name in SAMPLES if name.endswith(".json")])
def test_a_json_file_with_a_part_of_another_kind_is_read_or_refused_in_words(read, name):
    for wrong in (None, 3, "x", [1], {"a": 1}, True, float("nan")):
        for changed in replaced_parts(json.loads(SAMPLES[name]), wrong):
            with suppress(LabelTreeError, InputError):
                read(name, json.dumps(changed))


def replaced_parts(record, wrong):
    """Copies of a JSON value with one part, at any depth but only the first of a list, replaced."""
    yield wrong
    items = list(record.items()) if isinstance(record, dict) else list(enumerate(record))[:1] if isinstance(record, list) else []
    for key, part in items:
        for changed in replaced_parts(part, wrong):
            copy = dict(record) if isinstance(record, dict) else list(record)
            copy[key] = changed
            yield copy
