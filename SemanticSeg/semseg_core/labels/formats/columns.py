"""Which column of a table means what, and what its cells say. Tables come from CSV (cells are text) and JSON (any type)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from semseg_core.errors import LabelTreeError
from semseg_core.labels.colors import Color, from_bytes, from_hex
from semseg_core.labels.tree import Code, Terminology

Row = Mapping[str, object]

NAMES = ("name", "labelname", "structure", "structurename", "label", "region", "segment")
VALUES = ("labelvalue", "label", "value", "labelnumber", "labelid", "labelindex", "index")
KEYS = ("id", "structureid")
PARENTS = ("parent", "parentid", "parentstructureid")
ID_PATHS = ("structureidpath",)
CODES = ("code", "acronym", "id")
LENGTHS = ("length", "edgelength")
COLORS = ("color", "rgbtriplet", "colorhextriplet", "dicomrgbcolor", "rgb", "hex")
CHANNELS = (("colorr", "r", "red"), ("colorg", "g", "green"), ("colorb", "b", "blue"))

COUNTING_COLUMNS = {
    *("atlasid", "ontologyid", "hemisphereid", "weight", "stlevel", "depth", "level", "graphid", "graphorder", "sphinxid"),
    *("structurenamefacet", "failedfacet", "failed", "neuronamestructureid", "colora", "a", "alpha"),
}
"""Whole-number columns of the Allen ontology and of color tables that are no label-map values."""

TERMINOLOGY_COLUMNS = {
    "category": ("category", "segmentedpropertycategorycodesequence"),
    "type": ("type", "segmentedpropertytypecodesequence"),
    "type_modifier": ("typemodifier", "segmentedpropertytypemodifiercodesequence"),
    "region": ("region", "anatomicregionsequence"),
    "region_modifier": ("regionmodifier", "anatomicregionmodifiersequence"),
}
"""Beginnings of the column names that Slicer's color tables and TotalSegmentator's mapping use."""

CODE_PARTS = (("codingscheme", "codingschemedesignator"), ("codevalue",), ("codemeaning",))

WHOLE = re.compile(r"\s*([-+]?\d{1,18})(?:\.0+)?\s*")
"""A whole number as text; `997.0` is how pandas writes one in a column with gaps."""


class Columns:
    """The columns of one table, found by name whatever the case, blanks, dots and underscores.

    Args:
        names: The header.
        rows: All rows, to tell numbers from text.
    """

    def __init__(self, names: Sequence[str], rows: Sequence[Row]) -> None:
        self.names = tuple(names)
        self._by_plain = {re.sub(r"[\s_.\-]", "", name).lower(): name for name in reversed(names)}
        self._rows = rows
        texts = (column for column in self._all(NAMES) if not only_whole_numbers(rows, column))
        self.name = next(texts, self.find(NAMES[:2]))
        self.key = self.find(KEYS)
        self.parent = self.find(PARENTS)
        self.id_path = self.find(ID_PATHS)
        self.code = self.find(CODES)
        self.length = self.find(LENGTHS)
        self.color = self.find(COLORS)
        self.channels = tuple(self.find(aliases) for aliases in CHANNELS)
        self.terminology = {field: self._code_columns(starts) for field, starts in TERMINOLOGY_COLUMNS.items()}

    def find(self, aliases: Sequence[str]) -> str | None:
        """The column that has the first of these plain names."""
        return next(iter(self._all(aliases)), None)

    @property
    def linked(self) -> bool:
        """Whether the table gives parents."""
        return self.parent is not None or self.id_path is not None

    def choose_values(self, wanted: str | None) -> tuple[str | None, str | None]:
        """The column with the label-map values, and a note if it was not obvious.

        Args:
            wanted: The column the user asked for.

        Raises:
            LabelTreeError: If that column does not exist or holds no whole numbers, or if several could be meant.
        """
        if wanted is not None:
            column = next((name for name in self.names if name.lower() == wanted.lower()), None)
            if column is None or not some_whole_number(self._rows, column):
                fitting = ", ".join(self._value_candidates()) or "none"
                raise LabelTreeError(f"value column '{wanted}': no such column of whole numbers; the file has {fitting}")
            return column, None
        named = (column for column in self._all(VALUES) if column != self.name and some_whole_number(self._rows, column))
        column = next(named, None)
        if column is not None:
            return column, None
        ids_are_numbers = self.key is not None and only_whole_numbers(self._rows, self.key)
        if self.id_path is not None and ids_are_numbers:
            return self.key, None
        candidates = self._value_candidates()
        if len(candidates) > 1:
            raise LabelTreeError(
                f"it has several value columns ({', '.join(candidates)}); choose one, for example --value-column {candidates[0]}"
            )
        if candidates:
            return candidates[0], f"label values are taken from the column '{candidates[0]}'"
        if ids_are_numbers:
            return self.key, f"the file has no column of label values; its '{self.key}' serves as value"
        return None, None

    def color_of(self, row: Row) -> Color | None:
        """The color of a row, red, green, blue in 0…1."""
        if self.color is not None:
            return parse_color(row.get(self.color))
        if None in self.channels:
            return None
        return parse_color([row.get(channel) for channel in self.channels])

    def terminology_of(self, row: Row) -> Terminology | None:
        """The coded meaning of a row; None unless it has a category and a type."""
        if self.terminology["category"][1] is None:
            return None
        codes = {}
        for field, columns in self.terminology.items():
            parts = [str(row.get(column) or "").strip() if column else "" for column in columns]
            codes[field] = Code(*parts) if parts[0] and parts[1] else None
        return None if codes["category"] is None or codes["type"] is None else Terminology(**codes)

    def _all(self, aliases: Sequence[str]) -> list[str]:
        return [self._by_plain[alias] for alias in aliases if alias in self._by_plain]

    def _code_columns(self, starts: Sequence[str]) -> tuple[str | None, ...]:
        return tuple(self.find([start + part for start in starts for part in parts]) for parts in CODE_PARTS)

    def _value_candidates(self) -> list[str]:
        """Columns of whole numbers that have no other meaning."""
        codes = {column for columns in self.terminology.values() for column in columns}
        known = {self.key, self.parent, self.id_path, self.length, self.color, *self.channels, *codes}
        counting = {self._by_plain[name] for name in COUNTING_COLUMNS if name in self._by_plain}
        return [name for name in self.names if name not in known | counting and only_whole_numbers(self._rows, name)]


def whole_number(cell: object) -> int | None:
    """The whole number in a cell, None if it is empty or something else."""
    if isinstance(cell, str):
        match = WHOLE.fullmatch(cell)
        return None if match is None else int(match[1])
    if isinstance(cell, float) and cell.is_integer():
        return int(cell)
    return cell if isinstance(cell, int) and not isinstance(cell, bool) else None


def is_empty(cell: object) -> bool:
    """Whether a cell says nothing."""
    return cell is None or (isinstance(cell, str) and not cell.strip())


def some_whole_number(rows: Sequence[Row], column: str) -> bool:
    """Whether a column has a whole number somewhere."""
    return any(whole_number(row.get(column)) is not None for row in rows)


def only_whole_numbers(rows: Sequence[Row], column: str) -> bool:
    """Whether a column has whole numbers and nothing else; cells may be empty, but not all."""
    filled = [cell for row in rows if not is_empty(cell := row.get(column))]
    return bool(filled) and all(whole_number(cell) is not None for cell in filled)


def parse_color(cell: object) -> Color | None:
    """A color written as `#rrggbb`, `r,g,b`, `[r, g, b]`, `rgb(r,g,b)` or a list, channels in 0…255; None for anything else."""
    if isinstance(cell, str):
        color = from_hex(cell)
        if color is not None:
            return color
        cell = cell.strip().removeprefix("rgb").strip("()[] ").split(",")
    if not isinstance(cell, (list, tuple)) or len(cell) != 3:
        return None
    channels = [whole_number(channel) for channel in cell]
    if any(channel is None or not 0 <= channel <= 255 for channel in channels):
        return None
    return from_bytes(tuple(channels))
