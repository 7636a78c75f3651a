"""Edits of a label tree. Each gives a new tree and the remap that carries scribbles, results and models along.

Undo is keeping the old tree (and the old scribbles).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal, NamedTuple

import numpy as np

from semseg_core.errors import LabelTreeError
from semseg_core.labels.colors import Color, shades
from semseg_core.labels.encode import ids_to_values, values_to_ids
from semseg_core.labels.tree import Label, LabelTree, Terminology


@dataclass(frozen=True)
class Remap:
    """What an edit does to label ids.

    Args:
        ids: Changed ids only, old → new; None where marks become unknown. `SparseLabels.remapped` takes it.
        invertible: False if marks of different labels were put together or dropped, so that the edit cannot be undone on them.
    """

    ids: Mapping[int, int | None] = field(default_factory=dict)
    invertible: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "ids", MappingProxyType(dict(self.ids)))

    def compose(self, later: Remap) -> Remap:
        """This remap followed by a later one, as one."""
        ids = {old: None if new is None else later.ids.get(new, new) for old, new in self.ids.items()}
        untouched = {old: new for old, new in later.ids.items() if old not in ids}
        changed = {old: new for old, new in {**ids, **untouched}.items() if old != new}
        return Remap(changed, self.invertible and later.invertible)

    def inverse(self) -> Remap:
        """The remap that undoes this one.

        Raises:
            LabelTreeError: If marks were merged or dropped.
        """
        if not self.invertible:
            raise LabelTreeError(
                "remap: labels were merged or removed, so marks cannot be told apart again; go back to the saved ones"
            )
        return Remap({new: old for old, new in self.ids.items()})

    def map_values(self, values: np.ndarray, old: LabelTree, new: LabelTree) -> np.ndarray:
        """A label map drawn with the old tree's values, in the new tree's values.

        Args:
            values: Label map of the old tree, integers of any shape; values the old tree ignores become 0.
            old: The tree before the edit.
            new: The tree after it.

        Returns:
            Label map of the new tree, int32, of the same shape; 0 where unknown.

        Raises:
            InputError: If a value is not in the old tree.
        """
        ids = values_to_ids(values, old)
        mapped = ids.copy()
        for before, after in self.ids.items():
            mapped[ids == before] = 0 if after is None else after
        return ids_to_values(mapped, new)


class Edit(NamedTuple):
    """The tree after an edit, and what became of its labels."""

    tree: LabelTree
    remap: Remap = Remap()


def add(
    tree: LabelTree,
    parent_id: int,
    name: str,
    *,
    index: int | None = None,
    value: int | None = None,
    color: Color | None = None,
    terminology: Terminology | None = None,
    length: float = 1.0,
) -> Edit:
    """Add a label under another one. Marks on a leaf that gets a child stay on it and mean "one of its leaves" from then on.

    Args:
        tree: The tree to edit.
        parent_id: Label to add under.
        name: Its name; outer blanks are dropped.
        index: Place among the siblings, as in a list; the last when None.
        value: Label-map value; a new one above all ever used when None.
        color: Red, green, blue in 0…1; the parent's when None.
        terminology: Coded meaning.
        length: Length of the edge to the parent.

    Raises:
        LabelTreeError: If the parent is not there, or the name or value is taken.
    """
    new = Label(
        id=tree.next_id,
        name=_tidy(name),
        value=tree.next_value if value is None else value,
        parent=parent_id,
        color=tree[parent_id].color if color is None else color,
        terminology=terminology,
        length=length,
    )
    return Edit(_rebuilt(tree, _placed(tree.labels, new, index)))


def rename(tree: LabelTree, label_id: int, name: str) -> Edit:
    """Give a label another name; outer blanks are dropped."""
    return _changed(tree, label_id, name=_tidy(name))


def move(tree: LabelTree, label_id: int, parent_id: int, index: int | None = None) -> Edit:
    """Put a label, with all below it, under another parent, at a place among the siblings (the last when None).

    Raises:
        LabelTreeError: If it is the root, the new parent lies below it, or a sibling there has its name.
    """
    if label_id == tree.root.id:
        raise LabelTreeError(f"{tree.root}: it is the root and cannot be moved; move its children instead")
    if tree.covers(label_id, parent_id):
        raise LabelTreeError(f"{tree[label_id]}: {tree[parent_id]} lies below it; choose a parent elsewhere")
    others = tuple(label for label in tree if label.id != label_id)
    return Edit(_rebuilt(tree, _placed(others, replace(tree[label_id], parent=parent_id), index)))


def reorder(tree: LabelTree, label_id: int, index: int) -> Edit:
    """Put a label at another place among its siblings; 0 is the first."""
    if label_id == tree.root.id:
        raise LabelTreeError(f"{tree.root}: it is the root and has no siblings")
    return move(tree, label_id, tree[label_id].parent, index)


def merge(tree: LabelTree, source_ids: Iterable[int], target_id: int) -> Edit:
    """Put labels together into one that keeps its id, name and value: their marks become its own, their children its children.

    Merging a label into its parent dissolves it: its children move up.

    Raises:
        LabelTreeError: If the target lies below a source, or two children of the merged label have one name.
    """
    sources = set(source_ids) - {target_id}
    for source in sources:
        if tree.covers(source, target_id):
            raise LabelTreeError(f"{tree[source]}: {tree[target_id]} lies below it; merge the lower label into the upper one")
    kept = (label for label in tree if label.id not in sources)
    labels = tuple(replace(label, parent=target_id) if label.parent in sources else label for label in kept)
    return Edit(_rebuilt(tree, labels), Remap(dict.fromkeys(sorted(sources), target_id), invertible=not sources))


def remove(tree: LabelTree, label_id: int, marks_to: Literal["parent", "discard"] | int = "parent") -> Edit:
    """Remove a label and all below it.

    Args:
        tree: The tree to edit.
        label_id: The label to remove; not the root.
        marks_to: What becomes of marks on the removed labels: `"parent"` (the label above), `"discard"` (unknown), or the id of
            a label that stays.

    Raises:
        LabelTreeError: If it is the root, or the marks should go to a label that is removed too.
    """
    if label_id == tree.root.id:
        raise LabelTreeError(f"{tree.root}: it is the root and cannot be removed; start another tree instead")
    heir = {"parent": tree[label_id].parent, "discard": None}.get(marks_to, marks_to)
    if heir is not None and tree.covers(label_id, heir):
        raise LabelTreeError(f"{tree[heir]}: it is removed too, so it cannot take the marks; name a label that stays")
    removed = [label.id for label in tree.subtree(label_id)]
    labels = tuple(label for label in tree if not tree.covers(label_id, label.id))
    return Edit(_rebuilt(tree, labels), Remap(dict.fromkeys(removed, heir), invertible=False))


def recolor(tree: LabelTree, label_id: int, color: Color) -> Edit:
    """Give a label another color, red, green, blue in 0…1."""
    return _changed(tree, label_id, color=color)


def shade(tree: LabelTree, label_id: int, color: Color | None = None) -> Edit:
    """Give a label a color (its own when None), and all below it shades of that color, dark to light in the order of the tree."""
    color = tree[label_id].color if color is None else color
    below = tree.subtree(label_id)[1:]
    colors = {label_id: color, **{label.id: tone for label, tone in zip(below, shades(color, len(below)), strict=True)}}
    return _each(tree, lambda label: replace(label, color=colors[label.id]) if label.id in colors else label)


def set_length(tree: LabelTree, label_id: int, length: float) -> Edit:
    """Set the length of the edge between a label and its parent."""
    return _changed(tree, label_id, length=length)


def set_value(tree: LabelTree, label_id: int, value: int) -> Edit:
    """Give a label another value in label maps; `Remap.map_values` rewrites existing ones."""
    return _changed(tree, label_id, value=value)


def set_terminology(tree: LabelTree, label_id: int, terminology: Terminology | None) -> Edit:
    """Set the coded meaning of a label, or remove it."""
    return _changed(tree, label_id, terminology=terminology)


def _changed(tree: LabelTree, label_id: int, **fields: object) -> Edit:
    """One label with other fields."""
    tree.position(label_id)
    return _each(tree, lambda label: replace(label, **fields) if label.id == label_id else label)


def _each(tree: LabelTree, change: Callable[[Label], Label]) -> Edit:
    return Edit(_rebuilt(tree, tuple(change(label) for label in tree)))


def _rebuilt(tree: LabelTree, labels: tuple[Label, ...]) -> LabelTree:
    """The tree with other labels; `next_id` and `next_value` stay, so that nothing removed is ever given out again."""
    return replace(tree, labels=labels)


def _placed(labels: tuple[Label, ...], new: Label, index: int | None) -> tuple[Label, ...]:
    """The labels with one more, put before the sibling that has the index asked for; only the order of siblings matters."""
    siblings = [place for place, label in enumerate(labels) if label.parent == new.parent]
    later = [] if index is None else siblings[max(index, 0) :]
    place = later[0] if later else len(labels)
    return (*labels[:place], new, *labels[place:])


def _tidy(name: str) -> str:
    return " ".join(name.split())
