"""The worker by itself, with a session that the test plays."""

from __future__ import annotations

import queue
import time
from pathlib import Path

import numpy as np
import pytest

from semseg_core.errors import CancelledError
from semseg_core.geometry import Grid
from semseg_core.interactive import worker
from semseg_core.interactive.requests import Refine, SetMarks, Stop, to_line
from semseg_core.train.config import Budget
from semseg_core.train.events import Answer, View


class Played:
    """A session whose second answer takes until someone draws."""

    steps, loss, grid = 0, 0.5, Grid((9, 2, 2), np.eye(4))

    def __init__(self, lines: queue.SimpleQueue) -> None:
        self.lines, self.answers = lines, 0

    def slice_box(self, *place: int) -> tuple[int, ...]:
        return place

    def refine(self, budget: Budget, on_fraction, cancelled) -> int:
        for step in range(1, budget.steps + 1):
            self.steps = step
            on_fraction(step / budget.steps)
            if cancelled():
                break
        return self.steps

    def answer(self, _box: tuple[int, ...], cancelled, **_look) -> tuple[np.ndarray, np.ndarray]:
        self.answers += 1
        if self.answers == 2:
            self.lines.put(to_line(SetMarks(2, "newer.npz")))
            until = time.monotonic() + 5.0
            while not cancelled():
                assert time.monotonic() < until
                time.sleep(0.001)
            raise CancelledError("cancelled")
        return np.ones((1, 2, 2), dtype=np.int32), np.ones((1, 2, 2), dtype=np.float32)


def test_slices_that_newer_marks_have_overtaken_are_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "FIRST_VIEW_S", 0.0)
    monkeypatch.setattr(worker, "FIRST_VIEW_STEPS", 0)
    lines, events = queue.SimpleQueue(), []
    lines.put(to_line(Refine(1, Budget(steps=1000), ((0, 3),))))
    beside = worker.Worker(tmp_path, events.append, lambda: False)
    beside._session = session = Played(lines)

    def heard(event: object) -> None:
        events.append(event)
        if isinstance(event, Answer) and event.request == 2:
            lines.put(to_line(Stop(3)))

    beside._on_event = heard
    beside.serve(iter(lines.get, None))
    assert [event.step for event in events if isinstance(event, View)] == [1]
    assert [(event.request, event.state) for event in events if isinstance(event, Answer)][0] == (1, "superseded")
    assert session.answers == 2
    assert session.steps < 1000
