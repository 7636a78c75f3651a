"""`semseg serve`: a learner that stays, for a program that scribbles: requests in, events on standard output.

Requests come on standard input, or in a file that grows: no pipe then, which a launcher between the two programs may not pass on.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from semseg_core.cli.progress import print_json_line
from semseg_core.errors import InputError
from semseg_core.files import require_writable
from semseg_core.job import CANCEL_FILE, cancel_by_file
from semseg_core.train.events import EventSink
from semseg_core.watch import end_when, is_running

LOOK_S = 0.02
"""How often a file of requests is looked at: a fraction of the time in which a stroke is answered."""


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "serve",
        help="learn beside someone who scribbles: requests as JSON lines in, events on standard output",
        description="Requests, described in semseg_core/interactive/requests.py, come on standard input and end with it.",
    )
    parser.add_argument("folder", metavar="DIR", help="folder for results, the older of which go; a file 'cancel' in it ends all")
    parser.add_argument("--requests", metavar="FILE", help="read requests from this file as it grows, not from standard input")
    parser.add_argument("--parent", type=int, metavar="PID", help="stop as soon as this process has ended")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, on_event: EventSink, cancelled: Callable[[], bool]) -> None:
    """Serve. Events are JSON lines whatever `--progress` says, which is for the failure at the end."""
    del on_event
    folder = Path(arguments.folder)
    if not folder.is_dir():
        raise InputError(f"folder {folder}: does not exist; create it first")
    require_writable(folder / "slices.npz", "results")
    requests = arguments.requests and Path(arguments.requests)
    if requests and not requests.is_file():
        raise InputError(f"requests {requests}: does not exist; create the file first, empty")
    stop = cancel_by_file(folder, cancelled)
    if arguments.parent is not None:
        parent = arguments.parent
        end_when(lambda: not is_running(parent) or (folder / CANCEL_FILE).exists() or not folder.is_dir())
    from semseg_core.device import import_torch
    from semseg_core.tuning import tune_process

    tune_process()
    import_torch()
    from semseg_core.interactive.worker import Worker

    # A stream of its own, left open: closing sys.stdin, as Python does at its end, would wait for the thread that reads it.
    stdin = open(sys.stdin.fileno(), encoding="utf-8", errors="replace", closefd=False)  # noqa: PTH123, SIM115
    Worker(folder, print_json_line, stop).serve(followed(requests) if requests else stdin)


def followed(path: Path) -> Iterator[str]:
    """The lines of a file that grows, each as soon as it is whole; there is no end of them."""
    begun = ""
    with path.open(encoding="utf-8", errors="replace") as stream:
        while True:
            begun += stream.readline()
            if begun.endswith("\n"):
                yield begun
                begun = ""
            else:
                time.sleep(LOOK_S)
