"""Observers of VTK objects that belong to a widget and end with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import shiboken6

_watching: set[SceneWatch] = set()
"""Whoever observes is kept: a collector of garbage would empty one that only VTK still knows, and VTK would call it."""


def forget_dead() -> None:
    """Let those go whose widgets have been deleted."""
    for watch in [watch for watch in _watching if not shiboken6.isValid(watch.widget)]:
        watch.watch(None, ())


class SceneWatch:
    """Calls `notice(caller, event)` of a living widget; lets go of one object when asked to watch another."""

    def __init__(self, widget: Any, notice: Callable[..., None]) -> None:
        self.widget, self._notice = widget, notice
        self._watched: Any = None
        self._observers: list[int] = []

    def watch(self, watched: Any, events: Iterable[Any]) -> None:
        """Watch this object alone; None watches nothing."""
        for observer in self._observers:
            self._watched.RemoveObserver(observer)
        self._watched = watched
        self._observers = [] if watched is None else [watched.AddObserver(event, self._onEvent) for event in events]
        (_watching.add if self._observers else _watching.discard)(self)

    def _onEvent(self, caller: Any, event: str) -> None:
        if shiboken6.isValid(self.widget):
            self._notice(caller, event)
        else:
            self.watch(None, ())
