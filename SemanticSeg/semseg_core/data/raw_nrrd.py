"""Uncompressed NRRD, part by part: a program whose window must not freeze writes a part, looks after its user, goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np

from semseg_core.errors import InputError
from semseg_core.geometry import Grid

PART_BYTES = 1 << 24
"""Written at once: 16 MB, a few milliseconds where the system buffers, 0.2 s on a slow disk."""

TYPES = {
    "i1": "signed char",
    "u1": "unsigned char",
    "i2": "short",
    "u2": "unsigned short",
    "i4": "int",
    "u4": "unsigned int",
    "i8": "long long",
    "u8": "unsigned long long",
    "f4": "float",
    "f8": "double",
}
"""NRRD's words for numpy's number types."""


def write_parts(
    path: str | Path,
    part: Callable[[int, int], np.ndarray],
    grid: Grid,
    dtype: np.dtype,
    frames: int = 1,
    metadata: Mapping[str, str] | None = None,
) -> Iterator[None]:
    """Write a file; nothing happens before the first step of the iterator, and each step writes one part.

    Args:
        path: Where to; ends in `.nrrd`. An earlier file is overwritten.
        part: Gives the slices `[start, stop)` along k, (slices, H, W), or (slices, H, W, frames) where there are several frames.
        grid: Where the voxels lie.
        dtype: Of every part.
        frames: Components or overlapping label maps of each voxel.
        metadata: Free keys and values for the header.

    Raises:
        InputError: If the disk is full or the folder cannot be written, or NRRD knows no such numbers.
    """
    dtype = np.dtype(dtype)
    header = _header(grid, dtype, frames, metadata or {}).encode()
    slice_bytes = dtype.itemsize * frames * grid.shape[1] * grid.shape[2]
    step = max(1, PART_BYTES // slice_bytes)
    try:
        with Path(path).open("wb") as stream:
            stream.write(header)
            for start in range(0, grid.shape[0], step):
                stream.write(np.ascontiguousarray(part(start, min(start + step, grid.shape[0])), dtype=dtype).data)
                yield
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}); free some disk space") from error


def _header(grid: Grid, dtype: np.dtype, frames: int, metadata: Mapping[str, str]) -> str:
    kind = f"{dtype.kind}{dtype.itemsize}"
    if kind not in TYPES:
        raise InputError(f"image: holds numbers of type {dtype}, which NRRD does not know; convert it to whole or real numbers")
    several = frames > 1
    sizes = [str(size) for size in ((frames,) if several else ()) + grid.shape[::-1]]
    axes = [_vector(axis) for axis in grid.ijk_to_ras[:3, :3].T]
    lines = [
        "NRRD0005",
        f"type: {TYPES[kind]}",
        f"dimension: {len(sizes)}",
        "space: right-anterior-superior",
        f"sizes: {' '.join(sizes)}",
        f"space directions: {' '.join([*(['none'] if several else []), *axes])}",
        f"kinds: {' '.join([*(['list'] if several else []), *['domain'] * 3])}",
        f"endian: {'big' if dtype.newbyteorder('=').str[0] == '>' else 'little'}",
        "encoding: raw",
        f"space origin: {_vector(grid.ijk_to_ras[:3, 3])}",
        *(f"{key}:={_escaped(text)}" for key, text in metadata.items()),
    ]
    return "\n".join(lines) + "\n\n"


def _vector(numbers: np.ndarray) -> str:
    return f"({','.join(f'{number:.17g}' for number in numbers.tolist())})"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")
