"""Job folders: what a child process is given and what it answers. They hold images, so they are private and do not stay."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from SemanticSegLib.logic.Masking import masked
from semseg_core.errors import InputError
from semseg_core.files import write_text
from semseg_core.job import CANCEL_FILE, JOB_FILE, Job, job_text
from semseg_core.user_folders import cache_folder, make_private
from semseg_core.watch import is_running

LOG_LINES = 50
"""Lines of the log that a report shows."""

LOG_BYTES = 100_000
"""More than that many lines have; a library may have written gigabytes."""


class JobFolder:
    """One job's files: give it what the job reads, write the job, and read what came of it.

    Args:
        path: The folder, which exists.
        keptFolder: Where `keep` moves it.
    """

    def __init__(self, path: Path, keptFolder: Path) -> None:
        self.path = path
        self._keptFolder = keptFolder

    @property
    def eventsFile(self) -> Path:
        """What the job told, a JSON line each."""
        return self.path / "events.jsonl"

    @property
    def logFile(self) -> Path:
        """What libraries and a crash wrote."""
        return self.path / "log.txt"

    @property
    def requestsFile(self) -> Path:
        """What a worker that stays is asked, a JSON line each."""
        return self.path / "requests.jsonl"

    def ask(self, line: str) -> None:
        """Ask a worker for one thing more.

        Raises:
            InputError: If the disk is full or the folder is gone.
        """
        try:
            with self.requestsFile.open("a", encoding="utf-8") as stream:
                stream.write(line + "\n")
        except OSError as error:
            raise InputError(f"job {self.path}: cannot be written ({error.strerror}); free some disk space") from error

    def writeJob(self, job: Job) -> None:
        """Write what is to be done.

        Raises:
            InputError: If the disk is full or the folder is gone.
        """
        write_text(self.path / JOB_FILE, job_text(job), "job")

    def askToStop(self) -> None:
        """Tell the child to stop; without the folder it stops too."""
        if self.path.is_dir():
            (self.path / CANCEL_FILE).touch()

    def logTail(self, lines: int = LOG_LINES) -> str:
        """The last lines of the log, fit to be shown to others: see `masked`."""
        try:
            with self.logFile.open("rb") as stream:
                stream.seek(max(0, stream.seek(0, os.SEEK_END) - LOG_BYTES))
                text = stream.read().decode("utf-8", errors="replace")
        except OSError:  # the job never began, or its folder is gone
            return ""
        return masked("\n".join(text.splitlines()[-lines:]), self.path)

    def remove(self) -> None:
        """Delete everything; a folder that was kept or removed stays as it is."""
        shutil.rmtree(self.path, ignore_errors=True)  # what Windows still holds open goes at the next start

    def keep(self) -> Path:
        """Move the folder to where nothing deletes it, for a report; gives the new place.

        Raises:
            InputError: If it cannot be moved.
        """
        target = self._keptFolder / f"{datetime.now():%Y-%m-%d %H.%M.%S}"
        try:
            make_private(make_private(self._keptFolder.parent) / self._keptFolder.name)
            return Path(shutil.move(self.path, target))
        except OSError as error:
            raise InputError(f"job {self.path}: cannot be kept ({error.strerror}); copy the folder yourself") from error


class JobFolders:
    """Makes job folders, and deletes those of sessions that ended without doing so.

    Args:
        root: Where they are made; a folder in the user's cache if None.
    """

    def __init__(self, root: Path | None = None) -> None:
        self._root = root or cache_folder()
        self._jobs = self._root / "jobs"
        # The home folder may be shared by several computers, on each of which a process number means something else.
        self._host = f"{zlib.crc32(platform.node().encode()):08x}"

    def new(self) -> JobFolder:
        """An empty folder that only this user may read.

        Raises:
            InputError: If it cannot be made.
        """
        try:
            make_private(make_private(self._root) / self._jobs.name)
            path = Path(tempfile.mkdtemp(prefix=f"{self._host}-{os.getpid()}-", dir=self._jobs))
        except OSError as error:
            raise InputError(f"folder {self._jobs}: cannot be written ({error.strerror}); free some disk space") from error
        return JobFolder(path, self._root / "kept")

    def sweep(self) -> None:
        """Delete the folders of this computer's sessions that are no more."""
        for path in self._leftovers():
            shutil.rmtree(path, ignore_errors=True)

    def _leftovers(self) -> Iterator[Path]:
        for path in self._jobs.glob(f"{self._host}-*-*"):
            pid = path.name.split("-")[1]
            if pid.isdigit() and not is_running(int(pid)):
                yield path
