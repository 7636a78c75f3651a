"""Requests as they come in: read by a thread, handed out in order, with those left out that newer ones have made pointless."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable

from semseg_core.interactive.requests import (
    BadRequestError,
    Cancel,
    Open,
    Refine,
    Request,
    SetMarks,
    SetTree,
    ShowSlices,
    ShowVolume,
    Stop,
    from_line,
)
from semseg_core.train.events import Answer, EventSink

WAIT_S = 0.2
"""How often a worker without work looks whether it was asked to end."""

ABOUT_MARKS = (Refine, ShowSlices, ShowVolume)

POINTLESS_AFTER: dict[type[Request], tuple[type[Request], ...]] = {
    SetMarks: ABOUT_MARKS,
    SetTree: (*ABOUT_MARKS, SetMarks, SetTree),
    Open: (*ABOUT_MARKS, SetMarks, SetTree, Open),
    Cancel: (Request,),
    Stop: (*ABOUT_MARKS, SetMarks, SetTree, Open),
}
"""What need not be carried out, or be ended, once a request of this kind has come in. A model is always saved, but on cancel."""


class Inbox:
    """Requests from a stream of lines.

    Args:
        lines: One request each; their end means `Stop`.
        on_event: Gets the answers to bad lines and to requests that are left out.
    """

    def __init__(self, lines: Iterable[str], on_event: EventSink) -> None:
        self._arrived: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._waiting: deque[Request] = deque()
        self._on_event = on_event
        threading.Thread(target=self._read, args=(lines,), daemon=True).start()

    def next(self, stopped: Callable[[], bool]) -> Request:
        """The next request; waits for it, and is `Stop` once `stopped` says so."""
        while not self._waiting:
            if stopped():
                return Stop(0)
            try:
                self._take(self._arrived.get(timeout=WAIT_S))
            except queue.Empty:
                continue
            self._take_all()
        return self._waiting.popleft()

    def supersedes(self, running: Request) -> bool:
        """Whether a request has come in that ends the running one."""
        self._take_all()
        return any(isinstance(running, POINTLESS_AFTER.get(type(request), ())) for request in self._waiting)

    def urgent(self) -> ShowSlices | None:
        """Slices that someone is waiting to see, taken out of their turn."""
        self._take_all()
        found = next((request for request in self._waiting if isinstance(request, ShowSlices)), None)
        if found is not None:
            self._waiting.remove(found)
        return found

    def _read(self, lines: Iterable[str]) -> None:
        for line in lines:
            if line.strip():
                self._arrived.put(line)
        self._arrived.put(None)

    def _take_all(self) -> None:
        while not self._arrived.empty():
            self._take(self._arrived.get())

    def _take(self, line: str | None) -> None:
        try:
            request = Stop(0) if line is None else from_line(line)
        except BadRequestError as error:
            self._on_event(Answer(error.number, "failed", str(error)))
            return
        pointless = POINTLESS_AFTER.get(type(request), ())
        for waiting in [waiting for waiting in self._waiting if isinstance(waiting, pointless)]:
            self._waiting.remove(waiting)
            self._on_event(Answer(waiting.id, "superseded"))
        self._waiting.append(request)
