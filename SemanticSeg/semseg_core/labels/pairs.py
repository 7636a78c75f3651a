"""Left and right: which label is the mirror image of which, told by names along the paths and by codes."""

from __future__ import annotations

import re

from semseg_core.labels.label import Code, Label
from semseg_core.labels.tree import LabelTree

SIDES = {"left": "right", "l": "r", "lh": "rh", "lt": "rt", "sinister": "dexter", "sin": "dex", "sinistra": "dextra"}
OTHER_SIDE = {**SIDES, **{right: left for left, right in SIDES.items()}}
"""Words for a side, as whole words of a name: `Left-Thalamus`, `Caudate_L`, `ctx-lh-cuneus`, `LeftKidney`."""

SIDE_CODES = {("SCT", "7771000"): ("SCT", "24028007"), ("SRT", "G-A101"): ("SRT", "G-A100")}
OTHER_CODE = {**SIDE_CODES, **{right: left for left, right in SIDE_CODES.items()}}
"""Left and Right of SNOMED CT and of its forerunner, as modifiers of a type or region."""

WORDS = re.compile(r"[A-Z]\d+|[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+|[^A-Za-z\d]+")
"""Words of a name, as `left`, `Kidney`, `CSF`; a letter with a number is one: vertebra `L5` is on no side."""


def mirror_images(tree: LabelTree) -> dict[int, int]:
    """The id of the mirror image of each label that has one.

    A label on one side is paired with the one whose path differs by the side alone, or whose name does and occurs once; a label
    without a side is its own image. A label whose other side is not in the tree has none. Empty where the tree has no pair.
    """
    by_key: dict[object, list[Label]] = {}
    for label in tree:
        for key in _keys(tree, label, swapped=False):
            by_key.setdefault(key, []).append(label)
    images: dict[int, int] = {}
    for label in tree:
        plain, swapped = _keys(tree, label, swapped=False), _keys(tree, label, swapped=True)
        if plain == swapped:
            images[label.id] = label.id
            continue
        found = [by_key[key][0] for key in swapped if len(by_key.get(key, ())) == 1]
        if found and found[0].id != label.id and tree.is_leaf(found[0].id) == tree.is_leaf(label.id):
            images[label.id] = found[0].id
    images = {label_id: image for label_id, image in images.items() if images.get(image) == label_id}
    return images if any(label_id != image for label_id, image in images.items()) else {}


def _keys(tree: LabelTree, label: Label, swapped: bool) -> tuple[object, ...]:
    """What tells a label from others, by its path and by its name, each with its codes; for the other side if `swapped`."""
    path = tuple(_name(each.name, swapped) for each in (*reversed(tree.ancestors(label.id)), label))
    return ("path", path, _codes(label, swapped)), ("name", path[-1], _codes(label, swapped))


def _name(name: str, swapped: bool) -> tuple[str, ...]:
    words = [word.lower() for word in WORDS.findall(name)]
    return tuple(OTHER_SIDE.get(word, word) for word in words) if swapped else tuple(words)


def _codes(label: Label, swapped: bool) -> tuple[tuple[str, str], ...]:
    """The sides that the label's modifiers say."""
    meaning = label.terminology
    modifiers = () if meaning is None else (meaning.type_modifier, meaning.region_modifier)
    sides = [_side(code) for code in modifiers if code is not None and _side(code) in OTHER_CODE]
    return tuple(OTHER_CODE[side] if swapped else side for side in sides)


def _side(code: Code) -> tuple[str, str]:
    return code.scheme, code.value
