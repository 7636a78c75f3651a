"""Jobs: what to do, as a record; and job folders, by which another program (the Slicer panel, a server) hands one over.

A job folder holds `job.json`: `{"schema": 1, "command": "finetune" | "predict", "arguments": {…}}`. Relative paths in it start
at the folder. `semseg run FOLDER` carries it out, prints events, and stops soon after a file `cancel` appears in the folder.
The same folder can be run again from a terminal, which makes it the form of a bug report.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from semseg_core.data.cases import CaseFiles
from semseg_core.errors import InputError
from semseg_core.files import require_file
from semseg_core.train.config import TrainConfig
from semseg_core.train.events import EventSink, Note

SCHEMA = 1
JOB_FILE = "job.json"
CANCEL_FILE = "cancel"


@dataclass(frozen=True)
class FineTuneJob:
    """Arguments of `semseg finetune`.

    Args:
        tree: File or preset.
        cases: Files of every case.
        output: Model directory.
        value_column: Column of the tree's values, where it has several.
        unknown_values: Values that mean unknown.
        channels: Channel names.
        start: Model directory to start from.
        resume: Go on from a checkpoint.
        config: How to train.
    """

    tree: str
    cases: tuple[CaseFiles, ...]
    output: str
    value_column: str | None = None
    unknown_values: tuple[int, ...] = ()
    channels: tuple[str, ...] = ()
    start: str | None = None
    resume: bool = False
    config: TrainConfig = field(default_factory=TrainConfig)

    def execute(self, on_event: EventSink, cancelled: Callable[[], bool]) -> None:
        """Carry the job out."""
        _prepare()
        from semseg_core.labels.reading import load_tree
        from semseg_core.train.session import fine_tune_files

        read = load_tree(self.tree, self.value_column, self.unknown_values)
        for note in read.notes:
            on_event(Note(note))
        fine_tune_files(
            read.tree,
            self.cases,
            self.output,
            self.config,
            on_event,
            cancelled,
            self.channels,
            self.unknown_values,
            self.start,
            self.resume,
        )

    def located(self, folder: Path) -> FineTuneJob:
        """The job with relative paths starting at a folder."""
        cases = tuple(
            CaseFiles(tuple(_at(folder, image) for image in case.images), _at(folder, case.scribbles)) for case in self.cases
        )
        tree = _at(folder, self.tree) if (folder / self.tree).exists() else self.tree
        start = None if self.start is None else _at(folder, self.start)
        return dataclasses.replace(self, tree=tree, cases=cases, output=_at(folder, self.output), start=start)


@dataclass(frozen=True)
class PredictJob:
    """Arguments of `semseg predict`; see `infer/session.py`."""

    model: str
    images: tuple[str, ...]
    output: str
    level: int | str = "leaf"
    min_confidence: float = 0.0
    confidence: str | None = None
    device: str = "auto"

    def execute(self, on_event: EventSink, cancelled: Callable[[], bool]) -> None:
        """Carry the job out."""
        _prepare()
        from semseg_core.infer.session import predict_files

        predict_files(
            self.model,
            self.images,
            self.output,
            on_event,
            cancelled,
            self.level,
            self.min_confidence,
            self.confidence,
            self.device,
        )

    def located(self, folder: Path) -> PredictJob:
        """The job with relative paths starting at a folder."""
        confidence = None if self.confidence is None else _at(folder, self.confidence)
        images = tuple(_at(folder, image) for image in self.images)
        return dataclasses.replace(
            self, model=_at(folder, self.model), images=images, output=_at(folder, self.output), confidence=confidence
        )


Job = FineTuneJob | PredictJob

COMMANDS: dict[str, type[FineTuneJob] | type[PredictJob]] = {"finetune": FineTuneJob, "predict": PredictJob}


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
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"job {path}: is not valid JSON with 'schema', 'command' and 'arguments' ({error}); write it again"
        ) from error
    if schema != SCHEMA:
        raise InputError(f"job {path}: has schema {schema}, this program reads {SCHEMA}; update SemanticSeg")
    if command not in COMMANDS or not isinstance(arguments, Mapping):
        raise InputError(f"job {path}: command '{command}' is not one of {', '.join(COMMANDS)}")
    return _job(COMMANDS[command], arguments, path).located(folder)


def cancel_by_file(folder: str | Path, cancelled: Callable[[], bool]) -> Callable[[], bool]:
    """Cancelled by a signal, or by a file `cancel` in the job folder."""
    path = os.path.join(folder, CANCEL_FILE)  # noqa: PTH118 - asked at every step: 1 µs against 4 with pathlib
    return lambda: cancelled() or os.path.exists(path)  # noqa: PTH110


def _job(kind: type[FineTuneJob] | type[PredictJob], arguments: Mapping[str, object], path: Path) -> Job:
    values = dict(arguments)
    known = {item.name for item in dataclasses.fields(kind)}
    strange = sorted(set(values) - known)
    if strange:
        raise InputError(f"job {path}: argument '{strange[0]}' is unknown; the arguments are {', '.join(sorted(known))}")
    try:
        if "cases" in values:
            values["cases"] = tuple(CaseFiles(tuple(case["images"]), case["scribbles"]) for case in values["cases"])
        if "config" in values:
            values["config"] = TrainConfig.from_record(values["config"])
        for name in ("images", "channels", "unknown_values"):
            if name in values:
                values[name] = tuple(values[name])
        return kind(**values)
    except (TypeError, KeyError) as error:
        raise InputError(f"job {path}: an argument is missing or has the wrong type ({error}); write it again") from error


def _prepare() -> None:
    """Tune the process, then load PyTorch, or say what keeps it from loading."""
    from semseg_core.device import import_torch
    from semseg_core.tuning import tune_process

    tune_process()
    import_torch()


def _at(folder: Path, path: str) -> str:
    return str(folder / path)
