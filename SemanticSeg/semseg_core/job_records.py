"""What can be done, as records: each kind of job with its arguments, which carries itself out.

Paths in a record are text, as JSON holds them; relative ones start at the job's folder, see `located`.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from semseg_core.data.cases import CaseFiles
from semseg_core.files import write_text
from semseg_core.train.config import TrainConfig
from semseg_core.train.events import Done, EventSink, Note, Stage


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
        start = None if self.start is None else _at(folder, self.start)
        return dataclasses.replace(
            self, tree=_tree_at(folder, self.tree), cases=cases, output=_at(folder, self.output), start=start
        )


@dataclass(frozen=True)
class PredictJob:
    """Arguments of `semseg predict`; see `infer/session.py`."""

    model: str
    images: tuple[str, ...]
    output: str | None = None
    level: int | str = "leaf"
    min_confidence: float = 0.0
    confidence: str | None = None
    device: str = "auto"
    paths: str | None = None
    everything: bool = False

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
            self.paths,
            self.everything,
        )

    def located(self, folder: Path) -> PredictJob:
        """The job with relative paths starting at a folder."""
        files = {
            name: _at(folder, path) for name in ("output", "confidence", "paths") if (path := getattr(self, name)) is not None
        }
        images = tuple(_at(folder, image) for image in self.images)
        return dataclasses.replace(self, model=_at(folder, self.model), images=images, **files)


@dataclass(frozen=True)
class SeriesImage:
    """One image of a series: the files of its channels, and where the answers go."""

    images: tuple[str, ...]
    paths: str


@dataclass(frozen=True)
class PredictSeriesJob:
    """Several images, one after the other, in one process: loading PyTorch takes longer than many an image.

    Every image tells its own `Done` as soon as its answers are written; one that fails ends the job, and leaves those before it.
    """

    model: str
    series: tuple[SeriesImage, ...]
    device: str = "auto"
    everything: bool = False

    def execute(self, on_event: EventSink, cancelled: Callable[[], bool]) -> None:
        """Carry the job out."""
        _prepare()
        from semseg_core.infer.session import predict_files

        for image in self.series:
            options = {"device": self.device, "paths_output": image.paths, "everything": self.everything}
            predict_files(self.model, image.images, None, on_event, cancelled, **options)

    def located(self, folder: Path) -> PredictSeriesJob:
        """The job with relative paths starting at a folder."""
        series = tuple(
            SeriesImage(tuple(_at(folder, path) for path in image.images), _at(folder, image.paths)) for image in self.series
        )
        return dataclasses.replace(self, model=_at(folder, self.model), series=series)


@dataclass(frozen=True)
class EvaluateJob:
    """Arguments of `semseg evaluate`; see `evaluation.py`. The report is written to `output` as JSON."""

    tree: str
    truth: str
    prediction: str
    output: str
    value_column: str | None = None
    unknown_values: tuple[int, ...] = ()
    within_truth: bool = False
    surface_tolerance_mm: float | None = None

    def execute(self, on_event: EventSink, cancelled: Callable[[], bool]) -> None:
        """Carry the job out."""
        del cancelled  # not polled: a cancel ends the process at once, and nothing is half-written
        from semseg_core.evaluation import evaluate_files
        from semseg_core.labels.reading import load_tree

        read = load_tree(self.tree, self.value_column, self.unknown_values)
        for note in read.notes:
            on_event(Note(note))
        evaluate_files(
            read.tree,
            self.truth,
            self.prediction,
            on_event,
            self.output,
            self.unknown_values,
            self.within_truth,
            self.surface_tolerance_mm,
        )

    def located(self, folder: Path) -> EvaluateJob:
        """The job with relative paths starting at a folder."""
        files = {name: _at(folder, getattr(self, name)) for name in ("truth", "prediction", "output")}
        return dataclasses.replace(self, tree=_tree_at(folder, self.tree), **files)


@dataclass(frozen=True)
class DoctorJob:
    """`semseg doctor`: looks at packages and devices and writes what it finds to `output` as JSON."""

    output: str

    def execute(self, on_event: EventSink, cancelled: Callable[[], bool]) -> None:
        """Carry the job out."""
        del cancelled  # as above
        from semseg_core.examination import examine

        on_event(Stage("Checking packages and devices"))
        found = examine()
        write_text(self.output, json.dumps(dataclasses.asdict(found), indent=1, ensure_ascii=False), "report")
        on_event(Done((self.output,), summary={"usable": found.usable}))

    def located(self, folder: Path) -> DoctorJob:
        """The job with relative paths starting at a folder."""
        return DoctorJob(_at(folder, self.output))


def _prepare() -> None:
    """Tune the process, then load PyTorch, or say what keeps it from loading."""
    from semseg_core.device import import_torch
    from semseg_core.tuning import tune_process

    tune_process()
    import_torch()


def _at(folder: Path, path: str) -> str:
    return str(folder / path)


def _tree_at(folder: Path, tree: str) -> str:
    """A preset's name stays one."""
    return _at(folder, tree) if (folder / tree).exists() else tree
