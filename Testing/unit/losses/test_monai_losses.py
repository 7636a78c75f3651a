"""Agreement with MONAI, where the definitions coincide, and the adapter to its losses. Written against MONAI 1.6.1."""

from __future__ import annotations

import sys

import pytest
import torch

from semseg_core.errors import DependencyError, InputError
from semseg_core.labels.encode import leaf_distances
from semseg_core.labels.tree import Label, LabelTree
from semseg_core.losses.table import build_loss

monai_losses = pytest.importorskip("monai.losses")

UNKNOWN = 5
"""What MONAI is told to ignore: one more than the last leaf."""


def is_recent() -> bool:
    """Whether MONAI has ignore_index, and batches of GWDL without the fault of earlier versions."""
    import inspect

    return "ignore_index" in inspect.signature(monai_losses.DiceLoss).parameters


pytestmark = pytest.mark.skipif(not is_recent(), reason="MONAI is older than 1.6")


@pytest.fixture
def star() -> LabelTree:
    """Background first, then four leaves of which two pairs are near: distances as MONAI's GWDL wants them."""
    pairs = [Label(3, "P", 3, parent=1), Label(4, "Q", 4, parent=1)]
    leaves = [Label(5 + i, f"leaf {i}", 5 + i, parent=3 + i // 2, length=0.5) for i in range(4)]
    return LabelTree((Label(1, "root", 1), Label(2, "background", 2, parent=1, length=1.5), *pairs, *leaves))


def voxels(tree: LabelTree, unknown: bool = True) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Logits, our targets and MONAI's, of two items."""
    draw = torch.Generator().manual_seed(0)
    logits = 2.0 * torch.randn(2, 5, 6, 7, generator=draw, dtype=torch.float64)
    leaves = torch.randint(5 + unknown, (2, 6, 7), generator=draw)
    positions = torch.tensor([*(tree.position(leaf.id) for leaf in tree.leaves), -1])[leaves]
    return logits, positions, leaves.unsqueeze(1)


def assert_same(
    ours: torch.nn.Module, theirs: torch.nn.Module, tree: LabelTree, unknown: bool = True, rtol: float = 1e-6
) -> None:
    """The same value and gradient, up to the precision MONAI works in."""
    logits, positions, leaves = voxels(tree, unknown)
    mine, monais = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    value, reference = ours(mine, positions), theirs(monais, leaves)
    value.backward()
    reference.backward()
    torch.testing.assert_close(value, reference.to(value), rtol=rtol, atol=rtol)
    difference = (mine.grad - monais.grad).norm() / monais.grad.norm()
    assert difference <= rtol


@pytest.mark.parametrize("background", [True, False])
def test_dice_and_tversky_with_unknown_voxels(star, background):
    options = "" if background else "background=background"
    settings = {"to_onehot_y": True, "softmax": True, "include_background": background, "ignore_index": UNKNOWN}
    assert_same(build_loss(f"dice({options})", star, torch.float64), monai_losses.DiceLoss(**settings), star)
    theirs = monai_losses.TverskyLoss(alpha=0.3, beta=0.7, **settings)
    assert_same(build_loss(f"tversky({options})", star, torch.float64), theirs, star)


def test_pooled_dice_is_the_batch_option(star):
    theirs = monai_losses.DiceLoss(to_onehot_y=True, softmax=True, batch=True, ignore_index=UNKNOWN)
    assert_same(build_loss("dice(pooled=yes)", star, torch.float64), theirs, star)


def test_focal_loss_divides_by_voxels_as_the_ignoring_form_does(star):
    theirs = monai_losses.FocalLoss(gamma=2.0, to_onehot_y=True, use_softmax=True, ignore_index=UNKNOWN)
    assert_same(build_loss("focal", star, torch.float64), theirs, star, rtol=1e-5)
    plain = monai_losses.FocalLoss(gamma=2.0, to_onehot_y=True, use_softmax=True)
    logits, positions, leaves = voxels(star, unknown=False)
    ours = build_loss("focal", star, torch.float64)(logits, positions)
    assert ours.item() == pytest.approx(5 * plain(logits, leaves).item(), rel=1e-5)  # without it, by leaves too


@pytest.mark.parametrize(("ours", "mode"), [("default", "default"), ("generalized", "GDL")])
def test_wasserstein_dice_on_batches(star, ours, mode):
    theirs = monai_losses.GeneralizedWassersteinDiceLoss(leaf_distances(star), weighting_mode=mode)
    expression = f"wasserstein-dice(weighting={ours}, background=background)"
    assert_same(build_loss(expression, star, torch.float64), theirs, star, unknown=False, rtol=1e-5)


@pytest.mark.parametrize("background", [True, False])
@pytest.mark.parametrize(("name", "kind"), [("hausdorff", "HausdorffDTLoss"), ("log-hausdorff", "LogHausdorffDTLoss")])
def test_hausdorff_loss_and_its_gradient(star, background, name, kind):
    options = "" if background else "(background=background)"
    theirs = getattr(monai_losses, kind)(to_onehot_y=True, softmax=True, include_background=background)
    assert_same(build_loss(name + options, star, torch.float64), theirs, star, unknown=False, rtol=1e-6)


def test_dice_focal_of_monai_keeps_the_sigmoid_in_its_focal_part(star):
    logits, positions, leaves = voxels(star, unknown=False)
    adapted = build_loss("monai(loss=DiceFocalLoss)", star, torch.float64)(logits, positions)
    theirs = monai_losses.DiceFocalLoss(to_onehot_y=True, softmax=True)(logits, leaves)
    assert adapted.item() == pytest.approx(theirs.item())
    assert adapted.item() != pytest.approx(build_loss("dice-focal", star, torch.float64)(logits, positions).item(), rel=0.05)


@pytest.mark.parametrize(
    "expression",
    [
        "monai(loss=DiceLoss)",
        "monai(loss=TverskyLoss, alpha=0.3, beta=0.7)",
        "monai(loss=FocalLoss, gamma=3)",
    ],
)
def test_adapter_leaves_out_unknown_voxels(star, brute, expression):
    logits, positions, _ = voxels(star)
    loss = build_loss(expression, star, torch.float64)
    gradient = brute.gradient(lambda x: loss(x, positions), logits)
    assert not gradient[(positions < 0).unsqueeze(1).expand_as(gradient)].any()
    known = positions > 0
    rows = logits.movedim(1, -1)[known], positions[known]
    assert loss(*rows).isfinite()
    assert loss(logits, torch.full_like(positions, -1)).item() == 0.0


def test_adapter_gives_the_tree_to_the_loss_that_wants_distances(star):
    logits, positions, leaves = voxels(star, unknown=False)
    theirs = monai_losses.GeneralizedWassersteinDiceLoss(leaf_distances(star), weighting_mode="GDL")(logits, leaves)
    ours = build_loss("monai(loss=GeneralizedWassersteinDiceLoss, weighting_mode=GDL)", star, torch.float64)(logits, positions)
    assert ours.item() == pytest.approx(theirs.item())


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("monai(loss=PerceptualLoss)", "no segmentation loss 'PerceptualLoss'; choose among .*DiceLoss"),
        ("monai(loss=__builtins__)", "character 12"),
        ("monai(loss=DiceLoss, colour=3)", "has no option 'colour'; it has include_background"),
        ("monai(loss=DiceLoss, reduction=strange)", "DiceLoss refuses its options|reduction"),
        ("monai(loss=DiceLoss, sigmoid=yes, softmax=yes)", "refuses its options"),
    ],
)
def test_what_monai_does_not_know_is_named(star, expression, message):
    with pytest.raises(InputError, match=message):
        build_loss(expression, star)


def test_unknown_voxels_and_inner_marks_are_refused_where_monai_has_no_way(star):
    logits, positions, _ = voxels(star)
    with pytest.raises(InputError, match="cannot leave out unknown voxels"):
        build_loss("monai", star, torch.float64)(logits, positions)
    with pytest.raises(InputError, match="no marks on inner labels"):
        build_loss("monai(loss=DiceLoss)", star, torch.float64)(logits, torch.full_like(positions, 2))


def test_without_monai_the_remedy_is_named(star, monkeypatch):
    monkeypatch.setitem(sys.modules, "monai.losses", None)
    with pytest.raises(DependencyError, match="pip install monai"):
        build_loss("monai", star)
