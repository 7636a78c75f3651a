"""A signal of plain Python: Qt's own cannot be made from Python in Slicer."""

from __future__ import annotations

import sys
from collections.abc import Callable


class Signal:
    """Tells its receivers, in the order in which they were connected.

    A receiver that raises is reported as any unhandled error is, and does not keep the others from hearing.
    """

    def __init__(self) -> None:
        self._receivers: list[Callable[..., object]] = []

    def connect(self, receiver: Callable[..., object]) -> None:
        """Call a receiver at every emission, with the emitted arguments."""
        self._receivers.append(receiver)

    def disconnect(self, receiver: Callable[..., object]) -> None:
        """Stop calling a receiver; one that was not connected is no error, so that cleaning up may happen twice."""
        if receiver in self._receivers:
            self._receivers.remove(receiver)

    def emit(self, *arguments: object) -> None:
        """Call every receiver that is connected now."""
        for receiver in tuple(self._receivers):
            try:
                receiver(*arguments)
            except Exception:  # noqa: BLE001 - as Qt does with its own slots: whoever emits is not to blame
                sys.excepthook(*sys.exc_info())
