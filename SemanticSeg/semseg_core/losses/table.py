"""The one table from name to loss, and the way from an expression to a module."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import nn

from semseg_core.errors import InputError, LabelTreeError
from semseg_core.labels.tree import LabelTree
from semseg_core.losses import entries
from semseg_core.losses.boundary import HausdorffLoss
from semseg_core.losses.catalog import DESCRIPTIONS
from semseg_core.losses.entries import Entry, TreeTerm
from semseg_core.losses.expression import Value, parse
from semseg_core.losses.ground import GroundDistances
from semseg_core.losses.tree import TreeLoss

BUILDERS = {
    "cross-entropy": entries.cross_entropy,
    "wasserstein": entries.wasserstein,
    "tree-cross-entropy": entries.tree_cross_entropy,
    "wasserstein-dice": entries.wasserstein_dice,
    "region-tversky": entries.region_tversky,
    "dice": entries.dice,
    "focal": entries.focal,
    "tversky": entries.tversky,
    "hausdorff": entries.hausdorff,
    "log-hausdorff": entries.log_hausdorff,
    "level-sum": entries.level_sum,
    "hxe": entries.hxe,
    "soft-labels": entries.soft_labels,
    "monai": entries.monai,
}
"""What makes each loss; names that stand for an expression are not in it."""

ENTRIES = tuple(Entry(**vars(words), build=BUILDERS.get(words.name)) for words in DESCRIPTIONS)

LOSSES = {entry.name: entry for entry in ENTRIES}
"""All losses by name."""


class WeightedSum(nn.Module):
    """Sum of losses times their factors.

    Args:
        expression: What it was built from.
        terms: Factor and loss.
    """

    def __init__(self, expression: str, terms: Sequence[tuple[float, nn.Module]]) -> None:
        super().__init__()
        self.expression = expression
        self.factors = [factor for factor, _ in terms]
        self.losses = nn.ModuleList(loss for _, loss in terms)

    def forward(
        self, logits: torch.Tensor, targets: torch.Tensor, boxes: Sequence[Sequence[Sequence[int]] | None] | None = None
    ) -> torch.Tensor:
        """The loss, a scalar.

        Args:
            logits: (N, L) rows of annotated voxels, or (B, L, *spatial).
            targets: Positions in depth-first order, (N,) or (B, *spatial) integers; -1 is unknown.
            boxes: Densely labelled box of each item, for Hausdorff losses; see `HausdorffLoss`.
        """
        total: torch.Tensor | float = 0.0
        for factor, loss in zip(self.factors, self.losses, strict=True):
            value = loss(logits, targets, boxes) if isinstance(loss, HausdorffLoss) else loss(logits, targets)
            # A factor of 1 is not multiplied, so that the gradient need not be scaled.
            total = total + (value if factor == 1.0 else factor * value)
        return total

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
        LabelTreeError: If the tree has only a root.
    """
    if len(tree) == 1:
        raise LabelTreeError(f"label tree '{tree.title}': it has one label, {tree.root}, and nothing to tell it from; add labels")
    modules: list[tuple[float, nn.Module]] = []
    tree_terms: list[tuple[float, TreeTerm]] = []
    used: set[str] = set()
    for factor, entry, chosen in _entries(expression, 1.0, {}):
        if factor == 0.0:
            continue
        common = {name: value for name, value in options.items() if name in entry.options}
        used.update(common)
        built = entry.made(tree, dtype, {**common, **chosen})
        if isinstance(built, TreeTerm):
            tree_terms.append((factor, built))
        else:
            modules.append((factor, built))
    if set(options) - used:
        raise InputError(f"loss '{expression}': none of its losses has an option '{min(set(options) - used)}'")
    terms = [(1.0, loss) for loss in _tree_losses(tree, tree_terms, dtype)] + modules
    if not terms:
        raise InputError(f"loss '{expression}': all its terms have weight 0; give one of them a weight")
    return WeightedSum(expression, terms)


def find_entry(name: str) -> Entry:
    """The entry of a name.

    Raises:
        InputError: If there is none.
    """
    if name not in LOSSES:
        raise InputError(f"loss '{name}': unknown; choose among {', '.join(LOSSES)}")
    return LOSSES[name]


def default_options(entry: Entry) -> dict[str, Value | None]:
    """The options a name takes and their defaults; those of a name that stands for an expression are those of its parts."""
    if not entry.expression:
        return entry.options
    return {name: value for term in parse(entry.expression) for name, value in default_options(find_entry(term.name)).items()}


def _entries(expression: str, factor: float, options: Mapping[str, Value]) -> Iterator[tuple[float, Entry, dict[str, Value]]]:
    """Factor, entry and chosen options of every loss of an expression, names that stand for expressions resolved.

    Args:
        expression: What to read.
        factor: On all of it.
        options: Chosen for all its losses that know them.
    """
    for term in parse(expression):
        entry = find_entry(term.name)
        known = default_options(entry)
        for option in term.options:
            if option not in known and not entry.takes_any_option:
                raise InputError(f"loss '{term.name}': it has no option '{option}'; it has {', '.join(known) or 'none'}")
        chosen = {**{name: value for name, value in options.items() if name in known}, **term.options}
        if entry.expression:
            yield from _entries(entry.expression, factor * term.factor, chosen)
        else:
            yield factor * term.factor, entry, chosen


def _tree_losses(tree: LabelTree, terms: Sequence[tuple[float, TreeTerm]], dtype: torch.dtype) -> list[TreeLoss]:
    """All tree terms as one module, since one softmax serves them all; one more for each further kind of distance."""
    weighted = [term.paths * factor for factor, term in terms if term.paths is not None]
    paths = sum(weighted[1:], weighted[0]) if weighted else None
    kinds: dict[tuple[str, bool], float] = {}
    for factor, term in terms:
        if term.wasserstein > 0:
            kind = (term.inner, term.normalize)
            kinds[kind] = kinds.get(kind, 0.0) + factor * term.wasserstein
    distances = [GroundDistances(tree, *kind, scale, dtype) for kind, scale in kinds.items()]
    if not terms:
        return []
    first = TreeLoss(tree, paths, distances[0] if distances else None, dtype)
    return [first, *(TreeLoss(tree, None, further, dtype) for further in distances[1:])]
