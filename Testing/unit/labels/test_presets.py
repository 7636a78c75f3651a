"""The presets: complete, coded where they say so, and free of invented codes."""

import pytest

from semseg_core.errors import InputError
from semseg_core.labels.presets.catalog import load_preset, preset_names
from semseg_core.labels.reading import load_tree


def test_the_presets_are_those_promised():
    assert preset_names() == ("brain-tissue", "brain-tumor", "ct-organs", "head-tissue", "neurosurgical-scene", "whole-brain")


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_says_where_it_comes_from_and_is_fit_for_use(name):
    tree = load_preset(name)
    assert "Apache-2.0" in tree.provenance
    assert tree.title
    assert len(tree.leaves) >= 5
    assert max(tree.by_value) < 2**15, "values must fit the 16-bit label maps that other programs write"
    assert len({label.color for label in tree.leaves}) > len(tree.leaves) / 2
    assert load_tree(name).tree == tree


def test_whole_brain_has_freesurfers_values_and_colors():
    tree = load_preset("whole-brain")
    assert len(tree.leaves) == 111
    known = {17: ("Left-Hippocampus", "#dcd814"), 1035: ("ctx-lh-insula", "#ffc020"), 2024: ("ctx-rh-precentral", "#3c14dc")}
    known |= {
        41: ("Right-Cerebral-White-Matter", "#00e100"),
        251: ("CC_Posterior", "#000040"),
        42: ("Right-Cerebral-Cortex", "#cd3e4e"),
    }
    for value, (name, color) in known.items():
        label = tree.by_value[value]
        assert (label.name, "#" + bytes(round(255 * channel) for channel in label.color).hex()) == (name, color)
    left, right = (tree.find(f"{side}-Cerebral-Cortex") for side in ("Left", "Right"))
    assert [label.value + 1000 for label in tree.subtree(left.id) if tree.is_leaf(label.id)] == [
        label.value for label in tree.subtree(right.id) if tree.is_leaf(label.id)
    ]
    assert {1000, 2000} <= tree.ignored_values


def test_ct_organs_has_totalsegmentators_117_classes_all_coded():
    tree = load_preset("ct-organs")
    assert sorted(label.value for label in tree.leaves) == list(range(1, 118))
    assert all(label.terminology is not None and label.code for label in tree.leaves)
    assert (tree.by_value[5].code, tree.by_value[5].terminology.type.value) == ("liver", "10200004")
    assert tree.path(tree.by_value[115].id) == "/body/skeleton/thoracic cage/right ribs/right rib 12"


def test_brain_tumor_nests_as_brats_does():
    tree = load_preset("brain-tumor")
    path = "/brain/whole tumor/tumor core/enhancing tumor"
    assert tree.by_path[path].value == 4
    assert {label.value for label in tree.subtree(tree.find("whole tumor").id) if tree.is_leaf(label.id)} == {1, 2, 3, 4}


def test_a_preset_that_is_not_there_is_refused_with_the_list():
    with pytest.raises(InputError, match="preset 'liver': there is none of this name; choose one of brain-tissue"):
        load_preset("liver")


def test_unknown_values_are_added_to_a_preset():
    assert load_tree("brain-tumor", unknown_values=(9, 0)).tree.ignored_values == {9}
    assert load_preset("brain-tumor").ignored_values == frozenset()


def test_a_file_goes_before_a_preset_of_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "brain-tumor").write_text("mine = 3\n", encoding="utf-8")
    assert load_tree("brain-tumor").tree.root.name == "mine"
