"""Jobs in a child process: our own command line, started on a job folder, heard, and ended with all that it started."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from dataclasses import dataclass

from slicer.i18n import tr as _

from SemanticSegLib.logic.ChildProcess import crashSentence, endTree, slicerPython, startChild
from SemanticSegLib.logic.JobFolders import JobFolder, JobFolders
from SemanticSegLib.logic.Signal import Signal
from semseg_core.errors import CancelledError, DependencyError, InputError
from semseg_core.job import Job
from semseg_core.train.events import Done, Event, Failed, Kept, from_line

POLL_MS, WORKER_POLL_MS = 100, 20
"""How often a child is heard: a training, and a worker whose answers someone waits for. A look takes 0.02 ms."""

GRACE_S = 10.0
"""From Cancel until the child is ended by force: it stops at its next step, and saving the best model takes a second."""

EXIT_GRACE_S = 1.0
"""The same when Slicer closes, which waits."""

BUG, CANCELLED = 1, CancelledError.exit_code
"""Exit codes of the command line that say how to read its last words; see `semseg_core.cli.main`."""


@dataclass(frozen=True)
class Outcome:
    """How a job ended.

    Args:
        kind: "done", "failed" (it said why), "cancelled" or "crashed" (it said nothing).
        message: One sentence for the user; empty when done.
        exitCode: Of the process.
        done: What it wrote, when done.
        kept: What it wrote all the same, when cancelled: the best model so far.
        logTail: Last lines of its log, masked so that they can be shown to others.
    """

    kind: str
    message: str
    exitCode: int
    done: Done | None = None
    kept: Kept | None = None
    logTail: str = ""


class RunningJob:
    """A child process at work, and what is left of it afterwards. Made by `JobRunner.start`.

    Signals: `events(Event)` for each thing it tells, in order; `finished(Outcome)` once, after the last of them. The folder is
    the receiver's to remove, or to keep for a report.
    """

    def __init__(self, folder: JobFolder, process: subprocess.Popen, graceS: float, pollMs: int = POLL_MS) -> None:
        import qt  # not at the top, so that use cases can be tested where there is no Qt

        self.folder = folder
        self.events = Signal()
        self.finished = Signal()
        self.outcome: Outcome | None = None
        self._process = process
        self._graceS = graceS
        self._endsAt: float | None = None
        self._read = 0
        self._last: dict[type[Event], Event] = {}
        self._timer = qt.QTimer()
        self._timer.setInterval(pollMs)
        self._timer.connect("timeout()", self._look)
        self._timer.start()

    @property
    def isRunning(self) -> bool:
        """Whether `finished` is still to come."""
        return self.outcome is None

    @property
    def isCancelling(self) -> bool:
        """Whether it was asked to stop and has not yet."""
        return self.isRunning and self._endsAt is not None

    def cancel(self) -> None:
        """Ask it to stop, keeping what is worth keeping; after the grace it is ended. `finished` tells when it has."""
        if self.isRunning and self._endsAt is None:
            self._endsAt = time.monotonic() + self._graceS
            self.folder.askToStop()

    def end(self, graceS: float = 0.0) -> None:
        """Stop it now, waiting no longer than the grace; `finished` is emitted before this returns."""
        if not self.isRunning:
            return
        self.cancel()
        try:
            self._process.wait(graceS)
        except subprocess.TimeoutExpired:
            endTree(self._process)
            with contextlib.suppress(subprocess.TimeoutExpired):  # a process within a hanging driver cannot be ended
                self._process.wait(EXIT_GRACE_S)
        self._look()

    def _look(self) -> None:
        """Hear what is new; end it when its grace is over; tell when it has ended."""
        ended = self._process.poll() is not None  # before reading: what it said last is in the file by then
        for event in self._newEvents():
            self._last[type(event)] = event
            self.events.emit(event)
        if ended and self.isRunning:
            self._finish()
        elif self._endsAt is not None and time.monotonic() > self._endsAt:
            self._endsAt = time.monotonic() + self._graceS
            endTree(self._process)

    def _newEvents(self) -> list[Event]:
        try:
            with self.folder.eventsFile.open("rb") as stream:
                stream.seek(self._read)
                whole, newline, _rest = stream.read().rpartition(b"\n")
        except OSError:  # somebody deleted the folder; the child ends then
            return []
        self._read += len(whole) + len(newline)
        events = (from_line(line) for line in whole.decode("utf-8", errors="replace").split("\n"))
        return [event for event in events if event is not None]

    def _finish(self) -> None:
        import qt

        self._timer.stop()
        self._timer.disconnect("timeout()", self._look)
        # Whoever hears that it is finished may forget the job, and with it the timer that is calling here: held a moment longer.
        qt.QTimer.singleShot(0, self._timer.stop)
        endTree(self._process)  # a launcher that was killed leaves the child that it started
        self.outcome = self._judged(self._process.returncode)
        self.finished.emit(self.outcome)

    def _judged(self, code: int) -> Outcome:
        done, failed, kept = (self._last.get(kind) for kind in (Done, Failed, Kept))
        tail = self.folder.logTail()
        if code == 0:
            return Outcome("done", "", code, done, None, tail)
        said = None if failed is None else failed.message.replace(str(self.folder.path) + os.sep, "")
        if code == CANCELLED or self._endsAt is not None:
            return Outcome("cancelled", said or _("Cancelled."), code, None, kept, tail)
        if said is None:
            return Outcome("crashed", crashSentence(code), code, None, kept, tail)
        if code == BUG:
            said = _("Something unexpected happened ({message}). Please report it with Copy report.").format(message=said)
        return Outcome("failed", said, code, None, kept, tail)


class JobRunner:
    """Starts jobs, and ends them all when the module or Slicer goes.

    Args:
        python: The Python that runs them; Slicer's own if None.
        folders: Where job folders are made.
        graceS: Seconds from Cancel until a child is ended by force.
    """

    def __init__(self, python: str | None = None, folders: JobFolders | None = None, graceS: float = GRACE_S) -> None:
        self._python = python
        self._folders = folders or JobFolders()
        self._graceS = graceS
        self._made: list[JobFolder] = []
        self._jobs: list[RunningJob] = []
        self._folders.sweep()

    def newFolder(self) -> JobFolder:
        """An empty job folder, to be filled and given to `start`.

        Raises:
            InputError: If it cannot be made.
        """
        self._made = [*(folder for folder in self._made if folder.path.exists()), self._folders.new()]
        return self._made[-1]

    def start(self, job: Job, folder: JobFolder | None = None) -> RunningJob:
        """Start a child process on a job; its relative paths begin at the folder.

        Args:
            job: What to do.
            folder: Holds the files of the job; a new one if None.

        Raises:
            SemSegError: If the child cannot be started or its folder cannot be written.
        """
        folder = folder or self.newFolder()
        folder.writeJob(job)
        return self._launch(folder, POLL_MS, "run", str(folder.path))

    def serve(self, folder: JobFolder) -> RunningJob:
        """Start a worker that stays, and carries out what it is asked by `JobFolder.ask` until it is cancelled.

        Args:
            folder: Where results go, and what relative paths begin at.

        Raises:
            SemSegError: As `start`.
        """
        try:
            folder.requestsFile.touch()
        except OSError as error:
            raise InputError(f"job {folder.path}: cannot be written ({error.strerror}); free some disk space") from error
        return self._launch(folder, WORKER_POLL_MS, "serve", str(folder.path), "--requests", str(folder.requestsFile))

    def endAll(self) -> None:
        """Stop every job and delete all folders that are not kept, when the module or Slicer goes."""
        running = [job for job in self._jobs if job.isRunning]
        for job in running:
            job.cancel()
        endsAt = time.monotonic() + EXIT_GRACE_S
        for job in running:
            job.end(max(0.0, endsAt - time.monotonic()))
        for folder in self._made:
            folder.remove()
        self._made, self._jobs = [], []

    def _launch(self, folder: JobFolder, pollMs: int, *command: str) -> RunningJob:
        arguments = ("-m", "semseg_core", *command, "--progress", "json", "--parent", str(os.getpid()))
        try:
            # Files and no pipes: nobody need read for the child to go on, and a crash loses nothing of what was said.
            with folder.eventsFile.open("wb") as events, folder.logFile.open("wb") as log:
                process = startChild([self._python or slicerPython(), *arguments], folder.path, events, log)
        except OSError as error:
            raise DependencyError(
                _("Slicer's Python cannot be started ({reason}). Install Slicer again.").format(reason=error.strerror)
            ) from error
        running = RunningJob(folder, process, self._graceS, pollMs)
        self._jobs = [*(one for one in self._jobs if one.isRunning), running]
        return running
