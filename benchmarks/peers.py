"""What our losses are compared with: trees and volumes to compare on, and the losses a newcomer or MONAI would use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import avg_pool3d, one_hot

from semseg_core.labels.encode import edge_lengths, leaf_ranges
from semseg_core.labels.tree import Label, LabelTree


@dataclass(frozen=True)
class Problem:
    """Dense logits of one volume, its labels, and the marks of which a share is kept.

    Args:
        tree: Random, 2 to 5 children a label.
        logits: (1, L, n, n, n).
        leaves: Leaf index of every voxel, (1, n, n, n).
        positions: The same as positions in the tree.
        annotated: Flat indices of the annotated voxels.
    """

    tree: LabelTree
    logits: torch.Tensor
    leaves: torch.Tensor
    positions: torch.Tensor
    annotated: torch.Tensor

    @property
    def sparse_leaves(self) -> torch.Tensor:
        """Leaf indices with -100, PyTorch's own, where not annotated."""
        return self._sparse(self.leaves, -100)

    @property
    def sparse_positions(self) -> torch.Tensor:
        """Positions with -1 where not annotated."""
        return self._sparse(self.positions, -1)

    def rows(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Logits (N, L), leaf indices and positions of the annotated voxels."""
        logits = self.logits.flatten(2)[0][:, self.annotated].t().contiguous()
        return logits, self.leaves.flatten()[self.annotated], self.positions.flatten()[self.annotated]

    def _sparse(self, dense: torch.Tensor, unknown: int) -> torch.Tensor:
        result = torch.full_like(dense, unknown).flatten()
        result[self.annotated] = dense.flatten()[self.annotated]
        return result.view_as(dense)


def make_problem(leaf_count: int, size: int, share: float, device: torch.device, seed: int = 0) -> Problem:
    """Blobs around random centers, logits that are mostly right, strokes replaced by random voxels."""
    generator = torch.Generator().manual_seed(seed)
    tree = random_tree(leaf_count, seed)
    grid = torch.stack(torch.meshgrid(*[torch.arange(size)] * 3, indexing="ij"), -1).view(-1, 3).float()
    centers = torch.rand(leaf_count, 3, generator=generator) * size
    leaves = torch.cat([torch.cdist(part, centers).argmin(1) for part in grid.split(1 << 15)])
    logits = torch.randn(leaf_count, size**3, generator=generator)
    logits.scatter_add_(0, leaves.roll(size)[None], torch.full((1, size**3), 6.0))
    count = max(1, round(share * size**3))
    annotated = torch.arange(size**3) if share == 1 else torch.randperm(size**3, generator=generator)[:count].sort().values
    positions = torch.tensor([tree.position(leaf.id) for leaf in tree.leaves])[leaves]
    shape = (1, size, size, size)
    return Problem(
        tree,
        logits.view(1, leaf_count, size, size, size).to(device),
        leaves.view(shape).to(device),
        positions.view(shape).to(device),
        annotated.to(device),
    )


def random_tree(leaf_count: int, seed: int = 0) -> LabelTree:
    """A tree of 2 to 5 children a label, with edges half as long a level further down."""
    generator = np.random.default_rng(seed)
    labels = [Label(1, "root", 1)]

    def grow(parent: int, leaves: int, depth: int) -> None:
        parts = min(leaves, int(generator.integers(2, 6)))
        cuts = np.sort(generator.choice(np.arange(1, leaves), parts - 1, replace=False))
        for size in np.diff([0, *cuts, leaves]).tolist():
            number = len(labels) + 1
            labels.append(Label(number, f"label {number}", number, parent=parent, length=0.5**depth))
            if size > 1:
                grow(number, size, depth + 1)

    grow(1, leaf_count, 0)
    return LabelTree(tuple(labels), title=f"{leaf_count} leaves")


def naive_tree_cross_entropy(logits: torch.Tensor, leaves: torch.Tensor, tree: LabelTree) -> torch.Tensor:
    """Every label's probability by a dense matrix, one-hot targets, a clamp against log 0: what one writes first."""
    ranges = leaf_ranges(tree)[1:]
    index = np.arange(len(tree.leaves))
    members = torch.from_numpy((index >= ranges[:, :1]) & (index < ranges[:, 1:])).to(logits)
    probabilities = torch.einsum("vl,blzyx->bvzyx", members, logits.softmax(1))
    truth = torch.einsum("vl,blzyx->bvzyx", members, one_hot(leaves, len(tree.leaves)).movedim(-1, 1).to(logits))
    weights = torch.from_numpy(edge_lengths(tree)[1:]).to(logits)
    return -(weights.view(1, -1, 1, 1, 1) * truth * probabilities.clamp(min=1e-7).log()).sum(1).mean()


def naive_region_tversky(logits: torch.Tensor, leaves: torch.Tensor, box: int) -> torch.Tensor:
    """One-hot targets and pooled products, as the public re-implementations do."""
    probabilities = logits.softmax(1)
    truth = one_hot(leaves, logits.shape[1]).movedim(-1, 1).to(logits)
    hits, positives, negatives = (
        avg_pool3d(part, box) for part in (probabilities * truth, probabilities * (1 - truth), (1 - probabilities) * truth)
    )
    both = positives + negatives + 1e-5
    alpha, beta = 0.3 + 0.4 * (positives + 1e-5) / both, 0.3 + 0.4 * (negatives + 1e-5) / both
    return (1 - (hits + 1e-5) / (hits + alpha * positives + beta * negatives + 1e-5)).mean()


def backward(logits: torch.Tensor, loss: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
    """Gradient of a loss, a function of logits, on a fresh leaf of the graph."""
    leaf = logits.detach().requires_grad_()
    loss(leaf).backward()
    return leaf.grad
