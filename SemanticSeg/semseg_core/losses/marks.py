"""What a mark says about the leaves: which it may be, and how probable it is."""

from __future__ import annotations

import torch
from torch import nn

from semseg_core.errors import InputError
from semseg_core.labels.encode import leaf_ranges
from semseg_core.labels.tree import LabelTree
from semseg_core.losses.positions import leaf_mask


class Marks(nn.Module):
    """Leaves under every label of a tree.

    Args:
        tree: The label tree.
    """

    def __init__(self, tree: LabelTree) -> None:
        super().__init__()
        ranges = torch.from_numpy(leaf_ranges(tree))
        self.leaf_count, self.label_count = len(tree.leaves), len(tree)
        self.register_buffer("ranges", ranges, persistent=False)
        self.register_buffer("first_leaf", ranges[:, 0].contiguous(), persistent=False)
        self.register_buffer("is_leaf", torch.from_numpy(leaf_mask(tree)), persistent=False)

    def inner(self, positions: torch.Tensor) -> torch.Tensor:
        """Indices of the marks that lie on inner labels."""
        return torch.nonzero(~self.is_leaf[positions]).squeeze(1)

    def outside(self, positions: torch.Tensor) -> torch.Tensor:
        """Which leaves a mark rules out, (M, L) bool."""
        leaves = torch.arange(self.leaf_count, device=positions.device)
        start, stop = self.ranges[positions].unsqueeze(2).unbind(1)
        return (leaves < start) | (leaves >= stop)

    def log_probability(self, log_probabilities: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        """Log of the probability that the mark is right, (M,): of its leaves together."""
        result = log_probabilities.gather(1, self.first_leaf[positions].unsqueeze(1)).squeeze(1)
        inner = self.inner(positions)
        if len(inner):
            inside = log_probabilities[inner].masked_fill(self.outside(positions[inner]), -torch.inf)
            result[inner] = inside.logsumexp(1)
        return result

    def add_shares(self, gradient: torch.Tensor, logits: torch.Tensor, positions: torch.Tensor, factors: torch.Tensor) -> None:
        """Add in place, times a factor (M,), what share each leaf has in the probability of the mark, (M, L).

        Less p, that is the derivative of `log_probability` by the logits. It is taken from the logits, not their log-softmax,
        which has lost digits where the mark is improbable.
        """
        inner = self.inner(positions)
        factors_at_leaf = factors
        if len(inner):
            inside = logits[inner].masked_fill(self.outside(positions[inner]), -torch.inf)
            gradient.index_add_(0, inner, inside.softmax(1) * factors[inner].unsqueeze(1))
            factors_at_leaf = factors.index_fill(0, inner, 0.0)
        gradient.scatter_add_(1, self.first_leaf[positions].unsqueeze(1), factors_at_leaf.unsqueeze(1))


def leaf_index(tree: LabelTree, key: str, option: str) -> int:
    """Leaf index of the label an option names, by path, name or code.

    Raises:
        LabelTreeError: If no label, or more than one, is called so.
        InputError: If it is not a leaf.
    """
    label = tree.find(key)
    if not tree.is_leaf(label.id):
        raise InputError(f"loss option {option}='{key}': {label} is not a leaf; name a leaf")
    return tree.leaf_range(label.id)[0]
