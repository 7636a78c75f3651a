"""What SimpleITK does not tell about a NIfTI file: whether its data are all there, and its sform as written.

Its reader fills the missing part of a truncated file with zeros, without a word.
"""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from semseg_core.errors import InputError

# Field offsets after nifti1.h and nifti2.h (https://nifti.nimh.nih.gov); only what is needed here.
HEADERS = {
    348: np.dtype(
        {
            "names": ["dim", "bits", "data_offset", "sform_code", "sform", "magic"],
            "formats": [("<i2", 8), "<i2", "<f4", "<i2", ("<f4", (3, 4)), "S4"],
            "offsets": [40, 72, 108, 254, 280, 344],
            "itemsize": 348,
        }
    ),
    540: np.dtype(
        {
            "names": ["magic", "bits", "dim", "data_offset", "sform_code", "sform"],
            "formats": ["S8", "<i2", ("<i8", 8), "<i8", "<i4", ("<f8", (3, 4))],
            "offsets": [4, 14, 16, 168, 348, 400],
            "itemsize": 540,
        }
    ),
}

CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, eq=False)
class NiftiHeader:
    """The two facts needed from a header.

    Args:
        file_bytes: Size of the uncompressed file up to the last voxel.
        sform: Affine from `(i, j, k, 1)` to RAS in millimetres, (4, 4) float64; None where the file gives none.
    """

    file_bytes: int
    sform: np.ndarray | None


def read_header(path: Path) -> NiftiHeader | None:
    """The header of a single-file NIfTI, 1 or 2, of either byte order; None if the file is something else."""
    try:
        with _open(path) as stream:
            raw = stream.read(540)
    except (OSError, EOFError, zlib.error):
        return None
    for size, fields in HEADERS.items():
        for order in ("little", "big"):
            if len(raw) >= size and int.from_bytes(raw[:4], order) == size:
                layout = fields if order == "little" else fields.newbyteorder()
                return _header(np.frombuffer(raw, layout, count=1)[0])
    return None


def require_complete(path: Path, header: NiftiHeader, what: str) -> None:
    """Refuse a file that ends before its last voxel.

    Raises:
        InputError: If it is truncated, or its compressed data are damaged.
    """
    found = 0
    damage = "the file is truncated"
    try:
        with _open(path) as stream:
            while chunk := stream.read(CHUNK_BYTES):
                found += len(chunk)
    except EOFError:
        pass
    except (OSError, zlib.error):
        damage, found = "the compressed data are damaged", 0
    if found < header.file_bytes:
        raise InputError(f"{what} {path}: {damage}; copy or download it again")


def _header(record: np.void) -> NiftiHeader | None:
    count = int(record["dim"][0])
    if not record["magic"].startswith(b"n+") or not 1 <= count <= 7:
        return None
    voxels = np.prod(record["dim"][1 : count + 1].astype(np.float64))
    sform = np.vstack([record["sform"].astype(np.float64), (0, 0, 0, 1)]) if record["sform_code"] > 0 else None
    return NiftiHeader(int(record["data_offset"]) + int(voxels * int(record["bits"]) / 8), sform)


def _open(path: Path) -> gzip.GzipFile | object:
    with path.open("rb") as stream:
        compressed = stream.read(2) == b"\x1f\x8b"
    return gzip.open(path) if compressed else path.open("rb")
