"""Left and right by names, paths and codes."""

from __future__ import annotations

import pytest

from semseg_core.labels.label import Code, Label, Terminology
from semseg_core.labels.pairs import mirror_images
from semseg_core.labels.tree import LabelTree

LEFT, RIGHT = Code("SCT", "7771000", "Left"), Code("SCT", "24028007", "Right")


def tree_of(*names: str, parents: dict[str, str] | None = None, sides: dict[str, Code] | None = None) -> LabelTree:
    """A tree of labels by name, ids from 2 on, under the root 1 unless `parents` says otherwise."""
    ids = {name: number for number, name in enumerate(names, start=2)}
    labels = [Label(1, "body", 1)]
    for name, label_id in ids.items():
        side = (sides or {}).get(name)
        meaning = Terminology(Code("SCT", "1", "x"), Code("SCT", "2", "y"), side) if side else None
        parent = ids[parents[name]] if parents and name in parents else 1
        labels.append(Label(label_id, name.rstrip("*"), label_id, parent, terminology=meaning))
    return LabelTree(tuple(labels), "test")


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Left-Thalamus", "Right-Thalamus"),
        ("left kidney", "right kidney"),
        ("kidney_left", "kidney_right"),
        ("Caudate_L", "Caudate_R"),
        ("LeftHippocampus", "RightHippocampus"),
        ("ctx-lh-cuneus", "ctx-rh-cuneus"),
        ("lung upper lobe left", "lung upper lobe right"),
        ("L amygdala", "R amygdala"),
    ],
)
def test_sides_are_words_of_a_name(left: str, right: str) -> None:
    assert mirror_images(tree_of(left, right, "brain stem")) == {1: 1, 2: 3, 3: 2, 4: 4}


def test_a_label_without_its_other_side_has_no_image() -> None:
    assert mirror_images(tree_of("left kidney", "right kidney", "right middle lobe")) == {1: 1, 2: 3, 3: 2}


@pytest.mark.parametrize(
    "names", [("liver", "spleen"), ("vertebra L1", "vertebra R1"), ("leftover", "rightover"), ("left kidney",)]
)
def test_without_a_pair_nothing_is_mirrored(names: tuple[str, ...]) -> None:
    assert mirror_images(tree_of(*names)) == {}


def test_sides_may_be_said_by_an_ancestor() -> None:
    tree = tree_of("left", "right", "cortex", "cortex*", parents={"cortex": "left", "cortex*": "right"})
    assert mirror_images(tree) == {1: 1, 2: 3, 3: 2, 4: 5, 5: 4}


def test_sides_may_be_said_by_codes() -> None:
    tree = tree_of("kidney", "other kidney", "ren", parents={}, sides={"kidney": LEFT, "other kidney": RIGHT})
    assert mirror_images(tree) == {}  # names differ by more than the side
    both = tree_of(
        "a", "b", "kidney", "kidney*", parents={"kidney": "a", "kidney*": "b"}, sides={"kidney": LEFT, "kidney*": RIGHT}
    )
    assert mirror_images(both) == {1: 1, 2: 2, 3: 3, 4: 5, 5: 4}


def test_an_ambiguous_name_is_left_alone() -> None:
    tree = tree_of(
        "a", "b", "left ear", "right ear", "right ear*", parents={"left ear": "a", "right ear": "b", "right ear*": "a"}
    )
    images = mirror_images(tree)
    assert images[4] == 6  # the one on the same path
    assert images[6] == 4
    assert 5 not in images


def test_a_leaf_is_no_image_of_a_group(brain_tree: LabelTree) -> None:
    assert mirror_images(brain_tree) == {}  # left has parts, right has none
