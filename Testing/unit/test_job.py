"""Jobs as records and as folders."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from semseg_core.data.cases import CaseFiles
from semseg_core.errors import CancelledError, InputError
from semseg_core.job import (
    CANCEL_FILE,
    JOB_FILE,
    SCHEMA,
    DoctorJob,
    EvaluateJob,
    FineTuneJob,
    Job,
    PredictJob,
    PredictSeriesJob,
    SeriesImage,
    cancel_by_file,
    job_text,
    load_job,
)
from semseg_core.train.config import Budget, TrainConfig

TRAIN = FineTuneJob(
    tree="tree.json",
    cases=(CaseFiles(("t1.nii.gz", "flair.nii.gz#2"), "marks.seg.nrrd"),),
    output="model",
    unknown_values=(42, 43),
    channels=("t1", "flair"),
    start="earlier",
    resume=True,
    config=TrainConfig(loss="cross-entropy", budget=Budget(steps=5), seed=3, variants=0),
)

APPLY = PredictJob("model", ("t1.nii.gz",), "out.seg.nrrd", level=2, min_confidence=0.25, confidence="sure.nii.gz", device="cpu")

IMAGES = SeriesImage(("a.nrrd", "b.nrrd"), "1.npz"), SeriesImage(("/c.nrrd",), "2.npz")
SERIES = PredictSeriesJob("model", IMAGES, "cpu", everything=True)

JUDGE = EvaluateJob("tree.json", "truth.nii.gz", "out.nii.gz", "report.json", within_truth=True, surface_tolerance_mm=1.5)


def write(folder: Path, record: object) -> Path:
    (folder / JOB_FILE).write_text(record if isinstance(record, str) else json.dumps(record), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    "job", [TRAIN, APPLY, SERIES, JUDGE, DoctorJob("found.json"), PredictJob("m", ("i",), "o.nii.gz"), FineTuneJob("t", (), "o")]
)
def test_a_job_comes_back_from_its_folder_with_paths_located_there(tmp_path: Path, job: Job) -> None:
    (tmp_path / "tree.json").touch()
    loaded = load_job(write(tmp_path, job_text(job)))
    assert loaded == job.located(tmp_path)


def test_relative_paths_start_at_the_folder_and_absolute_ones_stay(tmp_path: Path) -> None:
    (tmp_path / "tree.json").touch()
    job = TRAIN.located(tmp_path)
    assert job.tree == str(tmp_path / "tree.json")
    assert job.cases[0] == CaseFiles(
        (str(tmp_path / "t1.nii.gz"), str(tmp_path / "flair.nii.gz#2")), str(tmp_path / "marks.seg.nrrd")
    )
    assert (job.output, job.start) == (str(tmp_path / "model"), str(tmp_path / "earlier"))
    assert PredictJob("/models/m", ("/i.nii",), "/o.nii").located(tmp_path) == PredictJob("/models/m", ("/i.nii",), "/o.nii")
    assert SERIES.located(tmp_path).series[0] == SeriesImage(
        (str(tmp_path / "a.nrrd"), str(tmp_path / "b.nrrd")), str(tmp_path / "1.npz")
    )
    assert SERIES.located(tmp_path).series[1].images == ("/c.nrrd",)
    assert APPLY.located(tmp_path).confidence == str(tmp_path / "sure.nii.gz")


def test_a_preset_stays_a_name(tmp_path: Path) -> None:
    assert FineTuneJob("brain-tissue", (), "o").located(tmp_path).tree == "brain-tissue"


def test_what_is_left_out_takes_its_default(tmp_path: Path) -> None:
    record = {"schema": SCHEMA, "command": "predict", "arguments": {"model": "m", "images": ["i.nii"], "output": "o.nii"}}
    assert load_job(write(tmp_path, record)) == PredictJob(
        str(tmp_path / "m"), (str(tmp_path / "i.nii"),), str(tmp_path / "o.nii"), "leaf", 0.0, None, "auto"
    )


def test_a_job_of_a_newer_schema_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has schema 2, this program reads 1; update SemanticSeg"):
        load_job(write(tmp_path, {"schema": 2, "command": "predict", "arguments": {}}))


@pytest.mark.parametrize("text", ["{", "[]", "3", '"a"', "{}", '{"schema": 1}', "[" * 100_000])
def test_a_file_that_is_no_job_is_told(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match=r"job .*job\.json: is not valid JSON with 'schema', 'command' and 'arguments'"):
        load_job(write(tmp_path, text))


@pytest.mark.parametrize("command", ["tree", "", None, [], {"a": 1}])
def test_an_unknown_command_is_told(tmp_path: Path, command: object) -> None:
    with pytest.raises(InputError, match="is not one of finetune, predict"):
        load_job(write(tmp_path, {"schema": 1, "command": command, "arguments": {}}))


WRONG = [
    ("predict", {"output": 5}, "missing or has the wrong type"),
    ("predict", {"paths": 5}, "missing or has the wrong type"),
    ("predict-series", {"series": [{"images": ["a"]}]}, "missing or has the wrong type"),
    ("predict-series", {"everything": 1}, "missing or has the wrong type"),
    ("finetune", {"output": None}, "missing or has the wrong type"),
    ("predict", {"images": "i.nii"}, "missing or has the wrong type"),
    ("predict", {"images": [1]}, "missing or has the wrong type"),
    ("predict", {"model": 5}, "missing or has the wrong type"),
    ("predict", {"level": 1.5}, "missing or has the wrong type"),
    ("predict", {"level": True}, "missing or has the wrong type"),
    ("predict", {"min_confidence": "0.5"}, "missing or has the wrong type"),
    ("predict", {"confidence": []}, "missing or has the wrong type"),
    ("predict", {"levle": 1}, "argument 'levle' is unknown; the arguments are .*level"),
    ("finetune", {"tree": None}, "missing or has the wrong type"),
    ("finetune", {"cases": [{"images": ["a"]}]}, "missing or has the wrong type"),
    ("finetune", {"cases": [{"images": "a", "scribbles": "b"}]}, "missing or has the wrong type"),
    ("finetune", {"cases": [5]}, "missing or has the wrong type"),
    ("finetune", {"cases": {"a": "b"}}, "missing or has the wrong type"),
    ("finetune", {"resume": 1}, "missing or has the wrong type"),
    ("finetune", {"unknown_values": ["42"]}, "missing or has the wrong type"),
    ("finetune", {"config": []}, "missing or has the wrong type"),
    ("finetune", {"config": {"seed": None}}, "'seed': None has the wrong type"),
    ("finetune", {"config": {"learning_rate": "fast"}}, "'learning_rate': 'fast' has the wrong type"),
    ("finetune", {"config": {"budget": "soon"}}, "budget 'soon': give seconds, minutes or steps"),
    ("finetune", {"config": {"magic": 1}}, "'magic' is unknown"),
]


@pytest.mark.parametrize(("command", "fields", "words"), WRONG)
def test_wrong_arguments_are_told(tmp_path: Path, command: str, fields: dict, words: str) -> None:
    good = {
        "predict": {"model": "m", "images": ["i"], "output": "o"},
        "predict-series": {"model": "m", "series": []},
        "finetune": {"tree": "t", "cases": [], "output": "o"},
    }[command]
    with pytest.raises(InputError, match=words):
        load_job(write(tmp_path, {"schema": 1, "command": command, "arguments": good | fields}))


def test_a_missing_argument_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="missing .* 'images'"):
        load_job(write(tmp_path, {"schema": 1, "command": "predict", "arguments": {"model": "m", "output": "o"}}))


def test_a_missing_folder_or_job_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such folder"):
        load_job(tmp_path / "none")
    with pytest.raises(InputError, match="job .*no such file"):
        load_job(tmp_path)


def test_a_job_is_cancelled_by_a_signal_or_by_a_file(tmp_path: Path) -> None:
    asked = []
    cancelled = cancel_by_file(tmp_path, lambda: bool(asked))
    assert not cancelled()
    asked.append(True)
    assert cancelled()
    asked.clear()
    (tmp_path / CANCEL_FILE).touch()
    assert cancelled()


def test_a_cancel_file_of_an_earlier_run_is_told_rather_than_obeyed_in_silence(tmp_path: Path) -> None:
    (tmp_path / CANCEL_FILE).touch()
    with pytest.raises(CancelledError, match="holds a file 'cancel'; remove it to run the job"):
        cancel_by_file(tmp_path, lambda: False)
