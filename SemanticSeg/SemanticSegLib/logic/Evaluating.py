"""Comparing the shown result with a truth, in a child process, since distances along a tree take seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import slicer
from slicer.i18n import tr as _

from SemanticSegLib.logic.Signal import Signal
from SemanticSegLib.logic.Soon import Soon
from SemanticSegLib.nodes.NodeFiles import marksFile
from semseg_core.errors import InputError, SemSegError
from semseg_core.files import write_text
from semseg_core.job import EvaluateJob
from semseg_core.labels.formats.own_json import to_text
from semseg_core.metrics.records import Confusion, Report, report_from_json

if TYPE_CHECKING:
    from SemanticSegLib.logic.JobFolders import JobFolder
    from SemanticSegLib.logic.Runner import JobRunner, Outcome, RunningJob
    from SemanticSegLib.logic.ShownResult import ShownResult
    from semseg_core.data.answer_paths import Answers

TURN_S = 0.05

TREE, TRUTH, PREDICTION, REPORT = "tree.json", "truth.nrrd", "prediction.nrrd", "report.json"


@dataclass(frozen=True)
class Mistakes:
    """The most frequent mistakes, those with a sibling of the true label apart from those with labels elsewhere in the tree."""

    siblings: tuple[Confusion, ...]
    strangers: tuple[Confusion, ...]

    @classmethod
    def of(cls, report: Report) -> Mistakes:
        """Part the confusions of a report."""
        near = tuple(pair for pair in report.confusions if _parent(pair.truth) == _parent(pair.answer))
        return cls(near, tuple(pair for pair in report.confusions if pair not in near))


class Evaluating:
    """Evaluates one result at a time.

    Args:
        shown: The result.
        runner: Runs child processes.
        soon: Makes what gives way to the application between two parts of a file.

    Attributes:
        changed: `()` when it starts, goes on, or ends.
        stage: What is going on, in words; empty when nothing is.
        problem: Why the latest one failed, in a sentence.
        logTail: Last lines of its log.
        notes: What was assumed or lost in comparing, in sentences.
        report: The latest one that succeeded, None before.
        compared: The answers it is about; others may be shown by now.
    """

    def __init__(self, shown: ShownResult, runner: JobRunner, soon: Callable[[Callable[[], None], int], Soon] = Soon) -> None:
        self.changed = Signal()
        self.stage = self.problem = self.logTail = ""
        self.notes: list[str] = []
        self.report: Report | None = None
        self.compared: Answers | None = None
        self._shown = shown
        self._runner = runner
        self._running: RunningJob | None = None
        self._folder: JobFolder | None = None
        self._files: Iterator[None] = iter(())
        self._soon = soon(self._prepare, 0)

    def cleanup(self) -> None:
        """Stop."""
        self._soon.cancel()
        if self._running is not None:
            self._running.finished.disconnect(self._onFinished)
            self._running.end()
            self._running = None

    def start(self, truthNode: slicer.vtkMRMLSegmentationNode | None) -> None:
        """Compare what is shown now with a segmentation of the same volume.

        Raises:
            InputError: If there is no result or no truth, one runs already, or the truth fits no labels.
        """
        if self.stage:
            raise InputError(_("evaluation: one is running; wait for it"))
        if self._shown.answers is None or self._shown.volume is None:
            raise InputError(_("evaluation: there is no result; apply a model first"))
        if truthNode is None or truthNode is self._shown.node:
            raise InputError(_("evaluation: choose the segmentation that is taken for the truth"))
        tree, volume = self._shown.paths.tree, self._shown.volume
        self.problem, self.logTail, self.notes = "", "", []
        self._folder = self._runner.newFolder()
        try:
            parts = [
                marksFile(node, volume, tree, self._folder.path / name, self.notes.append)
                for node, name in ((truthNode, TRUTH), (self._shown.node, PREDICTION))
            ]
            write_text(self._folder.path / TREE, to_text(tree), "label tree")
        except SemSegError:
            self._folder.remove()
            raise
        self.compared = self._shown.answers
        self._files = (step for part in parts for step in part)
        self._tell(_("Preparing"))
        self._soon.request()

    def _prepare(self) -> None:
        until = time.monotonic() + TURN_S
        try:
            for _step in self._files:
                if time.monotonic() > until:
                    self._soon.request()
                    return
            self._running = self._runner.start(EvaluateJob(TREE, TRUTH, PREDICTION, REPORT), self._folder)
        except SemSegError as error:
            self._end(str(error))
            return
        self._running.finished.connect(self._onFinished)
        self._tell(_("Comparing"))

    def _onFinished(self, outcome: Outcome) -> None:
        self._running = None
        problem, self.logTail = outcome.message, outcome.logTail
        if outcome.kind == "done":
            try:
                self.report = report_from_json((self._folder.path / REPORT).read_text(encoding="utf-8"))
            except (OSError, SemSegError) as error:
                problem = str(error)
        self._end(problem)

    def _end(self, problem: str) -> None:
        self.problem = problem
        self._folder.remove()
        self._tell("")

    def _tell(self, stage: str) -> None:
        self.stage = stage
        self.changed.emit()


def _parent(path: str) -> str:
    return path.rpartition("/")[0]
