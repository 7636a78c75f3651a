"""`semseg evaluate`: how good a segmentation is, level by level of its tree."""

from __future__ import annotations

import argparse
import math
import textwrap
from collections.abc import Callable
from typing import TYPE_CHECKING

from semseg_core.cli.options import add_tree_options, read_tree
from semseg_core.errors import InputError
from semseg_core.train.events import EventSink

if TYPE_CHECKING:
    from semseg_core.metrics.records import LabelScore, Report

DEFAULT_TOLERANCE_MM = 1.0
LISTED = 5
"""How many of the best labels, the worst labels and the mistakes are printed; the JSON holds all."""

WIDTH = 110
"""Where long sentences are wrapped."""

EXAMPLE = "example: semseg evaluate --tree brain-tissue --truth truth.nii.gz --prediction result.seg.nrrd --json report.json"


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command."""
    parser = commands.add_parser("evaluate", help="compare a segmentation with the truth", epilog=EXAMPLE)
    add_tree_options(parser)
    parser.add_argument("--truth", required=True, metavar="LABELMAP", help="the truth: a label map or .seg.nrrd; 0 is unknown")
    parser.add_argument("--prediction", required=True, metavar="OUT", help="the segmentation to judge: a label map or .seg.nrrd")
    parser.add_argument("--within-truth", action="store_true", help="leave out voxels whose truth is unknown")
    parser.add_argument("--surface", action="store_true", help="also compare surfaces: NSD and mean distance per label")
    parser.add_argument(
        "--tolerance",
        type=float,
        metavar="MM",
        help=f"distance up to which surfaces agree, in millimeters (default: {DEFAULT_TOLERANCE_MM:g})",
    )
    parser.add_argument("--json", metavar="FILE", help="write the whole report here")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, on_event: EventSink, cancelled: Callable[[], bool]) -> None:
    """Read both, compare, print, and write the report."""
    del cancelled  # not polled: Ctrl-C ends the command at once, and nothing is half-written
    from semseg_core.evaluation import evaluate_files

    tolerance_mm = _tolerance(arguments)
    report = evaluate_files(
        read_tree(arguments, on_event),
        arguments.truth,
        arguments.prediction,
        on_event,
        arguments.json,
        arguments.unknown_values,
        arguments.within_truth,
        tolerance_mm,
    )
    if arguments.progress != "json":
        print("\n".join(lines_of(report)))


def lines_of(report: Report) -> list[str]:
    """The report as lines for a person."""
    tree = report.tree
    beside = f"; {report.outside_voxels} answers outside the truth" if report.outside_voxels else ""
    shares = [_percent(share) for share in (tree.coverage, tree.accuracy, tree.caution, tree.mistakes)]
    lines = [
        f"{report.tree_title or 'Label tree'}: {report.truth_voxels} voxels with a truth{beside}",
        "",
        *_levels(report),
        "",
        f"Answered           {shares[0]}",
        f"Correct            {shares[1]}   cautious {shares[2]}   mistakes {shares[3]}",
        f"Tree distance      {_number(tree.distance)}   of the largest {_number(tree.relative_distance)}",
        f"Mistake severity   {_number(tree.severity)}   with a sibling {_percent(tree.sibling_mistakes)}",
        f"Hierarchical       precision {_number(tree.precision)}   recall {_number(tree.recall)}   F1 {_number(tree.f1)}",
    ]
    if tree.mistakes_by_depth:
        parted = "   ".join(f"{depth}: {_percent(share)}" for depth, share in tree.mistakes_by_depth.items())
        lines.append(f"Mistakes by depth of the common ancestor   {parted}")
    lines += _ranking(report.labels)
    if report.confusions:
        lines += ["", "Most frequent mistakes (truth → answer)"]
        lines += [f"  {pair.voxels:8d}  {pair.truth} → {pair.answer}" for pair in report.confusions[:LISTED]]
    wrapped = (textwrap.fill(sentence, WIDTH, initial_indent="  ", subsequent_indent="    ") for sentence in report.how_scored)
    return [*lines, "", "How it was scored", *wrapped]


def _levels(report: Report) -> list[str]:
    """A table with one row per level and the leaves last."""
    columns = {"Dice": report.dice}
    if report.surface is not None:
        columns[f"NSD at {report.surface.tolerance_mm:g} mm"] = report.surface.normalized_dice
        columns["distance, mm"] = report.surface.mean_distance_mm
    lines = ["Mean over          " + "   ".join(f"{name:>12}" for name in columns)]
    for level in report.dice:
        title = "leaves" if level == "leaf" else f"level {level}"
        lines.append(f"  {title:<17}" + "   ".join(f"{_number(scores[level]):>12}" for scores in columns.values()))
    return lines


def _ranking(labels: tuple[LabelScore, ...]) -> list[str]:
    """The leaves with the best and the worst Dice; each once, where there are few."""
    scored = sorted((label for label in labels if label.leaf and not math.isnan(label.dice)), key=lambda label: -label.dice)
    best, rest = scored[:LISTED], scored[LISTED:]
    lines = []
    for title, chosen in (("Best leaves (Dice)", best), ("Worst leaves (Dice)", rest[-LISTED:])):
        lines += ["", title, *(f"  {label.dice:8.3f}  {label.path}" for label in chosen)] if chosen else []
    return lines


def _tolerance(arguments: argparse.Namespace) -> float | None:
    """The surface tolerance in millimeters, None where surfaces were not asked for."""
    if arguments.tolerance is not None and not arguments.surface:
        raise InputError(f"--tolerance {arguments.tolerance:g}: has a meaning only with --surface; add it")
    if not arguments.surface:
        return None
    return DEFAULT_TOLERANCE_MM if arguments.tolerance is None else arguments.tolerance


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3f}"


def _percent(share: float) -> str:
    return "–" if math.isnan(share) else f"{100 * share:.1f} %"
