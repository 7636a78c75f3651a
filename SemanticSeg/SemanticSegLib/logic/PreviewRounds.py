"""The rounds of the live preview once a worker has the image: strokes become requests, answers become voxels of the overlay.

After a stroke the visible slices are shown first; then the whole volume is filled in, and learning goes on for a while.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import slicer
import vtk
from slicer.i18n import tr as _

from SemanticSegLib.logic.Signal import Signal
from SemanticSegLib.logic.UnfamiliarWords import previewHint
from SemanticSegLib.nodes.PreviewOverlay import PreviewOverlay
from SemanticSegLib.nodes.VisibleSlices import Place, sliceViews, visibleSlices
from SemanticSegLib.nodes.VolumeNodes import volumeGrid
from semseg_core.errors import SemSegError
from semseg_core.interactive.arrays import read_slices
from semseg_core.interactive.requests import Cancel, Refine, Request, SetMarks, SetTree, ShowSlices, ShowVolume
from semseg_core.labels.tree import LabelTree
from semseg_core.sparse.scribbles import SparseLabels
from semseg_core.train.config import Budget
from semseg_core.train.events import Answer, Event, Progress, View

if TYPE_CHECKING:
    from SemanticSegLib.logic.LabelsLogic import LabelsLogic
    from SemanticSegLib.logic.PreviewInputs import PreviewInputs
    from SemanticSegLib.logic.PreviewWorker import PreviewWorker
    from SemanticSegLib.logic.ScribblesLogic import ScribblesLogic
    from SemanticSegLib.logic.Soon import Soon

WAITING, LEARNING, FILLING, HELD = "waiting", "learning", "filling", "held"

FIRST_S, STROKE_S, FURTHER_S = 5.0, 2.0, 5.0
"""Learning from nothing, after each later stroke, and after the whole volume was filled in, in seconds."""

LEARNED_S = 20.0
"""Learning between two strokes, at most: then the computer rests."""

TURN_S = 0.05
"""A volume is shown so long before the window is looked after again."""

SEE_MS = 120
"""From the last turn of a slice view until its slice is asked for."""

THOUSANDS = "\N{NARROW NO-BREAK SPACE}"


class PreviewRounds:
    """Keeps a worker and an overlay in step with strokes, tree and slice views. Scribbles are only ever read.

    Args:
        scene: Where the slice views are.
        worker: Has opened the image.
        inputs: Know the image, and how answers are looked at.
        labels: The tree.
        scribbles: What is drawn.
        tree: The tree that the worker has.
        answers: Whether it can answer already, because it started from a model.
        soon: Makes what waits until a burst of changes is over.

    Attributes:
        changed: `()` when `state` or `sentence` is another.
        failed: `(message: str)` when the worker cannot go on.
        state: Waiting for strokes, learning, filling in the volume, or held.
        sentence: The same in words.
        answers: Whether there is something to see.
    """

    def __init__(
        self,
        scene: slicer.vtkMRMLScene,
        worker: PreviewWorker,
        inputs: PreviewInputs,
        labels: LabelsLogic,
        scribbles: ScribblesLogic,
        tree: LabelTree,
        answers: bool,
        soon: Callable[[Callable[[], None], int], Soon],
    ) -> None:
        self.changed = Signal()
        self.failed = Signal()
        self.state, self.sentence, self.answers = WAITING, "", answers
        self._scene = scene
        self._worker = worker
        self._inputs = inputs
        self._labels = labels
        self._scribbles = scribbles
        self._tree = tree
        self._marks: SparseLabels | None = None
        self._title = _("Preview by the start model")
        self._learned, self._unfamiliarShare = 0.0, 0.0
        self._asked: float | None = None
        self._seen: tuple[Place, ...] = ()
        self._steps: Iterator[None] = iter(())
        self._viewObservers: list[tuple[slicer.vtkMRMLSliceNode, int]] = []
        self._fillSoon, self._seeSoon = soon(self._fill, 0), soon(self._see, SEE_MS)
        self._overlay = PreviewOverlay(scene, inputs.volumes[0], inputs.parameters.result, tree, labels.hidden)
        scribbles.countsChanged.connect(self._onStrokes)
        inputs.lookChanged.connect(self._onLookChanged)
        labels.visibilityChanged.connect(self._onVisibilityChanged)

    def begin(self) -> None:
        """Show what the start model says, if there is one, and learn from the strokes that are there.

        Raises:
            InputError: If the worker cannot be asked.
        """
        self._watchViews(sliceViews(self._scene))
        if self.answers:
            self._set(WAITING, self._title + ".")
            self._show()
        self._send()

    def hold(self) -> None:
        """Stop learning until `resume`; the worker keeps what it has learned.

        Raises:
            InputError: If the worker cannot be asked.
        """
        self._pause(HELD, "")

    def resume(self) -> None:
        """Listen to strokes again."""
        self._set(WAITING, "")

    def end(self) -> None:
        """Hear no more, and take the preview away."""
        for waiting in (self._fillSoon, self._seeSoon):
            waiting.cancel()
        self._scribbles.countsChanged.disconnect(self._onStrokes)
        self._inputs.lookChanged.disconnect(self._onLookChanged)
        self._labels.visibilityChanged.disconnect(self._onVisibilityChanged)
        self._watchViews(())
        self._overlay.remove()

    def take(self, event: Event) -> None:
        """Hear what the worker tells.

        Raises:
            InputError: If an answer cannot be read, or the worker cannot be asked.
        """
        if isinstance(event, View):
            self._showSlices(event.output)
        elif isinstance(event, Progress) and self.state == FILLING:
            share = f"{event.fraction:.0%}".replace("%", " %")
            self._set(FILLING, _("{preview}; the whole volume: {share}").format(preview=self._title, share=share))
        elif isinstance(event, Answer) and event.state == "done":
            self._took(self._worker.kindOf(event.request), event)
        elif isinstance(event, Answer) and event.state == "failed":
            self._refused(self._worker.kindOf(event.request), self._worker.readable(event.message))

    # What is heard of the user

    def _onStrokes(self, _counts: dict[int, int], _warnings: dict[int, str]) -> None:
        if self.state != HELD:
            self._attempt(self._send)

    def _onLookChanged(self) -> None:
        if self.answers and self.state != HELD:
            self._attempt(self._show)

    def _onVisibilityChanged(self, _labelIds: frozenset[int], _visible: bool) -> None:
        self._overlay.color(self._tree, self._labels.hidden)

    def _onViewTurned(self, _view: object, _event: str) -> None:
        self._seeSoon.request()

    def _see(self) -> None:
        if self.answers and self.state != HELD:
            self._attempt(self._showTurned)

    # What is asked of the worker

    def _send(self) -> None:
        """Send what has changed of tree and marks since they were last sent, and learn from it."""
        tree, volume = self._labels.tree, self._inputs.volumes[0]
        if tree is None or len(tree.leaves) < 2:
            self._pause(WAITING, _("The tree has too few labels to tell apart. Add one in step 1."))
            return
        self._overlay.follow(volume)
        if tree != self._tree:
            self._overlay.color(tree, self._labels.hidden)
            self._worker.setTree(tree)
            self._tree, self._marks = tree, None
        marks = self._scribbles.sketch(volumeGrid(volume))
        if self._marks is not None and _same(marks, self._marks):
            return
        self._marks = marks
        if len(set(marks.counts()) - {tree.root.id}) < 2:
            self._pause(WAITING, _("Scribble on at least two labels; the preview follows each stroke."))
            return
        self._worker.setMarks(marks)
        self._learned, self._asked = 0.0, time.monotonic()
        count = f"{len(marks):,}".replace(",", THOUSANDS)
        self._title = _("Preview from {count} voxels").format(count=count)
        self._set(LEARNING, _("Learning from {count} voxels…").format(count=count))
        self._refine(STROKE_S if self.answers else FIRST_S)

    def _refine(self, seconds: float) -> None:
        self._fillSoon.cancel()
        self._watchViews(sliceViews(self._scene))
        self._seen = self._visible()
        self._worker.ask(Refine, budget=Budget(seconds=seconds), slices=self._seen, **self._inputs.look(self._tree))

    def _show(self) -> None:
        """Show what is known now: first what is seen, then all."""
        self._showVisible()
        self._worker.ask(ShowVolume, **self._inputs.look(self._tree))

    def _showTurned(self) -> None:
        """Ask for the slices that were turned to; a view is also told to change where it shows the same slice as before."""
        if self._visible() != self._seen:
            self._showVisible()

    def _showVisible(self) -> None:
        self._overlay.follow(self._inputs.volumes[0])
        self._seen = self._visible()
        if self._seen:
            self._worker.ask(ShowSlices, slices=self._seen, **self._inputs.look(self._tree))

    def _pause(self, state: str, sentence: str) -> None:
        """Stop learning, and wait."""
        self._worker.ask(Cancel)
        self._fillSoon.cancel()
        self._set(state, sentence)

    # What is heard of the worker

    def _took(self, kind: type[Request] | None, answer: Answer) -> None:
        if kind is SetTree:
            self.answers = bool(answer.summary["carried"])
        elif kind is ShowSlices:
            self._showSlices(*answer.outputs)
        elif kind is Refine:
            self._learned += answer.seconds
            self._showSlices(*answer.outputs)
            if self.state == LEARNING:
                self._worker.ask(ShowVolume, **self._inputs.look(self._tree))
                self._set(FILLING, _("{preview}; the whole volume follows").format(preview=self._title))
        elif kind is ShowVolume and self.state in (FILLING, WAITING):  # else newer strokes are shown before long
            self._unfamiliarShare = answer.summary["unfamiliar_share"]
            self._steps = self._overlay.showing(Path(answer.outputs[0]))
            self._fillSoon.request()

    def _refused(self, kind: type[Request] | None, message: str) -> None:
        if kind is SetMarks:
            self._pause(WAITING, message)
        elif kind is not ShowSlices and (kind is not Refine or self.state == LEARNING):
            self.failed.emit(message)  # but for what follows from marks or a tree that were refused just now

    def _showSlices(self, *outputs: str) -> None:
        self.answers = True
        for output in outputs:
            self._overlay.showSlices(read_slices(output))
        if self.state == LEARNING and self._asked is not None:
            seconds, self._asked = time.monotonic() - self._asked, None
            self._set(LEARNING, _("{preview}, {seconds:.1f} s").format(preview=self._title, seconds=seconds))

    def _fill(self) -> None:
        """Show a part of the whole volume; when all of it is there, learn on."""
        endsAt = time.monotonic() + TURN_S
        try:
            for _step in self._steps:
                if time.monotonic() > endsAt:
                    self._fillSoon.request()
                    return
            if self.state == FILLING and self._learned < LEARNED_S:
                self._set(LEARNING, _("{preview}; still learning").format(preview=self._title))
                self._refine(FURTHER_S)
            elif self.sentence.startswith(self._title):  # else it tells why no stroke is learned from
                hint = previewHint(self._unfamiliarShare, self._inputs.parameters.everything)
                self._set(WAITING, _("{preview}. {hint}").format(preview=self._title, hint=hint).rstrip())
        except SemSegError as error:
            self.failed.emit(str(error))

    # How

    def _attempt(self, action: Callable[[], None]) -> None:
        try:
            action()
        except SemSegError as error:
            self.failed.emit(str(error))

    def _visible(self) -> tuple[Place, ...]:
        return visibleSlices(self._scene, volumeGrid(self._inputs.volumes[0]))

    def _watchViews(self, views: Iterable[slicer.vtkMRMLSliceNode]) -> None:
        """Hear when one of these slice views turns to another slice, and no other."""
        for view, observer in self._viewObservers:
            view.RemoveObserver(observer)
        event = vtk.vtkCommand.ModifiedEvent
        self._viewObservers = [(view, view.AddObserver(event, self._onViewTurned)) for view in views]

    def _set(self, state: str, sentence: str) -> None:
        if (state, sentence) != (self.state, self.sentence):
            self.state, self.sentence = state, sentence
            self.changed.emit()


def _same(marks: SparseLabels, others: SparseLabels) -> bool:
    return np.array_equal(marks.indices, others.indices) and np.array_equal(marks.label_ids, others.label_ids)
