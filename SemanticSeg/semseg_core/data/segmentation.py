"""Segmentations in files: Slicer's `.seg.nrrd`, or a label map with a color table beside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from semseg_core.data.image_files import ImageFile, read_image_file, write_image_file
from semseg_core.data.images import compact, label_map
from semseg_core.data.seg_nrrd import SUFFIX, header_of, segments_of
from semseg_core.data.segments import Segment, match_segments
from semseg_core.errors import InputError
from semseg_core.geometry import Grid
from semseg_core.labels.encode import values_to_ids
from semseg_core.labels.tree import LabelTree

CONTESTED = -1
"""Position of a voxel claimed by labels none of which covers the other."""

FREE = -2
"""Position of a voxel nobody claims; below all others, so that any claim is larger."""


@dataclass(frozen=True, eq=False)
class ReadSegmentation:
    """A segmentation in the values of a tree.

    Args:
        values: Label values, (D, H, W) int32; 0 where unknown.
        grid: Where the voxels lie.
        notes: What was assumed or resolved while reading.
    """

    values: np.ndarray
    grid: Grid
    notes: tuple[str, ...] = ()


def write_segmentation(
    path: str | Path, values: np.ndarray, grid: Grid, tree: LabelTree, algorithm_type: str = "AUTOMATIC"
) -> tuple[Path, ...]:
    """Write a segmentation on its grid.

    `.seg.nrrd` holds one segment per label found, with name, color, terminology, id, path and the whole tree. Any other format
    is a plain label map, and its names and colors go to a color table beside it (`result.nii.gz` → `result.ctbl`).

    Args:
        path: Where to; the suffix chooses the format.
        values: Label values of the tree, (D, H, W) integers; 0 where unknown.
        grid: Where the voxels lie.
        tree: Says what the values mean.
        algorithm_type: DICOM's word for who drew it: `AUTOMATIC`, `SEMIAUTOMATIC` or `MANUAL`.

    Returns:
        The files written.

    Raises:
        InputError: If a value is not in the tree, or the file cannot be written.
    """
    from semseg_core.labels.reading import save_tree

    path = Path(path)
    found = set(np.unique(values_to_ids(np.unique(values), tree, what=f"segmentation {path}")).tolist())
    if path.name.lower().endswith(SUFFIX):
        header = header_of([label for label in tree if label.id in found], grid, tree, algorithm_type)
        write_image_file(path, compact(values), grid, "segmentation", header)
        return (path,)
    write_image_file(path, compact(values), grid, "segmentation")
    table = path.with_name(path.name.removesuffix(".gz")).with_suffix(".ctbl")
    save_tree(table, tree)
    return path, table


def read_segmentation(
    path: str | Path, tree: LabelTree, unknown_values: Iterable[int] = (), role: str = "segmentation"
) -> ReadSegmentation:
    """Read a `.seg.nrrd`, or a label map in the values of the tree.

    Segments are matched to labels by `match_segments`. Where segments overlap, a label inside the other wins; a voxel claimed
    by labels that exclude each other becomes unknown.

    Args:
        path: The file.
        tree: Says what the values mean.
        unknown_values: Values that mean unknown, besides those the tree lists.
        role: What the file is to the user, for messages.

    Raises:
        InputError: If the file cannot be read, or a value or segment belongs to no label.
    """
    what = f"{role} {path}"
    file = read_image_file(path, role)
    segments = segments_of(file.metadata, len(file.frames))
    if segments:
        values, notes = values_of_segments(file.frames, segments, tree, unknown_values, what)
    else:
        values, notes = _values_of_label_map(file, tree, unknown_values, what), []
    return ReadSegmentation(values, file.grid, (*file.notes, *notes))


def _values_of_label_map(file: ImageFile, tree: LabelTree, unknown_values: Iterable[int], what: str) -> np.ndarray:
    stored = label_map(file, what).array
    found = np.unique(stored)
    ids = values_to_ids(found, tree, unknown_values, what)
    values = stored.astype(np.int32)
    for unknown in found[(ids == 0) & (found != 0)]:
        values[stored == unknown] = 0
    return values


@dataclass(frozen=True, eq=False)
class _Layer:
    """One label map of several that overlap: how often each value occurs, ascending, and which of them each voxel has."""

    counts: dict[int, int]
    index: np.ndarray

    @classmethod
    def of(cls, stored: np.ndarray) -> _Layer:
        values = np.unique(stored)
        index = np.searchsorted(values, stored)
        return cls(dict(zip(values.tolist(), np.bincount(index.ravel()).tolist(), strict=True)), index.astype(np.int32))


def values_of_segments(
    frames: np.ndarray, segments: Sequence[Segment], tree: LabelTree, unknown_values: Iterable[int], what: str
) -> tuple[np.ndarray, list[str]]:
    """Label values, (D, H, W) int32, of segments that lie in layers, and notes; the rules are those of `read_segmentation`.

    Args:
        frames: The layers, (F, D, H, W) integers.
        segments: The segments; each names its layer and its value therein.
        tree: Says what the segments mean.
        unknown_values: Values of segments that mean unknown, besides those the tree lists.
        what: Where the segments come from, for messages.

    Raises:
        InputError: If a segment with voxels belongs to no label, or cannot be where it says it is.
    """
    layers = [_Layer.of(frame) for frame in frames]
    segments = [_counted(segment, layers, what) for segment in segments]
    labels, notes = match_segments(segments, tree, unknown_values, what)
    overlaps: dict[tuple[int, int], int] = {}
    positions = np.full(frames.shape[1:], FREE, dtype=np.int32)
    for number, layer in enumerate(layers):
        members = {segment.value: label for segment, label in zip(segments, labels, strict=True) if segment.layer == number}
        unclaimed = sum(count for value, count in layer.counts.items() if value != 0 and value not in members)
        if unclaimed:
            notes.append(f"{what}: {unclaimed} voxels belong to no segment; they count as unknown")
        claimed = [members.get(value) for value in layer.counts]
        table = np.array([FREE if label is None else tree.position(label.id) for label in claimed], dtype=np.int32)
        _merge(positions, table[layer.index], tree, overlaps)
    notes += [_overlap_note(what, tree, pair, count) for pair, count in overlaps.items()]
    label_values = np.array([*(label.value for label in tree), 0, 0], dtype=np.int32)  # FREE and CONTESTED count from the end
    return label_values[positions], notes


def _counted(segment: Segment, layers: Sequence[_Layer], what: str) -> Segment:
    """The segment with its number of voxels."""
    if not 0 <= segment.layer < len(layers) or segment.value == 0:
        raise InputError(
            f"{what}: segment '{segment.name}' is said to be value {segment.value} of layer {segment.layer}, which cannot be; "
            "save it again in Slicer"
        )
    return replace(segment, voxel_count=layers[segment.layer].counts.get(segment.value, 0))


def _merge(positions: np.ndarray, added: np.ndarray, tree: LabelTree, overlaps: dict[tuple[int, int], int]) -> None:
    """Add a layer's claims, in place, and count where they meet others.

    The result does not depend on the order of layers: what remains at a voxel is the deepest of labels that all cover one
    another, or that they do not.
    """
    both = (added != FREE) & (positions != FREE)
    positions[~both] = np.maximum(positions, added)[~both]
    pairs, inverse, counts = np.unique(
        np.stack([positions[both], added[both]], axis=1), axis=0, return_inverse=True, return_counts=True
    )
    settled = np.empty(len(pairs), dtype=np.int32)
    for index, (before, now) in enumerate(pairs.tolist()):
        upper, lower = min(before, now), max(before, now)
        covered = upper != CONTESTED and lower < tree.subtree_stops[upper]
        settled[index] = lower if covered else CONTESTED
        if upper not in (CONTESTED, lower):
            overlaps[upper, lower] = overlaps.get((upper, lower), 0) + int(counts[index])
    positions[both] = settled[inverse.reshape(-1)]


def _overlap_note(what: str, tree: LabelTree, pair: tuple[int, int], count: int) -> str:
    upper, lower = (tree.path(tree.labels[position].id) for position in pair)
    result = f"the narrower, {lower}, counts" if pair[1] < tree.subtree_stops[pair[0]] else "these count as unknown"
    return f"{what}: {upper} and {lower} overlap in {count} voxels; {result}"
