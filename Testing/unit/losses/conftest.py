"""Random trees, hand-worked values, and losses written the long way: in float64, voxel by voxel, from their definitions."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.optimize import linprog

from semseg_core.labels.tree import Label, LabelTree


@pytest.fixture(scope="session")
def oracles() -> dict[str, object]:
    """Values worked out by hand and by other programs, at full precision."""
    return json.loads((Path(__file__).parent / "oracles.json").read_text(encoding="utf-8"))


@pytest.fixture
def balanced_tree() -> LabelTree:
    """Leaves x1 x2 | y1 y2 y3, top edges 1.0, leaf edges 0.5."""
    return LabelTree(
        (
            Label(1, "root", 1),
            Label(2, "X", 2, parent=1),
            *(Label(3 + i, f"x{i + 1}", 3 + i, parent=2, length=0.5) for i in range(2)),
            Label(5, "Y", 5, parent=1),
            *(Label(6 + i, f"y{i + 1}", 6 + i, parent=5, length=0.5) for i in range(3)),
        ),
        title="balanced",
    )


@pytest.fixture(scope="session")
def random_tree() -> Callable[..., LabelTree]:
    """Makes a tree from a seed: ragged, with single children, one-leaf groups and edges of length 0."""

    def make(seed: int, leaves: int | None = None, zero_edges: bool = True) -> LabelTree:
        draw = np.random.default_rng(seed)
        labels = [Label(1, "root", 1)]

        def grow(parent: int, count: int, depth: int) -> None:
            parts = 1 if depth < 4 and draw.random() < 0.15 else min(count, int(draw.integers(2, 5)))
            sizes = np.diff([0, *np.sort(draw.choice(np.arange(1, count), parts - 1, replace=False)), count])
            for size in sizes.tolist():
                number = len(labels) + 1
                length = 0.0 if zero_edges and draw.random() < 0.1 else float(draw.uniform(0.1, 2.0))
                labels.append(Label(number, f"n{number}", number, parent=parent, length=length))
                if size > 1 or (depth < 4 and draw.random() < 0.15):
                    grow(number, size, depth + 1)

        grow(1, leaves or int(draw.integers(2, 9)), 0)
        return LabelTree(tuple(labels), title=f"seed {seed}")

    return make


@pytest.fixture(scope="session")
def brute() -> SimpleNamespace:
    """The losses from their definitions."""
    return SimpleNamespace(
        softmax=_softmax,
        probability=_probability,
        path_loss=_path_loss,
        transport=_transport,
        distances=_distances,
        set_distance=_set_distance,
        boundary_distances=_boundary_distances,
        gradient=_gradient,
    )


def _softmax(logits: np.ndarray) -> np.ndarray:
    raised = np.exp(logits - logits.max())
    return raised / raised.sum()


def _leaves_below(tree: LabelTree, label_id: int) -> list[int]:
    below = {label.id for label in tree.subtree(label_id)}
    return [index for index, leaf in enumerate(tree.leaves) if leaf.id in below]


def _probability(tree: LabelTree, probabilities: np.ndarray, label_id: int) -> float:
    return float(sum(probabilities[leaf] for leaf in _leaves_below(tree, label_id)))


def _path_loss(tree: LabelTree, probabilities: np.ndarray, mark_id: int, weight: Callable[[Label], float]) -> float:
    """Σ over the mark and its ancestors below the root of weight × -log P."""
    path = [tree[mark_id], *tree.ancestors(mark_id)][:-1]
    return -sum(weight(label) * np.log(_probability(tree, probabilities, label.id)) for label in path)


def _distances(tree: LabelTree) -> np.ndarray:
    """Leaf distances by walking every path."""
    return np.array([[tree.distance(first.id, second.id) for second in tree.leaves] for first in tree.leaves])


def _transport(costs: np.ndarray, supply: np.ndarray, demand: np.ndarray) -> float:
    """Least cost of moving supply to demand: the linear program."""
    n, m = costs.shape
    rows = [np.kron(np.eye(n)[i], np.ones(m)) for i in range(n)] + [np.kron(np.ones(n), np.eye(m)[j]) for j in range(m)]
    solved = linprog(costs.ravel(), A_eq=np.array(rows), b_eq=np.concatenate((supply, demand)), method="highs")
    return float(solved.fun)


def _set_distance(tree: LabelTree, probabilities: np.ndarray, mark_id: int) -> float:
    """Least cost of moving all mass to any distribution over the leaves below a mark: a linear program with free demand."""
    costs = _distances(tree)[:, _leaves_below(tree, mark_id)]
    n, m = costs.shape
    rows = [np.kron(np.eye(n)[i], np.ones(m)) for i in range(n)]
    return float(linprog(costs.ravel(), A_eq=np.array(rows), b_eq=probabilities, method="highs").fun)


def _boundary_distances(mask: np.ndarray, spacing: tuple[float, ...]) -> np.ndarray:
    """Distance of every voxel to the nearest of the other kind, by comparing all pairs; 0 if there is none."""
    places = np.argwhere(np.ones_like(mask)) * np.array(spacing)
    inside = mask.ravel()
    if inside.all() or not inside.any():
        return np.zeros(mask.shape)
    pairs = np.linalg.norm(places[:, None] - places[None], axis=2)
    pairs[inside[:, None] == inside[None]] = np.inf
    return pairs.min(1).reshape(mask.shape)


def _gradient(loss: Callable[[torch.Tensor], torch.Tensor], logits: torch.Tensor) -> torch.Tensor:
    """Gradient of a scalar loss by logits."""
    leaf = logits.detach().clone().requires_grad_()
    loss(leaf).backward()
    return leaf.grad
