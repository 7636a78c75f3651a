"""Jobs: what to do, as a record; and job folders, by which another program (the Slicer panel, a server) hands one over.

A job folder holds `job.json`: `{"schema": 1, "command": …, "arguments": {…}}`. Relative paths in it start
at the folder. `semseg run FOLDER` carries it out, prints events, and stops soon after a file `cancel` appears in the folder.
The same folder can be run again from a terminal, which makes it the form of a bug report.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from semseg_core.data.cases import CaseFiles
from semseg_core.errors import CancelledError, InputError
from semseg_core.files import require_file
from semseg_core.job_records import DoctorJob, EvaluateJob, FineTuneJob, PredictJob, PredictSeriesJob, SeriesImage
from semseg_core.train.config import TrainConfig

SCHEMA = 1
JOB_FILE = "job.json"
CANCEL_FILE = "cancel"


Job = FineTuneJob | PredictJob | PredictSeriesJob | EvaluateJob | DoctorJob

COMMANDS: dict[str, type[Job]] = {
    "finetune": FineTuneJob,
    "predict": PredictJob,
    "predict-series": PredictSeriesJob,
    "evaluate": EvaluateJob,
    "doctor": DoctorJob,
}


def job_text(job: Job) -> str:
    """The text of `job.json`."""
    command = next(name for name, kind in COMMANDS.items() if isinstance(job, kind))
    arguments = dataclasses.asdict(job)
    if isinstance(job, FineTuneJob):
        arguments["config"] = job.config.to_record()
    return json.dumps({"schema": SCHEMA, "command": command, "arguments": arguments}, indent=1, ensure_ascii=False) + "\n"


def load_job(folder: str | Path) -> Job:
    """Read the job of a folder, its paths located there.

    Raises:
        InputError: If the folder or its `job.json` is missing, broken, of a newer schema, or has unknown or missing arguments.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"job {folder}: there is no such folder; give one that holds {JOB_FILE}")
    path = require_file(folder / JOB_FILE, "job")
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        schema, command, arguments = record["schema"], record["command"], record["arguments"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(
            f"job {path}: is not valid JSON with 'schema', 'command' and 'arguments' ({error}); write it again"
        ) from error
    if schema != SCHEMA:
        raise InputError(f"job {path}: has schema {schema}, this program reads {SCHEMA}; update SemanticSeg")
    if not isinstance(command, str) or command not in COMMANDS or not isinstance(arguments, Mapping):
        raise InputError(f"job {path}: command '{command}' with its arguments is not one of {', '.join(COMMANDS)}")
    return _job(COMMANDS[command], arguments, path).located(folder)


def cancel_by_file(folder: str | Path, cancelled: Callable[[], bool]) -> Callable[[], bool]:
    """Cancelled by a signal, or by a file `cancel` in the job folder.

    Raises:
        CancelledError: If the file is there already: it may be left over, and only whoever put it there knows.
    """
    path = os.path.join(folder, CANCEL_FILE)  # noqa: PTH118 - asked at every step: 1 µs against 4 with pathlib
    if os.path.exists(path):  # noqa: PTH110
        raise CancelledError(f"job {folder}: holds a file '{CANCEL_FILE}'; remove it to run the job")
    return lambda: cancelled() or os.path.exists(path)  # noqa: PTH110


def _job(kind: type[Job], arguments: Mapping[str, object], path: Path) -> Job:
    known = {item.name for item in dataclasses.fields(kind)}
    strange = sorted(set(arguments) - known)
    if strange:
        raise InputError(f"job {path}: argument '{strange[0]}' is unknown; the arguments are {', '.join(sorted(known))}")
    needed = {item.name for item in dataclasses.fields(kind) if item.default is item.default_factory is dataclasses.MISSING}
    try:
        read = {name: _FIELDS.get(name, _text_or_none)(value) for name, value in arguments.items()}
        return kind(**{name: value for name, value in read.items() if value is not None or name not in needed})
    except (TypeError, KeyError) as error:
        raise InputError(f"job {path}: an argument is missing or has the wrong type ({error}); write it again") from error


def _checked(value: object, *kinds: type) -> object:
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        raise TypeError(f"{value!r}")
    return value


def _text(value: object) -> str:
    return _checked(value, str)


def _text_or_none(value: object) -> str | None:
    return _checked(value, str, type(None))


def _texts(value: object) -> tuple[str, ...]:
    return tuple(_text(item) for item in _checked(value, list))


_FIELDS: dict[str, Callable[[object], object]] = {
    **dict.fromkeys(("tree", "model", "device", "truth", "prediction"), _text),
    **dict.fromkeys(("images", "channels"), _texts),
    "unknown_values": lambda value: tuple(_checked(item, int) for item in _checked(value, list)),
    "cases": lambda value: tuple(CaseFiles(_texts(case["images"]), _text(case["scribbles"])) for case in _checked(value, list)),
    "series": lambda value: tuple(SeriesImage(_texts(each["images"]), _text(each["paths"])) for each in _checked(value, list)),
    "config": lambda value: TrainConfig.from_record(_checked(value, dict)),
    **dict.fromkeys(("resume", "within_truth", "everything"), lambda value: _checked(value, bool)),
    "level": lambda value: _checked(value, int, str),
    "surface_tolerance_mm": lambda value: _checked(value, int, float, type(None)),
    "min_confidence": lambda value: _checked(value, int, float),
}
"""How the arguments of a job are read; all others are text, or null."""
