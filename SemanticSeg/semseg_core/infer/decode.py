"""From leaf probabilities to one label per voxel: at the leaves, at a level, or as deep as the certainty allows.

The probability of an inner label is the sum over its leaves. The sums are one matrix product with a 0/1 matrix: a running sum
along the leaves would be slower and, between a large and a small probability, wrong (differences of nearly equal numbers).

Source:
    Flat softmax with summed ancestors: Valmadre, NeurIPS 2022. Minimum expected cost: Karthik et al., ICLR 2021 (CRM).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from semseg_core.data.answer_paths import STEPS
from semseg_core.errors import InputError, LabelTreeError, ShapeError
from semseg_core.labels.encode import path_lengths
from semseg_core.labels.tree import UNKNOWN, Label, LabelTree

CHUNK_ROWS = 1 << 15
"""Rows decoded at a time: with 200 labels a temporary stays at 25 MiB, whatever the caller hands in."""

MATRIX_LIMIT = 1 << 28
"""Largest 0/1 matrix (leaves × labels) kept: 1 GiB of float32."""

ROUNDING = 1e-6
"""What a sum of float32 probabilities may lack: a subtree holding all the mass must reach a threshold of 1."""


class Decisions(NamedTuple):
    """One answer per voxel.

    `label_ids`, (N,) int32, are ids of labels, 0 where unknown. `confidence`, (N,) float32 within 0…1, is the probability of
    the answer's subtree; where the answer is unknown, it is that of the best answer, which fell short.
    """

    label_ids: torch.Tensor
    confidence: torch.Tensor


class Decoder(torch.nn.Module):
    """Base of both rules: takes probabilities in chunks and turns what is not certain enough into unknown.

    Args:
        labels: The possible answers.
        leaf_count: Number of leaves of the tree, the columns expected.
        min_confidence: Least probability of an answer, 0…1.
    """

    def __init__(self, labels: Sequence[Label], leaf_count: int, min_confidence: float) -> None:
        super().__init__()
        self.leaf_count = leaf_count
        self.min_confidence = min_confidence
        ids = torch.tensor([label.id for label in labels], dtype=torch.int32)
        self.register_buffer("label_ids", ids, persistent=False)

    def forward(self, probabilities: torch.Tensor) -> Decisions:
        """Decide.

        Args:
            probabilities: (N, L), rows summing to 1 or less, on this module's device; computed with in float32.

        Raises:
            ShapeError: If there is not one column per leaf.
        """
        if probabilities.ndim != 2 or probabilities.shape[1] != self.leaf_count:
            raise ShapeError(f"probabilities: expected (N, {self.leaf_count}), got {tuple(probabilities.shape)}")
        chunks = [self._decide(chunk.float()) for chunk in probabilities.split(CHUNK_ROWS)]
        answers, confidence = (torch.cat(parts) for parts in zip(*chunks, strict=True))
        # Written so that a NaN, which compares false with everything, ends as unknown with confidence 0.
        certain = (answers >= 0) & (confidence >= self.min_confidence - ROUNDING)
        label_ids = torch.where(certain, self.label_ids[answers.clamp(min=0)], UNKNOWN)
        return Decisions(label_ids, confidence.nan_to_num(0.0).clamp(0.0, 1.0))

    def _decide(self, probabilities: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Index of each row's answer, (n,) int64, -1 for none, and its probability, (n,) float32."""
        raise NotImplementedError


class PathRows(NamedTuple):
    """The likeliest path of each row, as `data/answer_paths.py` keeps it.

    `leaves`, (N,) int32, are numbers of leaves counted from 1, 0 where the probabilities are no numbers. `shares`, (height, N)
    uint8, are probabilities in half percents, rounded down.
    """

    leaves: torch.Tensor
    shares: torch.Tensor


class CutDecoder(Decoder):
    """The best of labels that divide the leaves among them: the leaves themselves, or a level.

    Args:
        tree: The tree.
        labels: A cut: every leaf lies under exactly one of them.
        min_confidence: Least probability of an answer, 0…1.
        minimum_cost: Answer with the least expected path length to the true leaf, instead of the most probable label.
    """

    def __init__(self, tree: LabelTree, labels: Sequence[Label], min_confidence: float, minimum_cost: bool) -> None:
        super().__init__(labels, len(tree.leaves), min_confidence)
        whole = tuple(labels) == tree.leaves
        self.register_buffer("membership", None if whole else _membership(tree, labels), persistent=False)
        # The way from the true leaf up to its own label of the cut is the same for every answer, so the distances within
        # the cut decide.
        self.register_buffer("costs", _distances(tree, labels) if minimum_cost else None, persistent=False)

    def _decide(self, probabilities: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        masses = probabilities if self.membership is None else probabilities @ self.membership
        if self.costs is None:
            confidence, answers = masses.max(dim=1)
            return answers, confidence
        answers = (masses @ self.costs).argmin(dim=1)
        return answers, masses.gather(1, answers[:, None]).squeeze(1)


class BackOffDecoder(Decoder):
    """The deepest label that is certain enough.

    From the root down, always to the child with the most probability, as long as that reaches `min_confidence`. So all answers
    that different thresholds give lie on one path, and a higher threshold gives an ancestor. Above one half no two labels
    apart can both be certain, and the answer is the deepest certain label of the whole tree; climbing from the most
    probable leaf instead would miss it wherever many unlikely leaves together outweigh one likelier leaf elsewhere. At exactly
    one half the answer has the least expected path length to the true leaf among *all* labels, for any edge lengths (it
    is the median of the tree). The root says nothing, so where no child of it is certain the answer is unknown.
    """

    def __init__(self, tree: LabelTree, min_confidence: float) -> None:
        inner = [label for label in tree if not tree.is_leaf(label.id)]
        labels = (*tree.leaves, *inner)
        super().__init__(labels, len(tree.leaves), min_confidence)
        self.height = tree.height
        self.root = labels.index(tree.root)
        self.register_buffer("membership", _membership(tree, inner), persistent=False)
        columns = {label.id: column for column, label in enumerate(labels)}
        families = [[columns[child.id] for child in tree.children(label.id)] for label in labels]
        table = np.full((len(labels), max(1, max(map(len, families)))), len(labels))  # one past the end: a column of -1
        for row, family in zip(table, families, strict=True):
            row[: len(family)] = family
        self.register_buffer("families", torch.from_numpy(table), persistent=False)

    def paths(self, probabilities: torch.Tensor) -> PathRows:
        """The whole path down to a leaf, which holds the answers of every threshold.

        Args:
            probabilities: (N, L), as for `forward`.
        """
        chunks = [self._path(chunk.float()) for chunk in probabilities.split(CHUNK_ROWS)]
        return PathRows(torch.cat([leaves for leaves, _ in chunks]), torch.cat([shares for _, shares in chunks], dim=1))

    def _path(self, probabilities: torch.Tensor) -> PathRows:
        masses = self._masses(probabilities)
        answers = torch.full((len(probabilities),), self.root, device=probabilities.device)
        share = masses[:, self.root]
        shares = []
        for _ in range(max(self.height, 1)):
            best, below = self._likeliest_child(masses, answers)
            inner = best >= 0  # a leaf has no children, and stays
            answers = torch.where(inner, below, answers)
            share = torch.where(inner, torch.minimum(best, share), share)
            shares.append(((share + ROUNDING) * STEPS).floor().clamp(0, STEPS).nan_to_num(0.0).to(torch.uint8))
        return PathRows(torch.where(share.isnan(), 0, answers + 1).int(), torch.stack(shares))

    def _decide(self, probabilities: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        masses = self._masses(probabilities)
        answers = torch.full((len(probabilities),), self.root, device=probabilities.device)
        confidence = masses[:, self.root]
        for depth in range(self.height):
            best, below = self._likeliest_child(masses, answers)
            # The first step is always made: its probability is what an unknown voxel reports.
            going = (best >= self.min_confidence - ROUNDING) if depth else torch.ones_like(best, dtype=torch.bool)
            answers = torch.where(going, below, answers)
            confidence = torch.where(going, best, confidence)
        return answers, confidence

    def _masses(self, probabilities: torch.Tensor) -> torch.Tensor:
        """Probability of every label, and a last column of -1 for children that are not there."""
        nothing = probabilities.new_full((len(probabilities), 1), -1.0)
        return torch.cat((probabilities, probabilities @ self.membership, nothing), dim=1)

    def _likeliest_child(self, masses: torch.Tensor, answers: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Probability, -1 where there is none, and column of the most probable child of each row's label."""
        family = self.families[answers]
        best, which = masses.gather(1, family).max(dim=1)
        return best, family.gather(1, which[:, None]).squeeze(1)


def build_decoder(tree: LabelTree, level: int | str = "leaf", min_confidence: float = 0.0, minimum_cost: bool = False) -> Decoder:
    """A decoder with everything precomputed; move it with `.to(device)` and call it on chunks.

    Args:
        tree: The tree whose leaves are the columns of the probabilities.
        level: `"leaf"`, a level number (0 is the root; shallower leaves are carried down), or `"auto"` for the deepest
            label that is certain enough.
        min_confidence: Least probability, 0…1, of an answer; below it the answer is unknown.
        minimum_cost: Answer with the least expected path length along the tree instead of the most probable label.

    Raises:
        InputError: If `level` is none of these, `min_confidence` lies outside 0…1, or `minimum_cost` comes with `"auto"`.
        LabelTreeError: If the tree has no such level, or too many labels for a matrix.
    """
    if not 0.0 <= min_confidence <= 1.0:
        raise InputError(f"minimum confidence {min_confidence}: give a probability within 0…1")
    if level == "auto" and minimum_cost:
        raise InputError("minimum cost: level 'auto' with minimum confidence 0.5 has the least cost already; choose one of them")
    if level == "leaf" or (level == "auto" and len(tree) == 1):
        return CutDecoder(tree, tree.leaves, min_confidence, minimum_cost)
    if level == "auto":
        return BackOffDecoder(tree, min_confidence)
    if isinstance(level, bool) or not isinstance(level, int):
        raise InputError(f"level {level!r}: give a level number, 'leaf' or 'auto'")
    return CutDecoder(tree, tree.level_cut(level), min_confidence, minimum_cost)


def decode(
    probabilities: torch.Tensor,
    tree: LabelTree,
    level: int | str = "leaf",
    min_confidence: float = 0.0,
    minimum_cost: bool = False,
) -> Decisions:
    """Decide once, on the device of the probabilities, (N, L); see `build_decoder` for the arguments.

    Example:
        >>> head = Label(1, "head", 1), Label(2, "brain", 2, 1), Label(3, "left", 3, 2), Label(4, "right", 4, 2)
        >>> tree = LabelTree((*head, Label(5, "skull", 5, 1)))
        >>> decode(torch.tensor([[0.45, 0.35, 0.2]]), tree, "auto", 0.5)
        Decisions(label_ids=tensor([2], dtype=torch.int32), confidence=tensor([0.8000]))
    """
    return build_decoder(tree, level, min_confidence, minimum_cost).to(probabilities.device)(probabilities)


def _membership(tree: LabelTree, labels: Sequence[Label]) -> torch.Tensor:
    """1 where a leaf lies under a label, (L, number of labels) float32."""
    count = len(tree.leaves)
    if count * len(labels) > MATRIX_LIMIT:
        raise LabelTreeError(
            f"label tree '{tree.title}': a matrix of {count} leaves × {len(labels)} labels is too large; decide at the leaves"
        )
    matrix = torch.zeros(count, len(labels))
    for column, label in enumerate(labels):
        start, stop = tree.leaf_range(label.id)
        matrix[start:stop, column] = 1.0
    return matrix


def _distances(tree: LabelTree, labels: Sequence[Label]) -> torch.Tensor:
    """Path length between every two labels of a cut, float32, symmetric with a zero diagonal."""
    if len(labels) ** 2 > MATRIX_LIMIT:
        raise LabelTreeError(f"label tree '{tree.title}': a matrix of {len(labels)}² costs is too large; choose a smaller level")
    positions = np.array([tree.position(label.id) for label in labels])
    return torch.from_numpy(path_lengths(tree, positions[:, None], positions[None, :]).astype(np.float32))
