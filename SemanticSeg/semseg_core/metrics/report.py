"""How good a segmentation is: every metric, and the rules in words."""

from __future__ import annotations

import math

import numpy as np

from semseg_core.errors import InputError, ShapeError
from semseg_core.geometry import Grid
from semseg_core.labels.tree import LabelTree
from semseg_core.metrics.confusion import NOWHERE, ConfusionTable, confusion_table
from semseg_core.metrics.hierarchy import mistakes, tree_scores
from semseg_core.metrics.overlap import dice, means_by_depth, means_by_level, reported_labels, voxel_counts
from semseg_core.metrics.records import Confusion, LabelScore, Report, SurfaceReport
from semseg_core.metrics.surface import SurfaceScore, surface_scores

CONFUSIONS_KEPT = 20
"""How many of the most frequent mistakes a report lists."""

HOW_SCORED = (
    "Voxels of this case are pooled.",
    "Dice: a label's mask is the union of its subtree. An answer on an inner label counts fully for that label and those "
    "above it, and is a miss for the labels below. Labels absent from truth and prediction are left out of means.",
    "Levels carry shallower leaves down; depths do not.",
    "Tree distance: length of the path from the answer to the true label, 0 where correct. An unknown answer counts as the root.",
    "Mistakes contradict the truth; an answer above the true label, or unknown, is cautious and no mistake. Severity is the mean "
    "tree distance of mistakes.",
    "Hierarchical precision and recall compare sets of ancestors, the label itself included and the root not.",
    "Where the truth is an inner label, any answer below it counts as that label.",
)
OUTSIDE_SCORED = {
    True: "Voxels whose truth is unknown are left out.",
    False: "Voxels whose truth is unknown lie outside every label: answers there lower Dice and hierarchical precision only.",
}
SURFACE_SCORED = (
    "Surfaces are voxels with a face neighbor outside the mask, counted once each, in both directions. A label missing on one "
    "side alone has NSD 0 and no mean distance; missing on both it has neither."
)


def evaluate(
    truth_ids: np.ndarray,
    prediction_ids: np.ndarray,
    grid: Grid,
    tree: LabelTree,
    *,
    within_truth: bool = False,
    surface_tolerance_mm: float | None = None,
) -> Report:
    """Compare a segmentation with the truth.

    Args:
        truth_ids: Label ids, (D, H, W), 0 where unknown; inner labels are welcome.
        prediction_ids: Label ids, (D, H, W), 0 where unknown; inner labels are welcome.
        grid: Where both lie.
        tree: The tree the ids belong to.
        within_truth: Leave out voxels whose truth is unknown; otherwise these lie outside every label.
        surface_tolerance_mm: Also compare surfaces, which agree up to this distance.

    Raises:
        InputError: If no voxel has a true label, or the tolerance is negative or not finite.
        ShapeError: If an array does not have the grid's shape.
        LabelTreeError: If an id is not in the tree.
    """
    for what, ids in (("truth", truth_ids), ("prediction", prediction_ids)):
        if ids.shape != grid.shape:
            raise ShapeError(f"{what}: expected {grid.shape} voxels (k, j, i), got {ids.shape}")
    if surface_tolerance_mm is not None and not 0.0 <= surface_tolerance_mm < math.inf:
        raise InputError(f"surface tolerance {surface_tolerance_mm} mm: give a finite distance, 0 or more")
    table = confusion_table(truth_ids, prediction_ids, tree, within_truth=within_truth)
    truth_voxels = table.total(table.truth != NOWHERE)
    if not truth_voxels:
        raise InputError(f"truth: no voxel carries a label of the tree '{tree.title}'; is it the right label map and tree?")
    scores = dice(table)
    surface = None
    if surface_tolerance_mm is not None:
        found = surface_scores(truth_ids, prediction_ids, grid, tree, surface_tolerance_mm, within_truth=within_truth)
        surface = _surface_report(found, surface_tolerance_mm, tree)
    return Report(
        tree_title=tree.title,
        how_scored=(*HOW_SCORED, OUTSIDE_SCORED[within_truth], *([SURFACE_SCORED] if surface else [])),
        within_truth=within_truth,
        truth_voxels=truth_voxels,
        outside_voxels=table.total(table.truth == NOWHERE),
        dice=means_by_level(scores, tree),
        dice_by_depth=means_by_depth(scores, tree),
        tree=tree_scores(table),
        labels=_label_scores(table, scores),
        confusions=_confusions(table),
        surface=surface,
    )


def _label_scores(table: ConfusionTable, scores: np.ndarray) -> tuple[LabelScore, ...]:
    tree = table.tree
    truth, answered, _ = voxel_counts(table)
    paths = list(tree.by_path)  # in depth-first order
    found = []
    for label in reported_labels(tree):
        at = tree.position(label.id)
        voxels = int(truth[at]), int(answered[at])
        found.append(LabelScore(label.id, paths[at], tree.depths[at], tree.is_leaf(label.id), *voxels, float(scores[at])))
    return tuple(found)


def _confusions(table: ConfusionTable) -> tuple[Confusion, ...]:
    """The most frequent mistakes; equally frequent ones in depth-first order."""
    tree = table.tree
    pairs = np.flatnonzero(mistakes(table))
    pairs = pairs[np.argsort(-table.counts[pairs], kind="stable")][:CONFUSIONS_KEPT]
    path = list(tree.by_path)  # in depth-first order
    return tuple(Confusion(path[table.truth[pair]], path[table.answer[pair]], int(table.counts[pair])) for pair in pairs)


def _surface_report(found: tuple[SurfaceScore, ...], tolerance_mm: float, tree: LabelTree) -> SurfaceReport:
    columns = np.full((2, len(tree)), np.nan)
    for score in found:
        columns[:, tree.position(score.label_id)] = score.normalized_dice, score.mean_distance_mm
    return SurfaceReport(tolerance_mm, means_by_level(columns[0], tree), means_by_level(columns[1], tree), found)
