from __future__ import annotations

import time

import numpy as np
import pytest
from scipy import ndimage

from semseg_core.data.images import read_label_map
from semseg_core.errors import InputError
from semseg_core.geometry import Grid
from semseg_core.labels.encode import values_to_ids
from semseg_core.labels.reading import load_tree
from semseg_core.sparse import simulate
from semseg_core.sparse.simulate import StrokeStyle, simulate_scribbles
from semseg_core.sparse.statistics import statistics

SHAPE = (24, 28, 32)
GRID = Grid(SHAPE, np.diag((2.0, 2.0, 2.0, 1.0)))


@pytest.fixture
def truth() -> np.ndarray:
    """A head: cortex around white matter on the left, `right`, two separate pools of fluid, unknown outside."""
    k, j, i = np.indices(SHAPE)
    radius = np.hypot(np.hypot(k - 12, j - 14), (i - 16) * 0.8)
    ids = np.zeros(SHAPE, dtype=np.int32)
    ids[radius < 11] = 5
    ids[(radius < 11) & (i < 16)] = 3
    ids[(radius < 7) & (i < 16)] = 4
    ids[10:14, 12:16, 8:11] = 6
    ids[10:14, 12:16, 20:24] = 6
    return ids


def draw(truth: np.ndarray, tree, seed: int = 0, slices: int = 3, **style: object):
    return simulate_scribbles(truth, GRID, tree, slices, np.random.default_rng(seed), StrokeStyle(**style))


@pytest.mark.parametrize("thickness", [1, 3])
def test_strokes_lie_within_their_class_and_never_on_unknown(truth, brain_tree, thickness):
    marks = draw(truth, brain_tree, thickness_vox=thickness)
    np.testing.assert_array_equal(truth[tuple(marks.indices.T)], marks.label_ids)
    assert set(marks.counts()) == {3, 4, 5, 6}


def test_the_same_seed_draws_the_same_strokes_and_another_seed_others(truth, brain_tree):
    first, again, other = draw(truth, brain_tree), draw(truth, brain_tree), draw(truth, brain_tree, seed=1)
    np.testing.assert_array_equal(first.indices, again.indices)
    np.testing.assert_array_equal(first.label_ids, again.label_ids)
    assert first.indices.tolist() != other.indices.tolist()


def test_the_input_is_not_changed(truth, brain_tree):
    before = truth.copy()
    draw(truth, brain_tree, coarse=0.5)
    np.testing.assert_array_equal(truth, before)


@pytest.mark.parametrize("slices", [1, 4])
def test_as_many_different_slices_as_asked_are_drawn_on_in_each_orientation(brain_tree, monkeypatch, slices):
    monkeypatch.setattr(simulate, "_draw_slice", lambda truth, marks, *_: np.copyto(marks, truth))
    truth = np.full(SHAPE, 3, dtype=np.int32)
    filled = draw(truth, brain_tree, slices=slices).to_label_map(brain_tree) > 0
    assert [filled.all(axis=others).sum() for others in ((1, 2), (0, 2), (0, 1))] == [slices] * 3


def test_more_slices_than_hold_labels_means_all_of_them(brain_tree):
    truth = np.zeros(SHAPE, dtype=np.int32)
    truth[4:6, 5:9, 6:12] = 3
    marks = draw(truth, brain_tree, slices=100)
    assert [len(numbers) for numbers in statistics(marks, brain_tree)[-1].slices] == [2, 4, 6]


def test_one_slice_gets_one_component_per_class_with_an_inner_and_a_boundary_stroke(brain_tree):
    truth = np.zeros((1, 40, 60), dtype=np.int32)
    truth[0, 2:38, 2:28] = 3
    truth[0, 2:38, 32:58] = 3
    grid = Grid(truth.shape, np.eye(4))
    both = set()
    for seed in range(12):
        drawn = simulate_scribbles(truth, grid, brain_tree, 1, np.random.default_rng(seed)).to_label_map(brain_tree)[0]
        # Slices along j and i of a flat volume are single rows and columns; they add a few voxels of their own.
        numbered, count = ndimage.label(drawn > 0, np.ones((3, 3)))
        assert 1 <= count <= 6
        sides = {bool(column > 30) for column in np.argwhere(drawn)[:, 1]}
        both |= sides
    assert both == {True, False}


def test_a_boundary_stroke_stays_at_its_distance_from_the_edge(brain_tree):
    truth = np.zeros((1, 60, 60), dtype=np.int32)
    truth[0, 5:55, 5:55] = 3
    style = StrokeStyle(interior_fraction=(0.0, 0.0), inset_vox=(4, 4), boundary_fraction=(0.2, 0.2))
    marks = simulate_scribbles(truth, Grid(truth.shape, np.eye(4)), brain_tree, 1, np.random.default_rng(3), style)
    depth = ndimage.distance_transform_cdt(truth[0], "taxicab")[tuple(marks.indices[:, 1:].T)]
    on_contour = (depth == 5).sum()  # four voxels were taken off, so the contour is the fifth from the edge
    assert 30 <= on_contour <= 36  # a fifth of 4 × 41 voxels
    assert len(marks) - on_contour <= 6  # the dots of interior strokes without length


def test_wider_strokes_mark_more(truth, brain_tree):
    assert len(draw(truth, brain_tree, thickness_vox=3)) > 2 * len(draw(truth, brain_tree))


def test_coarse_strokes_mark_ancestors_below_the_root(truth, brain_tree):
    marks = draw(truth, brain_tree, coarse=1.0, slices=6)
    found = truth[tuple(marks.indices.T)]
    assert all(brain_tree.covers(drawn, below) for drawn, below in zip(marks.label_ids.tolist(), found.tolist(), strict=True))
    assert set(marks.counts()) == {2, 5, 6}  # 3 and 4 lie below 2; 5 and 6 have the root alone above them
    mixed = draw(truth, brain_tree, coarse=0.5, slices=6)
    assert {2, 3, 4} <= set(mixed.counts())


def test_single_voxels_get_their_dot(brain_tree):
    truth = np.zeros(SHAPE, dtype=np.int32)
    truth[3, 4, 5] = 6
    marks = draw(truth, brain_tree, slices=1)
    np.testing.assert_array_equal(marks.indices, [[3, 4, 5]])


def test_nothing_to_draw_on_is_an_error(brain_tree):
    with pytest.raises(InputError, match="holds no label"):
        draw(np.zeros(SHAPE, dtype=np.int32), brain_tree)
    with pytest.raises(InputError, match="give at least 1"):
        draw(np.ones(SHAPE, dtype=np.int32), brain_tree, slices=0)


@pytest.mark.parametrize("style", [{"thickness_vox": 2}, {"thickness_vox": -1}, {"coarse": 1.5}])
def test_a_style_that_cannot_be_drawn_is_refused(style):
    with pytest.raises(InputError):
        StrokeStyle(**style)


def test_real_brains_get_about_three_thousand_marks_on_nearly_all_leaves(test_data):
    tree = load_tree(test_data / "label-trees" / "muse_lobe_tree.json").tree
    sizes = []
    for path in sorted((test_data / "brain-ixi-dlmuse").glob("*_DLMUSE.nii.gz"))[:3]:
        truth = read_label_map(path)
        ids = values_to_ids(truth.array, tree)
        started = time.perf_counter()
        marks = simulate_scribbles(ids, truth.grid, tree, 8, np.random.default_rng(0))
        assert time.perf_counter() - started < 10
        assert len(marks.counts()) >= 142
        sizes.append(len(marks))
    assert 2700 < np.mean(sizes) < 3900
