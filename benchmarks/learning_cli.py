"""The main job by the command line, end to end: brain T1 with 148 leaves, mean and spread over subjects and seeds.

    SEMANTICSEG_TEST_DATA=… python benchmarks/learning_cli.py [--rows minute,ten-minutes,unseen,dense] [--subjects N]
        [--seeds 0,1] [--dense-budget 60min] [--finetune "--start DIR"] [--json FILE]

Rows: the same subject after 60 s and after 10 min; subjects never seen, from five scribbled ones in 10 min and from dense labels
of 15. Strokes are those of `semseg scribble --slices 8`, none of them on background. Scored inside the true brain
(`--within-truth`), and by what is answered outside it: the share of head (scalp, skull, neck) and of air that gets a label of
the brain, at the default threshold and without it. Head and air are told apart as the library does. For Linux: it says what a
child's peak memory was.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from semseg_core.tuning import tune_process

tune_process()  # before anything loads torch

import numpy as np  # noqa: E402
import torch  # noqa: E402
from learning_data import IXI, IXI_TREE, ixi_names  # noqa: E402
from measure import environment, print_table  # noqa: E402

from semseg_core.data.images import read_label_map, read_volume  # noqa: E402
from semseg_core.data.intensity import choose_rules, normalize  # noqa: E402
from semseg_core.data.resample import anatomical_spacing  # noqa: E402
from semseg_core.features.bank import build_feature_bank  # noqa: E402

SUBJECTS = ("IXI132-HH-1415", "IXI274-HH-2294", "IXI527-HH-2376", "IXI338-HH-1971", "IXI575-HH-2658")
"""Tested, in this order; the others of the folder are learned from where the row says so. Twenty less five leaves 15."""

SLICES, SCRIBBLED, DENSE = 8, 5, 15
EVERYTHING = ("--everything",)
"""Options of `semseg predict` that switch the threshold off."""

DICE, COARSE, DISTANCE, SEVERITY = "leaf", "level 2", "distance", "severity"
HEAD, AIR = "head labelled, %", "air labelled, %"
OPEN = "no threshold: "
DECIMALS = {
    DICE: 3,
    COARSE: 3,
    DISTANCE: 4,
    SEVERITY: 3,
    HEAD: 1,
    AIR: 2,
    OPEN + DICE: 3,
    OPEN + HEAD: 1,
    OPEN + AIR: 2,
    "fine-tuning, s": 0,
    "fine-tuning, MiB": 0,
    "predicting, s": 1,
    "steps": 0,
}


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Args:
        title: What the table says.
        budget: Of the training.
        cases: Other subjects learned from; 0 is the tested subject itself.
        dense: Whether from dense labels instead of strokes.
    """

    title: str
    budget: str
    cases: int = 0
    dense: bool = False


class Run(NamedTuple):
    """Wall time and peak memory of one command."""

    seconds: float
    peak_mib: float


def main() -> None:
    """Run and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", default="minute,ten-minutes,unseen", help="also: dense (default: %(default)s)")
    parser.add_argument("--subjects", type=int, default=3, help=f"tested, at most {len(SUBJECTS)} (default: 3)")
    parser.add_argument("--seeds", default="0", help="of strokes and training (default: 0)")
    parser.add_argument("--budget", help="instead of each row's own, for a trial")
    parser.add_argument("--dense-budget", default="60min", help="of the row with dense labels (default: 60min)")
    parser.add_argument("--finetune", default="", help="further options of every semseg finetune, in one string")
    parser.add_argument("--json", type=Path, help="also write every single figure here, after every run")
    arguments = parser.parse_args()
    folder = os.environ.get("SEMANTICSEG_TEST_DATA")
    if not folder:
        sys.exit("SEMANTICSEG_TEST_DATA is not set: it names the folder with brain-ixi-dlmuse")
    table = {
        "minute": Row("same subject", "60s"),
        "ten-minutes": Row("same subject", "600s"),
        "unseen": Row(f"unseen, {SCRIBBLED} scribbled subjects", "600s", SCRIBBLED),
        "dense": Row(f"unseen, dense labels of {DENSE} subjects", arguments.dense_budget, DENSE, dense=True),
    }
    command = " ".join(["python benchmarks/learning_cli.py", *sys.argv[1:]])
    print(f"`{command}`; {environment(torch.device('cpu'))}\n", flush=True)
    found: dict[str, list[dict[str, object]]] = {}
    tested, options = SUBJECTS[: arguments.subjects], shlex.split(arguments.finetune)
    for key in arguments.rows.split(","):
        row = table[key]
        budget = arguments.budget or row.budget
        for seed in map(int, arguments.seeds.split(",")):
            for figures in results(Path(folder), row, budget, seed, tested, options):
                found.setdefault(f"{row.title}, {budget}", []).append(figures)
                _tell(f"{row.title}: " + "  ".join(f"{name} {_shown(name, value)}" for name, value in figures.items()))
                if arguments.json:
                    arguments.json.write_text(json.dumps(found, indent=1), encoding="utf-8")
    print_table(["", "runs", *DECIMALS], (_line(title, runs) for title, runs in found.items()))


def results(
    data: Path, row: Row, budget: str, seed: int, tested: Sequence[str], options: Sequence[str]
) -> Iterator[dict[str, object]]:
    """Figures of every tested subject; where they are unseen, of one training for all."""
    others = [name for name in ixi_names(data) if name not in SUBJECTS][: row.cases]
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        if others:
            training = fine_tune(data, others, row, budget, seed, options, work)
        for subject in tested:
            if not others:
                training = fine_tune(data, [subject], row, budget, seed, options, work)
            yield {"subject": subject, "seed": seed, **apply(data, subject, work), **training}


def fine_tune(
    data: Path, names: Sequence[str], row: Row, budget: str, seed: int, options: Sequence[str], work: Path
) -> dict[str, float]:
    """Draw strokes where wanted, and train the model `work/model`."""
    cases: list[object] = []
    for number, name in enumerate(names):
        image, truth = paths(data, name)
        strokes = truth
        if not row.dense:
            strokes = work / f"{name}.nii.gz"
            drawn = ("--slices", SLICES, "--seed", 100 * seed + number, "-o", strokes)
            semseg("scribble", truth, "--tree", data / IXI_TREE, *drawn)
        cases += ["--case", f"{image}={strokes}"]
    run = semseg(
        "finetune", "--tree", data / IXI_TREE, *cases, "--budget", budget, "--seed", seed, *options, "-o", work / "model"
    )
    training = json.loads((work / "model/model.json").read_text(encoding="utf-8"))["training"]
    return {"fine-tuning, s": run.seconds, "fine-tuning, MiB": run.peak_mib, "steps": training["steps"]}


def apply(data: Path, subject: str, work: Path) -> dict[str, float]:
    """Label a subject with and without the threshold, and score both."""
    image, truth = paths(data, subject)
    known = read_label_map(truth).array > 0
    head = body(image) & ~known
    figures: dict[str, float] = {}
    for prefix, options in (("", ()), (OPEN, EVERYTHING)):
        result, report = work / "result.nii.gz", work / "report.json"
        run = semseg("predict", work / "model", image, *options, "-o", result)
        given = ("--truth", truth, "--prediction", result, "--within-truth", "--json", report)
        semseg("evaluate", "--tree", data / IXI_TREE, *given)
        scores = json.loads(report.read_text(encoding="utf-8"))
        labelled = read_label_map(result).array > 0
        measured = {
            DICE: scores["dice"]["leaf"],
            COARSE: scores["dice"]["2"],
            DISTANCE: scores["tree"]["relative_distance"],
            SEVERITY: scores["tree"]["severity"],
            HEAD: 100.0 * labelled[head].mean(),
            AIR: 100.0 * labelled[~head & ~known].mean(),
        }
        figures |= {prefix + name: float(value) for name, value in measured.items() if prefix + name in DECIMALS}
        figures.setdefault("predicting, s", run.seconds)
    return figures


def body(image: Path) -> np.ndarray:
    """Which voxels the library takes for the body, (D, H, W) bool."""
    volume = read_volume([image])
    bank = build_feature_bank(normalize(volume, choose_rules(volume)), anatomical_spacing(volume.grid))
    points = volume.grid.index_to_ras(np.argwhere(np.ones(volume.grid.shape, dtype=bool)))
    return bank.inside(torch.as_tensor(points, dtype=torch.float32)).numpy().reshape(volume.grid.shape)


def paths(data: Path, name: str) -> tuple[Path, Path]:
    """Image and truth of a subject."""
    return data / IXI / f"{name}_T1.nii.gz", data / IXI / f"{name}_DLMUSE.nii.gz"


def semseg(*arguments: object) -> Run:
    """Run the command line; its own words are shown if it fails."""
    command = [sys.executable, "-m", "semseg_core", *map(str, arguments), "--progress", "none"]
    begun = time.monotonic()
    with tempfile.TemporaryFile() as words:
        child = subprocess.Popen(command, stdout=words, stderr=words)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            words.seek(0)
            sys.exit(f"{' '.join(command)}\n{words.read().decode()}")
    return Run(time.monotonic() - begun, usage.ru_maxrss / 1024)


def _line(title: str, runs: Sequence[dict[str, object]]) -> list[str]:
    """One line of the table."""
    return [title, str(len(runs)), *(_spread(name, [run[name] for run in runs]) for name in DECIMALS)]


def _spread(name: str, values: Sequence[float]) -> str:
    """Mean and spread of a figure over runs."""
    spread = f" ± {_shown(name, statistics.stdev(values))}" if len(values) > 1 else ""
    return _shown(name, statistics.mean(values)) + spread


def _shown(name: str, value: object) -> str:
    return f"{value:.{DECIMALS[name]}f}" if name in DECIMALS else str(value)


def _tell(sentence: str) -> None:
    """Show progress beside the Markdown, not in it."""
    print(sentence, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
