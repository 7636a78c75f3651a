"""`semseg predict`: from an image to a segmentation."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from semseg_core.data.cases import split_images
from semseg_core.errors import InputError
from semseg_core.job import PredictJob
from semseg_core.models.contents import load_card
from semseg_core.train.events import EventSink

AUTO_CONFIDENCE = 0.5
"""Default certainty for `--level auto`: at one half, the answer has the least expected distance along the tree."""


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "predict",
        help="apply a model to an image",
        description="Apply a model to an image. On one that it was trained on, painted voxels keep their labels and strokes grow "
        "around them, as long as strokes.safetensors lies beside the model; on others the model answers alone.",
    )
    parser.add_argument(
        "model",
        metavar="MODEL_DIR",
        help="model directory: one of ours, a MONAI bundle, or a model folder of nnU-Net; or a TorchScript file (.ts), "
        "the only kind whose own code is run, in PyTorch's interpreter, which knows tensors alone",
    )
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
        "--min-confidence",
        type=parse_confidence,
        metavar="P|auto",
        help="below this probability a voxel is unknown; auto takes what the model found on held-back strokes "
        "(default: 0, with --level auto 0.5)",
    )
    parser.add_argument(
        "--everything", action="store_true", help="label also what resembles nothing that was scribbled on; else it stays unknown"
    )
    parser.add_argument("--confidence", metavar="OUT2", help="write the confidence map here")
    parser.add_argument("--paths", metavar="FILE.npz", help="write the answers of every certainty here, for the Slicer panel")
    parser.add_argument("--device", default="auto", metavar="auto|cpu|cuda:N|mps", help="where to compute (default: auto)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, on_event: EventSink, cancelled: Callable[[], bool]) -> None:
    """Apply and tell where the result is."""
    PredictJob(
        model=arguments.model,
        images=arguments.images,
        output=arguments.output,
        level=arguments.level,
        min_confidence=_min_confidence(arguments),
        confidence=arguments.confidence,
        device=arguments.device,
        paths=arguments.paths,
        everything=arguments.everything,
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


def parse_confidence(text: str) -> float | str:
    """A probability, or `auto`.

    Raises:
        InputError: If it is neither.
    """
    if text == "auto":
        return text
    try:
        return float(text)
    except ValueError:
        raise InputError(f"minimum confidence '{text}': give a probability within 0…1, or auto") from None


def _min_confidence(arguments: argparse.Namespace) -> float:
    """What was asked for, or the model's recommendation for the level; for `--level auto` that of the leaves."""
    if arguments.min_confidence is None:
        return AUTO_CONFIDENCE if arguments.level == "auto" else 0.0
    if arguments.min_confidence != "auto":
        return arguments.min_confidence
    found = load_card(arguments.model).training.get("min_confidence")
    if not isinstance(found, dict) or not isinstance(found.get("leaf"), float):
        raise InputError(
            f"model {arguments.model}: no strokes were held back in its training, so it recommends no minimum confidence; "
            "give a number"
        )
    return found.get(str(arguments.level), found["leaf"])
