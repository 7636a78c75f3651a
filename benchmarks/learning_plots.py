"""Curves of the learning benchmark: leaf Dice against strokes, against steps and against seconds. Figures only, no image data.

`python benchmarks/learning_plots.py FILE.json … FOLDER` draws again what runs of `learning.py --curves --json FILE.json` wrote,
and prints their tables: also of several sets that were run one beside the other.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from claims_report import Row
from learning_data import DATASETS
from learning_report import LEAF, Setting, curves_text, seconds_of


def main() -> None:
    """Draw from files of rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=Path, nargs="+", help="written by learning.py --curves --json, with equal steps and slices")
    parser.add_argument("folder", type=Path, help="where the pictures go: docs")
    arguments = parser.parse_args()
    rows = [Row(**record) for path in arguments.rows for record in json.loads(path.read_text(encoding="utf-8"))]
    first = Setting(slices=rows[0].figures["slices"], steps=rows[0].figures["steps"])
    for key in dict.fromkeys(row.section for row in rows):
        print(curves_text(DATASETS[key], rows, first))
    for path in plot(rows, arguments.folder, first):
        print(path)


def plot(rows: Sequence[Row], folder: Path, setting: Setting) -> Iterator[Path]:
    """Draw the curves of every set, two panels a picture, into `learning-SET.png`.

    Args:
        rows: From the benchmark, the runs of all settings among them.
        folder: Where the pictures go; made where it is not there.
        setting: Slices and steps of the tables: one of them is varied at a time.
    """
    from matplotlib.figure import Figure

    folder.mkdir(parents=True, exist_ok=True)
    for section in dict.fromkeys(row.section for row in rows):
        ours = [row for row in rows if row.section == section]
        figure = Figure(figsize=(11.0, 4.5), layout="constrained", dpi=110)
        strokes, seconds = figure.subplots(1, 2, sharey=True)
        by_slices = [row for row in ours if row.figures["steps"] == setting.steps]
        by_steps = [row for row in ours if row.figures["slices"] == setting.slices]
        _curves(strokes, by_slices, lambda row: row.figures["slices"], lambda row: row.figures["slices"])
        strokes.set(xlabel="scribbled slices per orientation", ylabel="leaf Dice inside the labels", xscale="log")
        ticks = sorted({row.figures["slices"] for row in by_slices})
        strokes.set_xticks(ticks, [str(tick) for tick in ticks])
        strokes.minorticks_off()
        _curves(seconds, by_steps, lambda row: row.figures["steps"], seconds_of)
        seconds.set(xlabel="seconds of learning and answering, features not counted", xscale="log")
        cases, seeds = len({row.case for row in ours}), len({row.seed for row in ours})
        synthetic = ", synthetic" if section == "hyperspectral" else ""
        figure.suptitle(f"{section}{synthetic}: {cases} image(s) × {seeds} seed(s), mean and standard deviation")
        figure.legend(*strokes.get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize="small")
        path = folder / f"learning-{section}.png"
        figure.savefig(path)
        yield path


def _curves(axes: object, rows: Sequence[Row], group: Callable[[Row], float], place: Callable[[Row], float]) -> None:
    """One line per method through the means of its groups, drawn at the mean of their places; a single group is a point."""
    for number, method in enumerate(dict.fromkeys(row.method for row in rows)):
        mine = [row for row in rows if row.method == method]
        groups = [[row for row in mine if group(row) == value] for value in sorted({group(row) for row in mine})]
        means = [statistics.mean(_dice(part)) for part in groups]
        spreads = [statistics.stdev(_dice(part)) if len(part) > 1 else 0.0 for part in groups]
        places = [statistics.mean(place(row) for row in part) for part in groups]
        axes.errorbar(places, means, spreads, marker="o", markersize=4, capsize=2, color=f"C{number}", label=method)
    axes.grid(alpha=0.3)
    axes.set_ylim(0.0, 1.0)


def _dice(rows: Iterable[Row]) -> list[float]:
    return [row.figures[LEAF] for row in rows]


if __name__ == "__main__":
    main()
