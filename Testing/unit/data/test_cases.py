"""Cases from the command line's text and from lists."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from semseg_core.data.cases import CaseFiles, parse_case, read_case_list, split_images
from semseg_core.errors import InputError


def test_a_case_is_images_and_scribbles() -> None:
    assert parse_case("t1.nii.gz=marks.nrrd") == CaseFiles(("t1.nii.gz",), "marks.nrrd")
    assert parse_case("a=b/t1.nii, flair.nii#2=marks.seg.nrrd") == CaseFiles(("a=b/t1.nii", "flair.nii#2"), "marks.seg.nrrd")


@pytest.mark.parametrize("text", ["t1.nii.gz", "=marks", "t1.nii=", " = ", "t1,,flair=marks", ",t1=marks"])
def test_a_case_of_another_form_is_refused_with_the_form(text: str) -> None:
    with pytest.raises(InputError, match="write IMAGE=SCRIBBLES|separate several files"):
        parse_case(text)


def test_a_file_whose_own_name_has_commas_is_one_image(tmp_path: Path) -> None:
    odd = tmp_path / "a,b.nii"
    odd.touch()
    assert split_images(str(odd)) == (str(odd),)
    assert split_images("a,b.nii") == ("a", "b.nii")


def test_names_may_hold_equals_signs_and_commas_where_the_files_exist(tmp_path: Path) -> None:
    folder = tmp_path / "größe, a=b 1"
    folder.mkdir()
    image, marks = folder / "t1=t2.nii", folder / "m=n.nii"
    image.touch()
    marks.touch()
    assert parse_case(f"{image}={marks}") == CaseFiles((str(image),), str(marks))


def test_a_csv_names_channels_and_its_paths_start_at_its_folder(tmp_path: Path) -> None:
    listed = tmp_path / "cases.csv"
    listed.write_text("﻿t1,scribbles,flair\nsub1/t1.nii,m1.nrrd,/data/f1.nii\n\nt 2.nii,m2.nrrd, f2.nii \n", encoding="utf-8")
    cases, channels = read_case_list(listed)
    assert channels == ("t1", "flair")
    assert cases == (
        CaseFiles((str(tmp_path / "sub1/t1.nii"), "/data/f1.nii"), str(tmp_path / "m1.nrrd")),
        CaseFiles((str(tmp_path / "t 2.nii"), str(tmp_path / "f2.nii")), str(tmp_path / "m2.nrrd")),
    )


def test_json_lists_images_by_order_or_by_channel(tmp_path: Path) -> None:
    listed = tmp_path / "cases.json"
    listed.write_text(json.dumps([{"images": ["a.nii", "b.nii"], "scribbles": "m.nii"}]))
    images = (str(tmp_path / "a.nii"), str(tmp_path / "b.nii"))
    assert read_case_list(listed) == ((CaseFiles(images, str(tmp_path / "m.nii")),), ())
    named = [
        {"images": {"t1": "a.nii", "flair": "b.nii"}, "scribbles": "m.nii"},
        {"images": {"flair": "d.nii", "t1": "c.nii"}, "scribbles": "n.nii"},
    ]
    listed.write_text(json.dumps(named))
    cases, channels = read_case_list(listed)
    assert channels == ("t1", "flair")
    assert [[Path(file).name for file in case.images] for case in cases] == [["a.nii", "b.nii"], ["c.nii", "d.nii"]]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("cases.csv", "t1,marks\na,b\n", "must name a column 'scribbles'"),
        ("cases.csv", "scribbles\na\n", "at least one image channel"),
        ("cases.csv", "t1;scribbles\na;b\n", r"found \['t1;scribbles'\]"),
        ("cases.csv", "t1,scribbles\n", "holds no case"),
        ("cases.csv", "t1,scribbles\na,b\na\n", "case 2: give exactly one file"),
        ("cases.csv", "t1,scribbles\na,b,c\n", "case 1: give exactly one file"),
        ("cases.csv", 't1,scribbles\n"a,b\n', "is no CSV"),
        ("cases.json", "[]", "holds no case"),
        ("cases.json", "{", "is not a JSON list of the form"),
        ("cases.json", '{"images": ["a"], "scribbles": "b"}', "is not a JSON list of the form"),
        ("cases.json", '[{"images": "a.nii", "scribbles": "b"}]', "is not a JSON list of the form"),
        ("cases.json", '[{"images": [], "scribbles": "b"}]', "is not a JSON list of the form"),
        ("cases.json", '[{"images": ["a"]}]', "is not a JSON list of the form"),
        ("cases.json", '[{"images": [1], "scribbles": "b"}]', "is not a JSON list of the form"),
        ("cases.json", "[" * 100_000, "is not a JSON list of the form"),
        ("cases.json", "3", "is not a JSON list of the form"),
        (
            "cases.json",
            '[{"images": {"t1": "a"}, "scribbles": "b"}, {"images": {"t2": "a"}, "scribbles": "b"}]',
            r"different channels \(t1 / t2\)",
        ),
    ],
)
def test_a_list_of_another_form_is_refused_with_what_is_wrong(tmp_path: Path, name: str, text: str, words: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=words):
        read_case_list(tmp_path / name)


def test_a_list_in_another_encoding_or_missing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cases.csv").write_bytes("t1,scribbles\nGehirn-größe,b\n".encode("latin-1"))
    with pytest.raises(InputError, match="is not UTF-8"):
        read_case_list(tmp_path / "cases.csv")
    with pytest.raises(InputError, match="no such file"):
        read_case_list(tmp_path / "none.csv")
