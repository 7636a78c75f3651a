"""From what a foreign file says to a label tree: names made fit, free values assigned, an implicit root where there is none.

Readers give a `ForeignTree`; whatever had to be assumed or repaired becomes a note that the user is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

from semseg_core.errors import LabelTreeError
from semseg_core.labels.colors import Color, tree_colors
from semseg_core.labels.tree import UNKNOWN, Label, LabelTree, Terminology

SHOWN = 5
"""How many examples a note lists."""

GRAY = (0.5, 0.5, 0.5)

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
    ignored = (foreign.ignored_values | {int(value) for value in unknown_values}) - {UNKNOWN}
    if not foreign.linked:
        _drop_row_zero(foreign)
    _fit_names(foreign)
    if not foreign.linked:
        _add_root(foreign)
    ids = _ids_by_key(foreign)
    values = _values(foreign, ids, ignored)
    given = [entry.color for entry in foreign.labels]
    labels = _labels(foreign, ids, values, given)
    tree = LabelTree(labels, foreign.title, foreign.provenance, foreign.channels, ignored)
    if None not in given:
        return tree
    chosen = tree_colors(tree)
    colors = [chosen[ids[entry.key]] if entry.color is None else entry.color for entry in foreign.labels]
    return replace(tree, labels=_labels(foreign, ids, values, colors))


def listed(items: Iterable[object]) -> str:
    """The first few items for a note: `a, b, c…`."""
    shown = [str(item) for item, _ in zip(items, range(SHOWN + 1), strict=False)]
    return ", ".join(shown[:SHOWN]) + ("…" if len(shown) > SHOWN else "")


def _drop_row_zero(foreign: ForeignTree) -> None:
    """Read the first label of value 0 as unknown; one with others below it stays, and is refused for its value."""
    zero = next((entry for entry in foreign.labels if entry.value == UNKNOWN), None)
    if zero is not None and all(entry.parent != zero.key for entry in foreign.labels):
        foreign.labels.remove(zero)
        foreign.notes.append(f"value 0 ('{zero.name}') is read as unknown, not as a label")
    if not foreign.labels:
        raise LabelTreeError("it has no label besides value 0, which means unknown; choose another file")


def _fit_names(foreign: ForeignTree) -> None:
    """Make names fit for a tree: no slash, single blanks, and, where the file links no parents, different among siblings."""
    slashed, repeated, unnamed = [], [], 0
    used: dict[tuple[str | None, str], int] = {}  # by parent and name: the last number given to it
    for entry in foreign.labels:
        name = " ".join("".join(letter for letter in part if letter >= " ") for part in entry.name.split())
        if "/" in name:
            slashed.append(name)
            name = name.replace("/", "-")
        if not name:
            unnamed += 1
            name = f"unnamed {entry.key if entry.value is None else entry.value}"
        if not foreign.linked and (entry.parent, name) in used:
            repeated.append(name)
            numbers = count(used[entry.parent, name] + 1)
            number = next(number for number in numbers if (entry.parent, f"{name} ({number})") not in used)
            used[entry.parent, name] = number
            name = f"{name} ({number})"
        used[entry.parent, name] = 1
        entry.name = name
    if slashed:
        foreign.notes.append(f"'/' became '-' in {len(slashed)} names: {listed(slashed)}")
    if repeated:
        foreign.notes.append(f"{len(repeated)} repeated names got a number: {listed(repeated)}")
    if unnamed:
        foreign.notes.append(f"{unnamed} labels without a name are called 'unnamed'")


def _add_root(foreign: ForeignTree) -> None:
    """Put the entries without a parent under a new root, unless there is just one."""
    tops = [entry for entry in foreign.labels if entry.parent is None]
    if len(tops) == 1:
        return
    name = " ".join(foreign.title.replace("/", "-").split()) or "all"
    foreign.labels.insert(0, ForeignLabel(ROOT_KEY, name))
    for entry in tops:
        entry.parent = ROOT_KEY
    foreign.notes.append(f"the file has no root: its {len(tops)} top labels were put under a new one called '{name}'")


def _ids_by_key(foreign: ForeignTree) -> dict[str, int]:
    """Our ids, 1… in the order of the file, by the file's keys, after refusing repeated and missing keys and several roots."""
    entries: dict[str, ForeignLabel] = {}
    for entry in foreign.labels:
        twin = entries.setdefault(entry.key, entry)
        if twin is not entry and twin.parent != entry.parent:
            raise LabelTreeError(
                f"label '{entry.name}' (id {entry.key}): it has two parents, '{twin.parent}' and '{entry.parent}'; keep one"
            )
        if twin is not entry:
            raise LabelTreeError(f"label '{entry.name}': id {entry.key} is also that of '{twin.name}'; ids must differ")
    orphan = next((entry for entry in foreign.labels if entry.parent is not None and entry.parent not in entries), None)
    if orphan is not None:
        raise LabelTreeError(f"label '{orphan.name}': its parent '{orphan.parent}' is not in the file; add or correct it")
    tops = [entry.name for entry in foreign.labels if entry.parent is None]
    if len(tops) > 1:
        raise LabelTreeError(f"{len(tops)} roots ({listed(tops)}); give all but one a parent, or all a common one")
    return {key: place for place, key in enumerate(entries, start=1)}


def _labels(foreign: ForeignTree, ids: dict[str, int], values: list[int], colors: Sequence[Color | None]) -> tuple[Label, ...]:
    """The labels in the order of the file; gray where no color is known yet."""
    return tuple(
        Label(
            id=ids[entry.key],
            name=entry.name,
            value=value,
            parent=None if entry.parent is None else ids[entry.parent],
            color=color or GRAY,
            code=entry.code,
            terminology=entry.terminology,
            length=entry.length,
        )
        for entry, value, color in zip(foreign.labels, values, colors, strict=True)
    )


def _values(foreign: ForeignTree, ids: dict[str, int], ignored: frozenset[int]) -> list[int]:
    """Values in the order of the file; those it does not give are free ones above its largest, in depth-first order."""
    values = [entry.value for entry in foreign.labels]
    children: dict[int, list[int]] = {}
    for entry in reversed(foreign.labels):
        children.setdefault(0 if entry.parent is None else ids[entry.parent], []).append(ids[entry.key])
    free = max((value for value in values if value is not None), default=0)
    assigned: list[int] = []
    waiting = [0]
    while waiting:
        label_id = waiting.pop()
        waiting.extend(children.get(label_id, ()))
        if label_id and values[label_id - 1] is None:
            free = next(value for value in count(free + 1) if value not in ignored)
            values[label_id - 1] = free
            assigned.append(label_id)
    names = [foreign.labels[label_id - 1].name for label_id in assigned]
    leaves = [name for label_id, name in zip(assigned, names, strict=True) if label_id not in children]
    if len(assigned) == 1:
        foreign.notes.append(f"'{names[0]}' has no value in the file and got {free}")
    if len(assigned) > 1:
        first = values[assigned[0] - 1]
        foreign.notes.append(f"{len(assigned)} labels without a value got {first}–{free}, in depth-first order")
    if leaves and len(leaves) < len(values) - len(children) + 1:
        foreign.notes.append(f"{len(leaves)} leaves have no value in the file, so its label maps lack them: {listed(leaves)}")
    # Only labels on a cycle are not reached from the root; the tree will refuse them, whatever their values.
    unreached = count(free + 1)
    return [next(unreached) if value is None else value for value in values]
