"""What training and applying need beyond Slicer: what is there, what is missing, and its installation where the user asks.

The only file that installs anything. PyTorch comes through Slicer's extension *PyTorch*, which chooses the build that fits the
computer; the rest is in Resources/requirements.txt. Labels and scribbles need none of it.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import importlib.util
import io
import json
import platform
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import slicer.packaging
from slicer.i18n import tr as _

from SemanticSegLib.logic.InstallFaults import cause
from SemanticSegLib.logic.JobFolders import LOG_LINES
from SemanticSegLib.logic.Masking import masked
from SemanticSegLib.logic.Runner import JobRunner, Outcome, RunningJob
from SemanticSegLib.logic.Signal import Signal
from semseg_core.errors import DependencyError
from semseg_core.job import DoctorJob

REQUIREMENTS = Path(__file__).parents[2] / "Resources" / "requirements.txt"

REPORT = "found.json"

NAMES = {"torch": "PyTorch"}
"""How packages are called, where not by their own name."""


@dataclass(frozen=True)
class Package:
    """A package that is needed: its name, and the installed version, empty where it is missing or too old."""

    name: str
    version: str


@dataclass(frozen=True)
class Device:
    """Something to compute on, by its name for `TrainConfig`, and why it cannot be used, empty where it can."""

    name: str
    description: str
    fault: str


class Dependencies:
    """States of packages and devices. Looks, and never installs on its own.

    Attributes:
        changed: `()` when a state has changed: something was installed, or devices were looked at.
        devices: What was found to compute on, the preferred first; None before anybody looked.
        log: Last lines of the latest installation or look, fit to be shown to others.

    Args:
        runner: Runs the look at the devices in a child process.
        requirements: The file that names the packages besides PyTorch.
    """

    def __init__(self, runner: JobRunner, requirements: Path = REQUIREMENTS) -> None:
        self.changed = Signal()
        self.devices: tuple[Device, ...] | None = None
        self.log = ""
        self._fault = ""
        self._runner = runner
        self._requirements = [str(requirement) for requirement in slicer.packaging.load_requirements(requirements)]
        self._packages: tuple[Package, ...] | None = None
        self._looking: RunningJob | None = None

    # What is there

    def packages(self) -> tuple[Package, ...]:
        """The needed packages, as they were at the latest `refresh`. Nothing is imported to find out."""
        if self._packages is None:  # looked up once: it takes 6 ms, and is asked for after every stroke
            self._packages = tuple(map(_package, (f"torch{torchVersions()}", *self._requirements)))
        return self._packages

    def usable(self) -> tuple[bool, str]:
        """Whether training and applying can work here, and if not why, and what to do, in a sentence or two."""
        reason = unsupported() or self._lacking() or self._fault
        return not reason, reason

    @property
    def isComplete(self) -> bool:
        """Whether every package is there; whether all of them work is known after `lookAtDevices`."""
        return not (unsupported() or self._lacking())

    def canInstall(self) -> tuple[bool, str]:
        """Whether `install` would help, and if not why."""
        if self.isComplete:
            return False, _("Everything is installed.")
        if unsupported() or self._lacksExtension():
            return False, self.usable()[1]
        return True, ""

    def consent(self) -> str:
        """What the user agrees to by installing: what, how much, how long, and from where."""
        missing = [package.name for package in self.packages() if not package.version]
        size = (
            _("It is 0.2 to 3 GB to download and up to 6 GB on disk, depending on your graphics card, and takes 2 to 20 minutes.")
            if self._lacksTorch()
            else _("It is a few MB and takes less than a minute.")
        )
        return _(
            "{packages} will be downloaded from the Python package index and pytorch.org and installed into Slicer's Python."
            " {size} Nothing about you or your images is sent. Slicer waits until it is done."
        ).format(packages=", ".join(missing), size=size)

    # What changes it

    def refresh(self) -> None:
        """Look again at what is installed, as others may have installed something: call it when the panel is entered."""
        self._packages = None
        self.changed.emit()

    def install(self) -> bool:
        """Install what is missing. Ask the user before, with `consent`; returns when it is done.

        Returns:
            Whether Slicer should be restarted, as it still uses packages in versions from before.

        Raises:
            DependencyError: If something stays missing, with the cause and what to do.
        """
        possible, reason = self.canInstall()
        if not possible:
            raise DependencyError(reason)
        before = loadedVersions()
        with _overheard() as heard:
            failure = self._attempt()
        self.log = masked("\n".join(heard.getvalue().splitlines()[-LOG_LINES:]))
        self._fault, self.devices = "", None
        importlib.invalidate_caches()
        self.refresh()
        if failure or self._lacking():
            raise DependencyError(cause(f"{heard.getvalue()}\n{failure}") if failure else self._lacking())
        return loadedVersions() != before

    def lookAtDevices(self) -> None:
        """Try every device in a child process, if nobody looks already; `changed` tells when `devices` is known.

        Raises:
            SemSegError: If the child cannot be started.
        """
        if self._looking is None:
            self._looking = self._runner.start(DoctorJob(REPORT))
            self._looking.finished.connect(self._onLooked)
            self.changed.emit()

    @property
    def isLooking(self) -> bool:
        """Whether devices are being tried now; it takes some seconds, as PyTorch is loaded."""
        return self._looking is not None

    # How

    def _lacksTorch(self) -> bool:
        return not self.packages()[0].version

    def _lacksExtension(self) -> bool:
        return self._lacksTorch() and not extensionIsThere()

    def _lacking(self) -> str:
        missing = [package.name for package in self.packages() if not package.version]
        if not missing:
            return ""
        remedy = (
            _("First install the extension PyTorch with the Extensions Manager and restart Slicer.")
            if self._lacksExtension()
            else _("Press Install.")
        )
        return _("Not installed yet: {packages}. {remedy}").format(packages=", ".join(missing), remedy=remedy)

    def _attempt(self) -> str:
        """Install; what went wrong, empty if nothing did."""
        try:
            if self._lacksTorch():
                logic = importlib.import_module("PyTorchUtils").PyTorchUtilsLogic()
                logic.installTorch(askConfirmation=False, torchVersionRequirement=torchVersions())
            slicer.packaging.pip_ensure(self._requirements, prompt_install=False, prompt_restart=False, requester="SemanticSeg")
        except subprocess.CalledProcessError as error:
            return f"{error}\n{error.output or ''}"
        except (RuntimeError, OSError, ImportError, ValueError) as error:  # what the extension lets through of its installer
            return str(error) or type(error).__name__
        return ""

    def _onLooked(self, outcome: Outcome) -> None:
        running, self._looking = self._looking, None
        self.log = outcome.logTail
        if outcome.kind == "done":
            record = json.loads((running.folder.path / REPORT).read_text(encoding="utf-8"))
            self.devices = tuple(Device(each["name"], each["description"], each["fault"] or "") for each in record["devices"])
            broken = [f"{each['name']}: {each['fault']}." for each in record["packages"] if each["needed"] and each["fault"]]
            self._fault = " ".join([*broken, _("Install it again: PyTorch with the module PyTorch Utils.")] if broken else [])
        else:
            self.devices, self._fault = None, outcome.message if outcome.kind != "cancelled" else ""
        running.folder.remove()
        self.changed.emit()


def _package(requirement: str) -> Package:
    name = re.match(r"[\w.-]+", requirement)[0]
    version = importlib.metadata.version(name) if slicer.packaging.pip_check(requirement) else ""
    return Package(NAMES.get(name, name), version)


def unsupported() -> str:
    """Why training and applying cannot work in this Slicer at all; empty if they can."""
    if sys.platform == "darwin" and platform.machine() == "x86_64":
        return _(
            "Training and applying are not supported in Slicer for Intel Macs: the last PyTorch for them (2.2) does not work with"
            " Slicer's NumPy. Labels and scribbles work. On a Mac with an Apple chip, install Slicer for Apple chips."
        )
    return ""


def torchVersions() -> str:
    """Versions of PyTorch that work; 2.13 and later do not load in Slicer on Windows."""
    return ">=2.2,<2.13" if sys.platform == "win32" else ">=2.2"


def extensionIsThere() -> bool:
    """Whether Slicer's extension PyTorch is installed."""
    if "PyTorchUtils" in sys.modules:
        return True
    return importlib.util.find_spec("PyTorchUtils") is not None


def loadedVersions() -> dict[str, str]:
    """Versions on disk of the packages that are loaded, by module: what changes while loaded asks for a restart."""
    shared = ("numpy", "scipy", "SimpleITK", "setuptools", "packaging", "requests")
    found = {}
    for name in shared:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            if name in sys.modules:
                found[name] = importlib.metadata.version(name)
    return found


@contextlib.contextmanager
def _overheard() -> Iterator[io.StringIO]:
    """What is printed within, which still is printed: installers tell why they failed nowhere else."""
    heard = io.StringIO()
    shown = sys.stdout

    class Both(io.TextIOBase):
        def write(self, text: str) -> int:
            shown.write(text)
            return heard.write(text)

    with contextlib.redirect_stdout(Both()):
        yield heard
