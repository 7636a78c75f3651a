"""Reading trees of every kind of file, and refusing those that are no tree."""

import time

import pytest

from semseg_core.errors import LabelTreeError


def values(tree):
    return {path: label.value for path, label in tree.by_path.items()}


NODES = [
    {"id": "b", "name": "brain", "parent": None, "label": None},
    {"id": "l", "name": "left", "parent": "b", "label": None},
    {"id": "c", "name": "cortex", "parent": "l", "label": 7},
    {"id": "r", "name": "right", "parent": "b", "label": 3},
]


# Lists with parent links


def test_a_linked_list_keeps_its_keys_and_gets_free_values_above_its_largest(read):
    tree, notes = read("tree.json", {"title": "Brain", "note": "drawn by us", "nodes": NODES, "ignored_values": [9]})
    assert values(tree) == {"/brain": 8, "/brain/left": 10, "/brain/left/cortex": 7, "/brain/right": 3}
    assert [label.code for label in tree] == ["b", "l", "c", "r"]
    assert (tree.title, tree.provenance, tree.ignored_values) == ("Brain", "drawn by us", {9})
    assert notes == ("2 labels without a value got 8–10, in depth-first order",)
    assert len({label.color for label in tree}) == 4


def test_the_order_of_the_file_is_the_order_of_siblings(read):
    tree = read("tree.json", [NODES[3], NODES[2], NODES[1], NODES[0]]).tree
    assert list(tree.by_path) == ["/brain", "/brain/right", "/brain/left", "/brain/left/cortex"]


def test_a_csv_with_parents_is_read_too(read):
    text = "id;name;parent;length\n1;brain;;\n2;left;1;0.5\n3;right;1.0;2\n"
    tree, notes = read("tree.csv", text)
    assert values(tree) == {"/brain": 1, "/brain/left": 2, "/brain/right": 3}
    assert [label.length for label in tree] == [1.0, 0.5, 2.0]
    assert notes == ("the file has no column of label values; its 'id' serves as value",)


def test_without_ids_parents_are_named(read):
    tree = read("tree.csv", "name,parent,value\nbrain,,5\nleft,brain,6\n").tree
    assert values(tree) == {"/brain": 5, "/brain/left": 6}


def test_brainglobe_paths_of_ids_give_the_tree_and_ids_are_the_values(read):
    structures = [
        {"acronym": "root", "id": 997, "name": "root", "structure_id_path": [997], "rgb_triplet": [255, 255, 255]},
        {"acronym": "grey", "id": 8, "name": "Basic cell groups", "structure_id_path": [997, 8], "rgb_triplet": [191, 218, 227]},
        {"acronym": "CH", "id": 567, "name": "Cerebrum", "structure_id_path": [997, 8, 567], "rgb_triplet": [176, 240, 255]},
    ]
    tree, notes = read("structures.json", structures)
    assert values(tree) == {"/root": 997, "/root/Basic cell groups": 8, "/root/Basic cell groups/Cerebrum": 567}
    assert tree.by_code["CH"].color == (176 / 255, 240 / 255, 1.0)
    assert notes == ()
    header = "id,atlas_id,name,acronym,depth,structure_id_path,color_hex_triplet\n"
    allen = header + "997,-1,root,root,0,/997/,FFFFFF\n8,0,grey,grey,1,/997/8/,BFDAE3\n"
    assert values(read("ontology.csv", allen).tree) == {"/root": 997, "/root/grey": 8}


def test_nested_children_are_flattened(read):
    nested = {
        "msg": [{"id": 997, "name": "root", "children": [{"id": 8, "name": "grey", "children": []}, {"id": 9, "name": "fiber"}]}]
    }
    assert values(read("graph.json", nested).tree) == {"/root": 997, "/root/grey": 8, "/root/fiber": 9}
    nameless = {"nodes": [{"name": "a", "value": 4, "children": [{"name": "b", "value": 5}]}]}
    assert values(read("graph.json", nameless).tree) == {"/a": 4, "/a/b": 5}


def test_one_of_several_value_columns_is_chosen_by_name(read):
    rows = [
        {"id": "r", "name": "root", "parent": None, "muse": None, "malf": None},
        {"id": "a", "name": "a", "parent": "r", "muse": 5, "malf": None},
        {"id": "b", "name": "b", "parent": "r", "muse": 6, "malf": 44},
    ]
    with pytest.raises(
        LabelTreeError, match=r"several value columns \(muse, malf\); choose one, for example --value-column muse"
    ):
        read("joint.json", {"nodes": rows})
    tree, notes = read("joint.json", {"nodes": rows}, value_column="MALF", unknown_values=(45, 43))
    assert values(tree) == {"/root": 46, "/root/a": 47, "/root/b": 44}
    assert tree.ignored_values == {43, 45}
    assert notes[1] == "1 leaves have no value in the file, so its label maps lack them: a"
    with pytest.raises(LabelTreeError, match="value column 'gif': no such column of whole numbers; the file has muse, malf"):
        read("joint.json", {"nodes": rows}, value_column="gif")
    named = [{**row, "label": row["muse"]} for row in rows]
    assert read("joint.json", {"nodes": named}).tree.by_path["/root/b"].value == 6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ([{"id": "c", "name": "cortex", "parent": "r"}], r"label 'cortex' \(id c\): it has two parents, 'l' and 'r'; keep one"),
        ([{"id": "c", "name": "other", "parent": "l"}], "label 'other': id c is also that of 'cortex'; ids must differ"),
        (
            [{"id": "x", "name": "x", "parent": "nowhere"}],
            "label 'x': its parent 'nowhere' is not in the file; add or correct it",
        ),
        ([{"id": "x", "name": "x", "parent": None}], r"2 roots \(brain, x\); give all but one a parent"),
        (
            [{"id": "x", "name": "x", "parent": "y"}, {"id": "y", "name": "y", "parent": "x"}],
            "is its own descendant; give it another",
        ),
        ([{"id": "x", "name": "x", "parent": ["l", "r"]}], r"label 'x': it has 2 parents \(l, r\); keep one"),
        ([{"id": "x", "name": "cortex", "parent": "l"}], "label 5 'cortex': 'left' already has a child of this name; rename"),
        ([{"id": "x", "name": "x", "parent": "l", "label": 7}], "label 5 'x': value 7 is also that of label 3 'cortex'"),
        ([{"id": "x", "name": "x", "parent": "l", "label": 0}], "label 5 'x': value 0 is not allowed: 0 means unknown"),
        (
            [{"id": "x", "name": "x", "parent": "l", "label": -3}],
            "label 'x': value '-3' is no whole number from 1 up; correct it",
        ),
        ([{"id": "x", "name": "x", "parent": "l", "label": 2.5}], "label 'x': value '2.5' is no whole number from 1 up"),
        ([{"id": "x", "name": "x", "parent": "l", "label": True}], "label 'x': value 'True' is no whole number"),
        ([{"id": "x", "name": "x", "parent": "l", "length": -1}], "label 5 'x': its edge length is -1.0; give a finite number"),
        ([{"id": "x", "name": "x", "parent": "l", "length": float("nan")}], "label 5 'x': its edge length is nan"),
        ([{"id": "x", "name": "x", "parent": "l", "length": "far"}], "label 'x': edge length 'far' is no number"),
        ([{"id": None, "name": "x", "parent": "l"}], "row 5 'x': it has no id; give it one"),
        (["x"], "entry 5 of its list is no object"),
    ],
)
def test_a_linked_list_that_is_no_tree_is_refused(read, change, message):
    with pytest.raises(LabelTreeError, match=rf"^label tree .*tree\.json: .*{message}"):
        read("tree.json", {"nodes": NODES + change})


def test_a_list_without_any_root_is_a_cycle(read):
    with pytest.raises(LabelTreeError, match="its parent label 2 'b' is its own descendant|its parent label 1 'a' is its own"):
        read("tree.csv", "id,name,parent\n1,a,2\n2,b,1\n")


def test_ignored_values_must_be_whole_numbers(read):
    with pytest.raises(LabelTreeError, match=r"ignored_values is \['x'\], expected a list of whole numbers"):
        read("tree.json", {"nodes": NODES, "ignored_values": ["x"]})


def test_a_label_with_value_zero_and_others_below_it_is_refused(read):
    with pytest.raises(LabelTreeError, match="label 1 'brain': value 0 is not allowed"):
        read("tree.txt", "brain = 0\n  left = 1\n")


# Flat lists


def test_a_flat_list_gets_a_root_and_row_zero_is_unknown(read):
    tree, notes = read("organs.csv", "Label Number,Label Name\n0,Background\n1,Liver\n2,Left kidney/ureter\n5,Liver\n6,\n")
    assert values(tree) == {
        "/labels": 7,
        "/labels/Liver": 1,
        "/labels/Left kidney-ureter": 2,
        "/labels/Liver (2)": 5,
        "/labels/unnamed 6": 6,
    }
    assert notes == (
        "value 0 ('Background') is read as unknown, not as a label",
        "'/' became '-' in 1 names: Left kidney/ureter",
        "1 repeated names got a number: Liver",
        "1 labels without a name are called 'unnamed'",
        "the file has no root: its 4 top labels were put under a new one called 'labels'",
        "'labels' has no value in the file and got 7",
    )
    assert "organs" not in tree.provenance, "a provenance travels inside models, a file's name should not"


def test_a_flat_list_needs_no_header(read):
    assert values(read("organs.csv", "1,liver\n2,spleen\n").tree) == {"/labels": 3, "/labels/liver": 1, "/labels/spleen": 2}
    assert read("organs.csv", "1,liver,255,0,0\n2,spleen,0,255,0\n").tree.by_value[2].color == (0.0, 1.0, 0.0)


def test_totalsegmentator_lists_get_what_they_lack(read):
    tree, notes = read("total.csv", "label,name\n1,spleen\n2,kidney_right\n9,something_else\n")
    kidney = tree.by_path["/labels/kidney_right"].terminology
    assert (kidney.type.value, kidney.type_modifier.meaning) == ("64033007", "Right")
    assert tree.by_path["/labels/something_else"].terminology is None
    assert notes[0] == "2 classes got the SNOMED codes of TotalSegmentator's mapping"

    columns = [f"SegmentedPropertyTypeCodeSequence.{part}" for part in ("CodingSchemeDesignator", "CodeValue", "CodeMeaning")]
    columns += [
        f"SegmentedPropertyCategoryCodeSequence.{part}" for part in ("CodingSchemeDesignator", "CodeValue", "CodeMeaning")
    ]
    codes = "SCT,10200004,Liver,SCT,123037004,Anatomical Structure"
    tree, notes = read("map.csv", f'Structure,{",".join(columns)},DicomRGBColor\nliver,{codes},"221,130,101"\n')
    liver = tree.by_value[5]
    assert (liver.name, liver.terminology.type.meaning, liver.color) == ("liver", "Liver", (221 / 255, 130 / 255, 101 / 255))
    assert "values of TotalSegmentator's task 'total'" in notes[0]


def test_lists_of_other_origin_are_left_alone(read):
    tree, _ = read("mine.csv", "label,name\n1,spleen\n2,apple\n3,pear\n")
    assert all(label.terminology is None for label in tree)


def test_composite_regions_that_nest_are_a_tree(read):
    text = "10,brain,1,2,3\n11,left,1,2,\n1,hippocampus,1,,\n"
    assert values(read("regions.csv", text).tree) == {
        "/brain": 10,
        "/brain/left": 11,
        "/brain/left/hippocampus": 1,
        "/brain/left/label 2": 2,
        "/brain/label 3": 3,
    }


def test_composite_regions_that_cross_are_refused_with_the_label_that_has_two_parents(read):
    text = "10,all,1,2,3,4\n11,gray,1,2,,\n12,left,1,3,,\n1,left gray,1,,,\n"
    with pytest.raises(
        LabelTreeError, match="label 1 'left gray' has two parents: 'gray' and 'left' both contain it, and neither contains"
    ):
        read("regions.csv", text)


# Text and color tables


def test_indented_text_is_a_tree(read):
    text = "# a comment\nbrain\n  left ~0.5\n    gray matter = 3 #c8c8eb\n    a = b = 9\n\n  right\t= 4\n"
    tree, notes = read("tree.txt", text)
    assert values(tree) == {
        "/brain": 10,
        "/brain/left": 11,
        "/brain/left/gray matter": 3,
        "/brain/left/a = b": 9,
        "/brain/right": 4,
    }
    assert tree.by_value[3].color == (200 / 255, 200 / 255, 235 / 255)
    assert tree.by_path["/brain/left"].length == 0.5
    assert notes == ("2 labels without a value got 10–11, in depth-first order",)


def test_several_top_lines_get_a_root(read):
    tree, notes = read("tree.txt", "a\n  b\nc\n")
    assert list(tree.by_path) == ["/labels", "/labels/a", "/labels/a/b", "/labels/c"]
    assert "no root" in notes[0]


def test_an_indentation_between_two_others_is_refused(read):
    with pytest.raises(LabelTreeError, match="line 3 'c': its indentation matches no line above"):
        read("tree.txt", "a\n    b\n  c\n")


def test_paths_are_a_tree_and_missing_labels_above_are_added(read):
    tree, notes = read("tree.txt", "/brain/left/cortex = 3\n/brain/left = 5\n/brain/right = 4\n")
    assert values(tree) == {"/brain": 6, "/brain/left": 5, "/brain/left/cortex": 3, "/brain/right": 4}
    assert notes[0] == "1 labels above others had no line of their own and were added: brain"
    with pytest.raises(LabelTreeError, match="line 2 '/a/b': this path is listed twice"):
        read("tree.txt", "/a/b\n/a/b\n")
    with pytest.raises(LabelTreeError, match="line 1 '/a//b': a path is names with one '/' between them"):
        read("tree.txt", "/a//b\n")


def test_slicer_color_tables_write_blanks_as_underscores(read):
    tree, notes = read(
        "colors.ctbl", "# Color table file\n# 3 values\n0 background 0 0 0 0\n1 left_lung 255 0 51 255\n3 'trachea' 0 0 255 255\n"
    )
    assert values(tree) == {"/labels": 4, "/labels/left lung": 1, "/labels/trachea": 3}
    assert tree.by_value[1].color == (1.0, 0.0, 0.2)
    assert "value 0 ('background') is read as unknown, not as a label" in notes


def test_freesurfer_tables_keep_their_names(read):
    text = (
        "#No. Label Name:   R   G   B   A\n\n0 Unknown 0 0 0 0\n17  Left-Hippocampus  220 216 20 0\n251 CC_Posterior 0 0 64 0\n"
    )
    assert values(read("FreeSurferColorLUT.txt", text).tree) == {
        "/labels": 252,
        "/labels/Left-Hippocampus": 17,
        "/labels/CC_Posterior": 251,
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "1 liver 255 0 0 255\n2 spleen 255\n",
            "line 2 '2 spleen 255' is not 'value name red green blue alpha'; the file is truncated",
        ),
        ("1 liver 255 0 0 255\n1 spleen 255 0 0 255\n", "value 1 is also that of"),
        ("0 background 0 0 0 0\n", "no label besides value 0"),
    ],
)
def test_broken_color_tables_are_refused(read, text, message):
    with pytest.raises(LabelTreeError, match=message):
        read("colors.ctbl", text)


# Terminologies and Open Anatomy


def test_a_terminology_is_read_as_category_type_and_modifier(read):
    def entry(meaning, value, **more):
        return {"CodingSchemeDesignator": "SCT", "CodeValue": value, "CodeMeaning": meaning, **more}

    right = entry(
        "Right",
        "24028007",
        **{"3dSlicerLabel": "right lung", "3dSlicerIntegerLabel": 7, "recommendedDisplayRGBValue": [0, 51, 0]},
    )
    lung = entry("Lung", "39607008", Modifier=[right], **{"3dSlicerIntegerLabel": 7})
    liver = entry("Liver", "10200004", **{"3dSlicerLabel": "liver", "3dSlicerIntegerLabel": 3})
    category = entry("Anatomical Structure", "123037004", Type=[lung, liver])
    record = {"SegmentationCategoryTypeContextName": "Mine", "SegmentationCodes": {"Category": [category]}}
    tree, _ = read("mine.term.json", record)
    assert values(tree) == {
        "/Mine": 8,
        "/Mine/Anatomical Structure": 9,
        "/Mine/Anatomical Structure/Lung": 10,
        "/Mine/Anatomical Structure/Lung/Right": 7,
        "/Mine/Anatomical Structure/Liver": 3,
    }
    right_lung = tree.by_value[7]
    assert right_lung.terminology.type.meaning == "Lung"
    assert right_lung.terminology.type_modifier.meaning == "Right"
    assert right_lung.color == (0.0, 0.2, 0.0)
    with pytest.raises(LabelTreeError, match="its labels do not have the form their format prescribes"):
        read("mine.term.json", {"SegmentationCodes": {"Category": [{"CodeValue": "1"}]}})


def test_open_anatomy_groups_are_a_tree(read):
    def structure(key, value):
        return {
            "@id": key,
            "@type": "Structure",
            "annotation": {"name": key[1:]},
            "renderOption": {"color": "rgb(255,0,51)"},
            "sourceSelector": [{"@type": ["Selector", "LabelMapSelector"], "dataKey": value}],
        }

    nodes = [
        structure("#b", 5),
        {"@id": "#all", "@type": "Group", "annotation": {"name": "all"}, "member": ["#a", "#b", "#c"]},
        structure("#a", 4),
        structure("#c", 4),
        {"@id": "#x", "@type": "DataSource"},
    ]
    tree, notes = read("atlas.json", nodes)
    assert values(tree) == {"/all": 6, "/all/a": 4, "/all/b": 5}
    assert tree.by_value[4].color == (1.0, 0.0, 0.2)
    assert notes[0] == "1 structures share the label value of an earlier one and were left out: c"
    twice = {"@id": "#all2", "@type": "Group", "member": ["#a"]}
    with pytest.raises(LabelTreeError, match="'#a': it has two parents, '#all' and '#all2'; keep one"):
        read("atlas.json", [*nodes, twice])


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(read):
    assert values(read("a.csv", b"\xef\xbb\xbfvalue,name\r\n1,liver\r\n2,spleen\r\n").tree)["/labels/liver"] == 1
    assert values(read("a.txt", b"\xef\xbb\xbfa = 1\r\n  b = 2\r\n").tree) == {"/a": 1, "/a/b": 2}


def test_a_hundred_thousand_labels_are_read_in_seconds(read):
    count = 100_000
    rows = "".join(f"{number},n{number},{max(number // 5, 1)}\n" for number in range(2, count + 1))
    began = time.process_time()
    tree = read("large.csv", f"id,name,parent\n1,n1,\n{rows}").tree
    assert len(tree) == count
    # About 3 s on two cores of 2024; only readers that are not linear take longer than this.
    assert time.process_time() - began < 40.0
