"""Scribble nodes: segmentations that strokes are drawn in, with one segment for each label that is painted."""

from __future__ import annotations

from dataclasses import replace

import slicer

from SemanticSegLib.nodes.Placement import placeBeside
from SemanticSegLib.nodes.SegmentationNodes import LABEL_MAP, describeSegment, segmentsOf, segmentTag
from semseg_core.data.segments import ID_TAG, TERMINOLOGY_TAG, UNSAID, match_segments, segment_id, segment_tags
from semseg_core.labels.formats.color_table import flat_names
from semseg_core.labels.tree import Label, LabelTree

SCRIBBLES_ATTRIBUTE = "SemanticSeg.Scribbles"
"""Marks a segmentation node as one that is scribbled in."""

DRAWN_BY_HAND = "MANUAL"


def addScribbles(scene: slicer.vtkMRMLScene, volumeNode: slicer.vtkMRMLVolumeNode) -> slicer.vtkMRMLSegmentationNode:
    """A new, empty scribble node on the voxels of a volume, under its transform and beside it in the subject hierarchy."""
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", scene.GenerateUniqueName(f"{volumeNode.GetName()} scribbles"))
    node.SetAttribute(SCRIBBLES_ATTRIBUTE, "1")
    placeBeside(scene, node, volumeNode)
    node.GetSegmentation().SetSourceRepresentationName(LABEL_MAP)
    node.SetReferenceImageGeometryParameterFromVolumeNode(volumeNode)
    node.CreateDefaultDisplayNodes()
    return node


def scribblesOf(scene: slicer.vtkMRMLScene, volumeNode: slicer.vtkMRMLVolumeNode) -> slicer.vtkMRMLSegmentationNode | None:
    """The scribble node of a volume, None where there is none yet."""
    found = scene.GetNodesByClass("vtkMRMLSegmentationNode")
    nodes = (found.GetItemAsObject(index) for index in range(found.GetNumberOfItems()))
    return next((n for n in nodes if n.GetAttribute(SCRIBBLES_ATTRIBUTE) and referenceVolume(n) is volumeNode), None)


def referenceVolume(segmentationNode: slicer.vtkMRMLSegmentationNode) -> slicer.vtkMRMLVolumeNode | None:
    """The volume whose voxels a segmentation is drawn on."""
    return segmentationNode.GetNodeReference(slicer.vtkMRMLSegmentationNode.GetReferenceImageGeometryReferenceRole())


def setReferenceVolume(segmentationNode: slicer.vtkMRMLSegmentationNode, volumeNode: slicer.vtkMRMLVolumeNode) -> None:
    """Say on which volume a segmentation is drawn, without changing its voxels."""
    role = slicer.vtkMRMLSegmentationNode.GetReferenceImageGeometryReferenceRole()
    segmentationNode.SetNodeReferenceID(role, volumeNode.GetID())


def segmentLabels(segmentationNode: slicer.vtkMRMLSegmentationNode) -> dict[str, int]:
    """Label id by segment id, for the segments that carry a label's id."""
    segmentation = segmentationNode.GetSegmentation()
    labels = {}
    for index in range(segmentation.GetNumberOfSegments()):
        text = segmentTag(segmentation.GetNthSegment(index), ID_TAG) or ""
        if text.isdigit():
            labels[segmentation.GetNthSegmentID(index)] = int(text)
    return labels


def describeSegments(segmentationNode: slicer.vtkMRMLSegmentationNode, tree: LabelTree) -> tuple[str, ...]:
    """Give segments the names, colors, codes and tags of the labels they mean.

    A segment is known by the id of its label; one without an id, or with an id that the tree has not, by path, name or codes.

    Returns:
        Names of the segments that fit no label, which are left as they are.
    """
    segmentation = segmentationNode.GetSegmentation()
    # A voxel count of 0 says that a segment which fits nothing is no error.
    found, _ = match_segments([replace(segment, voxel_count=0) for segment in segmentsOf(segmentation)], tree)
    names = flat_names(tree)
    strangers = []
    for index, label in enumerate(found):
        segment = segmentation.GetNthSegment(index)
        if label is None:
            strangers.append(segment.GetName())
            continue
        _describe(segment, tree, label, names[label.id])
    return tuple(strangers)


def addSegment(segmentationNode: slicer.vtkMRMLSegmentationNode, tree: LabelTree, labelId: int) -> str:
    """A new, empty segment of a label; gives its id."""
    segmentation = segmentationNode.GetSegmentation()
    label = tree[labelId]
    segmentId = segmentation.AddEmptySegment(segment_id(label))
    _describe(segmentation.GetSegment(segmentId), tree, label, flat_names(tree)[labelId])
    return segmentId


def _describe(segment: slicer.vtkSegment, tree: LabelTree, label: Label, name: str) -> None:
    describeSegment(segment, label, name, segment_tags(tree, label, DRAWN_BY_HAND))
    if label.terminology is None and "^".join(UNSAID) not in (segmentTag(segment, TERMINOLOGY_TAG) or "^".join(UNSAID)):
        segment.RemoveTag(TERMINOLOGY_TAG)  # of an earlier meaning; Slicer puts the one that says nothing back by itself
