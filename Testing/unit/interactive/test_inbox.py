"""Which requests are carried out, in which order, and which a newer one makes pointless."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator

import pytest

from semseg_core.interactive.inbox import Inbox
from semseg_core.interactive.requests import (
    Cancel,
    Open,
    Refine,
    Request,
    Save,
    SetMarks,
    ShowSlices,
    ShowVolume,
    Stop,
    to_line,
)
from semseg_core.train.config import Budget
from semseg_core.train.events import Answer

OPEN, MARKS, REFINE = Open(1, ("a",), "b"), SetMarks(2, "m.npz"), Refine(3, Budget(steps=1))
SLICES, VOLUME, SAVE = ShowSlices(4, ((0, 1),)), ShowVolume(5), Save(6, "m")


class Line:
    """Lines sent one after the other, which end when closed."""

    def __init__(self) -> None:
        self.queue: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def __iter__(self) -> Iterator[str]:
        return iter(self.queue.get, None)


@pytest.fixture
def box() -> Iterator[tuple[Inbox, list, object]]:
    """An inbox, the events it sends, and a function that sends requests and waits until they have come in."""
    line, events = Line(), []
    inbox = Inbox(line, events.append)

    def send(*requests: Request) -> None:
        arrived = inbox._arrived.qsize() + len(requests)
        for request in requests:
            line.queue.put(to_line(request))
        waiting = threading.Event()
        while inbox._arrived.qsize() < arrived:
            waiting.wait(0.001)

    yield inbox, events, send
    line.queue.put(None)


def drain(inbox: Inbox, count: int) -> list[Request]:
    return [inbox.next(bool) for _ in range(count)]


def test_requests_come_in_order(box) -> None:
    inbox, events, send = box
    send(OPEN, MARKS, REFINE, VOLUME, SAVE)
    assert drain(inbox, 5) == [OPEN, MARKS, REFINE, VOLUME, SAVE]
    assert events == []


def test_new_marks_leave_out_what_older_ones_were_used_for(box) -> None:
    inbox, events, send = box
    newer = SetMarks(7, "n.npz")
    send(MARKS, REFINE, SLICES, VOLUME, SAVE, newer)
    assert drain(inbox, 3) == [MARKS, SAVE, newer]
    assert events == [Answer(request.id, "superseded") for request in (REFINE, SLICES, VOLUME)]


@pytest.mark.parametrize("newer", [MARKS, Cancel(8), Stop(9), OPEN])
@pytest.mark.parametrize("running", [REFINE, VOLUME])
def test_a_newer_request_ends_the_running_one(box, newer: Request, running: Request) -> None:
    inbox, _, send = box
    assert not inbox.supersedes(running)
    send(SAVE)
    assert not inbox.supersedes(running)
    send(newer)
    assert inbox.supersedes(running)


def test_marks_sent_ahead_do_not_end_the_opening(box) -> None:
    inbox, _, send = box
    send(MARKS, REFINE)
    assert not inbox.supersedes(OPEN)
    send(Cancel(8))
    assert inbox.supersedes(OPEN)


def test_slices_are_taken_out_of_their_turn(box) -> None:
    inbox, _, send = box
    send(VOLUME, SLICES)
    assert inbox.urgent() == SLICES
    assert inbox.urgent() is None
    assert drain(inbox, 1) == [VOLUME]


def test_a_bad_line_is_answered_and_the_end_of_lines_stops() -> None:
    events = []
    inbox = Inbox(["\n", '{"request": "bake", "id": 3}\n', to_line(SAVE)], events.append)
    assert drain(inbox, 1) == [SAVE]
    assert isinstance(inbox.next(bool), Stop)
    (answer,) = events
    assert (answer.request, answer.state) == (3, "failed")
    assert "must be one of" in answer.message


def test_waiting_ends_when_the_process_is_asked_to(box) -> None:
    inbox, *_ = box
    assert isinstance(inbox.next(lambda: True), Stop)
