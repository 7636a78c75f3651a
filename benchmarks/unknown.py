"""Unknown is an answer: what a model has never seen, told by low confidence. Whole classes are left out (OOD-SEG's protocol).

    SEMANTICSEG_TEST_DATA=… python benchmarks/unknown.py [--subjects N] [--seeds N] [--folds N] [--level N] [--json FILE]

Strokes on a subject of brain-ixi-dlmuse, without those of the left-out leaves (or labels of `--level`), train the project's
network; tested on random voxels of the same brain. Per level of the tree: AUROC; accuracy on known classes and recall of held-out
ones against threshold; both at the threshold chosen on the other folds, and at the one recommended from held-back strokes alone.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import defaultdict
from pathlib import Path

from semseg_core.tuning import tune_process

tune_process()  # before anything loads torch

import numpy as np  # noqa: E402
import torch  # noqa: E402
from claims_tree import SLICES  # noqa: E402
from learning_data import ixi_names, read_ixi  # noqa: E402
from learning_network import Subject, describe_case  # noqa: E402
from measure import environment, print_table  # noqa: E402

from semseg_core.sparse.sampling import held_back_strokes  # noqa: E402
from semseg_core.sparse.simulate import simulate_scribbles  # noqa: E402
from semseg_core.train.config import Budget, TrainConfig  # noqa: E402
from semseg_core.train.rows import CaseRows  # noqa: E402
from semseg_core.train.unknown import FoldResult, choose_on_other_folds, held_out_folds, validate_unknown  # noqa: E402

TESTED_VOXELS = 40_000
SHOWN = (0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


def main() -> None:
    """Run and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subjects", type=int, default=3, help="default: 3")
    parser.add_argument("--seeds", type=int, default=1, help="of strokes, folds and training (default: 1)")
    parser.add_argument("--folds", type=int, default=5, help="default: 5, so a fifth of the labels is left out at a time")
    parser.add_argument("--level", type=int, help="leave out whole labels of this level (default: single leaves)")
    parser.add_argument("--steps", type=int, default=300, help="of each training (default: 300)")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    arguments = parser.parse_args()
    if "SEMANTICSEG_TEST_DATA" not in os.environ:
        sys.exit("SEMANTICSEG_TEST_DATA is not set: it names the folder with brain-ixi-dlmuse")
    data, begun = Path(os.environ["SEMANTICSEG_TEST_DATA"]), time.monotonic()
    runs = []
    for case in read_ixi(data, ixi_names(data)[: arguments.subjects]):
        subject = describe_case(case)
        for seed in range(arguments.seeds):
            runs.append(validate(subject, seed, arguments))
            print(f"{case.name}, seed {seed}: done after {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    left_out = "single leaves" if arguments.level is None else f"labels of level {arguments.level}"
    print(f"{left_out} left out in {arguments.folds} folds; {len(runs)} runs; {environment(torch.device('cpu'))}\n")
    figures = summary(runs)
    show(figures)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")


def validate(subject: Subject, seed: int, arguments: argparse.Namespace) -> list[FoldResult]:
    """All folds of one subject and seed."""
    tree = subject.case.tree
    rng = np.random.default_rng(seed)
    marks = simulate_scribbles(subject.label_ids, subject.grid, tree, SLICES, rng)
    row_of_voxel = np.cumsum(subject.label_ids.reshape(-1) > 0).reshape(subject.grid.shape) - 1
    rows = row_of_voxel[tuple(marks.indices.T)]
    case = CaseRows(
        subject.features[rows][None], marks.label_ids, held_back_strokes(marks, 0.1, rng), np.ones(len(marks), dtype=bool)
    )
    tested = rng.choice(len(subject.features), min(TESTED_VOXELS, len(subject.features)), replace=False)
    config = TrainConfig(budget=Budget(steps=arguments.steps), seed=seed, device="cpu")
    folds = held_out_folds(tree, arguments.folds, rng, arguments.level)
    return list(validate_unknown([case], subject.features[tested], subject.known_ids[tested], tree, folds, config))


def summary(runs: list[list[FoldResult]]) -> dict[str, dict[str, list[float]]]:
    """By level and figure, one value per fold of every run."""
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for results in runs:
        for level in sorted({level for result in results for level in result.curves}):
            with_level = [result for result in results if level in result.curves]
            chosen = choose_on_other_folds(with_level, level) if len(with_level) > 1 else ()
            for number, result in enumerate(with_level):
                figures, curve = found[level], result.curves[level]
                figures["AUROC"].append(curve.auroc)
                for threshold in SHOWN:
                    accuracy, _, recall = curve.at(threshold)
                    figures[f"accuracy at {threshold:g}"].append(accuracy)
                    figures[f"recall at {threshold:g}"].append(recall)
                ways = {"other folds": chosen[number] if chosen else None, "held-back strokes": result.recommended.get(level)}
                for way, threshold in ways.items():
                    if threshold is not None:
                        accuracy, answered, recall = curve.at(threshold)
                        values = {"threshold": threshold, "accuracy": accuracy, "answered": answered, "recall": recall}
                        for figure, value in values.items():
                            figures[f"{way}: {figure}"].append(value)
    return {level: dict(figures) for level, figures in found.items()}


def show(figures: dict[str, dict[str, list[float]]]) -> None:
    """Print means and spreads over folds, subjects and seeds."""
    levels = list(figures)
    names = [name for name in figures[levels[-1]] if " at " not in name]
    print_table(
        ["level", *levels],
        [[name, *(_mean_and_spread(figures[level].get(name, [])) for level in levels)] for name in names],
    )
    print("\naccuracy on known classes / recall of held-out ones, by threshold\n")
    print_table(
        ["threshold", *levels],
        [
            [
                f"{at:g}",
                *(
                    f"{np.mean(figures[level][f'accuracy at {at:g}']):.3f} / {np.mean(figures[level][f'recall at {at:g}']):.3f}"
                    for level in levels
                ),
            ]
            for at in SHOWN
        ],
    )


def _mean_and_spread(values: list[float]) -> str:
    return f"{np.mean(values):.3f} ± {np.std(values):.3f}" if values else "–"


if __name__ == "__main__":
    main()
