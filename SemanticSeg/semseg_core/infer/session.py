"""An applying session: from files and a model directory to a segmentation file."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from semseg_core.data.answer_paths import require_paths_name
from semseg_core.data.image_files import require_image_path
from semseg_core.data.images import read_volume, write_volume
from semseg_core.data.segmentation import write_segmentation
from semseg_core.device import choose_device, memory_guard
from semseg_core.errors import InputError
from semseg_core.files import require_writable
from semseg_core.infer.decode import build_decoder
from semseg_core.infer.predict import predict
from semseg_core.models.foreign.reading import import_notes, read_model_to_apply
from semseg_core.train.events import Done, EventSink, Note, Progress, Stage


def predict_files(
    model_folder: str | Path,
    images: Sequence[str],
    output: str | Path | None,
    on_event: EventSink,
    cancelled: Callable[[], bool],
    level: int | str = "leaf",
    min_confidence: float = 0.0,
    confidence_output: str | Path | None = None,
    device: str = "auto",
    paths_output: str | Path | None = None,
    everything: bool = False,
) -> None:
    """Apply a model to an image and write the result on the image's grid.

    Args:
        model_folder: Model directory.
        images: Image files, one or several channels in the model's order.
        output: `.seg.nrrd`, or a label map with a color table beside it; may be None where `paths_output` is given.
        on_event: Gets stages, progress and, at the end, Done.
        cancelled: Polled; nothing is written on cancel.
        level: Level number, "leaf" or "auto".
        min_confidence: Probability below which a voxel stays unknown or backs off.
        confidence_output: Where to write the confidence map, if anywhere.
        device: As in TrainConfig.
        paths_output: Where to write the answers of every certainty (`data/answer_paths.py`), if anywhere.
        everything: Whether to label also what resembles no mark.

    Raises:
        SemSegError: On bad input, a damaged model, lack of memory, or cancel.
    """
    started = time.monotonic()
    outputs = _checked_outputs(output, confidence_output, paths_output, images)
    model = read_model_to_apply(model_folder)
    for note in import_notes(model.card):
        on_event(Note(note))
    decoder = build_decoder(model.card.tree, level, min_confidence)
    torch_device = choose_device(device)
    with memory_guard():
        on_event(Stage("Reading"))
        volume = read_volume(images, model.card.channels, lambda note: on_event(Note(note)))
        on_event(Stage(f"Applying the model to {volume.grid.voxel_count} voxels, {torch_device}"))

        def show(fraction: float) -> None:
            seconds = time.monotonic() - started
            on_event(Progress(fraction, seconds, seconds * (1 - fraction) / fraction))

        keep_paths = outputs.paths is not None
        result = predict(model, volume, decoder, torch_device, show, cancelled, keep_paths, everything)
    if result.stroke_voxels:
        on_event(Note(f"strokes on this very image taught the model: its {result.stroke_voxels} painted voxels hold, and grow"))
    on_event(Stage("Writing"))
    written: list[Path] = []
    if outputs.segmentation is not None:
        written += write_segmentation(outputs.segmentation, result.values, result.grid, model.card.tree)
    if outputs.confidence is not None:
        write_volume(outputs.confidence, result.confidence, result.grid, "confidence")
        written.append(outputs.confidence)
    if outputs.paths is not None:
        result.paths.save(outputs.paths)
        written.append(outputs.paths)
    unknown = float((result.values == 0).mean())
    labels = int(np.count_nonzero(np.unique(result.values)))
    summary = {
        "labels": labels,
        "unknown_share": round(unknown, 4),
        "unfamiliar_share": round(result.unfamiliar_share, 4),
        "stroke_voxels": result.stroke_voxels,
    }
    on_event(Done(tuple(map(str, written)), time.monotonic() - started, summary))


class Outputs(NamedTuple):
    """Where to write what; None where it is not wanted."""

    segmentation: Path | None
    confidence: Path | None
    paths: Path | None


def _checked_outputs(
    segmentation: str | Path | None, confidence: str | Path | None, paths: str | Path | None, images: Sequence[str]
) -> Outputs:
    """The output files, checked before any work; each can be written, and none is another one or the image.

    Raises:
        InputError: If that is not so, or if there is nothing to write.
    """
    if segmentation is None and paths is None:
        raise InputError("output: nothing is to be written; name a segmentation, or a file for the answers of every certainty")
    outputs = Outputs(
        None if segmentation is None else require_image_path(segmentation, "output"),
        None if confidence is None else require_image_path(confidence, "confidence"),
        None if paths is None else require_writable(require_paths_name(paths), "answer paths"),
    )
    if outputs.confidence is not None and (
        outputs.confidence.name.endswith(".seg.nrrd")
        or (outputs.segmentation is not None and outputs.confidence.resolve() == outputs.segmentation.resolve())
    ):
        raise InputError(f"confidence {outputs.confidence}: give an image file of its own, like confidence.nii.gz")
    sources = {Path(image.rpartition("#")[0] or image).resolve() for image in images}
    for path in outputs:
        if path is not None and path.resolve() in sources:
            raise InputError(f"output {path}: is the image itself, which would be lost; choose another name")
    return outputs
