"""Where this user's files belong on each system: what may be deleted at any time, and what is kept."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def cache_folder() -> Path:
    """The folder for what may be deleted at any time; it need not exist yet."""
    if sys.platform == "win32":
        return _local_data() / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "SemanticSeg"
    return _xdg("XDG_CACHE_HOME", ".cache")


def data_folder() -> Path:
    """The folder for what the user wants to keep, models above all; it need not exist yet."""
    if sys.platform == "win32":
        return _local_data() / "Data"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "SemanticSeg"
    return _xdg("XDG_DATA_HOME", ".local/share")


def make_private(folder: Path) -> Path:
    """The folder, made where it is missing so that only this user may look into it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _local_data() -> Path:
    """Short, as paths on Windows may have 260 characters; not the roaming folder, which is copied at every log-in."""
    base = os.environ.get("LOCALAPPDATA")
    return (Path(base) if base else Path.home() / "AppData" / "Local") / "SemanticSeg"


def _xdg(variable: str, usual: str) -> Path:
    base = Path(os.environ.get(variable, ""))
    return (base if base.is_absolute() else Path.home() / usual) / "semanticseg"  # the standard says: ignore relative ones
