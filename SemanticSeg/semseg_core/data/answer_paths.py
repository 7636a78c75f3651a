"""All answers that different certainties give, decided once: so that a slider needs no network.

For each voxel there is one path from the root of the tree to a leaf, always on to the child with the most probability. A
threshold, or a level, says how far along it the answer lies. Kept are the leaf at the end and the probability of each label on
the way; an answer is then a comparison and a look into a table.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from semseg_core.errors import InputError, ShapeError
from semseg_core.files import replacing, require_file
from semseg_core.geometry import Grid
from semseg_core.labels.tree import LabelTree

STEPS = 200
"""Probabilities are kept in half percents, rounded down: then a threshold of whole or half percents decides exactly."""

FORMAT = "semseg-answer-paths-1"
SUFFIX = ".npz"
CHUNK = 1 << 17
"""Voxels looked up at a time: their temporary indices stay in the processor's cache, which makes it four times as fast."""

CHUNKS_AT_ONCE = 32
"""Chunks of one part, which takes some 20 milliseconds."""


class Answers(NamedTuple):
    """One answer per voxel.

    `label_ids`, (D, H, W), are unsigned integers no wider than the tree's ids need, 0 where unknown. `voxels` is the number of
    voxels of every label that occurs, by id.
    """

    label_ids: np.ndarray
    voxels: dict[int, int]


@dataclass(frozen=True, eq=False)
class AnswerPaths:
    """The likeliest path from the root of a tree to a leaf, for every voxel.

    Args:
        tree: The tree.
        grid: Where the voxels lie.
        leaves: Number of the leaf at the end, counted from 1 in depth-first order, (D, H, W) unsigned; 0 where nothing is known.
        shares: Probability of the label at each depth from 1 to the height, (height, D, H, W) uint8 in half percents; where the
            leaf lies less deep its own probability is repeated.

    Raises:
        ShapeError: If the arrays do not belong to the tree and the grid.
        InputError: If a number or probability is impossible.
    """

    tree: LabelTree
    grid: Grid
    leaves: np.ndarray = field(repr=False)
    shares: np.ndarray = field(repr=False)

    def __post_init__(self) -> None:
        count, depth = len(self.tree.leaves), max(self.tree.height, 1)
        if self.leaves.shape != self.grid.shape or self.shares.shape != (depth, *self.grid.shape):
            raise ShapeError(
                f"answer paths: expected {self.grid.shape} leaves and {(depth, *self.grid.shape)} shares, got "
                f"{self.leaves.shape} and {self.shares.shape}; they belong to another image or tree"
            )
        if self.leaves.dtype != smallest_dtype(count) or self.shares.dtype != np.uint8:
            raise InputError(
                f"answer paths: expected {smallest_dtype(count)} leaves and uint8 shares, got {self.leaves.dtype} and "
                f"{self.shares.dtype}; apply the model again"
            )
        if self.leaves.max(initial=0) > count or self.shares.max(initial=0) > STEPS:
            raise InputError(f"answer paths: a leaf above {count} or a share above {STEPS}; the data were altered, apply again")

    def decide(self, threshold: float = 0.0, level: int | str = "leaf") -> Answers:
        """The answers at a certainty.

        Args:
            threshold: Least probability of an answer, 0…1, rounded up to half a percent; below it the answer is unknown.
            level: `"leaf"`, a level number (1 is below the root; shallower leaves are carried down), or `"auto"` for the deepest
                label that reaches the threshold.

        Raises:
            InputError: If the threshold lies outside 0…1, or the tree has no such level.
        """
        *_, answers = self.deciding(threshold, level)
        return answers

    def deciding(self, threshold: float = 0.0, level: int | str = "leaf") -> Iterator[Answers | None]:
        """The same, part by part: None after some 4 million voxels each, the answers in the end, for windows that stay fluid."""
        least = _half_percents(threshold)
        table = self._table()
        depths = len(self.shares)
        flat_leaves = self.leaves.reshape(-1)
        shares = self.shares.reshape(depths, -1)
        depth = None if level == "auto" else self._depth(level)
        ids = np.empty(flat_leaves.size, dtype=table.dtype)
        counts = np.zeros(table.size, dtype=np.int64)
        for start in range(0, flat_leaves.size, CHUNK):
            part = slice(start, start + CHUNK)
            if depth is None:
                steps = (shares[0, part] >= least).view(np.uint8)
                for row in shares[1:]:
                    steps = steps + (row[part] >= least)  # shares never grow on the way down
            else:
                steps = (shares[depth - 1, part] >= least).view(np.uint8) * np.uint8(depth)
            places = flat_leaves[part].astype(np.intp)
            places *= depths + 1
            places += steps
            table.take(places, out=ids[part], mode="clip")  # the default mode would copy once more
            counts += np.bincount(places, minlength=table.size)
            if (start // CHUNK) % CHUNKS_AT_ONCE == CHUNKS_AT_ONCE - 1:
                yield None
        voxels: dict[int, int] = {}
        for label_id, count in zip(table.tolist(), counts.tolist(), strict=True):
            if count and label_id:
                voxels[label_id] = voxels.get(label_id, 0) + count
        yield Answers(ids.reshape(self.grid.shape), voxels)

    def confidence(self, threshold: float = 0.0, level: int | str = "leaf", slices: slice = slice(None)) -> np.ndarray:
        """Probability of each answer of `decide`, (D, H, W) float32 within 0…1, rounded down to half a percent.

        Where the answer is unknown it is that of the best answer, which fell short; 0 where nothing is known. Where `slices` are
        given, only of those along the first axis.

        Raises:
            InputError: As `decide`.
        """
        least = _half_percents(threshold)
        if level != "auto":
            found = self.shares[self._depth(level) - 1, slices]
        else:
            found = self.shares[0, slices].copy()
            for row in self.shares[1:, slices]:
                short = (row < least) * np.uint8(255)
                np.minimum(found, np.maximum(row, short), out=found)  # several times as fast as copying where it is certain
        return np.multiply(found, np.float32(1.0 / STEPS), dtype=np.float32)

    def at(self, index: tuple[int, int, int]) -> tuple[tuple[int, float], ...]:
        """Ids of the labels on the path of a voxel `(k, j, i)`, the leaf last, and their probabilities; empty if unknown."""
        leaf = int(self.leaves[index])
        if leaf == 0:
            return ()
        label = self.tree.leaves[leaf - 1]
        way = [label, *self.tree.ancestors(label.id)][: max(self.tree.depth(label.id), 1)]
        shares = self.shares[(slice(len(way)), *index)].tolist()
        return tuple((step.id, share / STEPS) for step, share in zip(reversed(way), shares, strict=True))

    def save(self, path: str | Path) -> None:
        """Write as `.npz`; an earlier file is replaced whole or not at all.

        Raises:
            InputError: If it cannot be written.
        """
        leaf_ids = np.array([leaf.id for leaf in self.tree.leaves], dtype=np.int64)
        with replacing(require_paths_name(path), "answer paths") as temporary, temporary.open("wb") as stream:
            np.savez(
                stream, format=FORMAT, leaf_ids=leaf_ids, ijk_to_ras=self.grid.ijk_to_ras, leaves=self.leaves, shares=self.shares
            )

    @classmethod
    def load(cls, path: str | Path, tree: LabelTree) -> AnswerPaths:
        """Read what `save` wrote.

        Args:
            path: The file.
            tree: The tree of the model that answered.

        Raises:
            InputError: If it is no such file, damaged, or its leaves are not those of the tree.
            ShapeError: If its arrays do not belong together.
        """
        path = require_file(path, "answer paths")
        try:
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as record:
                if str(record["format"]) != FORMAT:
                    raise InputError(
                        f"answer paths {path}: written by another version ({record['format']}); apply the model again"
                    )
                leaf_ids, ijk_to_ras, leaves, shares = (record[name] for name in ("leaf_ids", "ijk_to_ras", "leaves", "shares"))
        except (OSError, ValueError, KeyError, EOFError, TypeError, AttributeError, zipfile.BadZipFile) as error:
            raise InputError(f"answer paths {path}: cannot be read ({error}); apply the model again") from error
        if leaf_ids.tolist() != [leaf.id for leaf in tree.leaves]:
            raise InputError(f"answer paths {path}: its leaves are not those of the tree '{tree.title}'; choose the model's tree")
        return cls(tree, Grid(leaves.shape, ijk_to_ras), leaves, shares)

    def _depth(self, level: int | str) -> int:
        depths = len(self.shares)
        if level == "leaf":
            return depths
        if isinstance(level, bool) or not isinstance(level, int) or not 1 <= level <= depths:
            raise InputError(f"level {level!r}: give 'leaf', 'auto', or a level of the tree from 1 to {depths}")
        return level

    def _table(self) -> np.ndarray:
        """Id of the label so many steps down the path to a leaf; rows of `height + 1`, no step is unknown."""
        depths = len(self.shares)
        table = np.zeros((len(self.tree.leaves) + 1, depths + 1), dtype=smallest_dtype(max(label.id for label in self.tree)))
        for row, leaf in zip(table[1:], self.tree.leaves, strict=True):
            way = [leaf.id, *(label.id for label in self.tree.ancestors(leaf.id))][::-1]
            way = way[1:] or way  # a tree of one label answers with it
            row[1:] = (way + way[-1:] * depths)[:depths]
        return table.reshape(-1)


def smallest_dtype(largest: int) -> np.dtype:
    """The narrowest unsigned integers that hold 0…`largest`."""
    return np.min_scalar_type(largest)


def require_paths_name(path: str | Path) -> Path:
    """The path, if it is named as such a file.

    Raises:
        InputError: If it does not end in `.npz`.
    """
    path = Path(path)
    if path.suffix.lower() != SUFFIX:
        raise InputError(f"answer paths {path}: the file is a {SUFFIX}; give a name that ends so")
    return path


def _half_percents(threshold: float) -> int:
    if not 0.0 <= threshold <= 1.0:
        raise InputError(f"certainty {threshold}: give a probability within 0…1")
    return math.ceil(threshold * STEPS - 1e-6)
