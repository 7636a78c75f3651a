"""What VTK and MRML complain about: a test must end without any."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import vtk


@contextmanager
def collected() -> Iterator[list[str]]:
    """Errors and warnings printed meanwhile; a test that expects some clears the list.

    Raises:
        AssertionError: At the end, if the list is not empty.
    """
    complaints: list[str] = []

    def complain(_window: object, _event: str, text: str) -> None:
        complaints.append(text)

    complain.CallDataType = vtk.VTK_STRING
    window = vtk.vtkOutputWindow.GetInstance()
    observers = [window.AddObserver(event, complain) for event in ("ErrorEvent", "WarningEvent")]
    try:
        yield complaints
    finally:
        for observer in observers:
            window.RemoveObserver(observer)
    assert not complaints, "\n".join(complaints)
