"""`make demo`: from scribbles to a segmentation, on the MNI152 template or on one's own image, into `demo/`.

Everything that learns or predicts is done by the real command line, in processes of its own. This program makes the template's
scribbles before that, and the report of one's own data, the scene and the picture after it.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "SemanticSeg"))  # the Slicer side is not part of the installed library

import outcome  # noqa: E402 - these need the path above
import template  # noqa: E402

from semseg_core.data.images import write_label_map, write_volume  # noqa: E402
from semseg_core.data.segmentation import write_segmentation  # noqa: E402
from semseg_core.errors import InputError, SemSegError  # noqa: E402
from semseg_core.labels.encode import ids_to_values  # noqa: E402
from semseg_core.labels.presets.catalog import load_preset  # noqa: E402

BUDGET = "75s"
"""Training time; the whole demo stays under three minutes on two cores."""


class Case(NamedTuple):
    """What the command line is given: image files, scribbles and a tree, and the truth where there is one."""

    images: str
    scribbles: str
    tree: str
    truth: Path | None = None


class StepFailedError(Exception):
    """A command of `semseg` failed and has said why; the exit code goes on to the caller."""

    def __init__(self, exit_code: int) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code


def main(argv: Sequence[str] | None = None) -> int:
    """Run the demo and return its exit code."""
    arguments = _parser().parse_args(argv)
    started = time.monotonic()
    try:
        arguments.output.mkdir(parents=True, exist_ok=True)
        own = arguments.image or arguments.scribbles or arguments.tree
        case = own_case(arguments) if own else template_case(arguments.output)
        run(case, arguments.output, arguments.budget)
    except StepFailedError as error:
        return error.exit_code
    except SemSegError as error:
        print(f"demo: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(f"demo: {error}; look at the disk and its permissions and run again", file=sys.stderr)
        return InputError.exit_code
    except KeyboardInterrupt:
        print("demo: cancelled", file=sys.stderr)
        return 130
    print(f"\nDone in {time.monotonic() - started:.0f} s.")
    print(f"Open it in 3D Slicer:   drag {shown(arguments.output / 'scene.mrb')} into its window")
    print("Run it on your own:     make demo IMAGE=t1.nii.gz SCRIBBLES=scribbles.seg.nrrd TREE=brain-tissue")
    return 0


def run(case: Case, folder: Path, budget: str) -> None:
    """Train, apply, judge, and show.

    Raises:
        StepFailedError: If a command fails.
        SemSegError: If its output cannot be read or shown.
    """
    model, result, confidence, report = (folder / name for name in outcome.FILES)
    begun = time.monotonic()
    semseg("finetune", "--tree", case.tree, "--case", f"{case.images}={case.scribbles}", "--budget", budget, "-o", model)
    training_s = time.monotonic() - begun
    semseg("predict", model, case.images, "-o", result, "--confidence", confidence)
    if case.truth is not None:
        truth = ("--tree", case.tree, "--truth", case.truth, "--within-truth")
        semseg("evaluate", *truth, "--prediction", result, "--json", report)
    found = outcome.gather(case.images, case.scribbles, case.tree, result, confidence)
    if case.truth is None:
        outcome.write_own_report(report, found)
    scores = outcome.read_scores(report)
    outcome.write_scene(folder / "scene.mrb", found)
    subject = template.SUBJECT if case.truth else found.name
    outcome.write_picture(folder / "overlay.png", found, scores, subject, f"trained in {training_s:.0f} s")
    outcome.print_table(found, scores)
    written = [path.name for path in (result, folder / "scene.mrb", report, folder / "overlay.png") if path.is_file()]
    print(f"\nIn {shown(folder)}/: {', '.join(written)}")


def own_case(arguments: argparse.Namespace) -> Case:
    """The user's files.

    Raises:
        InputError: If one of the three is missing.
    """
    given = {"IMAGE": arguments.image, "SCRIBBLES": arguments.scribbles, "TREE": arguments.tree}
    missing = [name for name, value in given.items() if not value]
    if missing:
        raise InputError(f"own data: {' and '.join(missing)} is missing; give all of make demo IMAGE=… SCRIBBLES=… TREE=…")
    return Case(arguments.image, arguments.scribbles, arguments.tree)


def template_case(folder: Path) -> Case:
    """Write the template, its truth, and scribbles drawn on that."""
    print(f"Drawing scribbles on {template.DESCRIPTION}", flush=True)
    tree = load_preset(template.TREE)
    made = template.load_template(tree)
    marks = template.draw_scribbles(made, tree)
    image, scribbles, truth = folder / "image.nii.gz", folder / "scribbles.seg.nrrd", folder / "truth.nii.gz"
    write_volume(image, made.image, made.grid)
    write_label_map(truth, ids_to_values(made.truth, tree), made.grid)
    write_segmentation(scribbles, marks.to_label_map(tree), made.grid, tree, algorithm_type="MANUAL")
    return Case(str(image), str(scribbles), template.TREE, truth)


def semseg(*arguments: object) -> None:
    """Run one command of the command line; its progress and errors are shown.

    Raises:
        StepFailedError: If it fails.
    """
    print(f"\nsemseg {arguments[0]}", flush=True)
    process = subprocess.Popen([sys.executable, "-m", "semseg_core", *map(str, arguments)], stdout=subprocess.DEVNULL)
    try:
        code = process.wait()
    except KeyboardInterrupt:  # the command got it too, and ends in its own way, keeping the best model so far
        process.wait()
        raise
    if code:
        raise StepFailedError(code)


def shown(path: Path) -> Path:
    """The path as a person in the current folder would write it."""
    return path.resolve().relative_to(Path.cwd()) if path.resolve().is_relative_to(Path.cwd()) else path


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="From scribbles to a segmentation. For research; not a medical device.")
    parser.add_argument(
        "--image", metavar="IMAGE[,IMAGE2…]", help="your own image, or its channels; default: the MNI152 template"
    )
    parser.add_argument("--scribbles", metavar="SCRIBBLES", help="scribbles on it: a label map or .seg.nrrd")
    parser.add_argument("--tree", metavar="TREE", help="label tree: a file or a preset's name")
    parser.add_argument("--budget", default=BUDGET, metavar="75s|2000steps", help=f"training time (default: {BUDGET})")
    parser.add_argument("--output", type=Path, default=ROOT / "demo", metavar="FOLDER", help="where to (default: demo)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
