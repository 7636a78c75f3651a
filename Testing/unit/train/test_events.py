"""Events as lines: what is written can be read, and what is no event is passed over."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semseg_core.train.events import (
    KINDS,
    Answer,
    Done,
    Event,
    Failed,
    Kept,
    Note,
    Progress,
    Score,
    Stage,
    View,
    from_line,
    ignore,
    to_line,
)

EVENTS = [
    Stage("Lesen – größer → 髄膜"),
    Note("thin", "warning"),
    Progress(0.5, 12.25, 3.0, 7, 0.125),
    Progress(0.0, 0.0),
    Score(5, 0.5, {"1": 0.9, "leaf": 0.4}, True),
    Done(("a/model.json", "b"), 3.5, {"labels": 4, "dice": {"1": 0.5}}),
    Kept(("model/model.json",), {"steps": 12}),
    Failed("no\nfile", 3),
    View(3, "slices-3-1.npz", 12),
    Answer(4, "failed", "no such file"),
    Answer(5, "done", outputs=("volume-5.npz",), seconds=2.5, summary={"steps": 12}),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.kind)
def test_an_event_comes_back_from_its_line(event: Event) -> None:
    line = to_line(event)
    assert from_line(line) == event
    assert "\n" not in line
    assert line.isascii()
    assert json.loads(line)["schema"] == 1
    assert json.loads(line)["event"] == event.kind


def test_every_kind_is_tried_here() -> None:
    assert {event.kind for event in EVENTS} == set(KINDS)


@given(st.text(), st.floats(), st.dictionaries(st.text(), st.floats()))
def test_any_text_and_any_number_make_a_strict_json_line(message: str, number: float, dice: dict[str, float]) -> None:
    for event in (Note(message), Score(1, number, dice)):
        line = to_line(event)
        json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
        assert len(line.splitlines()) == 1
        assert isinstance(from_line(line), type(event))


def test_numbers_that_json_lacks_become_null_at_any_depth() -> None:
    done = Done((), 1.0, {"a": [math.nan, {"b": math.inf}], "c": -math.inf, "d": 1.0})
    assert json.loads(to_line(done))["summary"] == {"a": [None, {"b": None}], "c": None, "d": 1.0}
    assert from_line(to_line(Progress(0.5, 1.0, loss=math.nan))).loss is None


@pytest.mark.parametrize(
    "line",
    [
        "",
        "Warning: something",
        "3",
        "null",
        "[]",
        '"stage"',
        "{}",
        '{"event": "confetti", "message": "x"}',
        '{"event": ["stage"]}',
        '{"event": "stage"}',
        '{"event": "progress", "fraction": 0.5}',
        '{"event": "stage", "message": "x"',
        "[" * 100_000,
    ],
)
def test_a_line_that_is_no_event_is_passed_over(line: str) -> None:
    assert from_line(line) is None


def test_fields_of_a_later_version_are_passed_over() -> None:
    assert from_line('{"schema": 1, "event": "note", "message": "x", "color": "red"}') == Note("x")


def test_the_sink_that_drops_takes_anything() -> None:
    assert ignore(Stage("x")) is None
