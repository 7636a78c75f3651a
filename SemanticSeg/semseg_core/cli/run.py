"""`semseg run`: carry out the job of a folder."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from semseg_core.job import cancel_by_file, load_job
from semseg_core.train.events import EventSink


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command."""
    parser = commands.add_parser("run", help="carry out a job folder (job.json), as the Slicer panel does")
    parser.add_argument("folder", metavar="JOB_DIR", help="folder with job.json; a file 'cancel' in it stops the job")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, on_event: EventSink, cancelled: Callable[[], bool]) -> None:
    """Load and execute."""
    load_job(arguments.folder).execute(on_event, cancel_by_file(arguments.folder, cancelled))
