"""Writing files so that a full disk, a crash or Ctrl-C never leaves half a file or damages an earlier one."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from semseg_core.errors import InputError

READ_HINTS = {True: "it is a directory; name a file inside it", False: "there is no such file; check the path"}


def require_file(path: str | Path, what: str) -> Path:
    """The path as a `Path`, if it is a readable, non-empty file.

    Args:
        path: What the user gave.
        what: What it should be, for the message ("image", "label tree").

    Raises:
        InputError: If it is missing, a directory, empty, or may not be read.
    """
    path = Path(path)
    try:
        if not path.is_file():
            raise InputError(f"{what} {path}: {READ_HINTS[path.is_dir()]}")
        if path.stat().st_size == 0:
            raise InputError(f"{what} {path}: the file is empty; write or copy it again")
        with path.open("rb"):
            return path
    except OSError as error:
        raise InputError(f"{what} {path}: cannot be read ({error.strerror}); check its permissions") from error


def require_writable(path: str | Path, what: str) -> Path:
    """The path as a `Path`, if a file can be created there; called before long work, not after it.

    Raises:
        InputError: If the folder is missing or read-only, or the path is a directory.
    """
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{what} {path}: is a directory; give a file name")
    folder = path.absolute().parent
    if not folder.is_dir():
        raise InputError(f"{what} {path}: folder {folder} does not exist; create it first")
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".semseg-"):
            return path
    except OSError as error:
        raise InputError(f"{what} {path}: cannot be written ({error.strerror}); choose another folder") from error


@contextmanager
def replacing(path: str | Path, what: str = "output") -> Iterator[Path]:
    """Gives a temporary path beside `path` with the same suffixes; on success it replaces `path`, on any failure it is removed.

    What is made there is a file, or a folder of files where there is none yet.

    Example:
        >>> import tempfile, pathlib
        >>> target = pathlib.Path(tempfile.mkdtemp()) / "a.json"
        >>> with replacing(target) as temporary:
        ...     _ = temporary.write_text("{}")
        >>> target.read_text()
        '{}'

    Raises:
        InputError: If the disk is full or the folder cannot be written; an earlier file stays as it was.
    """
    path = Path(path)
    try:
        # Readers and writers choose the format by suffix (".seg.nrrd", ".nii.gz"), so the temporary name keeps them all.
        folder = tempfile.mkdtemp(dir=path.absolute().parent, prefix=".semseg-")
    except OSError as error:
        raise _unwritable(path, what, error) from error
    temporary = Path(folder) / path.name
    try:
        yield temporary
        for file in temporary.iterdir() if temporary.is_dir() else (temporary,):
            with file.open("rb+") as stream:
                os.fsync(stream.fileno())
        temporary.replace(path)
    except OSError as error:
        raise _unwritable(path, what, error) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write_text(path: str | Path, text: str, what: str = "output") -> None:
    """Write UTF-8 text atomically."""
    with replacing(path, what) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def _unwritable(path: Path, what: str, error: OSError) -> InputError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return InputError(f"{what} {path}: the disk is full; free some space and run again (nothing was overwritten)")
    return InputError(f"{what} {path}: cannot be written ({error.strerror or error}); choose another place")
