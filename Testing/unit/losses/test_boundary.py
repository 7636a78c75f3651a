"""Hausdorff loss: fields against all pairs of voxels, boxes, refusals, the cache, and both engines."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
import torch

from semseg_core.errors import InputError, ShapeError
from semseg_core.labels.tree import LabelTree
from semseg_core.losses import fields
from semseg_core.losses.fields import FieldCache, boundary_fields, squared_boundary_distances
from semseg_core.losses.table import build_loss


@pytest.fixture(params=["edt", "scipy"])
def engine(request, monkeypatch) -> None:
    """Each of the two libraries."""
    if request.param == "edt":
        pytest.importorskip("edt")
    else:
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)


def dense(tree: LabelTree, shape: tuple[int, ...], seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Random logits and a leaf for every voxel."""
    draw = torch.Generator().manual_seed(seed)
    logits = 2.0 * torch.randn(shape[0], len(tree.leaves), *shape[1:], generator=draw, dtype=torch.float64)
    leaves = torch.tensor([tree.position(leaf.id) for leaf in tree.leaves])
    return logits, leaves[torch.randint(len(leaves), shape, generator=draw)]


@pytest.mark.parametrize(("shape", "spacing"), [((7,), (2.0,)), ((5, 6), (1.0, 1.0)), ((4, 5, 6), (3.0, 1.0, 0.5))])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.usefixtures("engine")
def test_fields_are_the_distances_to_the_nearest_voxel_across(brute, shape, spacing, seed):
    mask = np.random.default_rng(seed).random(shape) < 0.3
    expected = brute.boundary_distances(mask, spacing)
    np.testing.assert_allclose(np.sqrt(squared_boundary_distances(mask, spacing)), expected, atol=1e-5)


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.usefixtures("engine")
def test_empty_and_full_masks_have_no_boundary(full):
    assert not squared_boundary_distances(np.full((3, 4), full), (1.0, 1.0)).any()


@pytest.mark.usefixtures("engine")
def test_several_fields_at_once_are_those_one_by_one():
    masks = [np.random.default_rng(seed).random((6, 7)) < 0.4 for seed in range(5)]
    together = boundary_fields(masks, (1.0, 2.0), 1.0, threads=3)
    for mask, field in zip(masks, together, strict=True):
        np.testing.assert_allclose(field, np.sqrt(squared_boundary_distances(mask, (1.0, 2.0))), atol=1e-6)


@pytest.mark.parametrize("options", ["", "exponent=1", "spacing_mm=3/1", "spacing_mm=2", "background=x1"])
@pytest.mark.parametrize("logarithm", [False, True])
@pytest.mark.usefixtures("engine")
def test_loss_voxel_by_voxel(weighted_tree, brute, options, logarithm):
    logits, targets = dense(weighted_tree, (2, 5, 6))
    p = logits.softmax(1).numpy()
    exponent = 1.0 if "exponent" in options else 2.0
    spacing = {"spacing_mm=3/1": (3.0, 1.0), "spacing_mm=2": (2.0, 2.0)}.get(options, (1.0, 1.0))
    positions = [2, 4, 5, 7, 8]
    terms = []
    for item in range(2):
        for leaf in range(1 if "background" in options else 0, 5):
            truth = (targets[item] == positions[leaf]).numpy()
            fields_ = [brute.boundary_distances(mask, spacing) ** exponent for mask in (truth, p[item, leaf] > 0.5)]
            terms.append(((p[item, leaf] - truth) ** 2 * sum(fields_)).mean())
    expected = np.log1p(np.mean(terms)) if logarithm else np.mean(terms)
    name = "log-hausdorff" if logarithm else "hausdorff"
    assert build_loss(f"{name}({options})", weighted_tree, torch.float64)(logits, targets).item() == pytest.approx(
        expected, rel=1e-6
    )


def test_strokes_are_refused_and_the_alternative_named(weighted_tree):
    loss = build_loss("0.9*tversky + 0.1*log-hausdorff", weighted_tree)
    strokes = torch.full((1, 9, 9), -1)
    for stroke in ((slice(2, 7), 3), (slice(2, 7), slice(3, 5)), (range(5), range(5))):
        targets = strokes.clone()
        targets[0][stroke] = 4
        with pytest.raises(InputError, match="use tversky or dice for strokes"):
            loss(torch.zeros(1, 5, 9, 9), targets)


def test_a_thin_volume_labelled_throughout_is_no_stroke(weighted_tree):
    logits, targets = dense(weighted_tree, (1, 1, 6, 7))
    flat = build_loss("hausdorff", weighted_tree, torch.float64)
    assert flat(logits, targets).item() == pytest.approx(flat(logits[:, :, 0], targets[:, 0]).item(), rel=1e-6)


def test_marks_on_inner_labels_and_rows_are_refused(weighted_tree):
    loss = build_loss("hausdorff", weighted_tree)
    targets = torch.full((1, 6, 6), 4)
    targets[0, 2, 2:4] = 3
    with pytest.raises(InputError, match="2 of 36 voxels of the box are not marked with a leaf"):
        loss(torch.zeros(1, 5, 6, 6), targets)
    with pytest.raises(ShapeError, match="for rows use tversky"):
        loss(torch.zeros(7, 5), torch.ones(7, dtype=torch.int64))


def test_named_boxes_are_what_counts(weighted_tree, brute):
    logits, targets = dense(weighted_tree, (2, 8, 9))
    targets[:, 6:] = -1
    targets[:, 7, ::3] = 4  # strokes outside the box
    loss = build_loss("hausdorff", weighted_tree, torch.float64)
    boxes = [[(1, 6), (2, 9)], None]
    inside = loss(logits[:1, :, 1:6, 2:9], targets[:1, 1:6, 2:9]).item()
    assert loss(logits, targets, boxes).item() == pytest.approx(inside)
    gradient = brute.gradient(lambda x: loss(x, targets, boxes), logits)
    assert gradient[0, :, 1:6, 2:9].any()
    gradient[0, :, 1:6, 2:9] = 0.0
    assert not gradient.any()
    with pytest.raises(InputError, match="not marked with a leaf"):
        loss(logits, targets, [[(1, 8), (2, 9)], None])
    with pytest.raises(ShapeError, match="does not lie in a volume"):
        loss(logits, targets, [[(1, 9), (2, 9)], None])
    with pytest.raises(ShapeError, match="1 boxes for 2 items"):
        loss(logits, targets, boxes[:1])


@pytest.mark.parametrize("option", ["exponent=0", "spacing_mm=0/1", "exponent=fast"])
def test_impossible_options_are_named(weighted_tree, option):
    with pytest.raises(InputError, match="hausdorff"):
        build_loss(f"hausdorff({option})", weighted_tree)


def test_spacing_for_other_axes_is_named(weighted_tree):
    logits, targets = dense(weighted_tree, (1, 4, 4))
    with pytest.raises(ShapeError, match="3 numbers for 2 axes"):
        build_loss("hausdorff(spacing_mm=1/1/1)", weighted_tree)(logits, targets)


def test_fields_of_a_target_are_made_once_however_often_it_comes(weighted_tree, monkeypatch):
    made = []
    monkeypatch.setattr(
        fields, "squared_boundary_distances", lambda mask, spacing: made.append(1) or np.zeros(mask.shape, dtype=np.float32)
    )
    logits, targets = dense(weighted_tree, (1, 6, 6))
    loss = build_loss("hausdorff", weighted_tree)
    counts = []
    for seen in (targets, targets.clone(), targets.roll(1, 1)):
        made.clear()
        loss(logits.float(), seen)
        counts.append(len(made))
    assert counts == [10, 5, 10]  # five leaves: of prediction and target, of the prediction alone, of both


def test_the_cache_forgets_the_oldest_first(monkeypatch):
    monkeypatch.setattr(fields, "CACHE_BYTES", 250)
    cache, made = FieldCache(), []

    def make(labels: np.ndarray) -> np.ndarray:
        made.append(int(labels[0]))
        return np.zeros(100, dtype=np.uint8)

    for number in (1, 2, 1, 3, 1, 2):
        cache.get(np.full(4, number), make)
    assert made == [1, 2, 3, 2]
    cache.get(np.full(4, 9), lambda labels: np.zeros(1000, dtype=np.uint8))  # larger than the cache: given, not kept
    cache.get(np.full(4, 1), make)
    assert made == [1, 2, 3, 2]
