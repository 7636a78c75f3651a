"""The papers' claims, retested: losses against each other on the same data, batches and seeds, as Markdown.

    SEMANTICSEG_TEST_DATA=… python benchmarks/claims.py [tree|lesion] [--steps N] [--subjects N] [--seeds N] [--seconds S]
                                                        [--json FILE]

`tree` takes brain-ixi-dlmuse and its label tree, `lesion` tumour-brats2013 (CC BY-NC-SA: no picture or data of it is kept).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from semseg_core.tuning import tune_process

tune_process()  # before anything loads torch

import claims_lesion  # noqa: E402
import claims_tree  # noqa: E402
import torch  # noqa: E402
from claims_report import RULE, Row, report  # noqa: E402
from measure import environment  # noqa: E402

PARTS = {"tree": claims_tree, "lesion": claims_lesion}


def main() -> None:
    """Run the chosen parts and print what held."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="?", choices=list(PARTS), help="default: both")
    parser.add_argument(
        "--steps", type=_count, help=f"of each run (default: tree {claims_tree.STEPS}, lesion {claims_lesion.STEPS})"
    )
    parser.add_argument("--subjects", type=_count, default=3, help="tested by tree (default: 3)")
    parser.add_argument("--seeds", type=_count, default=2, help="default: 2")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="a part begins no further round of runs after this")
    parser.add_argument("--json", type=Path, help="also write every single figure here")
    arguments = parser.parse_args()
    if "SEMANTICSEG_TEST_DATA" not in os.environ:
        sys.exit("SEMANTICSEG_TEST_DATA is not set: it names the folder with brain-ixi-dlmuse and tumour-brats2013")
    data = Path(os.environ["SEMANTICSEG_TEST_DATA"])
    command = " ".join(["python benchmarks/claims.py", *sys.argv[1:]])
    print(f"## The papers' claims, retested\n\n`{command}`; {environment(torch.device('cpu'))}.\n\n{RULE}\n", flush=True)
    rows = []
    for name in [arguments.part] if arguments.part else PARTS:
        begun = time.monotonic()
        steps = arguments.steps or PARTS[name].STEPS
        found = []
        for finished in _rounds(name, data, steps, arguments):
            found += finished
            seconds = time.monotonic() - begun
            _tell(f"{name}: {finished[0].section}, {finished[0].case}, seed {finished[0].seed} done after {seconds:.0f} s")
            if seconds > arguments.seconds:
                _tell(f"{name}: no further round after {arguments.seconds:g} s")
                break
        for section in PARTS[name].SECTIONS:
            print(report(section, found), flush=True)
        print(f"{steps} steps per run, {time.monotonic() - begun:.0f} s in all.\n", flush=True)
        rows += found
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(row) for row in rows], indent=1), encoding="utf-8")


def _rounds(name: str, data: Path, steps: int, arguments: argparse.Namespace) -> Iterator[list[Row]]:
    if name == "tree":
        return claims_tree.rounds(data, steps, arguments.subjects, arguments.seeds)
    return claims_lesion.rounds(data, steps, arguments.seeds)


def _tell(sentence: str) -> None:
    """Show progress beside the Markdown, not in it."""
    print(sentence, file=sys.stderr, flush=True)


def _count(text: str) -> int:
    """A whole number above zero."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number}: give 1 or more")
    return number


if __name__ == "__main__":
    main()
