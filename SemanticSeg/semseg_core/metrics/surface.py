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
    surfaces = [_surface(mask) for mask in (first, second)]
    if not surfaces[0].any() and not surfaces[1].any():
        return float("nan"), float("nan")
    if not surfaces[0].any() or not surfaces[1].any():
        return 0.0, float("nan")
    distances = np.concatenate([_distances(*surfaces, spacing_mm), _distances(*surfaces[::-1], spacing_mm)])
    total = sum(int(surface.sum()) for surface in surfaces)
    # Distances are sums of multiples of the spacing: a tolerance of 3 × 0.7 mm must admit three voxels of 0.7 mm.
    outside = int((distances > tolerance_mm * (1 + 1e-9)).sum())
    return 1.0 - outside / total, float(distances.sum() / total)


def _surface(mask: np.ndarray) -> np.ndarray:
    """Which voxels of a mask have a face neighbor outside it, bool of its shape."""
    inside = mask.copy()  # scipy's binary_erosion gives the same, several times slower
    for axis in range(mask.ndim):
        still, was = inside.swapaxes(0, axis), mask.swapaxes(0, axis)
        still[1:] &= was[:-1]
        still[:-1] &= was[1:]
        still[0] = still[-1] = False
    return mask & ~inside


def _distances(surface: np.ndarray, other: np.ndarray, spacing_mm: tuple[float, float, float]) -> np.ndarray:
    """Millimeters from each voxel of a surface that is not on the other to the nearest one that is, (N,)."""
    from scipy.spatial import cKDTree

    # Voxels lie on a grid, where splitting at the middle is as good as at the median, and much faster.
    targets = cKDTree(np.argwhere(other) * np.array(spacing_mm), balanced_tree=False)
    return targets.query(np.argwhere(surface & ~other) * np.array(spacing_mm))[0]


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
