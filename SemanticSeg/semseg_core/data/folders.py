"""Training cases of a folder, paired by their file names. Names only; nothing is read."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from semseg_core.data.cases import CaseFiles, read_case_list
from semseg_core.errors import InputError

LISTS = ("cases.csv", "cases.json")
"""A list of cases in the folder is believed before any name is looked at."""

SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".mha")

MARKS = re.compile(
    r"scribbles?|strokes?|marks?|seg|segs|segmentations?|labels?(tr|map)?|labelmaps?|masks?|truth|gt|annotations?|dlmuse|aseg|aparc",
    re.IGNORECASE,
)
"""Words by which a file, or the folder it lies in, says that it holds marks and not an image."""

IMAGES = re.compile(r"(images?|imgs?|volumes?|scans?|data)(tr)?", re.IGNORECASE)
"""Names of folders that say nothing about the case."""

DEEPEST = 2
"""Folders within folders that are looked into: `imagesTr/` and `labelsTr/`, or one folder per person."""


@dataclass(frozen=True)
class FoundCases:
    """What a folder holds.

    Args:
        cases: Images and marks that belong together.
        channels: Names of the channels where file names tell them; else empty.
        notes: What was left out and why, as sentences.
    """

    cases: tuple[CaseFiles, ...]
    channels: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def find_cases(folder: str | Path) -> FoundCases:
    """Pair the images of a folder with their scribbles or segmentations.

    A file is taken for marks by a word in its name (`scribbles`, `seg`, `labels`…) or in its folder's; what is left of the name
    says which images it belongs to, and what images have beyond that is their channel: `p1_t1.nii.gz`, `p1_flair.nii.gz` and
    `p1_seg.nii.gz` are one case of the channels `flair` and `t1`. `imagesTr/` with `labelsTr/`, and one folder per person, are
    understood as well. A list `cases.csv` or `cases.json` in the folder is taken as it is.

    Raises:
        InputError: If there is no such folder, or no pair in it; the message says what names would be understood.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"cases {folder}: there is no such folder; choose one that holds images and their segmentations")
    for name in LISTS:
        if (folder / name).is_file():
            return FoundCases(*read_case_list(folder / name))
    files = [path for path in sorted(folder.rglob("*")) if _is_image(path, folder)]
    marks = {path: _key(path, folder) for path in files if _is_marks(path, folder)}
    images: dict[Path, dict[str, Path]] = defaultdict(dict)
    alone = []
    for path in files:
        if path not in marks:
            owner = _owner(_key(path, folder), marks)
            if owner is None:
                alone.append(path)
            else:
                images[owner].setdefault(_channel(_key(path, folder), marks[owner]), path)
    if not images:
        raise InputError(
            f"cases {folder}: no image with its segmentation was found; call them alike, as p1_t1.nii.gz and p1_seg.nii.gz"
        )
    kinds = Counter(tuple(sorted(channels)) for channels in images.values())
    channels = max(kinds, key=lambda kind: (kinds[kind], len(kind)))
    whole = {owner: found for owner, found in images.items() if set(channels) <= set(found)}
    cases = tuple(CaseFiles(tuple(str(found[name]) for name in channels), str(owner)) for owner, found in sorted(whole.items()))
    notes = [
        *_left_out("no image goes with", (path for path in marks if path not in images)),
        *_left_out("no segmentation goes with", alone),
        *_left_out(f"not all of {', '.join(channels)} go with", (path for path in images if path not in whole)),
    ]
    named = not all(name.isdigit() or not name for name in channels)
    return FoundCases(cases, channels if named else (), tuple(notes))


Key = tuple[tuple[str, ...], tuple[str, ...]]
"""Folders that tell cases apart, and the words of the name, marks' words left out."""


def _is_image(path: Path, folder: Path) -> bool:
    parts = path.relative_to(folder).parts
    hidden = any(part.startswith(".") for part in parts)
    return len(parts) <= DEEPEST and not hidden and path.name.lower().endswith(SUFFIXES) and path.is_file()


def _words(path: Path) -> list[str]:
    name = path.name.lower()
    stem = name.removesuffix(next(suffix for suffix in SUFFIXES if name.endswith(suffix)))
    return [word for word in re.split(r"[_\-. ]+", stem) if word]


def _is_marks(path: Path, folder: Path) -> bool:
    parents = path.relative_to(folder).parts[:-1]
    return any(MARKS.fullmatch(word) for word in (*_words(path), *parents))


def _key(path: Path, folder: Path) -> Key:
    parents = path.relative_to(folder).parts[:-1]
    places = tuple(part for part in parents if not MARKS.fullmatch(part) and not IMAGES.fullmatch(part))
    return places, tuple(word for word in _words(path) if not MARKS.fullmatch(word))


def _owner(image: Key, marks: dict[Path, Key]) -> Path | None:
    """The marks whose place and words an image has, those with most words first."""
    fitting = [path for path, (places, words) in marks.items() if places == image[0] and words == image[1][: len(words)]]
    return max(fitting, key=lambda path: len(marks[path][1]), default=None)


def _channel(image: Key, marks: Key) -> str:
    return "_".join(image[1][len(marks[1]) :])


def _left_out(why: str, paths: Iterable[Path]) -> list[str]:
    names = [path.name for path in paths]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return [f"{why} {', '.join(names[:3])}{more}; left out"] if names else []
