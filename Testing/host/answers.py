"""What the user will answer to the next modal dialogs. An unanswered one fails the test instead of waiting for ever.

    answers.give(qt.QMessageBox.Yes)             # the next QMessageBox.question(), or the next box's exec_()
    answers.give("new name")                     # QInputDialog.getText
    answers.give("folder/file.zip")              # QFileDialog.getSaveFileName
    answers.choose("Rename…")                    # the action of the next QMenu.exec_()
    answers.give(lambda dialog: dialog.accept()) # anything with exec_(): gestures on the open dialog, then its end
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from . import strict


@dataclass(frozen=True)
class Asked:
    """A dialog that was shown: its kind (`QMessageBox.question`), and what it said or was given."""

    kind: str
    arguments: tuple

    @property
    def text(self) -> str:
        """All its texts in one."""
        return "\n".join(each for each in self.arguments if isinstance(each, str))


asked: list[Asked] = []
_pending: deque = deque()


def give(*answers) -> None:
    """Queue answers, in the order of the questions to come."""
    _pending.extend(answers)


def choose(action_text: str) -> None:
    """Queue the choice of a menu's entry by its text; `&` is not written."""
    give(action_text)


def take(kind: str, arguments: tuple, otherwise):
    """The next answer; where there is none, `otherwise` and a violation."""
    asked.append(Asked(kind, arguments))
    if _pending:
        return _pending.popleft()
    strict.report(f"{kind}{arguments} was shown, and the test gave no answer")
    return otherwise


def finish() -> None:
    """Report answers that nobody asked for; forget what was asked."""
    for answer in _pending:
        strict.report(f"the answer {answer!r} was given, and nobody asked")
    _pending.clear()
    asked.clear()
