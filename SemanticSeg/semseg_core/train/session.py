"""A fine-tuning session: from files to a model directory.

Reading and checking come first, so that bad input is told before any time is spent; the model directory is written last, and
on cancel with the best network so far.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import torch

from semseg_core import __version__
from semseg_core.data.cases import CaseFiles
from semseg_core.data.images import read_volume
from semseg_core.data.intensity import normalize
from semseg_core.data.scribbles import read_scribbles
from semseg_core.data.volume import Volume
from semseg_core.device import choose_device, choose_precision, memory_guard
from semseg_core.errors import CancelledError, InputError
from semseg_core.features.growth import is_sparse
from semseg_core.labels.formats.own_json import to_text
from semseg_core.labels.tree import LabelTree
from semseg_core.losses.catalog import DEFAULT_LOSS
from semseg_core.losses.table import build_loss
from semseg_core.metrics.unknown import KEPT_RIGHT
from semseg_core.models.card import ModelCard
from semseg_core.models.context import ContextNetwork
from semseg_core.models.directory import CARD, require_model_directory, save_model
from semseg_core.models.foreign.reading import import_notes, read_start_model
from semseg_core.models.model import Model
from semseg_core.models.strokes import Strokes
from semseg_core.models.transfer import TransferReport
from semseg_core.sparse.scribbles import SparseLabels
from semseg_core.sparse.statistics import warnings
from semseg_core.train.aligning import Landmarks, aligned
from semseg_core.train.checkpoint import load_checkpoint, remove_checkpoint, save_checkpoint
from semseg_core.train.config import TrainConfig
from semseg_core.train.deep import learn_deeply
from semseg_core.train.deep_start import deep_start, fit_context_scaling
from semseg_core.train.events import Done, EventSink, Kept, Note, Progress, Stage
from semseg_core.train.loop import TrainingState, fine_tune, start_state
from semseg_core.train.rows import TrainingRows, case_rows, combine
from semseg_core.train.scoring import UNKNOWN, known_floor
from semseg_core.train.start import require_two_leaves, starting_card, starting_network

VARIANTS = 1
"""Intensity variants of each case where the budget allows. On three IXI subjects none, one and two gave leaf Dice 0.593, 0.589
and 0.586 on the subject itself, 0.481, 0.485 and 0.487 on the others."""

VARIANTS_SHARE = 0.15
"""Share of a time budget that computing variants may take."""


@dataclass(frozen=True)
class Case:
    """A case in memory."""

    volume: Volume
    marks: SparseLabels


def fine_tune_files(
    tree: LabelTree,
    cases: Sequence[CaseFiles],
    output: str | Path,
    config: TrainConfig,
    on_event: EventSink,
    cancelled: Callable[[], bool],
    channels: tuple[str, ...] = (),
    unknown_values: Sequence[int] = (),
    start: str | Path | None = None,
    resume: bool = False,
) -> None:
    """Fine-tune on files and write a model directory.

    Args:
        tree: The label tree.
        cases: Files of every case.
        output: Model directory to write.
        config: How to train.
        on_event: Gets stages, notes, progress, scores and, at the end, Done.
        cancelled: Polled; the best network so far is written before the cancel is told.
        channels: Names of the image channels; those of the tree or the start model when empty.
        unknown_values: Values in the scribbles that mean unknown.
        start: Model directory to start from.
        resume: Go on from the checkpoint in `output`. Of a budget in seconds the rest is for learning: what it takes to read and
            describe the images again does not count.

    Raises:
        SemSegError: On bad input, a missing device, lack of memory, or cancel.
    """
    started = time.monotonic()
    if not cases:
        raise InputError("fine-tuning: no case was given; add --case IMAGE=SCRIBBLES")
    require_two_leaves(tree)
    device = choose_device(config.device)
    loss = build_loss(config.loss or DEFAULT_LOSS, tree).to(device)
    folder = require_model_directory(output)
    earlier = None if start is None else read_start_model(start)
    for note in () if earlier is None else import_notes(earlier.card):
        on_event(Note(note))
    with memory_guard():
        on_event(Stage("Reading"))
        channels = channels or (earlier.card.channels if earlier else tree.channels)
        loaded = _read_cases(tree, cases, channels, unknown_values, on_event)
        _warn(loaded, tree, on_event)
        card = starting_card([case.volume for case in loaded], tree, config, earlier)
        network, report = starting_network(card, earlier, config.seed)
        context = None if earlier is None else earlier.context
        if report is not None:
            on_event(Note(report.sentence()))
        if not network.shape.known:
            on_event(Note("the start model is of a version that does not tell unknown tissue; nor will this one", "warning"))
        card = replace(card, network=network.shape)
        widened = context is None and (config.learner == "deep" or config.start_features)
        if widened:
            card, network, context = deep_start(card, network, [case.volume for case in loaded])
        on_event(Stage("Computing features"))
        rows, variants, landmarks = _rows(loaded, card, context, config, started, on_event, cancelled)
        card = replace(card, everywhere=rows.everywhere, landmarks=landmarks)
        described = torch.cat([rows.features.flatten(0, 1), rows.unmarked])
        if not network.is_scaled:
            network.fit_scaling(described)
        elif widened:
            fit_context_scaling(network, described)
        state = start_state(network.to(device), config)
        fingerprint = _fingerprint(card, config, rows)
        if resume and config.learner == "quick":
            load_checkpoint(folder, state, fingerprint)
            on_event(Note(f"resumed after step {state.all_steps}"))
        # The self-test behind "auto" depends on the machine's load; a run in steps must repeat exactly.
        exact = config.precision == "auto" and config.budget.steps is not None
        autocast = None if exact else choose_precision(config.precision, device)
        on_event(Stage(f"Training on {_counted(rows)}, {device}"))
        began = time.monotonic() if resume else started
        parts = (loss, tree, config, began, on_event, cancelled)
        joint_steps = 0
        if config.learner == "deep":
            volumes = [normalize(case.volume, card.rules) for case in loaded]
            learned = learn_deeply(state, rows, context, volumes, *parts, folder, fingerprint, resume, autocast)
            state, rows, context, stopped = learned.state, learned.rows, learned.context, learned.stopped
            joint_steps = learned.joint_steps
        else:
            stopped = fine_tune(state, rows, *parts, lambda now: save_checkpoint(folder, now, fingerprint), autocast)
    if state.all_steps == 0:
        raise CancelledError("cancelled before the first training step; nothing was written")
    if len(rows.unmarked):
        marked = rows.features[0, ~rows.mirrored].to(device)
        card = replace(card, known_floor=known_floor(state.best, marked, rows.unmarked.to(device)))
    card = replace(card, unknown_logit=state.thresholds.get(UNKNOWN))
    used = replace(config, variants=variants, precision="float32" if autocast is None else "bfloat16")
    summary = {**_summary(state, rows, loaded, used, report, device, stopped), "joint_steps": joint_steps}
    save_model(folder, Model(replace(card, training=summary), state.best, context, _strokes(loaded)))
    if stopped:
        on_event(Kept((str(folder / CARD),), summary))
        raise CancelledError(
            f"cancelled after {state.all_steps} steps; the best model so far is in {folder}, --resume goes on from here"
        )
    remove_checkpoint(folder)
    on_event(Done((str(folder / CARD),), state.seconds, summary))


def _read_cases(
    tree: LabelTree, cases: Sequence[CaseFiles], channels: tuple[str, ...], unknown_values: Sequence[int], on_event: EventSink
) -> list[Case]:
    loaded = []
    for files in cases:
        volume = read_volume(files.images, channels, lambda note: on_event(Note(note)))
        marks, notes = read_scribbles(files.scribbles, tree, unknown_values, volume.grid)
        for note in notes:
            on_event(Note(note))
        if loaded and volume.channels != loaded[0].volume.channels:
            raise InputError(
                f"case {files.scribbles}: channels {volume.channels} differ from {loaded[0].volume.channels}; "
                "give all cases the same"
            )
        loaded.append(Case(volume, marks))
    return loaded


def _warn(cases: Sequence[Case], tree: LabelTree, on_event: EventSink) -> None:
    """Tell what is thin about the scribbles of a single case; of several, one may supply what another lacks."""
    for warning in warnings(cases[0].marks, tree) if len(cases) == 1 else ():
        on_event(Note(warning, "warning"))


def _rows(
    cases: Sequence[Case],
    card: ModelCard,
    context: ContextNetwork | None,
    config: TrainConfig,
    started: float,
    on_event: EventSink,
    cancelled: Callable[[], bool],
) -> tuple[TrainingRows, int, Landmarks]:
    """Rows of all cases, the number of variants computed, and where labels lie."""
    rng = np.random.default_rng(config.seed)
    chosen = config.variants
    found = []
    for number, case in enumerate(cases):
        begun = time.monotonic()

        def variants(begun: float = begun) -> int:
            nonlocal chosen
            if chosen is None:
                chosen = _affordable_variants(config, time.monotonic() - begun, len(cases))
            return chosen

        volume = normalize(case.volume, card.rules)
        draws = np.random.default_rng(int(rng.integers(2**63)))
        found.append(case_rows(volume, case.marks, card, context, config, variants, draws, cancelled, len(cases)))
        on_event(Progress((number + 1) / len(cases), time.monotonic() - started))
    found, landmarks = aligned(found, card.tree, card.landmarks)
    return combine(found, card.tree, config.balance), chosen, landmarks


def _strokes(cases: Sequence[Case]) -> tuple[Strokes, ...]:
    """What is kept of the cases beside the model; of a segmented one nothing."""
    return tuple(
        Strokes.of(case.volume, case.marks)
        for case in cases
        if is_sparse(len(case.marks), case.marks.grid)
    )


def _counted(rows: TrainingRows) -> str:
    mirrored = int(rows.mirrored.sum())
    return f"{len(rows.targets) - mirrored} voxels" + (f" and {mirrored} mirror images" if mirrored else "")


def _affordable_variants(config: TrainConfig, seconds_per_case: float, case_count: int) -> int:
    """How many variants of every case a budget allows; a budget in steps always has `VARIANTS`."""
    if config.budget.seconds is None:
        return VARIANTS
    return min(VARIANTS, int(VARIANTS_SHARE * config.budget.seconds / (case_count * max(seconds_per_case, 1e-3))))


def _fingerprint(card: ModelCard, config: TrainConfig, rows: TrainingRows) -> str:
    """Changes with anything that makes a checkpoint useless: tree, cases, features, options (not the budget or device)."""
    options = {name: value for name, value in config.to_record().items() if name not in ("budget", "device", "precision")}
    text = json.dumps([__version__, to_text(card.tree), card.loss, options, list(rows.features.shape[1:])])
    data = b"".join(part.numpy().tobytes() for part in (rows.targets, rows.features[0, ::97], rows.unmarked[::97]))
    return hashlib.sha256(text.encode() + data).hexdigest()


def _summary(
    state: TrainingState,
    rows: TrainingRows,
    cases: Sequence[Case],
    config: TrainConfig,
    report: TransferReport | None,
    device: torch.device,
    stopped: bool,
) -> dict[str, object]:
    """Figures for the card; with `options`, enough to repeat the run by steps."""
    return {
        "software": __version__,
        "torch": torch.__version__,
        "date": datetime.now(timezone.utc).date().isoformat(),
        "options": config.to_record(),
        "steps": state.all_steps,
        "planned_steps": state.earlier_steps + state.planned_steps if state.planned_steps else 0,
        "best_step": state.earlier_steps + state.best_step,
        "held_back_dice": {level: round(value, 4) for level, value in state.dice.items()},
        "min_confidence": {level: value for level, value in state.thresholds.items() if level != UNKNOWN},
        "min_confidence_keeps": KEPT_RIGHT,
        "seconds": round(state.seconds, 1),
        "device": device.type,
        "threads": torch.get_num_threads(),
        "cases": len(cases),
        "voxels": int((~rows.mirrored).sum()),
        "mirrored_voxels": int(rows.mirrored.sum()),
        "held_back_voxels": int((rows.held & ~rows.mirrored).sum()),
        "start": None if report is None else report.counts(),
        "cancelled": stopped,
    }
