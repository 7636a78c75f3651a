"""Arrays handed over as files, and files that are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from semseg_core.errors import InputError
from semseg_core.interactive.arrays import (
    ShownSlice,
    read_marks,
    read_slices,
    read_volume,
    write_marks,
    write_slices,
    write_volume,
)


def test_marks_come_back(tmp_path: Path) -> None:
    write_marks(tmp_path / "marks.npz", np.array([[1, 2, 3], [4, 5, 6]]), np.array([7, 70000]))
    indices, label_ids = read_marks(tmp_path / "marks.npz")
    assert indices.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert label_ids.tolist() == [7, 70000]


def test_slices_come_back_with_their_places(tmp_path: Path) -> None:
    shown = [ShownSlice(0, 5, np.array([[1, 2]]), np.array([[0.5, 1.0]])), ShownSlice(2, 0, np.array([[40000]]), np.ones((1, 1)))]
    write_slices(tmp_path / "slices.npz", shown)
    first, second = read_slices(tmp_path / "slices.npz")
    assert (first.axis, first.index, second.axis, second.index) == (0, 5, 2, 0)
    assert first.values.tolist() == [[1, 2]]
    assert second.values.tolist() == [[40000]]  # more than 16 bit hold
    assert first.confidence.tolist() == [[0.5, 1.0]]


def test_a_volume_comes_back(tmp_path: Path) -> None:
    values, confidence = np.arange(24).reshape(2, 3, 4), np.linspace(0, 1, 24).reshape(2, 3, 4)
    write_volume(tmp_path / "volume.npz", values, confidence)
    found, certain = read_volume(tmp_path / "volume.npz")
    assert (found == values).all()
    np.testing.assert_allclose(certain, confidence, atol=1e-3)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut short", b"\x80\x04K\x01."])
def test_a_file_that_is_none_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "marks.npz"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"marks\.npz: cannot be read"):
        read_marks(path)


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"indices": np.zeros((2, 3), int)}, "holds no 'label_ids'"),
        ({"indices": np.zeros((2, 2), int), "label_ids": np.zeros(2, int)}, "expected whole numbers"),
        ({"indices": np.zeros((2, 3)), "label_ids": np.zeros(2, int)}, "expected whole numbers"),
        ({"indices": np.array([{}]), "label_ids": np.zeros(1, int)}, "cannot be read"),  # an object would be unpickled
    ],
)
def test_arrays_that_are_no_marks_are_told(tmp_path: Path, arrays: dict, sentence: str) -> None:
    np.savez(tmp_path / "marks.npz", **arrays)
    with pytest.raises(InputError, match=sentence):
        read_marks(tmp_path / "marks.npz")


def test_a_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        write_marks(tmp_path / "gone" / "marks.npz", np.zeros((0, 3)), np.zeros(0))
