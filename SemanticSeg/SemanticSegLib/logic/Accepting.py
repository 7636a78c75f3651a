"""Answers that become scribbles: which voxels of a result a user means."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import slicer
from slicer.i18n import tr as _

from SemanticSegLib.nodes.Regions import regionAt
from SemanticSegLib.nodes.ResultNodes import voxelAt, worldGrid
from semseg_core.data.answer_paths import AnswerPaths, Answers
from semseg_core.errors import InputError
from semseg_core.sparse.scribbles import SparseLabels


def chosenMarks(
    resultNode: slicer.vtkMRMLSegmentationNode,
    paths: AnswerPaths,
    answers: Answers,
    labelIds: Iterable[int],
    certain: np.ndarray | None = None,
    point: tuple[float, float, float] | None = None,
) -> SparseLabels:
    """Shown answers as marks in the world.

    Args:
        resultNode: The result.
        paths: What it keeps.
        answers: What it shows.
        labelIds: Labels to take, each by itself.
        certain: Where answers are certain enough, (D, H, W) bool; None for everywhere.
        point: Where given, only the connected region around it, RAS millimeters.

    Raises:
        InputError: If nothing is left.
    """
    table = np.zeros(max(label.id for label in paths.tree) + 1, dtype=bool)
    table[list(labelIds)] = True
    mask = table[answers.label_ids]
    if certain is not None:
        mask &= certain
    if point is not None:
        voxel = voxelAt(resultNode, paths, point)
        mask = regionAt(mask, voxel) if voxel else np.zeros_like(mask)
    if not mask.any():
        raise InputError(_("scribbles: no shown answer of these labels is that certain; lower the confidence"))
    indices = np.argwhere(mask)
    return SparseLabels(worldGrid(resultNode, paths), indices, answers.label_ids[tuple(indices.T)])
