"""`semseg predict`: from an image to a segmentation."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from semseg_core.data.cases import split_images
from semseg_core.errors import InputError
from semseg_core.job import PredictJob
from semseg_core.train.events import EventSink

AUTO_CONFIDENCE = 0.5
"""Default certainty for `--level auto`: at one half, the answer has the least expected distance along the tree."""


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command."""
    parser = commands.add_parser("predict", help="apply a model to an image")
    parser.add_argument("model", metavar="MODEL_DIR", help="model directory")
    parser.add_argument(
        "images", metavar="IMAGE[,IMAGE2…]", type=split_images, help="image file, or its channels in the model's order"
    )
    parser.add_argument("-o", "--output", metavar="OUT", help="OUT.seg.nrrd, or OUT.nii.gz with a color table beside it")
    parser.add_argument(
        "--level",
        type=parse_level,
        default="leaf",
        metavar="N|leaf|auto",
        help="tree level of the answers; auto backs off to the deepest label that is certain enough (default: leaf)",
    )
    parser.add_argument(
        "--min-confidence", type=float, metavar="P", help="below this probability a voxel is unknown (default: 0; auto: 0.5)"
    )
    parser.add_argument("--confidence", metavar="OUT2", help="write the confidence map here")
    parser.add_argument("--paths", metavar="FILE.npz", help="write the answers of every certainty here, for the Slicer panel")
    parser.add_argument("--device", default="auto", metavar="auto|cpu|cuda:N|mps", help="where to compute (default: auto)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, on_event: EventSink, cancelled: Callable[[], bool]) -> None:
    """Apply and tell where the result is."""
    default = AUTO_CONFIDENCE if arguments.level == "auto" else 0.0
    PredictJob(
        model=arguments.model,
        images=arguments.images,
        output=arguments.output,
        level=arguments.level,
        min_confidence=default if arguments.min_confidence is None else arguments.min_confidence,
        confidence=arguments.confidence,
        device=arguments.device,
        paths=arguments.paths,
    ).execute(on_event, cancelled)
    if arguments.progress != "json":
        written = [path for path in (arguments.output, arguments.paths) if path is not None]
        print(f"Segmentation written to {' and '.join(written)}.")


def parse_level(text: str) -> int | str:
    """A level from `2`, `leaf` or `auto`.

    Raises:
        InputError: If it is none of these.
    """
    if text in ("leaf", "auto"):
        return text
    if not (text.isascii() and text.isdigit()):
        raise InputError(f"level '{text}': give a number, leaf or auto")
    return int(text)
