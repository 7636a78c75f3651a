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
from semseg_core.geometry import Grid
from semseg_core.labels.tree import LabelTree
from semseg_core.models.contents import STROKES
from semseg_core.sparse.scribbles import SparseLabels


@dataclass(frozen=True, eq=False)
class Strokes:
    """Marks on one image, with its axes along S, A, R whatever way it was stored.

    Args:
        checksum: SHA-256 of the image's intensities and size; where it lies does not count.
        indices: Voxels, (N, 3) int32.
        label_ids: (N,) int32.
    """

    checksum: str
    indices: np.ndarray
    label_ids: np.ndarray

    @classmethod
    def of(cls, volume: Volume, marks: SparseLabels) -> Strokes:
        """The marks on an image."""
        axes, turned = _towards_sar(volume.grid)
        indices = np.where(turned, np.array(volume.grid.shape) - 1 - marks.indices, marks.indices)[:, axes]
        return cls(_checksum(volume), indices, marks.label_ids)

    def on(self, volume: Volume) -> SparseLabels:
        """The marks on the image, which may be stored another way."""
        axes, turned = _towards_sar(volume.grid)
        indices = self.indices[:, np.argsort(axes)]
        return SparseLabels(volume.grid, np.where(turned, np.array(volume.grid.shape) - 1 - indices, indices), self.label_ids)


def strokes_on(strokes: Sequence[Strokes], volume: Volume) -> SparseLabels | None:
    """All strokes on an image, of several on one voxel the last; None if it is none of those that were scribbled on."""
    checksum = _checksum(volume) if strokes else ""
    found = [each.on(volume) for each in strokes if each.checksum == checksum]
    if not found:
        return None
    indices, label_ids = (np.concatenate([getattr(each, name) for each in found[::-1]]) for name in ("indices", "label_ids"))
    first = np.unique(np.ravel_multi_index(indices.T, volume.grid.shape), return_index=True)[1]
    return SparseLabels(volume.grid, indices[first], label_ids[first])


def _checksum(volume: Volume) -> str:
    axes, turned = _towards_sar(volume.grid)
    array = np.flip(volume.array, [axis + 1 for axis in range(3) if turned[axis]]).transpose(0, *(axis + 1 for axis in axes))
    size = ",".join(str(length) for length in array.shape)
    return hashlib.sha256(size.encode() + np.ascontiguousarray(array).tobytes()).hexdigest()


def _towards_sar(grid: Grid) -> tuple[list[int], list[bool]]:
    """Array axes in the order S, A, R, and of each array axis whether it runs to the other side."""
    letters = grid.orientation[::-1]  # of (k, j, i)
    axes = [next(axis for axis, letter in enumerate(letters) if letter in pair) for pair in ("SI", "AP", "RL")]
    return axes, [letter in "IPL" for letter in letters]


def to_bytes(strokes: Sequence[Strokes]) -> bytes:
    """The contents of `strokes.safetensors`."""
    from safetensors.numpy import save

    tensors = {
        f"{number:06}.{each.checksum}.{name}": np.ascontiguousarray(getattr(each, name), dtype=np.int32)
        for number, each in enumerate(strokes)
        for name in ("indices", "label_ids")
    }
    return save(tensors)


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
            Strokes(key.partition(".")[2], tensors[f"{key}.indices"], tensors[f"{key}.label_ids"])
            for key in sorted({name.rpartition(".")[0] for name in tensors})
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
