"""Unknown is an answer: what a model has never seen, told by low confidence. Whole classes are left out (OOD-SEG's protocol).

    SEMANTICSEG_TEST_DATA=… python benchmarks/unknown.py [--data ixi|ct|spine-ct|hyperspectral] [--cases N] [--seeds N]
        [--folds N] [--run N] [--level N] [--calibration] [--json FILE]

Strokes on a case, without those of the left-out leaves (or labels of `--level`), train the project's quick learner as `semseg
finetune` does: with mirror images, held-back strokes and voxels without marks, those of left-out labels among them. Tested on
random labelled voxels of the same image. Per level of the tree: AUROC of the confidence that `semseg predict` writes, of its
parts and of other detectors; accuracy on known classes and recall of held-out ones against threshold; both at the threshold
chosen on the other folds, and at the one recommended from held-back strokes alone.

`--calibration` leaves nothing out: how far confidences lie from the part that is right (expected calibration error), as shown, of
the softmax alone, and of a softmax with one temperature fitted to the same held-back strokes before they are trained on.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from semseg_core.tuning import tune_process

tune_process()  # before anything loads torch

import numpy as np  # noqa: E402
import torch  # noqa: E402
from claims_tree import SLICES  # noqa: E402
from learning_data import DATASETS, Case  # noqa: E402
from learning_network import Subject, describe_case, stroke_rows  # noqa: E402
from measure import environment, print_table  # noqa: E402
from synthetic_hyperspectral import SyntheticSet  # noqa: E402
from unknown_calibration import calibration_errors  # noqa: E402

from semseg_core.models.network import PointNetwork  # noqa: E402
from semseg_core.sparse.sampling import held_back_strokes  # noqa: E402
from semseg_core.sparse.simulate import simulate_scribbles  # noqa: E402
from semseg_core.train.config import Budget, TrainConfig  # noqa: E402
from semseg_core.train.rows import CaseRows, TrainingRows  # noqa: E402
from semseg_core.train.unknown import (  # noqa: E402
    EVERYTHING,
    SHOWN,
    SOFTMAX,
    FoldResult,
    choose_on_other_folds,
    held_out_folds,
    validate_unknown,
)

TESTED_VOXELS = 20_000
SHOWN_AT = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
RIDGE = 0.01
"""Added to the covariance, as a share of its mean variance; 0.1 and 1 were no better."""


def main() -> None:
    """Run and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="ixi", choices=("ixi", "ct", "spine-ct", "hyperspectral"), help="default: ixi")
    parser.add_argument("--cases", type=int, default=3, help="default: 3")
    parser.add_argument("--seeds", type=int, default=1, help="of strokes, folds and training (default: 1)")
    parser.add_argument("--folds", type=int, default=5, help="default: 5, so a fifth of the labels is left out at a time")
    parser.add_argument("--run", type=int, help="only so many of the folds")
    parser.add_argument("--level", type=int, help="leave out whole labels of this level (default: single leaves)")
    parser.add_argument("--steps", type=int, default=300, help="of each training (default: 300)")
    parser.add_argument("--calibration", action="store_true", help="measure calibration, nothing left out")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    arguments = parser.parse_args()
    if "SEMANTICSEG_TEST_DATA" not in os.environ:
        sys.exit("SEMANTICSEG_TEST_DATA is not set: it names the folder of the data")
    begun, runs, errors = time.monotonic(), [], []
    for case in _cases(arguments.data, arguments.cases):
        subject = describe_case(case)
        for seed in range(arguments.seeds):
            if arguments.calibration:
                errors.append((f"{case.name}, seed {seed}", calibration_errors(*_learning(subject, seed, arguments))))
            else:
                runs.append(validate(subject, seed, arguments))
            print(f"{case.name}, seed {seed}: done after {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    command = " ".join(["python benchmarks/unknown.py", *sys.argv[1:]])
    print(f"`{command}`; {environment(torch.device('cpu'))}\n")
    figures = dict(errors) if arguments.calibration else summary(runs)
    if arguments.calibration:
        names = list(errors[0][1])
        print_table(["run", *names], [[run, *(f"{found[name]:.3f}" for name in names)] for run, found in errors])
    else:
        show(figures)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")


def validate(subject: Subject, seed: int, arguments: argparse.Namespace) -> list[FoldResult]:
    """The folds of one case and seed."""
    rows, features, label_ids, tree, config = _learning(subject, seed, arguments)
    folds = held_out_folds(tree, arguments.folds, np.random.default_rng(seed), arguments.level)[: arguments.run]
    return list(validate_unknown([rows], features, label_ids, tree, folds, config, detectors=DETECTORS))


def _learning(subject: Subject, seed: int, arguments: argparse.Namespace) -> tuple:
    """Rows to learn from; features and labels of tested voxels; the tree; how to train."""
    tree, rng = subject.case.tree, np.random.default_rng(seed)
    marks = simulate_scribbles(subject.label_ids, subject.grid, tree, SLICES, rng)
    config = TrainConfig(budget=Budget(steps=arguments.steps), seed=seed, device="cpu")
    held = held_back_strokes(marks, config.held_back, rng)
    rows: CaseRows = stroke_rows(subject, marks, mirror=True, unmarked=True, seed=seed, held=held)
    tested = rng.choice(len(subject.features), min(TESTED_VOXELS, len(subject.features)), replace=False)
    return rows, subject.features[tested], subject.known_ids[tested], tree, config


def _cases(key: str, count: int) -> Iterator[Case]:
    """Of the synthetic images also the classes that are never taught elsewhere: here others are left out in turn."""
    if key != "hyperspectral":
        yield from DATASETS[key].cases(Path(os.environ["SEMANTICSEG_TEST_DATA"]), count)
        return
    made = SyntheticSet()
    for number in range(count):
        image = made.image(number)
        yield Case(f"synthetic {number}", image.volume, image.label_ids, made.tree)


def energy(network: PointNetwork, rows: TrainingRows, features: torch.Tensor) -> torch.Tensor:
    """What all logits come to (Liu et al., NeurIPS 2020)."""
    del rows
    return _logits(network, features).logsumexp(dim=1)


def largest_logit(network: PointNetwork, rows: TrainingRows, features: torch.Tensor) -> torch.Tensor:
    """Of a leaf (Hendrycks et al., ICML 2022)."""
    del rows
    return _logits(network, features).max(dim=1).values


def distance(network: PointNetwork, rows: TrainingRows, features: torch.Tensor) -> torch.Tensor:
    """Minus the Mahalanobis distance of the body's embedding to the nearest label's mean (Lee et al., NeurIPS 2018)."""
    embedded, tested = _embedding(network, rows.features[0]), _embedding(network, features)
    labels, which = torch.unique(rows.targets, return_inverse=True)
    sums = torch.zeros(len(labels), embedded.shape[1]).index_add_(0, which, embedded)
    means = sums / torch.bincount(which)[:, None]
    covariance = (embedded - means[which]).T @ (embedded - means[which]) / len(embedded)
    covariance += RIDGE * covariance.diagonal().mean() * torch.eye(len(covariance))
    whiten = torch.linalg.inv(torch.linalg.cholesky(covariance)).T
    return -torch.cdist(tested @ whiten, means @ whiten).min(dim=1).values


DETECTORS = {"energy": energy, "largest logit": largest_logit, "distance to means": distance}


def _logits(network: PointNetwork, features: torch.Tensor) -> torch.Tensor:
    return torch.cat([network(network.standardize(rows)) for rows in features.split(1 << 13)])


def _embedding(network: PointNetwork, features: torch.Tensor) -> torch.Tensor:
    found: list[torch.Tensor] = []
    hook = network.body.register_forward_hook(lambda _body, _inputs, output: found.append(output))
    _logits(network, features)
    hook.remove()
    return torch.cat(found)


def summary(runs: list[list[FoldResult]]) -> dict[str, dict[str, list[float]]]:
    """By level and figure, one value per fold of every run."""
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for results in runs:
        for level in sorted({level for result in results for level in result.curves.get(SHOWN, {})}):
            with_level = [result for result in results if level in result.curves.get(SHOWN, {})]
            chosen = choose_on_other_folds(with_level, level) if len(with_level) > 1 else ()
            for number, result in enumerate(with_level):
                threshold = chosen[number] if chosen else None
                for figure, value in _figures(result, level, threshold):
                    found[level][figure].append(value)
    return {level: dict(figures) for level, figures in found.items()}


def _figures(result: FoldResult, level: str, chosen: float | None) -> Iterator[tuple[str, float]]:
    """Figures of one fold at one level."""
    for name, curves in result.curves.items():
        yield f"AUROC, {name}", curves[level].auroc
    for name, found in result.detected.items():
        yield f"AUROC, {name}", found[level]
    for threshold in SHOWN_AT:
        accuracy, _, recall = result.curves[SHOWN][level].at(threshold)
        yield f"accuracy at {threshold:g}", accuracy
        yield f"recall at {threshold:g}", recall
    softmax = result.curves[SOFTMAX][level]
    for way, threshold in {"other folds": chosen, "held-back strokes": result.recommended.get(level)}.items():
        for name in (SHOWN, EVERYTHING) if threshold is not None else ():
            accuracy, answered, recall = result.curves[name][level].at(threshold)
            # Where the softmax answers as many of the known voxels rightly, how much of the others does it reject?
            same = float(softmax.recall[np.flatnonzero(softmax.accuracy >= accuracy - 1e-9)[-1]])
            values = {"accuracy": accuracy, "answered": answered, "recall": recall, "recall of the softmax there": same}
            yield f"{way}: threshold", threshold
            yield from ((f"{way}, {name}: {figure}", value) for figure, value in values.items())


def show(figures: dict[str, dict[str, list[float]]]) -> None:
    """Print means and spreads over folds, cases and seeds."""
    levels = list(figures)
    names = [name for name in figures[levels[-1]] if " at 0" not in name]
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
            for at in SHOWN_AT
        ],
    )


def _mean_and_spread(values: list[float]) -> str:
    return f"{np.mean(values):.3f} ± {np.std(values):.3f}" if values else "–"


if __name__ == "__main__":
    main()
