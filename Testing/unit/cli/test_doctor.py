"""`semseg doctor` on machines that lack things."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from importlib import metadata
from pathlib import Path

import pytest

from semseg_core import device, examination
from semseg_core.cli import doctor
from semseg_core.errors import DependencyError


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Devices are not tried; test_device.py does that."""
    monkeypatch.setattr(examination, "smoke_test", lambda _: None)


def run(*options: str, progress: str = "bar") -> None:
    """Run the command."""
    parser = argparse.ArgumentParser()
    doctor.add_parser(parser.add_subparsers())
    arguments = parser.parse_args(["doctor", *options])
    arguments.progress = progress  # main adds this option to every command
    arguments.run(arguments, lambda _: None, lambda: False)


def lack(monkeypatch: pytest.MonkeyPatch, *missing: str) -> None:
    """Pretend that packages are not installed."""
    real = metadata.version

    def version(name: str) -> str:
        if name in missing:
            raise metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(examination.metadata, "version", version)


def test_a_working_machine_is_told_so(capsys: pytest.CaptureFixture[str]) -> None:
    run()
    printed = capsys.readouterr().out
    assert printed.rstrip().endswith("Ready to use.")
    assert re.search(r"^  torch +2\.\S+ +training and applying models$", printed, re.MULTILINE)
    assert re.search(r"^  cpu +works +\d+ threads$", printed, re.MULTILINE)


@pytest.mark.usefixtures("quick")
def test_json_holds_the_same_findings(capsys: pytest.CaptureFixture[str]) -> None:
    run("--json")
    found = json.loads(capsys.readouterr().out)
    assert found["usable"] is True
    assert {package["name"] for package in found["packages"]} == {*examination.NEEDED, *examination.OPTIONAL}
    assert found["devices"][-1]["name"] == "cpu"
    assert found["free_disk_gb"] > 0


@pytest.mark.usefixtures("quick")
def test_nothing_but_events_is_printed_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    run(progress="json")
    assert capsys.readouterr().out == ""


@pytest.mark.usefixtures("quick")
def test_without_torch_it_says_how_to_get_it_and_fails_as_a_missing_dependency(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lack(monkeypatch, "torch", "edt")
    with pytest.raises(DependencyError, match="^torch: missing or broken") as caught:
        run()
    assert caught.value.exit_code == 3
    printed = capsys.readouterr().out
    assert f"torch: not installed; {sys.executable} -m pip install torch (in 3D Slicer: install the PyTorch extension)" in printed
    assert "none checked, for want of PyTorch" in printed
    assert re.search(r"^  edt +not installed \(optional\)", printed, re.MULTILINE)
    assert printed.rstrip().endswith("Not usable yet.")


@pytest.mark.usefixtures("quick")
def test_a_package_that_cannot_be_loaded_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    real = examination.importlib.import_module

    def import_module(name: str) -> object:
        if name == "SimpleITK":
            raise ImportError("libitk.so: cannot open shared object file\nmore")
        return real(name)

    monkeypatch.setattr(examination.importlib, "import_module", import_module)
    found = examination.examine()
    assert not found.usable
    assert found.advice[0].startswith("SimpleITK: cannot be loaded: libitk.so: cannot open shared object file; ")
    assert found.advice[0].endswith("-m pip install --force-reinstall SimpleITK")


def test_a_torch_that_crashes_is_told_without_loading_it_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examination, "smoke_test", lambda _: "a small calculation crashed with code -11")
    monkeypatch.setattr(examination, "import_torch", lambda: pytest.fail("loaded in this process"))
    found = examination.examine()
    assert (found.usable, found.devices) == (False, ())
    assert found.advice[0].startswith("torch: a small calculation crashed with code -11; ")


def test_a_broken_gpu_is_told_but_the_cpu_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examination, "available_devices", lambda: ["mps", "cpu"])
    monkeypatch.setattr(examination, "smoke_test", lambda name: None if name == "cpu" else "it calculates wrongly")
    found = examination.examine()
    assert found.usable
    assert found.advice == ("mps: it calculates wrongly.",)
    assert "  mps          it calculates wrongly      Apple GPU" in doctor.lines_of(found)


@pytest.mark.usefixtures("quick")
@pytest.mark.usefixtures("quick")
@pytest.mark.skipif(sys.platform == "win32", reason="a script stands for the driver's own program")
@pytest.mark.parametrize(
    ("says", "cuda", "words"),
    [
        ("echo 'RTX 4070'; echo 'RTX 4070'", None, "this build of PyTorch has no support for it"),
        ("echo 'RTX 4070'", "13.0", "PyTorch does not see it; update its driver"),
        ("echo no devices; exit 9", None, None),
        ("echo", None, None),
    ],
)
def test_a_gpu_that_pytorch_does_not_see_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, says: str, cuda: str | None, words: str | None
) -> None:
    (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\n{says}\n")
    (tmp_path / "nvidia-smi").chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    torch = argparse.Namespace(
        cuda=argparse.Namespace(device_count=lambda: 0), version=argparse.Namespace(cuda=cuda), get_num_threads=lambda: 2
    )
    monkeypatch.setattr(examination, "import_torch", lambda: torch)
    monkeypatch.setattr(examination, "available_devices", lambda: ["cpu"])
    found = examination.examine()
    if words is None:
        assert [device.name for device in found.devices] == ["cpu"]
    else:
        assert [(device.name, device.description) for device in found.devices] == [("cuda", "RTX 4070"), ("cpu", "2 threads")]
        assert words in found.devices[0].fault
        assert any(sentence.startswith(f"cuda: {words}") for sentence in found.advice)


def test_scarce_disk_and_memory_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examination.shutil, "disk_usage", lambda _: argparse.Namespace(free=5e8))
    monkeypatch.setattr(examination, "free_memory_bytes", lambda: 10**9)
    advice = examination.examine().advice
    assert advice[0] == "Only 0.5 GB are free in this folder; make room before training."
    assert advice[1] == "Only 1.0 GB of memory are free; close other programs before training."


@pytest.mark.usefixtures("quick")
def test_memory_that_the_system_does_not_tell_is_unknown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(device, "MEMORY_FILE", str(tmp_path / "none"))
    monkeypatch.setitem(sys.modules, "psutil", None)
    found = examination.examine()
    assert found.free_memory_gb is None
    assert doctor.lines_of(found)[1].endswith("free memory unknown")


def test_memory_is_read_from_linux_or_asked_of_psutil(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:    2048 kB\n")
    monkeypatch.setattr(device, "MEMORY_FILE", str(tmp_path / "meminfo"))
    assert device.free_memory_bytes() == 2048 * 1024
    monkeypatch.setattr(device, "MEMORY_FILE", str(tmp_path / "none"))
    memory = argparse.Namespace(virtual_memory=lambda: argparse.Namespace(available=77))
    monkeypatch.setitem(sys.modules, "psutil", memory)
    assert device.free_memory_bytes() == 77


def test_the_needed_packages_are_those_of_the_wheel() -> None:
    project = (Path(__file__).parents[3] / "pyproject.toml").read_text(encoding="utf-8")
    block = re.search(r"^dependencies = \[(.*?)^\]", project, re.MULTILINE | re.DOTALL)
    assert block is not None
    assert set(re.findall(r'"([A-Za-z0-9-]+)', block[1])) == set(examination.NEEDED)
