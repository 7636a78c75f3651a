"""What can be undone on the label tree, and done again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from semseg_core.labels.edit import Remap
from semseg_core.labels.tree import LabelTree

TakeBack = Callable[[], None]
"""Puts marks back where they lay before an edit."""

KEPT_STEPS = 100
"""Steps that can be undone; each keeps a tree, which is small, and the marks it took away."""


def nothingToTakeBack() -> None:
    """For edits that leave every mark where it is."""


@dataclass(eq=False)
class EditStep:
    """One gesture of the user.

    Args:
        kind: Which gesture, for the panel to word: the name of the method of `LabelsLogic`.
        subject: What it was done to: a label's name, or how many labels.
        before: The tree before it.
        after: The tree after it.
        remap: What it did to label ids.
        takeBack: Puts marks back where they lay before it.
    """

    kind: str
    subject: str
    before: LabelTree
    after: LabelTree
    remap: Remap
    takeBack: TakeBack = nothingToTakeBack


class TreeHistory:
    """Steps done and steps undone, the latest last."""

    def __init__(self) -> None:
        self._done: list[EditStep] = []
        self._undone: list[EditStep] = []

    @property
    def undoable(self) -> EditStep | None:
        """The step that undo would take back."""
        return self._done[-1] if self._done else None

    @property
    def redoable(self) -> EditStep | None:
        """The step that redo would do again."""
        return self._undone[-1] if self._undone else None

    def record(self, step: EditStep) -> None:
        """Keep a new step; what had been undone can no longer be done again."""
        self._done = [*self._done, step][-KEPT_STEPS:]
        self._undone.clear()

    def undo(self) -> EditStep:
        """Move on to the state before the latest step, and tell which that was."""
        step = self._done.pop()
        self._undone.append(step)
        return step

    def redo(self) -> EditStep:
        """Move on to the state after the step undone last, and tell which that was."""
        step = self._undone.pop()
        self._done.append(step)
        return step

    def clear(self) -> None:
        """Forget everything."""
        self._done.clear()
        self._undone.clear()
