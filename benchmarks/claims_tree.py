"""Tree losses retested: brain parcellation from strokes and from dense labels (Wang et al. 2025, arXiv 2507.15777).

The features of every labelled voxel of a subject are computed once; each run trains the project's network on rows of them by the
project's own loop, and is scored on all labelled voxels of the tested subject.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from claims_report import Claim, Row, Section
from learning_data import ixi_names, read_ixi
from learning_network import Subject, describe_case, stroke_rows, train, voxel_rows

from semseg_core.infer.decode import build_decoder
from semseg_core.labels.tree import LabelTree
from semseg_core.losses.catalog import DEFAULT_LOSS
from semseg_core.metrics.confusion import confusion_table
from semseg_core.metrics.hierarchy import tree_scores
from semseg_core.metrics.overlap import dice, means_by_level
from semseg_core.models.network import PointNetwork
from semseg_core.sparse.simulate import simulate_scribbles
from semseg_core.train.rows import CaseRows

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


def rounds(data: Path, steps: int, subjects: int, seeds: int) -> Iterator[list[Row]]:
    """Rows of one subject and seed, or for dense labels of one seed, all methods at a time."""
    names = ixi_names(data)
    # Tested and densely trained subjects must not meet.
    tested = read_subjects(data, names[: min(subjects, len(names) - DENSE_SUBJECTS)])
    trained = read_subjects(data, names[-DENSE_SUBJECTS:])
    for seed in range(seeds):
        for subject in tested:
            yield compare("scribbles", [scribbled(subject, seed)], [subject], steps, seed)
        yield compare("dense", [drawn(subject, seed) for subject in trained], tested, steps, seed)


def read_subjects(data: Path, names: Sequence[str]) -> list[Subject]:
    """Read subjects and compute their features."""
    return [describe_case(case) for case in read_ixi(data, names)]


def scribbled(subject: Subject, seed: int) -> CaseRows:
    """Rows of simulated strokes."""
    rng = np.random.default_rng(seed)
    return stroke_rows(subject, simulate_scribbles(subject.label_ids, subject.grid, subject.case.tree, SLICES, rng))


def drawn(subject: Subject, seed: int) -> CaseRows:
    """Rows of densely labelled voxels, drawn evenly."""
    count = len(subject.features)
    return voxel_rows(subject, np.random.default_rng(seed).choice(count, min(DENSE_VOXELS, count), replace=False))


def compare(section: str, cases: Sequence[CaseRows], tested: Sequence[Subject], steps: int, seed: int) -> list[Row]:
    """Train with every loss on the same rows and score each network on every tested subject."""
    tree, found = tested[0].case.tree, []
    for method, expression in LOSSES.items():
        network = train(expression, cases, tested[0].card, tree, steps, seed)
        decisions = {method: False, MINIMUM_COST: True} if method == FLAT else {method: False}
        for name, minimum_cost in decisions.items():
            for subject in tested:
                found.append(Row(section, name, subject.name, seed, score(network, subject, tree, minimum_cost)))
    return found


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
