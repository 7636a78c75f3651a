"""The worker: requests in, events and files out, one image and one network kept warm between them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from semseg_core.data.images import read_volume
from semseg_core.data.resample import Box
from semseg_core.data.scribbles import read_scribbles
from semseg_core.device import memory_guard
from semseg_core.errors import CancelledError, InputError, SemSegError
from semseg_core.interactive.arrays import ShownSlice, read_marks, write_slices, write_volume
from semseg_core.interactive.inbox import Inbox
from semseg_core.interactive.requests import (
    Open,
    Refine,
    Request,
    Save,
    SetMarks,
    SetTree,
    ShowSlices,
    ShowVolume,
    Stop,
)
from semseg_core.interactive.session import InteractiveSession
from semseg_core.interactive.tilted import tilted_grid
from semseg_core.labels.reading import load_tree
from semseg_core.models.directory import CARD, require_model_directory, save_model
from semseg_core.models.foreign.reading import read_start_model
from semseg_core.sparse.scribbles import SparseLabels
from semseg_core.train.events import Answer, EventSink, Note, Progress, Stage, View

FIRST_VIEW_S, FIRST_VIEW_STEPS = 0.15, 8
"""Training before the first view of a refinement, at least: after so many steps a correction shows, on a busy machine too."""

REPORT_EVERY_S = 0.25

FILES_KEPT = 16
"""Result files left in the folder; older ones are deleted. Readers take a file when they are told of it."""


class Worker:
    """Serves requests until it is asked to stop.

    Args:
        folder: Where result files are written.
        on_event: Gets all events; one `Answer` for every request.
        cancelled: Whether the process was asked to end.
    """

    def __init__(self, folder: Path, on_event: EventSink, cancelled: Callable[[], bool]) -> None:
        self._folder = folder
        self._on_event = on_event
        self._cancelled = cancelled
        self._session: InteractiveSession | None = None
        self._files: deque[Path] = deque()
        self._actions: dict[type[Request], Callable] = {
            Open: self._open,
            SetTree: self._set_tree,
            SetMarks: self._set_marks,
            Refine: self._refine,
            ShowSlices: self._show_slices,
            ShowVolume: self._show_volume,
            Save: self._save,
        }

    def serve(self, lines: Iterable[str]) -> None:
        """Answer requests until `stop`, the end of the lines, or a signal.

        Raises:
            CancelledError: If the process was asked to end.
        """
        self._inbox = Inbox(lines, self._on_event)
        while True:
            request = self._inbox.next(self._cancelled)
            if self._cancelled():
                raise CancelledError("cancelled; what was not saved is lost")
            self._answer(request)
            if isinstance(request, Stop):
                return

    def _answer(self, request: Request) -> None:
        """Carry a request out and say how it ended."""
        begun = time.monotonic()
        action = self._actions.get(type(request))  # none: there is nothing to do any more
        try:
            with memory_guard():
                outputs, summary = action(request) if action else ((), {})
        except CancelledError:
            self._on_event(Answer(request.id, "superseded", seconds=time.monotonic() - begun))
        except SemSegError as error:
            self._on_event(Answer(request.id, "failed", str(error)))
        else:
            names = tuple(str(path) for path in outputs)
            self._on_event(Answer(request.id, "done", "", names, time.monotonic() - begun, summary))

    def _open(self, request: Open) -> tuple[tuple[Path, ...], dict]:
        self._session = None  # the features of two volumes need not fit into memory
        self._on_event(Stage("Reading"))
        read = load_tree(request.tree, request.value_column)
        start = None if request.model is None else read_start_model(request.model)
        channels = request.channels or (start.card.channels if start else read.tree.channels)
        notes = list(read.notes)
        volume = read_volume(request.images, channels, notes.append)
        for note in notes:
            self._on_event(Note(note))
        self._on_event(Stage("Computing features"))
        session = InteractiveSession(volume, read.tree, request.config, start, self._interruption(request))
        if session.taken_over is not None:
            self._on_event(Note(session.taken_over.sentence()))
        self._session = session
        return (), {"shape": list(session.grid.shape), "leaves": len(read.tree.leaves)}

    def _set_tree(self, request: SetTree) -> tuple[tuple[Path, ...], dict]:
        session = self._require_session()
        read = load_tree(request.tree, request.value_column)
        for note in read.notes:
            self._on_event(Note(note))
        report = session.set_tree(read.tree)
        if report is not None:
            self._on_event(Note(report.sentence()))
        return (), {"leaves": len(read.tree.leaves), "carried": report is not None}

    def _set_marks(self, request: SetMarks) -> tuple[tuple[Path, ...], dict]:
        session = self._require_session()
        if request.scribbles.endswith(".npz"):
            marks = SparseLabels(session.grid, *read_marks(request.scribbles))
            strange = sorted({label_id for label_id in marks.counts() if label_id not in session.tree})
            if strange:
                raise InputError(f"scribbles {request.scribbles}: label id {strange[0]} is not in the tree; send the tree anew")
        else:
            marks, notes = read_scribbles(request.scribbles, session.tree, request.unknown_values, session.grid)
            for note in notes:
                self._on_event(Note(note))
        fresh = session.set_marks(marks)
        return (), {"marks": len(marks), "fresh": fresh}

    def _refine(self, request: Refine) -> tuple[tuple[Path, ...], dict]:
        session = self._require_session()
        boxes = [self._box_of(place) for place in request.slices]  # a wrong one is told before any work
        begun = reported = time.monotonic()
        first_view, view_s, shown = session.steps + FIRST_VIEW_STEPS, FIRST_VIEW_S, 0

        def on_fraction(fraction: float) -> None:
            nonlocal reported, view_s, shown
            now = time.monotonic()
            if boxes and now - begun >= view_s and session.steps >= first_view and fraction < 1.0:
                shown += 1
                with suppress(CancelledError):  # newer marks have come; training is told so at its next step
                    path = self._write_slices(f"slices-{request.id}-{shown}.npz", request)
                    self._on_event(View(request.id, str(path), session.steps))
                # Each later than the last by as long as all before have taken: half the time is left for learning at least.
                view_s = 2.0 * (time.monotonic() - begun)
            if now - reported >= REPORT_EVERY_S:
                reported = now
                eta_s = (now - begun) * (1.0 - fraction) / max(fraction, 1e-6)
                self._on_event(Progress(fraction, now - begun, eta_s, session.steps, session.loss))

        made = session.refine(request.budget, on_fraction, self._interruption(request))
        if self._inbox.supersedes(request):
            raise CancelledError("superseded")
        outputs = (self._write_slices(f"slices-{request.id}.npz", request),) if boxes else ()
        return outputs, {"steps": made, "all_steps": session.steps, "loss": session.loss}

    def _show_slices(self, request: ShowSlices) -> tuple[tuple[Path, ...], dict]:
        self._require_session()
        return (self._write_slices(f"slices-{request.id}.npz", request),), {}

    def _show_volume(self, request: ShowVolume) -> tuple[tuple[Path, ...], dict]:
        session = self._require_session()
        begun = reported = time.monotonic()

        def on_fraction(fraction: float) -> None:
            nonlocal reported
            now = time.monotonic()
            if now - reported >= REPORT_EVERY_S:
                reported = now
                self._on_event(Progress(fraction, now - begun, (now - begun) * (1.0 - fraction) / max(fraction, 1e-6)))

        answers = session.answer_all(**_look(request), on_fraction=on_fraction, cancelled=self._interruption(request))
        with self._new_file(f"volume-{request.id}.npz") as path:
            write_volume(path, *answers)
        unknown = float((answers[0] == 0).mean())
        return (path,), {"unknown_share": round(unknown, 4), "unfamiliar_share": round(session.unfamiliar_share, 4)}

    def _save(self, request: Save) -> tuple[tuple[Path, ...], dict]:
        folder = require_model_directory(request.output)
        model = self._require_session().model()
        save_model(folder, model)
        return (folder / CARD,), model.card.training

    def _interruption(self, running: Request) -> Callable[[], bool]:
        """Asked all the time while a request runs: serves slices that someone waits for, and tells whether to stop."""

        def interrupted() -> bool:
            while not isinstance(running, Open) and (request := self._inbox.urgent()) is not None:
                self._answer(request)
            return self._cancelled() or self._inbox.supersedes(running)

        return interrupted

    def _write_slices(self, name: str, request: Refine | ShowSlices) -> Path:
        """Answer for the slices of a request; a `CancelledError` once newer marks have come."""
        session = self._session
        wanted = {**_look(request), "cancelled": lambda: self._inbox.supersedes(request)}
        shown = []
        for axis, index, *rises in request.slices:
            if rises:
                values, confidence = session.answer_on(tilted_grid(session.grid, axis, index, *rises), **wanted)
            else:
                values, confidence = session.answer(session.slice_box(axis, index), **wanted)
            shown.append(ShownSlice(axis, index, values.squeeze(axis), confidence.squeeze(axis), tuple(rises) or (0.0, 0.0)))
        with self._new_file(name) as path:
            write_slices(path, shown)
        return path

    def _box_of(self, place: tuple[float, ...]) -> Box:
        """The box of a slice; that of one at an angle is within its own grid."""
        axis, index, *rises = place
        if not rises:
            return self._session.slice_box(axis, index)
        return tuple((0, size) for size in tilted_grid(self._session.grid, axis, index, *rises).shape)

    @contextmanager
    def _new_file(self, name: str) -> Iterator[Path]:
        """The path of a new result file; the oldest one goes."""
        path = self._folder / name
        yield path
        self._files.append(path)
        if len(self._files) > FILES_KEPT:
            self._files.popleft().unlink(missing_ok=True)

    def _require_session(self) -> InteractiveSession:
        if self._session is None:
            raise InputError("no image is open; send 'open' first")
        return self._session


def _look(request: Refine | ShowSlices | ShowVolume) -> dict[str, object]:
    """How its answers are wanted, as the session takes it."""
    return {"level": request.level, "min_confidence": request.min_confidence, "everything": request.everything}
