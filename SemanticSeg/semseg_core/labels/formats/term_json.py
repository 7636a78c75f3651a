"""Slicer's and dcmqi's segment terminologies, `.term.json`: categories, their types, and modifiers of the types.

They are read as the tree context → category → type → modifier. Written are the labels that have a terminology, not where they
stand in our tree.

Source:
    segment-context-schema.json and anatomic-context-schema.json of dcmqi.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from semseg_core.labels.colors import Color, to_bytes
from semseg_core.labels.formats.columns import parse_color, whole_number
from semseg_core.labels.formats.foreign import ForeignLabel, ForeignTree
from semseg_core.labels.tree import UNKNOWN, Code, Label, LabelTree, Terminology

SCHEMA = "https://raw.githubusercontent.com/qiicr/dcmqi/master/doc/segment-context-schema.json#"
ANATOMICAL_STRUCTURE = Code("SCT", "123037004", "Anatomical Structure")


def is_terminology(record: Mapping[str, object]) -> bool:
    """Whether a JSON object is a terminology of segments or of anatomic regions."""
    return "SegmentationCodes" in record or "AnatomicCodes" in record


def read_terminology(record: Mapping[str, object], title: str) -> ForeignTree:
    """The tree of a terminology: context → category → type → modifier, or region → modifier.

    Raises:
        KeyError, TypeError, AttributeError: If its lists or codes are not where the schema puts them.
    """
    context = record.get("SegmentationCategoryTypeContextName") or record.get("AnatomicContextName") or title
    foreign = ForeignTree([ForeignLabel("root", str(context))], str(context))
    if "SegmentationCodes" in record:
        for number, category in enumerate(record["SegmentationCodes"]["Category"]):
            _append(foreign, category, f"{number}", "root", None)
            _append_types(foreign, category.get("Type", ()), f"{number}", _code(category))
    else:
        _append_types(foreign, record["AnatomicCodes"]["AnatomicRegion"], "root", ANATOMICAL_STRUCTURE)
    _drop_repeated_values(foreign)
    return foreign


def to_terminology(tree: LabelTree) -> tuple[str, list[str]]:
    """The labels that have a terminology, as `.term.json` text, and notes on what could not be written."""
    categories: dict[tuple[str, str], dict[str, object]] = {}
    types: dict[tuple[str, ...], dict[str, object]] = {}
    written: dict[tuple[str, ...], str] = {}
    missing, repeated = [], []
    for label in tree:
        coded = label.terminology
        if coded is None:
            missing.append(label.name)
            continue
        codes = (coded.category, coded.type, *(() if coded.type_modifier is None else (coded.type_modifier,)))
        key = tuple(part for code in codes for part in (code.scheme, code.value))
        if key in written:
            repeated.append(label.name)
            continue
        written[key] = label.name
        category = categories.setdefault(key[:2], {**_entry(coded.category), "showAnatomy": coded.region is not None, "Type": []})
        if key[:4] not in types:
            types[key[:4]] = _entry(coded.type)
            category["Type"].append(types[key[:4]])
        if coded.type_modifier is None:
            types[key[:4]].update(_shown(label))
        else:
            types[key[:4]].setdefault("Modifier", []).append({**_entry(coded.type_modifier), **_shown(label)})
    record = {
        "SegmentationCategoryTypeContextName": tree.title or tree.root.name,
        "@schema": SCHEMA,
        "SegmentationCodes": {"Category": list(categories.values())},
    }
    notes = []
    if missing:
        notes.append(f"{len(missing)} of {len(tree)} labels have no terminology and were left out of the .term.json")
    if repeated:
        notes.append(f"{len(repeated)} labels have the terminology of an earlier one and were left out")
    return json.dumps(record, ensure_ascii=False, indent=2) + "\n", notes


def _append_types(foreign: ForeignTree, types: list[Mapping[str, object]], parent: str, category: Code) -> None:
    for number, kind in enumerate(types):
        key = f"{parent}.{number}"
        _append(foreign, kind, key, parent, Terminology(category, _code(kind)))
        for place, modifier in enumerate(kind.get("Modifier", ())):
            _append(foreign, modifier, f"{key}.{place}", key, Terminology(category, _code(kind), _code(modifier)))


def _append(foreign: ForeignTree, record: Mapping[str, object], key: str, parent: str, terminology: Terminology | None) -> None:
    """Add one entry. A modifier is called by its own meaning alone, as its type is the label above it."""
    code = _code(record)
    color: Color | None = parse_color(record.get("recommendedDisplayRGBValue"))
    # A type that is only there for its modifiers has their first integer too, but no label name of its own.
    value = whole_number(record.get("3dSlicerIntegerLabel")) if "3dSlicerLabel" in record else None
    foreign.labels.append(
        ForeignLabel(key, code.meaning, parent, value or None, color, f"{code.scheme}:{code.value}", terminology)
    )


def _drop_repeated_values(foreign: ForeignTree) -> None:
    """Slicer's own list gives several entries one integer; the first keeps it."""
    seen: set[int] = {UNKNOWN}
    dropped = 0
    for entry in foreign.labels:
        if entry.value in seen:
            entry.value = None
            dropped += 1
        elif entry.value is not None:
            seen.add(entry.value)
    if dropped:
        foreign.notes.append(f"{dropped} entries repeat the integer label of an earlier one and get a free value")


def _code(record: Mapping[str, object]) -> Code:
    return Code(str(record["CodingSchemeDesignator"]), str(record["CodeValue"]), str(record["CodeMeaning"]))


def _entry(code: Code) -> dict[str, object]:
    return {"CodingSchemeDesignator": code.scheme, "CodeValue": code.value, "CodeMeaning": code.meaning}


def _shown(label: Label) -> dict[str, object]:
    """How Slicer shows the entry, and its label value."""
    return {
        "recommendedDisplayRGBValue": list(to_bytes(label.color)),
        "3dSlicerLabel": label.name,
        "3dSlicerIntegerLabel": label.value,
    }
