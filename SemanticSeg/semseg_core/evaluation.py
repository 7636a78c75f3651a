"""Evaluation of files: a segmentation against the truth, level by level of the tree."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from semseg_core.files import require_file, require_writable, write_text
from semseg_core.labels.tree import LabelTree
from semseg_core.train.events import Done, EventSink, Note, Stage

if TYPE_CHECKING:
    from semseg_core.metrics.records import Report


def evaluate_files(
    tree: LabelTree,
    truth_file: str,
    prediction_file: str,
    on_event: EventSink,
    output: str | None = None,
    unknown_values: Sequence[int] = (),
    within_truth: bool = False,
    surface_tolerance_mm: float | None = None,
) -> Report:
    """Read both, compare, and write the report where asked for.

    The truth may be cropped, or stored along other axes, as long as both have the same voxels.

    Args:
        tree: The label tree of both.
        truth_file: The truth: a label map or .seg.nrrd; 0 is unknown.
        prediction_file: The segmentation to judge.
        on_event: Gets stages, notes and, at the end, Done.
        output: Where the report is written as JSON.
        unknown_values: Values that mean unknown, besides 0.
        within_truth: Leave out voxels whose truth is unknown.
        surface_tolerance_mm: Also compare surfaces, which agree up to this distance.

    Raises:
        SemSegError: On bad input, or lack of memory.
    """
    from semseg_core.data.segmentation import read_segmentation
    from semseg_core.device import memory_guard
    from semseg_core.labels.encode import values_to_ids
    from semseg_core.metrics.records import report_to_json
    from semseg_core.metrics.report import evaluate
    from semseg_core.sparse.placing import place_values

    started = time.monotonic()
    for path, role in ((truth_file, "truth"), (prediction_file, "prediction")):
        require_file(path, role)
    if output:
        require_writable(output, "report")
    with memory_guard():
        on_event(Stage("Reading"))
        truth = read_segmentation(truth_file, tree, unknown_values, "truth")
        prediction = read_segmentation(prediction_file, tree, unknown_values, "prediction")
        for note in (*truth.notes, *prediction.notes):
            on_event(Note(note))
        # Slicer stores a segmentation cropped to what is drawn.
        values, outside = place_values(
            truth.values, truth.grid, prediction.grid, f"truth {truth_file}", f"prediction {prediction_file}"
        )
        if outside:
            on_event(Note(f"truth: {outside} voxels lie outside the segmentation and are left out", "warning"))
        on_event(Stage("Comparing" if surface_tolerance_mm is None else "Comparing labels and surfaces"))
        report = evaluate(
            values_to_ids(values, tree),
            values_to_ids(prediction.values, tree),
            prediction.grid,
            tree,
            within_truth=within_truth,
            surface_tolerance_mm=surface_tolerance_mm,
        )
    if output:
        write_text(output, report_to_json(report), "report")
    summary = {"dice": report.dice, "distance": report.tree.distance}
    on_event(Done((output,) if output else (), time.monotonic() - started, summary))
    return report
