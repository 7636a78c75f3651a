"""Label trees of what a scene has already: the segments of a segmentation, the rows of a color table."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import slicer
import vtk

from semseg_core.data.segments import ID_TAG, PATH_TAG, TERMINOLOGY_TAG, terminology_of
from semseg_core.errors import LabelTreeError
from semseg_core.labels.formats.foreign import ForeignLabel, ForeignTree, grow
from semseg_core.labels.reading import ReadTree
from semseg_core.labels.tree import LabelTree

Grouping = Literal["path", "category", "flat"]
"""What segments are put under: the path they carry as a tag, the category of their terminology, or one root for all."""

Path = tuple[str, ...]


def treeFromSegmentation(segmentationNode: slicer.vtkMRMLSegmentationNode, grouping: Grouping = "path") -> ReadTree:
    """The segments as labels; one that carries a label id keeps it, so that it is its label's segment from then on.

    Raises:
        LabelTreeError: If there are no segments.
    """
    name, segmentation = segmentationNode.GetName(), segmentationNode.GetSegmentation()
    segments = {segmentId: segmentation.GetSegment(segmentId) for segmentId in segmentation.GetSegmentIDs()}
    values = [segment.GetLabelValue() for segment in segments.values()]
    # Values are unique within a layer only; where segments overlap they may repeat.
    isValued = len(set(values)) == len(values) and min(values, default=0) > 0
    paths = {segmentId: _path(segment, grouping) for segmentId, segment in segments.items()}
    keys = {path: segmentId for segmentId, path in paths.items()}
    foreign = ForeignTree([], name, f"segments of '{name}'")
    for segmentId, segment in segments.items():
        label = ForeignLabel(segmentId, _name(segment, paths[segmentId]), color=segment.GetColor(), code=segmentId)
        label.parent = _groupKey(foreign, keys, paths[segmentId][:-1])
        label.value = segment.GetLabelValue() if isValued else None
        label.terminology = terminology_of(_tag(segment, TERMINOLOGY_TAG))
        foreign.labels.append(label)
    read = _grown(foreign, f"segmentation '{name}'")
    return read._replace(tree=_withIds(read.tree, {key: _tag(segment, ID_TAG) for key, segment in segments.items()}))


def treeFromColors(colorNode: slicer.vtkMRMLColorNode) -> ReadTree:
    """The colors that are defined, as labels under one root.

    Raises:
        LabelTreeError: If none is.
    """
    name = colorNode.GetName()
    foreign = ForeignTree([], name, f"color table '{name}'")
    for value in range(colorNode.GetNumberOfColors()):
        if colorNode.GetColorDefined(value):
            color = [0.0] * 4
            colorNode.GetColor(value, color)
            terminology = terminology_of(colorNode.GetTerminologyAsString(value))
            label = ForeignLabel(str(value), colorNode.GetColorName(value), None, value, tuple(color[:3]), None, terminology)
            foreign.labels.append(label)
    return _grown(foreign, f"color table '{name}'")


def _grown(foreign: ForeignTree, what: str) -> ReadTree:
    try:
        return ReadTree(grow(foreign), tuple(foreign.notes))
    except LabelTreeError as error:
        raise LabelTreeError(f"{what}: {error}") from error


def _path(segment: slicer.vtkSegment, grouping: Grouping) -> Path:
    """Names from the root to the segment."""
    if grouping == "path" and (path := _tag(segment, PATH_TAG)):
        return tuple(path.strip("/").split("/"))
    terminology = terminology_of(_tag(segment, TERMINOLOGY_TAG))
    if grouping == "category" and terminology is not None:
        return terminology.category.meaning, segment.GetName()
    return (segment.GetName(),)


def _name(segment: slicer.vtkSegment, path: Path) -> str:
    """The segment's own name, unless that is its label's with labels above put before it."""
    return path[-1] if segment.GetName().endswith(f"/{path[-1]}") else segment.GetName()


def _groupKey(foreign: ForeignTree, keys: dict[Path, str], path: Path) -> str | None:
    """Key of the label at a path, made with all above it where there is none."""
    if not path:
        return None
    if path not in keys:
        keys[path] = "group/" + "/".join(path)
        parent = _groupKey(foreign, keys, path[:-1])
        foreign.labels.append(ForeignLabel(keys[path], path[-1], parent))
    return keys[path]


def _withIds(tree: LabelTree, idTags: dict[str, str]) -> LabelTree:
    """The tree with the ids that segments carry, as far as they differ; all others get ids that none carries."""
    wanted = {label.id: int(idTags[label.code]) for label in tree if idTags.get(label.code, "").isdigit()}
    if len(set(wanted.values())) < len(wanted):
        return tree
    free = max(wanted.values(), default=0)
    ids = {label.id: wanted.get(label.id, free + label.id) for label in tree}
    labels = tuple(replace(label, id=ids[label.id], parent=ids.get(label.parent)) for label in tree)
    return replace(tree, labels=labels, next_id=0)


def _tag(segment: slicer.vtkSegment, tag: str) -> str:
    text = vtk.mutable("")
    return str(text) if segment.GetTag(tag, text) else ""
