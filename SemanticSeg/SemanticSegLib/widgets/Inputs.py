"""The images on top of the panel: the volume, and further channels of the same anatomy."""

from __future__ import annotations

import qt
import slicer
import vtk
from slicer.i18n import tr as _

from SemanticSegLib.logic.ParameterNode import SemanticSegParameterNode


class Inputs:
    """Shows and sets the further channels; the volume is bound to its parameter by the panel.

    Args:
        ui: Widgets of the panel by name.
    """

    def __init__(self, ui: object) -> None:
        self._ui = ui
        self._parameters: SemanticSegParameterNode | None = None
        self._observer = 0
        ui.channelsButton.connect("toggled(bool)", self._showChannels)
        ui.channelsSelector.connect("checkedNodesChanged()", self._onChecked)
        self._showChannels(False)

    def setParameters(self, parameters: SemanticSegParameterNode | None) -> None:
        """Show the choices of a parameter node; None lets go of it."""
        if self._parameters is not None:
            self._parameters.RemoveObserver(self._observer)
        self._parameters = parameters
        if parameters is not None:
            self._observer = parameters.AddObserver(vtk.vtkCommand.ModifiedEvent, self._onModified)
            self._check()
            self._ui.channelsButton.checked = bool(parameters.furtherChannels)

    def _showChannels(self, shown: bool) -> None:
        self._ui.channelsLabel.visible = shown
        self._ui.channelsSelector.visible = shown
        if not shown and self._parameters is not None and self._parameters.furtherChannels:
            self._parameters.furtherChannels = []

    def _onChecked(self) -> None:
        parameters = self._parameters
        if parameters is not None:
            checkState = self._ui.channelsSelector.checkState
            checked = [node for node in self._nodes() if checkState(node) == qt.Qt.Checked]
            nodes = [node for node in checked if node is not parameters.volume]
            if nodes != list(parameters.furtherChannels):
                parameters.furtherChannels = nodes
            self._nameChannels()

    def _onModified(self, _caller: object, _event: str) -> None:
        parameters = self._parameters
        if parameters.volume in parameters.furtherChannels:  # a channel was chosen as the volume: it counts once
            parameters.furtherChannels = [node for node in parameters.furtherChannels if node is not parameters.volume]
        self._check()

    def _check(self) -> None:
        """Check the chosen channels; the volume is the first one and does not count again."""
        selector, chosen = self._ui.channelsSelector, list(self._parameters.furtherChannels)
        wasBlocked = selector.blockSignals(True)
        for node in self._nodes():
            selector.setCheckState(node, qt.Qt.Checked if node in chosen else qt.Qt.Unchecked)
        selector.blockSignals(wasBlocked)
        self._nameChannels()

    def _nodes(self) -> list[slicer.vtkMRMLNode]:
        selector = self._ui.channelsSelector
        nodes = (selector.nodeFromIndex(index) for index in range(selector.nodeCount()))
        return [node for node in nodes if node is not None]  # one that is being deleted is still listed for a moment

    def _nameChannels(self) -> None:
        count = 1 + len(self._parameters.furtherChannels)
        self._ui.channelsButton.text = _("+ channels") if count == 1 else _("{count} channels").format(count=count)
