"""Distance fields of masks, several at a time, and a cache of those that do not change."""

from __future__ import annotations

import hashlib
import importlib.util
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

CACHE_BYTES = 1 << 30
"""Memory the fields of past targets may take; the oldest go first."""


def squared_boundary_distances(mask: np.ndarray, spacing: Sequence[float]) -> np.ndarray:
    """Squared distance of every voxel to the nearest one on the other side of the mask's boundary.

    Args:
        mask: Bool, of 1 to 3 axes.
        spacing: Size of a voxel along each axis; 1 for distances in voxels, else in mm.

    Returns:
        float32 of the mask's shape; all 0 if the mask is empty or full, which have no boundary.

    Source:
        The sum of both one-sided Euclidean distance transforms, squared, as in `HausdorffDTLoss` of MONAI 1.6.1: one of the two
        is always 0. The package `edt` (LGPL, optional) gives both in one pass, several times faster than SciPy.
    """
    if not mask.any() or mask.all():
        return np.zeros(mask.shape, dtype=np.float32)
    if importlib.util.find_spec("edt") is not None:
        import edt

        sizes = tuple(spacing) if mask.ndim > 1 else spacing[0]
        return edt.edtsq(mask.view(np.uint8) + np.uint8(1), anisotropy=sizes, black_border=False, parallel=1)
    from scipy.ndimage import distance_transform_edt

    field = distance_transform_edt(mask, sampling=spacing)
    field += distance_transform_edt(~mask, sampling=spacing)
    return np.square(field, dtype=np.float32, casting="same_kind")


def boundary_fields(masks: Sequence[np.ndarray], spacing: Sequence[float], exponent: float, threads: int) -> list[np.ndarray]:
    """Boundary distances to a power, one field per mask; the masks are worked on in parallel."""
    if threads > 1 and len(masks) > 1:
        with ThreadPoolExecutor(min(threads, len(masks))) as pool:
            fields = list(pool.map(lambda mask: squared_boundary_distances(mask, spacing), masks))
    else:
        fields = [squared_boundary_distances(mask, spacing) for mask in masks]
    return fields if exponent == 2.0 else [field ** np.float32(exponent / 2.0) for field in fields]


class FieldCache:
    """Fields of label maps seen before, found by content, so that a patch drawn again is known again."""

    def __init__(self) -> None:
        self._fields: OrderedDict[bytes, np.ndarray] = OrderedDict()
        self._bytes = 0

    def get(self, labels: np.ndarray, make: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """The field of a label map; made if it is not kept."""
        digest = hashlib.blake2b(np.ascontiguousarray(labels), digest_size=16, person=str(labels.shape).encode()[:16]).digest()
        if digest in self._fields:
            self._fields.move_to_end(digest)
            return self._fields[digest]
        field = make(labels)
        if field.nbytes <= CACHE_BYTES:
            self._fields[digest] = field
            self._bytes += field.nbytes
        while self._bytes > CACHE_BYTES:
            _, oldest = self._fields.popitem(last=False)
            self._bytes -= oldest.nbytes
        return field
