"""The label tree: an immutable value with stable integer ids.

A *label* is a node. The tree is kept in depth-first order, so that the subtree of any label is one contiguous range, of labels
and of leaves alike. Ids never change and are never used twice; a label's *position* (its index in depth-first order) and its
leaf index are derived, and never stored in a file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from semseg_core.errors import LabelTreeError
from semseg_core.labels.invariants import children_of, depth_first, unique_labels
from semseg_core.labels.label import UNKNOWN, Code, Label, Terminology, check_label

__all__ = ("UNKNOWN", "Code", "Label", "LabelTree", "Terminology")

COMPARED_FIELDS = ("labels", "title", "provenance", "channels", "ignored_values", "next_id", "next_value")
"""What makes two trees equal; the rest is derived from it."""


@dataclass(frozen=True, eq=False)
class LabelTree:
    """A tree of labels; only valid ones can exist.

    Args:
        labels: All labels, in any order; kept in depth-first order, children in the order given.
        title: What the tree is called.
        provenance: Where names, codes and grouping come from, and under which licence.
        channels: Names of the image channels the tree is meant for; empty when it does not say.
        ignored_values: Values in label maps that mean *unknown* besides 0.
        next_id: The id the next new label gets; at least one more than any id ever used.
        next_value: The value the next new label gets; above all ever used or ignored: old label maps keep their meaning.

    Raises:
        LabelTreeError: On no root or several, a missing parent, a cycle, a repeated id, value or sibling name, a label with two
            parents, an id or value outside 1…2³¹-1, a value also listed as ignored, an empty or untidy name or one with `/`,
            a color outside 0…1, or a length that is negative or not finite.
    """

    labels: tuple[Label, ...]
    title: str = ""
    provenance: str = ""
    channels: tuple[str, ...] = ()
    ignored_values: frozenset[int] = frozenset()
    next_id: int = 0
    next_value: int = 0
    _positions: dict[int, int] = field(init=False, repr=False)
    _children: dict[int | None, tuple[int, ...]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        labels = tuple(self.labels)
        for label in labels:
            check_label(label)
        by_id = unique_labels(labels)
        children = children_of(labels, by_id)
        ordered = depth_first(labels, by_id, children)
        ignored = frozenset(int(value) for value in self.ignored_values)
        clash = next((label for label in ordered if label.value in ignored), None)
        if clash is not None:
            raise LabelTreeError(f"{clash}: its value {clash.value} is also listed as unknown; remove it from one of the two")
        object.__setattr__(self, "labels", ordered)
        object.__setattr__(self, "channels", tuple(self.channels))
        object.__setattr__(self, "ignored_values", ignored)
        object.__setattr__(self, "next_id", max(self.next_id, max(by_id) + 1))
        highest_value = max(max(label.value for label in labels), max(ignored, default=0))
        object.__setattr__(self, "next_value", max(self.next_value, highest_value + 1))
        object.__setattr__(self, "_positions", {label.id: position for position, label in enumerate(ordered)})
        object.__setattr__(self, "_children", children)

    # Lookups, each O(1)

    def __len__(self) -> int:
        return len(self.labels)

    def __iter__(self) -> Iterator[Label]:
        return iter(self.labels)

    def __contains__(self, label_id: object) -> bool:
        return label_id in self._positions

    def __getitem__(self, label_id: int) -> Label:
        return self.labels[self.position(label_id)]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, LabelTree):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in COMPARED_FIELDS)

    def __hash__(self) -> int:
        return hash(self.labels)

    def position(self, label_id: int) -> int:
        """Index of the label in depth-first order; the root is 0."""
        try:
            return self._positions[label_id]
        except KeyError:
            raise LabelTreeError(f"label id {label_id}: not in the tree '{self.title}' of {len(self)} labels") from None

    @property
    def root(self) -> Label:
        """The label all others descend from."""
        return self.labels[0]

    @cached_property
    def by_value(self) -> dict[int, Label]:
        """Label of every label-map value."""
        return {label.value: label for label in self.labels}

    @cached_property
    def by_code(self) -> dict[str, Label]:
        """Label of every foreign key; where a key repeats, the first in depth-first order."""
        return {label.code: label for label in reversed(self.labels) if label.code is not None}

    @cached_property
    def by_path(self) -> dict[str, Label]:
        """Label of every path, as `path()` writes it."""
        paths = [""] * len(self)
        for position, label in enumerate(self.labels):
            above = "" if position == 0 else paths[self.parent_positions[position]]
            paths[position] = f"{above}/{label.name}"
        return dict(zip(paths, self.labels, strict=True))

    # The shape of the tree, computed once in O(labels); all indexed by position

    @cached_property
    def parent_positions(self) -> tuple[int, ...]:
        """Position of each label's parent; -1 for the root."""
        return tuple(-1 if label.parent is None else self._positions[label.parent] for label in self.labels)

    @cached_property
    def depths(self) -> tuple[int, ...]:
        """Number of edges from the root to each label."""
        depths = [0] * len(self)
        for position in range(1, len(self)):
            depths[position] = depths[self.parent_positions[position]] + 1
        return tuple(depths)

    @cached_property
    def subtree_stops(self) -> tuple[int, ...]:
        """End of each label's subtree: it covers positions `[position, stop)`."""
        stops = list(range(1, len(self) + 1))
        for position in range(len(self) - 1, 0, -1):
            parent = self.parent_positions[position]
            stops[parent] = max(stops[parent], stops[position])
        return tuple(stops)

    @cached_property
    def leaf_ranges(self) -> tuple[tuple[int, int], ...]:
        """Half-open range `[start, stop)` of leaf indices under each label, its own index for a leaf."""
        before = [0] * (len(self) + 1)
        for position, label in enumerate(self.labels):
            before[position + 1] = before[position] + (label.id not in self._children)
        return tuple((before[position], before[stop]) for position, stop in enumerate(self.subtree_stops))

    @cached_property
    def leaves(self) -> tuple[Label, ...]:
        """Labels without children, in depth-first order: the channels of a network's output."""
        return tuple(label for label in self.labels if label.id not in self._children)

    @property
    def height(self) -> int:
        """Depth of the deepest leaf; 0 for a tree of one label."""
        return max(self.depths)

    # Questions about one label

    def children(self, label_id: int) -> tuple[Label, ...]:
        """Its children, in order."""
        self.position(label_id)
        return tuple(self[child] for child in self._children.get(label_id, ()))

    def is_leaf(self, label_id: int) -> bool:
        """Whether it has no children."""
        self.position(label_id)
        return label_id not in self._children

    def depth(self, label_id: int) -> int:
        """Number of edges to the root."""
        return self.depths[self.position(label_id)]

    def ancestors(self, label_id: int) -> tuple[Label, ...]:
        """Parent, grandparent… up to the root."""
        found = []
        position = self.parent_positions[self.position(label_id)]
        while position >= 0:
            found.append(self.labels[position])
            position = self.parent_positions[position]
        return tuple(found)

    def subtree(self, label_id: int) -> tuple[Label, ...]:
        """The label and all its descendants, in depth-first order."""
        position = self.position(label_id)
        return self.labels[position : self.subtree_stops[position]]

    def leaf_range(self, label_id: int) -> tuple[int, int]:
        """Half-open range of leaf indices under it."""
        return self.leaf_ranges[self.position(label_id)]

    def covers(self, ancestor_id: int, label_id: int) -> bool:
        """Whether the second label is the first or one of its descendants."""
        position = self.position(ancestor_id)
        return position <= self.position(label_id) < self.subtree_stops[position]

    def overlapping(self, label_ids: Iterable[int]) -> tuple[Label, Label] | None:
        """The first pair (ancestor, descendant) within a selection, or None if no label covers another."""
        positions = sorted({self.position(label_id) for label_id in label_ids})
        for earlier, later in zip(positions, positions[1:], strict=False):
            # In depth-first order a covered label follows its ancestor before anything outside does.
            if later < self.subtree_stops[earlier]:
                return self.labels[earlier], self.labels[later]
        return None

    def path(self, label_id: int) -> str:
        """Names from the root to the label, each preceded by a slash: `/brain/left/hippocampus`."""
        names = [label.name for label in reversed(self.ancestors(label_id))]
        return "/" + "/".join([*names, self[label_id].name])

    # Questions about several

    def level_cut(self, level: int) -> tuple[Label, ...]:
        """Labels at a depth, with shallower leaves carried down: each leaf lies under exactly one of them.

        Raises:
            LabelTreeError: If the level is not within 0…height.
        """
        if not 0 <= level <= self.height:
            raise LabelTreeError(f"level {level}: the tree '{self.title}' has levels 0 (root) to {self.height}")
        return tuple(
            label
            for label, depth in zip(self.labels, self.depths, strict=True)
            if depth == level or (depth < level and label.id not in self._children)
        )

    def lowest_common_ancestor(self, first_id: int, second_id: int) -> Label:
        """The deepest label that covers both."""
        first, second = self.position(first_id), self.position(second_id)
        while not first <= second < self.subtree_stops[first]:
            first = self.parent_positions[first]
        return self.labels[first]

    def distance(self, first_id: int, second_id: int) -> float:
        """Length of the path between two labels: the sum of its edge lengths."""
        meeting = self.lowest_common_ancestor(first_id, second_id).id
        total = 0.0
        for label_id in (first_id, second_id):
            label = self[label_id]
            while label.id != meeting:
                total += label.length
                label = self[label.parent]
        return total

    def find(self, key: str) -> Label:
        """The label a person means: by path, else by a name, code or `id:N` that occurs once.

        Raises:
            LabelTreeError: If nothing or more than one label fits; the message lists the candidates' paths.
        """
        if key in self.by_path:
            return self.by_path[key]
        if key.startswith("id:") and key[3:].isdecimal():
            return self[int(key[3:])]
        matches = [label for label in self.labels if key in (label.name, label.code)]
        if len(matches) == 1:
            return matches[0]
        if not matches:
            raise LabelTreeError(f"label '{key}': no label of the tree '{self.title}' has this path, name or code")
        paths = ", ".join(self.path(label.id) for label in matches[:5])
        raise LabelTreeError(f"label '{key}': {len(matches)} labels are called so; give the path, one of {paths}")

    def __repr__(self) -> str:
        return f"LabelTree('{self.title}', {len(self)} labels, {len(self.leaves)} leaves, height {self.height})"
