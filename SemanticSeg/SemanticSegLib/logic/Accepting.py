"""Answers that become scribbles: which voxels of a result a user means."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import slicer
from slicer.i18n import tr as _

from SemanticSegLib.nodes.Regions import bounds, regionAt
from SemanticSegLib.nodes.ResultNodes import voxelAt
from SemanticSegLib.nodes.ScribbleBoxes import Box
from semseg_core.data.answer_paths import AnswerPaths, Answers
from semseg_core.errors import InputError

SLICES = 8
"""Looked at together: what is computed on the way stays in the processor's cache."""


def chosenBox(
    resultNode: slicer.vtkMRMLSegmentationNode,
    paths: AnswerPaths,
    answers: Answers,
    labelIds: Iterable[int],
    isCertain: Callable[[slice], np.ndarray] | None = None,
    point: tuple[float, float, float] | None = None,
) -> Box:
    """Shown answers that are to become scribbles, as the smallest box around them.

    Args:
        resultNode: The result.
        paths: What it keeps.
        answers: What it shows.
        labelIds: Labels to take, each by itself.
        isCertain: Gives for slices along `k` where answers are certain enough, (d, H, W) bool; None for everywhere.
        point: Where given, only the connected region around it, RAS millimeters.

    Raises:
        InputError: If nothing is left.
    """
    table = np.zeros(max(label.id for label in paths.tree) + 1, dtype=bool)
    table[list(labelIds)] = True
    mask = np.empty(answers.label_ids.shape, dtype=bool)
    for start in range(0, len(mask), SLICES):
        part = slice(start, start + SLICES)
        mask[part] = table[answers.label_ids[part]]
        if isCertain is not None and mask[part].any():
            mask[part] &= isCertain(part)
    where = bounds(mask)
    if where is not None and point is not None:
        where = _region(mask, where, voxelAt(resultNode, paths, point))
    if where is None:
        raise InputError(_("scribbles: no shown answer of these labels is that certain; lower the confidence"))
    k, j, i = (part.start for part in where)
    return Box((k, j, i), answers.label_ids[where] * mask[where])


def _region(mask: np.ndarray, where: tuple[slice, ...], voxel: tuple[int, ...]) -> tuple[slice, slice, slice] | None:
    """Reduce a mask, within the box of its voxels, to the connected region around one of them; gives the box of that."""
    if not voxel or not mask[voxel]:
        return None
    inner = tuple(place - part.start for place, part in zip(voxel, where, strict=True))
    mask[where] = regionAt(mask[where], inner)
    k, j, i = (part.start for part in where)
    found = bounds(mask[where])
    return tuple(slice(part.start + first, part.stop + first) for part, first in zip(found, (k, j, i), strict=True))
