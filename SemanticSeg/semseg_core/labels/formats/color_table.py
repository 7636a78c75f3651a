"""Color tables as lines of text, `value name red green blue alpha`: Slicer's `.ctbl` and `.txt`, FreeSurfer's lookup tables.

They are flat: the tree itself, codes and lengths cannot be written, and a table that is read gets an implicit root.
"""

from __future__ import annotations

import re

from semseg_core.errors import LabelTreeError
from semseg_core.labels.colors import from_bytes, to_bytes
from semseg_core.labels.formats.foreign import ForeignLabel, ForeignTree
from semseg_core.labels.tree import LabelTree

LINE = re.compile(r"\s*(\d{1,18})\s+(\S+)" + r"\s+(\d+(?:\.\d*)?)" * 3 + r"(?:\s+\d+(?:\.\d*)?)?\s*")

SLICER_LARGEST_VALUE = 1_000_000
"""Slicer refuses color tables with a larger value (`MaximumColorID` in vtkMRMLColorTableStorageNode)."""


def is_color_table(text: str) -> bool:
    """Whether the first line that is no comment belongs to a color table."""
    first = next((line for line in text.splitlines() if line.strip() and not line.startswith("#")), "")
    return LINE.fullmatch(first) is not None


def read_color_table(text: str, title: str) -> ForeignTree:
    """What a color table says.

    Raises:
        LabelTreeError: If a line is not understood; the message gives its number.
    """
    foreign = ForeignTree([], title)
    # FreeSurfer's names keep their underscores (CC_Posterior); Slicer writes a blank as one.
    is_freesurfer = re.search(r"^#.*(FreeSurfer|Label Name)", text, re.MULTILINE | re.IGNORECASE) is not None
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = LINE.fullmatch(line)
        if match is None:
            raise LabelTreeError(
                f"line {number} '{line.strip()[:60]}' is not 'value name red green blue alpha'; the file is truncated or damaged"
            )
        name = match[2].strip("'")
        channels = tuple(min(round(float(channel)), 255) for channel in match.group(3, 4, 5))
        foreign.labels.append(
            ForeignLabel(
                key=f"line {number}",
                name=name if is_freesurfer else name.replace("_", " "),
                value=int(match[1]),
                color=from_bytes(channels),
            )
        )
    return foreign


def to_color_table(tree: LabelTree) -> str:
    """The tree's labels, inner ones too, as a Slicer color table ordered by value."""
    names = flat_names(tree)
    lines = ["# Color table of the label tree " + " ".join((tree.title or tree.root.name).split()), f"# {len(tree)} values"]
    for label in sorted(tree, key=lambda label: label.value):
        red, green, blue = to_bytes(label.color)
        lines.append(f"{label.value} {names[label.id].replace(' ', '_')} {red} {green} {blue} 255")
    return "\n".join(lines) + "\n"


def flat_names(tree: LabelTree) -> dict[int, str]:
    """A name for every label by id that says which it is without the tree: with as many labels above it as that takes."""
    by_name: dict[str, int] = {}
    for label in tree:
        by_name[label.name] = by_name.get(label.name, 0) + 1
    # The root is above all and tells nothing apart.
    return {label.id: label.name if by_name[label.name] == 1 else _path(tree, label.id) for label in tree}


def slicer_notes(tree: LabelTree) -> list[str]:
    """What Slicer cannot read from a color table of this tree."""
    largest = max(label.value for label in tree)
    if largest <= SLICER_LARGEST_VALUE:
        return []
    return [f"Slicer reads color tables up to value {SLICER_LARGEST_VALUE}; this tree has values up to {largest}"]


def _path(tree: LabelTree, label_id: int) -> str:
    return tree.path(label_id).removeprefix(f"/{tree.root.name}/").removeprefix("/")
