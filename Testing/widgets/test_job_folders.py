"""Job folders hold images: who may read them, how long they stay, what of their log is shown."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from SemanticSegLib.logic.JobFolders import LOG_LINES, JobFolders
from SemanticSegLib.logic.Masking import MODULE_FOLDER, masked
from semseg_core.errors import InputError
from semseg_core.job import CANCEL_FILE, DoctorJob, load_job


@pytest.fixture
def folders(tmp_path: Path) -> JobFolders:
    return JobFolders(tmp_path / "cache")


def dead_pid() -> int:
    """The number of a process that has just ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.mark.skipif(sys.platform == "win32", reason="the user's profile is private there")
def test_only_the_user_may_read_them(folders: JobFolders, tmp_path: Path) -> None:
    folder = folders.new()
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert folder.path.is_relative_to(tmp_path / "cache" / "jobs")
    assert folders.new().path != folder.path
    assert len(folder.path.name) < 40


def test_a_job_is_written_and_asked_to_stop(folders: JobFolders) -> None:
    folder = folders.new()
    folder.writeJob(DoctorJob("found.json"))
    assert load_job(folder.path) == DoctorJob(str(folder.path / "found.json"))
    folder.askToStop()
    assert (folder.path / CANCEL_FILE).is_file()
    folder.remove()
    folder.askToStop()
    assert not folder.path.exists()


def test_what_dead_sessions_left_is_swept_and_nothing_else(folders: JobFolders, tmp_path: Path) -> None:
    mine = folders.new()
    host = mine.path.name.split("-")[0]
    names = {
        f"{host}-{dead_pid()}-abc": False,
        f"ffffffff-{dead_pid()}-abc": True,
        f"{host}-{os.getppid()}-abc": True,
        "notes": True,
    }
    for name in names:
        (mine.path.parent / name).mkdir()
        (mine.path.parent / name / "image.nrrd").touch()
    folders.sweep()
    assert {name: (mine.path.parent / name).exists() for name in names} == names
    assert mine.path.exists()
    JobFolders(tmp_path / "never used").sweep()


def test_a_folder_is_kept_for_a_report(folders: JobFolders, tmp_path: Path) -> None:
    folder = folders.new()
    before = folder.path
    folder.writeJob(DoctorJob("found.json"))
    place = folder.keep()
    assert place.parent == tmp_path / "cache" / "kept"
    assert not before.exists()
    assert load_job(place) == DoctorJob(str(place / "found.json"))
    folders.sweep()
    folder.remove()
    assert place.exists()
    place.rename(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="cannot be kept"):
        folder.keep()


def test_a_full_or_forbidden_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("in the way")
    with pytest.raises(InputError, match=r"cannot be written .* free some disk space"):
        JobFolders(tmp_path / "cache").new()


def test_the_end_of_the_log_is_shown_however_long_it_is(folders: JobFolders) -> None:
    folder = folders.new()
    assert folder.logTail() == ""
    folder.logFile.write_bytes(b"\xff\xfe" + b"x" * 300_000 + b"".join(b"\nline %d" % number for number in range(80)))
    lines = folder.logTail().splitlines()
    assert (len(lines), lines[0], lines[-1]) == (LOG_LINES, "line 30", "line 79")


HOME = "/mnt/ann"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"image {HOME}/DOE^JOHN 1931/t1 axial.nii.gz: is empty", "image <path>: is empty"),
        (f"open('{HOME}/Doe, John/x.nii', mode='r')", "open('<path>', mode='r')"),
        (r'File "C:\Users\Ann Doe\scan.nrrd", line 3', 'File "<path>", line 3'),
        (r"read \\server\share\Doe John\x.nii failed", "read <path>"),
        ("D:/data/Doe/x.nii: no", "<path>: no"),
        ("cannot stat ~/Doe/x.nii", "cannot stat <path>"),
        ("3 mm/voxel, 1/2 and n/a stay; 4 / 5 too", "3 mm/voxel, 1/2 and n/a stay; 4 / 5 too"),
        (f'File "{MODULE_FOLDER}/semseg_core/job.py", line 3', 'File "<module>/semseg_core/job.py", line 3'),
        (f"  {sys.prefix}/lib/torch/x.py:7: UserWarning", "  <python>/lib/torch/x.py:7: UserWarning"),
        ("/jobs/j1/case1/image.nrrd: broken", "<job>/case1/image.nrrd: broken"),
        ("file:///mnt/ann/x.nii", "file:<path>"),
    ],
)
def test_paths_are_masked(text: str, shown: str) -> None:
    assert masked(text, Path("/jobs/j1")) == shown
