"""Training rows: the features of annotated voxels, and nothing else of a volume.

One row per mark, so that a step's cost follows the strokes, never the size of the volume.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from semseg_core.data.volume import Volume
from semseg_core.errors import InputError
from semseg_core.features.bank import FeatureBank
from semseg_core.features.variants import vary_intensities
from semseg_core.labels.pairs import mirror_images
from semseg_core.labels.tree import LabelTree
from semseg_core.models.card import ModelCard
from semseg_core.models.context import ContextNetwork
from semseg_core.models.model import describe
from semseg_core.sparse.sampling import balanced_weights, held_back_strokes
from semseg_core.sparse.scribbles import SparseLabels
from semseg_core.train.config import TrainConfig
from semseg_core.train.patches import Places

MAX_ROWS = 1_000_000
"""Marks used of all cases together: with their mirror images and 60 features, 0.5 GB for each variant."""

MAX_ROWS_PER_CASE = 200_000
"""Marks used of one case; a dense segmentation is thinned to this many, balanced over the tree. 80 features: 64 MiB."""

OUTSIDE_SHARE = 0.1
"""From this share of a label's marks outside the body on, air counts as labelled, and the model answers everywhere.

Strokes along the skin spill 1 %; of a label for air all marks lie outside.
"""


UNMARKED = 20_000
"""Voxels of a body that stand for all of it."""

LEAST_UNMARKED = 0.05
"""Part of the body without marks below which there is nothing unknown in it: it was segmented, not scribbled on."""

MIDLINE = 0.15
"""A label without a side is mirrored if the middle of its marks lies at most so far from the middle of the body, as a share of
half its width: the brain stem is, the liver is not."""


@dataclass(frozen=True, eq=False)
class TrainingRows:
    """Features and targets of the marks of all cases.

    Args:
        features: (A, N, F) float32: the unchanged volume first, then its variants.
        targets: (N,) int64 positions in depth-first order.
        weights: (N,) float64 probability of being drawn.
        held: (N,) bool, True for the marks of held-back strokes.
        outside: Largest share of a label's marks that lie outside the imaged body.
        mirrored: (N,) bool, True for rows of mirror images.
        unmarked: (U, F) float32, features of voxels of the body that bear no mark; none where all of it is marked.
        places: What the N rows describe; none where not given.
        unmarked_places: What the U rows describe; none where not given.
    """

    features: torch.Tensor
    targets: torch.Tensor
    weights: torch.Tensor
    held: torch.Tensor
    outside: float
    mirrored: torch.Tensor
    unmarked: torch.Tensor
    places: Places = field(default_factory=Places.none)
    unmarked_places: Places = field(default_factory=Places.none)

    @property
    def everywhere(self) -> bool:
        """Whether air counts as labelled, so that a model learned from these rows answers everywhere."""
        return self.outside >= OUTSIDE_SHARE


@dataclass(frozen=True, eq=False)
class CaseRows:
    """Rows of one case.

    Args:
        features: (A, N, F) float32: the unchanged volume first, then its variants.
        label_ids: (N,) marked labels.
        held: (N,) bool, held back.
        inside: (N,) bool, in the imaged body.
        mirrored: (N,) bool, of the mirror image; none where not given.
        unmarked: (U, F) float32, of voxels of the body that bear no mark; none where not given.
        places: What the N rows describe; none where not given.
        unmarked_places: What the U rows describe; none where not given.
    """

    features: torch.Tensor
    label_ids: np.ndarray
    held: np.ndarray
    inside: np.ndarray
    mirrored: np.ndarray | None = None
    unmarked: torch.Tensor | None = None
    places: Places = field(default_factory=Places.none)
    unmarked_places: Places = field(default_factory=Places.none)

    def __post_init__(self) -> None:
        if self.mirrored is None:
            object.__setattr__(self, "mirrored", np.zeros(len(self.label_ids), dtype=bool))
        if self.unmarked is None:
            object.__setattr__(self, "unmarked", self.features.new_zeros(0, self.features.shape[-1]))


def case_rows(
    volume: Volume,
    marks: SparseLabels,
    card: ModelCard,
    context: ContextNetwork | None,
    config: TrainConfig,
    variants: Callable[[], int],
    rng: np.random.Generator,
    cancelled: Callable[[], bool],
    case_count: int = 1,
) -> CaseRows:
    """Rows of one case.

    Args:
        volume: Normalized by the card's rules.
        marks: On the volume's grid.
        card: Tree, rules and spacing.
        context: The model's context network, if it has one.
        config: Share held back, and whether to mirror.
        variants: Number of intensity variants; asked when the features of the unchanged volume are there.
        rng: Draws strokes, variants and sub-voxel shifts.
        cancelled: Asked now and then.
        case_count: Number of cases that are trained on together.

    Raises:
        CancelledError: If `cancelled` said so.
    """
    everything = marks
    marks = _thinned(marks, card.tree, min(MAX_ROWS_PER_CASE, MAX_ROWS // case_count), rng)
    held = held_back_strokes(marks, config.held_back, rng)
    images = mirror_images(card.tree) if config.mirror else {}
    bank = describe(card, context, volume, cancelled=cancelled, mirrored=bool(images))
    points = marks_points(marks)
    chosen = mirrored_marks(marks.label_ids, bank.body_coordinates(points)[:, 0].cpu().numpy(), images)
    features = [sample_rows(bank, points, chosen)]
    for _ in range(variants()):
        changed = describe(card, context, vary_intensities(volume, rng), cancelled=cancelled, mirrored=bool(images))
        # A shift within the voxel: partial volume differs from scan to scan.
        shifted = marks_points(marks, rng.uniform(-0.4, 0.4, (len(marks), 3)))
        features.append(sample_rows(changed, shifted, chosen))
    inside = bank.inside(points).cpu().numpy()
    rows = with_images(torch.stack(features), marks.label_ids, held, inside, chosen, images)
    free = unmarked_points(bank, everything, rng)
    return replace(
        rows,
        unmarked=sample_sides(bank, free, bool(images)),
        places=Places.sides(points, points[torch.from_numpy(chosen)]),
        unmarked_places=Places.sides(*sides(free, bool(images))),
    )


def sample_rows(bank: FeatureBank, points_ras: torch.Tensor, chosen: np.ndarray) -> torch.Tensor:
    """Features of marks, then of the mirror images of those chosen, (N + M, F).

    Args:
        bank: Features of the volume.
        points_ras: (N, 3) float32, on the bank's device.
        chosen: (N,) bool, from `mirrored_marks`.
    """
    features = bank.sample(points_ras)
    if not chosen.any():
        return features
    return torch.cat([features, bank.sample_mirrored(points_ras[torch.from_numpy(chosen).to(points_ras.device)])])


def with_images(
    features: torch.Tensor,
    label_ids: np.ndarray,
    held: np.ndarray,
    inside: np.ndarray,
    chosen: np.ndarray,
    images: Mapping[int, int],
) -> CaseRows:
    """Rows of marks and of the mirror images of those chosen.

    Args:
        features: (A, N + M, F), as `sample_rows` orders them.
        label_ids: (N,) marked labels.
        held: (N,) bool, held back; so are their images.
        inside: (N,) bool, in the imaged body.
        chosen: (N,) bool, from `mirrored_marks`.
        images: From `mirror_images`.
    """
    imaged = np.array([images[label_id] for label_id in label_ids[chosen].tolist()], dtype=label_ids.dtype)
    return CaseRows(
        features,
        np.concatenate([label_ids, imaged]),
        np.concatenate([held, held[chosen]]),
        np.concatenate([inside, inside[chosen]]),
        np.arange(len(label_ids) + len(imaged)) >= len(label_ids),
    )


def unmarked_points(bank: FeatureBank, marks: SparseLabels, rng: np.random.Generator) -> torch.Tensor:
    """Random places in the body that bear no mark, (U, 3) RAS; none where nearly all of it is marked."""
    points = bank.random_points(UNMARKED, rng)
    voxels = np.rint(marks.grid.ras_to_index(points)).astype(int)
    within = ((voxels >= 0) & (voxels < marks.grid.shape)).all(axis=1)
    marked = np.zeros(marks.grid.shape, dtype=bool)
    marked[tuple(marks.indices.T)] = True
    free = within.copy()
    free[within] = ~marked[tuple(voxels[within].T)]
    if free.sum() < LEAST_UNMARKED * len(points):
        free = np.zeros_like(free)
    return torch.as_tensor(points[free], dtype=torch.float32, device=bank.depth.maps.device)


def sample_sides(bank: FeatureBank, points_ras: torch.Tensor, mirror: bool) -> torch.Tensor:
    """Features of points, (N, F); if `mirror`, those of every other one are the mirror image's, and come last."""
    plain, mirrored = sides(points_ras, mirror)
    return torch.cat([bank.sample(plain), bank.sample_mirrored(mirrored)]) if mirror else bank.sample(plain)


def sides(points_ras: torch.Tensor, mirror: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Points of an image and of its mirror image: by turns, or all of the image."""
    return (points_ras[::2], points_ras[1::2]) if mirror else (points_ras, points_ras[:0])


def mirrored_marks(label_ids: np.ndarray, right: np.ndarray, images: Mapping[int, int]) -> np.ndarray:
    """Which marks have a mirror image to learn from, (N,) bool: those of pairs, and of labels in the middle of the body.

    Args:
        label_ids: (N,) marked labels.
        right: (N,) their place along R, -1…1 across the body.
        images: From `mirror_images`.
    """
    chosen = np.zeros(len(label_ids), dtype=bool)
    for label_id in np.unique(label_ids).tolist():
        if label_id in images:
            of_label = label_ids == label_id
            chosen |= of_label & (images[label_id] != label_id or abs(np.median(right[of_label])) <= MIDLINE)
    return chosen


def combine(cases: Sequence[CaseRows], tree: LabelTree, balance: float) -> TrainingRows:
    """The rows of all cases; each case is drawn equally often, whatever its number of marks.

    Raises:
        InputError: If no two marked labels exclude each other: there is nothing to tell apart.
    """
    label_ids = np.concatenate([case.label_ids for case in cases])
    drawn = np.unique(np.concatenate([case.label_ids[~case.mirrored] for case in cases]))
    marked = sorted(drawn.tolist(), key=tree.position)
    if all(tree.covers(upper, lower) for upper, lower in zip(marked, marked[1:], strict=False)):
        names = ", ".join(tree.path(label_id) for label_id in marked)
        raise InputError(f"scribbles: only {names} is marked; mark something beside it, so that there is something to tell apart")
    inside = np.concatenate([case.inside for case in cases])
    weights = [balanced_weights(case.label_ids, tree, balance) / len(cases) for case in cases]
    outside = max(1.0 - float(inside[label_ids == label_id].mean()) for label_id in marked)
    # Who labels air labels everything.
    known = slice(None) if outside < OUTSIDE_SHARE else slice(0)
    return TrainingRows(
        features=torch.cat([case.features for case in cases], dim=1),
        targets=torch.tensor([tree.position(label_id) for label_id in label_ids.tolist()], dtype=torch.int64),
        weights=torch.as_tensor(np.concatenate(weights)),
        held=torch.as_tensor(np.concatenate([case.held for case in cases])),
        outside=outside,
        mirrored=torch.as_tensor(np.concatenate([case.mirrored for case in cases])),
        unmarked=torch.cat([case.unmarked for case in cases])[known],
        places=Places.join([case.places for case in cases]),
        unmarked_places=Places.join([case.unmarked_places for case in cases]).subset(known),
    )


def _thinned(marks: SparseLabels, tree: LabelTree, most: int, rng: np.random.Generator) -> SparseLabels:
    if len(marks) <= most:
        return marks
    weights = balanced_weights(marks.label_ids, tree, 0.5)
    return marks.subset(np.sort(rng.choice(len(marks), most, replace=False, p=weights)))


def marks_points(marks: SparseLabels, shift_vox: np.ndarray | float = 0.0) -> torch.Tensor:
    """RAS positions of marks, (N, 3) float32, shifted by so many voxels along `(k, j, i)`."""
    return torch.as_tensor(marks.grid.index_to_ras(marks.indices + shift_vox), dtype=torch.float32)
