"""Showing events: as JSON lines for programs, as bars and sentences for people."""

from __future__ import annotations

import sys

from semseg_core.train.events import Done, Event, EventSink, Failed, Note, Progress, Score, Stage, ignore, to_line


def sink_for(mode: str) -> EventSink:
    """The event sink for `--progress`: "bar", "json" or "none"."""
    return {"bar": PersonSink, "json": lambda: print_json_line, "none": lambda: ignore}[mode]()


def print_json_line(event: Event) -> None:
    """Print the event as one JSON line on stdout, at once."""
    print(to_line(event), flush=True)


class PersonSink:
    """Shows a bar per stage, and notes, on stderr, so that stdout keeps the results."""

    def __init__(self) -> None:
        self._bar = None
        self._dice = ""

    def __call__(self, event: Event) -> None:
        """Show one event."""
        if isinstance(event, Stage):
            self._close()
            self._say(event.message)
        elif isinstance(event, Note):
            self._say(f"{'Warning' if event.level == 'warning' else 'Note'}: {event.message}")
        elif isinstance(event, Progress):
            self._advance(event)
        elif isinstance(event, Score) and event.best:
            self._dice = ", ".join(f"{level} {value:.2f}" for level, value in event.dice.items())
        elif isinstance(event, (Done, Failed)):
            self._close()

    def _advance(self, event: Progress) -> None:
        if self._bar is None:
            from tqdm import tqdm

            # A bar that nobody watches (a log file) is drawn rarely.
            pause = 0.1 if sys.stderr.isatty() else 10.0
            form = "  {bar:30} {percentage:3.0f} %  {elapsed}{postfix}"
            self._bar = tqdm(total=1000, bar_format=form, file=sys.stderr, dynamic_ncols=True, mininterval=pause)
        details = [] if not event.eta_s else [f"{event.eta_s:.0f} s left"]
        details += [] if event.loss is None else [f"loss {event.loss:.2f}"]
        self._bar.set_postfix_str(", ".join(details), refresh=False)
        self._bar.update(round(1000 * min(event.fraction, 1.0)) - self._bar.n)
        if event.fraction >= 1.0:
            self._close()

    def _say(self, text: str) -> None:
        if self._bar is None:
            print(text, file=sys.stderr, flush=True)
        else:
            self._bar.write(text, file=sys.stderr)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
        if self._dice:
            print(f"  Dice on held-back scribbles by level: {self._dice}", file=sys.stderr, flush=True)
            self._dice = ""
