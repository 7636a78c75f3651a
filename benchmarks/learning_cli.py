"""How good a segmentation scribbles give: the main job by the command line, on real subjects, mean and spread.

    SEMANTICSEG_TEST_DATA=… python benchmarks/learning.py [--subjects N] [--budget 120s] [--seeds 0,1] [--json FILE]

Each run draws strokes on one subject of brain-ixi-dlmuse (148 leaves), trains on them, labels the whole volume and is scored
inside the true brain (`--within-truth`), as a table of leaf and level Dice, tree distance and seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TREE = "label-trees/muse_lobe_tree.json"
SUBJECTS = ("IXI132-HH-1415", "IXI274-HH-2294", "IXI527-HH-2376", "IXI338-HH-1971", "IXI575-HH-2658", "IXI206-HH-1650")
FIGURES = ("dice_leaves", "dice_level_2", "tree_distance")


def main() -> None:
    """Run and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subjects", type=int, default=3, help=f"how many, at most {len(SUBJECTS)} (default: 3)")
    parser.add_argument("--budget", default="120s", help="training budget (default: 120s)")
    parser.add_argument("--seeds", default="0", help="seeds of strokes and training (default: 0)")
    parser.add_argument("--loss", help="loss expression (default: the recommended one)")
    parser.add_argument("--json", type=Path, help="also write the rows here")
    arguments = parser.parse_args()
    folder = os.environ.get("SEMANTICSEG_TEST_DATA")
    if not folder:
        sys.exit("SEMANTICSEG_TEST_DATA is not set: it names the folder with brain-ixi-dlmuse")
    rows = []
    for subject in SUBJECTS[: arguments.subjects]:
        for seed in arguments.seeds.split(","):
            row = run(Path(folder), subject, seed, arguments.budget, arguments.loss)
            rows.append(row)
            print(
                "  ".join(f"{name} {value:.3f}" if isinstance(value, float) else str(value) for name, value in row.items()),
                flush=True,
            )
    for figure in (*FIGURES, "seconds"):
        values = [row[figure] for row in rows]
        spread = statistics.stdev(values) if len(values) > 1 else 0.0
        print(f"{figure}: mean {statistics.mean(values):.3f}, spread {spread:.3f}, from {min(values):.3f} to {max(values):.3f}")
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")


def run(data: Path, subject: str, seed: str, budget: str, loss: str | None) -> dict[str, object]:
    """One subject, one seed: strokes, training, applying, scoring."""
    image = data / f"brain-ixi-dlmuse/{subject}_T1.nii.gz"
    truth = data / f"brain-ixi-dlmuse/{subject}_DLMUSE.nii.gz"
    tree = data / TREE
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        semseg("scribble", truth, "--tree", tree, "--slices", 8, "--seed", seed, "-o", work / "strokes.nii.gz")
        begun = time.monotonic()
        extra = ("--loss", loss) if loss else ()
        case = f"{image}={work / 'strokes.nii.gz'}"
        semseg("finetune", "--tree", tree, "--case", case, "--budget", budget, "--seed", seed, *extra, "-o", work / "model")
        seconds = time.monotonic() - begun
        semseg("predict", work / "model", image, "-o", work / "result.nii.gz")
        report = work / "report.json"
        semseg(
            "evaluate",
            "--tree",
            tree,
            "--truth",
            truth,
            "--prediction",
            work / "result.nii.gz",
            "--within-truth",
            "--json",
            report,
        )
        scores = json.loads(report.read_text(encoding="utf-8"))
        training = json.loads((work / "model/model.json").read_text(encoding="utf-8"))["training"]
    return {"subject": subject, "seed": seed, **figures(scores), "steps": training["steps"], "seconds": seconds}


def figures(scores: dict) -> dict[str, float]:
    """The figures of the table, from the report of `semseg evaluate`."""
    values = (scores["dice"]["leaf"], scores["dice"]["2"], scores["tree"]["relative_distance"])
    return dict(zip(FIGURES, values, strict=True))


def semseg(*arguments: object) -> None:
    """Run the command line; its own words are shown if it fails."""
    command = [sys.executable, "-m", "semseg_core", *map(str, arguments), "--progress", "none"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stderr}")


if __name__ == "__main__":
    main()
