"""What makes a set of labels a tree. Each check costs O(labels), and its message names the label and the remedy."""

from __future__ import annotations

from semseg_core.errors import LabelTreeError
from semseg_core.labels.label import Label


def unique_labels(labels: tuple[Label, ...]) -> dict[int, Label]:
    """The labels by id, after refusing repeated ids and values."""
    if not labels:
        raise LabelTreeError("label tree: it has no labels; add at least a root")
    by_id: dict[int, Label] = {}
    by_value: dict[int, Label] = {}
    for label in labels:
        if label.id in by_id:
            twin = by_id[label.id]
            if twin.name == label.name and twin.parent != label.parent:
                raise LabelTreeError(
                    f"{label}: it has two parents, {twin.parent} and {label.parent}; keep one of the two entries"
                )
            raise LabelTreeError(f"{label}: id {label.id} is also that of '{twin.name}'; ids must differ")
        if label.value in by_value:
            raise LabelTreeError(
                f"{label}: value {label.value} is also that of {by_value[label.value]}; give one of them a free value"
            )
        by_id[label.id] = label
        by_value[label.value] = label
    return by_id


def children_of(labels: tuple[Label, ...], by_id: dict[int, Label]) -> dict[int | None, tuple[int, ...]]:
    """Ids of children by parent id, after refusing orphans, several roots, and siblings of one name."""
    children: dict[int | None, list[int]] = {}
    names: set[tuple[int | None, str]] = set()
    for label in labels:
        if label.parent is not None and label.parent not in by_id:
            raise LabelTreeError(f"{label}: its parent {label.parent} does not exist; add that label or choose another parent")
        if label.parent is not None and (label.parent, label.name) in names:
            above = by_id[label.parent].name
            raise LabelTreeError(f"{label}: '{above}' already has a child of this name; rename one of them")
        names.add((label.parent, label.name))
        children.setdefault(label.parent, []).append(label.id)
    roots = children.pop(None, [])
    if len(roots) > 1:
        listed = ", ".join(str(by_id[root]) for root in roots[:5])
        raise LabelTreeError(f"label tree: {len(roots)} roots ({listed}); put them under one common parent")
    return {parent: tuple(ids) for parent, ids in children.items()}


def depth_first(
    labels: tuple[Label, ...], by_id: dict[int, Label], children: dict[int | None, tuple[int, ...]]
) -> tuple[Label, ...]:
    """The labels from the root down, after refusing cycles. Iterative: a chain of 100 000 labels must not recurse."""
    root = next((label for label in labels if label.parent is None), None)
    ordered: list[Label] = []
    waiting = [] if root is None else [root.id]
    while waiting:
        label = by_id[waiting.pop()]
        ordered.append(label)
        waiting.extend(reversed(children.get(label.id, ())))
    if len(ordered) < len(labels):
        reached = {label.id for label in ordered}
        lost = next(label for label in labels if label.id not in reached)
        seen: set[int] = set()
        while lost.id not in seen:  # walk up to a label that really lies on the cycle
            seen.add(lost.id)
            lost = by_id[lost.parent]
        raise LabelTreeError(f"{lost}: its parent {by_id[lost.parent]} is its own descendant; give it another parent")
    return tuple(ordered)
