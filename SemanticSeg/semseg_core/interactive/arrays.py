"""The files that the worker and its client hand each other: arrays in `.npz`, without pickle. Imports numpy alone."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from semseg_core.errors import InputError

SMALL = np.iinfo(np.int16)
"""Label values that fit travel as 16 bit."""

PART_VOXELS = 1 << 20
"""Voxels read at once where a volume is read part by part: a few milliseconds."""


@dataclass(frozen=True, eq=False)
class ShownSlice:
    """A labelled slice.

    Args:
        axis: Axis it is cut across: 0 (k), 1 (j) or 2 (i).
        index: Where along it; at the first voxel of the other two axes, for a slice at an angle.
        values: Label-map values, two-dimensional, the other two axes in order; 0 where unknown.
        confidence: Probability of each answer, 0…1, float16.
        rises: How much the index grows with each voxel along the other two axes; zeros for a straight slice.
    """

    axis: int
    index: float
    values: np.ndarray
    confidence: np.ndarray
    rises: tuple[float, float] = (0.0, 0.0)


def write_marks(path: str | Path, indices: np.ndarray, label_ids: np.ndarray) -> None:
    """Marks on the image's grid: voxels `(k, j, i)`, (N, 3), and the id of each one's label, (N,)."""
    _write(Path(path), {"indices": np.asarray(indices, dtype=np.int32), "label_ids": np.asarray(label_ids, dtype=np.int32)})


def read_marks(path: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """What `write_marks` wrote.

    Raises:
        InputError: If the file cannot be read or does not hold marks.
    """
    arrays = _read(Path(path), "scribbles", "indices", "label_ids")
    indices, label_ids = arrays["indices"], arrays["label_ids"]
    whole = all(np.issubdtype(array.dtype, np.integer) for array in (indices, label_ids))
    if not whole or indices.shape != (len(label_ids), 3) or label_ids.ndim != 1:
        raise InputError(f"scribbles {path}: expected whole numbers, indices (N, 3) and label_ids (N,); write them again")
    return indices, label_ids


def write_slices(path: str | Path, slices: Sequence[ShownSlice]) -> None:
    """Write labelled slices."""
    arrays = {"axes": np.array([shown.axis for shown in slices]), "indices": np.array([shown.index for shown in slices])}
    arrays["rises"] = np.array([shown.rises for shown in slices], dtype=np.float64).reshape(len(slices), 2)
    for number, shown in enumerate(slices):
        arrays[f"values_{number}"], arrays[f"confidence_{number}"] = _compact(shown.values, shown.confidence)
    _write(Path(path), arrays)


def read_slices(path: str | Path) -> tuple[ShownSlice, ...]:
    """What `write_slices` wrote.

    Raises:
        InputError: If the file cannot be read.
    """
    arrays = _read(Path(path), "slices", "axes", "indices", "rises")
    found = []
    for number, (axis, index, rises) in enumerate(zip(arrays["axes"], arrays["indices"], arrays["rises"], strict=True)):
        place = float(index) if rises.any() else int(index)
        answers = arrays[f"values_{number}"], arrays[f"confidence_{number}"]
        found.append(ShownSlice(int(axis), place, *answers, tuple(rises.tolist())))
    return tuple(found)


def write_volume(path: str | Path, values: np.ndarray, confidence: np.ndarray) -> None:
    """Write a labelled volume, both (D, H, W)."""
    _write(Path(path), dict(zip(("values", "confidence"), _compact(values, confidence), strict=True)))


def read_volume(path: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """Label values and probabilities (float16), both (D, H, W).

    Raises:
        InputError: If the file cannot be read.
    """
    arrays = _read(Path(path), "volume", "values", "confidence")
    return arrays["values"], arrays["confidence"]


def volume_parts(path: str | Path, voxels: int = PART_VOXELS) -> Iterator[tuple[int, np.ndarray]]:
    """The label values of a labelled volume, without the probabilities, a few slices at a time: where they begin, and they.

    Raises:
        InputError: If the file cannot be read.
    """
    # Read by hand what `np.savez` stores as it is: 512 x 512 x 300 voxels at once would hold up whoever shows them for 0.3 s.
    try:
        with zipfile.ZipFile(path) as file, file.open("values.npy") as stream:
            np.lib.format.read_magic(stream)
            shape, _is_fortran, dtype = np.lib.format.read_array_header_1_0(stream)
            depth, rows, columns = shape
            step = max(1, voxels // (rows * columns))
            for start in range(0, depth, step):
                count = min(step, depth - start)
                data = stream.read(count * rows * columns * dtype.itemsize)
                yield start, np.frombuffer(data, dtype=dtype).reshape(count, rows, columns)
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(f"volume {path}: cannot be read ({error}); ask for it again") from error


def _compact(values: np.ndarray, confidence: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    fits = not values.size or (values.max() <= SMALL.max and values.min() >= SMALL.min)
    return values.astype(np.int16 if fits else np.int32), confidence.astype(np.float16)


def _write(path: Path, arrays: dict[str, np.ndarray]) -> None:
    try:
        with path.open("wb") as stream:
            np.savez(stream, **arrays)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}); free some space or choose another folder") from error


def _read(path: Path, what: str, *needed: str) -> dict[str, np.ndarray]:
    try:
        # NumPy leaves a file open that it opened itself and could not read.
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise InputError(f"{what} {path}: cannot be read ({error}); write it again") from error
    missing = [name for name in needed if name not in arrays]
    if missing:
        raise InputError(f"{what} {path}: holds no '{missing[0]}'; write it again")
    return arrays
