"""`semseg run`: a job folder in, a result out, as the Slicer panel drives it."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from semseg_core import examination
from semseg_core.data.cases import CaseFiles
from semseg_core.data.images import read_label_map
from semseg_core.job import CANCEL_FILE, JOB_FILE, DoctorJob, EvaluateJob, FineTuneJob, PredictJob, job_text
from semseg_core.metrics.records import report_from_json
from semseg_core.models.directory import CARD, load_model
from semseg_core.train.config import Budget, TrainConfig
from semseg_core.train.events import Done, Failed, Kept, Note, Progress, from_line


@pytest.fixture
def training(phantom_files, tmp_path: Path) -> Callable[[int], Path]:
    """Makes a job folder that trains for some steps and needs nothing outside of it."""

    def make(steps: int) -> Path:
        for path in (phantom_files.image, phantom_files.marks, phantom_files.tree):
            shutil.copy(path, tmp_path)
        cases = (CaseFiles((phantom_files.image.name,), phantom_files.marks.name),)
        config = TrainConfig(budget=Budget(steps=steps), variants=0, batch_size=128)
        job = FineTuneJob(phantom_files.tree.name, cases, "model", config=config)
        (tmp_path / JOB_FILE).write_text(job_text(job), encoding="utf-8")
        return tmp_path

    return make


def test_a_folder_trains_and_another_job_in_it_applies(training: Callable, in_process: Callable) -> None:
    folder = training(40)
    code, out, err = in_process("run", folder, "--progress", "json")
    assert (code, err) == (0, "")
    events = [from_line(line) for line in out.splitlines()]
    assert None not in events
    assert isinstance(events[-1], Done)
    assert load_model(folder / "model").card.training["steps"] == 40
    (folder / JOB_FILE).write_text(job_text(PredictJob("model", ("image.nii.gz",), "out.nii.gz", level=1)), encoding="utf-8")
    code, out, err = in_process("run", folder, "--progress", "json")
    assert (code, err) == (0, "")
    assert set(read_label_map(folder / "out.nii.gz").array.ravel()) == {0, 7, 8}


def test_a_cancel_file_ends_a_running_job_and_the_job_can_go_on(
    training: Callable, command: Callable, environment: dict, in_process: Callable
) -> None:
    folder = training(100_000)
    process = subprocess.Popen(
        command("run", folder, "--progress", "json"),
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in process.stdout:
        event = from_line(line)
        if isinstance(event, Progress) and event.step:
            break
    asked = time.monotonic()
    (folder / CANCEL_FILE).touch()
    out, err = process.communicate()
    assert time.monotonic() - asked < 15.0  # 2 s are promised; a test machine may be busy
    assert process.returncode == 130
    assert "--resume goes on from here" in err
    assert from_line(out.splitlines()[-1]).exit_code == 130
    kept = from_line(out.splitlines()[-2])
    assert (type(kept), kept.outputs) == (Kept, (str(folder / "model" / CARD),))
    assert load_model(folder / "model").card.training["cancelled"] is True

    code, out, _ = in_process("run", folder, "--progress", "json")
    assert code == 130
    assert from_line(out) == Failed(f"job {folder}: holds a file 'cancel'; remove it to run the job", 130)

    (folder / CANCEL_FILE).unlink()
    steps = load_model(folder / "model").card.training["steps"]
    text = (folder / JOB_FILE).read_text(encoding="utf-8")
    text = text.replace('"resume": false', '"resume": true').replace("100000steps", f"{steps + 3}steps")
    (folder / JOB_FILE).write_text(text, encoding="utf-8")
    code, out, err = in_process("run", folder, "--progress", "json")
    assert code == 0, err
    assert Note(f"resumed after step {steps}") in [from_line(line) for line in out.splitlines()]
    assert load_model(folder / "model").card.training["steps"] == steps + 3


def test_the_job_can_be_run_from_anywhere(training: Callable, in_process: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = training(1)
    monkeypatch.chdir("/")
    assert in_process("run", folder, "--progress", "none")[0] == 0
    monkeypatch.chdir(folder.parent)
    assert in_process("run", folder.name, "--progress", "none")[0] == 0
    assert (folder / "model" / CARD).is_file()


def test_a_job_evaluates_as_the_command_does(phantom_files, tmp_path: Path, in_process: Callable) -> None:
    shutil.copy(phantom_files.tree, tmp_path)
    shutil.copy(phantom_files.marks, tmp_path)
    job = EvaluateJob(phantom_files.tree.name, phantom_files.marks.name, phantom_files.marks.name, "report.json")
    (tmp_path / JOB_FILE).write_text(job_text(job), encoding="utf-8")
    code, out, err = in_process("run", tmp_path, "--progress", "json")
    assert (code, err) == (0, "")
    done = from_line(out.splitlines()[-1])
    assert (done.outputs, done.summary["dice"]["leaf"]) == ((str(tmp_path / "report.json"),), 1.0)
    assert report_from_json((tmp_path / "report.json").read_text(encoding="utf-8")).tree.accuracy == 1.0


def test_a_job_examines_the_computer(tmp_path: Path, in_process: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examination, "smoke_test", lambda _: None)
    (tmp_path / JOB_FILE).write_text(job_text(DoctorJob("found.json")), encoding="utf-8")
    code, out, err = in_process("run", tmp_path, "--progress", "json")
    assert (code, err) == (0, "")
    assert from_line(out.splitlines()[-1]).summary == {"usable": True}
    assert json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))["devices"][-1]["name"] == "cpu"


@pytest.mark.parametrize("content", [None, "", "{", '{"schema": 1, "command": "bake", "arguments": {}}'])
def test_a_folder_without_a_sound_job_is_told(in_process: Callable, tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / JOB_FILE).write_text(content)
    code, out, err = in_process("run", tmp_path, "--progress", "json")
    assert code == 2
    assert err.startswith(f"semseg: job {tmp_path}")
    assert isinstance(from_line(out), Failed)
