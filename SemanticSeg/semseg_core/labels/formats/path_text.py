"""Trees as plain text that people type: names indented under their parents, or one path a line.

A line is `name = value #rrggbb ~length`; all but the name may be left out. Lines that begin with `# ` are comments.

    brain
      left
        gray matter = 3 #c8c8eb
      right

    /brain/left/gray matter = 3
"""

from __future__ import annotations

import re

from semseg_core.errors import LabelTreeError
from semseg_core.labels.colors import from_hex, to_hex
from semseg_core.labels.formats.foreign import ForeignLabel, ForeignTree, listed
from semseg_core.labels.tree import LabelTree

LINE = re.compile(
    r"(?P<name>.*?)(?:\s*=\s*(?P<value>\d{1,18}))?(?:\s+#(?P<color>[0-9a-fA-F]{6}))?(?:\s+~(?P<length>[\d.eE+-]+))?\s*"
)

TAB_WIDTH = 8


def read_path_text(text: str, title: str) -> ForeignTree:
    """What indented or path text says.

    Raises:
        LabelTreeError: If an indentation matches no line above it, or a number is not understood.
    """
    lines = [(number, line.expandtabs(TAB_WIDTH).rstrip()) for number, line in enumerate(text.splitlines(), start=1)]
    lines = [(number, line) for number, line in lines if line.strip() and not re.match(r"\s*#(\s|$)", line)]
    foreign = ForeignTree([], title)
    if lines and all(line.lstrip().startswith("/") for _, line in lines):
        _read_paths(lines, foreign)
    else:
        _read_indented(lines, foreign)
    return foreign


def to_indented(tree: LabelTree) -> str:
    """The tree as indented text, with every value, color and length.

    Raises:
        LabelTreeError: If a name begins with a mark that means something else in text.
    """
    lines = []
    for label, depth in zip(tree.labels, tree.depths, strict=True):
        if label.name.startswith("#"):
            raise LabelTreeError(f"{label}: a name that begins with '#' is a comment in text; rename it or save as .json")
        length = "" if label.length == 1.0 else f" ~{label.length!r}"
        lines.append(f"{'  ' * depth}{label.name} = {label.value} {to_hex(label.color)}{length}")
    return "\n".join(lines) + "\n"


def _read_indented(lines: list[tuple[int, str]], foreign: ForeignTree) -> None:
    """Each line belongs to the nearest line above it that is indented less."""
    open_labels: list[tuple[int, str]] = []  # indentation and key from the top down to the last line
    for number, line in lines:
        indent = len(line) - len(line.lstrip())
        while open_labels and open_labels[-1][0] >= indent:
            last = open_labels.pop()[0]
            if last > indent and (not open_labels or open_labels[-1][0] < indent):
                raise LabelTreeError(
                    f"line {number} '{line.strip()}': its indentation matches no line above; align it with its siblings"
                )
        parent = open_labels[-1][1] if open_labels else None
        foreign.labels.append(_label(number, line.strip(), str(number), parent))
        open_labels.append((indent, str(number)))


def _read_paths(lines: list[tuple[int, str]], foreign: ForeignTree) -> None:
    """Each line is a path from the root; labels above that have no line of their own are added."""
    by_path: dict[str, ForeignLabel] = {}
    added: dict[str, None] = {}
    for number, line in lines:
        label = _label(number, line.strip(), "", None)
        names = [name.strip() for name in label.name.strip("/").split("/")]
        if not all(names):
            raise LabelTreeError(f"line {number} '{line.strip()}': a path is names with one '/' between them; correct it")
        for depth in range(1, len(names)):
            path = "/".join(names[:depth])
            if path not in by_path:
                by_path[path] = ForeignLabel(path, names[depth - 1], "/".join(names[: depth - 1]) or None)
                added[path] = None
        label.key, label.name, label.parent = "/".join(names), names[-1], "/".join(names[:-1]) or None
        if label.key in added:
            del added[label.key]
            twin = by_path[label.key]
            twin.value, twin.color, twin.length = label.value, label.color, label.length
        elif label.key in by_path:
            raise LabelTreeError(f"line {number} '{line.strip()}': this path is listed twice; remove one")
        else:
            by_path[label.key] = label
    foreign.labels.extend(by_path.values())
    if added:
        foreign.notes.append(f"{len(added)} labels above others had no line of their own and were added: {listed(added)}")


def _label(number: int, line: str, key: str, parent: str | None) -> ForeignLabel:
    match = LINE.fullmatch(line)
    name = match["name"].strip()
    if not name:
        raise LabelTreeError(f"line {number} '{line}': it has no name; write name = value")
    try:
        length = 1.0 if match["length"] is None else float(match["length"])
    except ValueError:
        raise LabelTreeError(f"line {number} '{line}': edge length '{match['length']}' is no number; correct it") from None
    return ForeignLabel(
        key,
        name,
        parent,
        value=None if match["value"] is None else int(match["value"]),
        color=None if match["color"] is None else from_hex(match["color"]),
        length=length,
    )
