"""`semseg serve` as the panel starts it: requests in a file that grows, ended by a file or with its parent."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from semseg_core.interactive.arrays import read_slices, read_volume, volume_parts, write_marks
from semseg_core.interactive.requests import Open, Refine, Request, SetMarks, ShowSlices, ShowVolume, to_line
from semseg_core.train.config import Budget, TrainConfig
from semseg_core.train.events import Answer, from_line

PATIENCE_S = 60.0


class Asked:
    """A worker and its folder."""

    def __init__(self, command: list[str], environment: dict[str, str], folder: Path) -> None:
        self.folder = folder
        self.requests, self.events = folder / "requests.jsonl", folder / "events.jsonl"
        self.requests.touch()
        with self.events.open("wb") as events:
            self.process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=events)

    def ask(self, request: Request) -> Answer:
        """Ask in two pieces, as a file may be seen half written; wait for the answer, which must be done."""
        line = to_line(request) + "\n"
        for piece in (line[:20], line[20:]):
            with self.requests.open("a", encoding="utf-8") as stream:
                stream.write(piece)
            time.sleep(0.05)
        endsAt = time.monotonic() + PATIENCE_S
        while time.monotonic() < endsAt:
            told = (from_line(line) for line in self.events.read_text(encoding="utf-8").splitlines())
            answer = next((event for event in told if isinstance(event, Answer) and event.request == request.id), None)
            if answer is not None:
                assert answer.state == "done", answer
                return answer
            time.sleep(0.05)
        pytest.fail(f"no answer: {self.events.read_text(encoding='utf-8')[-1000:]}")


@pytest.fixture
def asked(command: Callable, environment: dict[str, str], tmp_path: Path) -> Iterator[Asked]:
    folder = tmp_path / "job"
    folder.mkdir()
    arguments = ("--requests", folder / "requests.jsonl", "--parent", os.getpid())
    running = Asked(command("serve", folder, *arguments), environment, folder)
    yield running
    running.process.kill()
    running.process.wait()


def test_slices_at_an_angle_say_what_the_volume_says_and_a_file_ends_it(asked: Asked, phantom_files) -> None:
    config = TrainConfig(device="cpu", batch_size=128)
    asked.ask(Open(1, (str(phantom_files.image),), str(phantom_files.tree), config=config))
    asked.ask(SetMarks(2, str(phantom_files.marks)))
    asked.ask(Refine(3, Budget(steps=60)))
    shown = read_slices(asked.ask(ShowSlices(4, ((0, 14), (0, 14.0, 0.0, 0.0), (1, 10.0, 0.25, -0.125)))).outputs[0])
    path = asked.ask(ShowVolume(5)).outputs[0]
    values, _confidence = read_volume(path)
    straight, same, tilted = shown
    assert (straight.index, straight.rises, tilted.index, tilted.rises) == (14, (0.0, 0.0), 10.0, (0.25, -0.125))
    assert (straight.values == values[14]).mean() > 0.99
    assert (same.values == values[14]).mean() > 0.99
    k, i = np.indices(tilted.values.shape)
    nearest = np.rint(10.0 + 0.25 * k - 0.125 * i).astype(int)
    assert (tilted.values == values[k, nearest, i]).mean() > 0.9  # half a voxel away at most
    assert len(set(np.unique(tilted.values).tolist())) > 2
    parts = dict(volume_parts(path, voxels=3000))  # two slices of 36 x 32 voxels at once
    assert list(parts) == list(range(0, 28, 2))
    assert (np.concatenate(list(parts.values())) == values).all()
    (asked.folder / "cancel").touch()
    assert asked.process.wait(PATIENCE_S) == 130


def test_what_resembles_no_mark_is_labeled_where_everything_is_asked_for(asked: Asked, phantom, phantom_files) -> None:
    core = np.isin(phantom.marks.label_ids, (3, 6))  # nothing of the shells
    write_marks(asked.folder / "marks.npz", phantom.marks.indices[core], phantom.marks.label_ids[core])
    config = TrainConfig(device="cpu", batch_size=128)
    asked.ask(Open(1, (str(phantom_files.image),), str(phantom_files.tree), config=config))
    asked.ask(SetMarks(2, str(asked.folder / "marks.npz")))
    asked.ask(Refine(3, Budget(steps=60)))
    known, everything = (asked.ask(ShowVolume(4 + flag, everything=flag)) for flag in (False, True))
    assert known.summary["unfamiliar_share"] == everything.summary["unfamiliar_share"] > 0.3
    assert known.summary["unknown_share"] > everything.summary["unknown_share"]
    (values, _), (labeled, _) = read_volume(known.outputs[0]), read_volume(everything.outputs[0])
    shell = np.isin(phantom.truth, (4, 7))
    assert (values[shell] == 0).mean() > 0.8
    assert (labeled[phantom.truth > 0] > 0).mean() > 0.95
    (shown,) = read_slices(asked.ask(ShowSlices(6, ((0, 14),), everything=True)).outputs[0])
    assert (shown.values == labeled[14]).mean() > 0.999
