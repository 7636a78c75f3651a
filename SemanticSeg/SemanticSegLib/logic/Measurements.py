"""Volumes of labels: for every label of the tree that a result shows, and for the groups above it."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from slicer.i18n import tr as _

from semseg_core.files import write_text
from semseg_core.labels.tree import LabelTree


@dataclass(frozen=True)
class LabelVolume:
    """How large a label is.

    Args:
        labelId: The label.
        name: Its name.
        path: Its names from the root on.
        level: Its depth; the root is 0.
        voxels: Voxels answered with it or a label below it.
        milliliters: Their volume.
    """

    labelId: int
    name: str
    path: str
    level: int
    voxels: int
    milliliters: float


def labelVolumes(tree: LabelTree, voxels: Mapping[int, int], voxelMl: float) -> tuple[LabelVolume, ...]:
    """Volumes of all labels that have any, in the order of the tree; a group holds what lies below it and its own answers.

    Args:
        tree: The tree.
        voxels: Voxels answered with each label itself, by label id.
        voxelMl: Volume of one voxel in milliliters.
    """
    sums = [voxels.get(label.id, 0) for label in tree]
    for position in range(len(tree) - 1, 0, -1):  # depth-first order: children come after their parent
        sums[tree.parent_positions[position]] += sums[position]
    return tuple(
        LabelVolume(label.id, label.name, path, depth, count, count * voxelMl)
        for label, path, depth, count in zip(tree, tree.by_path, tree.depths, sums, strict=True)
        if count
    )


def tableColumns(volumes: tuple[LabelVolume, ...]) -> list[tuple[str, list[object]]]:
    """Titles and cells of a table of volumes."""
    return [
        (_("Label"), [volume.name for volume in volumes]),
        (_("Level"), [volume.level for volume in volumes]),
        (_("Voxels"), [volume.voxels for volume in volumes]),
        (_("Volume (mL)"), [round(volume.milliliters, 4) for volume in volumes]),
        (_("Path"), [volume.path for volume in volumes]),
    ]


def writeCsv(path: str | Path, volumes: tuple[LabelVolume, ...]) -> None:
    """Write a table of volumes; an earlier file is replaced whole or not at all.

    Raises:
        InputError: If the file cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    columns = tableColumns(volumes)
    writer.writerow([title for title, _cells in columns])
    writer.writerows(zip(*(cells for _title, cells in columns), strict=True))
    write_text(path, text.getvalue(), "table of volumes")
