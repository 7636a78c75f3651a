"""Sequences: the frames behind a volume, and results that follow the frame that is shown."""

from __future__ import annotations

import slicer

from SemanticSegLib.nodes.ResultNodes import LEAVES, SHARES
from semseg_core.errors import InputError


def browserOf(volumeNode: slicer.vtkMRMLNode) -> slicer.vtkMRMLSequenceBrowserNode | None:
    """The browser that decides which frame a volume shows; None for a volume by itself."""
    found = volumeNode.GetScene().GetNodesByClass("vtkMRMLSequenceBrowserNode")
    browsers = (found.GetItemAsObject(index) for index in range(found.GetNumberOfItems()))
    return next((browser for browser in browsers if browser.GetSequenceNode(volumeNode) is not None), None)


def frameCount(volumeNode: slicer.vtkMRMLNode) -> int:
    """Number of frames behind a volume; 0 for a volume by itself."""
    browser = browserOf(volumeNode)
    return 0 if browser is None else browser.GetSequenceNode(volumeNode).GetNumberOfDataNodes()


def frameNode(volumeNode: slicer.vtkMRMLVolumeNode, frame: int) -> slicer.vtkMRMLVolumeNode:
    """The node that holds one frame; the volume itself where it shows no sequence, as a still channel beside a moving one.

    Raises:
        InputError: If there are fewer frames.
    """
    browser = browserOf(volumeNode)
    if browser is None:
        return volumeNode
    sequence = browser.GetSequenceNode(volumeNode)
    if frame >= sequence.GetNumberOfDataNodes():
        raise InputError(f"volume '{volumeNode.GetName()}': has no frame {frame + 1}; all channels need the same frames")
    return sequence.GetNthDataNode(frame)


class ResultFrames:
    """Gathers the results of frames as sequences, and lets them follow the browser of the volume.

    Args:
        resultNode: Shows one frame after the other while they are kept, and the current one afterwards.
        volumeNode: Shows the frames that the model is applied to.
    """

    def __init__(self, resultNode: slicer.vtkMRMLSegmentationNode, volumeNode: slicer.vtkMRMLVolumeNode) -> None:
        self._browser = browserOf(volumeNode)
        self._master = self._browser.GetSequenceNode(volumeNode)
        self._shown = (resultNode, *(resultNode.GetNodeReference(role) for role in (LEAVES, SHARES)))
        self._sequences = [self._sequenceFor(node) for node in self._shown]

    def keep(self, frame: int) -> None:
        """Keep what the result shows now as that of a frame."""
        for node, sequence in zip(self._shown, self._sequences, strict=True):
            sequence.SetDataNodeAtValue(node, self._master.GetNthIndexValue(frame))

    def follow(self) -> None:
        """From now on the result shows the frame that the volume shows."""
        for node, sequence in zip(self._shown, self._sequences, strict=True):
            if not self._browser.IsSynchronizedSequenceNode(sequence, True):
                self._browser.AddSynchronizedSequenceNode(sequence)
                self._browser.AddProxyNode(node, sequence, False)
            # What the slider decides is kept when another frame is shown.
            self._browser.SetSaveChanges(sequence, node is self._shown[0])

    def _sequenceFor(self, node: slicer.vtkMRMLNode) -> slicer.vtkMRMLSequenceNode:
        """The sequence of frames of a node, emptied, or a new one."""
        sequence = self._browser.GetSequenceNode(node)
        if sequence is not None:
            sequence.RemoveAllDataNodes()
            return sequence
        scene = node.GetScene()
        sequence = scene.AddNewNodeByClass("vtkMRMLSequenceNode", scene.GenerateUniqueName(f"{node.GetName()} frames"))
        sequence.SetHideFromEditors(node is not self._shown[0])
        for name in ("IndexName", "IndexUnit", "IndexType"):
            getattr(sequence, f"Set{name}")(getattr(self._master, f"Get{name}")())
        return sequence
