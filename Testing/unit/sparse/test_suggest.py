"""Volumes of 16 voxels along their longest side: a block is a voxel, and a stroke reaches 1 mm."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from semseg_core.errors import InputError, ShapeError
from semseg_core.geometry import Grid
from semseg_core.sparse.scribbles import SparseLabels
from semseg_core.sparse.suggest import WORTHLESS, block_means, block_sizes, distances, drawable_axes, suggest

GRID = Grid((16, 16, 16), np.eye(4))


def marks_at(*voxels: tuple[int, int, int], label_id: int = 3, grid: Grid = GRID) -> SparseLabels:
    return SparseLabels(grid, np.array(voxels).reshape(-1, 3), np.full(len(voxels), label_id))


def sure_but(*unsure: tuple[tuple[int, int, int], float]) -> np.ndarray:
    """A confidence map that is certain everywhere but at some voxels."""
    confidence = np.ones(GRID.shape, dtype=np.float32)
    for voxel, value in unsure:
        confidence[voxel] = value
    return confidence


def test_the_least_certain_voxel_comes_first_then_the_next_elsewhere(brain_tree):
    # Gains 0.8 and 0.5. Around the first, what lies 9 mm away along each axis keeps 1 - exp(-243/4) = 1.
    confidence = sure_but(((3, 3, 3), 0.2), ((12, 12, 12), 0.5))
    first, second = suggest(marks_at(), brain_tree, confidence=confidence)
    assert (first.axis, first.index, first.point, first.score) == (0, 3, (3, 3, 3), 1.0)
    assert (second.axis, second.index, second.point) == (0, 12, (12, 12, 12))
    assert second.score == pytest.approx(0.5 / 0.8)
    assert first.reason == "The model is only 20% sure."
    assert first.label_id is None


def test_a_slice_is_worth_what_all_its_unsure_voxels_are_worth(brain_tree):
    # Three voxels on the sagittal slice i = 9, 0.4 each and no two on another common slice, against one of 0.9.
    confidence = sure_but(((1, 5, 9), 0.6), ((6, 10, 9), 0.6), ((11, 15, 9), 0.6), ((14, 1, 2), 0.1))
    first, second = suggest(marks_at(), brain_tree, confidence=confidence, count=2)
    assert (first.axis, first.index, first.score) == (2, 9, 1.0)
    assert second.point == (14, 1, 2)
    assert second.score == pytest.approx(0.9 / 1.2, rel=1e-4)


def test_what_lies_beside_a_stroke_is_worth_less(brain_tree):
    # At distance d a gain keeps d / (d + 1): 1 mm from the stroke 0.9 / 2 = 0.45, and 12 mm from it 0.8 * 12 / 13 = 0.738.
    confidence = sure_but(((2, 2, 3), 0.1), ((10, 10, 6), 0.2))
    first, second = suggest(marks_at((2, 2, 2)), brain_tree, confidence=confidence, count=2)
    assert first.point == (10, 10, 6)
    assert first.reason == "The model is only 20% sure; the nearest stroke is 12 mm away."
    assert second.point == (2, 2, 3)
    assert second.score == pytest.approx(0.45 / (0.8 * 12 / 13), rel=1e-3)


def test_what_one_sees_on_a_suggested_slice_is_not_suggested_again(brain_tree):
    confidence = sure_but(((8, 2, 2), 0.5), ((8, 13, 13), 0.5), ((8, 2, 13), 0.5))
    assert [one.index for one in suggest(marks_at(), brain_tree, confidence=confidence)] == [8]


def test_ten_suggestions_are_not_ten_neighbors_of_one_slice(brain_tree):
    confidence = np.random.default_rng(0).uniform(0.2, 0.9, GRID.shape).astype(np.float32)
    confidence[5:11] = 0.05  # the six best slices are neighbors
    found = suggest(marks_at(), brain_tree, confidence=confidence, count=10)
    assert len(found) == 10
    assert found[0].axis == 0
    assert sum(one.axis == 0 and 5 <= one.index < 11 for one in found) <= 4
    first = [one.index for one in found[:4] if one.axis == 0]
    assert min(abs(a - b) for a, b in combinations(first, 2)) >= 2
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)


def test_what_the_model_was_not_asked_about_is_not_suggested(brain_tree):
    confidence = np.zeros(GRID.shape, dtype=np.float32)
    confidence[4, 5, 6] = 0.9
    (only,) = suggest(marks_at(), brain_tree, confidence=confidence)
    assert only.point == (4, 5, 6)


def test_where_all_is_certain_nothing_is_suggested(brain_tree):
    assert suggest(marks_at(), brain_tree, confidence=sure_but()) == ()


def test_a_coarse_answer_counts_more_than_a_leaf_and_a_label_without_marks_more_than_one_with(brain_tree):
    # Label 5 has 30 marks: 1 + 0/2 + 10/40. Label 6 has none: 1 + 0/2 + 10/10. Label 2 has a level below it: 1 + 1/2 + 10/10.
    voxels = {5: (2, 2, 2), 6: (7, 7, 7), 2: (12, 12, 12)}
    answers = np.zeros(GRID.shape, dtype=np.int32)
    confidence = sure_but(*((voxel, 0.5) for voxel in voxels.values()))
    for label_id, voxel in voxels.items():
        answers[voxel] = label_id
    strokes = marks_at(*((15, 0, i % 16) for i in range(16)), *((15, 1, i) for i in range(14)), label_id=5)
    found = suggest(strokes, brain_tree, confidence=confidence, answers=answers, count=3)
    assert [one.label_id for one in found] == [2, 6, 5]
    assert found[1].score == pytest.approx(
        (2.0 * far((7, 7, 7))) / (2.5 * far((12, 12, 12))), rel=0.01
    )  # the first takes away 1 %
    assert found[2].reason.startswith("The model is only 50% sure that this is right, which has 30 scribbled voxels;")


def far(voxel: tuple[int, int, int]) -> float:
    """What the nearest of the strokes at (15, 0…1, 0…15) leaves of a gain."""
    distance = np.hypot(15 - voxel[0], voxel[1] - 1)
    return distance / (distance + 1.0)


def test_without_a_confidence_map_labels_that_have_too_little_come_first_across_their_strokes(brain_tree):
    # 12 voxels of label 3 on slice k = 5, along i; 4 voxels of label 4 on slice k = 9.
    long = [(5, 8, i) for i in range(2, 14)]
    short = [(9, 3, i) for i in range(4)]
    marks = SparseLabels(GRID, np.array(long + short), np.array([3] * 12 + [4] * 4))
    found = suggest(marks, brain_tree, count=6)
    assert [(one.label_id, one.axis, one.point) for one in found[:2]] == [(4, 2, (9, 3, 1)), (3, 2, (5, 8, 7))]
    assert found[0].reason == "white matter is scribbled in 4 voxels only; draw it here too."
    assert found[1].reason == "cortex is scribbled in one slice only; draw it here too."
    assert found[0].score == pytest.approx(0.5 + 0.5 * 10 / 14)
    assert found[2].label_id is None
    assert found[2].reason.endswith("Not scribbled yet: right, fluid.")
    assert all(one.score <= 0.5 for one in found[2:])


def test_gaps_between_strokes_are_suggested_and_not_the_far_corners_of_the_image(brain_tree):
    grid = Grid((48, 48, 48), np.eye(4))  # a stroke reaches 3 mm
    corners = [(k, j, i) for k in (10, 30) for j in (10, 30) for i in (10, 30)]
    strokes = [(k + n, j + n, i) for k, j, i in corners for n in range(3)]
    marks = SparseLabels(grid, np.array(strokes), np.array([3, 5] * 12))
    found = suggest(marks, brain_tree, image=np.ones(grid.shape) + np.arange(48) / 48, count=4)
    first = found[0]
    assert 13 <= first.index <= 29
    assert all(4 <= at <= 38 for one in found for at in one.point)


def test_without_any_mark_the_slice_that_shows_most_comes_first(brain_tree):
    image = np.zeros(GRID.shape, dtype=np.float32)
    image[3:13, 6, 3:13] = 100.0  # 100 voxels on one coronal slice
    image[2:4, 9:12, 5] = 100.0
    first = suggest(marks_at(), brain_tree, image=image, count=1)[0]
    assert (first.axis, first.index) == (1, 6)
    assert first.reason.startswith("Nothing is scribbled yet, and this slice shows much of the image. Not scribbled yet: cortex,")


def test_thick_slices_are_drawn_on_as_they_are_and_single_slices_too():
    assert drawable_axes(Grid((10, 64, 64), np.diag((1.0, 1.0, 5.0, 1.0)))) == (0,)
    assert drawable_axes(Grid((10, 64, 64), np.diag((1.0, 1.0, 2.0, 1.0)))) == (0, 1, 2)
    assert drawable_axes(Grid((1, 64, 64), np.eye(4))) == (0,)
    assert drawable_axes(Grid((64, 1, 64), np.eye(4))) == (1,)


def test_a_label_in_one_thick_slice_is_asked_for_on_the_next_one_towards_the_middle(brain_tree):
    grid = Grid((10, 32, 32), np.diag((1.0, 1.0, 5.0, 1.0)))
    marks = marks_at(*((8, 10, i) for i in range(12)), grid=grid)
    first = suggest(marks, brain_tree, count=2)[0]
    assert (first.axis, first.index, first.label_id) == (0, 7, 3)


def test_blocks_are_nearly_cubes_and_their_means_are_those_of_their_voxels():
    assert block_sizes(Grid((96, 192, 192), np.diag((1.0, 1.0, 2.0, 1.0)))) == (2, 4, 4)
    values = np.arange(20, dtype=np.float64).reshape(1, 4, 5)
    means = block_means(values, (1, 2, 3))
    # Rows 0–1, columns 0–2: 0 1 2 5 6 7; columns 3–4: 3 4 8 9.
    np.testing.assert_allclose(means, [[[3.5, 6.0], [13.5, 16.0]]])


def test_points_lie_on_their_slices_in_large_volumes_of_odd_size(brain_tree):
    grid = Grid((101, 87, 65), np.eye(4))
    confidence = np.random.default_rng(1).uniform(0.1, 1.0, grid.shape).astype(np.float32)
    for one in suggest(marks_at((100, 86, 64), grid=grid), brain_tree, confidence=confidence):
        assert one.point[one.axis] == one.index
        assert all(0 <= at < size for at, size in zip(one.point, grid.shape, strict=True))
        assert WORTHLESS < one.score <= 1.0


def test_bad_input_is_named(brain_tree):
    with pytest.raises(InputError, match="0 suggestions: ask for at least 1"):
        suggest(marks_at(), brain_tree, count=0)
    with pytest.raises(ShapeError, match=r"confidence map: \(3, 3, 3\) voxels"):
        suggest(marks_at(), brain_tree, confidence=np.ones((3, 3, 3)))


def test_distances_of_blocks_are_exact():
    outside = np.random.default_rng(3).random((7, 9, 5)) > 0.03
    sampling = np.array((3.0, 1.0, 1.5))
    np.testing.assert_allclose(distances(outside, sampling), distance_transform_edt(outside, sampling=sampling), rtol=1e-5)
