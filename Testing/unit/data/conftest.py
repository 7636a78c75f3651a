"""Files for the tests of reading, written byte by byte so that no image library stands between header and expectation."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

NIFTI_TYPES = {"u1": 2, "i2": 4, "f4": 16, "f8": 64}


def nifti_bytes(array: np.ndarray, affine: np.ndarray, order: str = "<", codes: tuple[int, int] = (1, 0)) -> bytes:
    """A NIfTI-1 file of an array (…, k, j, i): `codes` are those of sform and qform.

    The sform is `affine`. The qform has the spacings 1, 2 and 3 mm, a turn by 30° about S, and the origin (-11, 7.5, 40).
    """
    header = bytearray(352)
    kind = array.dtype.newbyteorder("=").str[1:]
    struct.pack_into(order + "i", header, 0, 348)
    sizes = array.shape[::-1]
    struct.pack_into(order + "8h", header, 40, len(sizes), *sizes, *[1] * (7 - len(sizes)))
    struct.pack_into(order + "2h", header, 70, NIFTI_TYPES[kind], array.dtype.itemsize * 8)
    struct.pack_into(order + "8f", header, 76, 1, 1, 2, 3, 1, 1, 1, 1)
    struct.pack_into(order + "f", header, 108, 352)
    struct.pack_into(order + "2h", header, 252, codes[1], codes[0])
    struct.pack_into(order + "6f", header, 256, 0, 0, np.sin(np.deg2rad(15)), -11, 7.5, 40)
    struct.pack_into(order + "12f", header, 280, *affine[:3].ravel())
    header[344:348] = b"n+1\0"
    return bytes(header) + array.astype(order + kind).tobytes()


@pytest.fixture
def save_nifti(tmp_path: Path) -> Callable[..., Path]:
    """Writes a NIfTI file into the test's folder and gives its path."""

    def save(name: str, array: np.ndarray, affine: np.ndarray | None = None, **options: object) -> Path:
        data = nifti_bytes(array, np.diag((1.0, 2.0, 3.0, 1.0)) if affine is None else affine, **options)
        path = tmp_path / name
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return path

    return save


@pytest.fixture
def ramp() -> np.ndarray:
    """4 × 5 × 6 voxels, all different."""
    return np.arange(120, dtype=np.float32).reshape(4, 5, 6)
