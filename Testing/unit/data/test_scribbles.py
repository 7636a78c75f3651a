from __future__ import annotations

import numpy as np
import pytest

from semseg_core.data.images import write_label_map
from semseg_core.data.scribbles import read_scribbles
from semseg_core.data.segmentation import write_segmentation
from semseg_core.errors import InputError, ShapeError
from semseg_core.geometry import Grid


@pytest.fixture
def values(oblique_grid) -> np.ndarray:
    values = np.zeros(oblique_grid.shape, dtype=np.int32)
    values[1, 2, 1:4], values[2, 3, 2:4], values[2, 1, 2] = 3, 6, 20
    return values


def cropped(grid: Grid, start: tuple[int, int, int], stop: tuple[int, int, int]) -> Grid:
    """The part of a grid between two corners `(k, j, i)`."""
    affine = grid.ijk_to_ras.copy()
    affine[:3, 3] = grid.index_to_ras(np.array([start]))[0]
    return Grid(tuple(np.subtract(stop, start)), affine)


@pytest.mark.parametrize("name", ["a.nii.gz", "a.seg.nrrd"])
def test_marks_are_read_with_inner_labels_and_without_background(tmp_path, values, oblique_grid, brain_tree, name):
    write_segmentation(tmp_path / name, values, oblique_grid, brain_tree)
    marks, notes = read_scribbles(tmp_path / name, brain_tree, grid=oblique_grid)
    np.testing.assert_array_equal(marks.to_label_map(brain_tree), values)
    assert marks.counts() == {2: 1, 3: 3, 6: 2}
    assert notes == ()


def test_a_file_cropped_to_its_segments_is_placed_on_the_image(tmp_path, values, oblique_grid, brain_tree):
    part = cropped(oblique_grid, (1, 1, 1), (3, 4, 4))
    write_segmentation(tmp_path / "a.seg.nrrd", values[1:3, 1:4, 1:4], part, brain_tree)
    marks, notes = read_scribbles(tmp_path / "a.seg.nrrd", brain_tree, grid=oblique_grid)
    np.testing.assert_array_equal(marks.to_label_map(brain_tree), values)
    assert marks.grid is oblique_grid
    assert notes == ()


def test_marks_outside_the_image_are_left_out_and_counted(tmp_path, values, oblique_grid, brain_tree):
    write_segmentation(tmp_path / "a.nii", values, oblique_grid, brain_tree)
    image = cropped(oblique_grid, (0, 0, 0), (2, 5, 6))
    marks, notes = read_scribbles(tmp_path / "a.nii", brain_tree, grid=image)
    assert marks.counts() == {3: 3}
    assert "3 of 6 marked voxels lie outside the image" in notes[0]
    with pytest.raises(InputError, match="all 6 marked voxels lie outside the image"):
        read_scribbles(tmp_path / "a.nii", brain_tree, grid=cropped(oblique_grid, (9, 9, 9), (12, 12, 12)))


def test_without_an_image_the_marks_stay_on_their_own_grid(tmp_path, values, oblique_grid, brain_tree):
    write_segmentation(tmp_path / "a.nii", values, oblique_grid, brain_tree)
    marks, _ = read_scribbles(tmp_path / "a.nii", brain_tree)
    assert marks.grid.same_as(oblique_grid)


def test_another_spacing_is_refused_and_named(tmp_path, values, oblique_grid, brain_tree):
    write_segmentation(tmp_path / "a.nii", values, oblique_grid, brain_tree)
    fine = Grid((8, 10, 12), oblique_grid.ijk_to_ras @ np.diag((0.5, 0.5, 0.5, 1.0)))
    with pytest.raises(ShapeError, match=r"a\.nii: .* spacing 1 × 2 × 3 mm against 0.5 × 1 × 1.5 mm"):
        read_scribbles(tmp_path / "a.nii", brain_tree, grid=fine)


def test_a_file_without_any_mark_is_refused(tmp_path, oblique_grid, brain_tree):
    write_label_map(tmp_path / "a.nii", np.zeros(oblique_grid.shape, dtype=np.int32), oblique_grid)
    with pytest.raises(InputError, match="no voxel is marked; draw"):
        read_scribbles(tmp_path / "a.nii", brain_tree)


def test_values_that_mean_unknown_are_no_marks(tmp_path, values, oblique_grid, brain_tree):
    values[0, 0, :] = 99
    write_label_map(tmp_path / "a.nii", values, oblique_grid)
    with pytest.raises(InputError, match=r"scribbles .*a\.nii: 1 values are not in the label tree"):
        read_scribbles(tmp_path / "a.nii", brain_tree)
    marks, _ = read_scribbles(tmp_path / "a.nii", brain_tree, unknown_values=[99])
    assert marks.counts() == {2: 1, 3: 3, 6: 2}
