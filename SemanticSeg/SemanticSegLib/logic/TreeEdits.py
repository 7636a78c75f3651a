"""Edits of several labels as one, and what becomes of marks when one tree takes the place of another."""

from __future__ import annotations

from collections.abc import Callable

from semseg_core.data.segments import PATH_TAG, TERMINOLOGY_TAG, Segment, match_segments, segment_tags
from semseg_core.labels import edit
from semseg_core.labels.edit import Edit, Remap
from semseg_core.labels.tree import LabelTree


def matched(old: LabelTree, new: LabelTree) -> Remap:
    """Where marks go when a tree is replaced by another: to labels of the same path, name or codes, else nowhere."""
    segments = []
    for label in old:
        tags = {tag: text for tag, text in segment_tags(old, label).items() if tag in (PATH_TAG, TERMINOLOGY_TAG)}
        segments.append(Segment(label.name, label.value, tags=tags, voxel_count=0))
    found, _ = match_segments(segments, new)
    ids = {label.id: None if match is None else match.id for label, match in zip(old, found, strict=True)}
    changed = {before: after for before, after in ids.items() if before != after}
    targets = [after for after in ids.values() if after is not None]
    return Remap(changed, invertible=None not in changed.values() and len(set(targets)) == len(targets))


def eachOf(tree: LabelTree, labelIds: tuple[int, ...], change: Callable[[LabelTree, int], Edit]) -> Edit:
    """One edit of several labels, after each other, as one."""
    remap = Remap()
    for labelId in labelIds:
        tree, further = change(tree, labelId)
        remap = remap.compose(further)
    return Edit(tree, remap)


def moved(tree: LabelTree, labelIds: tuple[int, ...], parentId: int, index: int | None) -> Edit:
    """Labels moved so that they follow each other, counting places as they were before the move."""
    children = [label.id for label in tree.children(parentId)]
    place = len(children) if index is None else index
    place -= sum(child in labelIds for child in children[:place])
    for offset, labelId in enumerate(labelIds):
        tree = edit.move(tree, labelId, parentId, place + offset).tree
    return Edit(tree)
