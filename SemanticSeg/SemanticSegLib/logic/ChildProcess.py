"""A child process on each system: which Python runs it, in what environment, how it ends with all that it started."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

from slicer.i18n import tr as _

from semseg_core.errors import DependencyError

OUT_OF_MEMORY_CODES = {-9, 137, 0xC0000017}
"""How a child ends that the system stopped for want of memory: Linux and macOS; through a launcher; Windows."""


def slicerPython() -> str:
    """Path of PythonSlicer, which the running application has on its PATH.

    Raises:
        DependencyError: If it is not there.
    """
    home = os.environ.get("SLICER_HOME", "")
    found = shutil.which("PythonSlicer") or shutil.which("PythonSlicer", path=str(Path(home) / "bin"))
    if found is None:
        raise DependencyError(_("Slicer's Python (PythonSlicer) was not found. Install Slicer again."))
    return found


def startChild(command: list[str], folder: Path, output: IO[bytes], log: IO[bytes]) -> subprocess.Popen:
    """Start a child as the head of a group that can be ended as one, without a console window.

    Args:
        command: Program and arguments.
        folder: Where it works.
        output: Takes what it says.
        log: Takes what it complains about.
    """
    if sys.platform == "win32":
        apart = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    else:
        apart = {"start_new_session": True}
    return subprocess.Popen(
        command, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=log, env=childEnvironment(), **apart
    )


def childEnvironment() -> dict[str, str]:
    """Our environment, in which the child finds the library, speaks UTF-8 and takes no package from the user's home."""
    module = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, (module, os.environ.get("PYTHONPATH"))))
    return {**os.environ, "PYTHONPATH": path, "PYTHONUTF8": "1", "PYTHONNOUSERSITE": "1"}


def endTree(process: subprocess.Popen) -> None:
    """End a child and all that it started, at once; nothing happens where they have ended."""
    if sys.platform == "win32":
        if process.poll() is None:
            command = ["taskkill", "/PID", str(process.pid), "/T", "/F"]
            subprocess.run(command, check=False, capture_output=True, creationflags=subprocess.CREATE_NO_WINDOW)
    else:
        with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS refuses where only ended ones are left
            os.killpg(process.pid, signal.SIGKILL)


def crashSentence(code: int) -> str:
    """What to tell of a child that ended without a word."""
    if code in OUT_OF_MEMORY_CODES:
        return _(
            "The system ended the calculation, most likely for want of memory. Close other programs, or use a smaller volume."
        )
    return _("The calculation ended unexpectedly (code {code}). Try again; if it happens again, please report it.").format(
        code=code
    )
