"""`semseg finetune` killed, cancelled and gone on with."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from unit.cli.test_finetune import STEPS, events_of, weights

from semseg_core.models.directory import CARD, CHECKPOINT, STROKES, WEIGHTS, load_model
from semseg_core.train.events import Note, Progress, Stage, from_line

POSIX = pytest.mark.skipif(os.name != "posix", reason="Windows cannot interrupt one process from another")

EAGER = (
    "import sys, semseg_core.train.loop as loop; loop.CHECKPOINT_EVERY_S = loop.REPORT_EVERY_S = 0.0; "
    "from semseg_core.cli.main import main; sys.exit(main(sys.argv[1:]))"
)
"""`semseg` that tells and saves every step, so that a short run can be interrupted in its middle on any machine."""


@POSIX
def test_killed_then_cancelled_then_resumed_ends_with_the_bytes_of_an_uninterrupted_run(
    trained, phantom_files, environment: dict, in_process: Callable, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    options = ("--budget", f"{STEPS}steps", "--variants", 1, "--progress", "json", "-o", folder)
    arguments = [str(part) for part in ("finetune", "--tree", phantom_files.tree, "--case", phantom_files.case, *options)]

    def begin(*more: str) -> subprocess.Popen:
        command = [sys.executable, "-c", EAGER, *arguments, *more]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    killed = begin()
    wait_for(lambda: (folder / CHECKPOINT).exists() or killed.poll() is not None)
    killed.kill()
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    assert not (folder / CARD).exists()

    cancelled = begin("--resume")
    for line in cancelled.stdout:
        event = from_line(line)
        if isinstance(event, Progress) and event.step:
            break
    asked = time.monotonic()
    cancelled.send_signal(signal.SIGINT)
    out, err = cancelled.communicate()
    assert time.monotonic() - asked < 15.0  # 2 s are promised; a test machine may be busy
    assert cancelled.returncode == 130
    assert re.fullmatch(r"semseg: cancelled after \d+ steps; the best model so far is in .*, --resume goes on from here\n", err)
    assert events_of(out)[-1].exit_code == 130
    half = load_model(folder).card.training
    assert half["cancelled"] is True
    assert 0 < half["steps"] < STEPS
    assert sorted(path.name for path in folder.iterdir()) == sorted([CARD, WEIGHTS, STROKES, CHECKPOINT])

    code, out, err = in_process(*arguments, "--resume")
    assert code == 0, err
    resumed = next(event.message for event in events_of(out) if isinstance(event, Note) and "resumed" in event.message)
    assert resumed == f"resumed after step {half['steps']}"
    assert weights(folder) == weights(trained.folder)
    assert sorted(path.name for path in folder.iterdir()) == [CARD, WEIGHTS, STROKES]


def wait_for(condition: Callable[[], bool], timeout_s: float = 60.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.parametrize("when", ["loading", "reading"])
@POSIX
def test_an_interrupt_before_training_leaves_nothing(
    command: Callable, environment: dict, phantom_files, tmp_path: Path, when: str
) -> None:
    case = ("finetune", "--tree", phantom_files.tree, "--case", phantom_files.case, "--progress", "json", "-o", tmp_path / "m")
    process = subprocess.Popen(command(*case), env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if when == "reading":
        assert from_line(process.stdout.readline()) == Stage("Reading")
    else:
        time.sleep(0.8)  # PyTorch is being loaded
    asked = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert time.monotonic() - asked < 15.0
    # -2: code deep in PyTorch saw the interrupt too, and Python ends itself by it; a shell shows 130 as well.
    assert process.returncode in (130, -signal.SIGINT)
    assert "Traceback" not in err
    assert err.startswith("semseg: cancelled")
    assert list(tmp_path.iterdir()) == []
