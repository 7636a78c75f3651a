"""Training rows: the features of annotated voxels, and nothing else of a volume.

One row per mark, so that a step's cost follows the strokes, never the size of the volume.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from semseg_core.data.volume import Volume
from semseg_core.errors import InputError
from semseg_core.features.bank import FeatureBank, build_feature_bank
from semseg_core.features.variants import vary_intensities
from semseg_core.labels.tree import LabelTree
from semseg_core.sparse.sampling import balanced_weights, held_back_strokes
from semseg_core.sparse.scribbles import SparseLabels
from semseg_core.train.config import TrainConfig

MAX_ROWS_PER_CASE = 200_000
"""Marks used of one case; a dense segmentation is thinned to this many, balanced over the tree. 80 features: 64 MiB."""

OUTSIDE_SHARE = 0.1
"""From this share of a label's marks outside the body on, air counts as labelled, and the model answers everywhere.

Strokes along the skin spill 1 %; of a label for air all marks lie outside.
"""


@dataclass(frozen=True, eq=False)
class TrainingRows:
    """Features and targets of the marks of all cases.

    Args:
        features: (A, N, F) float32: the unchanged volume first, then its variants.
        targets: (N,) int64 positions in depth-first order.
        weights: (N,) float64 probability of being drawn.
        held: (N,) bool, True for the marks of held-back strokes.
        outside: Largest share of a label's marks that lie outside the imaged body.
    """

    features: torch.Tensor
    targets: torch.Tensor
    weights: torch.Tensor
    held: torch.Tensor
    outside: float

    @property
    def everywhere(self) -> bool:
        """Whether air counts as labelled, so that a model learned from these rows answers everywhere."""
        return self.outside >= OUTSIDE_SHARE


@dataclass(frozen=True, eq=False)
class CaseRows:
    """Rows of one case."""

    features: torch.Tensor
    label_ids: np.ndarray
    held: np.ndarray
    inside: np.ndarray


def case_rows(
    volume: Volume,
    marks: SparseLabels,
    tree: LabelTree,
    spacing_mm: tuple[float, float, float],
    config: TrainConfig,
    variants: Callable[[], int],
    rng: np.random.Generator,
    cancelled: Callable[[], bool],
) -> CaseRows:
    """Rows of one case.

    Args:
        volume: Normalized intensities.
        marks: On the volume's grid.
        tree: Their tree.
        spacing_mm: Working spacing along S, A, R.
        config: Share held back.
        variants: Number of intensity variants; asked when the features of the unchanged volume are there.
        rng: Draws strokes, variants and sub-voxel shifts.
        cancelled: Asked now and then.

    Raises:
        CancelledError: If `cancelled` said so.
    """
    marks = _thinned(marks, tree, rng)
    held = held_back_strokes(marks, config.held_back, rng)
    bank = build_feature_bank(volume, spacing_mm, cancelled=cancelled)
    indices = marks.indices.astype(np.float64)
    features = [_sample(bank, marks, indices)]
    for _ in range(variants()):
        changed = build_feature_bank(vary_intensities(volume, rng), spacing_mm, cancelled=cancelled)
        # A shift within the voxel: partial volume differs from scan to scan.
        features.append(_sample(changed, marks, indices + rng.uniform(-0.4, 0.4, indices.shape)))
    inside = bank.inside(_points(marks, indices)).cpu().numpy()
    return CaseRows(torch.stack(features), marks.label_ids, held, inside)


def combine(cases: Sequence[CaseRows], tree: LabelTree, balance: float) -> TrainingRows:
    """The rows of all cases; each case is drawn equally often, whatever its number of marks.

    Raises:
        InputError: If no two marked labels exclude each other: there is nothing to tell apart.
    """
    label_ids = np.concatenate([case.label_ids for case in cases])
    marked = sorted(np.unique(label_ids).tolist(), key=tree.position)
    if all(tree.covers(upper, lower) for upper, lower in zip(marked, marked[1:], strict=False)):
        names = ", ".join(tree.path(label_id) for label_id in marked)
        raise InputError(f"scribbles: only {names} is marked; mark something beside it, so that there is something to tell apart")
    inside = np.concatenate([case.inside for case in cases])
    weights = [balanced_weights(case.label_ids, tree, balance) / len(cases) for case in cases]
    return TrainingRows(
        features=torch.cat([case.features for case in cases], dim=1),
        targets=torch.tensor([tree.position(label_id) for label_id in label_ids.tolist()], dtype=torch.int64),
        weights=torch.as_tensor(np.concatenate(weights)),
        held=torch.as_tensor(np.concatenate([case.held for case in cases])),
        outside=max(1.0 - float(inside[label_ids == label_id].mean()) for label_id in marked),
    )


def _thinned(marks: SparseLabels, tree: LabelTree, rng: np.random.Generator) -> SparseLabels:
    if len(marks) <= MAX_ROWS_PER_CASE:
        return marks
    weights = balanced_weights(marks.label_ids, tree, 0.5)
    return marks.subset(np.sort(rng.choice(len(marks), MAX_ROWS_PER_CASE, replace=False, p=weights)))


def _points(marks: SparseLabels, indices: np.ndarray) -> torch.Tensor:
    return torch.as_tensor(marks.grid.index_to_ras(indices), dtype=torch.float32)


def _sample(bank: FeatureBank, marks: SparseLabels, indices: np.ndarray) -> torch.Tensor:
    return bank.sample(_points(marks, indices))
