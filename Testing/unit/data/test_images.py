from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from semseg_core.data.images import compact, read_label_map, read_volume, write_label_map, write_volume
from semseg_core.errors import InputError
from semseg_core.geometry import Grid


def shrunk_and_shifted(factor: float, start: float) -> np.ndarray:
    """Affine of a grid whose voxels are `factor` times as large and whose first center is `start` voxels along each axis."""
    affine = np.diag((factor, factor, factor, 1.0))
    affine[:3, 3] = start
    return affine


@pytest.fixture
def series(save_nifti, ramp):
    """A 4D file of three frames; frame n holds the ramp plus 1000 n."""
    return save_nifti("series.nii.gz", np.stack([ramp + 1000 * frame for frame in range(3)]))


def test_one_scalar_file_is_one_channel(save_nifti, ramp):
    volume = read_volume([save_nifti("a.nii", ramp)])
    np.testing.assert_array_equal(volume.array, ramp[None])
    assert volume.array.dtype == np.float32
    assert volume.channels == ("image",)
    assert read_volume([save_nifti("a.nii", ramp)], ["T1"]).channels == ("T1",)


def test_several_files_are_several_channels_in_order(save_nifti, ramp):
    paths = [save_nifti("a.nii", ramp), save_nifti("b.nii", ramp + 7)]
    volume = read_volume(paths)
    assert volume.channels == ("image1", "image2")
    np.testing.assert_array_equal(volume.array[1] - volume.array[0], np.full(ramp.shape, 7))
    assert read_volume(paths, ["t1", "t2"]).channels == ("t1", "t2")


def test_a_second_channel_is_interpolated_onto_the_grid_of_the_first(tmp_path, oblique_grid):
    def linear(grid: Grid) -> np.ndarray:
        points = grid.index_to_ras(np.argwhere(np.ones(grid.shape)))
        return (3 * points[:, 0] - 2 * points[:, 1] + points[:, 2]).reshape(grid.shape)

    wide = Grid((12, 13, 14), oblique_grid.ijk_to_ras @ shrunk_and_shifted(0.7, -2.0))
    write_volume(tmp_path / "a.nrrd", linear(oblique_grid), oblique_grid)
    write_volume(tmp_path / "b.nrrd", linear(wide), wide)
    notes = []
    volume = read_volume([tmp_path / "a.nrrd", tmp_path / "b.nrrd"], on_note=notes.append)
    assert volume.grid.same_as(oblique_grid)
    np.testing.assert_allclose(volume.array[1], volume.array[0], atol=1e-3)  # a linear image survives linear interpolation
    assert [note.partition("b.nrrd: ")[2] for note in notes] == [f"interpolated linearly onto the grid of {tmp_path / 'a.nrrd'}"]


def test_what_a_second_channel_does_not_cover_gets_its_lowest_value_and_is_told(tmp_path, ramp):
    grid = Grid(ramp.shape, np.eye(4))
    write_volume(tmp_path / "a.nrrd", ramp, grid)
    write_volume(tmp_path / "b.nrrd", ramp + 50, Grid(ramp.shape, shrunk_and_shifted(1.0, 2.0)))
    notes = []
    volume = read_volume([tmp_path / "a.nrrd", tmp_path / "b.nrrd"], on_note=notes.append)
    np.testing.assert_array_equal(volume.array[1, 2:, 2:, 2:], ramp[:-2, :-2, :-2] + 50)
    assert (volume.array[1, :2] == 50).all()
    assert "80% of the voxels lie outside it" in notes[0]  # 2 × 3 × 4 of 4 × 5 × 6 are covered


def test_images_that_do_not_overlap_are_refused(save_nifti, ramp):
    far = np.diag((1.0, 2.0, 3.0, 1.0))
    far[:3, 3] = 500
    with pytest.raises(InputError, match="does not overlap"):
        read_volume([save_nifti("a.nii", ramp), save_nifti("b.nii", ramp, far)])


def test_an_undeclared_4d_file_is_refused_with_both_remedies(series):
    with pytest.raises(InputError, match=r"has 3 values per voxel .* --channels a,b,….* as .*series\.nii\.gz#0"):
        read_volume([series])


def test_a_declared_4d_file_gives_its_frames_as_channels(series, ramp):
    volume = read_volume([series], ["early", "middle", "late"])
    assert volume.channels == ("early", "middle", "late")
    np.testing.assert_array_equal(volume.array[2], ramp + 2000)


def test_a_frame_is_picked_by_its_number_from_0(series, ramp):
    np.testing.assert_array_equal(read_volume([f"{series}#1"]).array, ramp[None] + 1000)
    with pytest.raises(InputError, match="no frame 3; its frames are 0 to 2"):
        read_volume([f"{series}#3"])


def test_a_file_whose_own_name_ends_like_a_frame_is_read_whole(save_nifti, ramp):
    path = save_nifti("a.nii", ramp).rename
    odd = path(save_nifti("b.nii", ramp).with_name("scan#2.nii#0"))
    with pytest.raises(InputError, match="has 3 values|not an image file"):
        read_volume([odd.with_name("scan#2.nii#0")])


@pytest.mark.parametrize("names", [["a"], ["a", "b"], ["a", "b", "c", "d"]])
def test_a_wrong_number_of_names_is_refused_with_the_counts(series, names):
    with pytest.raises(InputError, match=rf"3 channels were given .*has 3.* but {len(names)} channels? "):
        read_volume([series], names)


def test_files_of_one_and_of_several_channels_mix_when_all_are_named(series, save_nifti, ramp):
    volume = read_volume([save_nifti("a.nii", ramp), series], ["t1", "early", "middle", "late"])
    assert volume.array.shape == (4, *ramp.shape)


def test_a_4d_file_of_one_frame_is_scalar(save_nifti, ramp):
    np.testing.assert_array_equal(read_volume([save_nifti("a.nii", ramp[None])]).array, ramp[None])


def test_a_color_picture_needs_names_and_becomes_one_slice(tmp_path):
    colors = np.random.default_rng(0).integers(0, 255, (5, 6, 3)).astype(np.uint8)
    sitk.WriteImage(sitk.GetImageFromArray(colors, isVector=True), str(tmp_path / "a.png"))
    with pytest.raises(InputError, match="3 values per voxel"):
        read_volume([tmp_path / "a.png"])
    volume = read_volume([tmp_path / "a.png"], ["red", "green", "blue"])
    np.testing.assert_array_equal(volume.array[:, 0], np.moveaxis(colors, -1, 0))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.nrrd", "a.mha"])
def test_nan_and_infinity_are_counted_and_refused(tmp_path, ramp, name, bad):
    ramp[1, 2, 3:5] = bad
    sitk.WriteImage(sitk.GetImageFromArray(ramp), str(tmp_path / name))
    with pytest.raises(InputError, match="2 voxels are NaN or infinite; replace them"):
        read_volume([tmp_path / name])


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_nan_in_a_nifti_is_found_in_either_byte_order_and_width(save_nifti, ramp, kind, order):
    ramp[-1, -1, -1] = np.nan
    with pytest.raises(InputError, match="1 voxels are NaN"):
        read_volume([save_nifti("a.nii", ramp.astype(kind), order=order)])


def test_numbers_too_large_for_float32_count_as_infinite(save_nifti, ramp):
    values = ramp.astype(np.float64)
    values[0, 0, 0] = 1e300
    with pytest.raises(InputError, match="1 voxels are NaN or infinite"):
        read_volume([save_nifti("a.nii", values)])


def test_a_constant_channel_is_refused_by_name(save_nifti, ramp):
    with pytest.raises(InputError, match=r"b\.nii, channel 'image2': has the value 4 everywhere"):
        read_volume([save_nifti("a.nii", ramp), save_nifti("b.nii", np.full_like(ramp, 4))])


def test_no_file_is_an_error():
    with pytest.raises(InputError, match="no file was given"):
        read_volume([])


def test_a_label_map_stored_as_floating_point_is_accepted(save_nifti, ramp):
    label_map = read_label_map(save_nifti("a.nii", ramp))
    assert label_map.array.dtype == np.int32
    np.testing.assert_array_equal(label_map.array, ramp)


@pytest.mark.parametrize("bad", [2.5, np.nan, np.inf, 3e9])
def test_a_label_map_without_whole_numbers_is_refused_with_an_example(tmp_path, ramp, bad):
    ramp[0, 0, 0] = bad
    sitk.WriteImage(sitk.GetImageFromArray(ramp), str(tmp_path / "a.nrrd"))
    with pytest.raises(InputError, match="label values are whole numbers") as caught:
        read_label_map(tmp_path / "a.nrrd")
    assert f"holds {np.float32(bad)}" in str(caught.value)


def test_a_4d_label_map_is_refused(series):
    with pytest.raises(InputError, match="3 values per voxel"):
        read_label_map(series)


@pytest.mark.parametrize(
    ("values", "dtype"),
    [([0, 255], np.uint8), ([0, 256], np.int16), ([-1, 3], np.int16), ([0, 32768], np.int32), ([], np.uint8)],
)
def test_label_maps_are_stored_in_the_smallest_usual_type(values, dtype):
    assert compact(np.array(values, dtype=np.int64)).dtype == dtype


def test_values_beyond_32_bits_are_refused():
    with pytest.raises(InputError, match="4294967296 is too large"):
        compact(np.array([2**32]))


def test_a_written_label_map_and_volume_read_back(tmp_path, oblique_grid):
    values = np.arange(120).reshape(oblique_grid.shape) * 3
    write_label_map(tmp_path / "a.nii.gz", values, oblique_grid)
    label_map = read_label_map(tmp_path / "a.nii.gz")
    assert label_map.grid.same_as(oblique_grid)
    np.testing.assert_array_equal(label_map.array, values)
    write_volume(tmp_path / "b.nii.gz", values / 7, oblique_grid)
    np.testing.assert_array_equal(read_volume([tmp_path / "b.nii.gz"]).array[0], (values / 7).astype(np.float32))


def test_two_sequences_of_one_patient_on_different_oblique_grids_become_channels(test_data):
    folder = test_data / "tumour-remind022"
    notes = []
    volume = read_volume([folder / "ReMIND-022_t1post.nrrd", folder / "ReMIND-022_t2space.nrrd"], ["t1", "t2"], notes.append)
    assert volume.array.shape == (2, 176, 256, 248)
    assert len(notes) == 1
    brain = volume.array[:, 60:120, 80:180, 80:170].reshape(2, -1)
    assert abs(np.corrcoef(brain)[0, 1]) > 0.1  # anatomy lies on anatomy
