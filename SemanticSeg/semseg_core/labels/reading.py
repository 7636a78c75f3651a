"""Label trees from and to files of any format known here; the format is found by content, on writing by suffix."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from semseg_core.errors import InputError, LabelTreeError
from semseg_core.files import require_file, write_text
from semseg_core.labels.colors import from_bytes, to_bytes
from semseg_core.labels.formats import (
    color_csv,
    color_table,
    composites,
    own_json,
    path_text,
    table,
    term_json,
    total_segmentator,
)
from semseg_core.labels.formats.foreign import ForeignTree, grow
from semseg_core.labels.formats.open_anatomy import is_open_anatomy, read_open_anatomy
from semseg_core.labels.presets.catalog import load_preset, preset_names
from semseg_core.labels.tree import LabelTree

TEXT_SUFFIXES = (".csv", ".tsv", ".txt", ".ctbl", ".json")
NODE_LISTS = ("nodes", "structures", "labels", "regions", "msg")
"""Names under which JSON files keep their list of labels."""

PROBE_BYTES = 4096
"""Enough to know an image by its zero bytes before reading gigabytes of it."""


class ReadTree(NamedTuple):
    """A tree and, in sentences for the user, what was assumed or repaired while reading it."""

    tree: LabelTree
    notes: tuple[str, ...] = ()


def load_tree(source: str | Path, value_column: str | None = None, unknown_values: Iterable[int] = ()) -> ReadTree:
    """Read a label tree.

    Args:
        source: A file of any known format, or the name of a preset.
        value_column: Column of the label-map values, for a table that has several.
        unknown_values: Label-map values that mean unknown, besides those the file declares.

    Returns:
        The tree, with a value for every label, and notes.

    Raises:
        InputError: If there is no such file or preset, or it is empty.
        LabelTreeError: If the file is not understood or is no tree; the message names the file, the label and the remedy.
    """
    if not Path(source).exists() and str(source) in preset_names():
        _refuse_column(value_column)
        return _ignoring(ReadTree(load_preset(str(source))), unknown_values)
    try:
        path = require_file(source, "label tree")
    except InputError as error:
        if Path(source).exists():
            raise
        raise InputError(f"{error}, or choose a preset: {', '.join(preset_names())}") from error
    try:
        read = _parse(_text_of(path), path, value_column)
        if isinstance(read, LabelTree):
            return _ignoring(ReadTree(read), unknown_values)
        if not read.provenance:
            read.provenance = "read from a file that does not say where it comes from"
        return ReadTree(grow(read, unknown_values), tuple(read.notes))
    except LabelTreeError as error:
        raise LabelTreeError(f"label tree {path}: {error}") from error


def save_tree(path: str | Path, tree: LabelTree) -> tuple[str, ...]:
    """Write a label tree in the format of the suffix; an earlier file is replaced at once or not at all.

    `.json` keeps everything, `.csv` is Slicer's color table with terminology and columns that keep the tree, `.ctbl` Slicer's
    plain color table, `.txt` indented text, `.term.json` Slicer's terminology.

    Returns:
        What the format could not keep, in sentences for the user.

    Raises:
        InputError: If the suffix is none of these, or the file cannot be written.
        LabelTreeError: If a label's name cannot be written in this format.
    """
    path = Path(path)
    name = path.name.lower()
    if name.endswith(".term.json"):
        text, notes = term_json.to_terminology(tree)
    elif name.endswith(".json"):
        text, notes = own_json.to_text(tree), []
    elif name.endswith(".csv"):
        text, notes = color_csv.to_csv(tree), [*_rounded(tree), *_quoted(tree), *_unsaid(tree), *color_table.slicer_notes(tree)]
    elif name.endswith(".ctbl"):
        text, notes = color_table.to_color_table(tree), ["a .ctbl is a flat list: the tree, codes and lengths are not in it"]
        notes += color_table.slicer_notes(tree)
    elif name.endswith(".txt"):
        text, notes = path_text.to_indented(tree), ["text keeps names, values, colors and lengths; ids and codes are not in it"]
        notes += [*_rounded(tree), *_unsaid(tree)]
    else:
        raise InputError(f"label tree {path}: the format is chosen by suffix; use .json, .csv, .ctbl, .txt or .term.json")
    write_text(path, text, "label tree")
    return tuple(notes)


def _text_of(path: Path) -> str:
    with path.open("rb") as stream:
        data = stream.read(PROBE_BYTES)
        if data.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise LabelTreeError("it is UTF-16 text; save it as UTF-8")
        if b"\0" in data:
            raise LabelTreeError(f"it is a binary file, not a label tree; expected text in one of {', '.join(TEXT_SUFFIXES)}")
        data += stream.read()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise LabelTreeError(f"line {line} is no UTF-8 text (byte 0x{data[error.start]:02x}); save the file as UTF-8") from error
    if not text.strip():
        raise LabelTreeError("it holds only blanks; write or copy it again")
    return text


def _parse(text: str, path: Path, value_column: str | None) -> ForeignTree | LabelTree:
    title = "labels"  # never the file's name: it travels into models and shared results, and may name a patient
    suffix = path.suffix.lower()
    if suffix == ".json" or (suffix not in TEXT_SUFFIXES and text.lstrip()[0] in "{["):
        return _parse_json(text, title, value_column)
    if suffix in (".csv", ".tsv"):
        return _parse_csv(text, title, value_column)
    if suffix and suffix not in TEXT_SUFFIXES and not color_table.is_color_table(text):
        raise LabelTreeError(f"suffix '{suffix}' is no format of label trees; expected one of {', '.join(TEXT_SUFFIXES)}")
    _refuse_column(value_column)
    if color_table.is_color_table(text):
        return color_table.read_color_table(text, title)
    return path_text.read_path_text(text, title)


def _parse_json(text: str, title: str, value_column: str | None) -> ForeignTree | LabelTree:
    try:
        record = json.loads(text)
    except json.JSONDecodeError as error:
        raise LabelTreeError(
            f"line {error.lineno}, column {error.colno}: it is no complete JSON ({error.msg}); the file is truncated or damaged"
        ) from error
    except (RecursionError, ValueError) as error:
        raise LabelTreeError(f"its JSON cannot be read ({error}); write the labels as a flat list with parents") from error
    head = record if isinstance(record, Mapping) else {}
    if head.get("format") == own_json.FORMAT:
        _refuse_column(value_column)
        return own_json.from_record(record)
    lists = [record] if isinstance(record, list) else [head[name] for name in NODE_LISTS if isinstance(head.get(name), list)]
    nodes = next(iter(lists), [])
    try:
        if term_json.is_terminology(head):
            _refuse_column(value_column)
            return term_json.read_terminology(head, title)
        if is_open_anatomy(nodes):
            _refuse_column(value_column)
            return read_open_anatomy(nodes, title)
    except (KeyError, TypeError, AttributeError) as error:
        raise LabelTreeError(f"its labels do not have the form their format prescribes ({error!r}); export it again") from error
    if not nodes:
        raise LabelTreeError(f"it has no list of labels; expected one called {', '.join(NODE_LISTS)}")
    rows = table.flatten(nodes)
    names = list(dict.fromkeys(name for row in rows for name in row))
    foreign = table.read_table(rows, names, str(head.get("title") or title), value_column)
    foreign.provenance = str(head.get("provenance") or head.get("note") or "")
    foreign.ignored_values = frozenset(_list_of(int, head, "ignored_values"))
    foreign.channels = tuple(_list_of(str, head, "channels"))
    return foreign


def _parse_csv(text: str, title: str, value_column: str | None) -> ForeignTree | LabelTree:
    header, rows = table.read_csv(text)
    if header is None:
        header = table.headless_names(rows)
    if header is None and composites.is_composite_list(rows):
        _refuse_column(value_column)
        return composites.read_composites(rows, title)
    if header is None:
        raise LabelTreeError("its first row is no header; add one, such as value,name or id,name,parent,value")
    records = [dict(zip(header, row, strict=True)) for row in rows]
    if color_csv.is_tree_table(header):
        _refuse_column(value_column)
        return color_csv.read_tree_table(records, header, title)
    foreign = table.read_table(records, header, title, value_column)
    total_segmentator.complete(foreign)
    return foreign


def _refuse_column(value_column: str | None) -> None:
    if value_column is not None:
        raise LabelTreeError(f"value column '{value_column}': this format has its values in one place only; leave the option out")


def _ignoring(read: ReadTree, unknown_values: Iterable[int]) -> ReadTree:
    values = frozenset(int(value) for value in unknown_values) - {0}
    if not values:
        return read
    return read._replace(tree=replace(read.tree, ignored_values=read.tree.ignored_values | values))


def _list_of(kind: type, record: Mapping[str, object], name: str) -> list:
    """A list in a JSON object, empty if it is not there."""
    items = record.get(name, [])
    if not isinstance(items, list) or not all(isinstance(item, kind) and not isinstance(item, bool) for item in items):
        raise LabelTreeError(f"{name} is {items}, expected a list of {'whole numbers' if kind is int else 'names'}; correct it")
    return items


def _rounded(tree: LabelTree) -> list[str]:
    rounded = sum(from_bytes(to_bytes(label.color)) != tuple(label.color) for label in tree)
    return [f"{rounded} colors were rounded to 8 bits a channel"] if rounded else []


def _quoted(tree: LabelTree) -> list[str]:
    quoted = sum('"' in label.name for label in tree)
    return [f"double quotes in {quoted} names became single ones, which Slicer can read"] if quoted else []


def _unsaid(tree: LabelTree) -> list[str]:
    """What a list of labels has no place for."""
    fields = {
        "title": tree.title,
        "provenance": tree.provenance,
        "channels": tree.channels,
        "ignored values": tree.ignored_values,
    }
    lost = [name for name, content in fields.items() if content]
    return [f"{', '.join(lost)} of the tree are not in this format; keep a .json beside it"] if lost else []
