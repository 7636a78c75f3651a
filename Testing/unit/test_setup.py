"""The set-up of `.venv`: which Python it takes, which PyTorch, what it keeps, removes and refuses, in which words."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def tool():
    """The set-up tool as it is."""
    specification = importlib.util.spec_from_file_location("setup_tool", ROOT / "tools" / "setup.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture
def setup(tool, tmp_path, monkeypatch):
    """The tool in an empty folder, where pip always succeeds and installs nothing; `setup.pip_runs` lists its runs."""
    folder = tmp_path / ".venv"
    for name in ("LOG", "INSTALLED", "UNFINISHED", "CHECKED"):
        monkeypatch.setattr(tool, name, folder / getattr(tool, name).name)
    monkeypatch.setattr(tool, "VENV", folder)
    monkeypatch.setattr(tool, "ROOT", tmp_path)
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text(encoding="utf-8"), encoding="utf-8")
    tool.pip_runs = []
    monkeypatch.setattr(tool, "pip", lambda *arguments: tool.pip_runs.append(arguments) or True)
    monkeypatch.setattr(tool, "check", lambda: None)
    monkeypatch.setattr(tool, "require_platform", lambda: None)
    monkeypatch.setattr(tool, "require_space", lambda torch: None)
    monkeypatch.setattr(tool.venv, "create", lambda folder, **options: (folder / "pyvenv.cfg").touch())
    monkeypatch.setenv("TORCH", "cpu")
    return tool


def test_the_second_run_does_nothing(setup):
    assert setup.main() == 0
    first = list(setup.pip_runs)
    assert first[-1] == ("--editable", ".[dev]")
    assert setup.main() == 0
    assert setup.pip_runs == first


def test_a_set_up_that_was_broken_off_is_begun_anew(setup, monkeypatch):
    def interrupted(*_):
        (setup.VENV / "half a package").touch()
        raise KeyboardInterrupt

    whole = setup.pip
    monkeypatch.setattr(setup, "pip", interrupted)
    assert setup.main() == 130
    monkeypatch.setattr(setup, "pip", whole)
    assert setup.main() == 0
    assert not (setup.VENV / "half a package").exists()
    assert not setup.UNFINISHED.exists()


def test_a_new_requirement_updates_and_a_linters_setting_does_not(setup):
    setup.main()
    marker = setup.VENV / "kept"
    marker.touch()
    before = len(setup.pip_runs)
    pyproject = setup.ROOT / "pyproject.toml"
    text = pyproject.read_text(encoding="utf-8")
    pyproject.write_text(text.replace("line-length = 130", "line-length = 131"), encoding="utf-8")
    setup.main()
    assert len(setup.pip_runs) == before
    pyproject.write_text(text.replace('"tqdm>=4.60"', '"tqdm>=4.61"'), encoding="utf-8")
    setup.main()
    assert setup.pip_runs[before:] == [("--editable", ".[dev]")]
    assert marker.exists()


def test_an_update_without_a_network_keeps_the_old_environment(setup, monkeypatch, capsys):
    setup.main()
    pyproject = setup.ROOT / "pyproject.toml"
    pyproject.write_text(pyproject.read_text(encoding="utf-8").replace("tqdm>=4.60", "tqdm>=4.61"), encoding="utf-8")
    setup.LOG.write_text("ERROR: No matching distribution found for tqdm>=4.61\n", encoding="utf-8")
    monkeypatch.setattr(setup, "pip", lambda *arguments: False)
    assert setup.main() == 3
    assert "No matching distribution found for tqdm>=4.61. Check the network and run again" in capsys.readouterr().err
    assert not setup.UNFINISHED.exists()
    assert (setup.VENV / "pyvenv.cfg").exists()


def test_another_pytorch_makes_another_environment(setup, monkeypatch):
    setup.main()
    monkeypatch.setenv("TORCH", "cuda")
    setup.main()
    assert json.loads(setup.INSTALLED.read_text(encoding="utf-8"))["torch"] == "cuda"
    monkeypatch.delenv("TORCH")
    before = len(setup.pip_runs)
    setup.main()
    assert len(setup.pip_runs) == before, "without TORCH, what is installed stays"


def test_an_environment_of_somebody_else_is_left_alone(setup, capsys):
    setup.VENV.mkdir()
    theirs = setup.VENV / "pyvenv.cfg"
    theirs.write_text("theirs", encoding="utf-8")
    assert setup.main() == 3
    assert "was not made by this set-up; move or delete it" in capsys.readouterr().err
    assert theirs.read_text(encoding="utf-8") == "theirs"


@pytest.mark.skipif(sys.platform != "linux", reason="only on Linux does PyPI's PyTorch bring CUDA")
def test_the_cpu_build_is_asked_for_where_it_may_be_before_the_large_one_is_taken(setup, monkeypatch, capsys):
    monkeypatch.setattr(setup, "pip", lambda *arguments: setup.pip_runs.append(arguments) or "+cpu" not in arguments[0])
    setup.install_torch("cpu")
    assert [run[0].partition("+")[2] for run in setup.pip_runs] == ["cpu", "cpu", ""]
    assert setup.CPU_INDEX in setup.pip_runs[1]
    assert "several GB of CUDA" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("stderr", "remedy"),
    [
        ("ImportError: libGL.so.1: cannot open shared object file: No such file", "sudo apt install libgl1"),
        ("ImportError: libodd.so.3: cannot open shared object file: No such file", "the package that has libodd.so.3"),
        ("ValueError: numpy.dtype size changed", "delete"),
    ],
)
def test_what_cannot_be_imported_is_told_with_its_remedy(tool, monkeypatch, stderr, remedy):
    answer = subprocess.CompletedProcess([], 1, "", f"Traceback…\n{stderr}\n")
    monkeypatch.setattr(tool.subprocess, "run", lambda *arguments, **options: answer)
    with pytest.raises(tool.SetupError, match=remedy):
        tool.check()


@pytest.mark.parametrize(("platform", "machine"), [("linux", "x86_64"), ("darwin", "arm64"), ("win32", "AMD64")])
def test_a_processor_with_all_wheels_is_taken(tool, monkeypatch, platform, machine):
    monkeypatch.setattr(tool.sys, "platform", platform)
    monkeypatch.setattr(tool.platform, "machine", lambda: machine)
    tool.require_platform()


@pytest.mark.parametrize(("platform", "machine"), [("linux", "aarch64"), ("darwin", "x86_64")])
def test_a_processor_without_wheels_is_refused_in_one_sentence(tool, monkeypatch, platform, machine):
    monkeypatch.setattr(tool.sys, "platform", platform)
    monkeypatch.setattr(tool.platform, "machine", lambda: machine)
    with pytest.raises(tool.SetupError, match=f"{platform} {machine}.*slicer-core.*use x86-64 Linux"):
        tool.require_platform()


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for Python is a shell script")
@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("printf 3.10", "Python 3.11, 3.12 or 3.13 is needed, found 3.10 at "),
        ("printf 3.12; exit 1", "sudo apt install python3.12-venv"),
        ("exit 127", "is needed, found none of: "),
    ],
    ids=["too old", "no venv module", "not there"],
)
def test_an_unsuitable_python_gives_one_sentence_with_the_remedy(tmp_path, body, sentence):
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    python.chmod(0o755)
    environment = {**os.environ, "PYTHON": str(python)}
    run = subprocess.run(["sh", ROOT / "tools" / "setup.sh"], env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 3
    assert sentence in run.stderr
    assert run.stderr.count("\n") == 1
