from __future__ import annotations

import gzip
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

import semseg_core
from semseg_core.data.image_files import WRITABLE, read_image_file, require_image_path, write_image_file
from semseg_core.errors import InputError
from semseg_core.geometry import Grid

SHEARED = np.array([[1.0, 0.3, 0.0, -10.0], [0.0, 2.0, 0.2, 5.0], [0.0, 0.0, 3.0, 7.0], [0.0, 0.0, 0.0, 1.0]])


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_a_nifti_sform_is_the_grid_in_either_byte_order(save_nifti, ramp, oblique_grid, name, order):
    file = read_image_file(save_nifti(name, ramp.astype(np.int16), oblique_grid.ijk_to_ras, order=order), "image")
    assert file.grid.same_as(oblique_grid)
    np.testing.assert_array_equal(file.frames, ramp[None])
    assert file.notes == ()


def test_a_nifti_with_a_qform_only_lies_where_its_quaternion_says(save_nifti, ramp, oblique_grid):
    file = read_image_file(save_nifti("a.nii", ramp, np.zeros((4, 4)), codes=(0, 1)), "image")
    assert file.grid.same_as(oblique_grid)


@pytest.mark.parametrize(("sform_code", "counts"), [(1, "sform"), (2, "qform")])
def test_where_sform_and_qform_differ_slicers_choice_counts_and_is_told(save_nifti, ramp, oblique_grid, sform_code, counts):
    sform = np.diag((1.0, 2.0, 3.0, 1.0))
    file = read_image_file(save_nifti("a.nii", ramp, sform, codes=(sform_code, 1)), "image")
    assert file.grid.same_as(oblique_grid if counts == "qform" else Grid(ramp.shape, sform))
    assert ["differ" in note and "qform counts" in note for note in file.notes] == [True] * (counts == "qform")


def test_a_sheared_sform_is_kept_exactly_and_told(save_nifti, ramp):
    file = read_image_file(save_nifti("a.nii.gz", ramp, SHEARED), "image")
    np.testing.assert_allclose(file.grid.ijk_to_ras, SHEARED, atol=1e-7)
    np.testing.assert_array_equal(file.frames[0], ramp)
    assert "right angles" in file.notes[0]


def test_a_nrrd_in_lps_becomes_ras(tmp_path):
    path = tmp_path / "a.nrrd"
    header = "NRRD0004\ntype: uchar\ndimension: 3\nspace: left-posterior-superior\nsizes: 3 2 1\n"
    header += "space directions: (2,0,0) (0,0,-4) (0,3,0)\nencoding: raw\nspace origin: (10,20,30)\n\n"
    path.write_bytes(header.encode() + bytes(range(6)))
    file = read_image_file(path, "image")
    expected = [[-2, 0, 0, -10], [0, 0, -3, -20], [0, -4, 0, 30], [0, 0, 0, 1]]
    np.testing.assert_allclose(file.grid.ijk_to_ras, expected)
    np.testing.assert_array_equal(file.frames, [[[[0, 1, 2], [3, 4, 5]]]])


@settings(max_examples=20, deadline=None)
@given(
    turn=st.tuples(*[st.floats(-180, 180)] * 3),
    spacing=st.tuples(*[st.floats(0.3, 8.0)] * 3),
    origin=st.tuples(*[st.floats(-500, 500)] * 3),
    mirrored=st.booleans(),
    suffix=st.sampled_from(WRITABLE),
)
def test_reading_what_was_written_gives_the_same_grid_and_voxels(tmp_path_factory, turn, spacing, origin, mirrored, suffix):
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("xyz", turn, degrees=True).as_matrix() @ np.diag(spacing) * (-1 if mirrored else 1)
    affine[:3, 3] = origin
    grid = Grid((4, 5, 6), affine)
    values = np.arange(120, dtype=np.int16).reshape(4, 5, 6)
    path = tmp_path_factory.mktemp("files") / f"a{suffix}"
    write_image_file(path, values, grid, "volume")
    file = read_image_file(path, "image")
    assert file.grid.same_as(grid)
    assert file.frames.dtype == values.dtype
    np.testing.assert_array_equal(file.frames[0], values)


def test_what_nifti_cannot_hold_is_refused_and_nrrd_holds_it(tmp_path, ramp):
    grid = Grid(ramp.shape, SHEARED)
    target = tmp_path / "a.nii.gz"
    target.write_bytes(b"earlier")
    with pytest.raises(InputError, match=r"right angles; write \.nrrd"):
        write_image_file(target, ramp, grid, "volume")
    assert target.read_bytes() == b"earlier"
    write_image_file(tmp_path / "a.nrrd", ramp, grid, "volume")
    assert read_image_file(tmp_path / "a.nrrd", "image").grid.same_as(grid)


def test_header_keys_survive_in_nrrd(tmp_path, ramp, oblique_grid):
    text = 'Größe | "x" \\ ~^'
    write_image_file(tmp_path / "a.nrrd", ramp, oblique_grid, "volume", {"Some_Key": text})
    assert read_image_file(tmp_path / "a.nrrd", "image").metadata["Some_Key"] == text


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.nii", None, "no such file"),
        ("empty.nii.gz", b"", "is empty"),
        ("text.nii.gz", b"not an image", "not an image file"),
        ("text.nrrd", b"not an image", "not an image file"),
        ("text.txt", b"not an image", "not an image file"),
        ("packed.nii.gz", gzip.compress(b"not an image"), "not an image file"),
    ],
)
def test_what_is_no_image_gives_one_sentence(tmp_path, capfd, name, content, message):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        read_image_file(path, "image")
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""


def test_a_directory_is_answered_with_what_to_do_about_dicom(tmp_path):
    with pytest.raises(InputError, match="DICOM folder in Slicer"):
        read_image_file(tmp_path, "image")


def test_a_dicom_file_is_refused_with_a_remedy(tmp_path):
    sitk.WriteImage(sitk.GetImageFromArray(np.ones((8, 8), dtype=np.uint16)), str(tmp_path / "a.dcm"))
    with pytest.raises(InputError, match="is DICOM"):
        read_image_file(tmp_path / "a.dcm", "image")


@pytest.mark.parametrize("suffix", [*WRITABLE, ".mhd", ".tif"])
@pytest.mark.parametrize("part", [0.05, 0.5, 0.97])
def test_a_truncated_file_is_refused_and_nothing_else_is_said(tmp_path, capfd, suffix, part):
    values = np.random.default_rng(0).integers(0, 1000, (10, 20, 30)).astype(np.int16)
    path = tmp_path / f"a{suffix}"
    sitk.WriteImage(sitk.GetImageFromArray(values[0] if suffix == ".tif" else values), str(path), useCompression=True)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])
    with pytest.raises(InputError, match="truncated|damaged"):
        read_image_file(path, "image")
    assert capfd.readouterr().err == ""


def test_a_compressed_nifti_damaged_in_the_middle_is_refused(save_nifti):
    values = np.random.default_rng(0).integers(0, 1000, (10, 20, 30)).astype(np.int16)
    path = save_nifti("a.nii.gz", values)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(InputError, match="damaged|truncated"):
        read_image_file(path, "image")


def test_a_header_without_a_volume_is_refused_by_name(save_nifti, ramp):
    flat = np.diag((1.0, 0.0, 3.0, 1.0))
    with pytest.raises(InputError, match=r"a\.nii"):
        read_image_file(save_nifti("a.nii", ramp, flat), "image")


def test_an_unknown_suffix_and_a_missing_folder_are_refused_before_any_work(tmp_path):
    with pytest.raises(InputError, match=r"must end in \.nii\.gz"):
        require_image_path(tmp_path / "a.png", "result")
    with pytest.raises(InputError, match="does not exist"):
        require_image_path(tmp_path / "no" / "a.nii", "result")
    assert require_image_path(tmp_path / "a.nii", "result") == tmp_path / "a.nii"


def test_a_tiff_stack_is_refused_since_it_has_no_grid(tmp_path, ramp):
    sitk.WriteImage(sitk.GetImageFromArray(ramp), str(tmp_path / "a.tif"))
    with pytest.raises(InputError, match="does not tell its spacing"):
        read_image_file(tmp_path / "a.tif", "image")


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits stand in for a full disk, and Windows has none")
def test_on_a_full_disk_the_earlier_file_stays_and_the_user_is_told(tmp_path):
    script = textwrap.dedent(
        """
        import resource, sys
        import numpy as np
        from pathlib import Path
        from semseg_core.data.image_files import WRITABLE, write_image_file
        from semseg_core.errors import InputError
        from semseg_core.geometry import Grid

        values = np.random.default_rng(0).integers(0, 30000, (40, 50, 60)).astype(np.int16)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
        for suffix in WRITABLE:
            path = Path(sys.argv[1]) / f"a{suffix}"
            path.write_bytes(b"earlier")
            try:
                write_image_file(path, values, Grid(values.shape, np.eye(4)), "result")
            except InputError as error:
                assert "could not be written completely" in str(error), error
                assert path.read_bytes() == b"earlier"
                print("refused")
        """
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(semseg_core.__file__).parents[1])}
    run = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, env=environment, check=False
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == ["refused"] * len(WRITABLE)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(f"a{suffix}" for suffix in WRITABLE)


@pytest.mark.parametrize("folder", ["orientation", "spine-tptbox", "ct-chest-slicerio", "slicer-formats"])
def test_real_files_keep_their_grid_when_written_again(test_data: Path, tmp_path, folder):
    paths = sorted(path for path in (test_data / folder).rglob("*") if path.name.endswith((".nii", ".nii.gz", ".nrrd", ".mha")))
    assert paths
    for path in paths:
        file = read_image_file(path, "image")
        for suffix in (".nii.gz", ".nrrd"):
            write_image_file(tmp_path / f"a{suffix}", file.frames[0], file.grid, "image")
            again = read_image_file(tmp_path / f"a{suffix}", "image")
            assert again.grid.same_as(file.grid), path
            np.testing.assert_array_equal(again.frames[0], file.frames[0])
