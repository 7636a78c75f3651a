"""Tree losses retested: brain parcellation from strokes and from dense labels (Wang et al. 2025, arXiv 2507.15777).

The features of every labelled voxel of a subject are computed once; each run trains the project's network on rows of them by the
project's own loop, and is scored on all labelled voxels of the tested subject.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from claims_report import Claim, Row, Section

from semseg_core.data.images import read_label_map, read_volume
from semseg_core.data.intensity import choose_rules, normalize
from semseg_core.data.resample import anatomical_spacing
from semseg_core.features.bank import build_feature_bank
from semseg_core.geometry import Grid
from semseg_core.infer.decode import build_decoder
from semseg_core.labels.encode import values_to_ids
from semseg_core.labels.reading import load_tree
from semseg_core.labels.tree import LabelTree
from semseg_core.losses.catalog import DEFAULT_LOSS
from semseg_core.losses.table import build_loss
from semseg_core.metrics.confusion import confusion_table
from semseg_core.metrics.hierarchy import tree_scores
from semseg_core.metrics.overlap import dice, means_by_level
from semseg_core.models.network import NetworkShape, PointNetwork
from semseg_core.sparse.simulate import simulate_scribbles
from semseg_core.train.config import Budget, TrainConfig
from semseg_core.train.loop import fine_tune, start_state
from semseg_core.train.rows import CaseRows, combine

TREE, IMAGES = "label-trees/muse_lobe_tree.json", "brain-ixi-dlmuse"
STEPS = 500
SLICES = 8
"""Per orientation, drawn on as `semseg scribble` does."""

DENSE_SUBJECTS, DENSE_VOXELS = 5, 15_000
"""Subjects trained on with dense labels, and voxels drawn at random from each."""

FLAT, MINIMUM_COST = "cross-entropy", "cross-entropy, minimum-cost decision"
LEVELS, TOP = "cross-entropy + 0.3 × every level", "cross-entropy + top two levels"
WASSERSTEIN, WASSERSTEIN_DICE = "Wasserstein + cross-entropy", "Wasserstein Dice + cross-entropy"
LOSSES = {
    FLAT: "cross-entropy",
    LEVELS: DEFAULT_LOSS,
    # The first level of this tree alone says little: nearly everything is brain.
    TOP: "cross-entropy + tree-cross-entropy(weights=1/1/0)",
    WASSERSTEIN: "wasserstein",
    WASSERSTEIN_DICE: "wasserstein-dice-cross-entropy",
}

LEAF, DISTANCE, SEVERITY = "leaf Dice", "tree distance", "severity"
COARSE = "Dice level 2"
FIGURES = {LEAF: 3, **{f"Dice level {level}": 3 for level in (5, 4, 3, 2, 1)}, DISTANCE: 4, SEVERITY: 3, "mistakes": 3}
CLAIMS = (
    *(Claim(method, FLAT, LEAF, True) for method in (LEVELS, TOP, WASSERSTEIN, WASSERSTEIN_DICE)),
    *(Claim(method, FLAT, COARSE, True) for method in (LEVELS, TOP, WASSERSTEIN, WASSERSTEIN_DICE)),
    *(Claim(method, FLAT, DISTANCE, False) for method in (MINIMUM_COST, LEVELS, TOP, WASSERSTEIN, WASSERSTEIN_DICE)),
    *(Claim(method, FLAT, SEVERITY, False) for method in (MINIMUM_COST, LEVELS, TOP, WASSERSTEIN, WASSERSTEIN_DICE)),
    *(Claim(method, MINIMUM_COST, DISTANCE, False) for method in (LEVELS, TOP, WASSERSTEIN, WASSERSTEIN_DICE)),
)
WHAT = (
    "Tree distance is relative to the largest between two leaves; severity is the path length of mistakes alone. Labels are "
    "silver (predicted by DLMUSE), so this tests learning, not anatomy."
)
SECTIONS = (
    Section(
        "scribbles",
        "Tree losses, strokes",
        f"Brain T1 (IXI) with {SLICES} scribbled slices per orientation, 148 leaves; tested on the same subject's brain. {WHAT}",
        FIGURES,
        CLAIMS,
    ),
    Section(
        "dense",
        "Tree losses, dense labels",
        f"{DENSE_VOXELS} random voxels of each of {DENSE_SUBJECTS} densely labelled subjects; tested on unseen subjects. {WHAT}",
        FIGURES,
        CLAIMS,
    ),
)


@dataclass(frozen=True, eq=False)
class Subject:
    """One subject, as far as labelled.

    Args:
        name: Of its files.
        grid: Of its label map.
        label_ids: Dense labels, (D, H, W), 0 where unknown.
        features: Of its labelled voxels in array order, (M, F).
    """

    name: str
    grid: Grid
    label_ids: np.ndarray
    features: torch.Tensor

    @property
    def known_ids(self) -> np.ndarray:
        """Label ids of the labelled voxels, (M,)."""
        return self.label_ids[self.label_ids > 0]


def rounds(data: Path, steps: int, subjects: int, seeds: int) -> Iterator[list[Row]]:
    """Rows of one subject and seed, or for dense labels of one seed, all methods at a time."""
    tree = load_tree(data / TREE).tree
    names = sorted(path.name.removesuffix("_DLMUSE.nii.gz") for path in (data / IMAGES).glob("*_DLMUSE.nii.gz"))
    # Tested and densely trained subjects must not meet.
    tested = [read_subject(data / IMAGES, name, tree) for name in names[: min(subjects, len(names) - DENSE_SUBJECTS)]]
    trained = [read_subject(data / IMAGES, name, tree) for name in names[-DENSE_SUBJECTS:]]
    for seed in range(seeds):
        for subject in tested:
            yield compare("scribbles", [scribbled(subject, tree, seed)], [subject], tree, steps, seed)
        yield compare("dense", [drawn(subject, seed) for subject in trained], tested, tree, steps, seed)


def read_subject(folder: Path, name: str, tree: LabelTree) -> Subject:
    """Read a subject and compute its features, as training does but once for all of its labelled voxels."""
    volume = read_volume([folder / f"{name}_T1.nii.gz"])
    label_map = read_label_map(folder / f"{name}_DLMUSE.nii.gz")
    label_ids = values_to_ids(label_map.array, tree)
    bank = build_feature_bank(normalize(volume, choose_rules(volume)), anatomical_spacing(volume.grid))
    points = label_map.grid.index_to_ras(np.argwhere(label_ids > 0))
    return Subject(name, label_map.grid, label_ids, bank.sample(torch.as_tensor(points, dtype=torch.float32)))


def scribbled(subject: Subject, tree: LabelTree, seed: int) -> CaseRows:
    """Rows of simulated strokes."""
    marks = simulate_scribbles(subject.label_ids, subject.grid, tree, SLICES, np.random.default_rng(seed))
    row_of_voxel = np.cumsum(subject.label_ids.reshape(-1) > 0).reshape(subject.grid.shape) - 1
    return case_rows(subject, row_of_voxel[tuple(marks.indices.T)])


def drawn(subject: Subject, seed: int) -> CaseRows:
    """Rows of densely labelled voxels, drawn evenly."""
    count = len(subject.features)
    return case_rows(subject, np.random.default_rng(seed).choice(count, min(DENSE_VOXELS, count), replace=False))


def case_rows(subject: Subject, rows: np.ndarray) -> CaseRows:
    """Some labelled voxels of a subject as training rows, none held back."""
    nothing = np.zeros(len(rows), dtype=bool)
    return CaseRows(subject.features[rows][None], subject.known_ids[rows], nothing, ~nothing)


def compare(
    section: str, cases: Sequence[CaseRows], tested: Sequence[Subject], tree: LabelTree, steps: int, seed: int
) -> list[Row]:
    """Train with every loss on the same rows and score each network on every tested subject."""
    found = []
    for method, expression in LOSSES.items():
        network = train(expression, cases, tree, steps, seed)
        decisions = {method: False, MINIMUM_COST: True} if method == FLAT else {method: False}
        for name, minimum_cost in decisions.items():
            for subject in tested:
                found.append(Row(section, name, subject.name, seed, score(network, subject, tree, minimum_cost)))
    return found


def train(expression: str, cases: Sequence[CaseRows], tree: LabelTree, steps: int, seed: int) -> PointNetwork:
    """The project's training; equal seeds give equal initial weights, batches and noise whatever the loss."""
    config = TrainConfig(loss=expression, budget=Budget(steps=steps), seed=seed, held_back=0.0)
    rows = combine(cases, tree, config.balance)
    torch.manual_seed(seed)
    network = PointNetwork(NetworkShape(inputs=rows.features.shape[2]), len(tree.leaves))
    network.fit_scaling(rows.features[0])
    state = start_state(network, config)
    loss = build_loss(expression, tree)
    fine_tune(state, rows, loss, tree, config, time.monotonic(), lambda _: None, bool, lambda _: None)
    return state.best


def score(network: PointNetwork, subject: Subject, tree: LabelTree, minimum_cost: bool) -> dict[str, float]:
    """The figures of a network on all labelled voxels of a subject."""
    decoder = build_decoder(tree, minimum_cost=minimum_cost)
    with torch.inference_mode():
        answers = [
            decoder(network(network.standardize(chunk)).softmax(dim=1)).label_ids for chunk in subject.features.split(1 << 16)
        ]
    pairs = confusion_table(subject.known_ids, torch.cat(answers).numpy(), tree)
    levels, errors = means_by_level(dice(pairs), tree), tree_scores(pairs)
    return {
        LEAF: levels["leaf"],
        **{f"Dice level {level}": levels[str(level)] for level in range(1, tree.height)},
        DISTANCE: errors.relative_distance,
        SEVERITY: errors.severity,
        "mistakes": errors.mistakes,
    }
