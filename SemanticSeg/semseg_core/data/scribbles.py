"""Scribbles from files, placed on the image's grid."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from semseg_core.data.segmentation import read_segmentation
from semseg_core.errors import InputError
from semseg_core.geometry import Grid
from semseg_core.labels.tree import LabelTree
from semseg_core.sparse.placing import place
from semseg_core.sparse.scribbles import SparseLabels


def read_scribbles(
    path: str | Path, tree: LabelTree, unknown_values: Iterable[int] = (), grid: Grid | None = None
) -> tuple[SparseLabels, tuple[str, ...]]:
    """Read scribbles from a label map or a `.seg.nrrd`.

    Args:
        path: The file.
        tree: Says what values and segments mean.
        unknown_values: Values that mean unknown, besides those the tree lists.
        grid: The image's grid; the marks stay on the file's own where it is None.

    Returns:
        The marks, and notes on what was assumed, resolved or left out.

    Raises:
        InputError: If the file cannot be read, holds values or segments of no label, or no mark on the image at all.
        ShapeError: If its voxels are not those of the image.
    """
    read = read_segmentation(path, tree, unknown_values, "scribbles")
    marks = SparseLabels.from_label_map(read.values, read.grid, tree, what=f"scribbles {path}")
    notes = list(read.notes)
    if not len(marks):
        raise InputError(f"scribbles {path}: no voxel is marked; draw on at least two labels")
    if grid is not None:
        drawn = len(marks)
        marks, outside = place(marks, grid, f"scribbles {path}")
        if outside == drawn:
            raise InputError(f"scribbles {path}: all {drawn} marked voxels lie outside the image; do they belong to another one?")
        if outside:
            notes.append(f"scribbles {path}: {outside} of {drawn} marked voxels lie outside the image and were left out")
    return marks, tuple(notes)
