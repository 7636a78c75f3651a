"""Writing trees: what each format keeps, what it says it lost, and that files are replaced whole."""

import json

import pytest

from semseg_core.errors import InputError, LabelTreeError
from semseg_core.labels import edit
from semseg_core.labels.presets.catalog import load_preset, preset_names
from semseg_core.labels.reading import load_tree, save_tree
from semseg_core.labels.tree import Label, LabelTree


def test_json_keeps_everything(tmp_path):
    for name in preset_names():
        assert save_tree(tmp_path / "tree.json", load_preset(name)) == ()
        assert load_tree(tmp_path / "tree.json") == (load_preset(name), ())


def test_csv_has_slicers_columns_and_keeps_the_tree(tmp_path):
    tree = load_preset("ct-organs")
    notes = save_tree(tmp_path / "tree.csv", tree)
    assert notes == ("title, provenance of the tree are not in this format; keep a .json beside it",)
    header, first, *rows = (tmp_path / "tree.csv").read_text(encoding="utf-8").splitlines()
    assert header == (
        "LabelValue,Name,Color_R,Color_G,Color_B,Color_A,"
        "Category_CodingScheme,Category_CodeValue,Category_CodeMeaning,Type_CodingScheme,Type_CodeValue,Type_CodeMeaning,"
        "TypeModifier_CodingScheme,TypeModifier_CodeValue,TypeModifier_CodeMeaning,Region_CodingScheme,Region_CodeValue,"
        "Region_CodeMeaning,RegionModifier_CodingScheme,RegionModifier_CodeValue,RegionModifier_CodeMeaning,"
        "SemanticSeg.LabelId,SemanticSeg.Path,SemanticSeg.Code,SemanticSeg.EdgeLength"
    )
    assert first == "118,body,204,204,204,255" + "," * 16 + "1,/body,,1.0"
    assert len(rows) == 149
    assert load_tree(tmp_path / "tree.csv").tree.labels == tree.labels


def test_labels_of_one_name_are_told_apart_in_flat_tables(brain_tree, tmp_path):
    tree = edit.add(brain_tree, 5, "cortex", color=(1.0, 0.0, 0.0)).tree
    notes = save_tree(tmp_path / "tree.ctbl", tree)
    assert notes == ("a .ctbl is a flat list: the tree, codes and lengths are not in it",)
    assert (tmp_path / "tree.ctbl").read_text(encoding="utf-8").splitlines() == [
        "# Color table of the label tree six labels",
        "# 7 values",
        "3 left/cortex 230 153 128 255",
        "4 white_matter 230 230 204 255",
        "5 right 128 128 128 255",
        "6 fluid 51 102 230 255",
        "10 brain 128 128 128 255",
        "20 left 128 128 128 255",
        "21 right/cortex 255 0 0 255",
    ]


def test_a_csv_edited_badly_is_refused(brain_tree, tmp_path):
    save_tree(tmp_path / "tree.csv", brain_tree)
    text = (tmp_path / "tree.csv").read_text(encoding="utf-8")
    for old, new, message in (
        ("/brain/left,", "/brain/middle,", "label '/brain/left/cortex': there is no label '/brain/left' above it; add its row"),
        (",3,/brain/left/cortex", ",,/brain/left/cortex", "its SemanticSeg.LabelId '' .* is missing; restore it"),
        ("\n3,cortex", "\nx,cortex", "label '/brain/left/cortex': value 'x' is no whole number"),
        ("\n3,cortex,230", "\n3,cortex,red", "label '/brain/left/cortex': its color is no three numbers"),
        ("/brain/left/cortex,,1.0", "/brain/left/cortex,,far", "edge length 'far' is no number"),
        ("/brain/right,", "/brain/fluid,", "path '/brain/fluid' is listed twice"),
    ):
        assert old in text
        (tmp_path / "edited.csv").write_text(text.replace(old, new), encoding="utf-8")
        with pytest.raises(LabelTreeError, match=message):
            load_tree(tmp_path / "edited.csv")


def test_text_is_indented_and_says_what_it_leaves_out(brain_tree, tmp_path):
    notes = save_tree(tmp_path / "tree.txt", edit.set_length(brain_tree, 3, 0.5).tree)
    assert notes[0] == "text keeps names, values, colors and lengths; ids and codes are not in it"
    assert notes[1] == "6 colors were rounded to 8 bits a channel"
    assert (tmp_path / "tree.txt").read_text(encoding="utf-8").splitlines()[:3] == [
        "brain = 10 #808080",
        "  left = 20 #808080",
        "    cortex = 3 #e69980 ~0.5",
    ]
    with pytest.raises(
        LabelTreeError, match="label 3 '#1': a name that begins with '#' is a comment in text; rename it or save as .json"
    ):
        save_tree(tmp_path / "tree.txt", edit.rename(brain_tree, 3, "#1").tree)


def test_a_terminology_holds_the_coded_labels_by_category_and_type(tmp_path):
    notes = save_tree(tmp_path / "tree.term.json", load_preset("brain-tissue"))
    assert notes == ("4 of 9 labels have no terminology and were left out of the .term.json",)
    record = json.loads((tmp_path / "tree.term.json").read_text(encoding="utf-8"))
    (category,) = record["SegmentationCodes"]["Category"]
    assert category["CodeMeaning"] == "Anatomical Structure"
    assert [kind["CodeMeaning"] for kind in category["Type"]] == ["Brain", "Gray Matter", "White Matter"]
    assert category["Type"][1]["Modifier"][0] == {
        "CodingSchemeDesignator": "SCT",
        "CodeValue": "7771000",
        "CodeMeaning": "Left",
        "recommendedDisplayRGBValue": [200, 120, 110],
        "3dSlicerLabel": "left gray matter",
        "3dSlicerIntegerLabel": 1,
    }
    read = load_tree(tmp_path / "tree.term.json").tree
    original = load_preset("brain-tissue").by_value
    assert read.by_value[4].terminology == original[4].terminology
    assert read.by_value[4].color == original[4].color


def test_labels_with_the_same_codes_are_written_once(tmp_path):
    tree = load_preset("brain-tissue")
    tree = edit.set_terminology(tree, tree.by_value[3].id, tree.by_value[1].terminology).tree
    assert "1 labels have the terminology of an earlier one and were left out" in save_tree(tmp_path / "tree.term.json", tree)


def test_slicer_is_not_offered_values_it_refuses_without_a_word(tmp_path):
    tree = LabelTree((Label(1, 'the "root"', 614_454_277),))
    assert save_tree(tmp_path / "tree.csv", tree)[1:] == (
        "double quotes in 1 names became single ones, which Slicer can read",
        "Slicer reads color tables up to value 1000000; this tree has values up to 614454277",
    )
    assert load_tree(tmp_path / "tree.csv").tree.root.name == "the 'root'"


def test_an_unknown_suffix_is_refused_and_an_earlier_file_survives_a_failed_write(brain_tree, tmp_path):
    with pytest.raises(InputError, match=r"the format is chosen by suffix; use .json, .csv, .ctbl, .txt or .term.json"):
        save_tree(tmp_path / "tree.xml", brain_tree)
    save_tree(tmp_path / "tree.txt", brain_tree)
    before = (tmp_path / "tree.txt").read_bytes()
    with pytest.raises(LabelTreeError):
        save_tree(tmp_path / "tree.txt", edit.rename(brain_tree, 3, "#1").tree)
    assert (tmp_path / "tree.txt").read_bytes() == before
    with pytest.raises(InputError, match="cannot be written"):
        save_tree(tmp_path / "nowhere" / "tree.json", brain_tree)
    assert [path.name for path in tmp_path.iterdir()] == ["tree.txt"]
