"""Writing files: nothing half-written, nothing earlier damaged."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from semseg_core.errors import InputError
from semseg_core.files import replacing, require_file, require_writable, write_text


def test_a_write_that_succeeds_replaces_the_file_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    target = tmp_path / "a.seg.nrrd"
    target.write_text("old")
    with replacing(target) as temporary:
        assert temporary.name == target.name
        assert target.read_text() == "old"
        temporary.write_text("new")
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("error", [RuntimeError("bug"), KeyboardInterrupt(), OSError(errno.EIO, "device")])
def test_a_write_that_fails_leaves_the_earlier_file_and_nothing_else(tmp_path: Path, error: BaseException) -> None:
    target = tmp_path / "a.json"
    target.write_text("old")

    def fail() -> None:
        with replacing(target) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(InputError if isinstance(error, OSError) else type(error)):
        fail()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_told_as_such(tmp_path: Path, number: int) -> None:
    def fail() -> None:
        with replacing(tmp_path / "a.json", "model"):
            raise OSError(number, "no room")

    with pytest.raises(InputError, match=r"model .*a\.json: the disk is full; free some space"):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_a_body_that_writes_nothing_is_told_and_keeps_the_earlier_file(tmp_path: Path) -> None:
    target = tmp_path / "a.json"
    target.write_text("old")
    with pytest.raises(InputError, match="cannot be written"), replacing(target):
        pass
    assert target.read_text() == "old"


def test_text_is_utf8_with_plain_line_ends(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "Hirnstamm – größer\n")
    assert (tmp_path / "a.txt").read_bytes() == "Hirnstamm – größer\n".encode()


def test_files_get_the_permissions_the_user_set_for_new_ones(tmp_path: Path) -> None:
    if os.name != "posix":
        pytest.skip("permissions of POSIX")
    (tmp_path / "plain").write_text("")
    write_text(tmp_path / "ours", "")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_an_input_is_refused_by_what_is_wrong_with_it(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "good").write_text("x")
    for name, words in (("none", "no such file"), (".", "is a directory"), ("empty", "is empty")):
        with pytest.raises(InputError, match=f"image .*{words}"):
            require_file(tmp_path / name, "image")
    assert require_file(str(tmp_path / "good"), "image") == tmp_path / "good"
    with pytest.raises(InputError, match="image .*cannot be read|no such file"):
        require_file(tmp_path / ("x" * 300), "image")


def test_an_output_is_refused_before_long_work(tmp_path: Path) -> None:
    assert require_writable(tmp_path / "new.json", "output") == tmp_path / "new.json"
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InputError, match="is a directory"):
        require_writable(tmp_path, "output")
    with pytest.raises(InputError, match="does not exist; create it first"):
        require_writable(tmp_path / "no" / "new.json", "output")


def test_a_folder_that_takes_no_files_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Real read-only folders are tried through the command line; root may write everywhere.
    def refuse(*args: object, **options: object) -> None:
        del args, options
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("semseg_core.files.tempfile.NamedTemporaryFile", refuse)
    with pytest.raises(InputError, match=r"cannot be written \(Permission denied\); choose another folder"):
        require_writable(tmp_path / "a.json", "output")
