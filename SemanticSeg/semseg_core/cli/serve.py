"""`semseg serve`: a learner that stays, for a program that scribbles: requests on standard input, events on standard output."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from semseg_core.cli.progress import print_json_line
from semseg_core.errors import InputError
from semseg_core.files import require_writable
from semseg_core.train.events import EventSink


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "serve",
        help="learn beside someone who scribbles: requests as JSON lines on standard input, events on standard output",
        description="Requests are described in semseg_core/interactive/requests.py. Ends with its standard input.",
    )
    parser.add_argument("folder", metavar="DIR", help="folder for result files; older ones are deleted as newer ones come")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, on_event: EventSink, cancelled: Callable[[], bool]) -> None:
    """Serve. Events are JSON lines whatever `--progress` says, which is for the failure at the end."""
    del on_event
    folder = Path(arguments.folder)
    if not folder.is_dir():
        raise InputError(f"folder {folder}: does not exist; create it first")
    require_writable(folder / "slices.npz", "results")
    from semseg_core.device import import_torch
    from semseg_core.tuning import tune_process

    tune_process()
    import_torch()
    from semseg_core.interactive.worker import Worker

    # A stream of its own, left open: closing sys.stdin, as Python does at its end, would wait for the thread that reads it.
    lines = open(sys.stdin.fileno(), encoding="utf-8", errors="replace", closefd=False)  # noqa: PTH123, SIM115
    Worker(folder, print_json_line, cancelled).serve(lines)
