"""How long a person waits beside `semseg serve`: the worker as Slicer drives it, from its start to views after a further stroke.

    [SEMANTICSEG_TEST_DATA=…] python benchmarks/latency.py [--rows synthetic,brain] [--strokes N] [--first 5s] [--refine 3s]
                                                           [--json FILE]

Two images: a synthetic one of 192³ voxels with 10 classes, and, where the data are, a brain of brain-ixi-dlmuse with 148; each
takes a minute or two, and `--rows` chooses among them. First result: from the start of the process to the labelled volume in
memory. Refreshed slices: from a stroke on disk to the three visible slices in memory; refreshed volume: to the whole volume,
after `--refine` of training. Medians over the strokes. Processor seconds are the worker's own: on a machine that others use, too,
they tell how much there is to do.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from measure import print_table

from semseg_core.data.images import read_label_map, write_volume
from semseg_core.geometry import Grid
from semseg_core.interactive.arrays import read_slices, read_volume, write_marks
from semseg_core.interactive.requests import Open, Refine, Request, SetMarks, ShowVolume, Stop, to_line
from semseg_core.labels.encode import values_to_ids
from semseg_core.labels.reading import load_tree, save_tree
from semseg_core.labels.tree import Label, LabelTree
from semseg_core.metrics.confusion import confusion_table
from semseg_core.metrics.overlap import dice, means_by_level
from semseg_core.sparse.scribbles import SparseLabels
from semseg_core.sparse.simulate import simulate_scribbles
from semseg_core.train.config import Budget, TrainConfig
from semseg_core.train.events import Answer, Event, View, from_line

SLICES = 8
"""Per orientation, scribbled on before the first result."""

STROKE_VOXELS = 20
"""Of a further stroke: a ball's part of one label in one slice, where the answer was wrong."""

AIMS = {"first result": 20.0, "refreshed slices": 0.5, "refreshed volume": 10.0}
TREE, SUBJECT = "label-trees/muse_lobe_tree.json", "brain-ixi-dlmuse/IXI132-HH-1415"


@dataclass(frozen=True, eq=False)
class Problem:
    """An image, its tree and its dense labels, (D, H, W) ids."""

    name: str
    image: Path
    tree_file: Path
    tree: LabelTree
    grid: Grid
    truth: np.ndarray


class Worker:
    """The child process, its peak memory, and the processor time it has used."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-m", "semseg_core", "serve", str(folder)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.memory_bytes, self.processor_s = 0, 0.0
        threading.Thread(target=self._watch, daemon=True).start()

    def send(self, *requests: Request) -> None:
        """Write requests."""
        self._process.stdin.write("".join(to_line(request) + "\n" for request in requests))
        self._process.stdin.flush()

    def until(self, kind: type[Event], request: int) -> Event:
        """The next event of a kind about a request."""
        for line in self._process.stdout:
            event = from_line(line)
            if isinstance(event, Answer) and event.state == "failed":
                sys.exit(event.message)
            if isinstance(event, kind) and event.request == request:
                return event
        return sys.exit("the worker ended")

    def stop(self) -> None:
        """End it."""
        self.send(Stop(0))
        self._process.wait()

    def _watch(self) -> None:
        status = Path(f"/proc/{self._process.pid}/status")
        while self._process.poll() is None and status.exists():
            lines = status.read_text(encoding="ascii").splitlines()
            self.memory_bytes = max([self.memory_bytes, *(int(line.split()[1]) << 10 for line in lines if "VmHWM" in line)])
            # After the name, which may hold anything: fields 14 and 15 of the file, in ticks.
            fields = status.with_name("stat").read_text(encoding="ascii").rpartition(")")[2].split()
            self.processor_s = sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")
            time.sleep(0.1)


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", default="synthetic,brain", help="which images, separated by commas (default: synthetic,brain)")
    parser.add_argument("--strokes", type=int, default=5, help="further strokes (default: 5)")
    parser.add_argument("--first", type=Budget.parse, default=Budget(seconds=5), help="training before the first result")
    parser.add_argument("--refine", type=Budget.parse, default=Budget(seconds=3), help="training after a further stroke")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    arguments = parser.parse_args()
    found = []
    with tempfile.TemporaryDirectory() as name:
        for problem in problems(Path(name), arguments.rows.split(",")):
            found.append({"problem": problem.name, **measure(problem, Path(name), arguments)})
    figures = [figure for figure in found[0] if figure != "problem"]
    print_table(
        ["seconds (aim)", *(row["problem"] for row in found)],
        [
            [f"{figure} ({AIMS[figure]:g})" if figure in AIMS else figure, *(f"{row[figure]:.3g}" for row in found)]
            for figure in figures
        ],
    )
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1), encoding="utf-8")


def problems(folder: Path, rows: Sequence[str]) -> Iterator[Problem]:
    """The synthetic volume, and a brain where the data are."""
    if "synthetic" in rows:
        yield synthetic(folder)
    if "brain" in rows and "SEMANTICSEG_TEST_DATA" in os.environ:
        data = Path(os.environ["SEMANTICSEG_TEST_DATA"])
        tree = load_tree(data / TREE).tree
        labels = read_label_map(data / f"{SUBJECT}_DLMUSE.nii.gz")
        image = data / f"{SUBJECT}_T1.nii.gz"
        yield Problem("IXI, 148 classes", image, data / TREE, tree, labels.grid, values_to_ids(labels.array, tree))


def synthetic(folder: Path, size: int = 192, classes: int = 10, seed: int = 0) -> Problem:
    """A ball of random blobs, each class with a brightness of its own, in air, with noise; 45 % of the volume is body."""
    rng = np.random.default_rng(seed)
    places = np.ix_(*[np.linspace(-1, 1, size, dtype=np.float32)] * 3)
    centers = rng.uniform(-0.8, 0.8, (4 * classes, 3)).astype(np.float32)
    nearest, truth = np.full((size,) * 3, np.inf, np.float32), np.zeros((size,) * 3, dtype=np.int32)
    for number, center in enumerate(centers):
        distance = squared_distance(places, center)
        truth[distance < nearest] = 2 + number % classes
        np.minimum(nearest, distance, out=nearest)
    truth[squared_distance(places, np.zeros(3, np.float32)) > 0.95**2] = 0
    brightness = np.concatenate([[0.0, 0.0], np.linspace(100, 400, classes)])
    image = brightness[truth].astype(np.float32) + 12.0 * rng.standard_normal(truth.shape, dtype=np.float32)
    grid = Grid(truth.shape, np.eye(4))
    tree = LabelTree((Label(1, "body", 1), *(Label(number + 2, f"class {number}", number + 2, 1) for number in range(classes))))
    write_volume(folder / "synthetic.nii", image, grid)
    save_tree(folder / "synthetic.json", tree)
    return Problem(
        f"synthetic, {size}³, {classes} classes", folder / "synthetic.nii", folder / "synthetic.json", tree, grid, truth
    )


def squared_distance(places: tuple[np.ndarray, ...], center: np.ndarray) -> np.ndarray:
    """From each point of a grid, given by its axes, to a center."""
    return sum((along - middle) ** 2 for along, middle in zip(places, center, strict=True))


def measure(problem: Problem, folder: Path, arguments: argparse.Namespace) -> dict[str, float]:
    """One worker, from its start over the strokes to its end."""
    marks = simulate_scribbles(problem.truth, problem.grid, problem.tree, SLICES, np.random.default_rng(0))
    path = folder / "marks.npz"
    write_marks(path, marks.indices, marks.label_ids)
    loads = [os.getloadavg()[0]]
    begun = time.monotonic()
    worker = Worker(folder)
    config = TrainConfig(device="cpu")
    worker.send(Open(1, (str(problem.image),), str(problem.tree_file), config=config), SetMarks(2, str(path)))
    worker.send(Refine(3, arguments.first), ShowVolume(4))
    opened = worker.until(Answer, 1).seconds
    steps = all_steps = worker.until(Answer, 3).summary["steps"]
    answer = worker.until(Answer, 4)
    values, _ = read_volume(answer.outputs[0])
    first_s, first_volume_s = time.monotonic() - begun, answer.seconds
    first_processor_s = worker.processor_s
    first_dice = leaf_dice(values, problem)
    slices_s, volume_s, volume_alone_s, right, viewed = [], [], [], [], []
    for number in range(arguments.strokes):
        marks, stroke = corrected(marks, values, problem, np.random.default_rng(number))
        write_marks(path, marks.indices, marks.label_ids)
        request, places = 10 * (number + 1), tuple((axis, int(stroke[len(stroke) // 2][axis])) for axis in range(3))
        begun = time.monotonic()
        worker.send(SetMarks(request, str(path)), Refine(request + 1, arguments.refine, places), ShowVolume(request + 2))
        view = worker.until(View, request + 1)
        shown = read_slices(view.output)
        slices_s.append(time.monotonic() - begun)
        viewed.append(view.step - all_steps)
        inside = stroke[stroke[:, 0] == shown[0].index]
        true = np.array([problem.tree[int(label_id)].value for label_id in problem.truth[tuple(inside.T)]])
        right.append(float((shown[0].values[tuple(inside[:, 1:].T)] == true).mean()))
        all_steps = worker.until(Answer, request + 1).summary["all_steps"]
        answer = worker.until(Answer, request + 2)
        values, _ = read_volume(answer.outputs[0])
        volume_s.append(time.monotonic() - begun)
        volume_alone_s.append(answer.seconds)
        loads.append(os.getloadavg()[0])
    worker.stop()
    return {
        "first result": first_s,
        "of which image and features": opened,
        "of which applying": first_volume_s,
        "processor seconds of the first result": first_processor_s,
        "refreshed slices": statistics.median(slices_s),
        "refreshed slices, slowest": max(slices_s),
        "refreshed volume": statistics.median(volume_s),
        "of which applying, median": statistics.median(volume_alone_s),
        "processor seconds of a stroke and the volume": (worker.processor_s - first_processor_s) / arguments.strokes,
        "steps before the first result": steps,
        "steps before the first view, median": statistics.median(viewed),
        "leaf Dice of the first result": first_dice,
        "leaf Dice after the strokes": leaf_dice(values, problem),
        "share of a new stroke right in the first view": statistics.mean(right),
        "peak memory of the worker, GiB": worker.memory_bytes / 2**30,
        "load of the machine, mean": statistics.mean(loads),
    }


def corrected(
    marks: SparseLabels, values: np.ndarray, problem: Problem, rng: np.random.Generator
) -> tuple[SparseLabels, np.ndarray]:
    """The marks and one more stroke through wrong answers of one label near each other in a slice, and that stroke, (n, 3)."""
    table = np.zeros(max(label.value for label in problem.tree) + 1, dtype=np.int32)
    for label in problem.tree:
        table[label.value] = label.id
    wrong = np.argwhere((table[values.astype(np.int64)] != problem.truth) & (problem.truth > 0))
    start = wrong[rng.integers(len(wrong))]
    alike = wrong[(wrong[:, 0] == start[0]) & (problem.truth[tuple(wrong.T)] == problem.truth[tuple(start)])]
    stroke = alike[np.argsort(((alike - start) ** 2).sum(axis=1))[:STROKE_VOXELS]]
    drawn = np.zeros(problem.grid.shape, dtype=np.int32)
    drawn[tuple(marks.indices.T)] = marks.label_ids
    drawn[tuple(stroke.T)] = problem.truth[tuple(start)]
    indices = np.argwhere(drawn)
    return SparseLabels(problem.grid, indices, drawn[tuple(indices.T)]), stroke


def leaf_dice(values: np.ndarray, problem: Problem) -> float:
    """Mean Dice of the leaves, inside what is labelled."""
    known = problem.truth > 0
    answers = values_to_ids(values[known], problem.tree)
    pairs = confusion_table(problem.truth[known], answers, problem.tree, within_truth=True)
    return means_by_level(dice(pairs), problem.tree)["leaf"]


if __name__ == "__main__":
    main()
