from __future__ import annotations

import dataclasses

import pytest

from semseg_core.data.segments import Segment, match_segments, segment_id, segment_tags, terminology_entry
from semseg_core.errors import InputError
from semseg_core.labels.tree import Code, Label, LabelTree, Terminology

LIVER = Terminology(
    Code("SCT", "123037004", "Anatomical Structure"),
    Code("SCT", "10200004", "Liver"),
    region=Code("SCT", "113257007", "Structure of ~cardiovascular^ system|"),
)
LIVER_ENTRY = (
    "Segmentation category and type - 3D Slicer General Anatomy list"
    "~SCT^123037004^Anatomical Structure~SCT^10200004^Liver~^^"
    "~Anatomic codes - DICOM master list~SCT^113257007^Structure of  cardiovascular  system ~^^"
)


@pytest.fixture
def tree() -> LabelTree:
    return LabelTree(
        (
            Label(1, "body", 1),
            Label(2, "left", 2, parent=1),
            Label(3, "kidney", 3, parent=2),
            Label(4, "right", 4, parent=1),
            Label(5, "kidney", 5, parent=4),
            Label(6, "Liver", 6, parent=1, terminology=LIVER),
            Label(7, "a|b", 7, parent=1),
        ),
        title="organs",
    )


def matched(tree: LabelTree, segment: Segment, **options: object) -> tuple[int | None, list[str]]:
    (label,), notes = match_segments([segment], tree, **options)
    return (None if label is None else label.id), notes


def test_a_terminology_is_written_as_slicer_stores_it():
    assert terminology_entry(LIVER) == LIVER_ENTRY


def test_a_segment_carries_id_path_algorithm_and_terminology(tree):
    assert segment_id(tree[6]) == "SemanticSeg_6"
    assert segment_tags(tree, tree[6]) == {
        "SemanticSeg.LabelId": "6",
        "SemanticSeg.Path": "/body/Liver",
        "DICOM.SegmentAlgorithmType": "AUTOMATIC",
        "DICOM.SegmentAlgorithmName": "SemanticSeg",
        "TerminologyEntry": LIVER_ENTRY,
    }
    assert "DICOM.SegmentAlgorithmName" not in segment_tags(tree, tree[3], "MANUAL")


def test_the_id_tag_decides_whatever_the_name_and_value(tree):
    segment = Segment("Liver", 6, tags={"SemanticSeg.LabelId": "3", "SemanticSeg.Path": "/body/left/kidney"})
    assert matched(tree, segment) == (3, [])


def test_a_label_renamed_since_is_known_by_its_id_and_told(tree):
    segment = Segment("old name", 9, tags={"SemanticSeg.LabelId": "3", "SemanticSeg.Path": "/body/old name"})
    label_id, notes = matched(tree, segment)
    assert label_id == 3
    assert "/body/left/kidney by its id; it was /body/old name" in notes[0]


def test_an_id_of_another_tree_falls_back_to_the_path(tree):
    segment = Segment("x", 9, tags={"SemanticSeg.LabelId": "99", "SemanticSeg.Path": "/body/right/kidney"})
    assert matched(tree, segment) == (5, [])


@pytest.mark.parametrize(
    ("name", "label_id"), [("liver", 6), (" LIVER ", 6), ("/body/right/kidney", 5), ("right/kidney", 5), ("a|b", 7)]
)
def test_a_name_decides_where_only_one_label_bears_it(tree, name, label_id):
    assert matched(tree, Segment(name, 42)) == (label_id, [])


def test_a_path_with_a_bar_is_written_so_that_slicer_does_not_end_the_tag_there(tree):
    tags = {"SemanticSeg.Path": segment_tags(tree, tree[7])["SemanticSeg.Path"]}
    assert "|" not in tags["SemanticSeg.Path"]
    assert matched(tree, Segment("x", 42, tags=tags)) == (7, [])


def test_a_terminology_decides_by_its_codes_and_is_told(tree):
    entry = LIVER_ENTRY.replace("^Liver", "^Leber").replace("General Anatomy list", "my list")
    label_id, notes = matched(tree, Segment("Organ", 42, tags={"TerminologyEntry": entry}))
    assert label_id == 6
    assert "by its terminology" in notes[0]


def test_slicers_default_terminology_says_nothing():
    tissue = Terminology(Code("SCT", "85756007", "Tissue"), Code("SCT", "85756007", "Tissue"))
    tree = LabelTree((Label(1, "body", 1), Label(2, "fat", 2, parent=1, terminology=tissue)))
    with pytest.raises(InputError, match="'drawn' \\(value 42\\)"):
        matched(tree, Segment("drawn", 42, tags={"TerminologyEntry": terminology_entry(tissue)}))


@pytest.mark.parametrize("name", ["Segment_6", "Label_6", "label 6", "6"])
def test_a_name_made_by_slicer_leaves_the_value_to_decide_and_is_told(tree, name):
    label_id, notes = matched(tree, Segment(name, 6))
    assert label_id == 6
    assert "by its value 6" in notes[0]


@pytest.mark.parametrize("segment", [Segment("spleen", 6), Segment("Segment_2", 6), Segment("kidney", 3)])
def test_a_value_alone_never_decides_over_a_name(tree, segment):
    with pytest.raises(InputError, match="1 segments fit no label of the tree 'organs'.*rename them"):
        matched(tree, segment)


def test_strangers_are_all_named_unless_declared_unknown_or_empty(tree):
    segments = [Segment("spleen", 8), Segment("lung", 9), Segment("Liver", 1), Segment("spare", 10, voxel_count=0)]
    with pytest.raises(InputError, match=r"x: 2 segments .*'spleen' \(value 8\), 'lung' \(value 9\)"):
        match_segments(segments, tree, what="x")
    labels, notes = match_segments(segments, tree, unknown_values=[8, 9])
    assert labels == [None, None, tree[6], None]
    assert notes == []
    ignoring = dataclasses.replace(tree, ignored_values=frozenset({8, 9}))
    assert match_segments(segments, ignoring)[0] == [None, None, tree[6], None]


def test_a_long_list_of_strangers_is_cut(tree):
    with pytest.raises(InputError, match="and 8 more"):
        match_segments([Segment(f"organ {number}", number) for number in range(20)], tree)
