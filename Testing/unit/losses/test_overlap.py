"""Dice, Tversky, the region loss, Wasserstein Dice, focal loss and soft labels against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from semseg_core.errors import InputError, LabelTreeError, ShapeError
from semseg_core.labels.tree import LabelTree
from semseg_core.losses import soft_labels
from semseg_core.losses.regions import boxes_of
from semseg_core.losses.table import build_loss

SEEDS = st.integers(0, 2**32 - 1)

SMOOTH = 1e-5


def drawn(tree: LabelTree, seed: int, shape: tuple[int, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    """Random logits (B, L, *spatial) and marks on any label, some unknown."""
    draw = np.random.default_rng(seed)
    logits = draw.normal(0, 2, (shape[0], len(tree.leaves), *shape[1:]))
    return torch.from_numpy(logits), torch.from_numpy(draw.integers(-1, len(tree), shape))


def counts(tree: LabelTree, probabilities: np.ndarray, marks: list[int], leaf: int) -> tuple[float, float, float]:
    """Hits, predicted and true of a leaf, voxel by voxel; probabilities (voxels, L)."""
    hits = predicted = true = 0.0
    leaf_id = tree.leaves[leaf].id
    for p, mark in zip(probabilities, marks, strict=True):
        if mark <= 0:
            continue
        marked_id = tree.labels[mark].id
        if marked_id == leaf_id:
            hits, predicted, true = hits + p[leaf], predicted + p[leaf], true + 1
        elif not tree.covers(marked_id, leaf_id):  # an inner mark says nothing of the leaves inside
            predicted += p[leaf]
    return hits, predicted, true


def rows(logits: torch.Tensor, targets: torch.Tensor, item: int) -> tuple[np.ndarray, list[int]]:
    """Softmax (voxels, L) and marks of an item."""
    return logits[item].flatten(1).softmax(0).t().numpy(), targets[item].flatten().tolist()


def dice(hits: float, predicted: float, true: float) -> float:
    return 1 - (2 * hits + SMOOTH) / (predicted + true + SMOOTH)


def tversky(hits: float, predicted: float, true: float, alpha: float = 0.3, beta: float = 0.7) -> float:
    return 1 - (hits + SMOOTH) / (hits + alpha * (predicted - hits) + beta * (true - hits) + SMOOTH)


@pytest.mark.parametrize(("expression", "formula"), [("dice", dice), ("tversky", tversky)])
@given(seed=SEEDS)
@settings(max_examples=15, deadline=None)
def test_overlap_losses_count_voxel_by_voxel(random_tree, expression, formula, seed):
    tree = random_tree(seed)
    logits, targets = drawn(tree, seed, (2, 3, 4))
    targets[:, 0, 0] = 1
    leaves = range(len(tree.leaves))
    expected = np.mean([[formula(*counts(tree, *rows(logits, targets, item), leaf)) for leaf in leaves] for item in range(2)])
    assert build_loss(expression, tree, torch.float64)(logits, targets).item() == pytest.approx(expected, rel=1e-9)


def test_background_and_absent_leaves_can_be_left_out(weighted_tree):
    logits, targets = drawn(weighted_tree, 0, (1, 6, 6))
    targets[targets == 7] = 8  # nothing marked y1
    each = [dice(*counts(weighted_tree, *rows(logits, targets, 0), leaf)) for leaf in range(5)]
    values = {
        "dice(background=x1)": np.mean(each[1:]),
        "dice(absent=no)": np.mean([each[leaf] for leaf in (0, 1, 2, 4)]),
        'dice(background="/root/Y/y2", absent=no)': np.mean(each[:3]),
    }
    for expression, expected in values.items():
        assert build_loss(expression, weighted_tree, torch.float64)(logits, targets).item() == pytest.approx(expected)


def test_pooled_counts_are_those_of_one_long_item(weighted_tree):
    logits, targets = drawn(weighted_tree, 0, (3, 4, 5))
    long = logits.transpose(0, 1).reshape(1, 5, 12, 5), targets.reshape(1, 12, 5)
    for name in ("dice", "tversky"):
        pooled = build_loss(f"{name}(pooled=yes)", weighted_tree, torch.float64)(logits, targets).item()
        assert pooled == pytest.approx(build_loss(name, weighted_tree, torch.float64)(*long).item())


@pytest.mark.parametrize("name", ["dice", "tversky", "region-tversky", "wasserstein-dice", "hausdorff"])
def test_a_background_that_is_no_leaf_of_the_tree_is_named(weighted_tree, name):
    with pytest.raises(InputError, match="'X' is not a leaf"):
        build_loss(f"{name}(background=X)", weighted_tree)
    with pytest.raises(LabelTreeError, match="label 'air'"):
        build_loss(f"{name}(background=air)", weighted_tree)


def adaptive(hits: float, predicted: float, true: float, voxels: int) -> float:
    """The region loss of one leaf and box."""
    hits, positives, negatives = hits / voxels, (predicted - hits) / voxels, (true - hits) / voxels
    both = positives + negatives + SMOOTH
    alpha, beta = 0.3 + 0.4 * (positives + SMOOTH) / both, 0.3 + 0.4 * (negatives + SMOOTH) / both
    return 1 - (hits + SMOOTH) / (hits + alpha * positives + beta * negatives + SMOOTH)


@pytest.mark.parametrize(
    ("options", "cuts"),
    [
        ("size=3", ([0, 3, 5], [0, 3, 6, 7])),
        ("size=2/4", ([0, 2, 4, 5], [0, 4, 7])),
        ("boxes=2", ([0, 3, 5], [0, 4, 7])),
        ("boxes=1/16", ([0, 5], [0, 1, 2, 3, 4, 5, 6, 7])),
    ],
)
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_region_loss_box_by_box_for_sizes_that_do_not_divide(random_tree, options, cuts, reduction):
    tree = random_tree(5, leaves=4)
    logits, targets = drawn(tree, 1, (2, 5, 7))
    targets[0, :3, :3] = -1
    items = []
    for item in range(2):
        boxes = []
        for top, bottom in zip(cuts[0], cuts[0][1:], strict=False):
            for left, right in zip(cuts[1], cuts[1][1:], strict=False):
                box = (slice(item, item + 1), slice(None), slice(top, bottom), slice(left, right))
                part, marks = logits.softmax(1)[box], targets[box[0], box[2], box[3]]
                if (marks > 0).any():
                    p = part[0].flatten(1).t().numpy()
                    leaves = [adaptive(*counts(tree, p, marks.flatten().tolist(), leaf), len(p)) for leaf in range(4)]
                    boxes.append(np.mean(leaves))
        items.append(np.mean(boxes) if reduction == "mean" else np.sum(boxes))
    value = build_loss(f"region-tversky({options}, reduction={reduction})", tree, torch.float64)(logits, targets).item()
    assert value == pytest.approx(np.mean(items), rel=1e-9)


@given(length=st.integers(1, 40), boxes=st.integers(1, 20))
@settings(max_examples=50, deadline=None)
def test_boxes_cover_the_volume_once_and_none_is_empty(length, boxes):
    for count, size in (((boxes,), None), ((1,), (boxes,))):
        regions = boxes_of((length, 3), count, size, torch.device("cpu"))
        assert regions.sizes.min() > 0
        assert regions.sizes.sum() == 3 * length
        assert (regions.index.view(length, 3)[:, 0].diff() >= 0).all()


@pytest.mark.parametrize("option", ["boxes=0", "boxes=2.5", "size=0", "boxes=many", "reduction=median"])
def test_impossible_region_options_are_named(weighted_tree, option):
    with pytest.raises(InputError, match="region-tversky"):
        build_loss(f"region-tversky({option})", weighted_tree)


def test_region_options_for_other_axes_are_named(weighted_tree):
    with pytest.raises(ShapeError, match="2 numbers for 3 axes"):
        build_loss("region-tversky(boxes=2/2)", weighted_tree)(torch.zeros(1, 5, 4, 4, 4), torch.ones(1, 4, 4, 4).long())


@pytest.mark.parametrize("weighting", ["default", "generalized"])
@given(seed=SEEDS)
@settings(max_examples=15, deadline=None)
def test_wasserstein_dice_voxel_by_voxel(random_tree, brute, weighting, seed):
    tree = random_tree(seed, zero_edges=False)
    logits, targets = drawn(tree, seed, (1, 3, 3))
    targets[0, 0, 0] = 1
    p, marks = rows(logits, targets, 0)
    longest = brute.distances(tree).max() or 1.0
    hits = cost = 0.0
    for voxel, mark in zip(p, marks, strict=True):
        if mark > 0:
            moved = brute.set_distance(tree, voxel, tree.labels[mark].id) / longest
            weight = 1.0 if weighting == "default" else 1.0 / (marks.count(mark) + 1)
            hits += weight * (1 - moved)
            cost += moved if weighting == "default" else weight * moved
    expected = 1 - (2 * hits + SMOOTH) / (2 * hits + cost + SMOOTH)
    loss = build_loss(f"wasserstein-dice(weighting={weighting})", tree, torch.float64)
    assert loss(logits, targets).item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("options", ["", "weighting=generalized", "background=x1", "background=y2, ceiling=background"])
def test_wasserstein_dice_of_distributions_is_that_of_marks_where_they_are_sure(weighted_tree, brute, options):
    draw = torch.Generator().manual_seed(0)
    logits, leaves = torch.randn(2, 5, 3, 4, generator=draw, dtype=torch.float64), torch.randint(5, (2, 3, 4), generator=draw)
    positions = torch.tensor([2, 4, 5, 7, 8])[leaves]
    truth = torch.nn.functional.one_hot(leaves, 5).movedim(-1, 1).double()
    loss = build_loss(f"wasserstein-dice({options})", weighted_tree, torch.float64)
    assert loss(logits, truth).item() == pytest.approx(loss(logits, positions).item(), rel=1e-9)
    torch.testing.assert_close(
        brute.gradient(lambda x: loss(x, truth), logits), brute.gradient(lambda x: loss(x, positions), logits)
    )


@pytest.mark.parametrize("expression", ["wasserstein-dice", "wasserstein-dice(weighting=generalized)", "default + wasserstein"])
def test_gradient_for_distributions_is_that_of_finite_differences(weighted_tree, expression):
    draw = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 5, 3, generator=draw, dtype=torch.float64, requires_grad=True)
    truth = torch.rand(2, 5, 3, generator=draw, dtype=torch.float64)
    truth[0, :, 0] = 0.0
    truth /= truth.sum(1, keepdim=True).clamp_min(1e-9)
    loss = build_loss(expression, weighted_tree, torch.float64)
    assert torch.autograd.gradcheck(lambda x: loss(x, truth), (logits,))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("weighting=huge", "choose one of default, generalized"),
        ("ceiling=background", "name its leaf by background="),
        ("inner=x", "set"),
    ],
)
def test_impossible_wasserstein_dice_options_are_named(weighted_tree, options, message):
    with pytest.raises(InputError, match=message):
        build_loss(f"wasserstein-dice({options})", weighted_tree)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0, 3.5])
@given(seed=SEEDS)
@settings(max_examples=8, deadline=None)
def test_focal_loss_voxel_by_voxel(random_tree, brute, gamma, seed):
    tree = random_tree(seed)
    logits, targets = drawn(tree, seed, (2, 3, 4))
    targets[0, 0, 0] = 1
    each = []
    for item in range(2):
        for p, mark in zip(*rows(logits, targets, item), strict=True):
            if mark > 0:
                right = brute.probability(tree, p, tree.labels[mark].id)
                each.append(max(1 - right, 0.0) ** gamma * -np.log(right))
    value = build_loss(f"focal(gamma={gamma})", tree, torch.float64)(logits, targets).item()
    assert value == pytest.approx(np.mean(each), rel=1e-6, abs=1e-9)


@given(seed=SEEDS)
@settings(max_examples=15, deadline=None)
def test_soft_labels_voxel_by_voxel(random_tree, brute, seed):
    tree = random_tree(seed)
    logits, targets = drawn(tree, seed, (1, 3, 4))
    targets[0, 0, 0] = 1
    heights = {label.id: max(tree.depth(below.id) for below in tree.subtree(label.id)) - tree.depth(label.id) for label in tree}
    leaf_pairs = [(a.id, b.id) for a in tree.leaves for b in tree.leaves if a is not b]
    highest = max(heights[tree.lowest_common_ancestor(a, b).id] for a, b in leaf_pairs)
    each = []
    for p, mark in zip(*rows(logits, targets, 0), strict=True):
        if mark > 0:
            marked = tree.labels[mark].id
            outside = {i: leaf.id for i, leaf in enumerate(tree.leaves) if not tree.covers(marked, leaf.id)}
            shares = {
                i: np.exp(-4.0 * heights[tree.lowest_common_ancestor(marked, leaf).id] / highest) for i, leaf in outside.items()
            }
            total = 1.0 + sum(shares.values())
            loss = -np.log(brute.probability(tree, p, marked)) - sum(share * np.log(p[i]) for i, share in shares.items())
            each.append(loss / total)
    value = build_loss("soft-labels(beta=4)", tree, torch.float64)(logits, targets).item()
    assert value == pytest.approx(np.mean(each), rel=1e-6)


def test_soft_labels_of_a_huge_tree_are_refused(weighted_tree, monkeypatch):
    monkeypatch.setattr(soft_labels, "TABLE_ELEMENTS", 10)
    with pytest.raises(LabelTreeError, match="too many for soft-labels"):
        build_loss("soft-labels", weighted_tree)


@pytest.mark.parametrize("name", ["dice", "focal", "region-tversky", "soft-labels"])
def test_losses_that_know_no_distributions_say_so(weighted_tree, name):
    with pytest.raises((InputError, ShapeError), match="targets"):
        build_loss(name, weighted_tree)(torch.zeros(1, 5, 2, 2), torch.full((1, 5, 2, 2), 0.2))
