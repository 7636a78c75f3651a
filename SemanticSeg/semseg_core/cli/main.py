"""`semseg`, also `python -m semseg_core`: collects the commands, runs one, and turns errors into a sentence and an exit code.

Exit codes: 0 done, 2 bad input, 3 a missing dependency, 4 out of memory, 130 cancelled (also by a reader of the output that
left), 1 a bug of ours.
"""

from __future__ import annotations

import argparse
import importlib
import io
import math
import signal
import sys
import time
import traceback
from collections.abc import Sequence

from semseg_core import __version__
from semseg_core.cli.progress import sink_for
from semseg_core.errors import CancelledError, DependencyError, MemoryLimitError, SemSegError
from semseg_core.train.events import Done, Event, EventSink, Failed

COMMANDS = ("tree", "scribble", "suggest", "finetune", "predict", "evaluate", "losses", "run", "serve", "doctor")

BUG_EXIT_CODE = 1


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Args:
        argv: Arguments without the program's name; those of the process when None.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a pipe on Windows knows no arrows, and no name in another script
            stream.reconfigure(errors="replace")
    try:
        arguments = build_parser().parse_args(argv)
        return _run(arguments, sink_for(arguments.progress))
    except SemSegError as error:  # an option's own check refused its value
        return _report(error, error.exit_code)
    except KeyboardInterrupt:
        return _report(CancelledError("cancelled"), CancelledError.exit_code)


def build_parser() -> argparse.ArgumentParser:
    """The parser with all commands."""
    parser = argparse.ArgumentParser(
        prog="semseg",
        description="Many-class segmentation from scribbles on a label tree. For research; not a medical device.",
    )
    parser.add_argument("--version", action="version", version=f"semseg {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in COMMANDS:
        importlib.import_module(f"semseg_core.cli.{name}").add_parser(commands)
    _add_common_options(parser)
    return parser


ONE_SIGNAL_S = 0.5
"""Signals this close are one: `timeout` sends two, to the process and to its group, and so do launchers that pass Ctrl-C on."""


class Cancellation:
    """Whether the user pressed Ctrl-C or the process was asked to end.

    A command that has begun to poll ends in its own way, keeping what is worth keeping; a second signal ends it at once. A
    command that has not, which is reading or loading PyTorch, has nothing to keep and ends at once. One that has told that it is
    done is done.
    """

    def __init__(self) -> None:
        self._polled = False
        self._asked_at = math.inf
        self._done = False
        for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), self._on_signal)

    def __call__(self) -> bool:
        """Whether to stop."""
        self._polled = True
        self._done = False
        return self._asked_at < math.inf

    def note(self, event: Event) -> None:
        """Hear what the command tells: after `Done` a signal comes too late, unless the command goes on and polls again."""
        self._done = isinstance(event, Done)

    def _on_signal(self, number: int, frame: object) -> None:
        del number, frame
        now = time.monotonic()
        at_once = not self._polled or now - self._asked_at > ONE_SIGNAL_S
        self._asked_at = min(self._asked_at, now)  # should a library swallow the interrupt, the first poll still tells
        if at_once and not self._done:
            raise KeyboardInterrupt


def _run(arguments: argparse.Namespace, on_event: EventSink) -> int:
    cancelled = Cancellation()

    def tell(event: Event) -> None:
        cancelled.note(event)
        on_event(event)

    try:
        arguments.run(arguments, tell, cancelled)
        sys.stdout.flush()
    except SemSegError as error:
        failure, code = error, error.exit_code
    except KeyboardInterrupt:
        failure, code = CancelledError("cancelled"), CancelledError.exit_code
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("semseg_core"):
            failure, code = error, BUG_EXIT_CODE
        else:
            failure = DependencyError(
                f"the Python package '{error.name}' is not installed; install it with: pip install {error.name}"
            )
            code = failure.exit_code
    except MemoryError:
        failure = MemoryLimitError("out of memory; close other programs, or use a smaller volume")
        code = failure.exit_code
    except BrokenPipeError:  # the reader of our output (head, less) has left
        sys.stderr.close()
        return CancelledError.exit_code
    except Exception as error:  # noqa: BLE001 - the one place where a bug becomes a sentence; --debug shows it whole
        failure, code = error, BUG_EXIT_CODE
        if cancelled():  # a library made something else of the interrupt
            failure, code = CancelledError("cancelled"), CancelledError.exit_code
    else:
        return 0
    on_event(Failed(str(failure), code))
    return _report(failure, code, arguments.debug)


def _report(error: Exception, code: int, debug: bool = False) -> int:
    """One sentence on stderr; the traceback too where asked for."""
    if debug:
        traceback.print_exception(error)
    if code == BUG_EXIT_CODE:
        sentence = f"unexpected error, please report it with the output of --debug: {type(error).__name__}: {error}"
    else:
        sentence = str(error)
    print(f"semseg: {sentence}", file=sys.stderr)
    return code


def _add_common_options(parser: argparse.ArgumentParser) -> None:
    """Give every command, however nested, `--progress` and `--debug`."""
    nested = [
        action for action in parser._actions if isinstance(action, argparse._SubParsersAction)
    ]  # argparse has no public way
    for action in nested:
        for command in dict.fromkeys(action.choices.values()):
            _add_common_options(command)
    if not nested:
        parser.add_argument(
            "--progress", choices=("bar", "json", "none"), default="bar", help="how progress is shown (default: bar)"
        )
        parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
