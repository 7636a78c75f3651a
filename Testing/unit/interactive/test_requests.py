"""Requests as lines: what is written can be read, and what is wrong is told with the request's number."""

from __future__ import annotations

import json

import pytest

from semseg_core.interactive.requests import (
    REQUESTS,
    BadRequestError,
    Cancel,
    Open,
    Refine,
    Request,
    Save,
    SetMarks,
    SetTree,
    ShowSlices,
    ShowVolume,
    Stop,
    from_line,
    to_line,
)
from semseg_core.train.config import Budget, TrainConfig

EVERY_REQUEST = [
    Open(1, ("Kopf größer.nii.gz", "b.nrrd"), "tree.json", "muse", ("t1", "t2"), "model", TrainConfig(seed=3, device="cpu")),
    SetTree(2, "tree.json"),
    SetMarks(3, "marks.npz", (42, 43)),
    Refine(4, Budget(seconds=0.5), ((0, 96), (2, 7)), 2, 0.25),
    Refine(5, Budget(steps=40)),
    ShowSlices(6, ((1, 3),), "auto", 0.5, everything=True),
    ShowVolume(7),
    Save(8, "model"),
    Cancel(9),
    Stop(10),
]


@pytest.mark.parametrize("request_", EVERY_REQUEST, ids=lambda request: request.name)
def test_a_request_comes_back_from_its_line(request_: Request) -> None:
    line = to_line(request_)
    assert from_line(line) == request_
    assert line.isascii()
    assert "\n" not in line


def test_every_request_is_tried_here() -> None:
    assert {request.name for request in EVERY_REQUEST} == set(REQUESTS)


@pytest.mark.parametrize(
    ("line", "number", "sentence"),
    [
        ("{", 0, "is not valid JSON"),
        ("[1]", 0, "'request' must be one of open"),
        ('{"request": "bake", "id": 4}', 4, "'request' must be one of open"),
        ('{"request": "cancel"}', 0, "cancel: 'id' is missing"),
        ('{"request": "cancel", "id": "x"}', 0, "cancel: id 'x' has the wrong type"),
        ('{"request": "save", "id": 5}', 5, "save: 'output' is missing"),
        ('{"request": "save", "id": 5, "output": 3}', 5, "save: output 3 has the wrong type"),
        ('{"request": "save", "id": 5, "output": "a", "where": 1}', 5, "save: 'where' is unknown; it takes id, output"),
        ('{"request": "show-volume", "id": 6, "everything": 1}', 6, "show-volume: everything 1 has the wrong type"),
        ('{"request": "refine", "id": 6, "budget": "soon"}', 6, "refine: budget 'soon': give seconds"),
        ('{"request": "refine", "id": 6, "budget": "3s", "slices": [[1]]}', 6, "slices [[1]] has the wrong type"),
        ('{"request": "open", "id": 7, "images": "a", "tree": "b"}', 7, "images 'a' has the wrong type"),
        ('{"request": "open", "id": 7, "images": ["a"], "tree": "b", "config": {"pace": 1}}', 7, "'pace' is unknown"),
    ],
)
def test_a_wrong_line_is_told_with_its_number(line: str, number: int, sentence: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        from_line(line)
    assert sentence in str(caught.value)
    assert caught.value.number == number


def test_what_may_be_left_out_takes_its_default() -> None:
    line = json.dumps({"request": "open", "id": 1, "images": ["a"], "tree": "b"})
    assert from_line(line) == Open(1, ("a",), "b")
