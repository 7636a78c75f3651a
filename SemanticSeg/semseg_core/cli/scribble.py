"""`semseg scribble`: draw on a dense label map as a person would, for benchmarks and trials."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from semseg_core.cli.options import add_tree_options, read_tree
from semseg_core.errors import InputError
from semseg_core.labels.tree import LabelTree
from semseg_core.sparse.scribbles import SparseLabels
from semseg_core.train.events import Done, EventSink, Note, Stage


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command."""
    parser = commands.add_parser("scribble", help="draw scribbles on a dense label map", description=__doc__)
    parser.add_argument("label_map", metavar="LABELMAP", help="dense label map in the tree's values, or a .seg.nrrd")
    add_tree_options(parser)
    parser.add_argument("--slices", type=int, default=8, metavar="N", help="slices drawn on per orientation (default: 8)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="the same seed draws the same strokes (default: 0)")
    parser.add_argument("--thickness", type=int, default=1, metavar="N", help="width of strokes in voxels, odd (default: 1)")
    parser.add_argument(
        "--coarse",
        type=float,
        default=0.0,
        metavar="P",
        help="chance that a stroke is drawn on an inner label instead of what lies below it (default: 0)",
    )
    parser.add_argument("-o", "--output", required=True, metavar="SCRIBBLES", help="scribbles to write: .nii.gz or .seg.nrrd")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, on_event: EventSink, cancelled: Callable[[], bool]) -> None:
    """Draw, write, and tell what was marked."""
    del cancelled  # takes seconds: the command line stops it at once
    import numpy as np

    from semseg_core.data.image_files import require_image_path
    from semseg_core.data.segmentation import read_segmentation, write_segmentation
    from semseg_core.labels.encode import values_to_ids
    from semseg_core.sparse.simulate import StrokeStyle, simulate_scribbles
    from semseg_core.sparse.statistics import warnings

    output = require_image_path(arguments.output, "scribbles")
    if output.exists() and Path(arguments.label_map).exists() and output.samefile(arguments.label_map):
        raise InputError(f"scribbles {output}: would overwrite the label map they are drawn from; give another name")
    if arguments.seed < 0:
        raise InputError(f"seed {arguments.seed}: give a whole number from 0 up")
    style = StrokeStyle(thickness_vox=arguments.thickness, coarse=arguments.coarse)
    tree = read_tree(arguments, on_event)
    on_event(Stage(f"Reading {arguments.label_map}"))
    truth = read_segmentation(arguments.label_map, tree, arguments.unknown_values, "label map")
    for note in truth.notes:
        on_event(Note(note))
    on_event(Stage(f"Drawing on {arguments.slices} slices per orientation"))
    rng = np.random.default_rng(arguments.seed)
    marks = simulate_scribbles(values_to_ids(truth.values, tree), truth.grid, tree, arguments.slices, rng, style)
    files = write_segmentation(output, marks.to_label_map(tree), truth.grid, tree)
    for line in table(marks, tree):
        print(line)
    for sentence in warnings(marks, tree):
        on_event(Note(sentence, "warning"))
    on_event(Done(tuple(str(file) for file in files), summary={"voxels": len(marks), "labels": len(marks.counts())}))


def table(marks: SparseLabels, tree: LabelTree) -> list[str]:
    """What was marked, one line per label: its own voxels, those with all below it, and slices in each orientation."""
    from semseg_core.sparse.statistics import statistics

    entries = statistics(marks, tree)
    names = [f"{'  ' * tree.depth(entry.label.id)}{entry.label.name}" for entry in entries]
    width = max(len(name) for name in [*names, "label"])
    planes = marks.grid.planes
    lines = [f"{'label':{width}}  voxels  with below  slices: {', '.join(planes)}"]
    for name, entry in zip(names, entries, strict=True):
        slices = ", ".join(f"{len(numbers):3}" for numbers in entry.slices)
        lines.append(f"{name:{width}}  {entry.voxels:6}  {entry.subtree_voxels:10}  {slices}")
    share = len(marks) / marks.grid.voxel_count
    lines.append(f"{len(marks)} voxels ({share:.2%} of the volume) on {len(marks.counts())} of {len(tree)} labels")
    return lines
