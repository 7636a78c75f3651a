"""An applying session: from files and a model directory to a segmentation file."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from semseg_core.data.image_files import require_image_path
from semseg_core.data.images import read_volume, write_volume
from semseg_core.data.segmentation import write_segmentation
from semseg_core.device import choose_device, memory_guard
from semseg_core.errors import InputError
from semseg_core.infer.decode import build_decoder
from semseg_core.infer.predict import predict
from semseg_core.models.directory import load_model
from semseg_core.train.events import Done, EventSink, Note, Progress, Stage


def predict_files(
    model_folder: str | Path,
    images: Sequence[str],
    output: str | Path,
    on_event: EventSink,
    cancelled: Callable[[], bool],
    level: int | str = "leaf",
    min_confidence: float = 0.0,
    confidence_output: str | Path | None = None,
    device: str = "auto",
) -> None:
    """Apply a model to an image and write the result on the image's grid.

    Args:
        model_folder: Model directory.
        images: Image files, one or several channels in the model's order.
        output: `.seg.nrrd`, or a label map with a color table beside it.
        on_event: Gets stages, progress and, at the end, Done.
        cancelled: Polled; nothing is written on cancel.
        level: Level number, "leaf" or "auto".
        min_confidence: Probability below which a voxel stays unknown or backs off.
        confidence_output: Where to write the confidence map, if anywhere.
        device: As in TrainConfig.

    Raises:
        SemSegError: On bad input, a damaged model, lack of memory, or cancel.
    """
    started = time.monotonic()
    output = require_image_path(output, "output")
    if confidence_output is not None:
        confidence_output = require_image_path(confidence_output, "confidence")
        if confidence_output.resolve() == output.resolve() or confidence_output.name.endswith(".seg.nrrd"):
            raise InputError(f"confidence {confidence_output}: give an image file of its own, like confidence.nii.gz")
    for path in (output, confidence_output):
        if path is not None and path.resolve() in {Path(image.rpartition("#")[0] or image).resolve() for image in images}:
            raise InputError(f"output {path}: is the image itself, which would be lost; choose another name")
    model = load_model(model_folder)
    decoder = build_decoder(model.card.tree, level, min_confidence)
    torch_device = choose_device(device)
    with memory_guard():
        on_event(Stage("Reading"))
        volume = read_volume(images, model.card.channels, lambda note: on_event(Note(note)))
        on_event(Stage(f"Applying the model to {volume.grid.voxel_count} voxels, {torch_device}"))

        def show(fraction: float) -> None:
            seconds = time.monotonic() - started
            on_event(Progress(fraction, seconds, seconds * (1 - fraction) / fraction))

        result = predict(model, volume, decoder, torch_device, show, cancelled)
    on_event(Stage("Writing"))
    outputs = [str(path) for path in write_segmentation(output, result.values, result.grid, model.card.tree)]
    if confidence_output is not None:
        write_volume(confidence_output, result.confidence, result.grid, "confidence")
        outputs.append(str(confidence_output))
    unknown = float((result.values == 0).mean())
    labels = int(np.count_nonzero(np.unique(result.values)))
    on_event(Done(tuple(outputs), time.monotonic() - started, {"labels": labels, "unknown_share": round(unknown, 4)}))
