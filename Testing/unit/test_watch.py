"""Child processes that end by themselves: with their parent, with their folder, and when they are slow to listen."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from semseg_core.job import CANCEL_FILE, JOB_FILE
from semseg_core.watch import is_running

BUSY = """
import sys, time
from semseg_core.cli.main import Cancellation
from semseg_core.watch import end_when
from pathlib import Path
cancellation = Cancellation()
end_when(Path(sys.argv[1]).exists, grace_s=0.5, poll_s=0.05)
print("ready", flush=True)
try:
    while True:
        {waiting}
except KeyboardInterrupt:
    sys.exit(7)
"""

A_JOB_THAT_WAITS = """
import sys, time
from semseg_core.cli import main, run
class Waiting:
    def execute(self, on_event, cancelled):
        print("at work", flush=True)
        while not cancelled():
            time.sleep(0.02)
        open("kept", "w").close()
run.load_job = lambda folder: Waiting()
sys.exit(main.main(["run", sys.argv[1], "--parent", sys.argv[2]]))
"""


@pytest.fixture
def python(environment: dict[str, str], tmp_path: Path) -> Callable[..., subprocess.Popen]:
    """Starts a program in an empty folder and waits for its first line."""

    def start(program: str, *arguments: object) -> subprocess.Popen:
        command = [sys.executable, "-c", program, *map(str, arguments)]
        process = subprocess.Popen(command, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
        process.stdout.readline()
        return process

    return start


def test_a_process_runs_until_it_has_ended() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert is_running(process.pid)
    process.communicate()
    assert not is_running(process.pid)
    assert is_running(os.getpid())


def test_one_that_never_asks_is_interrupted_at_once(python: Callable, tmp_path: Path) -> None:
    process = python(BUSY.format(waiting="time.sleep(0.01)"), tmp_path / "over")
    (tmp_path / "over").touch()
    process.communicate(timeout=20)
    assert process.returncode == 7


def test_one_that_asks_and_goes_on_is_ended_after_the_grace(python: Callable, tmp_path: Path) -> None:
    process = python(BUSY.format(waiting="cancellation(); time.sleep(0.01)"), tmp_path / "over")
    (tmp_path / "over").touch()
    process.communicate(timeout=20)
    assert process.returncode == 130


@pytest.mark.parametrize("end", ["the parent is killed", "it is cancelled", "its folder is cleared"])
def test_a_job_stops_and_keeps_what_it_has(python: Callable, tmp_path: Path, end: str) -> None:
    (tmp_path / JOB_FILE).touch()
    parent = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    job = python(A_JOB_THAT_WAITS, tmp_path, parent.pid)
    time.sleep(0.5)
    assert job.poll() is None
    if end == "the parent is killed":
        parent.kill()
        parent.wait()
    elif end == "it is cancelled":
        (tmp_path / CANCEL_FILE).touch()
    else:
        (tmp_path / JOB_FILE).unlink()
    job.communicate(timeout=20)
    assert job.returncode == 0
    assert (tmp_path / "kept").exists()
    parent.kill()
    parent.communicate()
