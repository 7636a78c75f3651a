"""What a running job reports: frozen records, each one JSON line.

The command line prints them with `--progress json`, the Slicer panel reads them from its child process. Readers ignore kinds
and fields they do not know.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

SCHEMA = 1
"""Version of the event lines; raised when a field changes its meaning."""


@dataclass(frozen=True)
class Event:
    """Base of all events; `kind` is its name on the wire."""

    kind: ClassVar[str] = "event"


@dataclass(frozen=True)
class Stage(Event):
    """A new part of the work began, told in words a user reads."""

    kind: ClassVar[str] = "stage"
    message: str


@dataclass(frozen=True)
class Note(Event):
    """Something the user should know; `level` is "info" or "warning"."""

    kind: ClassVar[str] = "note"
    message: str
    level: str = "info"


@dataclass(frozen=True)
class Progress(Event):
    """How far the current stage is.

    `fraction` runs 0…1; `eta_s` is the estimated time left in seconds, None while unknown.
    """

    kind: ClassVar[str] = "progress"
    fraction: float
    seconds: float
    eta_s: float | None = None
    step: int | None = None
    loss: float | None = None


@dataclass(frozen=True)
class Score(Event):
    """Quality on held-back scribbles after a training step: mean Dice by tree level ("1", "2", … and "leaf")."""

    kind: ClassVar[str] = "score"
    step: int
    loss: float
    dice: dict[str, float] = field(default_factory=dict)
    best: bool = False


@dataclass(frozen=True)
class Done(Event):
    """The job ended well; `outputs` are the paths written, `summary` figures worth showing."""

    kind: ClassVar[str] = "done"
    outputs: tuple[str, ...] = ()
    seconds: float = 0.0
    summary: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Kept(Event):
    """The job was cancelled, yet `outputs` are worth keeping (the best model so far); `Failed` follows."""

    kind: ClassVar[str] = "kept"
    outputs: tuple[str, ...] = ()
    summary: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Failed(Event):
    """The job ended with an error; `exit_code` is that of the process."""

    kind: ClassVar[str] = "failed"
    message: str
    exit_code: int = 2


@dataclass(frozen=True)
class View(Event):
    """While a session refines: slices as they are answered now, in the file `output` (`interactive/arrays.py`)."""

    kind: ClassVar[str] = "view"
    request: int
    output: str
    step: int = 0


@dataclass(frozen=True)
class Answer(Event):
    """A session has dealt with a request; the worker lives on.

    `request` is the request's id, 0 for a line that had none. `state` is "done", "failed" (`message` says why) or "superseded"
    (a newer request made it pointless; what was learned until then stays).
    """

    kind: ClassVar[str] = "answer"
    request: int
    state: str
    message: str = ""
    outputs: tuple[str, ...] = ()
    seconds: float = 0.0
    summary: dict[str, object] = field(default_factory=dict)


EventSink = Callable[[Event], None]
"""Takes one event; never raises."""

KINDS: dict[str, type[Event]] = {kind.kind: kind for kind in (Stage, Note, Progress, Score, View, Answer, Done, Kept, Failed)}


def to_line(event: Event) -> str:
    """The event as one line of ASCII JSON, which any pipe carries; numbers that JSON lacks (NaN, infinity) become null."""
    record = {"schema": SCHEMA, "event": event.kind, **dataclasses.asdict(event)}
    return json.dumps(_finite(record), allow_nan=False)


def from_line(line: str) -> Event | None:
    """The event of a line, or None if the line is no event (a library's log output, say)."""
    try:
        record = json.loads(line)
        kind = KINDS[record["event"]]
        names = {item.name for item in dataclasses.fields(kind)}
        return kind(
            **{name: tuple(value) if isinstance(value, list) else value for name, value in record.items() if name in names}
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def ignore(event: Event) -> None:
    """An event sink that drops everything."""


def _finite(value: object) -> object:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
