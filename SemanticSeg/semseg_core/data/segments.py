"""Slicer's segments and the labels of a tree: how a label is told as a segment, and which label a segment means.

Needs no image library, so that files (`.seg.nrrd`) and MRML nodes follow the same rules.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from semseg_core.errors import InputError
from semseg_core.labels.formats.color_table import flat_names
from semseg_core.labels.tree import Code, Label, LabelTree, Terminology

ID_TAG = "SemanticSeg.LabelId"
PATH_TAG = "SemanticSeg.Path"
TERMINOLOGY_TAG = "TerminologyEntry"

TYPE_CONTEXT = "Segmentation category and type - 3D Slicer General Anatomy list"
REGION_CONTEXT = "Anatomic codes - DICOM master list"
"""Names of Slicer's own term lists; codes are compared by scheme and value, whichever list they come from."""

UNSAID = ("SCT", "85756007")
"""Type 'Tissue': what Slicer writes for a segment nobody gave a terminology. It says nothing about the label."""

AUTOMATIC_NAME = re.compile(r"(?:segment|label)?[ _]?(\d+)", re.IGNORECASE)
"""Names made by Slicer on importing a label map without a color table, such as `Label_7`."""

LISTED = 12
"""Segments a message names before it says how many more there are."""


@dataclass(frozen=True)
class Segment:
    """One segment as a `.seg.nrrd` file or a MRML segmentation describes it.

    Args:
        name: What a person calls it.
        value: Its value within its layer.
        layer: Which of the overlapping label maps it lies in.
        tags: Free keys and values, the terminology among them.
        voxel_count: Number of voxels; a segment without any may mean nothing.
    """

    name: str
    value: int
    layer: int = 0
    tags: Mapping[str, str] = field(default_factory=dict)
    voxel_count: int = 1


def segment_id(label: Label) -> str:
    """The id of a label's segment, in files and nodes; it never changes, as the label's id does not."""
    return f"SemanticSeg_{label.id}"


def segment_tags(tree: LabelTree, label: Label, algorithm_type: str = "AUTOMATIC") -> dict[str, str]:
    """Tags of a label's segment.

    Args:
        tree: Gives the path.
        label: The label.
        algorithm_type: DICOM's word for who drew it: `AUTOMATIC`, `SEMIAUTOMATIC` or `MANUAL`.
    """
    tags = {ID_TAG: str(label.id), PATH_TAG: _tag_text(tree.path(label.id)), "DICOM.SegmentAlgorithmType": algorithm_type}
    if algorithm_type != "MANUAL":
        tags["DICOM.SegmentAlgorithmName"] = "SemanticSeg"
    if label.terminology is not None:
        tags[TERMINOLOGY_TAG] = terminology_entry(label.terminology)
    return tags


def terminology_entry(terminology: Terminology) -> str:
    """Codes as Slicer stores them: `context~category~type~modifier~region context~region~region modifier`."""
    kind = (terminology.category, terminology.type, terminology.type_modifier)
    region = (terminology.region, terminology.region_modifier)
    return "~".join([TYPE_CONTEXT, *(_triple(code) for code in kind), REGION_CONTEXT, *(_triple(code) for code in region)])


def terminology_of(entry: str) -> Terminology | None:
    """Codes of what Slicer stores for a segment; None where it says nothing: no category, or no type but 'Tissue'."""
    parts = entry.split("~")
    if len(parts) != 7:
        return None
    category, kind, modifier, region, region_modifier = (_code(parts[index]) for index in (1, 2, 3, 5, 6))
    if category is None or kind is None or (kind.scheme, kind.value) == UNSAID:
        return None
    return Terminology(category, kind, modifier, region, region_modifier)


def match_segments(
    segments: Sequence[Segment], tree: LabelTree, unknown_values: Iterable[int] = (), what: str = "segmentation"
) -> tuple[list[Label | None], list[str]]:
    """The label each segment means, None for one that means unknown, and notes on what was not plain.

    A segment is recognized by the label id it carries, else by its path, name, terminology, or, where its name is one that
    Slicer made up, by its value.

    Args:
        segments: The segments.
        tree: The tree.
        unknown_values: Values of segments that mean unknown, besides those the tree lists.
        what: Where the segments come from, for messages.

    Raises:
        InputError: If segments with voxels fit no label and are not declared unknown; the message names them.
    """
    index = _Index(tree)
    unknown = {*tree.ignored_values, *unknown_values}
    labels, notes, strangers = [], [], []
    for segment in segments:
        label, doubt = index.find(segment)
        if label is None and segment.voxel_count and segment.value not in unknown:
            strangers.append(segment)
        elif doubt:
            notes.append(f"{what}: segment '{segment.name}' was taken for {tree.path(label.id)} {doubt}")
        labels.append(label)
    if strangers:
        listed = ", ".join(f"'{segment.name}' (value {segment.value})" for segment in strangers[:LISTED])
        more = f" and {len(strangers) - LISTED} more" if len(strangers) > LISTED else ""
        raise InputError(
            f"{what}: {len(strangers)} segments fit no label of the tree '{tree.title}': {listed}{more}; "
            "rename them after labels, or, if they mean unknown, list their values with --unknown-values"
        )
    return labels, notes


class _Index:
    """Labels by everything a segment may be recognized by; what several labels share recognizes none."""

    def __init__(self, tree: LabelTree) -> None:
        self.tree = tree
        self.paths = {_tag_text(path): label for path, label in tree.by_path.items()}
        flat = flat_names(tree)
        self.names = _unique((name.casefold(), label) for label in tree for name in {label.name, flat[label.id]})
        self.codes = _unique((_code_key(terminology_entry(label.terminology)), label) for label in tree if label.terminology)

    def find(self, segment: Segment) -> tuple[Label | None, str]:
        """The label and, where it is not beyond doubt, by what it was recognized."""
        label_id, path = segment.tags.get(ID_TAG, ""), segment.tags.get(PATH_TAG, "")
        if label_id.isdigit() and int(label_id) in self.tree:
            label = self.tree[int(label_id)]
            moved = path not in ("", _tag_text(self.tree.path(label.id)))
            return label, f"by its id; it was {path} when drawn" if moved else ""
        for key in (path, segment.name):
            if key in self.paths:
                return self.paths[key], ""
        name = segment.name.strip().casefold()
        if name in self.names:
            return self.names[name], ""
        code = _code_key(segment.tags.get(TERMINOLOGY_TAG, ""))
        if code in self.codes:
            return self.codes[code], "by its terminology"
        automatic = AUTOMATIC_NAME.fullmatch(segment.name.strip())
        if automatic and int(automatic[1]) == segment.value and segment.value in self.tree.by_value:
            return self.tree.by_value[segment.value], f"by its value {segment.value}"
        return None, ""


def _unique(pairs: Iterable[tuple[object, Label]]) -> dict[object, Label]:
    found: dict[object, list[Label]] = {}
    for key, label in pairs:
        found.setdefault(key, []).append(label)
    return {key: labels[0] for key, labels in found.items() if key is not None and len(labels) == 1}


def _triple(code: Code | None) -> str:
    if code is None:
        return "^^"
    return "^".join(re.sub(r"[~^|]", " ", text) for text in (code.scheme, code.value, code.meaning))


def _code(triple: str) -> Code | None:
    parts = triple.split("^")
    return Code(*parts) if len(parts) == 3 and parts[0] and parts[1] else None


def _code_key(entry: str) -> tuple[tuple[str, str], ...] | None:
    """Scheme and value of type, modifier, region and its modifier; None where the entry says nothing."""
    parts = entry.split("~")
    if len(parts) != 7:
        return None
    key = tuple(tuple((parts[index].split("^") + ["", ""])[:2]) for index in (2, 3, 5, 6))
    return None if key[0] in (UNSAID, ("", "")) else key


def _tag_text(text: str) -> str:
    """Text as a tag can hold it: Slicer ends a tag at a bar."""
    return text.replace("|", "¦")
