"""What every loss of the table promises, whatever its formula."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from semseg_core.errors import SemSegError
from semseg_core.labels.tree import LabelTree
from semseg_core.losses import functional
from semseg_core.losses.table import LOSSES, build_loss

NAMES = list(LOSSES)

OURS = [name for name in NAMES if name != "monai"]
"""MONAI's losses turn float64 into float32 within, where finite differences see nothing but rounding."""

NEEDS_BOXES = [name for name in NAMES if "hausdorff" in name]

SPARSE = [name for name in OURS if name not in NEEDS_BOXES]

POOLED_OVER_ITEMS = [name for name in SPARSE if "dice" not in name and "tversky" not in name]
"""Losses that are a mean over voxels: the batch counts as one set of voxels."""

PERFECT = {"soft-labels": None}
"""Losses that are not 0 for a perfect prediction."""


@pytest.fixture(scope="module")
def tree(random_tree) -> LabelTree:
    """Nine leaves, ragged."""
    return random_tree(1, leaves=9, zero_edges=False)


def problem(tree: LabelTree, name: str, shape: tuple[int, ...] = (2, 5, 6), seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits (B, L, *spatial) and targets: strokes on any label, or dense leaves where the loss needs them."""
    draw = torch.Generator().manual_seed(seed)
    logits = 2.0 * torch.randn(shape[0], len(tree.leaves), *shape[1:], generator=draw, dtype=torch.float64)
    if name not in SPARSE:
        leaves = torch.tensor([tree.position(leaf.id) for leaf in tree.leaves])
        return logits, leaves[torch.randint(len(leaves), shape, generator=draw)]
    return logits, torch.randint(-1, len(tree), shape, generator=draw)


@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize("shape", [(2, 7), (2, 4, 5), (2, 3, 4, 5)], ids=["1D", "2D", "3D"])
def test_gradient_is_that_of_finite_differences(tree, name, shape):
    logits, targets = problem(tree, name, shape)
    loss = build_loss(name, tree, torch.float64)
    # The boundary losses do not differentiate their distances, which only jump; a step this small crosses no jump.
    assert torch.autograd.gradcheck(lambda x: loss(x, targets), (logits.requires_grad_(),), eps=1e-6, atol=1e-6, fast_mode=True)


@pytest.mark.parametrize("name", SPARSE)
def test_unannotated_voxels_have_no_gradient_and_no_say(tree, brute, name):
    logits, targets = problem(tree, name, (2, 3, 4, 5))
    loss = build_loss(name, tree, torch.float64)
    unknown = (targets <= 0).unsqueeze(1).expand_as(logits)
    assert not brute.gradient(lambda x: loss(x, targets), logits)[unknown].any()
    changed = torch.where(unknown, 100.0 * torch.randn_like(logits), logits)
    assert loss(changed, targets).item() == loss(logits, targets).item()
    as_float32 = build_loss(name, tree)
    assert not brute.gradient(lambda x: as_float32(x, targets), logits.float())[unknown].any()


@pytest.mark.parametrize("name", NEEDS_BOXES)
def test_outside_the_box_there_is_no_gradient_and_no_say(tree, brute, name):
    logits, targets = problem(tree, name, (1, 8, 9))
    targets[:, :2] = targets[:, :, 7:] = -1
    loss = build_loss(name, tree, torch.float64)
    gradient = brute.gradient(lambda x: loss(x, targets), logits)
    outside = (targets < 0).unsqueeze(1).expand_as(logits)
    assert not gradient[outside].any()
    assert gradient[~outside].any()
    assert loss(torch.where(outside, 50.0, logits), targets).item() == loss(logits, targets).item()


@pytest.mark.parametrize("name", NAMES)
def test_without_annotated_voxels_the_loss_is_zero_with_a_gradient(tree, brute, name):
    logits, targets = problem(tree, name)
    for unknown in (torch.full_like(targets, -1), torch.zeros_like(targets)):  # the root says nothing either
        loss = build_loss(name, tree, torch.float64)
        assert loss(logits, unknown).item() == 0.0
        gradient = brute.gradient(lambda x, unknown=unknown, loss=loss: loss(x, unknown), logits)
        assert gradient.shape == logits.shape
        assert not gradient.any()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(0, 9, 4, 5), (2, 9, 0, 5), (0, 9)])
def test_nothing_at_all_is_a_loss_of_zero(tree, brute, name, shape):
    if name == "region-tversky" or (len(shape) == 2 and name in NEEDS_BOXES):
        return  # rows are refused
    targets = torch.zeros((shape[0], *shape[2:]), dtype=torch.int64)
    assert brute.gradient(lambda x: build_loss(name, tree)(x, targets), torch.zeros(shape)).shape == shape


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
def test_extreme_logits_stay_finite(tree, brute, name, dtype):
    logits, targets = problem(tree, name)
    extreme = (1e4 * logits.sign()).to(dtype)
    loss = build_loss(name, tree, torch.float64 if dtype == torch.float64 else torch.float32)
    assert loss(extreme, targets).isfinite()
    gradient = brute.gradient(lambda x: loss(x, targets), extreme)
    assert gradient.isfinite().all()
    assert gradient.dtype == dtype


@pytest.mark.parametrize("name", NAMES)
def test_autocast_changes_neither_value_nor_precision(tree, brute, name):
    logits, targets = problem(tree, name)
    loss = build_loss(name, tree)
    expected = brute.gradient(lambda x: loss(x, targets), logits.float())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        gradient = brute.gradient(lambda x: loss(x, targets), logits.float())
        assert loss(logits.bfloat16(), targets).dtype == torch.float32
    torch.testing.assert_close(gradient, expected)


@pytest.mark.parametrize("name", NAMES)
def test_float32_is_close_to_float64(tree, brute, name):
    logits, targets = problem(tree, name, (2, 6, 7))
    single, double = build_loss(name, tree), build_loss(name, tree, torch.float64)
    exact = brute.gradient(lambda x: double(x, targets), logits.float().double())
    gradient = brute.gradient(lambda x: single(x, targets), logits.float())
    assert (gradient - exact).abs().max() <= 5e-6 * exact.abs().max()


@pytest.mark.parametrize("name", SPARSE)
def test_rows_are_worth_what_the_same_voxels_of_a_volume_are(tree, brute, name):
    if name == "region-tversky":
        with pytest.raises(SemSegError, match="use tversky"):
            build_loss(name, tree)(torch.zeros(3, 9), torch.ones(3, dtype=torch.int64))
        return
    logits, targets = problem(tree, name, (1, 3, 4, 5))
    known = targets.flatten() > 0
    rows, marks = logits.flatten(2)[0].t()[known].contiguous(), targets.flatten()[known]
    loss = build_loss(name, tree, torch.float64)
    assert loss(rows, marks).item() == pytest.approx(loss(logits, targets).item(), rel=1e-9)
    dense = brute.gradient(lambda x: loss(x, targets), logits).flatten(2)[0].t()[known]
    torch.testing.assert_close(brute.gradient(lambda x: loss(x, marks), rows), dense)


@pytest.mark.parametrize("name", NAMES)
def test_neither_memory_order_nor_chunks_matter(tree, brute, name, monkeypatch):
    logits, targets = problem(tree, name, (2, 3, 4, 5))
    loss = build_loss(name, tree, torch.float64)
    expected = brute.gradient(lambda x: loss(x, targets), logits)
    channels_last = logits.contiguous(memory_format=torch.channels_last_3d)
    strided = torch.stack((logits, logits), -1)[..., 0]
    transposed = logits.transpose(2, 4).contiguous().transpose(2, 4)
    monkeypatch.setitem(functional.CHUNK_ELEMENTS, "cpu", 9 * 7)
    for same in (logits, channels_last, strided, transposed):
        leaf = same.detach().requires_grad_()
        loss(leaf, targets).backward()
        torch.testing.assert_close(leaf.grad, expected)


@pytest.mark.parametrize("name", SPARSE)
def test_a_batch_is_the_mean_of_its_items(tree, name):
    logits, targets = problem(tree, name, (3, 4, 5))
    loss = build_loss(name, tree, torch.float64)
    singles = [loss(logits[i : i + 1], targets[i : i + 1]).item() for i in range(3)]
    if name in POOLED_OVER_ITEMS:  # items count by their annotated voxels
        assert loss(logits, targets).item() == pytest.approx(np.average(singles, weights=(targets > 0).sum((1, 2))), rel=1e-9)
    elif "cross-entropy" not in name and "focal" not in name:
        assert loss(logits, targets).item() == pytest.approx(np.mean(singles), rel=1e-9)
        targets[1] = -1  # an item without annotated voxels does not count
        assert loss(logits, targets).item() == pytest.approx(np.mean([singles[0], singles[2]]), rel=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_a_perfect_prediction_is_the_minimum_and_a_wrong_one_worse(tree, name):
    _, targets = problem(tree, "hausdorff", (1, 6, 7))
    leaves = torch.tensor([tree.leaf_range(tree.labels[position].id)[0] for position in targets.flatten().tolist()])
    sure = torch.full((1, 9, 42), -50.0, dtype=torch.float64).scatter_(1, leaves.view(1, 1, -1), 50.0).view(1, 9, 6, 7)
    loss = build_loss(name, tree, torch.float64)
    perfect, wrong = loss(sure, targets).item(), loss(sure.roll(1, 1), targets).item()
    if name not in PERFECT:
        assert perfect == pytest.approx(0.0, abs=1e-4)  # what the smoothing of overlap losses leaves
    assert wrong > perfect + 0.1
    assert all(loss(torch.randn_like(sure), targets).item() > perfect for _ in range(3))


@pytest.mark.parametrize("name", NAMES)
def test_a_second_backward_pass_gives_the_same_gradient(tree, name):
    logits, targets = problem(tree, name)
    logits.requires_grad_()
    value = 3.0 * build_loss(name, tree, torch.float64)(logits, targets)
    (first,) = torch.autograd.grad(value, logits, retain_graph=True)
    (second,) = torch.autograd.grad(value, logits)
    torch.testing.assert_close(first, second)
    with torch.no_grad():
        assert build_loss(name, tree, torch.float64)(logits, targets).item() == pytest.approx(value.item() / 3.0)


@pytest.mark.parametrize("name", NAMES)
def test_inputs_are_left_alone_and_buffers_follow_the_module(tree, name):
    logits, targets = problem(tree, name)
    before = logits.clone(), targets.clone()
    loss = build_loss(name, tree, torch.float64)
    loss(logits.requires_grad_(), targets).backward()
    torch.testing.assert_close((logits.detach(), targets), before)
    assert not loss.state_dict()  # tables are made from the tree, never stored with a model
    copied = copy.deepcopy(loss)
    assert copied(logits, targets).item() == loss(logits, targets).item()
    elsewhere = copied.to("meta")
    assert all(buffer.device.type == "meta" for buffer in elsewhere.buffers())
    assert list(elsewhere.buffers())
    tensors = [value for module in elsewhere.modules() for value in vars(module).values() if isinstance(value, torch.Tensor)]
    assert not tensors  # a tensor that is no buffer would stay behind


@pytest.mark.parametrize("name", NAMES)
def test_training_on_it_finds_the_marked_leaves(tree, name):
    _, targets = problem(tree, "hausdorff", (1, 6, 7), seed=3)
    leaves = torch.tensor([tree.leaf_range(tree.labels[position].id)[0] for position in targets.flatten().tolist()])
    logits = torch.zeros(1, 9, 6, 7, requires_grad=True)
    loss, optimizer = build_loss(name, tree), torch.optim.Adam([logits], lr=0.5)
    first = loss(logits, targets).item()
    for _ in range(50):
        optimizer.zero_grad()
        value = loss(logits, targets)
        value.backward()
        optimizer.step()
    assert value.item() < 0.5 * first or name == "soft-labels"
    assert (logits.flatten(2).argmax(1).flatten() == leaves).float().mean() > 0.95


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("logits", "targets", "message"),
    [
        ((2, 8, 5, 5), (2, 5, 5), r"logits: expected \(N, 9\) or \(B, 9, \*spatial\)"),
        ((2, 9, 5, 5), (2, 5, 4), r"targets: expected \(2, 5, 5\)"),
        ((9,), (1,), "logits: expected"),
    ],
)
def test_wrong_shapes_are_named(tree, name, logits, targets, message):
    with pytest.raises(SemSegError, match=message):
        build_loss(name, tree)(torch.zeros(logits), torch.ones(targets, dtype=torch.int64))


@pytest.mark.parametrize("name", NAMES)
def test_targets_outside_the_tree_are_named(tree, name):
    logits, targets = problem(tree, name)
    loss = build_loss(name, tree, torch.float64)
    for wrong in (len(tree), -2):
        targets[0, 0, 0] = wrong
        with pytest.raises(SemSegError, match=f"{wrong} is no position of a tree of {len(tree)} labels"):
            loss(logits, targets)
    with pytest.raises(SemSegError, match="targets"):
        loss(logits, targets.bool())
    assert loss(logits, problem(tree, name)[1].int()).isfinite()  # any integers will do
