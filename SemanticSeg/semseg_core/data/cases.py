"""Which files make a training case: images of one subject, and its scribbles. Names only; nothing is read here but lists."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from semseg_core.errors import InputError
from semseg_core.files import require_file


@dataclass(frozen=True)
class CaseFiles:
    """The files of one case.

    Args:
        images: Image files, one or several channels, in the order of the channel names.
        scribbles: Label map or `.seg.nrrd` with the marks; a dense segmentation serves as well.
    """

    images: tuple[str, ...]
    scribbles: str


def parse_case(text: str) -> CaseFiles:
    """A case from `IMAGE[,IMAGE2…]=SCRIBBLES`; where names hold `=` themselves, it is split where there is such a scribble file.

    Raises:
        InputError: If it does not have that form.
    """
    splits = [(text[:place], text[place + 1 :]) for place, sign in enumerate(text) if sign == "="]
    images, scribbles = next((split for split in splits if Path(split[1]).is_file()), splits[-1] if splits else ("", ""))
    if not images.strip() or not scribbles.strip():
        raise InputError(f"case '{text}': write IMAGE=SCRIBBLES, or IMAGE,IMAGE2=SCRIBBLES for several channels")
    return CaseFiles(split_images(images), scribbles)


def split_images(text: str) -> tuple[str, ...]:
    """Image files from `IMAGE[,IMAGE2…]`; a file whose own name has commas is taken whole where it exists.

    Raises:
        InputError: If a name is empty.
    """
    images = (text,) if Path(text).exists() else tuple(part.strip() for part in text.split(","))
    if not all(images):
        raise InputError(f"images '{text}': a name is empty; separate several files by single commas")
    return images


def read_case_list(path: str | Path) -> tuple[tuple[CaseFiles, ...], tuple[str, ...]]:
    """Cases from a table.

    CSV: a column `scribbles`, every other column is an image channel with its name as header. JSON: a list of objects with
    `images` (a list of files, or an object from channel name to file) and `scribbles`. Relative paths start at the list's folder.

    Returns:
        The cases, and the channel names where the list gives them.

    Raises:
        InputError: If the list has another form, a cell is empty, or cases have different channels.
    """
    path = require_file(path, "case list")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"case list {path}: is not UTF-8 text; save it as UTF-8 CSV or JSON") from error
    rows = _json_rows(text, path) if path.suffix.lower() == ".json" else _csv_rows(text, path)
    if not rows:
        raise InputError(f"case list {path}: holds no case; add a line per case")
    channels = tuple(rows[0][0])
    other = next((images for images, _ in rows if set(images) != set(channels)), None)
    if other is not None:
        both = f"{','.join(channels)} / {','.join(other)}"
        raise InputError(f"case list {path}: cases have different channels ({both}); give all the same")
    cases = tuple(
        CaseFiles(_placed([images[name] for name in channels], path), _placed([scribbles], path)[0]) for images, scribbles in rows
    )
    return cases, () if all(name.isdigit() for name in channels) else channels


def _csv_rows(text: str, path: Path) -> list[tuple[dict[str, str], str]]:
    table = csv.DictReader(io.StringIO(text), strict=True)
    try:
        columns, records = [name for name in table.fieldnames or () if name], list(table)
    except csv.Error as error:
        raise InputError(f"case list {path}: is no CSV ({error}); close its quotes, or save it again") from error
    if "scribbles" not in columns or len(columns) < 2:
        wanted = "a column 'scribbles' and at least one image channel"
        raise InputError(f"case list {path}: the first line must name {wanted}, found {columns}")
    rows = []
    for number, record in enumerate(records, start=1):
        cells = {name: (record.get(name) or "").strip() for name in columns}
        if not all(cells.values()) or None in record:
            raise InputError(f"case list {path}, case {number}: give exactly one file for each of {', '.join(columns)}")
        scribbles = cells.pop("scribbles")
        rows.append((cells, scribbles))
    return rows


def _json_rows(text: str, path: Path) -> list[tuple[dict[str, str], str]]:
    try:
        return [_json_row(record) for record in json.loads(text)]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        form = '[{"images": ["t1.nii.gz"], "scribbles": "marks.nii.gz"}, …]'
        raise InputError(f"case list {path}: is not a JSON list of the form {form}") from error


def _json_row(record: Mapping[str, object]) -> tuple[dict[str, str], str]:
    images, scribbles = record["images"], record["scribbles"]
    named = {str(index): file for index, file in enumerate(images)} if isinstance(images, list) else dict(images)
    if not named or not all(isinstance(file, str) for file in (*named.values(), scribbles)):
        raise TypeError
    return named, scribbles


def _placed(files: Sequence[str], path: Path) -> tuple[str, ...]:
    return tuple(str(path.parent / file) for file in files)
