"""Tables of labels, as CSV or as a JSON list: flat lists, lists with parent links, Slicer's CSV color tables.

Parent links are `id,name,parent`, or the `structure_id_path` of BrainGlobe and the Allen atlases. A table with links must be a
tree as it stands; a flat one gets an implicit root.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence

from semseg_core.errors import LabelTreeError
from semseg_core.labels.formats.columns import Columns, Row, is_empty, whole_number
from semseg_core.labels.formats.foreign import ForeignLabel, ForeignTree, listed

COLORED = ("value", "name", "red", "green", "blue")


def read_csv(text: str) -> tuple[Sequence[str] | None, list[list[str]]]:
    """Header (None if the first row is data already) and rows of a CSV file; comma, semicolon or tab between the cells.

    Raises:
        LabelTreeError: If a row has more or fewer cells than the header, or a quotation mark is left open.
    """
    first_line = text.lstrip().partition("\n")[0]
    delimiter = max(",;\t", key=first_line.count)
    try:
        rows = [
            row for row in csv.reader(io.StringIO(text), delimiter=delimiter, strict=True) if any(cell.strip() for cell in row)
        ]
    except csv.Error as error:
        raise LabelTreeError(f"it is no complete CSV file ({error}); save it again") from error
    if not rows:
        raise LabelTreeError("it has no rows; choose another file")
    if any(whole_number(cell) is not None for cell in rows[0]):
        return None, rows
    header = [cell.strip() for cell in rows[0]]
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(header):
            raise LabelTreeError(f"row {number} has {len(row)} cells, the header {len(header)}; the file is truncated or damaged")
    return header, rows[1:]


def headless_names(rows: Sequence[Sequence[str]]) -> tuple[str, ...] | None:
    """Column names of a table without a header: value and name, perhaps with a color; None if it is something else."""
    lengths = {len(row) for row in rows}
    if (
        lengths.isdisjoint({2, 5, 6})
        or len(lengths) != 1
        or any(whole_number(row[0]) is None or whole_number(row[1]) is not None for row in rows)
    ):
        return None
    channels = [whole_number(cell) for row in rows for cell in row[2:]]
    if any(channel is None or not 0 <= channel <= 255 for channel in channels):
        return None
    return {2: COLORED[:2], 5: COLORED, 6: (*COLORED, "alpha")}[lengths.pop()]


def read_table(rows: Sequence[Row], names: Sequence[str], title: str, value_column: str | None = None) -> ForeignTree:
    """What a table says about labels.

    Args:
        rows: One mapping a label, from column names to cells.
        names: Column names in order.
        title: What the tree is called.
        value_column: Column with the label-map values; found by its name or content when None.

    Raises:
        LabelTreeError: If there is no column of names, a value is no whole number, or several columns could hold the values.
    """
    columns = Columns(names, rows)
    if columns.name is None:
        raise LabelTreeError(f"it has no column of names; expected one called name among {', '.join(names)}")
    values, note = columns.choose_values(value_column)
    foreign = ForeignTree([], title, linked=columns.linked, notes=[] if note is None else [note])
    for number, row in enumerate(rows, start=1):
        name = str(row.get(columns.name) or "")
        key = row.get(columns.key or columns.name) if columns.linked else number
        if is_empty(key):
            raise LabelTreeError(f"row {number} '{name}': it has no id; give it one")
        value, code, length = (None if column is None else row.get(column) for column in (values, columns.code, columns.length))
        foreign.labels.append(
            ForeignLabel(
                key=_key(key),
                name=name,
                parent=_parent(row, columns),
                value=None if is_empty(value) else _value(value, name),
                color=columns.color_of(row),
                code=None if is_empty(code) else str(code),
                terminology=columns.terminology_of(row),
                length=1.0 if is_empty(length) else _length(length, name),
            )
        )
    return foreign


def flatten(nodes: Sequence[object]) -> list[Row]:
    """Rows of a JSON list of nodes; nested `children` become rows of their own that name their parent, at any depth."""
    rows: list[Row] = []
    waiting: list[tuple[object, object]] = [(node, None) for node in reversed(nodes)]
    while waiting:
        node, parent = waiting.pop()
        if not isinstance(node, Mapping):
            raise LabelTreeError(f"entry {len(rows) + 1} of its list is no object; each label needs one with a name")
        row = {name: cell for name, cell in node.items() if name != "children"}
        children = node.get("children")
        children = children if isinstance(children, list) else []
        if parent is not None or children:
            row.setdefault("parent", parent)
            if "id" not in row:
                row["structure_id"] = f"node {len(rows) + 1}"
        rows.append(row)
        waiting.extend((child, row.get("id", row.get("structure_id"))) for child in reversed(children))
    return rows


def _parent(row: Row, columns: Columns) -> str | None:
    """Key of the parent; None for a root."""
    if columns.id_path is not None:
        path = row.get(columns.id_path)
        keys = path if isinstance(path, list) else [key for key in str(path or "").split("/") if key]
        return _key(keys[-2]) if len(keys) > 1 else None
    cell = None if columns.parent is None else row.get(columns.parent)
    if isinstance(cell, list):
        if len(cell) > 1:
            raise LabelTreeError(f"label '{row.get(columns.name)}': it has {len(cell)} parents ({listed(cell)}); keep one")
        cell = cell[0] if cell else None
    return None if is_empty(cell) else _key(cell)


def _key(cell: object) -> str:
    """An id as text, the same whether written 997 or 997.0."""
    number = whole_number(cell)
    return str(cell).strip() if number is None else str(number)


def _value(cell: object, name: str) -> int:
    value = whole_number(cell)
    if value is None or value < 0:
        raise LabelTreeError(f"label '{name}': value '{cell}' is no whole number from 1 up; correct it")
    return value


def _length(cell: object, name: str) -> float:
    try:
        return float(cell)
    except (TypeError, ValueError):
        raise LabelTreeError(f"label '{name}': edge length '{cell}' is no number; give a finite number, 0 or more") from None
