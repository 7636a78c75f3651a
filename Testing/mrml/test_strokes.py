"""Strokes, counts, accepted regions and edits of the tree, with undo, on real MRML."""

from __future__ import annotations

import time

import numpy as np
import pytest
from mrml.scribble_desk import CORTEX, FLUID, LEFT, RIGHT, SHAPE, WHITE_MATTER

from SemanticSegLib.nodes.VolumeNodes import addVolume, volumeGrid
from semseg_core.errors import ShapeError
from semseg_core.geometry import Grid
from semseg_core.labels.presets.catalog import load_preset
from semseg_core.labels.tree import LabelTree

# Strokes


def test_a_voxel_has_one_label_the_last_one_painted(plain):
    plain.stroke(CORTEX, np.s_[4, 5, 2:12])
    plain.stroke(RIGHT, np.s_[4, 3:9, 6])
    assert plain.counts() == {CORTEX: 9, RIGHT: 6}
    assert plain.drawn()[4, 5, 6] == RIGHT
    assert plain.scribbles.node.GetSegmentation().GetNumberOfLayers() == 1


def test_strokes_are_undone_and_redone_one_by_one(plain):
    plain.stroke(CORTEX, np.s_[4, 5, 2:12])
    plain.stroke(CORTEX, np.s_[6, 5, 2:12])
    plain.stroke(RIGHT, np.s_[4, 3:9, 6])
    seen = []
    for step in (plain.editor.Undo, plain.editor.Undo, plain.editor.Redo, plain.editor.Redo):
        step()
        plain.scribbles.followUndo()
        seen.append(plain.counts())
    both = {CORTEX: 20}
    assert seen == [both, {CORTEX: 10}, both, {CORTEX: 19, RIGHT: 6}]


def test_undo_that_takes_the_selected_segment_away_goes_back_to_the_label_before(plain):
    plain.stroke(CORTEX, np.s_[4, 5, 2:12])
    plain.stroke(RIGHT, np.s_[4, 3:9, 6])
    plain.editor.Undo()
    plain.editor.Undo()
    plain.scribbles.followUndo()
    assert plain.labels.currentLabelId == CORTEX
    assert plain.editor.CanRedo()


def test_undo_does_not_bring_back_an_old_name(plain):
    plain.stroke(CORTEX, np.s_[4, 5, 2:12])
    plain.stroke(CORTEX, np.s_[6, 5, 2:12])
    plain.labels.rename(CORTEX, "gray matter")
    plain.editor.Undo()
    assert plain.waits[0].requested
    plain.scribbles.refresh()
    assert plain.segments() == {"SemanticSeg_3": "gray matter"}
    assert plain.scribbles.counts == {CORTEX: 10}


def test_the_label_under_a_point_is_found_in_the_world(desk, add_transform):
    desk.volume.SetAndObserveTransformNodeID(add_transform(np.diag((-1.0, 2.0, 1.0, 1.0))).GetID())
    desk.stroke(CORTEX, np.s_[4, 5, 2:12])
    desk.stroke(RIGHT, np.s_[4, 6, 2:12])
    grid = desk.scribbles.marks().marks.grid
    points = grid.index_to_ras(np.array([(4, 5, 3), (4, 6, 3), (4, 7, 3), (0, 0, 0)]))
    assert [desk.scribbles.labelAt(tuple(point)) for point in points] == [CORTEX, RIGHT, 0, 0]


# Counts


def test_a_burst_of_changes_is_counted_once(plain):
    heard = []
    plain.scribbles.countsChanged.connect(lambda counts, warnings: heard.append((counts, warnings)))
    plain.stroke(CORTEX, np.s_[4, 5:9, 2:12])
    heard.clear()
    plain.stroke(CORTEX, np.s_[2, 5, 2:12])
    plain.stroke(CORTEX, np.s_[3, 6, 2:12])
    assert heard == []
    assert plain.waits[0].requested
    plain.waits[0].action()
    assert heard == [({CORTEX: 60}, {})]
    assert not plain.waits[0].requested


def test_too_little_is_said_in_words(plain):
    plain.stroke(CORTEX, np.s_[4, 5:9, 2:12])
    plain.stroke(WHITE_MATTER, np.s_[6:8, 5, 2:4])
    plain.stroke(FLUID, np.s_[0:2, 0:3, 0:3])
    plain.scribbles.refresh()
    assert plain.scribbles.counts == {CORTEX: 40, WHITE_MATTER: 4, FLUID: 18}
    assert plain.scribbles.warnings == {
        CORTEX: "One slice only: scribble on another slice too, best in another direction.",
        WHITE_MATTER: "Fewer than 10 voxels: draw longer strokes.",
    }


def test_a_whole_branch_without_strokes_is_named_once_at_its_top(plain):
    plain.stroke(FLUID, np.s_[0:2, 0:3, 0:3])
    plain.scribbles.refresh()
    assert set(plain.scribbles.warnings) == {LEFT}
    assert plain.scribbles.warnings[LEFT].startswith("Nothing is scribbled in this whole branch")


def test_strokes_of_the_topmost_label_are_said_to_tell_nothing(plain):
    plain.stroke(1, np.s_[0:4, 0:5, 0:5])
    plain.scribbles.refresh()
    assert plain.scribbles.warnings[1].startswith("Every voxel is part of the topmost label")


def test_counting_148_labels_on_a_large_volume_takes_a_moment(new_desk, scene):
    shape = (192, 192, 192)
    grid = Grid(shape, np.eye(4))
    volume = addVolume(scene, "large", np.arange(np.prod(shape), dtype=np.float32).reshape(shape), grid)
    desk = new_desk(scene, volume, load_preset("whole-brain"))
    leaves = [leaf.id for leaf in desk.labels.tree.leaves]
    label_ids = np.zeros(shape, dtype=np.int32)
    places = np.random.default_rng(0).choice(label_ids.size, 40 * len(leaves), replace=False)
    label_ids.ravel()[places] = np.repeat(leaves, 40)
    assert desk.scribbles.addMarks(label_ids) == 40 * len(leaves)
    started = time.perf_counter()
    desk.scribbles.refresh()
    assert time.perf_counter() - started < 1.0  # 0.1 s on a quiet machine
    assert desk.scribbles.counts == dict.fromkeys(leaves, 40)


# Accepting regions


def test_accepted_regions_never_overwrite_strokes(plain):
    plain.stroke(CORTEX, np.s_[4, 5, 2:12])
    region = np.zeros(SHAPE, dtype=np.int32)
    region[4, 4:7] = RIGHT
    heard = []
    plain.scribbles.aboutToAdd.connect(lambda: heard.append(np.count_nonzero(plain.drawn())))
    assert plain.scribbles.addMarks(region) == 3 * 13 - 10
    assert heard == [10]  # before anything changed
    assert plain.counts() == {CORTEX: 10, RIGHT: 29}
    np.testing.assert_array_equal(plain.drawn()[4, 5], [RIGHT] * 2 + [CORTEX] * 10 + [RIGHT])


def test_accepted_regions_are_exact_on_any_grid_and_grow_the_layer(desk):
    desk.stroke(CORTEX, np.s_[4, 5, 6])
    region = np.zeros(SHAPE, dtype=np.int32)
    region[0, 0, 0], region[8, 10, 12], region[4, 5, 7] = RIGHT, FLUID, LEFT
    assert desk.scribbles.addMarks(region, overwrite=True) == 3
    region[4, 5, 6] = CORTEX
    np.testing.assert_array_equal(desk.drawn(), region)


def test_accepted_regions_land_on_a_lattice_with_turned_axes(desk, scene):
    own = desk.volume
    turned = Grid(
        SHAPE[::-1], volumeGrid(desk.volume).ijk_to_ras @ np.array([[0, 0, 1, 0], [0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1.0]])
    )
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "turned")
    node.CreateDefaultDisplayNodes()
    node.SetReferenceImageGeometryParameterFromVolumeNode(addVolume(scene, "turned", np.zeros(turned.shape, np.float32), turned))
    desk.scribbles.choose(node)
    assert desk.volume is own
    region = np.zeros(SHAPE, dtype=np.int32)
    region[2:4, 5, 1:12], region[8, 10, 12] = RIGHT, FLUID
    assert desk.scribbles.addMarks(region) == 23
    np.testing.assert_array_equal(desk.drawn(), region)
    sketch = desk.scribbles.sketch(volumeGrid(desk.volume))
    np.testing.assert_array_equal(sketch.to_label_map(desk.labels.tree) > 0, region > 0)


def test_a_sketch_keeps_few_voxels_of_large_regions_and_all_of_small_ones(new_desk, scene, brain_tree):
    shape = (110, 110, 110)
    volume = addVolume(scene, "large", np.zeros(shape, dtype=np.float32), Grid(shape, np.eye(4)))
    desk = new_desk(scene, volume, brain_tree)
    region = np.full(shape, RIGHT, dtype=np.int32)
    region[5, 5, :20] = CORTEX
    desk.scribbles.addMarks(region)
    counts = desk.scribbles.sketch(Grid(shape, np.eye(4))).counts()
    assert counts[CORTEX] == 20
    assert 60_000 < counts[RIGHT] < 140_000


def test_accepting_may_replace_strokes_where_asked(plain):
    plain.stroke(CORTEX, np.s_[4, 5, 2:12])
    region = np.zeros(SHAPE, dtype=np.int32)
    region[4, 5, :7] = RIGHT
    assert plain.scribbles.addMarks(region, overwrite=True) == 7
    assert plain.counts() == {CORTEX: 5, RIGHT: 7}


def test_accepted_regions_can_be_undone_as_one_stroke(plain):
    plain.stroke(CORTEX, np.s_[4, 5, 2:12])
    plain.scribbles.aboutToAdd.connect(plain.editor.SaveStateForUndo)
    region = np.full(SHAPE, RIGHT, dtype=np.int32)
    plain.scribbles.addMarks(region)
    plain.editor.Undo()
    assert plain.counts() == {CORTEX: 10}
    plain.editor.Redo()
    assert plain.counts() == {CORTEX: 10, RIGHT: region.size - 10}


def test_painting_goes_on_over_accepted_regions(plain):
    plain.scribbles.addMarks(np.full(SHAPE, RIGHT, dtype=np.int32))
    plain.stroke(CORTEX, np.s_[4, 5, 2:12])
    assert plain.counts() == {CORTEX: 10, RIGHT: np.prod(SHAPE) - 10}


def test_regions_of_another_volume_are_refused(plain):
    with pytest.raises(ShapeError, match="accepted regions"):
        plain.scribbles.addMarks(np.ones((2, 2, 2), dtype=np.int32))


def test_hundreds_of_labels_fit_in_one_layer(new_desk, scene):
    volume = addVolume(scene, "CT", np.arange(1000, dtype=np.float32).reshape(10, 10, 10), Grid((10, 10, 10), np.eye(4)))
    desk = new_desk(scene, volume, load_preset("whole-brain"))
    label_ids = np.zeros((10, 10, 10), dtype=np.int32)
    every = [label.id for label in desk.labels.tree]
    label_ids.ravel()[: len(every)] = every
    desk.scribbles.addMarks(label_ids)
    np.testing.assert_array_equal(desk.drawn(), label_ids)


# Edits of the tree


def test_removing_a_label_moves_its_strokes_up_and_undo_brings_them_back(plain):
    plain.stroke(CORTEX, np.s_[4, 5, 2:12])
    plain.stroke(WHITE_MATTER, np.s_[6, 5, 2:12])
    before = plain.drawn()
    plain.labels.setCurrent(0)
    carried = []
    plain.scribbles.carried.connect(lambda: carried.append(1))
    plain.labels.remove([CORTEX, WHITE_MATTER])
    assert plain.counts() == {LEFT: 20}
    assert set(plain.segments()) == {"SemanticSeg_2"}
    plain.labels.undo()
    np.testing.assert_array_equal(plain.drawn(), before)
    assert plain.segments() == {"SemanticSeg_3": "cortex", "SemanticSeg_4": "white matter"}
    plain.labels.redo()
    assert plain.counts() == {LEFT: 20}
    assert len(carried) == 3


def test_strokes_of_a_removed_label_may_be_discarded_or_given_to_a_sibling(plain):
    plain.stroke(CORTEX, np.s_[4, 5, 2:12])
    plain.labels.remove([CORTEX], "discard")
    assert plain.counts() == {}
    plain.labels.undo()
    plain.labels.remove([CORTEX], WHITE_MATTER)
    assert plain.counts() == {WHITE_MATTER: 10}
    plain.labels.undo()
    assert plain.counts() == {CORTEX: 10}


def test_merging_puts_strokes_together_and_undo_parts_them_again(plain):
    plain.stroke(CORTEX, np.s_[4, 5, 2:12])
    plain.stroke(RIGHT, np.s_[6, 5, 2:12])
    before = plain.drawn()
    plain.labels.merge([CORTEX], RIGHT)
    assert plain.counts() == {RIGHT: 20}
    plain.labels.undo()
    np.testing.assert_array_equal(plain.drawn(), before)


def test_undo_of_a_tree_edit_leaves_what_was_painted_since(plain):
    plain.stroke(CORTEX, np.s_[4, 5, 2:12])
    plain.labels.remove([CORTEX])
    plain.stroke(FLUID, np.s_[4, 5, 2:6])
    plain.stroke(RIGHT, np.s_[7, 5, 2:6])
    plain.labels.undo()
    assert plain.counts() == {CORTEX: 6, FLUID: 4, RIGHT: 4}


def test_two_labels_may_exchange_their_ids(plain):
    plain.stroke(CORTEX, np.s_[4, 5, 2:12])
    plain.stroke(RIGHT, np.s_[6, 5, 2:5])
    tree = plain.labels.tree
    swapped = {CORTEX: RIGHT, RIGHT: CORTEX}
    other = LabelTree(
        tuple(type(label)(swapped.get(label.id, label.id), label.name, label.value, label.parent, label.color) for label in tree)
    )
    plain.labels.replace(other)
    assert plain.counts() == {RIGHT: 10, CORTEX: 3}
    assert plain.segments()["SemanticSeg_5"] == "cortex"
    plain.labels.undo()
    assert plain.counts() == {CORTEX: 10, RIGHT: 3}


def test_the_tree_asks_for_the_voxels_of_a_label_as_they_are_now(plain):
    plain.stroke(CORTEX, np.s_[4, 5, 2:12])
    assert plain.labels.marksOf([CORTEX, RIGHT]) == {CORTEX: 10}
