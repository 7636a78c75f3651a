"""A watch for child processes: one that nobody waits for any more, or that is to stop, ends by itself.

The watch is a thread, so that it also looks while PyTorch loads, when nothing else asks whether to go on.
"""

from __future__ import annotations

import _thread
import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable

POLL_S = 0.25

GRACE_S = 20.0
"""Time for saving what is worth keeping, before the process is ended where it stands."""

CANCELLED_EXIT_CODE = 130

SYNCHRONIZE, WAIT_TIMEOUT = 0x00100000, 0x102
"""From winnt.h and winerror.h."""


def is_running(pid: int) -> bool:
    """Whether there is a process with this number; on POSIX one that has ended but was not waited for counts."""
    if sys.platform == "win32":
        kernel = ctypes.WinDLL("kernel32")
        kernel.OpenProcess.restype = ctypes.c_void_p
        handle = ctypes.c_void_p(kernel.OpenProcess(SYNCHRONIZE, False, pid))
        if not handle:
            return False
        try:
            return kernel.WaitForSingleObject(handle, 0) == WAIT_TIMEOUT
        finally:
            kernel.CloseHandle(handle)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True


def end_when(over: Callable[[], bool], grace_s: float = GRACE_S, poll_s: float = POLL_S) -> None:
    """Interrupt this process, as SIGTERM does, once `over` says so, and end it if it is still there after the grace.

    Args:
        over: Asked in a thread of its own.
        grace_s: Seconds between asking and ending.
        poll_s: Seconds between two looks.
    """

    def watch() -> None:
        while not over():
            time.sleep(poll_s)
        _thread.interrupt_main(signal.SIGTERM)
        time.sleep(grace_s)
        os._exit(CANCELLED_EXIT_CODE)

    threading.Thread(target=watch, name="watch", daemon=True).start()
