"""Texts that a user may show to others: without names of files, folders and people."""

from __future__ import annotations

import re
import sys
from pathlib import Path

MODULE_FOLDER = Path(__file__).resolve().parents[2]

QUOTED_PATH = re.compile(r"""(["'])(?:[A-Za-z]:[\\/]|\\\\|/|~)(?:(?!\1).)*\1""")
"""A path in quotes, which says where it ends."""

BARE_PATH = re.compile(r"""(?<![\w>.<])(?:[A-Za-z]:[\\/]|\\\\|/(?=\S)|~[\\/])[^"'\n:;,]*""")
"""A path without quotes, up to the next sign that usually ends one: rather a word too many is hidden than a name shown."""


def masked(text: str, jobFolder: Path | None = None) -> str:
    """The text with `<job>`, `<module>` and `<python>` for those folders, and `<path>` for any other path.

    Example:
        >>> masked("cannot read /mnt/ann/patient 7/scan.nii: no such file")
        'cannot read <path>: no such file'
    """
    known = {"<job>": jobFolder, "<module>": MODULE_FOLDER, "<python>": Path(sys.prefix), "<base>": Path(sys.base_prefix)}
    for word, folder in known.items():
        for form in () if folder is None else {str(folder), folder.as_posix(), str(folder).replace("\\", "\\\\")}:
            text = text.replace(form, word)
    return BARE_PATH.sub("<path>", QUOTED_PATH.sub(r"\1<path>\1", text))
