"""The hand-worked values of the method notes for overlap, region and boundary losses, on a few voxels and small pictures."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from semseg_core.labels.tree import Label, LabelTree
from semseg_core.losses.boundary import HausdorffLoss
from semseg_core.losses.fields import squared_boundary_distances
from semseg_core.losses.focal import FocalLoss
from semseg_core.losses.functional import Annotated
from semseg_core.losses.ground import GroundDistances
from semseg_core.losses.marks import Marks
from semseg_core.losses.overlap import SMOOTH, OverlapLoss, dice_formula, soft_counts, tversky_formula
from semseg_core.losses.regions import RegionTverskyLoss, adaptive_tversky_formula, boxes_of
from semseg_core.losses.table import build_loss
from semseg_core.losses.tree import TreeLoss
from semseg_core.losses.wasserstein_dice import WassersteinDiceLoss


def flat_tree(*names: str) -> LabelTree:
    """A star of leaves."""
    return LabelTree((Label(1, "root", 1), *(Label(2 + i, name, 2 + i, parent=1) for i, name in enumerate(names))), title="flat")


def two_channels(probabilities: list[list[float]]) -> torch.Tensor:
    """Logits (1, 2, H, W) of background and object whose softmax gives the object these probabilities."""
    object_ = torch.tensor(probabilities, dtype=torch.float64)
    return torch.stack((1 - object_, object_)).log().clamp_min(-745.0).unsqueeze(0)


class GivenDistances(GroundDistances):
    """Distances from a matrix between leaves of a star, instead of a tree's."""

    def __init__(self, tree: LabelTree, matrix: list[list[float]]) -> None:
        super().__init__(tree, dtype=torch.float64)
        self.table = torch.tensor([[0.0] * len(matrix), *matrix], dtype=torch.float64)


BRATS = [[0.0, 1.0, 1.0, 1.0], [1.0, 0.0, 0.6, 0.5], [1.0, 0.6, 0.0, 0.7], [1.0, 0.5, 0.7, 0.0]]
"""Background, non-enhancing tumor, edema, enhancing tumor, as in Fidon et al. 2017."""

VOXELS = (
    (
        [0, 1, 2, 3, 1],
        [[0.7, 0.1, 0.1, 0.1], [0.2, 0.5, 0.2, 0.1], [0.1, 0.3, 0.4, 0.2], [0.1, 0.2, 0.1, 0.6], [0.05, 0.05, 0.8, 0.1]],
    ),
    (
        [1, 2, 0, 0, 3],
        [[0.1, 0.6, 0.2, 0.1], [0.25, 0.25, 0.25, 0.25], [0.9, 0.05, 0.03, 0.02], [0.3, 0.3, 0.3, 0.1], [0.1, 0.1, 0.1, 0.7]],
    ),
)


def wasserstein_dice(weighting: str, items: int, **options: object) -> float:
    tree = flat_tree("background", "core", "edema", "enhancing")
    loss = WassersteinDiceLoss(
        tree, weighting, background="background", distances=GivenDistances(tree, BRATS), dtype=torch.float64, **options
    )
    logits = torch.tensor([p for _, p in VOXELS[:items]], dtype=torch.float64).log().transpose(1, 2)
    return loss(logits, 1 + torch.tensor([y for y, _ in VOXELS[:items]])).item()


@pytest.mark.parametrize(("weighting", "key"), [("default", "default"), ("generalized", "GDL")])
def test_wasserstein_dice_of_five_voxels_and_of_a_batch(oracles, weighting, key):
    hits, denominator, smoothed = oracles[f"GWDL.{key}.TP,denominator,loss(eps1e-5)"]
    assert wasserstein_dice(weighting, 1) == pytest.approx(smoothed, abs=1e-12)
    assert wasserstein_dice(weighting, 1) == pytest.approx(1 - (2 * hits + 1e-5) / (denominator + 1e-5), abs=1e-12)
    assert wasserstein_dice(weighting, 1) == pytest.approx(oracles[f"GWDL.{key}.loss(eps0)"], abs=1e-5)
    assert wasserstein_dice(weighting, 2) == pytest.approx(oracles[f"GWDL.batch2 per-sample + mean ({key})"][2], abs=1e-12)


def test_wasserstein_distance_of_each_of_five_voxels(oracles):
    tree = flat_tree("background", "core", "edema", "enhancing")
    loss = TreeLoss(tree, None, GivenDistances(tree, BRATS), torch.float64)
    marks, probabilities = VOXELS[0]
    logits = torch.tensor(probabilities, dtype=torch.float64).log()
    moved = [loss(logits[i : i + 1], torch.tensor([1 + mark])).item() for i, mark in enumerate(marks)]
    assert moved == pytest.approx(oracles["GWDL.default.Wmap"], abs=1e-12)
    assert moved == pytest.approx(oracles["GWDL.GDL.Wmap"], abs=1e-12)


def test_wasserstein_dice_with_a_near_background_needs_the_ceiling_of_equation_9(oracles):
    # Background at 0.8 of both others: W = 0.08, 0.18, 0.19 by hand, so hits are 1.63 against 1, and 1.23 against 0.8.
    tree = flat_tree("background", "a", "b")
    distances = GivenDistances(tree, [[0.0, 0.8, 0.8], [0.8, 0.0, 1.0], [0.8, 1.0, 0.0]])
    probabilities = [[0.9, 0.05, 0.05], [0.1, 0.8, 0.1], [0.05, 0.15, 0.8]]
    logits = torch.tensor(probabilities, dtype=torch.float64).log()
    values = [
        WassersteinDiceLoss(tree, background="background", ceiling=ceiling, distances=distances, dtype=torch.float64)(
            logits, torch.tensor([1, 2, 3])
        ).item()
        for ceiling in ("one", "background")
    ]
    key = "GWDL.M(l,bg)<1: loss with MONAI TP=sum(1-W), with eq.9 TP=sum(M(l,b)-W)"
    assert values == pytest.approx(oracles[key], abs=1e-5)  # the oracle has no smoothing


def test_wasserstein_dice_of_two_classes_is_soft_dice_of_the_object(oracles):
    known = oracles["GWDL.binary M=01 vs soft Dice(linear)"]
    # Hits 2.5, false positives 0.5, false negatives 1.0: p of the object at two true voxels and one false, by hand.
    tree = flat_tree("background", "object")
    loss = WassersteinDiceLoss(tree, background="background", dtype=torch.float64)
    probabilities = torch.tensor([0.9, 0.9, 0.7, 0.5])
    logits = torch.stack((1 - probabilities, probabilities)).double().log().unsqueeze(0)
    positions = torch.tensor([[2, 2, 2, 1]])
    hits, wrong = 2.5, 0.5 + 0.5
    assert loss(logits, positions).item() == pytest.approx(1 - 2 * hits / (2 * hits + wrong), abs=1e-5)
    assert known[0] == pytest.approx(known[1])


def test_region_loss_and_its_parts(oracles):
    logits, positions = two_channels(oracles["ARST.x"]), torch.tensor([oracles["ARST.y"]]).long() + 1
    tree = flat_tree("background", "object")
    options = {"size": 2, "background": "background"}
    mean = RegionTverskyLoss(tree, **options).double()(logits, positions).item()
    assert mean == pytest.approx(oracles["ARST.mean_over_regions (repo HEAD / PyMIC)"], abs=1e-9)
    total = RegionTverskyLoss(tree, reduction="sum", **options).double()(logits, positions).item()
    assert total == pytest.approx(oracles["ARST.sum_over_regions (paper form per repo NOTE)"], abs=1e-9)
    by_number = RegionTverskyLoss(tree, boxes=2, background="background").double()(logits, positions).item()
    assert by_number == pytest.approx(mean, abs=1e-12)
    for row, column in np.ndindex(2, 2):
        part = (slice(None), slice(None), slice(2 * row, 2 * row + 2), slice(2 * column, 2 * column + 2))
        alone = RegionTverskyLoss(tree, boxes=1, background="background").double()(logits[part], positions[(part[0], *part[2:])])
        assert alone.item() == pytest.approx(oracles["ARST.regional_loss"][row][column], abs=1e-9)


def test_counts_of_the_regions(oracles):
    logits, positions = two_channels(oracles["ARST.x"]), torch.tensor([oracles["ARST.y"]]).long() + 1
    marks = Marks(flat_tree("background", "object"))
    regions = boxes_of((4, 4), (2,), None, torch.device("cpu"))
    counts = soft_counts(Annotated(logits, positions, marks.leaf_count, marks.label_count), marks, regions)
    hits, predicted, true = (part[0, 1].view(2, 2).numpy() / 4 for part in (counts.hits, counts.predicted, counts.true))
    np.testing.assert_allclose(hits, oracles["ARST.tp"], atol=1e-12)
    np.testing.assert_allclose(predicted - hits, oracles["ARST.fp"], atol=1e-12)
    np.testing.assert_allclose(true - hits, oracles["ARST.fn"], atol=1e-12)
    alpha, beta = np.array(oracles["ARST.alpha"]), np.array(oracles["ARST.beta"])
    sums = alpha + beta  # a little above 1: the smoothing counts on both sides
    assert [sums.min(), sums.max()] == pytest.approx(oracles["ARST.alpha+beta range"], abs=1e-12)
    balanced = (hits + SMOOTH) / (hits + alpha * (predicted - hits) + beta * (true - hits) + SMOOTH)
    np.testing.assert_allclose(1 - balanced, adaptive_tversky_formula(counts)[0, 1].view(2, 2), atol=1e-12)


def test_region_without_the_leaf_reacts_to_the_least_probability(oracles):
    tree = flat_tree("background", "object")
    loss = RegionTverskyLoss(tree, boxes=1, background="background").double()
    nothing = torch.ones(1, 2, 2, dtype=torch.int64)
    assert loss(two_channels([[0.0, 0.0], [0.0, 0.0]]), nothing).item() == pytest.approx(
        oracles["ARST.empty region, exact zero pred -> loss"], abs=1e-9
    )
    slight = loss(two_channels([[0.01, 0.0], [0.0, 0.0]]), nothing).item()
    assert slight == pytest.approx(oracles["ARST.empty region, one voxel p=0.01 -> loss"], abs=1e-9)


@pytest.mark.parametrize(("alpha", "key"), [(0.5, "ARST.global Tversky .5/.5 (=soft Dice)"), (0.3, "ARST.global Tversky .3/.7")])
def test_tversky_over_the_whole_picture(oracles, alpha, key):
    loss = build_loss(f"tversky(alpha={alpha}, beta={1 - alpha}, background=background)", flat_tree("background", "object"))
    value = loss(two_channels(oracles["ARST.x"]), torch.tensor([oracles["ARST.y"]]).long() + 1).item()
    assert value == pytest.approx(oracles[key], abs=1e-5)  # the oracle has no smoothing


BOUNDARY = {
    "hausdorff(background=background)": "HausdorffDT.alpha2",
    "log-hausdorff(background=background)": "LogHausdorffDT=log(1+HDT)",
    "tversky(background=background)": "Tversky(.3 FP,.7 FN)",
    "dice(background=background)": "Dice loss",
    "focal": "Focal gamma2 mean",
    "dice-focal(background=background)": "DiceFocal 1*Dice+1*Focal (MONAI default)",
    "tversky-hausdorff(background=background)": "Tversky-HausdorffDT = .9*Tversky+.1*log(1+HDT)",
    "dice-focal-hausdorff(background=background)": "DiceFocal-HausdorffDT = .9*(Dice+Focal)+.1*log(1+HDT)",
}


@pytest.mark.parametrize("expression", BOUNDARY)
def test_compound_boundary_losses(oracles, expression):
    loss = build_loss(expression, flat_tree("background", "object"), torch.float64)
    value = loss(two_channels(oracles["HD.pred"]), torch.tensor([oracles["HD.gt"]]).long() + 1).item()
    assert value == pytest.approx(oracles[BOUNDARY[expression]], abs=1e-7)


@pytest.mark.parametrize("name", ["gt", "pred"])
def test_distance_fields(oracles, name):
    mask = np.array(oracles[f"HD.{name}"]) > 0.5
    np.testing.assert_allclose(np.sqrt(squared_boundary_distances(mask, (1.0, 1.0))), oracles[f"HD.dt_{name}"], atol=1e-6)


def test_logarithm_grows_with_the_distance_as_the_printed_equation_does_not(oracles):
    printed = oracles["SIGN CHECK eq.4 as printed: log(1/(1+HDT)) (decreases as HDT grows)"]
    assert printed == sorted(printed, reverse=True)
    tree = flat_tree("background", "object")
    truth = torch.ones(1, 9, 9, dtype=torch.int64)
    truth[0, :3, :3] = 2
    near, far = torch.zeros(9, 9), torch.zeros(9, 9)
    near[:3, 1:4], far[6:, 6:] = 1.0, 1.0
    loss = HausdorffLoss(tree, logarithm=True, background="background")
    values = [loss(two_channels(picture.clamp(1e-6, 1 - 1e-6).tolist()).float(), truth).item() for picture in (near, far)]
    assert 0 < values[0] < values[1]


PARTIAL = [[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.1, 0.3, 0.6], [0.3, 0.4, 0.3], [0.25, 0.25, 0.5], [0.6, 0.3, 0.1]]


def test_partial_loss_of_nnunet(oracles):
    tree = flat_tree("background", "a", "b")
    logits = torch.tensor(PARTIAL, dtype=torch.float64).log()
    targets = torch.tensor([1, 2, 3, -1, -1, 2])
    entropy = build_loss("cross-entropy", tree, torch.float64)(logits, targets).item()
    assert entropy == pytest.approx(oracles["PL.ce (mean over annotated voxels only)"], abs=1e-12)
    assert entropy * 4 / 6 == pytest.approx(oracles["PL.WRONG: dividing CE by all 6 voxels"], abs=1e-12)
    # MONAI's focal loss without an ignore_index divides by voxels and classes.
    assert entropy * 4 / (6 * 3) == pytest.approx(oracles["X.   = sum CE annotated /(6*3)"], abs=1e-7)
    dice = OverlapLoss(tree, dice_formula).double()(logits, targets).item()
    assert 1 - dice == pytest.approx(np.mean(oracles["PL.dice per class"]), abs=1e-9)
    both = build_loss("dice-cross-entropy(background=background)", tree, torch.float64)(logits, targets).item()
    assert both == pytest.approx(oracles["PL.CE + (1-Dice_fg)"], abs=1e-9)
    assert both - 1 == pytest.approx(oracles["PL.nnunet DC_and_CE = CE - mean Dice(fg only)"], abs=1e-9)
    assert both - 1 == pytest.approx(oracles["X.nnU-Net DC_and_CE_loss(ignore_label=3)"], abs=1e-6)
    as_background = OverlapLoss(tree, dice_formula).double()(logits, targets.clamp_min(1)).item()
    assert 1 - as_background == pytest.approx(
        np.mean(oracles["PL.WRONG: unlabeled treated as background, Dice per class"]), abs=1e-9
    )


def test_values_of_other_programs(oracles):
    assert wasserstein_dice("default", 1) == pytest.approx(oracles["X.monai 1.6.1 GWDL default"], abs=1e-6)
    assert wasserstein_dice("generalized", 1) == pytest.approx(oracles["X.monai 1.6.1 GWDL GDL"], abs=1e-6)
    assert wasserstein_dice("default", 2) == pytest.approx(oracles["X.monai GWDL batch2 default"], abs=1e-6)
    assert wasserstein_dice("default", 2) != pytest.approx(
        oracles["GWDL.batch2 value returned by OLD buggy MONAI (default)"], abs=1e-2
    )
    assert wasserstein_dice("default", 1) == pytest.approx(oracles["X.LucasFidon GWDL default (eps=np.spacing(1))"], abs=1e-5)
    logits, targets = two_channels(oracles["HD.pred"]), torch.tensor([oracles["HD.gt"]]).long() + 1
    tree = flat_tree("background", "object")
    for expression, key in (
        ("tversky(background=background)", "X.monai Tversky"),
        ("hausdorff(background=background)", "X.monai HausdorffDT"),
        ("log-hausdorff(background=background)", "X.monai LogHausdorffDT"),
        ("dice-focal(background=background)", "X.monai DiceFocal(sigmoid=True) on logit(pred)"),
    ):
        assert build_loss(expression, tree, torch.float64)(logits, targets).item() == pytest.approx(oracles[key], abs=1e-6)
    picture = two_channels(oracles["ARST.x"]), torch.tensor([oracles["ARST.y"]]).long() + 1
    for key in ("X.WltyBY adaptive HEAD", "X.WltyBY pool HEAD"):
        value = build_loss("region-tversky(size=2, background=background)", tree, torch.float64)(*picture).item()
        assert value == pytest.approx(oracles[key], abs=1e-6)
    partial, marks = torch.tensor(PARTIAL, dtype=torch.float64).log(), torch.tensor([1, 2, 3, -1, -1, 2])
    three = flat_tree("background", "a", "b")
    key = "X.monai DiceLoss(softmax,to_onehot,ignore_index=3) vs masked numpy mean(1-Dice) all 3 classes"
    assert build_loss("dice", three, torch.float64)(partial, marks).item() == pytest.approx(oracles[key][0], abs=1e-6)
    key = "X.monai FocalLoss(gamma=0,softmax,ignore_index=3) [mean over annotated voxels only]"
    assert build_loss("focal(gamma=0)", three, torch.float64)(partial, marks).item() == pytest.approx(oracles[key], abs=1e-6)


def test_focal_of_gamma_zero_is_cross_entropy(weighted_tree, oracles):
    loss = FocalLoss(weighted_tree, gamma=0.0)
    logits = torch.tensor([oracles["W.p"]], dtype=torch.float64).log()
    assert loss(logits, torch.tensor([4])).item() == pytest.approx(oracles["CE.leaf"], abs=1e-12)


def test_overlap_formulas_agree_for_equal_weights(oracles):
    tree = flat_tree("background", "object")
    picture = two_channels(oracles["ARST.x"]), torch.tensor([oracles["ARST.y"]]).long() + 1
    dice = OverlapLoss(tree, dice_formula, background="background").double()(*picture).item()
    tversky = (
        OverlapLoss(tree, lambda counts: tversky_formula(counts, 0.5, 0.5), background="background").double()(*picture).item()
    )
    assert dice == pytest.approx(tversky, abs=1e-6)
