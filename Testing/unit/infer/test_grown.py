"""Strokes on the image that is answered for: they hold, they are heard around, and elsewhere nothing changes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from semseg_core.data.intensity import normalize
from semseg_core.data.volume import Volume
from semseg_core.features.growth import Growth, grow_marks, is_sparse
from semseg_core.geometry import Grid
from semseg_core.infer.decode import build_decoder
from semseg_core.infer.grown import MOST, SHARED, GrownStrokes, believable
from semseg_core.infer.predict import Prediction, predict
from semseg_core.labels.encode import ids_to_values, leaf_ranges
from semseg_core.labels.tree import LabelTree
from semseg_core.models.directory import load_model
from semseg_core.models.model import Model, describe
from semseg_core.sparse.scribbles import SparseLabels

CPU = torch.device("cpu")
GRID = Grid((1, 1, 4), np.eye(4))


@pytest.fixture(scope="module")
def model(trained) -> Model:
    return load_model(trained.folder)


def apply(model: Model, volume: Volume, level: str = "leaf", threshold: float = 0.0) -> Prediction:
    return predict(model, volume, build_decoder(model.card.tree, level, threshold), CPU, float, bool)


def strokes(tree: LabelTree, label_ids: list[int], marked: list[bool], weight: float) -> GrownStrokes:
    ids = torch.tensor([label.id for label in tree])
    shape = (1, 1, len(label_ids))
    growth = Growth(torch.tensor(label_ids, dtype=torch.int32).view(shape), torch.tensor(marked).view(shape), GRID)
    return GrownStrokes(growth, ids.sort().values, torch.from_numpy(leaf_ranges(tree))[ids.argsort()], weight)


def test_what_grew_is_added_to_the_leaves_under_it(brain_tree: LabelTree) -> None:
    first, *_, last = brain_tree.leaves
    parent = brain_tree.ancestors(first.id)[0]
    under = [brain_tree.covers(parent.id, leaf.id) for leaf in brain_tree.leaves]
    said = strokes(brain_tree, [first.id, last.id, parent.id, first.id], [False, False, False, True], 2.0)
    points = torch.tensor([[0.2, 0.0, 0.0], [1.0, 0.4, 0.0], [2.4, 0.0, 0.0], [3.0, 0.0, 0.0]])
    logits = torch.randn(4, len(brain_tree.leaves), generator=torch.Generator().manual_seed(0))
    heard = said.at(points).added_to(logits)
    added = (1.0 + 2.0 * SHARED) * heard - logits
    expected = torch.zeros_like(logits)
    expected[0, 0] = expected[1, -1] = 2.0
    expected[2, torch.tensor(under)] = 2.0
    for row in range(3):  # all but a constant, which keeps the energy
        difference = added[row] - expected[row]
        torch.testing.assert_close(difference, difference[:1].expand_as(difference))
        torch.testing.assert_close(heard[row].logsumexp(0), logits[row].logsumexp(0))
    assert heard[3].softmax(0)[0] > 0.999999


def test_painted_voxels_hold_and_others_follow_the_network(model: Model, phantom) -> None:
    own = apply(model, phantom.volume)
    without = apply(replace(model, strokes=()), phantom.volume)
    assert (own.stroke_voxels, without.stroke_voxels) == (model.card.training["voxels"], 0)
    marks = model.strokes[0].on(phantom.volume)
    painted = tuple(marks.indices.T)
    expected = ids_to_values(marks.label_ids, phantom.tree)
    np.testing.assert_array_equal(own.values[painted], expected)
    assert (own.confidence[painted] > 0.99).all()
    taught = phantom.truth > 0
    assert (own.values == phantom.truth)[taught].mean() >= (without.values == phantom.truth)[taught].mean()
    np.testing.assert_array_equal(own.values == 0, (without.values == 0) & (own.values == 0))


def test_repainted_voxels_hold_although_the_network_knows_better(model: Model, phantom) -> None:
    marks = model.strokes[0]
    leaves = [leaf.id for leaf in phantom.tree.leaves]
    wrong = np.array([leaves[(leaves.index(label_id) + 1) % len(leaves)] if label_id in leaves else label_id
                      for label_id in marks.label_ids.tolist()], dtype=np.int32)  # fmt: skip
    lied = replace(model, strokes=(replace(marks, label_ids=wrong),))
    painted = tuple(marks.on(phantom.volume).indices.T)
    expected = ids_to_values(wrong, phantom.tree)
    np.testing.assert_array_equal(apply(lied, phantom.volume).values[painted], expected)


def test_another_image_is_answered_as_ever(model: Model, phantom) -> None:
    other = Volume(phantom.volume.array * 1.01, phantom.volume.grid, phantom.volume.channels)
    own, without = apply(model, other), apply(replace(model, strokes=()), other)
    assert own.stroke_voxels == 0
    np.testing.assert_array_equal(own.values, without.values)


def test_coarse_growth_marks_no_voxel_as_painted(model: Model, phantom) -> None:
    bank = describe(model.card, None, normalize(phantom.volume, model.card.rules))
    marks = model.strokes[0].on(phantom.volume)
    fine, coarse = (grow_marks(bank, marks, level) for level in (0, 1))
    assert int(fine.marked.sum()) == len(marks)
    assert not coarse.marked.any()
    assert coarse.grid.voxel_count < fine.grid.voxel_count / 4
    points = torch.as_tensor(marks.grid.index_to_ras(marks.indices), dtype=torch.float32)
    np.testing.assert_array_equal(fine.at(points)[0].numpy(), marks.label_ids)


def test_marks_are_believed_as_far_as_they_agree_with_the_network(model: Model, phantom) -> None:
    bank = describe(model.card, None, normalize(phantom.volume, model.card.rules))
    marks = model.strokes[0].on(phantom.volume)
    right = GrownStrokes.beside(model, grow_marks(bank, marks), bank)
    assert right.weight > 2.0
    rng = np.random.default_rng(0)
    shuffled = SparseLabels(marks.grid, marks.indices, rng.permutation(marks.label_ids))
    assert GrownStrokes.beside(model, grow_marks(bank, shuffled), bank).weight == 0.0
    unfamiliar = replace(model, card=replace(model.card, known_floor=1e6))
    assert GrownStrokes.beside(unfamiliar, grow_marks(bank, marks), bank).weight == 0.0, "no voxel to compare them on"


def test_the_weight_grows_with_agreement_between_nothing_and_the_most() -> None:
    assert [believable(share) for share in (0.0, 0.3, 0.5)] == [0.0, 0.0, 0.0]
    assert believable(0.75) == pytest.approx(2.5 * np.log(3.0))
    shares = np.linspace(0.5, 1.0, 101)
    weights = [believable(share) for share in shares]
    assert weights == sorted(weights)
    assert weights[-1] == believable(0.99) == MOST


def test_strokes_are_sparse_and_segmentations_are_not() -> None:
    grid = Grid((10, 10, 10), np.eye(4))
    assert [is_sparse(count, grid) for count in (0, 1, 50, 51, 1000)] == [False, True, True, False, False]
