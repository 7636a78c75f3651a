"""The one table from name to loss, and the way from an expression to a module."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import nn

from semseg_core.errors import InputError, LabelTreeError
from semseg_core.labels.tree import LabelTree
from semseg_core.losses import entries
from semseg_core.losses.boundary import HausdorffLoss
from semseg_core.losses.entries import Entry, TreeTerm
from semseg_core.losses.expression import Value, parse
from semseg_core.losses.ground import GroundDistances
from semseg_core.losses.tree import TreeLoss

DEFAULT_LOSS = "cross-entropy + 0.3*tree-cross-entropy"
"""What training uses where nothing is said; costs little more than cross-entropy, and helps the coarse levels most."""

ENTRIES = (
    Entry(
        "default",
        "Recommended: cross-entropy on the leaves, and a little of it on every level above.",
        DEFAULT_LOSS,
        "Our choice: from 3 500 scribbled voxels of a brain it was level with or above all else we tried, by a margin of noise.",
        "When you do not know which to take.",
        expression=DEFAULT_LOSS,
    ),
    Entry(
        "cross-entropy",
        "Cross-entropy on annotated voxels only.",
        "-log P(mark)",
        "Partial loss of nnU-Net; on inner labels the marginal of Fidon et al. 2021.",
        "As the plain baseline, and as a part of most sums.",
        entries.cross_entropy,
    ),
    Entry(
        "wasserstein",
        "Cross-entropy plus how far along the tree the probabilities must move to reach the mark.",
        "alpha (-log P(mark)) + beta Σ_l p_l M(mark, l)",
        "Wang et al. 2025, arXiv 2507.15777. Path lengths as M, its maximum of 1, alpha and beta are our choice.",
        "When a mistake across groups should cost more than one within a group.",
        entries.wasserstein,
    ),
    Entry(
        "tree-cross-entropy",
        "Cross-entropy of the mark and of every label above it, weighted equally, by level, by edge length, or at the top only.",
        "Σ_{v on the path to the mark} w_v (-log P_v)",
        "Wang et al. 2025, arXiv 2507.15777, for the idea; the formula is our reconstruction.",
        "When coarse labels must be right before fine ones; weights=top for sparse marks in few coarse groups.",
        entries.tree_cross_entropy,
    ),
    Entry(
        "wasserstein-dice",
        "Dice loss in which a voxel is wrong by how far it is from its mark along the tree.",
        "1 - 2 Σ a (1 - W) / (2 Σ a (1 - W) + Σ W)",
        "Fidon et al. 2017; weighting=generalized by Tilborghs et al. 2020.",
        "With cross-entropy, for many small classes; not alone, since it hardly corrects a confident mistake.",
        entries.wasserstein_dice,
    ),
    Entry(
        "wasserstein-dice-cross-entropy",
        "Wasserstein Dice and cross-entropy in equal parts.",
        "cross-entropy + wasserstein-dice",
        "Fidon et al. and Shit et al. train with this sum; whether Wang et al. 2025 do is not known.",
        "For dense labels of many classes.",
        expression="cross-entropy + wasserstein-dice",
    ),
    Entry(
        "region-tversky",
        "Tversky loss in boxes of the volume, each weighing false positives and negatives by its own errors.",
        "1 - TP / (TP + alpha FP + beta FN), alpha = A + B FP / (FP + FN), beta = A + B FN / (FP + FN), means per box",
        "Chen et al., IEEE TPAMI 45(11), 2023, by two re-implementations; the mean over boxes is our choice, the paper sums.",
        "For dense labels in which errors gather in places; as a small part beside cross-entropy.",
        entries.region_tversky,
    ),
    Entry(
        "dice",
        "Soft Dice on annotated voxels only.",
        "1 - 2 Σ p y / (Σ p + Σ y)",
        "MONAI's DiceLoss and nnU-Net's masked Dice.",
        "With cross-entropy, for small structures among densely labelled background.",
        entries.dice,
    ),
    Entry(
        "focal",
        "Cross-entropy that counts unsure voxels more.",
        "(1 - P(mark))^gamma (-log P(mark))",
        "Lin et al. 2017, on softmax probabilities.",
        "When easy voxels outnumber hard ones by far.",
        entries.focal,
    ),
    Entry(
        "tversky",
        "Dice with weights of its own for false positives and false negatives.",
        "1 - TP / (TP + alpha FP + beta FN)",
        "Salehi et al. 2017; 0.3 and 0.7 as in Usman et al. 2025, arXiv 2502.09148.",
        "For small lesions that must not be missed.",
        entries.tversky,
    ),
    Entry(
        "dice-focal",
        "Dice and focal loss in equal parts.",
        "dice + focal",
        "Usman et al. 2025; MONAI's DiceFocalLoss, but with the focal loss on softmax probabilities.",
        "For lesions of uneven size.",
        expression="dice + focal",
    ),
    Entry(
        "hausdorff",
        "Squared error weighed by the squared distance to the predicted and to the true boundary.",
        "mean over voxels of (p - y)² (d_predicted² + d_true²)",
        "Karimi and Salcudean 2019; MONAI's HausdorffDTLoss.",
        "As a small part beside an overlap loss, on densely labelled boxes.",
        entries.hausdorff,
    ),
    Entry(
        "log-hausdorff",
        "Logarithm of one plus the Hausdorff loss, which tames outliers.",
        "log(1 + hausdorff)",
        "MONAI's LogHausdorffDTLoss; Usman et al. 2025.",
        "Instead of hausdorff in sums, since its size is that of the other losses.",
        entries.log_hausdorff,
    ),
    Entry(
        "dice-focal-hausdorff",
        "Dice and focal loss with a little of the boundary.",
        "0.9*dice + 0.9*focal + 0.1*log-hausdorff",
        "Usman et al. 2025, arXiv 2502.09148 (validated on four patients).",
        "For lesions whose outline matters, on densely labelled boxes.",
        expression="0.9*dice + 0.9*focal + 0.1*log-hausdorff",
    ),
    Entry(
        "tversky-hausdorff",
        "Tversky loss with a little of the boundary.",
        "0.9*tversky + 0.1*log-hausdorff",
        "Usman et al. 2025, arXiv 2502.09148: their best Dice, on four patients.",
        "For small lesions whose outline matters, on densely labelled boxes.",
        expression="0.9*tversky + 0.1*log-hausdorff",
    ),
    Entry(
        "dice-cross-entropy",
        "Dice and cross-entropy in equal parts, on annotated voxels only.",
        "cross-entropy + dice",
        "nnU-Net's partial loss, which is this less 1, and leaves the background out of Dice.",
        "For comparison: the strongest baseline of ScribbleBench (Gotkowski et al. 2025).",
        expression="cross-entropy + dice",
    ),
    Entry(
        "level-sum",
        "Cross-entropy on every level, a shallow leaf counting again for the levels it does not reach.",
        "Σ_levels -log P(label of the mark at that level)",
        "Müller and Smith, VISAPP 2020, and their code.",
        "For comparison.",
        entries.level_sum,
    ),
    Entry(
        "hxe",
        "Hierarchical cross-entropy: conditional probabilities along the path, deeper ones counting less.",
        "Σ_{v on the path} exp(-alpha depth(v)) (-log P(v | parent))",
        "Bertinetto et al., CVPR 2020, and their code; normalize=yes divides as the code does.",
        "For comparison.",
        entries.hxe,
    ),
    Entry(
        "soft-labels",
        "Cross-entropy against labels that share some probability with near leaves.",
        "-Σ_l q_l log p_l, q_l in proportion to exp(-beta d(l, mark))",
        "Bertinetto et al., CVPR 2020.",
        "For comparison.",
        entries.soft_labels,
    ),
    Entry(
        "monai",
        "Any segmentation loss of MONAI, with its own options: monai(loss=DiceFocalLoss, gamma=3).",
        "as MONAI computes it",
        "monai.losses; tested with MONAI 1.6.1.",
        "For comparison, and for losses that are not in this table.",
        entries.monai,
    ),
)

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
