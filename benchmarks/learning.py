"""Who learns most from the same strokes: what users have instead, and our network with each loss and feature, mean and spread.

    SEMANTICSEG_TEST_DATA=… python benchmarks/learning.py [--datasets ixi,malf,…] [--methods "nearest; flat"]
        [--subjects N] [--seeds N] [--steps N] [--slices N] [--curves FOLDER] [--json FILE] [--seconds S]

All methods of a subject and seed get the same strokes, drawn as `semseg scribble` does; all networks the same steps, initial
weights, batches and noise. Answers are wanted for labelled voxels alone and scored there, as `semseg evaluate --within-truth
--surface` does; marks are scored, too, whether a method heeds them where they lie (nearest stroke, both ways of growing) or not.
The hyperspectral set is synthetic and needs no data. `--curves` adds runs with fewer and more strokes and steps, with tables and
pictures of them, and compares no surfaces.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

from semseg_core.tuning import tune_process

tune_process()  # before anything loads torch

import learning_methods as methods  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from claims_report import RULE, Row  # noqa: E402
from learning_data import DATASETS, Dataset  # noqa: E402
from learning_network import Subject, describe_case  # noqa: E402
from learning_plots import plot  # noqa: E402
from learning_report import (  # noqa: E402
    ANSWER,
    AUROC,
    DISTANCE,
    FIT,
    LEAF,
    NSD,
    PEAK,
    SEVERITY,
    WEIGHT,
    Setting,
    curves_text,
    section_text,
    summary_text,
)
from measure import Cost, environment, tracked  # noqa: E402

from semseg_core.labels.pairs import mirror_images  # noqa: E402
from semseg_core.metrics.report import evaluate  # noqa: E402
from semseg_core.metrics.unknown import rejection_curve  # noqa: E402
from semseg_core.sparse.simulate import simulate_scribbles  # noqa: E402

SLICES, STEPS, STEPS_OF_CURVES = 8, 300, 200
CURVE_SLICES, CURVE_STEPS = (1, 2, 4, 8, 16), (50, 100, 200, 400, 800)

CURVE_SETS = ("ixi", "ct", "hyperspectral")
"""Of which curves are drawn where no others are named: with one subject each, as there are nine settings."""


def main() -> None:
    """Run and print the tables."""
    arguments = parse()
    data = Path(os.environ.get("SEMANTICSEG_TEST_DATA", ""))
    if "SEMANTICSEG_TEST_DATA" not in os.environ and set(arguments.datasets) - {"hyperspectral"}:
        sys.exit("SEMANTICSEG_TEST_DATA is not set: it names the folder with the data; --datasets hyperspectral needs none")
    chosen, setting = [methods.METHODS[name] for name in arguments.methods], Setting(arguments.slices, arguments.steps)
    command = " ".join(["python benchmarks/learning.py", *sys.argv[1:]])
    print(f"## Learning from strokes\n\n`{command}`; {environment(torch.device('cpu'))}.\n\n{RULE}\n", flush=True)
    methods.load_libraries()
    rows: list[Row] = []
    begun = time.monotonic()
    for dataset in (DATASETS[key] for key in arguments.datasets):
        for found in runs(dataset, chosen, data, arguments):
            rows += found
            if arguments.json:
                arguments.json.write_text(json.dumps([asdict(row) for row in rows], indent=1), encoding="utf-8")
            if time.monotonic() - begun > arguments.seconds:
                _tell(f"no further subject or seed of {dataset.key} after {arguments.seconds:g} s")
                break
        print(section_text(dataset, rows, chosen, setting), flush=True)
        if arguments.curves:
            print(curves_text(dataset, rows, setting), flush=True)
    if len(arguments.datasets) > 1:
        print(summary_text([DATASETS[key] for key in arguments.datasets], rows, setting))
    print(f"{time.monotonic() - begun:.0f} s in all.\n", flush=True)
    if arguments.curves:
        for path in plot(rows, arguments.curves, setting):
            print(path)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sets, lines = ", ".join(DATASETS), list(methods.METHODS)
    drawn = f"with --curves {','.join(CURVE_SETS)}"
    parser.add_argument("--datasets", type=_names(DATASETS, ","), help=f"of {sets} (default: all; {drawn})")
    parser.add_argument(
        "--methods",
        type=_names(methods.METHODS, ";"),
        help=f"names or their beginnings, of {'; '.join(lines)} (default: all; with --curves {'; '.join(methods.CURVES)})",
    )
    parser.add_argument("--subjects", type=_count, help="of each set that has several (default: 3; with --curves 1)")
    parser.add_argument("--seeds", type=_count, default=3, help="of strokes and training (default: 3)")
    parser.add_argument("--steps", type=_count, help=f"of each training (default: {STEPS}; with --curves {STEPS_OF_CURVES})")
    parser.add_argument("--slices", type=_count, default=SLICES, help=f"drawn on per orientation (default: {SLICES})")
    parser.add_argument("--curves", type=Path, help="also run other numbers of slices and steps; folder of the pictures: docs")
    parser.add_argument("--seconds", type=float, default=math.inf, help="begin no further subject or seed of a set after this")
    parser.add_argument("--json", type=Path, help="also write every single figure here, after every subject and seed")
    arguments = parser.parse_args()
    usual = (list(DATASETS), lines, 3, STEPS)
    if arguments.curves:
        usual = (list(CURVE_SETS), list(methods.CURVES), 1, STEPS_OF_CURVES)
    for name, value in zip(("datasets", "methods", "subjects", "steps"), usual, strict=True):
        if getattr(arguments, name) is None:
            setattr(arguments, name, value)
    return arguments


def runs(dataset: Dataset, chosen: list[methods.Method], data: Path, arguments: argparse.Namespace) -> Iterator[list[Row]]:
    """Rows of one subject and seed at a time."""
    settings = [Setting(arguments.slices, arguments.steps)]
    if arguments.curves:
        settings += [Setting(slices, arguments.steps) for slices in CURVE_SLICES if slices != arguments.slices]
        settings += [Setting(arguments.slices, steps) for steps in CURVE_STEPS if steps != arguments.steps]
    for case in dataset.cases(data, arguments.subjects):
        possible = [method for method in chosen if mirror_images(case.tree) or not method.needs_sides]
        subject, cost = tracked(lambda: describe_case(case))
        _tell(f"{dataset.key}: {case.name}: {_described(subject, cost)}")
        started = None
        if any(method.needs_start for method in possible):
            started, start_cost = tracked(lambda: describe_case(case, start=True))
            _tell(f"{dataset.key}: {case.name}, with the start model: {_described(started, start_cost)}")
        for seed in range(arguments.seeds):
            begun = time.monotonic()
            found = []
            for setting in settings:
                # Strokes are the same whatever the steps; only networks are asked for other steps.
                lines = [method for method in possible if setting.steps == arguments.steps or method.takes_steps]
                found += compare(dataset.key, subject, started, lines, setting, seed, surfaces=not arguments.curves)
            features = {"features, s": cost.seconds, "features, MiB": _mebibytes(cost)}
            yield [Row(row.section, row.method, row.case, row.seed, {**row.figures, **features}) for row in found]
            _tell(f"{dataset.key}: {case.name}, seed {seed}: {time.monotonic() - begun:.0f} s")


def compare(
    section: str,
    subject: Subject,
    started: Subject | None,
    lines: list[methods.Method],
    setting: Setting,
    seed: int,
    surfaces: bool = True,
) -> list[Row]:
    """All methods on the same strokes; surfaces are 99 % of the seconds of scoring, 9 s for a brain at 1 mm."""
    tree = subject.case.tree
    marks = simulate_scribbles(subject.label_ids, subject.grid, tree, setting.slices, np.random.default_rng(seed))
    task = methods.Task(subject, started, marks, setting.steps, seed)
    learned: dict[Callable, tuple[object, Cost]] = {}
    rows = []
    for method in lines:
        if method.fit not in learned:
            learned[method.fit] = tracked(lambda: method.fit(task))
        fitted, fit_cost = learned[method.fit]
        answers, answer_cost = tracked(lambda: method.answer(task, fitted))
        figures = {
            **score(subject, answers, surfaces),
            FIT: fit_cost.seconds,
            ANSWER: answer_cost.seconds,
            PEAK: max(_mebibytes(fit_cost), _mebibytes(answer_cost)),
            "slices": setting.slices,
            "steps": setting.steps,
            "marks": len(marks),
            "marked, %": 100.0 * len(marks) / int((subject.label_ids > 0).sum()),
        }
        rows.append(Row(section, method.name, subject.name, seed, figures))
    return rows


def score(subject: Subject, answers: methods.Answers, surfaces: bool = True) -> dict[str, float]:
    """The figures of some answers; surfaces, if they are compared, agree up to one voxel, the longest side of it."""
    answered = np.zeros(subject.grid.shape, dtype=np.int32)
    answered[subject.asked] = answers.label_ids
    tree = subject.case.tree
    tolerance = max(subject.grid.spacing_mm) if surfaces else None
    found = evaluate(subject.label_ids, answered, subject.grid, tree, within_truth=True, surface_tolerance_mm=tolerance)
    known = subject.known_ids > 0
    auroc = math.nan
    if answers.confidence is not None and not known.all():
        auroc = rejection_curve(answers.confidence, answers.label_ids == subject.known_ids, known).auroc
    return {
        LEAF: found.dice["leaf"],
        **{f"Dice level {level}": found.dice[str(level)] for level in range(tree.height, 0, -1)},
        DISTANCE: found.tree.relative_distance,
        SEVERITY: found.tree.severity,
        NSD: found.surface.normalized_dice["leaf"] if surfaces else math.nan,
        AUROC: auroc,
        WEIGHT: answers.growth_weight,
    }


def _described(subject: Subject, cost: Cost) -> str:
    rows, columns = subject.features.shape
    return f"{rows} voxels × {columns} features in {cost.seconds:.1f} s, peak {_mebibytes(cost):.0f} MiB"


def _mebibytes(cost: Cost) -> float:
    return math.nan if cost.memory_bytes is None else cost.memory_bytes / 2**20


def _names(known: Mapping[str, object], separator: str) -> Callable[[str], list[str]]:
    """Reads names, and beginnings that stand for all that begin so, in the order of the table."""

    def read(text: str) -> list[str]:
        wanted: set[str] = set()
        for part in map(str.strip, text.split(separator)):
            found = {part} & set(known) or {name for name in known if name.startswith(part)}
            if not found:
                raise argparse.ArgumentTypeError(f"'{part}': choose among {f'{separator} '.join(known)}")
            wanted |= found
        return [name for name in known if name in wanted]

    return read


def _count(text: str) -> int:
    """A whole number above zero."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number}: give 1 or more")
    return number


def _tell(sentence: str) -> None:
    """Show progress beside the Markdown, not in it."""
    print(sentence, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
