"""`semseg finetune`: from scribbles to a model."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from semseg_core.cli.options import add_tree_options, parse_names
from semseg_core.data.cases import CaseFiles, parse_case, read_case_list
from semseg_core.data.folders import find_cases
from semseg_core.errors import InputError
from semseg_core.job import FineTuneJob
from semseg_core.train.config import LEARNERS, Budget, TrainConfig
from semseg_core.train.events import EventSink, Note

EXAMPLE = "example: semseg finetune --tree brain-tissue --case t1.nii.gz=scribbles.nii.gz --budget 120s -o model"


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command."""
    parser = commands.add_parser("finetune", help="train a model on scribbles", epilog=EXAMPLE)
    add_tree_options(parser)
    parser.add_argument(
        "--case",
        action="append",
        default=[],
        type=parse_case,
        metavar="IMAGE[,IMAGE2…]=SCRIBBLES",
        help="an image, or several channels of one, and its scribbles (label map or .seg.nrrd); may be given several times",
    )
    parser.add_argument(
        "--cases",
        metavar="FILE|FOLDER",
        help="list of cases: CSV with columns CHANNEL…,scribbles, or JSON; or a folder, "
        "whose images and segmentations are paired by name",
    )
    parser.add_argument(
        "--channels", type=parse_names, default=(), metavar="NAME,…", help="names of the image channels, in order"
    )
    parser.add_argument(
        "--loss", metavar="NAME", help="loss or weighted sum of losses (semseg losses); default: the recommended one"
    )
    parser.add_argument(
        "--start-features",
        action="store_true",
        help="describe voxels by the shipped start model, too, which was trained on synthetic volumes alone",
    )
    parser.add_argument(
        "--start", metavar="MODEL", help="model to start from: one of ours, a MONAI bundle, or a model folder of nnU-Net"
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on where a crashed or cancelled run stopped, for the rest of the budget"
    )
    parser.add_argument(
        "--budget", type=Budget.parse, default=TrainConfig.budget, metavar="120s|2000steps", help="when to stop (default: 120s)"
    )
    parser.add_argument(
        "--learner",
        choices=LEARNERS,
        default="quick",
        help="quick: answers within a minute; deep: a context network learns with it, which takes longer (default: quick)",
    )
    parser.add_argument("--device", default="auto", metavar="auto|cpu|cuda:N|mps", help="where to compute (default: auto)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="seed of every random choice (default: 0)")
    parser.add_argument(
        "--precision", default="auto", metavar="auto|float32|bfloat16", help="number type while training (default: auto)"
    )
    parser.add_argument(
        "--variants", type=int, metavar="N", help="intensity variants of each case (default: as the budget allows)"
    )
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="MODEL_DIR",
        help="model directory to write: model.json, model.safetensors and, of scribbles, strokes.safetensors, by which these "
        "hold on the images they were drawn on; the model works without it, so keep that file back when you hand the model on",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, on_event: EventSink, cancelled: Callable[[], bool]) -> None:
    """Train and tell where the model is."""
    cases, channels = tuple(arguments.case), arguments.channels
    if arguments.cases:
        listed, names = _listed(arguments.cases, on_event)
        if channels and names and channels != names:
            raise InputError(f"--channels {','.join(channels)}: the case list names {','.join(names)}; leave out one of them")
        cases, channels = cases + listed, channels or names
    config = TrainConfig(
        loss=arguments.loss,
        budget=arguments.budget,
        learner=arguments.learner,
        seed=arguments.seed,
        device=arguments.device,
        precision=arguments.precision,
        variants=arguments.variants,
        start_features=arguments.start_features,
    )
    job = FineTuneJob(
        tree=arguments.tree,
        cases=cases,
        output=arguments.output,
        value_column=arguments.value_column,
        unknown_values=arguments.unknown_values,
        channels=channels,
        start=arguments.start,
        resume=arguments.resume,
        config=config,
    )
    job.execute(on_event, cancelled)
    if arguments.progress != "json":
        print(f"Model written to {arguments.output}. Apply it with: semseg predict {arguments.output} IMAGE -o result.seg.nrrd")


def _listed(path: str, on_event: EventSink) -> tuple[tuple[CaseFiles, ...], tuple[str, ...]]:
    """The cases of a list or a folder, and their channels where it tells them."""
    if not Path(path).is_dir():
        return read_case_list(path)
    found = find_cases(path)
    for note in found.notes:
        on_event(Note(note))
    return found.cases, found.channels
