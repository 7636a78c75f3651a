"""TotalSegmentator's own lists: `label,name` without codes, and the SNOMED mapping without values.

Each lacks what the other has. The preset `ct-organs` knows both for the 117 classes of the task "total", so it completes either.
"""

from __future__ import annotations

from semseg_core.labels.formats.foreign import ForeignTree
from semseg_core.labels.presets.catalog import load_preset

PRESET = "ct-organs"

SHARE = 0.5
"""A list is taken for one of TotalSegmentator's if at least this share of its names are class names of "total"."""


def complete(foreign: ForeignTree) -> None:
    """Give a flat list of TotalSegmentator's classes their codes, and the values of the task "total" if it has none at all."""
    if foreign.linked or not foreign.labels:
        return
    known = {label.code: label for label in load_preset(PRESET)}
    matches = [(entry, known[entry.name]) for entry in foreign.labels if entry.name in known]
    if len(matches) < SHARE * len(foreign.labels):
        return
    if all(entry.value is None for entry in foreign.labels):
        for entry, label in matches:
            entry.value = label.value
        foreign.notes.append(
            f"{len(matches)} classes got the values of TotalSegmentator's task 'total'; other tasks number them otherwise"
        )
    coded = [(entry, label) for entry, label in matches if entry.terminology is None and label.terminology is not None]
    for entry, label in coded:
        entry.terminology = label.terminology
    if coded:
        foreign.notes.append(f"{len(coded)} classes got the SNOMED codes of TotalSegmentator's mapping")
