"""Figures of repeated runs as tables, and claims about them judged by paired differences."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

VERDICTS = ["claim", "difference", "pairs in which so", "verdict"]
LEAST_PAIRS = 3
"""Fewer pairs of runs judge nothing."""

RULE = (
    "Cells are mean ± standard deviation over cases and seeds. All losses of a case and seed share initial weights, batches and "
    "noise, so a claim is judged by the differences of such pairs: it held where their mean has the claimed sign and exceeds "
    "twice its standard error. That is a rule of thumb: pairs that share a case or a network are not independent, and of twenty "
    "claims one would pass by chance."
)


@dataclass(frozen=True)
class Row:
    """One tested case of one run.

    Args:
        section: Key of the section it belongs to.
        method: Loss, and decision where not the usual one.
        case: What it was tested on.
        seed: Of everything drawn.
        figures: By name; NaN where undefined.
    """

    section: str
    method: str
    case: str
    seed: int
    figures: Mapping[str, float]


@dataclass(frozen=True)
class Claim:
    """That a method raises (or lowers) a figure against a baseline."""

    method: str
    baseline: str
    figure: str
    raises: bool

    @property
    def sentence(self) -> str:
        """The claim in words."""
        return f"{self.method} {'raises' if self.raises else 'lowers'} {self.figure} against {self.baseline}"


@dataclass(frozen=True)
class Section:
    """One experiment.

    Args:
        key: As in rows.
        title: Heading.
        setup: What was done, in sentences.
        figures: Decimals of every figure shown, by name.
        claims: What the papers say, or is said of them.
    """

    key: str
    title: str
    setup: str
    figures: Mapping[str, int]
    claims: tuple[Claim, ...]


def report(section: Section, rows: Iterable[Row]) -> str:
    """A section as Markdown: setup, figures, verdicts."""
    rows = [row for row in rows if row.section == section.key]
    cases, seeds = {row.case for row in rows}, {row.seed for row in rows}
    methods = list(dict.fromkeys(row.method for row in rows))
    shown = section.figures.items()
    lines = [
        [method, *(_cell([row.figures[name] for row in rows if row.method == method], digits) for name, digits in shown)]
        for method in methods
    ]
    verdicts = [[claim.sentence, *verdict(claim, rows, section.figures[claim.figure])] for claim in section.claims]
    counted = f"{_number(len(cases), 'case')}, {_number(len(seeds), 'seed')}."
    header = ["method", *section.figures]
    return f"### {section.title}\n\n{section.setup} {counted}\n\n{table(header, lines)}\n\n{table(VERDICTS, verdicts)}\n"


def verdict(claim: Claim, rows: Sequence[Row], digits: int) -> list[str]:
    """Mean and spread of the paired differences, in how many pairs the claim was right, and whether it held."""
    differences = paired_differences(claim, rows)
    if len(differences) < LEAST_PAIRS:
        return ["–", f"{len(differences)}", "too few pairs"]
    mean, spread = statistics.mean(differences), statistics.stdev(differences)
    sign = 1.0 if claim.raises else -1.0
    clear = abs(mean) > 2.0 * spread / math.sqrt(len(differences))
    judgement = ("**held**" if sign * mean > 0 else "**the opposite**") if clear else "no clear difference"
    right = sum(sign * difference > 0 for difference in differences)
    return [f"{mean:+.{digits}f} ± {spread:.{digits}f}", f"{right} of {len(differences)}", judgement]


def paired_differences(claim: Claim, rows: Iterable[Row]) -> list[float]:
    """Figure of the method less that of the baseline, of every case and seed where both are defined."""
    values = {(row.method, row.case, row.seed): row.figures[claim.figure] for row in rows}
    pairs = [
        (value, values[claim.baseline, case, seed])
        for (method, case, seed), value in values.items()
        if method == claim.method and (claim.baseline, case, seed) in values
    ]
    return [ours - theirs for ours, theirs in pairs if math.isfinite(ours) and math.isfinite(theirs)]


def table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    return "\n".join("| " + " | ".join(row) + " |" for row in (header, ["---"] * len(header), *rows))


def _cell(values: Sequence[float], digits: int) -> str:
    defined = [value for value in values if math.isfinite(value)]
    if not defined:
        return "–"
    spread = f" ± {statistics.stdev(defined):.{digits}f}" if len(defined) > 1 else ""
    missing = f" ({len(values) - len(defined)} undefined)" if len(defined) < len(values) else ""
    return f"{statistics.mean(defined):.{digits}f}{spread}{missing}"


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
