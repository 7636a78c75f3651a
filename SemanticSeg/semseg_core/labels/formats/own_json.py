"""Our own file: JSON with a version, one label a line, everything a `LabelTree` holds and nothing derived.

The same record travels inside models and scenes, so that a tree is written one way only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache

from semseg_core.errors import LabelTreeError
from semseg_core.labels.colors import from_hex, to_hex
from semseg_core.labels.tree import Code, Label, LabelTree, Terminology

FORMAT = "semseg-label-tree"
VERSION = 1
"""Raised when a field changes its meaning; a reader refuses versions it does not know."""

TREE_FIELDS = {"title": str, "provenance": str, "channels": list, "ignored_values": list, "next_id": int, "next_value": int}
LABEL_FIELDS = ("id", "name", "value", "parent", "color", "code", "length", "terminology")
CODE_FIELDS = ("category", "type", "type_modifier", "region", "region_modifier")


def to_text(tree: LabelTree) -> str:
    """The tree as JSON text; equal trees give equal text."""
    labels = ",\n".join(f"  {_label_text(label)}" for label in tree)
    head = "".join(f' "{name}": {json.dumps(value, ensure_ascii=False)},\n' for name, value in _head_record(tree).items())
    return f'{{\n{head} "labels": [\n{labels}\n ]\n}}\n'


def to_record(tree: LabelTree) -> dict[str, object]:
    """The tree as plain dictionaries, lists, strings and numbers."""
    return {**_head_record(tree), "labels": [_label_record(label) for label in tree]}


def _head_record(tree: LabelTree) -> dict[str, object]:
    """What the tree says besides its labels."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "title": tree.title,
        "provenance": tree.provenance,
        "channels": list(tree.channels),
        "ignored_values": sorted(tree.ignored_values),
        "next_id": tree.next_id,
        "next_value": tree.next_value,
    }


def from_record(record: object) -> LabelTree:
    """The tree of a record made by `to_record`.

    Raises:
        LabelTreeError: If it is no such record, of a newer version, or not a valid tree; the message names the label.
    """
    if not isinstance(record, Mapping) or record.get("format") != FORMAT:
        raise LabelTreeError(f'label tree: not of format "{FORMAT}"; export it again')
    version = record.get("version")
    if version != VERSION:
        raise LabelTreeError(
            f"label tree: version {version} is not known here (this program reads {VERSION}); update SemanticSeg"
        )
    strangers = sorted(set(record) - {"format", "version", "labels", *TREE_FIELDS})
    if strangers:
        raise LabelTreeError(f"label tree: unknown field '{strangers[0]}'; known are {', '.join(TREE_FIELDS)} and labels")
    labels = record.get("labels")
    if not isinstance(labels, list):
        raise LabelTreeError('label tree: it has no list "labels"; the file is not complete')
    for name, kind in TREE_FIELDS.items():
        _require(record.get(name, kind()), kind, "label tree", name)
    for name, kind in (("channels", str), ("ignored_values", int)):
        for item in record.get(name, ()):
            _require(item, kind, "label tree", name)
    given = {name: record[name] for name in TREE_FIELDS if name in record}
    given["ignored_values"] = frozenset(given.get("ignored_values", ()))
    return LabelTree(tuple(_label(item, place) for place, item in enumerate(labels, start=1)), **given)


@lru_cache(maxsize=8192)
def _label_text(label: Label) -> str:
    """One label as a line; kept, because an editor writes the whole tree after an edit of one label."""
    return json.dumps(_label_record(label), ensure_ascii=False)


def _label_record(label: Label) -> dict[str, object]:
    """One label; what is absent is left out."""
    exact = to_hex(label.color)
    record: dict[str, object] = {
        "id": label.id,
        "name": label.name,
        "value": label.value,
        "parent": label.parent,
        # Most colors have 8 bits a channel and read best so; any other is written as its three numbers.
        "color": exact if from_hex(exact) == tuple(label.color) else list(label.color),
        "length": float(label.length),  # 1 and 1.0 are equal, so they must give equal text
    }
    if label.code is not None:
        record["code"] = label.code
    if label.terminology is not None:
        codes = {name: getattr(label.terminology, name) for name in CODE_FIELDS}
        record["terminology"] = {
            name: [code.scheme, code.value, code.meaning] for name, code in codes.items() if code is not None
        }
    return record


def _label(record: object, place: int) -> Label:
    """The label of a record; `place` counts from 1 and names it until its own name is known."""
    what = f"label number {place}"
    _require(record, dict, what, "it")
    name = _require(record.get("name"), str, what, "name")
    what = f"label number {place} '{name}'"
    strangers = sorted(set(record) - set(LABEL_FIELDS))
    if strangers:
        raise LabelTreeError(f"{what}: unknown field '{strangers[0]}'; known are {', '.join(LABEL_FIELDS)}")
    parent, code, terminology = record.get("parent"), record.get("code"), record.get("terminology")
    return Label(
        id=_require(record.get("id"), int, what, "id"),
        name=name,
        value=_require(record.get("value"), int, what, "value"),
        parent=None if parent is None else _require(parent, int, what, "parent"),
        color=_color(record.get("color", "#808080"), what),
        code=None if code is None else _require(code, str, what, "code"),
        terminology=None if terminology is None else _terminology(terminology, what),
        length=float(_require(record.get("length", 1.0), (int, float), what, "length")),
    )


def _color(value: object, what: str) -> tuple[float, float, float]:
    if isinstance(value, str):
        color = from_hex(value)
        if color is None:
            raise LabelTreeError(f"{what}: color '{value}' is not understood; write it like #dcd814")
        return color
    if not isinstance(value, list) or len(value) != 3:
        raise LabelTreeError(f"{what}: color {value} is not understood; write it like #dcd814 or as three numbers within 0…1")
    red, green, blue = (float(_require(channel, (int, float), what, "color")) for channel in value)
    return red, green, blue


def _terminology(record: object, what: str) -> Terminology:
    _require(record, dict, what, "terminology")
    codes: dict[str, Code] = {}
    for name, parts in record.items():
        if name not in CODE_FIELDS or not isinstance(parts, list) or len(parts) != 3:
            raise LabelTreeError(
                f"{what}: terminology '{name}' is not understood; give [scheme, value, meaning] for {CODE_FIELDS}"
            )
        codes[name] = Code(*(_require(part, str, what, f"terminology '{name}'") for part in parts))
    if "category" not in codes or "type" not in codes:
        raise LabelTreeError(f"{what}: a terminology needs a category and a type; add them or leave it out")
    return Terminology(**codes)


def _require(value: object, kind: type | tuple[type, ...], what: str, name: str) -> object:
    """The value, if it is of the kind asked for; True and False are no numbers."""
    if not isinstance(value, kind) or isinstance(value, bool):
        words = {str: "text", int: "a whole number", list: "a list", dict: "an object"}
        wanted = words.get(kind, "a number") if isinstance(kind, type) else "a number"
        raise LabelTreeError(f"{what}: {name} is {json.dumps(value, ensure_ascii=False)}, expected {wanted}; correct it")
    return value
