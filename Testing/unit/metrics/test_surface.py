"""Surface metrics against brute force, MONAI and shapes whose distances are plain."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semseg_core.geometry import Grid
from semseg_core.labels.tree import Label, LabelTree
from semseg_core.metrics.surface import surface_agreement, surface_scores

SPACING = (3.0, 2.0, 1.0)

masks = st.integers(0, 2**31).map(lambda seed: np.random.default_rng(seed).random((2, 4, 5, 6)) < 0.3)
"""Two random masks on 4 × 5 × 6 voxels."""


def surface_by_hand(mask: np.ndarray) -> list[tuple[int, int, int]]:
    """Voxels of a mask with a face neighbor outside it, found one by one."""
    found = []
    for voxel in np.argwhere(mask).tolist():
        for axis in range(3):
            for step in (-1, 1):
                neighbor = list(voxel)
                neighbor[axis] += step
                inside = 0 <= neighbor[axis] < mask.shape[axis]
                if (not inside or not mask[tuple(neighbor)]) and tuple(voxel) not in found:
                    found.append(tuple(voxel))
    return found


def distances_by_hand(first: np.ndarray, second: np.ndarray) -> list[float]:
    """Distance of each surface voxel to the nearest one of the other mask, both ways, every pair measured."""
    ends = surface_by_hand(first), surface_by_hand(second)
    scaled = [[tuple(index * size for index, size in zip(voxel, SPACING, strict=True)) for voxel in end] for end in ends]
    return [min(math.dist(a, b) for b in others) for some, others in (scaled, scaled[::-1]) for a in some]


@given(masks, st.sampled_from((0.0, 1.0, 2.5)))
@settings(max_examples=25, deadline=None)
def test_agreement_equals_brute_force_with_anisotropic_spacing(pair: np.ndarray, tolerance: float) -> None:
    distances = distances_by_hand(*pair)
    shares = [distance <= tolerance for distance in distances]
    assert surface_agreement(*pair, SPACING, tolerance) == pytest.approx((sum(shares) / len(shares), np.mean(distances)))


# MONAI 1.6 warns of an argument that only MONAI itself passes.
@pytest.mark.filterwarnings("ignore:.*always_return_as_numpy:FutureWarning")
@given(masks)
@settings(max_examples=10, deadline=None)
def test_agreement_equals_monai(pair: np.ndarray) -> None:
    torch = pytest.importorskip("torch")
    metrics = pytest.importorskip("monai.metrics")
    first, second = (torch.from_numpy(mask)[None, None].float() for mask in pair)
    nsd = metrics.compute_surface_dice(first, second, class_thresholds=[2.0], include_background=True, spacing=SPACING)
    mean = metrics.compute_average_surface_distance(first, second, include_background=True, symmetric=True, spacing=SPACING)
    assert surface_agreement(*pair, SPACING, 2.0) == pytest.approx((nsd.item(), mean.item()), rel=1e-5)


def test_a_shifted_plate_is_as_far_away_as_the_shift() -> None:
    plate, shifted = np.zeros((2, 8, 9, 10), dtype=bool)
    plate[2], shifted[4] = True, True
    assert surface_agreement(plate, shifted, SPACING, 5.9) == (0.0, 6.0)
    assert surface_agreement(plate, shifted, SPACING, 6.0) == (1.0, 6.0)


def test_a_tolerance_that_is_a_multiple_of_the_spacing_admits_it() -> None:
    first, second = np.zeros((2, 1, 1, 5), dtype=bool)
    first[0, 0, 0], second[0, 0, 3] = True, True
    assert surface_agreement(first, second, (1.0, 1.0, 0.7), 2.1)[0] == 1.0


def test_missing_on_one_side_scores_zero_without_a_distance_and_on_both_nothing() -> None:
    full, empty = np.ones((2, 2, 2), dtype=bool), np.zeros((2, 2, 2), dtype=bool)
    for one, other in ((full, empty), (empty, full)):
        nsd, mean = surface_agreement(one, other, SPACING, 1.0)
        assert nsd == 0.0
        assert math.isnan(mean)
    assert all(math.isnan(value) for value in surface_agreement(empty, empty, SPACING, 1.0))


def test_every_label_is_scored_on_the_union_of_its_subtree(brain_tree: LabelTree, oblique_grid: Grid) -> None:
    random = np.random.default_rng(5)
    truth, answer = random.choice([0, 2, 3, 4, 5], size=(2, *oblique_grid.shape))
    found = {score.label_id: score for score in surface_scores(truth, answer, oblique_grid, brain_tree, 1.5)}
    assert list(found) == [2, 3, 4, 5, 6]
    # An answer below an inner truth is read as the truth.
    answer = np.where((truth == 2) & np.isin(answer, (3, 4)), 2, answer)
    for label_id, members in {2: (2, 3, 4), 3: (3,), 4: (4,), 5: (5,)}.items():
        expected = surface_agreement(np.isin(truth, members), np.isin(answer, members), oblique_grid.spacing_mm, 1.5)
        assert (found[label_id].normalized_dice, found[label_id].mean_distance_mm) == pytest.approx(expected)
    assert math.isnan(found[6].normalized_dice)


def test_answers_where_the_truth_is_unknown_can_be_left_out(brain_tree: LabelTree) -> None:
    grid = Grid((1, 1, 4), np.eye(4))
    truth, answer = np.array([[[5, 5, 0, 0]]]), np.array([[[5, 5, 5, 5]]])
    scores = [
        {s.label_id: s.mean_distance_mm for s in surface_scores(truth, answer, grid, brain_tree, 0.5, within_truth=inside)}[5]
        for inside in (True, False)
    ]
    assert scores == [0.0, pytest.approx((0 + 0 + 1 + 2) / 6)]


def test_the_root_is_scored_where_it_is_the_only_label() -> None:
    ids = np.ones((2, 2, 2), dtype=np.int32)
    (score,) = surface_scores(ids, ids, Grid((2, 2, 2), np.eye(4)), LabelTree((Label(1, "organ", 1),)), 0.0)
    assert (score.label_id, score.normalized_dice, score.mean_distance_mm) == (1, 1.0, 0.0)
