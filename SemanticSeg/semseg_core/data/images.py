"""Volumes and label maps from files, and to files."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from semseg_core.data.image_files import ImageFile, read_image_file, resample_linear, write_image_file
from semseg_core.data.volume import LabelMap, Volume
from semseg_core.errors import InputError
from semseg_core.geometry import Grid

SINGLE_CHANNEL = "image"
"""Name of the only channel of an image nobody named."""

FRAME = re.compile(r"(?P<path>.+)#(?P<frame>\d+)")
"""`FILE#3`: frame or component 3 of a file, counted from 0."""

NoteSink = Callable[[str], None]
"""Takes one sentence the user should read."""


def ignore_note(note: str) -> None:
    """A note sink that drops everything."""


def read_volume(sources: Sequence[str | Path], channels: Sequence[str] = (), on_note: NoteSink = ignore_note) -> Volume:
    """Read an image of one or several channels.

    The first source defines the grid; the others are interpolated linearly onto it. A source with several frames or components
    (4D, RGB, vector) is taken as channels only where `channels` names them all.

    Args:
        sources: Image files; `FILE#3` picks frame or component 3 of a file, counted from 0.
        channels: One name per channel over all sources, in order; may be empty where every source is scalar.
        on_note: Told what was assumed or changed.

    Raises:
        InputError: If a file cannot be read, names and channels do not agree in number, or a channel holds NaN, infinity, or the
            same value everywhere.
    """
    if not sources:
        raise InputError("image: no file was given; name at least one")
    files = [_read_source(source) for source in sources]
    names = _channel_names(sources, [len(file.frames) for file in files], tuple(channels))
    grid = files[0].grid
    parts = []
    remaining = iter(names)
    for source, file in zip(sources, files, strict=True):
        for note in file.notes:
            on_note(note)
        frames = np.stack([intensities(frame, f"image {source}, channel '{next(remaining)}'") for frame in file.frames])
        if not file.grid.same_as(grid):
            frames = brought_onto(frames, file.grid, grid, f"image {source}", str(sources[0]), on_note)
        parts.append(frames)
    return Volume(np.concatenate(parts), grid, names)


def read_label_map(path: str | Path, on_note: NoteSink = ignore_note) -> LabelMap:
    """Read a label map; one stored as floating point is accepted where it holds whole numbers.

    Raises:
        InputError: If it cannot be read, has several frames or components, or holds something else than whole numbers.
    """
    file = read_image_file(path, "label map")
    for note in file.notes:
        on_note(note)
    return label_map(file, f"label map {path}")


def label_map(file: ImageFile, source: str) -> LabelMap:
    """The only frame of a file as label values.

    Raises:
        InputError: If it has several frames, or holds something else than whole numbers.
    """
    if len(file.frames) > 1:
        raise InputError(f"{source}: has {len(file.frames)} values per voxel (4D or color); save the wanted one by itself")
    values = file.frames[0]
    if not np.issubdtype(values.dtype, np.integer):
        whole = np.isfinite(values) & (np.abs(values) < 2**31)
        whole[whole] = values[whole] == np.rint(values[whole])
        if not whole.all():
            raise InputError(f"{source}: holds {values[~whole][0]}, but label values are whole numbers; is this an image?")
        values = values.astype(np.int32)
    return LabelMap(values, file.grid, source)


def write_volume(path: str | Path, array: np.ndarray, grid: Grid, what: str = "volume") -> None:
    """Write a scalar map, (D, H, W), as float32; see `write_image_file` for formats and errors."""
    write_image_file(path, np.asarray(array, dtype=np.float32), grid, what)


def write_label_map(path: str | Path, array: np.ndarray, grid: Grid, what: str = "label map") -> None:
    """Write label values, (D, H, W), in the smallest usual integer dtype; see `write_image_file` for formats and errors."""
    write_image_file(path, compact(array), grid, what)


def compact(values: np.ndarray) -> np.ndarray:
    """Label values in the smallest of uint8, int16 and int32 that holds them: types every format and viewer knows."""
    for dtype in (np.uint8, np.int16, np.int32):
        limits = np.iinfo(dtype)
        if values.size == 0 or (limits.min <= values.min() and values.max() <= limits.max):
            return values.astype(dtype)
    raise InputError(f"label map: value {int(values.max())} is too large to be stored; use values below 2147483648")


def _read_source(source: str | Path) -> ImageFile:
    """The frames of a source: all, or the one it names."""
    named = FRAME.fullmatch(str(source))
    if named is None or Path(source).exists():
        return read_image_file(source, "image")
    file = read_image_file(named["path"], "image")
    frame = int(named["frame"])
    if frame >= len(file.frames):
        raise InputError(f"image {source}: has no frame {frame}; its frames are 0 to {len(file.frames) - 1}")
    return ImageFile(file.frames[frame : frame + 1], file.grid, file.metadata, file.notes)


def _channel_names(sources: Sequence[str | Path], counts: Sequence[int], channels: tuple[str, ...]) -> tuple[str, ...]:
    total = sum(counts)
    if len(channels) == total:
        return channels
    source, count = max(zip(sources, counts, strict=True), key=lambda pair: pair[1])
    if channels:
        found = ", ".join(f"{source} has {count}" for source, count in zip(sources, counts, strict=True))
        wanted = f"{len(channels)} channel{'s' if len(channels) > 1 else ''} ({', '.join(channels)})"
        frame = f"; one frame of a file is {source}#0, counted from 0" if count > 1 else ""
        raise InputError(f"image: {total} channels were given ({found}), but {wanted} named; give or name exactly these{frame}")
    if count > 1:
        raise InputError(
            f"image {source}: has {count} values per voxel (4D or color); name them as channels with --channels a,b,…, "
            f"or pick one, counted from 0, as {source}#0"
        )
    return (SINGLE_CHANNEL,) if total == 1 else tuple(f"{SINGLE_CHANNEL}{index}" for index in range(1, total + 1))


def brought_onto(frames: np.ndarray, grid: Grid, target: Grid, what: str, others: str, on_note: NoteSink) -> np.ndarray:
    """Frames, (F, D, H, W) float32, interpolated linearly onto another grid; beyond its edge each has its lowest value.

    Args:
        frames: Channels on `grid`.
        grid: Where they lie.
        target: Where they are wanted.
        what: What they are, for messages.
        others: What lies on `target`, for messages.
        on_note: Told that this was done.

    Raises:
        InputError: If the two grids have no voxel in common.
    """
    resampled = resample_linear(frames, grid, target)
    outside = np.isnan(resampled)
    if outside.all():
        raise InputError(f"{what}: does not overlap with {others}; register it to that image first")
    share = f"; {outside.mean():.0%} of the voxels lie outside it and got its lowest value" if outside.any() else ""
    on_note(f"{what}: interpolated linearly onto the grid of {others}{share}")
    return np.where(outside, frames.min(axis=(1, 2, 3), keepdims=True), resampled)


def intensities(frame: np.ndarray, what: str) -> np.ndarray:
    """A channel, (D, H, W), as float32, if a network can learn from it.

    Raises:
        InputError: If it is complex, holds NaN or infinity, or the same value everywhere; `what` names it.
    """
    if np.iscomplexobj(frame):
        raise InputError(f"{what}: holds complex numbers; save magnitude or phase as an image")
    with np.errstate(over="ignore"):
        values = frame.astype(np.float32)
    broken = values.size - int(np.isfinite(values).sum())
    if broken:
        raise InputError(f"{what}: {broken} voxels are NaN or infinite; replace them, for example by 0, before use")
    if values.min() == values.max():
        raise InputError(f"{what}: has the value {values.flat[0]:g} everywhere; is it the right file?")
    return values
