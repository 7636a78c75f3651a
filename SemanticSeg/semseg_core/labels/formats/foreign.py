"""From what a foreign file says to a label tree: names made fit, free values assigned, an implicit root where there is none.

Readers give a `ForeignTree`; whatever had to be assumed or repaired becomes a note that the user is told.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from semseg_core.errors import LabelTreeError
from semseg_core.labels.colors import Color, tree_colors
from semseg_core.labels.invariants import children_of, depth_first
from semseg_core.labels.tree import UNKNOWN, Label, LabelTree, Terminology

SHOWN = 5
"""How many examples a note lists."""

ROOT_KEY = "\0root"
"""Key of an implicit root; no file can contain it."""


@dataclass(slots=True)
class ForeignLabel:
    """One entry of a foreign file; what the file does not say is None."""

    key: str
    name: str
    parent: str | None = None
    value: int | None = None
    color: Color | None = None
    code: str | None = None
    terminology: Terminology | None = None
    length: float = 1.0


@dataclass(slots=True)
class ForeignTree:
    """The entries of a foreign file.

    Args:
        labels: Entries in the order of the file, which is the order of siblings.
        title: What the tree is called; the name of an implicit root.
        provenance: Where it comes from.
        linked: Whether the file gives each entry its parent. Such a file must be a tree as it stands, and its names and values
            are taken as they are; other files get an implicit root, and repeated names are made unique.
        ignored_values: Values the file declares unknown.
        channels: Image channels the file names.
        notes: What was assumed so far.
    """

    labels: list[ForeignLabel]
    title: str
    provenance: str = ""
    linked: bool = False
    ignored_values: frozenset[int] = frozenset()
    channels: tuple[str, ...] = ()
    notes: list[str] = field(default_factory=list)


def grow(foreign: ForeignTree, unknown_values: Iterable[int] = ()) -> LabelTree:
    """The label tree of a foreign file; notes are added to `foreign.notes`.

    Args:
        foreign: What the file says.
        unknown_values: Further values that mean unknown.

    Raises:
        LabelTreeError: If the entries are no tree; the message names the entry and the remedy.
    """
    if not foreign.labels:
        raise LabelTreeError("it lists no labels; choose another file")
    ignored = foreign.ignored_values | {int(value) for value in unknown_values} - {UNKNOWN}
    if not foreign.linked:
        _drop_row_zero(foreign)
    _fit_names(foreign)
    if not foreign.linked:
        _add_root(foreign)
    ids = _ids_by_key(foreign)
    labels = []
    for entry in foreign.labels:
        if entry.parent is not None and entry.parent not in ids:
            raise LabelTreeError(
                f"label '{entry.name}': its parent '{entry.parent}' is not in the file; add it or correct the link"
            )
        parent = None if entry.parent is None else ids[entry.parent]
        color = entry.color or Label.__dataclass_fields__["color"].default
        labels.append(
            Label(ids[entry.key], entry.name, entry.value or 0, parent, color, entry.code, entry.terminology, entry.length)
        )
    valued = _with_values(tuple(labels), foreign, ignored)
    tree = LabelTree(valued, foreign.title, foreign.provenance, foreign.channels, ignored)
    if all(entry.color is not None for entry in foreign.labels):
        return tree
    chosen = tree_colors(tree)
    given = {ids[entry.key]: entry.color for entry in foreign.labels if entry.color is not None}
    return replace(tree, labels=tuple(replace(label, color=given.get(label.id, chosen[label.id])) for label in tree))


def listed(items: Iterable[object]) -> str:
    """The first few items for a note: `a, b, c…`."""
    shown = [str(item) for item, _ in zip(items, range(SHOWN + 1), strict=False)]
    return ", ".join(shown[:SHOWN]) + ("…" if len(shown) > SHOWN else "")


def _drop_row_zero(foreign: ForeignTree) -> None:
    zero = next((entry for entry in foreign.labels if entry.value == UNKNOWN), None)
    if zero is not None:
        foreign.labels.remove(zero)
        foreign.notes.append(f"value 0 ('{zero.name}') is read as unknown, not as a label")
    if not foreign.labels:
        raise LabelTreeError("it has no label besides value 0, which means unknown; choose another file")


def _fit_names(foreign: ForeignTree) -> None:
    """Make names fit for a tree: no slash, single blanks, and, where the file links no parents, different among siblings."""
    slashed, repeated, unnamed = [], [], 0
    taken: set[tuple[str | None, str]] = set()
    for entry in foreign.labels:
        name = " ".join("".join(letter for letter in part if letter >= " ") for part in entry.name.split())
        if "/" in name:
            slashed.append(name)
            name = name.replace("/", "-")
        if not name:
            unnamed += 1
            name = f"unnamed {entry.key if entry.value is None else entry.value}"
        if not foreign.linked and (entry.parent, name) in taken:
            repeated.append(name)
            count = 2
            while (entry.parent, f"{name} ({count})") in taken:
                count += 1
            name = f"{name} ({count})"
        taken.add((entry.parent, name))
        entry.name = name
    if slashed:
        foreign.notes.append(f"'/' became '-' in {len(slashed)} names: {listed(slashed)}")
    if repeated:
        foreign.notes.append(f"{len(repeated)} repeated names got a number: {listed(repeated)}")
    if unnamed:
        foreign.notes.append(f"{unnamed} labels without a name are called 'unnamed'")


def _add_root(foreign: ForeignTree) -> None:
    """Put the entries without a parent under a new root, unless there is exactly one with others below it."""
    tops = [entry for entry in foreign.labels if entry.parent is None]
    if len(tops) == 1 and len(foreign.labels) > 1:
        return
    name = " ".join(foreign.title.replace("/", "-").split()) or "all"
    foreign.labels.insert(0, ForeignLabel(ROOT_KEY, name))
    for entry in tops:
        entry.parent = ROOT_KEY
    foreign.notes.append(f"the file has no root: its {len(tops)} top labels were put under a new one called '{name}'")


def _ids_by_key(foreign: ForeignTree) -> dict[str, int]:
    """Our ids, 1… in the order of the file, by the file's keys, after refusing repeated keys and several roots."""
    entries: dict[str, ForeignLabel] = {}
    for entry in foreign.labels:
        twin = entries.setdefault(entry.key, entry)
        if twin is not entry and twin.parent != entry.parent:
            raise LabelTreeError(
                f"label '{entry.name}' (id {entry.key}): it has two parents, '{twin.parent}' and '{entry.parent}'; keep one"
            )
        if twin is not entry:
            raise LabelTreeError(f"label '{entry.name}': id {entry.key} is also that of '{twin.name}'; ids must differ")
    tops = [entry.name for entry in foreign.labels if entry.parent is None]
    if len(tops) > 1:
        raise LabelTreeError(f"{len(tops)} roots ({listed(tops)}); give all but one a parent, or all a common one")
    return {key: place for place, key in enumerate(entries, start=1)}


def _with_values(labels: tuple[Label, ...], foreign: ForeignTree, ignored: frozenset[int]) -> tuple[Label, ...]:
    """The labels in depth-first order; those the file gives no value get free ones above its largest, in that order."""
    missing = {place for place, entry in enumerate(foreign.labels, start=1) if entry.value is None}
    by_id = {label.id: label for label in labels}
    children = children_of(labels, by_id)
    free = max((label.value for label in labels), default=0)
    valued, assigned = [], []
    for label in depth_first(labels, by_id, children):
        if label.id in missing:
            free += 1
            while free in ignored:
                free += 1
            label = replace(label, value=free)
            assigned.append(label)
        valued.append(label)
    leaves = [label.name for label in assigned if label.id not in children]
    if len(assigned) == 1:
        foreign.notes.append(f"'{assigned[0].name}' has no value in the file and got {assigned[0].value}")
    if len(assigned) > 1:
        foreign.notes.append(
            f"{len(assigned)} labels without a value got {assigned[0].value}–{assigned[-1].value}, in depth-first order"
        )
    if leaves and len(leaves) < len(labels) - len(children):
        foreign.notes.append(
            f"{len(leaves)} leaves have no value in the file, so its label maps do not have them: {listed(leaves)}"
        )
    return tuple(valued)
