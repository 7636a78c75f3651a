"""Tables of the learning benchmark: figures of each set, what methods changed against others, curves, and what is missing."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import learning_methods as methods
from claims_report import Claim, Row, Section, report, table
from learning_data import Dataset

LEAF, DISTANCE, SEVERITY, NSD, AUROC = "leaf Dice", "tree distance", "severity", "NSD", "AUROC"
WEIGHT, FIT, ANSWER, PEAK = "growth weight", "learning, s", "answering, s", "peak, MiB"
SHOWN = {DISTANCE: 4, SEVERITY: 3, NSD: 3, AUROC: 3, WEIGHT: 1, FIT: 1, ANSWER: 2, PEAK: 0}
"""Decimals of the figures after those of Dice."""

OWED = 3
"""Cases and seeds from which on a spread means something."""

BASELINES = (
    (methods.MINIMUM_COST, methods.FLAT),
    (methods.LEVELS, methods.FLAT),
    (methods.WASSERSTEIN, methods.FLAT),
    (methods.FLAT, methods.FOREST),
    (methods.MIRRORED, methods.LEVELS),
    (methods.UNMARKED, methods.LEVELS),
    (methods.STARTED, methods.LEVELS),
    (methods.ALL, methods.LEVELS),
    (methods.PRODUCT, methods.LEVELS),
    (methods.STROKES_GROWN, methods.PRODUCT),
    (methods.STROKES_GROWN, methods.SEEDS),
)
"""Each method and what it is judged against."""


@dataclass(frozen=True)
class Setting:
    """Strokes and training of one run."""

    slices: int
    steps: int

    def of(self, row: Row) -> bool:
        """Whether a row is of such a run."""
        return (row.figures["slices"], row.figures["steps"]) == (self.slices, self.steps)


def section_text(dataset: Dataset, rows: Sequence[Row], chosen: Sequence[methods.Method], setting: Setting) -> str:
    """The tables of a set: figures, what each method changed against another, and what is missing."""
    ours = [row for row in rows if row.section == dataset.key and setting.of(row)]
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
        for method, baseline in BASELINES
        # How far wrong answers lie is what tree losses are about; the other pairs are about how many are wrong.
        if {method, baseline} <= there and (figure == LEAF or baseline == methods.FLAT)
    ]
    marks, share, seconds, peaks = (
        f"{statistics.mean(row.figures[name] for row in ours):.{digits}f}"
        for name, digits in (("marks", 0), ("marked, %", 1), ("features, s", 1), ("features, MiB", 0))
    )
    setup = (
        f"{dataset.setup} {setting.slices} scribbled slices per orientation, {marks} marks on average, {share} % of the voxels "
        f"that are scored; networks {setting.steps} steps. Features, computed once for forest and networks: {seconds} s, {peaks} "
        "MiB at the peak, beside what is below. NSD of leaves at a tolerance of one voxel. Peak memory: that of one run beyond "
        f"what was held before. Missing: {_missing(ours, chosen)}."
    )
    return report(Section(dataset.key, dataset.title, setup, {LEAF: 3, **levels, **shown}, tuple(claims)), ours)


def summary_text(datasets: Sequence[Dataset], rows: Sequence[Row], setting: Setting) -> str:
    """Leaf Dice of all methods on all sets."""
    rows = [row for row in rows if setting.of(row)]
    there = [dataset for dataset in datasets if any(row.section == dataset.key for row in rows)]
    found = {(row.section, row.method): [] for row in rows}
    for row in rows:
        found[row.section, row.method].append(row.figures[LEAF])
    names = dict.fromkeys(row.method for row in rows)
    lines = [[name, *(mean_text(found.get((each.key, name), [])) for each in there)] for name in names]
    return f"### Leaf Dice on all sets\n\n{table(['method', *(each.title for each in there)], lines)}\n"


def curves_text(dataset: Dataset, rows: Sequence[Row], setting: Setting) -> str:
    """Leaf Dice against strokes and against steps, with the seconds these took."""
    ours = [row for row in rows if row.section == dataset.key]
    strokes = [row for row in ours if row.figures["steps"] == setting.steps]
    trained = [row for row in ours if methods.METHODS[row.method].takes_steps and row.figures["slices"] == setting.slices]
    return (
        f"### {dataset.title}: leaf Dice against strokes\n\nScribbled slices per orientation; networks {setting.steps} steps.\n\n"
        f"{_curve(strokes, 'slices', lambda part: mean_text([row.figures[LEAF] for row in part]))}\n\n"
        f"### {dataset.title}: leaf Dice against steps\n\n{setting.slices} scribbled slices per orientation; in brackets the "
        f"seconds of learning and answering, features not counted.\n\n{_curve(trained, 'steps', _timed)}\n"
    )


def seconds_of(row: Row) -> float:
    """Of learning and answering."""
    return row.figures[FIT] + row.figures[ANSWER]


def mean_text(values: Sequence[float]) -> str:
    """Mean and spread of a figure between 0 and 1."""
    if not values:
        return "–"
    spread = f" ± {statistics.stdev(values):.3f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.3f}{spread}"


def _timed(rows: Sequence[Row]) -> str:
    return f"{mean_text([row.figures[LEAF] for row in rows])} ({statistics.mean(map(seconds_of, rows)):.0f} s)" if rows else "–"


def _curve(rows: Sequence[Row], axis: str, cell: Callable[[Sequence[Row]], str]) -> str:
    places = sorted({row.figures[axis] for row in rows})
    lines = [
        [name, *(cell([row for row in rows if row.method == name and row.figures[axis] == place]) for place in places)]
        for name in dict.fromkeys(row.method for row in rows)
    ]
    return table([axis, *map(str, places)], lines)


def _missing(rows: Sequence[Row], chosen: Sequence[methods.Method]) -> str:
    """What a reader may look for in the table and not find, in words; "nothing"."""
    there, figures = {row.method for row in rows}, rows[0].figures
    lines = [method.name for method in chosen if method.name not in there]
    found = [f"{'; '.join(lines)}, as the tree has no left and right"] if lines else []
    reasons = {
        NSD: "not computed for curves",
        AUROC: "all classes are taught",
        WEIGHT: "no method heard grown strokes",
        PEAK: "this system does not tell",
    }
    found += [f"{name} ({why})" for name, why in reasons.items() if name in figures and not _defined(rows, name)]
    for count, what in ((len({row.case for row in rows}), "cases"), (len({row.seed for row in rows}), "seeds")):
        if count < OWED:
            found.append(f"{what}: {count}, and {OWED} are owed")
    return "; ".join(found) or "nothing"


def _defined(rows: Sequence[Row], name: str) -> bool:
    return any(math.isfinite(row.figures[name]) for row in rows)
