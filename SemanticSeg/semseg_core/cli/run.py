"""`semseg run`: carry out the job of a folder."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from semseg_core.job import CANCEL_FILE, JOB_FILE, cancel_by_file, load_job
from semseg_core.train.events import EventSink
from semseg_core.watch import end_when, is_running


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command."""
    parser = commands.add_parser("run", help="carry out a job folder (job.json), as the Slicer panel does")
    parser.add_argument("folder", metavar="JOB_DIR", help="folder with job.json; a file 'cancel' in it stops the job")
    parser.add_argument("--parent", type=int, metavar="PID", help="stop as soon as this process has ended")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, on_event: EventSink, cancelled: Callable[[], bool]) -> None:
    """Load and execute."""
    job = load_job(arguments.folder)
    stop = cancel_by_file(arguments.folder, cancelled)
    if arguments.parent is not None:
        folder, parent = Path(arguments.folder), arguments.parent
        end_when(lambda: not is_running(parent) or (folder / CANCEL_FILE).exists() or not (folder / JOB_FILE).exists())
    job.execute(on_event, stop)
