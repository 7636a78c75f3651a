"""What the table of losses holds, and how each loss is made from a tree and the options of an expression."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import get_args, get_origin, get_type_hints

import torch
from torch import nn

from semseg_core.errors import InputError
from semseg_core.labels.tree import LabelTree
from semseg_core.losses.boundary import HausdorffLoss
from semseg_core.losses.catalog import Description
from semseg_core.losses.expression import Value
from semseg_core.losses.focal import FocalLoss
from semseg_core.losses.monai_losses import MonaiLoss
from semseg_core.losses.overlap import OverlapLoss, dice_formula, tversky_formula
from semseg_core.losses.regions import RegionTverskyLoss
from semseg_core.losses.soft_labels import SoftLabelLoss
from semseg_core.losses.wasserstein_dice import WassersteinDiceLoss
from semseg_core.losses.weights import PathWeights, cross_entropy_weights, hxe_weights, level_sum_weights, tree_weights

Numbers = float | tuple[float, ...]

KINDS = {float: "a number", tuple[float, ...]: "numbers like 1/0.5", bool: "yes or no", str: 'a word or "text"'}
"""What the values of options are called."""


@dataclass(frozen=True)
class TreeTerm:
    """What a tree loss adds to the one module that computes all tree losses of an expression together."""

    paths: PathWeights | None = None
    wasserstein: float = 0.0
    inner: str = "set"
    normalize: bool = True


@dataclass(frozen=True)
class Entry(Description):
    """One loss of the table: its words, and how it is made.

    Args:
        build: Makes the loss from the tree and keyword options; its keyword-only parameters are the options and their
            defaults. None for a name that stands for an expression.
    """

    build: Callable[..., nn.Module | TreeTerm] | None = None

    @property
    def options(self) -> dict[str, Value | None]:
        """Options and their defaults, those of a name that stands for an expression left out."""
        parameters = inspect.signature(self.build).parameters.values() if self.build else ()
        return {item.name: item.default for item in parameters if item.kind is item.KEYWORD_ONLY}

    @property
    def takes_any_option(self) -> bool:
        """Whether options are passed on to a library unseen."""
        parameters = inspect.signature(self.build).parameters.values() if self.build else ()
        return any(item.kind is item.VAR_KEYWORD for item in parameters)

    def made(self, tree: LabelTree, dtype: torch.dtype, options: Mapping[str, Value]) -> nn.Module | TreeTerm:
        """The loss with some options.

        Raises:
            InputError: If a value is of the wrong kind, or impossible.
        """
        hints = get_type_hints(self.build)
        for name, value in options.items():
            kinds = get_args(hints[name]) or (hints[name],) if name in self.options else ()
            if kinds and not any(_is_a(value, kind) for kind in kinds):
                wanted = " or ".join(words for kind, words in KINDS.items() if kind in kinds)
                raise InputError(f"loss '{self.name}': {name}={value}: give {wanted}")
        fixed = {"dtype": dtype} if "dtype" in hints else {}
        return self.build(tree, **fixed, **options)


def cross_entropy(tree: LabelTree) -> TreeTerm:
    """Masked cross-entropy."""
    return TreeTerm(cross_entropy_weights(tree))


def wasserstein(
    tree: LabelTree, *, alpha: float = 1.0, beta: float = 2.0, inner: str = "set", normalize: bool = True
) -> TreeTerm:
    """Cross-entropy plus Wasserstein distance."""
    alpha, beta = _factor("wasserstein", "alpha", alpha), _factor("wasserstein", "beta", beta)
    return TreeTerm(cross_entropy_weights(tree) * alpha, beta, inner, normalize)


def tree_cross_entropy(
    tree: LabelTree, *, weights: str | Numbers = "equal", top: float = 1.0, normalize: bool = False
) -> TreeTerm:
    """Hierarchy-weighted cross-entropy."""
    return TreeTerm(tree_weights(tree, weights, top, normalize))


def level_sum(tree: LabelTree) -> TreeTerm:
    """Cross-entropy on every level."""
    return TreeTerm(level_sum_weights(tree))


def hxe(tree: LabelTree, *, alpha: float = 0.5, normalize: bool = False) -> TreeTerm:
    """Hierarchical cross-entropy."""
    return TreeTerm(hxe_weights(tree, _factor("hxe", "alpha", alpha), normalize))


def wasserstein_dice(
    tree: LabelTree,
    dtype: torch.dtype,
    *,
    weighting: str = "default",
    background: str | None = None,
    ceiling: str = "one",
    inner: str = "set",
) -> nn.Module:
    """Generalised Wasserstein Dice."""
    return WassersteinDiceLoss(tree, weighting, background, ceiling, inner, dtype=dtype)


def dice(tree: LabelTree, *, background: str | None = None, absent: bool = True, pooled: bool = False) -> nn.Module:
    """Soft Dice."""
    return OverlapLoss(tree, dice_formula, background, absent, pooled)


def tversky(
    tree: LabelTree,
    *,
    alpha: float = 0.3,
    beta: float = 0.7,
    background: str | None = None,
    absent: bool = True,
    pooled: bool = False,
) -> nn.Module:
    """Tversky."""
    formula = partial(tversky_formula, alpha=_factor("tversky", "alpha", alpha), beta=_factor("tversky", "beta", beta))
    return OverlapLoss(tree, formula, background, absent, pooled)


def region_tversky(
    tree: LabelTree,
    *,
    boxes: Numbers = 16,
    size: Numbers | None = None,
    least: float = 0.3,
    span: float = 0.4,
    reduction: str = "mean",
    background: str | None = None,
    absent: bool = True,
    pooled: bool = False,
) -> nn.Module:
    """Adaptive region-specific Tversky."""
    least, span = _factor("region-tversky", "least", least), _factor("region-tversky", "span", span)
    return RegionTverskyLoss(tree, boxes, size, least, span, reduction, background, absent, pooled)


def focal(tree: LabelTree, *, gamma: float = 2.0) -> nn.Module:
    """Focal."""
    return FocalLoss(tree, gamma)


def hausdorff(
    tree: LabelTree, *, exponent: float = 2.0, spacing_mm: Numbers | None = None, background: str | None = None
) -> nn.Module:
    """Hausdorff by distance fields."""
    return HausdorffLoss(tree, exponent, False, spacing_mm, background)


def log_hausdorff(
    tree: LabelTree, *, exponent: float = 2.0, spacing_mm: Numbers | None = None, background: str | None = None
) -> nn.Module:
    """Its logarithm."""
    return HausdorffLoss(tree, exponent, True, spacing_mm, background)


def soft_labels(tree: LabelTree, dtype: torch.dtype, *, beta: float = 10.0) -> nn.Module:
    """Hierarchical soft labels."""
    return SoftLabelLoss(tree, beta, dtype)


def monai(tree: LabelTree, *, loss: str = "DiceFocalLoss", **options: Value) -> nn.Module:
    """A loss of MONAI; it checks its options itself."""
    return MonaiLoss(tree, loss, options)


def _is_a(value: object, kind: object) -> bool:
    """Whether the value of an option is of a kind; whole numbers will do for numbers, yes and no will not."""
    if kind is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if get_origin(kind) is tuple:
        return isinstance(value, tuple) and all(_is_a(part, float) for part in value)
    return isinstance(value, kind)


def _factor(loss: str, option: str, value: float) -> float:
    """The value of an option that is a factor."""
    if not 0 <= value < float("inf"):
        raise InputError(f"loss '{loss}': {option}={value}: give a number, 0 or more")
    return value
