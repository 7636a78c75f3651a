"""`semseg serve`: a real child process, asked over its standard input as a program that scribbles would."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from semseg_core.data.images import read_label_map
from semseg_core.interactive.arrays import read_slices, read_volume, write_marks
from semseg_core.interactive.requests import (
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
    to_line,
)
from semseg_core.models.directory import load_model
from semseg_core.train.config import Budget, TrainConfig
from semseg_core.train.events import Answer, Event, Note, Progress, Stage, View, from_line

CONFIG = TrainConfig(device="cpu", batch_size=128)


class Child:
    """The worker process."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self.process = subprocess.Popen(command, env=environment, text=True, encoding="utf-8", **pipes)
        self.seen: list[Event] = []

    def send(self, *requests: Request | str) -> None:
        """Write requests, or lines as they are."""
        for request in requests:
            self.process.stdin.write((request if isinstance(request, str) else to_line(request)) + "\n")
        self.process.stdin.flush()

    def until(self, kind: type[Event], request: int) -> Event:
        """The next event of a kind about a request; what comes before is kept in `seen`."""
        for line in self.process.stdout:
            event = from_line(line)
            self.seen.append(event)
            if isinstance(event, kind) and event.request == request:
                return event
        pytest.fail(f"the worker ended: {self.process.stderr.read()}")

    def ask(self, request: Request) -> Answer:
        """Send and wait for the answer, which must be done."""
        self.send(request)
        answer = self.until(Answer, request.id)
        assert answer.state == "done", answer
        return answer


@pytest.fixture
def child(command: Callable, environment: dict[str, str], tmp_path: Path) -> Iterator[Child]:
    """A worker with a folder for its results."""
    (tmp_path / "results").mkdir()
    running = Child(command("serve", tmp_path / "results"), environment)
    yield running
    running.process.kill()
    running.process.wait()
    for stream in (running.process.stdin, running.process.stdout, running.process.stderr):
        with contextlib.suppress(BrokenPipeError):
            stream.close()


@pytest.fixture
def opening(phantom_files) -> Open:
    """Opens the phantom."""
    return Open(1, (str(phantom_files.image),), str(phantom_files.tree), config=CONFIG)


def test_strokes_become_views_a_volume_and_a_model(child: Child, opening: Open, phantom, phantom_files, tmp_path: Path) -> None:
    write_marks(tmp_path / "marks.npz", phantom.marks.indices[::2], phantom.marks.label_ids[::2])
    places = ((0, 14), (1, 18), (2, 5))
    # All at once: requests are carried out in their order.
    child.send(opening, SetMarks(2, str(tmp_path / "marks.npz")), Refine(3, Budget(seconds=2), places), ShowVolume(4))
    opened = child.until(Answer, 1)
    assert opened.summary == {"shape": [28, 36, 32], "leaves": 4}
    assert Stage("Computing features") in child.seen
    assert child.until(Answer, 2).summary == {"marks": len(phantom.marks.indices[::2]), "fresh": len(phantom.marks.indices[::2])}
    view = child.until(View, 3)
    assert [(shown.axis, shown.index, shown.values.shape) for shown in read_slices(view.output)] == [
        (0, 14, (36, 32)),
        (1, 18, (28, 32)),
        (2, 5, (28, 36)),
    ]
    refined = child.until(Answer, 3)
    assert refined.summary["steps"] >= view.step > 0
    assert any(isinstance(event, Progress) and event.step for event in child.seen)
    values, confidence = read_volume(child.until(Answer, 4).outputs[0])
    body = phantom_files.truth > 0
    assert (values == phantom_files.truth)[body].mean() > 0.85
    assert (confidence[body] > 0).mean() > 0.95  # the rest resembles no mark
    for shown in read_slices(refined.outputs[0]):
        assert (shown.values == values.take(shown.index, shown.axis)).mean() > 0.98  # strokes grew after them
    # A further stroke, as a file that a person drew.
    answer = child.ask(SetMarks(5, str(phantom_files.marks)))
    assert 0 < answer.summary["fresh"] < answer.summary["marks"] == len(phantom.marks)
    child.ask(Refine(6, Budget(steps=5)))
    child.ask(Save(7, str(tmp_path / "model")))
    assert load_model(tmp_path / "model").card.training["interactive"] is True
    child.ask(Stop(8))
    assert child.process.wait(10) == 0
    assert child.process.stderr.read() == ""


def test_newer_strokes_end_what_older_ones_had_begun(child: Child, opening: Open, phantom, tmp_path: Path) -> None:
    for name, part in (("first", phantom.marks.indices[::2]), ("second", phantom.marks.indices)):
        write_marks(tmp_path / f"{name}.npz", part, phantom.truth[tuple(part.T)])
    child.send(opening, SetMarks(2, str(tmp_path / "first.npz")), Refine(3, Budget(seconds=600), ((0, 9),)), ShowVolume(4))
    child.until(View, 3)
    # Someone scrolls: that slice comes while the training goes on.
    assert read_slices(child.ask(ShowSlices(5, ((2, 7),))).outputs[0])[0].index == 7
    child.send(SetMarks(6, str(tmp_path / "second.npz")))
    answers = {child.until(Answer, number).request: child.seen[-1].state for number in (4, 3, 6)}
    assert answers == {4: "superseded", 3: "superseded", 6: "done"}
    child.send(Refine(7, Budget(seconds=600)))
    child.send(Cancel(8))
    assert child.until(Answer, 7).state == "superseded"
    assert child.until(Answer, 8).state == "done"


def test_bad_requests_are_told_and_the_worker_lives_on(child: Child, opening: Open, phantom_files, tmp_path: Path) -> None:
    (tmp_path / "broken.npz").write_text("nothing")
    write_marks(tmp_path / "strange.npz", np.array([[1, 1, 1]]), np.array([99]))
    write_marks(tmp_path / "outside.npz", np.array([[99, 1, 1]]), np.array([3]))
    cases = [
        ("what?", 0, "is not valid JSON"),
        (Refine(1, Budget(steps=1)), 1, "no image is open"),
        (Open(2, (str(tmp_path / "none.nii.gz"),), str(phantom_files.tree)), 2, "none.nii.gz"),
        (Open(3, (str(phantom_files.image),), "no such tree"), 3, "no such tree"),
        (opening, 1, None),
        (ShowVolume(5), 5, "nothing is learned yet"),
        (Refine(6, Budget(steps=1)), 6, "nothing is scribbled yet"),
        (SetMarks(7, str(tmp_path / "broken.npz")), 7, "cannot be read"),
        (SetMarks(8, str(tmp_path / "strange.npz")), 8, "label id 99 is not in the tree"),
        (SetMarks(9, str(tmp_path / "outside.npz")), 9, "1 marks lie outside the image"),
        (SetMarks(10, str(phantom_files.marks)), 10, None),
        (Refine(11, Budget(steps=5), ((0, 99),)), 11, "slice 99 across axis 0"),
        (Refine(12, Budget(steps=5)), 12, None),
        (ShowSlices(13, ((0, 3),), level=9), 13, "level"),
        (Save(14, str(phantom_files.image)), 14, "is a file"),
        (SetTree(15, str(phantom_files.tree)), 15, None),
        (ShowVolume(16), 16, None),
    ]
    for request, number, sentence in cases:
        child.send(request)
        answer = child.until(Answer, number)
        assert (answer.state, answer.message == "") == ("done" if sentence is None else "failed", sentence is None), answer
        assert sentence is None or sentence in answer.message
    assert Note("4 leaves taken over from the start model") in child.seen


def test_a_model_answers_before_the_first_stroke(child: Child, opening: Open, trained, phantom_files, semseg, tmp_path) -> None:
    child.ask(Open(1, opening.images, opening.tree, model=str(trained.folder), config=CONFIG))
    values, _ = read_volume(child.ask(ShowVolume(2)).outputs[0])
    assert semseg("predict", trained.folder, phantom_files.image, "-o", tmp_path / "out.nii.gz").returncode == 0
    assert (values == read_label_map(tmp_path / "out.nii.gz").array).mean() > 0.999


def test_old_results_are_deleted(child: Child, opening: Open, trained, tmp_path: Path) -> None:
    child.ask(Open(1, opening.images, opening.tree, model=str(trained.folder), config=CONFIG))
    for number in range(2, 22):
        child.ask(ShowSlices(number, ((0, 3),)))
    assert len(list((tmp_path / "results").iterdir())) == 16


def test_the_end_of_the_input_ends_the_worker_in_the_midst_of_work(child: Child, opening: Open, phantom_files) -> None:
    child.send(opening, SetMarks(2, str(phantom_files.marks)), Refine(3, Budget(seconds=600), ((0, 9),)))
    child.until(View, 3)
    child.process.stdin.close()
    assert child.process.wait(10) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to catch")
@pytest.mark.parametrize("busy", [False, True])
def test_a_signal_ends_it_as_a_cancel(child: Child, opening: Open, phantom_files, busy: bool) -> None:
    child.ask(opening)
    if busy:
        child.send(SetMarks(2, str(phantom_files.marks)), Refine(3, Budget(seconds=600), ((0, 9),)))
        child.until(View, 3)
    child.process.send_signal(signal.SIGTERM)
    assert child.process.wait(10) == 130
    assert "Traceback" not in child.process.stderr.read()


def test_a_folder_that_is_missing_is_told(semseg: Callable, tmp_path: Path) -> None:
    run = semseg("serve", tmp_path / "none", input="")
    assert run.returncode == 2
    assert "does not exist; create it first" in run.stderr


def test_every_line_of_the_output_is_an_event(semseg: Callable, opening: Open, phantom_files, tmp_path: Path) -> None:
    requests = (opening, SetMarks(2, str(phantom_files.marks)), Refine(3, Budget(steps=3)), Save(4, str(tmp_path / "model")))
    run = semseg("serve", tmp_path, input="".join(to_line(request) + "\n" for request in requests))
    assert run.returncode == 0
    assert None not in [from_line(line) for line in run.stdout.splitlines()]
    assert all(json.loads(line)["schema"] == 1 for line in run.stdout.splitlines())
