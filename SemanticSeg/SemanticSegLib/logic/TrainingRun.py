"""What is known of one training while it runs and after it: curves, notes, time left, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from slicer.i18n import tr as _

from semseg_core.labels.tree import LabelTree
from semseg_core.train.events import Done, Event, Kept, Note, Progress, Score, Stage

OPTIONS = {
    "--unknown-values": "'Unknown values'",
    "--channels": "'Channels'",
    "--device cpu": "the device 'cpu'",
    "--budget": "'Time'",
}
"""What the command line calls otherwise than the panel."""

LOG_LINES = 500
"""Lines kept for reading; the job folder has them all."""


@dataclass
class TrainingRun:
    """One training, live.

    Args:
        name: What the model will be called.
        folder: The job folder.
        tree: The labels it learns.
        words: What the files of the job folder are to the user, by their path there.
        stage: What is going on, in words.
        fraction: Done so far, 0…1, of training itself.
        secondsLeft: Until it ends; None while unknown.
        losses: Step and running mean of the loss.
        scores: Dice on held-back strokes by level, as they came.
        warnings: What the user should do better, in sentences.
        log: Everything that was told, line by line.
        summary: Figures of the model card, once there is one.
    """

    name: str
    folder: Path
    tree: LabelTree
    words: dict[str, str] = field(default_factory=dict)
    stage: str = ""
    fraction: float = 0.0
    secondsLeft: float | None = None
    losses: list[tuple[int, float]] = field(default_factory=list)
    scores: list[Score] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    summary: Mapping[str, object] = field(default_factory=dict)

    def take(self, event: Event) -> None:
        """Learn from an event of the child process."""
        if isinstance(event, Stage):
            self.stage = event.message
            self.tell(event.message)
        elif isinstance(event, Note):
            (self.warn if event.level == "warning" else self.tell)(self.readable(event.message))
        elif isinstance(event, Progress) and event.step is not None:
            self.fraction, self.secondsLeft = event.fraction, event.eta_s
            if event.loss is not None:
                self.losses.append((event.step, event.loss))
        elif isinstance(event, Score):
            self.scores.append(event)
            found = ", ".join(f"{levelWords(level)} {value:.3f}" for level, value in event.dice.items())
            self.tell(_("step {step}: Dice of {found}").format(step=event.step, found=found))

        elif isinstance(event, (Done, Kept)):
            self.summary = event.summary

    def tell(self, line: str) -> None:
        """Add a line to the log."""
        self.log = [*self.log[1 - LOG_LINES :], line]

    def warn(self, message: str) -> None:
        """Add something the user should do better."""
        self.warnings.append(message)
        self.tell(message)

    def readable(self, message: str) -> str:
        """A message of the child with the names the user knows in place of the files of the job folder."""
        for path, words in self.words.items():
            for written in (str(self.folder / path), str(Path(path))):
                message = message.replace(written, words)
        for option, words in OPTIONS.items():
            message = message.replace(option, words)
        return message

    @property
    def dice(self) -> dict[str, float]:
        """The latest Dice by level, the coarsest first and leaves last; empty where no stroke was held back."""
        found = self.summary.get("held_back_dice") or (self.scores[-1].dice if self.scores else {})
        return {level: found[level] for level in sorted(found, key=lambda level: (level == "leaf", level.zfill(3)))}


def levelWords(level: str) -> str:
    """What a level of Score events is called."""
    return _("leaves") if level == "leaf" else _("level {number}").format(number=level)
