"""What SimpleITK does not tell about a NIfTI file: whether its data are all there and finite, and its sform as written.

Its reader puts zeros where a truncated file ends, and in place of NaN and infinity, without a word.
"""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

import numpy as np

from semseg_core.errors import InputError

# Field offsets after nifti1.h and nifti2.h (https://nifti.nimh.nih.gov); only what is needed here.
HEADERS = {
    348: np.dtype(
        {
            "names": ["dim", "type", "bits", "data_offset", "sform_code", "sform", "magic"],
            "formats": [("<i2", 8), "<i2", "<i2", "<f4", "<i2", ("<f4", (3, 4)), "S4"],
            "offsets": [40, 70, 72, 108, 254, 280, 344],
            "itemsize": 348,
        }
    ),
    540: np.dtype(
        {
            "names": ["magic", "type", "bits", "dim", "data_offset", "sform_code", "sform"],
            "formats": ["S8", "<i2", "<i2", ("<i8", 8), "<i8", "<i4", ("<f8", (3, 4))],
            "offsets": [4, 12, 14, 16, 168, 348, 400],
            "itemsize": 540,
        }
    ),
}

FLOATS = {16: "f4", 64: "f8"}
"""Types that can be NaN, by their code in the header."""

CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, eq=False)
class NiftiHeader:
    """What is needed from a header.

    Args:
        data_start: First byte of the voxels in the uncompressed file.
        data_bytes: Size of all voxels together.
        floats: Their dtype, byte order included, where it is one of floating point; else None.
        sform: Affine from `(i, j, k, 1)` to RAS in millimetres, (4, 4) float64; None where the file gives none.
    """

    data_start: int
    data_bytes: int
    floats: np.dtype | None
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
                return _header(np.frombuffer(raw, layout, count=1)[0], order)
    return None


def require_sound_data(path: Path, header: NiftiHeader, what: str) -> None:
    """Refuse a file that ends before its last voxel, or holds voxels that are not finite.

    Raises:
        InputError: If it is truncated, its compressed data are damaged, or it holds NaN or infinity; the message counts them.
    """
    found = broken = 0
    damage = "the file is truncated"
    try:
        with _open(path) as stream:
            stream.read(header.data_start)
            while found < header.data_bytes and (chunk := stream.read(CHUNK_BYTES)):
                found += len(chunk)
                if header.floats is not None:
                    values = np.frombuffer(chunk, header.floats, count=len(chunk) // header.floats.itemsize)
                    broken += values.size - int(np.isfinite(values).sum())
            stream.read()  # a compressed file is checked at its end
    except EOFError:
        pass
    except (OSError, zlib.error):
        damage, found = "the compressed data are damaged", 0
    if found < header.data_bytes:
        raise InputError(f"{what} {path}: {damage}; copy or download it again")
    if broken:
        raise InputError(f"{what} {path}: {broken} voxels are NaN or infinite; replace them, for example by 0, before use")


def _header(record: np.void, order: str) -> NiftiHeader | None:
    count = int(record["dim"][0])
    if not record["magic"].startswith(b"n+") or not 1 <= count <= 7 or not 0 <= record["data_offset"] < 2**31:
        return None  # SimpleITK says what is wrong
    voxels = np.prod(record["dim"][1 : count + 1].astype(np.float64))
    kind = FLOATS.get(int(record["type"]))
    return NiftiHeader(
        data_start=int(record["data_offset"]),
        data_bytes=int(voxels * int(record["bits"]) / 8),
        floats=None if kind is None else np.dtype(kind).newbyteorder(order),
        sform=np.vstack([record["sform"].astype(np.float64), (0, 0, 0, 1)]) if record["sform_code"] > 0 else None,
    )


def _open(path: Path) -> gzip.GzipFile | BufferedReader:
    with path.open("rb") as stream:
        compressed = stream.read(2) == b"\x1f\x8b"
    return gzip.open(path) if compressed else path.open("rb")
