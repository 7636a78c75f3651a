"""What is installed, what is asked before anything is, and why an installation failed; devices from a real child process."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from subprocess import CalledProcessError

import pytest
import slicer
from host import packaging, pytorch_utils
from host.gestures import wait_until
from host.packaging import pip
from host.pytorch_utils import script as torch_script

from SemanticSegLib.logic import Dependencies as module
from SemanticSegLib.logic.Dependencies import Dependencies, Device
from SemanticSegLib.logic.InstallFaults import cause
from SemanticSegLib.logic.JobFolders import JobFolders
from SemanticSegLib.logic.Runner import JobRunner
from semseg_core.errors import DependencyError

pytestmark = pytest.mark.usefixtures("application")


@pytest.fixture
def dependencies(tmp_path: Path) -> Dependencies:
    return Dependencies(JobRunner(sys.executable, JobFolders(tmp_path / "cache")))


@pytest.fixture
def changes(dependencies: Dependencies) -> list[bool]:
    """Whether everything was usable, at each change."""
    found: list[bool] = []
    dependencies.changed.connect(lambda: found.append(dependencies.usable()[0]))
    return found


def test_where_all_is_there_nothing_is_to_install(dependencies: Dependencies) -> None:
    assert [package.name for package in dependencies.packages()] == ["PyTorch", "monai", "safetensors", "tqdm"]
    assert all(package.version for package in dependencies.packages())
    assert dependencies.usable() == (True, "")
    assert dependencies.canInstall() == (False, "Everything is installed.")
    with pytest.raises(DependencyError, match="Everything is installed"):
        dependencies.install()


def test_what_is_missing_is_named_and_installed(dependencies: Dependencies, changes: list[bool]) -> None:
    pip.missing = {"torch", "tqdm"}
    assert dependencies.usable() == (False, "Not installed yet: PyTorch, tqdm. Press Install.")
    assert dependencies.canInstall() == (True, "")
    assert "PyTorch, tqdm will be downloaded" in dependencies.consent()
    assert "3 GB" in dependencies.consent()
    assert (pip.asked, torch_script.asked) == ([], [])
    assert dependencies.install() is False
    assert torch_script.asked[0]["torchVersionRequirement"] == ">=2.2"
    ((requirements, options),) = pip.asked
    assert requirements == ["tqdm>=4.60"]
    assert (options["prompt_install"], options["requester"]) == (False, "SemanticSeg")
    assert changes == [True]


def test_what_others_installed_is_seen_on_the_next_look(dependencies: Dependencies, changes: list[bool]) -> None:
    pip.missing = {"tqdm"}
    assert not dependencies.usable()[0]
    pip.missing = set()
    assert not dependencies.usable()[0]
    dependencies.refresh()
    assert changes == [True]


def test_without_torch_little_is_asked_for(dependencies: Dependencies) -> None:
    pip.missing = {"safetensors"}
    assert "a few MB" in dependencies.consent()
    dependencies.install()
    assert torch_script.asked == []


def test_torch_never_comes_by_the_requirements(dependencies: Dependencies) -> None:
    text = module.REQUIREMENTS.read_text(encoding="utf-8")
    named = [line.partition(">")[0] for line in text.splitlines() if line and not line.startswith("#")]
    assert named == [package.name for package in dependencies.packages()[1:]]
    assert "torch" not in named


def test_without_the_extension_its_installation_is_asked_for(dependencies: Dependencies, monkeypatch: pytest.MonkeyPatch) -> None:
    pip.missing = {"torch"}
    monkeypatch.delitem(sys.modules, "PyTorchUtils")
    possible, reason = dependencies.canInstall()
    assert not possible
    assert reason == dependencies.usable()[1]
    assert "First install the extension PyTorch with the Extensions Manager" in reason
    with pytest.raises(DependencyError, match="Extensions Manager"):
        dependencies.install()


def test_on_windows_torch_stays_below_2_13(dependencies: Dependencies, monkeypatch: pytest.MonkeyPatch) -> None:
    pip.missing = {"torch"}
    monkeypatch.setattr(module.sys, "platform", "win32")
    with contextlib.suppress(DependencyError):  # a newer one may be installed where the tests run
        dependencies.install()
    assert torch_script.asked[0]["torchVersionRequirement"] == ">=2.2,<2.13"


def test_on_intel_macs_it_is_said_plainly(dependencies: Dependencies, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.sys, "platform", "darwin")
    monkeypatch.setattr(module.platform, "machine", lambda: "x86_64")
    usable, reason = dependencies.usable()
    assert not usable
    assert "not supported in Slicer for Intel Macs" in reason
    assert "Labels and scribbles work" in reason
    assert dependencies.canInstall() == (False, reason)
    monkeypatch.setattr(module.platform, "machine", lambda: "arm64")
    assert dependencies.usable() == (True, "")


def test_a_restart_is_asked_for_when_what_is_in_use_changed(dependencies: Dependencies, monkeypatch: pytest.MonkeyPatch) -> None:
    pip.missing = {"tqdm"}
    versions = iter([{"numpy": "2.0"}, {"numpy": "1.26"}])
    monkeypatch.setattr(module, "loadedVersions", lambda: next(versions))
    assert dependencies.install() is True


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "The disk is full"),
        ("ProxyError('Cannot connect to proxy.', OSError('Tunnel connection failed: 407'))", "A proxy refused"),
        ("SSLError(SSLCertVerificationError(1, 'CERTIFICATE_VERIFY_FAILED'))", "certificate"),
        (
            "NewConnectionError('Failed to establish a new connection: [Errno -2] Name or service not known')\n"
            "ERROR: No matching distribution found for tqdm>=4.60",
            "internet connection",
        ),
        ("ERROR: [WinError 5] Access is denied: 'C:\\\\Program Files\\\\Slicer'", "cannot be written"),
        ("ERROR: No matching distribution found for torch>=2.2", "no version"),
        ("Segmentation fault", "Restart Slicer and try again"),
    ],
)
def test_a_failure_is_told_by_its_cause(log: str, words: str) -> None:
    assert words in cause(log)


def test_what_installers_print_says_why_and_is_kept_masked(
    dependencies: Dependencies, changes: list[bool], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pip.missing = {"tqdm"}

    def pip_ensure(*_arguments: object, **_options: object) -> None:
        sys.stdout.write("Collecting tqdm to /mnt/ann/Doe/pip\nNewConnectionError: Failed to establish a new connection\n")
        raise CalledProcessError(1, "pip install")

    monkeypatch.setattr(packaging, "pip_ensure", pip_ensure)
    with pytest.raises(DependencyError, match="package index was not reached"):
        dependencies.install()
    assert dependencies.log == "Collecting tqdm to <path>\nNewConnectionError: Failed to establish a new connection"
    assert "Collecting tqdm" in capsys.readouterr().out
    assert changes == [False]


@pytest.mark.parametrize("error", [RuntimeError("light_the_torch returned 1"), ImportError("DLL load failed"), OSError(28, "x")])
def test_whatever_the_extension_raises_becomes_a_sentence(
    dependencies: Dependencies, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    pip.missing = {"torch"}

    def installTorch(*_arguments: object, **_options: object) -> None:
        raise error

    monkeypatch.setattr(pytorch_utils.PyTorchUtilsLogic, "installTorch", installTorch)
    with pytest.raises(DependencyError):
        dependencies.install()


def test_an_installation_that_did_nothing_is_told(dependencies: Dependencies, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in Slicer's testing mode, which installs nothing."""
    pip.missing = {"tqdm"}
    monkeypatch.setattr(slicer.packaging, "pip_ensure", lambda *_, **__: None)
    with pytest.raises(DependencyError, match="Not installed yet: tqdm"):
        dependencies.install()


def test_devices_are_tried_in_a_child_process(dependencies: Dependencies, changes: list[bool], tmp_path: Path) -> None:
    assert dependencies.devices is None
    dependencies.lookAtDevices()
    dependencies.lookAtDevices()
    assert dependencies.isLooking
    wait_until(lambda: not dependencies.isLooking, 120.0)
    assert dependencies.devices[-1].name == "cpu"
    assert "threads" in dependencies.devices[-1].description
    assert dependencies.devices[-1].fault == ""
    assert changes == [True, True]
    assert list((tmp_path / "cache" / "jobs").iterdir()) == []


FINDINGS = """#!{python}
import json, pathlib, sys
folder = pathlib.Path(sys.argv[sys.argv.index("run") + 1])
packages = [dict(name="torch", fault="cannot be loaded: libcudnn.so.9 is missing", needed=True)]
devices = [dict(name="cuda:0", description="RTX 4070, 12 GB", fault="its driver is too old")]
devices += [dict(name="cpu", description="8 threads", fault=None)]
(folder / "found.json").write_text(json.dumps(dict(packages=packages, devices=devices)))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="a script with a #! line stands for Slicer's Python")
def test_what_is_broken_is_told_in_words(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(FINDINGS.format(python=sys.executable), encoding="utf-8")
    python.chmod(0o700)
    dependencies = Dependencies(JobRunner(str(python), JobFolders(tmp_path / "cache")))
    dependencies.lookAtDevices()
    wait_until(lambda: not dependencies.isLooking, 20.0)
    assert dependencies.devices == (
        Device("cuda:0", "RTX 4070, 12 GB", "its driver is too old"),
        Device("cpu", "8 threads", ""),
    )
    usable, reason = dependencies.usable()
    assert not usable
    assert reason.startswith("torch: cannot be loaded: libcudnn.so.9 is missing. Install it again")


@pytest.mark.skipif(sys.platform == "win32", reason="a script with a #! line stands for Slicer's Python")
def test_a_look_that_crashes_is_told(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(
        f"#!{sys.executable}\nimport sys; print('bad interpreter', file=sys.stderr); sys.exit(9)\n", encoding="utf-8"
    )
    python.chmod(0o700)
    dependencies = Dependencies(JobRunner(str(python), JobFolders(tmp_path / "cache")))
    dependencies.lookAtDevices()
    wait_until(lambda: not dependencies.isLooking, 20.0)
    assert dependencies.devices is None
    assert "code 9" in dependencies.usable()[1]
    assert dependencies.log == "bad interpreter"
