"""`semseg suggest`: which slices are worth scribbling next."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING

from semseg_core.cli.options import add_tree_options, read_tree
from semseg_core.errors import InputError
from semseg_core.files import require_file
from semseg_core.train.events import Done, EventSink, Note, Stage

if TYPE_CHECKING:
    from semseg_core.geometry import Grid
    from semseg_core.labels.tree import LabelTree
    from semseg_core.sparse.suggest import Suggestion

EXAMPLE = "example: semseg suggest --image t1.nii.gz --scribbles marks.seg.nrrd --tree brain-tissue --confidence sure.nii.gz"


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command."""
    parser = commands.add_parser("suggest", help="find the slices worth scribbling next", epilog=EXAMPLE)
    parser.add_argument("--image", required=True, metavar="IMAGE", help="the image; its first channel tells anatomy from air")
    parser.add_argument("--scribbles", required=True, metavar="SCRIBBLES", help="what is drawn already: a label map or .seg.nrrd")
    add_tree_options(parser)
    parser.add_argument("--confidence", metavar="FILE", help="confidence map that semseg predict wrote: unsure slices come first")
    parser.add_argument("--result", metavar="FILE", help="segmentation that goes with it: labels with few scribbles come first")
    parser.add_argument("--count", type=int, default=10, metavar="N", help="how many slices at most (default: 10)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of lines")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, on_event: EventSink, cancelled: Callable[[], bool]) -> None:
    """Read, rank and print."""
    del cancelled  # takes seconds: the command line stops it at once
    from semseg_core.data.images import read_volume
    from semseg_core.data.scribbles import read_scribbles
    from semseg_core.data.segmentation import read_segmentation
    from semseg_core.device import memory_guard
    from semseg_core.labels.encode import values_to_ids
    from semseg_core.sparse.suggest import suggest

    if arguments.count < 1:
        raise InputError(f"--count {arguments.count}: ask for at least 1 slice")
    if arguments.result and not arguments.confidence:
        raise InputError(f"--result {arguments.result}: has a meaning only with --confidence; add it")
    tree = read_tree(arguments, on_event)
    named = {"image": arguments.image, "scribbles": arguments.scribbles}
    named |= {"confidence map": arguments.confidence, "result": arguments.result}
    for role, path in named.items():
        if path:
            require_file(path, role)

    def note(sentence: str) -> None:
        on_event(Note(sentence))

    with memory_guard():
        on_event(Stage("Reading"))
        image = read_volume([arguments.image], on_note=note)
        marks, notes = read_scribbles(arguments.scribbles, tree, arguments.unknown_values, image.grid)
        for sentence in notes:
            note(sentence)
        confidence = answers = None
        if arguments.confidence:
            confidence = _read_confidence(arguments.confidence, image.grid, arguments.image)
        if arguments.result:
            result = read_segmentation(arguments.result, tree, arguments.unknown_values, "result")
            result.grid.require_same(image.grid, f"result {arguments.result}", f"image {arguments.image}")
            answers = values_to_ids(result.values, tree)
        on_event(Stage("Comparing slices"))
        found = suggest(marks, tree, image=image.array[0], confidence=confidence, answers=answers, count=arguments.count)
    if arguments.json:
        print(json.dumps([asdict(suggestion) for suggestion in found], indent=2))
    elif arguments.progress != "json":
        print("\n".join(lines_of(found, image.grid, tree)))
    on_event(Done((), summary={"suggestions": len(found)}))


def lines_of(found: tuple[Suggestion, ...], grid: Grid, tree: LabelTree) -> list[str]:
    """The suggestions as lines for a person, the best first."""
    if not found:
        return ["No slice is worth more strokes than the others."]
    planes = grid.planes
    lines = []
    for number, suggestion in enumerate(found, start=1):
        where = f"{planes[suggestion.axis]} slice {suggestion.index}"
        point = " ".join(str(index) for index in suggestion.point[::-1])
        what = "" if suggestion.label_id is None else f"  {tree.path(suggestion.label_id)}"
        lines += [f"{number:3}. {where:20} at (i, j, k) {point:12} {suggestion.score:5.2f}{what}", f"     {suggestion.reason}"]
    return lines


def _read_confidence(path: str, grid: Grid, image: str) -> object:
    """Probabilities of a file, (D, H, W).

    Raises:
        InputError: If the file holds several values per voxel, or values that are no probabilities.
        ShapeError: If it does not lie on the image's grid.
    """
    import numpy as np

    from semseg_core.data.image_files import read_image_file

    file = read_image_file(path, "confidence map")
    file.grid.require_same(grid, f"confidence map {path}", f"image {image}")
    if len(file.frames) != 1:
        raise InputError(f"confidence map {path}: has {len(file.frames)} values per voxel; give the one semseg predict wrote")
    values = file.frames[0].astype(np.float32)
    if not (np.isfinite(values).all() and values.min() >= 0.0 and values.max() <= 1.0):
        raise InputError(f"confidence map {path}: holds values outside 0…1, which are no probabilities; is this an image?")
    return values
