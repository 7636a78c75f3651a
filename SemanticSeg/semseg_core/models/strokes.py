"""Strokes that a model was taught by, kept beside it: on the image they were drawn on they hold, and grow.

They lie in a file of their own in the model directory, `strokes.safetensors`, by a checksum of their image's voxels; of the image
itself nothing is kept. A model that is exported leaves them behind.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from semseg_core.data.volume import Volume
from semseg_core.errors import InputError, ModelError
from semseg_core.files import require_file
from semseg_core.labels.tree import LabelTree
from semseg_core.sparse.scribbles import SparseLabels

STROKES = "strokes.safetensors"


@dataclass(frozen=True, eq=False)
class Strokes:
    """Marks on one image.

    Args:
        checksum: Of the image, by `image_checksum`.
        indices: Voxels `(k, j, i)`, (N, 3) int32.
        label_ids: (N,) int32.
    """

    checksum: str
    indices: np.ndarray
    label_ids: np.ndarray


def image_checksum(volume: Volume) -> str:
    """SHA-256 of an image's intensities and measures, as stored; the place of the patient does not count."""
    shape = ",".join(str(size) for size in volume.array.shape)
    return hashlib.sha256(shape.encode() + np.ascontiguousarray(volume.array).tobytes()).hexdigest()


def strokes_on(strokes: Sequence[Strokes], volume: Volume) -> SparseLabels | None:
    """The strokes on an image; None if it is none of those that were scribbled on."""
    if not strokes:
        return None
    checksum = image_checksum(volume)
    for each in strokes:
        if each.checksum == checksum:
            return SparseLabels(volume.grid, each.indices, each.label_ids)
    return None


def to_bytes(strokes: Sequence[Strokes]) -> bytes:
    """The contents of `strokes.safetensors`."""
    from safetensors.numpy import save

    tensors = {f"{each.checksum}.{name}": getattr(each, name) for each in strokes for name in ("indices", "label_ids")}
    return save({name: np.ascontiguousarray(tensor, dtype=np.int32) for name, tensor in tensors.items()})


def read_strokes(folder: Path, tree: LabelTree) -> tuple[Strokes, ...]:
    """The strokes beside a model; none if there is no such file.

    Raises:
        ModelError: If the file is damaged, or does not belong to the tree.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    path = folder / STROKES
    if not path.exists():
        return ()
    try:
        tensors = load(require_file(path, "strokes").read_bytes())
        found = tuple(
            Strokes(checksum, tensors[f"{checksum}.indices"], tensors[f"{checksum}.label_ids"])
            for checksum in sorted({name.partition(".")[0] for name in tensors})
        )
        for each in found:
            _require_sound(each, tree)
    except (SafetensorError, InputError, KeyError, ValueError) as error:
        raise ModelError(f"strokes {path}: do not belong to this model ({error}); delete the file or train again") from error
    return found


def _require_sound(strokes: Strokes, tree: LabelTree) -> None:
    """Raises ValueError if arrays do not belong together, or a label is none of the tree."""
    count = len(strokes.label_ids)
    if strokes.indices.shape != (count, 3) or strokes.label_ids.shape != (count,):
        raise ValueError(f"{strokes.indices.shape} indices for {strokes.label_ids.shape} labels")
    foreign = set(strokes.label_ids.tolist()) - {label.id for label in tree}
    if foreign:
        raise ValueError(f"label {min(foreign)} is not in the tree")
