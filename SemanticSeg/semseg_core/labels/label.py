"""One label: a node of the tree, with its codes."""

from __future__ import annotations

import math
from dataclasses import dataclass

from semseg_core.errors import LabelTreeError

UNKNOWN = 0
"""Value of a voxel nobody labelled. It is never a class; background, where wanted, is a label like any other."""

LARGEST_NUMBER = 2**31 - 1
"""Ids and values fit 32-bit integers, as label maps and sparse labels store them."""


@dataclass(frozen=True, slots=True)
class Code:
    """A coded concept as in DICOM: coding scheme, value and meaning, for example `SCT`, `10200004`, `Liver`."""

    scheme: str
    value: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Terminology:
    """What a label means, in codes. Category and type are what DICOM SEG requires of a segment."""

    category: Code
    type: Code
    type_modifier: Code | None = None
    region: Code | None = None
    region_modifier: Code | None = None


@dataclass(frozen=True, slots=True)
class Label:
    """One node of the tree.

    Args:
        id: Our own stable number, at least 1.
        name: What a person calls it; unique among its siblings, words separated by single spaces, without `/`.
        value: Its value in label maps, at least 1 (0 is unknown); inner labels have one too.
        parent: Id of the parent, None for the root.
        color: Red, green, blue in 0…1.
        code: The key the label had in the file it came from.
        terminology: Coded meaning, where known.
        length: Length of the edge to the parent, finite and not negative; without meaning for the root.
    """

    id: int
    name: str
    value: int
    parent: int | None = None
    color: tuple[float, float, float] = (0.5, 0.5, 0.5)
    code: str | None = None
    terminology: Terminology | None = None
    length: float = 1.0

    def __str__(self) -> str:
        return f"label {self.id} '{self.name}'"


def check_label(label: Label) -> None:
    """Refuse what is wrong with one label by itself.

    Raises:
        LabelTreeError: Naming the label, what is wrong and the remedy.
    """
    if not 1 <= label.id <= LARGEST_NUMBER:
        raise LabelTreeError(f"{label}: ids run from 1 to {LARGEST_NUMBER}; give it another id")
    name = label.name
    if not name or "/" in name:
        raise LabelTreeError(f"{label}: a name must not be empty or contain '/'; rename it")
    # Line breaks and outer blanks would be lost, or change the tree, in indented text and color tables.
    if name != " ".join(name.split()) or min(name) < " ":
        raise LabelTreeError(f"label {label.id} {name!r}: a name is words with single spaces between them; rename it")
    if label.value < 1:
        raise LabelTreeError(
            f"{label}: value {label.value} is not allowed: 0 means unknown and values start at 1; give it a free one"
        )
    if label.value > LARGEST_NUMBER:
        raise LabelTreeError(f"{label}: value {label.value} does not fit a 32-bit label map; give it one up to {LARGEST_NUMBER}")
    if not 0.0 <= label.length < math.inf:
        raise LabelTreeError(f"{label}: its edge length is {label.length}; give a finite number, 0 or more")
    red, green, blue = label.color if len(label.color) == 3 else (-1.0, -1.0, -1.0)
    if not (0.0 <= red <= 1.0 and 0.0 <= green <= 1.0 and 0.0 <= blue <= 1.0):
        raise LabelTreeError(f"{label}: its color is {label.color}; give red, green and blue within 0…1")
