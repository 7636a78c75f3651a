"""Where the mouse points in the slice views."""

from __future__ import annotations

import slicer

from SemanticSegLib.logic.Signal import Signal


class Cursor:
    """Follows the crosshair node, which Slicer moves with the mouse.

    Args:
        scene: Where the crosshair is.

    Attributes:
        moved: `(point)` in RAS millimeters, None outside the views.
        latest: The latest point inside a view, None before the first: menus are opened when the mouse has left it.
    """

    def __init__(self, scene: slicer.vtkMRMLScene) -> None:
        self.moved = Signal()
        self.latest: tuple[float, float, float] | None = None
        self._node = scene.GetFirstNodeByClass("vtkMRMLCrosshairNode")
        self._observer = 0
        if self._node is not None:
            event = slicer.vtkMRMLCrosshairNode.CursorPositionModifiedEvent
            self._observer = self._node.AddObserver(event, self._onMoved)

    def cleanup(self) -> None:
        """Stop following."""
        if self._node is not None:
            self._node.RemoveObserver(self._observer)

    def _onMoved(self, node: slicer.vtkMRMLCrosshairNode, _event: str) -> None:
        point = [0.0, 0.0, 0.0]
        inside = node.GetCursorPositionRAS(point)
        if inside:
            self.latest = tuple(point)
        self.moved.emit(self.latest if inside else None)
