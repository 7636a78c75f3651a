"""Where files of the user go on each system, whatever system the tests run on."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

from semseg_core.user_folders import cache_folder, data_folder, make_private


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A user whose name is not plain ASCII."""
    home = tmp_path / "Zoë"
    monkeypatch.setattr(Path, "home", lambda: home)
    for variable in ("XDG_CACHE_HOME", "XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(variable, raising=False)
    return home


@pytest.mark.parametrize(
    ("system", "cache", "data"),
    [
        ("linux", ".cache/semanticseg", ".local/share/semanticseg"),
        ("darwin", "Library/Caches/SemanticSeg", "Library/Application Support/SemanticSeg"),
        ("win32", "AppData/Local/SemanticSeg/Cache", "AppData/Local/SemanticSeg/Data"),
    ],
)
def test_every_system_has_its_place(home: Path, monkeypatch: pytest.MonkeyPatch, system: str, cache: str, data: str) -> None:
    monkeypatch.setattr(sys, "platform", system)
    assert (cache_folder(), data_folder()) == (home / cache, home / data)


def test_a_user_may_have_moved_them(home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "fast"))
    monkeypatch.setenv("XDG_DATA_HOME", "relative/is/ignored")
    assert (cache_folder(), data_folder()) == (tmp_path / "fast" / "semanticseg", home / ".local/share/semanticseg")
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    assert cache_folder() == tmp_path / "local" / "SemanticSeg" / "Cache"


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of folders are inherited from the user's profile there")
def test_nobody_else_may_look_in(tmp_path: Path) -> None:
    folder = make_private(tmp_path / "new" / "private")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert make_private(folder) == folder
