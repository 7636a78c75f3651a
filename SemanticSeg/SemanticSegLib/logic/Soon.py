"""Work that may wait until a burst of changes is over."""

from __future__ import annotations

import weakref
from collections.abc import Callable


class Soon:
    """Does something once, shortly after the last of several requests, in the application's own thread.

    Args:
        action: What to do.
        delayMs: How long after the last request, in milliseconds.
    """

    def __init__(self, action: Callable[[], None], delayMs: int = 50) -> None:
        import qt

        self._action = action
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.setInterval(delayMs)
        # What is connected lives as long as the timer. Only Python finds the way back from an action to whoever waits here.
        itself = weakref.ref(self)
        self._timer.connect("timeout()", lambda: itself()._action())

    def request(self) -> None:
        """Do it soon; what was requested before waits with it."""
        self._timer.start()

    def cancel(self) -> None:
        """Do not do it after all."""
        self._timer.stop()
