"""Slicer's CSV color table with terminology, and four columns of ours that keep the tree; Slicer ignores those.

Source:
    Column names: vtkMRMLColorTableStorageNode.cxx of 3D Slicer 5.12 (`LabelValue` is required, the others are optional).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from semseg_core.errors import LabelTreeError
from semseg_core.labels.colors import to_bytes
from semseg_core.labels.formats.color_table import flat_names
from semseg_core.labels.formats.columns import Columns, Row, whole_number
from semseg_core.labels.tree import Label, LabelTree

COLOR_COLUMNS = ("LabelValue", "Name", "Color_R", "Color_G", "Color_B", "Color_A")
CODED = {
    "category": "Category",
    "type": "Type",
    "type_modifier": "TypeModifier",
    "region": "Region",
    "region_modifier": "RegionModifier",
}
CODE_PARTS = {"scheme": "CodingScheme", "value": "CodeValue", "meaning": "CodeMeaning"}
ID, PATH, CODE, LENGTH = "SemanticSeg.LabelId", "SemanticSeg.Path", "SemanticSeg.Code", "SemanticSeg.EdgeLength"


def is_tree_table(header: Sequence[str]) -> bool:
    """Whether a CSV file has the columns that keep the tree."""
    return {"LabelValue", ID, PATH} <= set(header)


def to_csv(tree: LabelTree) -> str:
    """The tree's labels, inner ones too, as a CSV color table in depth-first order."""
    names = flat_names(tree)
    paths = {label.id: path for path, label in tree.by_path.items()}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        [*COLOR_COLUMNS, *(f"{start}_{end}" for start in CODED.values() for end in CODE_PARTS.values()), ID, PATH, CODE, LENGTH]
    )
    for label in tree:
        entries = [None if label.terminology is None else getattr(label.terminology, field) for field in CODED]
        coded = ["" if entry is None else getattr(entry, part) for entry in entries for part in CODE_PARTS]
        own = [label.id, paths[label.id], label.code or "", repr(label.length)]
        cells = [label.value, names[label.id], *to_bytes(label.color), 255, *coded, *own]
        # VTK's reader does not understand doubled quotation marks within a cell.
        writer.writerow([cell.replace('"', "'") if isinstance(cell, str) else cell for cell in cells])
    return text.getvalue()


def read_tree_table(rows: Sequence[Row], header: Sequence[str], title: str) -> LabelTree:
    """The tree of a table that `to_csv` wrote, perhaps edited in a spreadsheet since.

    Raises:
        LabelTreeError: If a label's path, id or value is missing, or the labels are no tree.
    """
    columns = Columns(header, rows)
    ids = {}
    for row in rows:
        path, label_id = str(row[PATH]).strip(), whole_number(row[ID])
        if label_id is None or not path.startswith("/"):
            raise LabelTreeError(f"label '{row.get('Name')}': its {ID} '{row[ID]}' or {PATH} '{path}' is missing; restore it")
        if path in ids:
            raise LabelTreeError(f"label {label_id}: path '{path}' is listed twice; give siblings different names")
        ids[path] = label_id
    labels = []
    for row in rows:
        path = str(row[PATH]).strip()
        above, _, name = path.rpartition("/")
        if above and above not in ids:
            raise LabelTreeError(f"label '{path}': there is no label '{above}' above it; add its row or correct the path")
        value, length = whole_number(row["LabelValue"]), str(row.get(LENGTH) or 1.0)
        try:
            number = float(length)
        except ValueError:
            raise LabelTreeError(
                f"label '{path}': edge length '{length}' is no number; give a finite number, 0 or more"
            ) from None
        if value is None:
            raise LabelTreeError(f"label '{path}': value '{row['LabelValue']}' is no whole number; correct it")
        color = columns.color_of(row)
        if color is None:
            raise LabelTreeError(f"label '{path}': its color is no three numbers within 0…255; correct it")
        labels.append(
            Label(
                ids[path],
                name,
                value,
                ids.get(above),
                color,
                str(row.get(CODE) or "") or None,
                columns.terminology_of(row),
                number,
            )
        )
    return LabelTree(tuple(labels), title)
