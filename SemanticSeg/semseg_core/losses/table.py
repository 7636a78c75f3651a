"""The one table from name to loss, and the way from an expression to a module."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from semseg_core.errors import InputError
from semseg_core.labels.tree import LabelTree
from semseg_core.losses.expression import Term, Value, parse
from semseg_core.losses.ground import GroundDistances
from semseg_core.losses.tree import TreeLoss
from semseg_core.losses.weights import PathWeights, cross_entropy_weights, tree_weights

DEFAULT_LOSS = "cross-entropy + 0.3*tree-cross-entropy"
"""What training uses where nothing is said: the best leaf Dice we measured from scribbles, by a margin of noise."""


@dataclass(frozen=True)
class TreeTerm:
    """What a tree loss adds to the one module that computes all tree losses of an expression together."""

    paths: PathWeights | None = None
    wasserstein: float = 0.0
    inner: str = "set"
    normalize: bool = True


@dataclass(frozen=True)
class Entry:
    """One loss of the table.

    Args:
        name: As in expressions.
        sentence: What it is, in one sentence.
        formula: For one annotated voxel unless it says otherwise; mean over voxels.
        source: Paper or code, and what is our choice.
        when: When to use it.
        build: Makes the loss from the tree and keyword options; the options and their defaults are its keyword-only parameters.
    """

    name: str
    sentence: str
    formula: str
    source: str
    when: str
    build: Callable[..., nn.Module | TreeTerm]

    @property
    def options(self) -> dict[str, Value]:
        """Options and their defaults."""
        parameters = inspect.signature(self.build).parameters.values()
        return {item.name: item.default for item in parameters if item.kind is item.KEYWORD_ONLY and item.name != "dtype"}


class WeightedSum(nn.Module):
    """Sum of losses times their factors.

    Args:
        expression: What it was built from.
        terms: Factor and loss.
    """

    def __init__(self, expression: str, terms: list[tuple[float, nn.Module]]) -> None:
        super().__init__()
        self.expression = expression
        self.factors = [factor for factor, _ in terms]
        self.losses = nn.ModuleList(loss for _, loss in terms)

    def forward(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The loss, a scalar; arguments as those of `TreeLoss`."""
        values = [loss(logits, targets) for loss in self.losses]
        return sum(value if factor == 1.0 else factor * value for factor, value in zip(self.factors, values, strict=True))

    def extra_repr(self) -> str:
        """The expression."""
        return self.expression


def build_loss(expression: str, tree: LabelTree, dtype: torch.dtype = torch.float32, **options: Value) -> WeightedSum:
    """The loss of an expression: `module(logits, targets)` gives a scalar.

    Args:
        expression: Names of the table with factors and options, see `expression.py`.
        tree: The label tree; its leaves, in order, are the channels.
        dtype: Of the module's tables; float64 for float64 logits.
        options: Options for every loss of the expression that knows them; what the expression says comes first.

    Raises:
        InputError: If the expression cannot be read, or a loss or an option is unknown or has an impossible value.
    """
    modules: list[tuple[float, nn.Module]] = []
    tree_terms: list[tuple[float, TreeTerm]] = []
    used: set[str] = set()
    for term in parse(expression):
        entry = _entry(term)
        common = {name: value for name, value in options.items() if name in entry.options}
        used.update(common)
        built = entry.build(tree, **{**common, **term.options}, dtype=dtype)
        (tree_terms if isinstance(built, TreeTerm) else modules).append((term.factor, built))
    if set(options) - used:
        raise InputError(f"loss '{expression}': none of its losses has an option '{min(set(options) - used)}'")
    return WeightedSum(expression, [(1.0, loss) for loss in _tree_losses(tree, tree_terms, dtype)] + modules)


def _entry(term: Term) -> Entry:
    """The entry of a term, after refusing options it does not know."""
    if term.name not in LOSSES:
        raise InputError(f"loss '{term.name}': unknown; choose among {', '.join(LOSSES)}")
    entry = LOSSES[term.name]
    for option in term.options:
        if option not in entry.options:
            raise InputError(f"loss '{term.name}': it has no option '{option}'; it has {', '.join(entry.options) or 'none'}")
    return entry


def _tree_losses(tree: LabelTree, terms: list[tuple[float, TreeTerm]], dtype: torch.dtype) -> list[TreeLoss]:
    """All tree terms as one module, since one softmax serves them all; one more for each further kind of distance."""
    weighted = [term.paths * factor for factor, term in terms if term.paths is not None]
    paths = sum(weighted[1:], weighted[0]) if weighted else None
    kinds: dict[tuple[str, bool], float] = {}
    for factor, term in terms:
        if factor * term.wasserstein > 0:
            kind = (term.inner, term.normalize)
            kinds[kind] = kinds.get(kind, 0.0) + factor * term.wasserstein
    distances = [GroundDistances(tree, *kind, scale, dtype) for kind, scale in kinds.items()]
    if not terms:
        return []
    first = TreeLoss(tree, paths, distances[0] if distances else None, dtype)
    return [first, *(TreeLoss(tree, None, further, dtype) for further in distances[1:])]


def _cross_entropy(tree: LabelTree, *, dtype: torch.dtype) -> TreeTerm:
    del dtype
    return TreeTerm(cross_entropy_weights(tree))


def _wasserstein(
    tree: LabelTree, *, alpha: float = 1.0, beta: float = 2.0, inner: str = "set", normalize: bool = True, dtype: torch.dtype
) -> TreeTerm:
    del dtype
    for name, value in (("alpha", alpha), ("beta", beta)):
        if not isinstance(value, (int, float)) or value < 0:
            raise InputError(f"wasserstein: {name} {value}: give a number, 0 or more")
    return TreeTerm(cross_entropy_weights(tree) * alpha, beta, inner, normalize)


def _tree_cross_entropy(
    tree: LabelTree,
    *,
    weights: str | float | tuple[float, ...] = "equal",
    top: float = 1.0,
    normalize: bool = False,
    dtype: torch.dtype,
) -> TreeTerm:
    del dtype
    return TreeTerm(tree_weights(tree, weights, top, normalize))


ENTRIES = (
    Entry(
        "cross-entropy",
        "Cross-entropy over the leaves, on annotated voxels only.",
        "-log P(mark)",
        "Partial loss of nnU-Net; on inner labels the marginal of Fidon et al. 2021.",
        "The plain baseline; part of most sums.",
        _cross_entropy,
    ),
    Entry(
        "wasserstein",
        "Cross-entropy plus the distance along the tree that the probabilities must move to reach the mark.",
        "alpha (-log P(mark)) + beta Σ_l p_l M(l, mark)",
        "Wang et al. 2025, arXiv 2507.15777; alpha, beta and the scaling of M to maximum 1 are our choice.",
        "When a mistake within a group should cost less than one across groups.",
        _wasserstein,
    ),
    Entry(
        "tree-cross-entropy",
        "Cross-entropy of the mark and of all labels above it, weighted by level, by edge length, or for the top level alone.",
        "Σ_{v on the path of the mark} w_v (-log P_v)",
        "Wang et al. 2025 (the idea); the formula is our reconstruction. Equal weights: Müller and Smith 2020.",
        "When coarse labels must be right before fine ones; weights=top for sparse marks of few coarse groups.",
        _tree_cross_entropy,
    ),
)

LOSSES = {entry.name: entry for entry in ENTRIES}
"""All losses by name."""
