"""Pairs of images and segmentations, found by file names."""

from __future__ import annotations

from pathlib import Path

import pytest

from semseg_core.data.folders import find_cases
from semseg_core.errors import InputError


def make(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return folder


def pairs(folder: Path) -> list[tuple[list[str], str]]:
    def name(path: str) -> str:
        return Path(path).relative_to(folder).as_posix()

    return [([name(image) for image in case.images], name(case.scribbles)) for case in find_cases(folder).cases]


def test_an_image_and_its_segmentation_are_known_by_their_common_name(tmp_path):
    make(tmp_path, "p1.nii.gz", "p1_seg.nii.gz", "p10.nrrd", "p10-scribbles.seg.nrrd")
    assert pairs(tmp_path) == [(["p10.nrrd"], "p10-scribbles.seg.nrrd"), (["p1.nii.gz"], "p1_seg.nii.gz")]
    assert find_cases(tmp_path).channels == ()


def test_what_the_names_of_images_have_beyond_that_are_channels(tmp_path):
    make(tmp_path, "p1_t1.nii.gz", "p1_flair.nii.gz", "p1_labels.nii.gz", "p2_flair.nii.gz", "p2_t1.nii.gz", "p2_labels.nii.gz")
    assert find_cases(tmp_path).channels == ("flair", "t1")
    assert pairs(tmp_path)[0] == (["p1_flair.nii.gz", "p1_t1.nii.gz"], "p1_labels.nii.gz")


def test_folders_of_nnunet_are_understood(tmp_path):
    make(tmp_path, *(f"imagesTr/a_{case}_000{channel}.nii.gz" for case in "12" for channel in "01"))
    make(tmp_path, "labelsTr/a_1.nii.gz", "labelsTr/a_2.nii.gz")
    assert find_cases(tmp_path).channels == ()
    assert pairs(tmp_path) == [
        (["imagesTr/a_1_0000.nii.gz", "imagesTr/a_1_0001.nii.gz"], "labelsTr/a_1.nii.gz"),
        (["imagesTr/a_2_0000.nii.gz", "imagesTr/a_2_0001.nii.gz"], "labelsTr/a_2.nii.gz"),
    ]


def test_one_folder_per_person_is_understood(tmp_path):
    make(tmp_path, "anna/t1.nrrd", "anna/mask.nrrd", "berta/t1.nrrd", "berta/mask.nrrd")
    assert pairs(tmp_path) == [(["anna/t1.nrrd"], "anna/mask.nrrd"), (["berta/t1.nrrd"], "berta/mask.nrrd")]
    assert find_cases(tmp_path).channels == ("t1",)


def test_what_does_not_fit_is_left_out_and_named(tmp_path):
    make(tmp_path, "a_t1.nrrd", "a_t2.nrrd", "a_seg.nrrd", "b_t1.nrrd", "b_t2.nrrd", "b_seg.nrrd", "c_t1.nrrd", "c_seg.nrrd")
    make(tmp_path, "d_seg.nrrd", "e.nrrd", "notes.txt", ".hidden_seg.nrrd", "deep/er/f.nrrd")
    found = find_cases(tmp_path)
    assert len(found.cases) == 2
    told = " ".join(found.notes)
    assert all(name in told for name in ("c_seg.nrrd", "d_seg.nrrd", "e.nrrd"))
    assert "hidden" not in told
    assert "f.nrrd" not in told


def test_a_list_of_cases_is_believed_before_names(tmp_path):
    make(tmp_path, "p1.nii.gz", "p1_seg.nii.gz", "x.nii.gz", "y.nii.gz")
    (tmp_path / "cases.csv").write_text("ct,scribbles\nx.nii.gz,y.nii.gz\n", encoding="utf-8")
    found = find_cases(tmp_path)
    assert found.channels == ("ct",)
    assert pairs(tmp_path) == [(["x.nii.gz"], "y.nii.gz")]


def test_a_folder_without_a_pair_is_refused_with_an_example(tmp_path):
    make(tmp_path, "a.nrrd", "b_seg.nrrd")
    with pytest.raises(InputError, match=r"p1_t1\.nii\.gz and p1_seg\.nii\.gz"):
        find_cases(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        find_cases(tmp_path / "missing")
