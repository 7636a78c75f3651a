"""Label lists and hierarchies as others publish them, where the folder of real data is at hand."""

import pytest

from semseg_core.errors import LabelTreeError
from semseg_core.labels.reading import load_tree


@pytest.mark.parametrize(
    ("name", "labels", "leaves"),
    [
        ("muse_lobe_tree.json", 212, 148),
        ("muse_tissue_tree.json", 199, 148),
        ("totalsegmentator_total_tree.json", 151, 117),
        ("totalsegmentator_total_mr_tree.json", 73, 50),
        ("brats2013_tree.json", 6, 4),
        ("lung_lobes_tree.json", 8, 5),
        ("MUSE_listROIs.csv", 262, 261),
        ("ts_total_labels.csv", 118, 117),
        ("ts_total_mr_labels.csv", 51, 50),
        ("spl-brain-atlas/atlasStructure.json", 407, 327),
        ("spl-brain-atlas/hncma-atlas-lut.ctbl", 344, 343),
    ],
)
def test_a_published_tree_is_read_as_it_is(test_data, name, labels, leaves):
    tree = load_tree(test_data / "label-trees" / name).tree
    assert (len(tree), len(tree.leaves)) == (labels, leaves)


def test_the_lobe_tree_takes_its_label_column_and_keeps_its_keys(test_data):
    tree = load_tree(test_data / "label-trees" / "muse_lobe_tree.json").tree
    assert max(label.value for label in tree.leaves) == 207
    assert min(label.value for label in tree if not tree.is_leaf(label.id)) == 208
    assert tree.by_code["g702"] == tree.root


def test_the_joint_tree_has_a_value_column_for_each_data_set(test_data):
    path = test_data / "label-trees" / "joint_braincolor_tree.json"
    with pytest.raises(
        LabelTreeError, match=r"several value columns \(muse, malf, gif\); choose one, for example --value-column muse"
    ):
        load_tree(path)
    tree = load_tree(path, "malf", (42, 43, 63, 64, 65, 66)).tree
    assert tree.by_value[44].name == "right cerebral white matter"
    assert not tree.is_leaf(tree.by_value[44].id)
    assert tree.ignored_values == {42, 43, 63, 64, 65, 66}
    assert len(load_tree(path, "muse").tree.leaves) == len(load_tree(path, "gif").tree.leaves) == 148


def test_muses_table_of_composites_is_no_tree(test_data):
    for name in ("MUSE_mapping_derivedROIs.csv", "MUSE_ROI_Groups_v1.csv"):
        with pytest.raises(
            LabelTreeError, match="has two parents: .* and neither contains the other; keep the rows of one grouping"
        ):
            load_tree(test_data / "label-trees" / name)


def test_slicers_color_tables_and_terminologies_are_read(test_data):
    formats = test_data / "slicer-formats"
    assert len(load_tree(formats / "mrml" / "AbdomenColors.txt").tree.leaves) == 91
    assert load_tree(formats / "mrml" / "GenericAnatomyColors.txt").tree.by_value[13].name == "gray matter"
    assert load_tree(formats / "mrml" / "SPL-BrainAtlas-2012-ColorFile.txt").tree.by_value[4].name == "left lateral ventricle"
    general = load_tree(formats / "terminologies" / "SegmentationCategoryTypeModifier-SlicerGeneralAnatomy.json").tree
    colors = load_tree(formats / "mrml" / "GenericAnatomyColors.txt").tree
    shared = [label for label in general if label.value in colors.by_value and label.terminology is not None]
    assert sum(label.color == colors.by_value[label.value].color for label in shared) > 0.9 * len(shared) > 200
    for path in (formats / "terminologies").iterdir():
        assert load_tree(path).tree.height in (2, 3)


def test_totalsegmentators_mapping_gives_codes_and_the_manual_atlas_its_list(test_data):
    mapping = load_tree(test_data / "ct-totalsegmentator" / "totalsegmentator_snomed_mapping.csv").tree
    assert mapping.by_value[5].name == "liver"
    assert all(label.terminology is not None for label in mapping.leaves)
    preset = load_tree("ct-organs").tree
    assert all(mapping.by_value[label.value].terminology == label.terminology for label in preset.leaves)
    listed = load_tree(test_data / "brain-malf-manual" / "MICCAI-Challenge-2012-Label-Information.csv").tree
    assert listed.by_value[47].name == "Right Hippocampus"


def test_codes_of_our_presets_are_those_of_published_terminologies(test_data):
    known = set()
    for path in (test_data / "slicer-formats" / "terminologies").iterdir():
        known |= {code for label in load_tree(path).tree for code in codes_of(label)}
    for name in ("whole-brain", "head-tissue", "brain-tumor", "neurosurgical-scene", "brain-tissue"):
        for label in load_tree(name).tree:
            assert codes_of(label) <= known, label


def codes_of(label):
    entry = label.terminology
    found = () if entry is None else (entry.category, entry.type, entry.type_modifier)
    return {(code.scheme, code.value) for code in found if code is not None}
