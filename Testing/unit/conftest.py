"""The phantom as files, the real command line in a process of its own, and one small model that all tests share."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import semseg_core
from semseg_core.cli.main import main
from semseg_core.data.images import write_label_map, write_volume
from semseg_core.labels.encode import ids_to_values
from semseg_core.labels.reading import save_tree
from semseg_core.train.events import Event, from_line
from semseg_core.tuning import tune_process

# Before any test loads PyTorch. One thread: results are those of the processes started here, and tests share the machine.
os.environ.setdefault("OMP_NUM_THREADS", "1")
tune_process()

STEPS = 80
"""Enough for a leaf Dice of 0.9 on the phantom, and long enough to be interrupted."""


@dataclass(frozen=True)
class PhantomFiles:
    """The phantom's files; `truth` are label values, (D, H, W)."""

    folder: Path
    image: Path
    marks: Path
    tree: Path
    truth: np.ndarray

    @property
    def case(self) -> str:
        """As `--case` takes it."""
        return f"{self.image}={self.marks}"


@dataclass(frozen=True)
class Trained:
    """A model directory and the run that made it."""

    folder: Path
    run: subprocess.CompletedProcess

    @property
    def events(self) -> list[Event]:
        """What the run printed."""
        return [from_line(line) for line in self.run.stdout.splitlines()]


@pytest.fixture(scope="session")
def phantom_files(tmp_path_factory: pytest.TempPathFactory, phantom) -> PhantomFiles:
    """The phantom on disk."""
    folder = tmp_path_factory.mktemp("phantom")
    files = PhantomFiles(
        folder, folder / "image.nii.gz", folder / "marks.nii.gz", folder / "tree.json", ids_to_values(phantom.truth, phantom.tree)
    )
    write_volume(files.image, phantom.volume.array[0], phantom.volume.grid)
    write_label_map(files.marks, phantom.marks.to_label_map(phantom.tree), phantom.volume.grid)
    save_tree(files.tree, phantom.tree)
    return files


@pytest.fixture(scope="session")
def command() -> Callable[..., list[str]]:
    """The command line of `semseg` with these arguments."""
    return lambda *arguments: [sys.executable, "-m", "semseg_core", *map(str, arguments)]


@pytest.fixture(scope="session")
def environment() -> dict[str, str]:
    """Environment of a process that runs `semseg`."""
    return {**os.environ, "PYTHONPATH": str(Path(semseg_core.__file__).parent.parent), "PYTHONIOENCODING": "utf-8"}


@pytest.fixture(scope="session")
def semseg(command: Callable, environment: dict[str, str]) -> Callable[..., subprocess.CompletedProcess]:
    """Run `semseg` in a process of its own to its end."""

    def run(*arguments: object, **options: object) -> subprocess.CompletedProcess:
        settings = {"env": environment, "capture_output": True, "text": True, "encoding": "utf-8", "timeout": 120, "check": False}
        return subprocess.run(command(*arguments), **(settings | options))

    return run


@pytest.fixture
def in_process(capsys: pytest.CaptureFixture) -> Iterator[Callable[..., tuple[int, str, str]]]:
    """Run `semseg` within this process, which is quicker: exit code, stdout, stderr."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def run(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        return code, *capsys.readouterr()

    yield run
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, phantom_files: PhantomFiles, semseg: Callable) -> Trained:
    """A model of the phantom, trained through the command line from a folder whose path holds a patient's name."""
    folder = tmp_path_factory.mktemp("DOE^JANE-19700101")
    for path in (phantom_files.image, phantom_files.marks, phantom_files.tree):
        shutil.copy(path, folder)
    case = f"{folder / 'image.nii.gz'}={folder / 'marks.nii.gz'}"
    options = ("--budget", f"{STEPS}steps", "--variants", "1", "--progress", "json")
    run = semseg("finetune", "--tree", folder / "tree.json", "--case", case, *options, "-o", folder / "model")
    assert run.returncode == 0, run.stderr
    return Trained(folder / "model", run)
