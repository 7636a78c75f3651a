"""Whether a result can be exported as DICOM SEG by Slicer's own exporter, and what it would say about each label.

The exporter asks every segment for a category and a type, for a kind of algorithm and, unless drawn by hand, for its name.
"""

from __future__ import annotations

import slicer

from SemanticSegLib.nodes.SegmentationNodes import segmentTag
from semseg_core.data.segments import TERMINOLOGY_TAG, UNSAID, terminology_entry
from semseg_core.labels.tree import Code, Terminology

TISSUE = Code(*UNSAID, "Tissue")

UNCODED = terminology_entry(Terminology(TISSUE, TISSUE))
"""What a segment says whose label has no codes: valid, and the same that Slicer gives to new segments."""

KINDS = ("AUTOMATIC", "SEMIAUTOMATIC", "MANUAL")


def labelsWithoutCodes(segmentationNode: slicer.vtkMRMLSegmentationNode) -> tuple[str, ...]:
    """Names of the segments of which DICOM would only say that they are tissue; give their labels a terminology."""
    segmentation = segmentationNode.GetSegmentation()
    segments = (segmentation.GetNthSegment(index) for index in range(segmentation.GetNumberOfSegments()))
    return tuple(segment.GetName() for segment in segments if not _coded(segment))


def exportProblems(segmentationNode: slicer.vtkMRMLSegmentationNode) -> tuple[str, ...]:
    """What would make an export fail or wrong, in sentences; empty where nothing does. Looks at tags only."""
    segmentation = segmentationNode.GetSegmentation()
    problems = []
    if not segmentation.GetNumberOfSegments():
        problems.append(f"segmentation '{segmentationNode.GetName()}': has no segments; apply a model or lower the certainty")
    role = slicer.vtkMRMLSegmentationNode.GetReferenceImageGeometryReferenceRole()
    if segmentationNode.GetNodeReference(role) is None:
        problems.append(f"segmentation '{segmentationNode.GetName()}': its volume is not in the scene; load the volume again")
    for index in range(segmentation.GetNumberOfSegments()):
        segment = segmentation.GetNthSegment(index)
        parts = (segmentTag(segment, TERMINOLOGY_TAG) or "").split("~")
        if len(parts) != 7 or not all(_complete(part) for part in parts[1:3]):
            problems.append(f"segment '{segment.GetName()}': has no category and type; choose its terminology in the label tree")
        kind = segmentTag(segment, "DICOM.SegmentAlgorithmType")
        if kind not in KINDS or (kind != "MANUAL" and not segmentTag(segment, "DICOM.SegmentAlgorithmName")):
            problems.append(f"segment '{segment.GetName()}': does not say which algorithm made it; apply the model again")
    return tuple(problems)


def _coded(segment: slicer.vtkSegment) -> bool:
    parts = (segmentTag(segment, TERMINOLOGY_TAG) or "").split("~")
    return len(parts) == 7 and all(_complete(part) for part in parts[1:3]) and tuple(parts[2].split("^")[:2]) != UNSAID


def _complete(triple: str) -> bool:
    """Whether scheme, value and meaning are all there."""
    return triple.count("^") == 2 and all(triple.split("^"))
