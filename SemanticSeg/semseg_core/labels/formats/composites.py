"""Lists of composite regions, as MUSE publishes them: each row a region and the values of all its parts.

Such a list is a tree only if no two regions cross. MUSE's own table does cross (lobe, side and tissue over the same parts), so
it is refused with the parts named; a selection of its rows that nests is read.
"""

from __future__ import annotations

from collections.abc import Sequence

from semseg_core.errors import LabelTreeError
from semseg_core.labels.formats.columns import is_empty, whole_number
from semseg_core.labels.formats.foreign import ForeignLabel, ForeignTree


def is_composite_list(rows: Sequence[Sequence[str]]) -> bool:
    """Whether every row is an optional number, a name and then only numbers."""
    return all(_parts(row) is not None for row in rows)


def read_composites(rows: Sequence[Sequence[str]], title: str) -> ForeignTree:
    """The tree of nested composite regions.

    Args:
        rows: `[value,] name, part, part, …`; a region whose only part is itself names that part.
        title: What the tree is called.

    Raises:
        LabelTreeError: If two regions share parts and neither contains the other: then some part has two parents.
    """
    regions = sorted((_parts(row) for row in rows), key=lambda region: -len(region[2]))
    names = {value: name for value, name, parts in regions if value is not None and parts in ({value}, set())}
    innermost: dict[int, int] = {}  # by part: index of the smallest region seen around it, since larger ones come first
    labels: list[ForeignLabel] = []
    for number, (value, name, parts) in enumerate(regions):
        if value in names:
            continue
        around = {innermost.get(part) for part in parts}
        if len(around) > 1:
            # The latest of them cannot contain all parts: then it would be the innermost of all.
            part = max(parts & innermost.keys(), key=lambda part: (innermost[part], -part))
            other = labels[innermost[part]].name
            raise LabelTreeError(
                f"label {part} '{names.get(part, 'unnamed')}' has two parents: '{other}' and '{name}' both contain it, "
                "and neither contains the other; keep the rows of one grouping only (say, lobes or tissues), so that regions nest"
            )
        outer = around.pop() if around else None
        innermost.update(dict.fromkeys(parts, len(labels)))
        labels.append(ForeignLabel(f"region {number}", name, None if outer is None else labels[outer].key, value))
    for part, place in sorted(innermost.items()):
        labels.append(ForeignLabel(f"part {part}", names.get(part, f"label {part}"), labels[place].key, part))
    return ForeignTree(labels, title)


def _parts(row: Sequence[str]) -> tuple[int | None, str, frozenset[int]] | None:
    """Value, name and parts of a row; None if it is no such row."""
    value = whole_number(row[0])
    name, cells = (row[0], row[1:]) if value is None else (row[1] if len(row) > 1 else "", row[2:])
    parts = [whole_number(cell) for cell in cells if not is_empty(cell)]
    if not name.strip() or None in parts or (value is None and not parts):
        return None
    return value, name.strip(), frozenset(parts)
