"""Uncompressed NRRD in parts, read back by the reader that training uses."""

from __future__ import annotations

import numpy as np
import pytest

from semseg_core.data import raw_nrrd
from semseg_core.data.image_files import read_image_file
from semseg_core.data.raw_nrrd import TYPES, write_parts
from semseg_core.errors import InputError
from semseg_core.geometry import Grid

OBLIQUE = Grid((5, 4, 3), np.array([[0.6, -0.8, 0.0, 4.25], [0.8, 0.6, 0.0, -1.5], [0.0, 0.0, -2.5, 7.0], [0.0, 0.0, 0.0, 1.0]]))


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr(raw_nrrd, "PART_BYTES", 4 * 3)


@pytest.mark.parametrize("kind", sorted(TYPES))
def test_every_type_of_number_comes_back_from_an_oblique_grid(tmp_path, kind):
    array = np.arange(60).reshape(OBLIQUE.shape).astype(kind)
    steps = list(write_parts(tmp_path / "image.nrrd", lambda start, stop: array[start:stop], OBLIQUE, array.dtype))
    read = read_image_file(tmp_path / "image.nrrd", "image")
    assert len(steps) > 1
    np.testing.assert_array_equal(read.frames[0], array)
    assert read.grid.same_as(OBLIQUE)


def test_several_frames_and_free_keys_come_back(tmp_path):
    array = np.random.default_rng(0).integers(0, 9, (*OBLIQUE.shape, 2)).astype(np.uint8)
    keys = {"Segment0_Name": "Größe", "Segment0_Tags": "a:back\\slash|b:two\nlines|"}
    list(write_parts(tmp_path / "a.seg.nrrd", lambda start, stop: array[start:stop], OBLIQUE, array.dtype, 2, keys))
    read = read_image_file(tmp_path / "a.seg.nrrd", "scribbles")
    np.testing.assert_array_equal(read.frames, np.moveaxis(array, -1, 0))
    assert read.metadata["Segment0_Name"] == "Größe"
    assert "two" in read.metadata["Segment0_Tags"]


def test_nothing_is_written_before_the_first_step(tmp_path):
    steps = write_parts(tmp_path / "image.nrrd", lambda start, stop: np.zeros((stop - start, 4, 3)), OBLIQUE, np.dtype("f8"))
    assert not (tmp_path / "image.nrrd").exists()
    next(steps)
    assert (tmp_path / "image.nrrd").exists()


def test_numbers_nrrd_does_not_know_and_folders_that_are_not_there_are_refused(tmp_path):
    with pytest.raises(InputError, match="complex128"):
        next(write_parts(tmp_path / "image.nrrd", lambda start, stop: None, OBLIQUE, np.dtype(complex)))
    with pytest.raises(InputError, match="cannot be written"):
        next(write_parts(tmp_path / "missing" / "image.nrrd", lambda start, stop: None, OBLIQUE, np.dtype("u1")))
