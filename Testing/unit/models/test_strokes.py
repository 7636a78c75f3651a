"""Strokes beside a model: found again on their image whatever way it is stored, and refused where they are damaged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import permutations, product
from pathlib import Path

import numpy as np
import pytest

from semseg_core.data.volume import Volume
from semseg_core.errors import ModelError
from semseg_core.geometry import Grid
from semseg_core.labels.tree import LabelTree
from semseg_core.models.contents import STROKES
from semseg_core.models.directory import load_model, save_model
from semseg_core.models.package import export_model, import_model
from semseg_core.models.strokes import Strokes, strokes_on
from semseg_core.sparse.scribbles import SparseLabels

GRID = Grid((3, 4, 5), np.diag((1.0, 2.0, 3.0, 1.0)))


@pytest.fixture
def volume() -> Volume:
    array = np.random.default_rng(0).random((2, *GRID.shape), dtype=np.float32)
    return Volume(array, GRID, ("t1", "t2"))


@pytest.fixture
def marks(brain_tree: LabelTree) -> SparseLabels:
    leaves = [leaf.id for leaf in brain_tree.leaves]
    return SparseLabels(GRID, np.array([[0, 0, 0], [2, 1, 4], [1, 3, 2]]), np.array([leaves[0], leaves[1], brain_tree.root.id]))


def stored_otherwise(volume: Volume, axes: tuple[int, int, int], turned: tuple[bool, bool, bool]) -> Volume:
    """The same voxels at the same places, with other axes."""
    size = np.array(volume.grid.shape)
    columns, origin = volume.grid.ijk_to_ras[:3, :3][:, ::-1], volume.grid.ijk_to_ras[:3, 3].copy()
    for axis in range(3):
        if turned[axis]:
            origin += columns[:, axis] * (size[axis] - 1)
    columns = columns * np.where(turned, -1.0, 1.0)
    array = np.flip(volume.array, [axis + 1 for axis in range(3) if turned[axis]]).transpose(0, *(axis + 1 for axis in axes))
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = columns[:, list(axes)][:, ::-1], origin
    return Volume(array, Grid(array.shape[1:], affine), volume.channels)


def places(marks: SparseLabels) -> dict[tuple[float, ...], int]:
    points = np.round(marks.grid.index_to_ras(marks.indices), 6)
    return dict(zip(map(tuple, points.tolist()), marks.label_ids.tolist(), strict=True))


@pytest.mark.parametrize("axes", list(permutations(range(3))))
def test_they_are_found_on_their_image_whatever_way_it_is_stored(axes, volume: Volume, marks: SparseLabels) -> None:
    for turned in product((False, True), repeat=3):
        other = stored_otherwise(volume, axes, turned)
        found = strokes_on((Strokes.of(volume, marks),), other)
        assert found.grid is other.grid
        assert places(found) == places(marks)
        back = strokes_on((Strokes.of(other, found),), volume)
        assert places(back) == places(marks)


def test_another_place_is_the_same_image_and_another_voxel_is_not(volume: Volume, marks: SparseLabels) -> None:
    strokes = (Strokes.of(volume, marks),)
    moved = np.array(GRID.ijk_to_ras)
    moved[:3, 3] += 40.0
    assert strokes_on(strokes, Volume(volume.array, Grid(GRID.shape, moved), volume.channels)) is not None
    changed = volume.array.copy()
    changed[1, 2, 3, 4] += 1e-3
    assert strokes_on(strokes, replace(volume, array=changed)) is None
    assert strokes_on((), volume) is None


def test_several_drawings_on_one_image_are_one_and_the_last_counts(
    make_model: Callable, brain_tree: LabelTree, volume: Volume, marks: SparseLabels, tmp_path: Path
) -> None:
    leaf = brain_tree.leaves[-1].id
    more = SparseLabels(GRID, np.array([[2, 1, 4], [0, 0, 1]]), np.array([leaf, leaf]))
    save_model(tmp_path, replace(make_model(brain_tree), strokes=(Strokes.of(volume, marks), Strokes.of(volume, more))))
    assert places(strokes_on(load_model(tmp_path).strokes, volume)) == places(marks) | places(more)


def test_they_lie_beside_the_model_and_do_not_travel(
    make_model: Callable, brain_tree: LabelTree, volume: Volume, marks: SparseLabels, tmp_path: Path
) -> None:
    save_model(tmp_path / "model", replace(make_model(brain_tree), strokes=(Strokes.of(volume, marks),)))
    kept = load_model(tmp_path / "model").strokes
    assert places(strokes_on(kept, volume)) == places(marks)
    export_model(tmp_path / "model", tmp_path / "model.zip")
    import_model(tmp_path / "model.zip", tmp_path / "elsewhere")
    assert load_model(tmp_path / "elsewhere").strokes == ()
    save_model(tmp_path / "model", make_model(brain_tree))
    assert not (tmp_path / "model" / STROKES).exists(), "those of the earlier model"


def test_damaged_or_foreign_ones_are_refused(
    make_model: Callable, brain_tree: LabelTree, volume: Volume, marks: SparseLabels, tmp_path: Path
) -> None:
    strokes = Strokes.of(volume, marks)
    foreign = np.array([1, 2, 9999], dtype=np.int32)
    for damaged in (replace(strokes, label_ids=foreign), replace(strokes, indices=strokes.indices[:2])):
        save_model(tmp_path, replace(make_model(brain_tree), strokes=(damaged,)))
        with pytest.raises(ModelError, match="do not belong to this model .*; delete the file or train again"):
            load_model(tmp_path)
    (tmp_path / STROKES).write_bytes(b"no tensors")
    with pytest.raises(ModelError, match="delete the file or train again"):
        load_model(tmp_path)
    (tmp_path / STROKES).unlink()
    assert load_model(tmp_path).strokes == ()
