"""The child process behind the live preview: its folder, what it is given, what it is asked, and what its answers are about."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import slicer

from SemanticSegLib.logic.Signal import Signal
from SemanticSegLib.nodes.NodeFiles import volumeFile
from semseg_core.errors import SemSegError
from semseg_core.files import write_text
from semseg_core.interactive.arrays import write_marks
from semseg_core.interactive.requests import Open, Request, SetMarks, SetTree, to_line
from semseg_core.labels.formats.own_json import to_text
from semseg_core.labels.tree import LabelTree
from semseg_core.sparse.scribbles import SparseLabels
from semseg_core.train.config import TrainConfig
from semseg_core.train.events import Answer, Event, View

if TYPE_CHECKING:
    from SemanticSegLib.logic.JobFolders import JobFolder
    from SemanticSegLib.logic.Runner import JobRunner, Outcome, RunningJob


class PreviewWorker:
    """One worker for one image, from its files to its end.

    Args:
        runner: Starts the child process.
        volumes: The channels; they are looked at now, and may be deleted once `files` is exhausted.

    Raises:
        InputError: If a volume cannot be used, or there is no room for its file.

    Attributes:
        folder: Where all files are.
        files: Writes the image, part by part; exhaust it before `start`.
        events: `(event: Event)`, but for answers to requests that a newer one of the same kind has replaced.
        ended: `(outcome: Outcome)` when the child has ended, however it did; the folder is the receiver's.
    """

    def __init__(self, runner: JobRunner, volumes: Sequence[slicer.vtkMRMLScalarVolumeNode]) -> None:
        self.events = Signal()
        self.ended = Signal()
        self._runner = runner
        self._running: RunningJob | None = None
        self._words: dict[str, str] = {}
        self._count = 0
        self._latest: dict[type[Request], int] = {}
        self._kinds: dict[int, type[Request]] = {}
        self.folder = runner.newFolder()
        try:
            self._images = [self._named(f"image{number}.nrrd", node) for number, node in enumerate(volumes, start=1)]
            self.files = self._written([volumeFile(node, path) for node, path in zip(volumes, self._images, strict=True)])
        except SemSegError:
            self.folder.remove()
            raise

    def start(self, tree: LabelTree, channels: tuple[str, ...], model: Path | None, config: TrainConfig) -> None:
        """Start the child and let it open the image.

        Args:
            tree: The labels.
            channels: Names of the channels; may be empty.
            model: Model directory to start from.
            config: How to train.

        Raises:
            SemSegError: If it cannot be started.
        """
        if model is not None:
            self._words[str(model)] = f"'{model.name}'"
        images = tuple(str(path) for path in self._images)
        self.ask(Open, images=images, tree=self._treeFile(tree), channels=channels, model=model and str(model), config=config)
        self._running = self._runner.serve(self.folder)
        self._running.events.connect(self._onEvent)
        self._running.finished.connect(self._onFinished)

    def ask(self, kind: type[Request], **values: object) -> None:
        """Ask for something; the answers come by `events`, in the order of the questions.

        Raises:
            InputError: If the folder cannot be written.
        """
        self._count += 1
        self._latest[kind] = self._count
        self._kinds[self._count] = kind
        self.folder.ask(to_line(kind(self._count, **values)))

    def setTree(self, tree: LabelTree) -> None:
        """Hand over an edited tree; marks must follow.

        Raises:
            InputError: If the folder cannot be written.
        """
        self.ask(SetTree, tree=self._treeFile(tree))

    def setMarks(self, marks: SparseLabels) -> None:
        """Hand over all marks, in place of those before.

        Raises:
            InputError: If the folder cannot be written.
        """
        path = self.folder.path / f"marks{self._count + 1}.npz"
        write_marks(path, marks.indices, marks.label_ids)
        self.ask(SetMarks, scribbles=str(path))

    def kindOf(self, number: int) -> type[Request] | None:
        """What was asked by this number."""
        return self._kinds.get(number)

    def readable(self, message: str) -> str:
        """A message of the child with the names that the user knows in place of files."""
        for path, words in self._words.items():
            message = message.replace(path, words)
        return message

    def end(self) -> None:
        """Let the child go; its folder goes with it."""
        folder = self.release()
        if self._running is not None and self._running.isRunning:
            self._running.finished.connect(lambda _outcome: folder.remove())
        else:
            folder.remove()

    def release(self) -> JobFolder:
        """Let the child go, and hand over its folder; nothing is heard of it any more."""
        self.files.close()
        self.events, self.ended = Signal(), Signal()
        if self._running is not None:
            self._running.cancel()
        return self.folder

    # How

    def _onEvent(self, event: Event) -> None:
        if isinstance(event, (Answer, View)):
            kind = self._kinds.get(event.request)
            if kind is SetMarks:
                (self.folder.path / f"marks{event.request}.npz").unlink(missing_ok=True)
            if kind is None or self._latest[kind] != event.request:
                return
        self.events.emit(event)

    def _onFinished(self, outcome: Outcome) -> None:
        self.ended.emit(outcome)

    def _named(self, name: str, node: slicer.vtkMRMLScalarVolumeNode) -> Path:
        path = self.folder.path / name
        self._words[str(path)] = f"'{node.GetName()}'"
        return path

    def _treeFile(self, tree: LabelTree) -> str:
        path = self.folder.path / f"tree{self._count + 1}.json"
        write_text(path, to_text(tree))
        return str(path)

    @staticmethod
    def _written(files: Sequence[Iterator[None]]) -> Generator[None]:
        for steps in files:
            yield from steps
