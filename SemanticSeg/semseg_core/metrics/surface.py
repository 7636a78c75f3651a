"""Surface agreement in millimetres, for every label of a tree.

A surface is the set of a mask's voxels with a face neighbor outside it, the border of the image counting as outside. Distances
run between voxel centers with the grid's spacing, anisotropic or not, from each surface to the nearest point of the other;
both directions count, each surface voxel once. Nearest points are found in a tree of points, so that the cost follows the
surfaces and not the volume around them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from semseg_core.geometry import Grid
from semseg_core.labels.tree import LabelTree
from semseg_core.metrics.confusion import NOWHERE, judged, positions_of
from semseg_core.metrics.overlap import reported_labels

Box = tuple[slice, slice, slice]


@dataclass(frozen=True)
class SurfaceScore:
    """Surface agreement of one label.

    Args:
        label_id: The label.
        normalized_dice: Share of both surfaces lying within the tolerance of each other (NSD), 0…1; 0 where the label is
            missing in truth or answers alone, NaN where in both.
        mean_distance_mm: Mean distance between the surfaces; NaN where the label is missing in truth or answers.
    """

    label_id: int
    normalized_dice: float
    mean_distance_mm: float


def surface_scores(
    truth_ids: np.ndarray, answer_ids: np.ndarray, grid: Grid, tree: LabelTree, tolerance_mm: float, *, within_truth: bool = False
) -> tuple[SurfaceScore, ...]:
    """Surface agreement of every label below the root, in depth-first order; of the root where it is the only label.

    Args:
        truth_ids: Label ids, (D, H, W), 0 where unknown.
        answer_ids: Label ids of the same shape, 0 where unknown.
        grid: Gives the spacing.
        tree: The tree the ids belong to. An inner label's mask is the union of its subtree.
        tolerance_mm: Distance up to which surfaces count as agreeing.
        within_truth: Leave out answers where the truth is unknown.

    Raises:
        LabelTreeError: If an id is not in the tree.
    """
    truth = positions_of(truth_ids, tree, "truth")
    answer = judged(truth, positions_of(answer_ids, tree, "prediction"), tree).astype(np.int32)
    if within_truth:
        answer[truth == NOWHERE] = NOWHERE
    boxes = [_subtree_boxes(positions, tree) for positions in (truth, answer)]
    scores = []
    for label in reported_labels(tree):
        position = tree.position(label.id)
        box = _union(boxes[0][position], boxes[1][position])
        if box is None:
            scores.append(SurfaceScore(label.id, float("nan"), float("nan")))
            continue
        stop = tree.subtree_stops[position]
        masks = [(positions[box] >= position) & (positions[box] < stop) for positions in (truth, answer)]
        scores.append(SurfaceScore(label.id, *surface_agreement(*masks, grid.spacing_mm, tolerance_mm)))
    return tuple(scores)


def surface_agreement(
    first: np.ndarray, second: np.ndarray, spacing_mm: tuple[float, float, float], tolerance_mm: float
) -> tuple[float, float]:
    """Normalized surface Dice and mean surface distance in millimetres of two masks, (D, H, W) bool.

    Source:
        NSD: Nikolov et al. 2021, with voxel counts as surface measure; both as in MONAI (no subvoxels, symmetric).
    """
    from scipy.spatial import cKDTree

    points = [_surface_points(mask, spacing_mm) for mask in (first, second)]
    if not len(points[0]) and not len(points[1]):
        return float("nan"), float("nan")
    if not len(points[0]) or not len(points[1]):
        return 0.0, float("nan")
    trees = [cKDTree(some) for some in points]
    distances = np.concatenate([trees[1].query(points[0])[0], trees[0].query(points[1])[0]])
    # Distances are sums of multiples of the spacing: a tolerance of 3 × 0.7 mm must admit three voxels of 0.7 mm.
    return float((distances <= tolerance_mm * (1 + 1e-9)).mean()), float(distances.mean())


def _surface_points(mask: np.ndarray, spacing_mm: tuple[float, float, float]) -> np.ndarray:
    """Centers of the voxels with a face neighbor outside the mask, (N, 3) millimetres along `(k, j, i)`."""
    from scipy.ndimage import binary_erosion

    return np.argwhere(mask & ~binary_erosion(mask)) * np.array(spacing_mm)


def _subtree_boxes(positions: np.ndarray, tree: LabelTree) -> list[Box | None]:
    """Smallest box around the voxels of every label's subtree, None where there are none."""
    from scipy.ndimage import find_objects

    boxes: list[Box | None] = list(find_objects(positions + 1, max_label=len(tree)))
    for position in range(len(tree) - 1, 0, -1):
        parent = tree.parent_positions[position]
        boxes[parent] = _union(boxes[parent], boxes[position])
    return boxes


def _union(first: Box | None, second: Box | None) -> Box | None:
    """Smallest box around both."""
    if first is None or second is None:
        return first or second
    return tuple(slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(first, second, strict=True))
