"""Who learns most from the same strokes: what users have instead, and our network with each loss and feature, mean and spread.

    SEMANTICSEG_TEST_DATA=… python benchmarks/learning.py [--datasets ixi,malf,…] [--methods "nearest; flat"]
        [--subjects N] [--seeds N] [--steps N] [--slices N] [--curves FOLDER] [--json FILE] [--seconds S]

All methods of a subject and seed get the same strokes, drawn as `semseg scribble` does; all networks the same steps, initial
weights, batches and noise. Answers are wanted for labelled voxels alone and scored there, as `semseg evaluate --within-truth
--surface` does. The hyperspectral set is synthetic and needs no data. `--curves` adds runs with fewer and more strokes and steps.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from semseg_core.tuning import tune_process

tune_process()  # before anything loads torch

import learning_methods as methods  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from claims_report import RULE, Claim, Row, Section, report  # noqa: E402
from learning_data import DATASETS, Dataset  # noqa: E402
from learning_network import Subject, describe_case  # noqa: E402
from learning_plots import plot  # noqa: E402
from measure import Cost, environment, tracked  # noqa: E402

from semseg_core.labels.pairs import mirror_images  # noqa: E402
from semseg_core.metrics.report import evaluate  # noqa: E402
from semseg_core.metrics.unknown import rejection_curve  # noqa: E402
from semseg_core.sparse.simulate import simulate_scribbles  # noqa: E402

SLICES, STEPS = 8, 300
CURVE_SLICES, CURVE_STEPS = (1, 2, 4, 8, 16), (50, 100, 200, 400, 800)

LEAF, DISTANCE, SEVERITY, NSD, AUROC = "leaf Dice", "tree distance", "severity", "NSD", "AUROC"
FIT, ANSWER, PEAK = "learning, s", "answering, s", "peak, MiB"
SHOWN = {DISTANCE: 4, SEVERITY: 3, NSD: 3, AUROC: 3, FIT: 1, ANSWER: 2, PEAK: 0}
"""Decimals of the figures after those of Dice."""

BASELINES = {
    methods.MINIMUM_COST: methods.FLAT,
    methods.LEVELS: methods.FLAT,
    methods.WASSERSTEIN: methods.FLAT,
    methods.FLAT: methods.FOREST,
    methods.MIRRORED: methods.LEVELS,
    methods.UNMARKED: methods.LEVELS,
    methods.STARTED: methods.LEVELS,
    methods.ALL: methods.LEVELS,
}
"""What each method is judged against."""


@dataclass(frozen=True)
class Setting:
    """Strokes and training of one run."""

    slices: int
    steps: int


def main() -> None:
    """Run and print the tables."""
    arguments = parse()
    data = Path(os.environ.get("SEMANTICSEG_TEST_DATA", ""))
    if "SEMANTICSEG_TEST_DATA" not in os.environ and set(arguments.datasets) - {"hyperspectral"}:
        sys.exit("SEMANTICSEG_TEST_DATA is not set: it names the folder with the data; --datasets hyperspectral needs none")
    chosen = [methods.METHODS[name] for name in arguments.methods]
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
        print(section_text(dataset, rows, Setting(arguments.slices, arguments.steps)), flush=True)
    print(f"{time.monotonic() - begun:.0f} s in all.\n", flush=True)
    if arguments.curves:
        for path in plot(rows, arguments.curves, Setting(arguments.slices, arguments.steps)):
            print(path)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sets, lines = ", ".join(DATASETS), list(methods.METHODS)
    parser.add_argument("--datasets", type=_names(DATASETS, ","), default=list(DATASETS), help=f"of {sets} (default: all)")
    parser.add_argument(
        "--methods",
        type=_names(methods.METHODS, ";"),
        default=lines,
        help=f"names or their beginnings, of {'; '.join(lines)} (default: all)",
    )
    parser.add_argument("--subjects", type=_count, default=3, help="of each set that has several (default: 3)")
    parser.add_argument("--seeds", type=_count, default=3, help="of strokes and training (default: 3)")
    parser.add_argument("--steps", type=_count, default=STEPS, help=f"of each training (default: {STEPS})")
    parser.add_argument("--slices", type=_count, default=SLICES, help=f"drawn on per orientation (default: {SLICES})")
    parser.add_argument("--curves", type=Path, help="also run other numbers of slices and steps; folder of the pictures")
    parser.add_argument("--seconds", type=float, default=math.inf, help="begin no further subject or seed of a set after this")
    parser.add_argument("--json", type=Path, help="also write every single figure here, after every subject and seed")
    return parser.parse_args()


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
                found += compare(dataset.key, subject, started, lines, setting, seed)
            features = {"features, s": cost.seconds, "features, MiB": _mebibytes(cost)}
            yield [Row(row.section, row.method, row.case, row.seed, {**row.figures, **features}) for row in found]
            _tell(f"{dataset.key}: {case.name}, seed {seed}: {time.monotonic() - begun:.0f} s")


def compare(
    section: str, subject: Subject, started: Subject | None, lines: list[methods.Method], setting: Setting, seed: int
) -> list[Row]:
    """All methods on the same strokes."""
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
            **score(subject, answers),
            FIT: fit_cost.seconds,
            ANSWER: answer_cost.seconds,
            PEAK: max(_mebibytes(fit_cost), _mebibytes(answer_cost)),
            "slices": setting.slices,
            "steps": setting.steps,
            "marks": len(marks),
        }
        rows.append(Row(section, method.name, subject.name, seed, figures))
    return rows


def score(subject: Subject, answers: methods.Answers) -> dict[str, float]:
    """The figures of some answers; surfaces agree up to one voxel, the longest side of it."""
    answered = np.zeros(subject.grid.shape, dtype=np.int32)
    answered[subject.asked] = answers.label_ids
    tree = subject.case.tree
    found = evaluate(
        subject.label_ids, answered, subject.grid, tree, within_truth=True, surface_tolerance_mm=max(subject.grid.spacing_mm)
    )
    known = subject.known_ids > 0
    auroc = math.nan
    if answers.confidence is not None and not known.all():
        auroc = rejection_curve(answers.confidence, answers.label_ids == subject.known_ids, known).auroc
    return {
        LEAF: found.dice["leaf"],
        **{f"Dice level {level}": found.dice[str(level)] for level in range(tree.height, 0, -1)},
        DISTANCE: found.tree.relative_distance,
        SEVERITY: found.tree.severity,
        NSD: found.surface.normalized_dice["leaf"],
        AUROC: auroc,
    }


def section_text(dataset: Dataset, rows: list[Row], setting: Setting) -> str:
    """The tables of a set: figures, and what each method changed against another."""
    ours = [row for row in rows if row.section == dataset.key and Setting(row.figures["slices"], row.figures["steps"]) == setting]
    if not ours:
        return f"### {dataset.title}\n\nNo runs.\n"
    there = {row.method for row in ours}
    levels = {name: 3 for name in ours[0].figures if name.startswith("Dice level")}
    # The deepest level is that of the leaves, shallower ones carried down.
    levels.pop(next(iter(levels)))
    shown = {name: digits for name, digits in SHOWN.items() if any(math.isfinite(row.figures[name]) for row in ours)}
    claims = [
        Claim(method, baseline, figure, raises)
        for figure, raises in ((LEAF, True), (DISTANCE, False), (SEVERITY, False))
        for method, baseline in BASELINES.items()
        # How far wrong answers lie is what tree losses are about; the other pairs are about how many are wrong.
        if {method, baseline} <= there and (figure == LEAF or baseline == methods.FLAT)
    ]
    marks, seconds, peaks = (
        f"{np.mean([row.figures[name] for row in ours]):.{digits}f}"
        for name, digits in (("marks", 0), ("features, s", 1), ("features, MiB", 0))
    )
    setup = (
        f"{dataset.setup} {setting.slices} scribbled slices per orientation, {marks} marks on average; networks "
        f"{setting.steps} steps. Features, computed once for forest and networks: {seconds} s, {peaks} MiB at the peak, beside "
        "what is below. NSD of leaves at a tolerance of one voxel. Peak memory: that of one run beyond what was held before."
    )
    return report(Section(dataset.key, dataset.title, setup, {LEAF: 3, **levels, **shown}, tuple(claims)), ours)


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
