"""`slicer.packaging` with a script in place of pip: requests are written down, and what comes of them is chosen by the test.

`pip.missing` names packages that seem not to be installed; `pip.outcome` is what the next installation leads to.
"""

from __future__ import annotations

import importlib.metadata
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import CalledProcessError
from typing import Any, Literal

from packaging.requirements import InvalidRequirement, Requirement


@dataclass
class ScriptedPip:
    """What seems to be missing, what happens to installations, and what was asked for: (requirements, keyword arguments)."""

    missing: set[str] = field(default_factory=set)
    outcome: Literal["installed", "declined", "failed"] = "installed"
    asked: list[tuple[list[str], dict[str, Any]]] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)

    def reset(self) -> None:
        """As at the start of a test: everything is there, and installing works."""
        self.__init__()


pip = ScriptedPip()


def load_requirements(path: str | Path) -> list[Requirement]:
    """The requirements in a requirements.txt; comments and pip options are skipped."""
    lines = [line.strip() for line in Path(path).read_text().splitlines()]
    return [Requirement(line) for line in lines if line and line[0] not in "#-"]


def load_pyproject_dependencies(path: str | Path) -> list[Requirement]:
    """The dependencies in the project table of a pyproject.toml."""
    return [Requirement(text) for text in tomllib.loads(Path(path).read_text())["project"].get("dependencies", [])]


def _requirements(given: str | Requirement | list[str | Requirement]) -> list[Requirement]:
    if isinstance(given, str):
        try:
            return [Requirement(given)]
        except InvalidRequirement:
            return [Requirement(text) for text in given.split()]
    if not isinstance(given, (Requirement, list)):
        raise TypeError(f"Expected str, Requirement or list, got {type(given).__name__}")
    entries = [given] if isinstance(given, Requirement) else given
    return [entry if isinstance(entry, Requirement) else Requirement(entry) for entry in entries]


def _satisfied(requirement: Requirement) -> bool:
    if requirement.marker is not None and not requirement.marker.evaluate():
        return True
    if requirement.name in pip.missing:
        return False
    try:
        return requirement.specifier.contains(importlib.metadata.version(requirement.name), prereleases=True)
    except importlib.metadata.PackageNotFoundError:
        return False


def pip_check(req: str | Requirement | list[str | Requirement]) -> bool:
    """Whether everything is installed, as far as the script lets it seem so."""
    return all(_satisfied(requirement) for requirement in _requirements(req))


def pip_ensure(
    requirements: str | Requirement | list[str | Requirement],
    constraints: str | Path | None = None,
    skip_packages: list[str] | None = None,
    prompt_install: bool = True,
    prompt_restart: bool = True,
    requester: str | None = None,
    skip_in_testing: bool = True,
    show_progress: bool = True,
) -> list[str] | None:
    """Install what is missing, if the user agrees.

    Raises:
        RuntimeError: If the script says that the user declines.
        CalledProcessError: If the script says that pip fails.
    """
    asked = {
        "constraints": constraints, "skip_packages": skip_packages, "prompt_install": prompt_install,
        "prompt_restart": prompt_restart, "requester": requester, "skip_in_testing": skip_in_testing,
        "show_progress": show_progress,
    }  # fmt: skip
    lacking = [str(requirement) for requirement in _requirements(requirements) if not _satisfied(requirement)]
    if not lacking:
        return None
    if pip.outcome == "declined" and prompt_install:
        pip.asked.append((lacking, asked))
        raise RuntimeError("User declined package installation")
    return _install(lacking, asked)


def pip_install(
    requirements: str | list[str],
    constraints: str | Path | None = None,
    no_deps_requirements: str | list[str] | None = None,
    skip_packages: list[str] | None = None,
    blocking: bool = True,
    show_progress: bool = True,
    requester: str | None = None,
    parent: Any = None,
    logCallback: Callable[[str], None] | None = None,
    completedCallback: Callable[[int], None] | None = None,
) -> list[str] | None:
    """Install, without asking. Not blocking, the callbacks are called before this returns: Slicer calls them later.

    Raises:
        CalledProcessError: If the script says that pip fails, and this was to block.
    """
    asked = {
        "constraints": constraints, "no_deps_requirements": no_deps_requirements, "skip_packages": skip_packages,
        "blocking": blocking, "show_progress": show_progress, "requester": requester, "parent": parent,
    }  # fmt: skip
    names = requirements.split() if isinstance(requirements, str) else list(requirements)
    if blocking:
        return _install(names, asked)
    try:
        _install(names, asked)
        code = 0
    except CalledProcessError as error:
        code = error.returncode
    if logCallback:
        logCallback(f"pip install {' '.join(names)}")
    if completedCallback:
        completedCallback(code)
    return None


def _install(names: list[str], asked: dict[str, Any]) -> list[str] | None:
    pip.asked.append((names, asked))
    if pip.outcome == "failed":
        raise CalledProcessError(1, ["pip", "install", *names], "ERROR: No matching distribution found")
    pip.missing -= {Requirement(name).name for name in names if not name.startswith("-")}
    return [] if asked["skip_packages"] else None


def pip_uninstall(
    requirements: str | list[str],
    blocking: bool = True,
    logCallback: Callable[[str], None] | None = None,
    completedCallback: Callable[[int], None] | None = None,
) -> None:
    """Remove packages; the script only writes it down."""
    pip.removed += requirements.split() if isinstance(requirements, str) else list(requirements)
    if not blocking and logCallback:
        logCallback(f"pip uninstall {requirements}")
    if not blocking and completedCallback:
        completedCallback(0)
