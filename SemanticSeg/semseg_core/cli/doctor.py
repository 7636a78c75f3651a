"""`semseg doctor`: what this computer offers, what is missing, and how to get it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict

from semseg_core.errors import DependencyError
from semseg_core.examination import Examination, examine
from semseg_core.train.events import EventSink, Stage


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command."""
    parser = commands.add_parser("doctor", help="check this computer: packages, devices, memory")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, on_event: EventSink, cancelled: Callable[[], bool]) -> None:
    """Examine, print, and fail if something needed is missing.

    Raises:
        DependencyError: If a needed package is missing or broken.
    """
    del cancelled  # not polled: Ctrl-C ends the command at once
    on_event(Stage("Checking packages and devices"))
    found = examine()
    if arguments.json:
        print(json.dumps(asdict(found), indent=2, ensure_ascii=False))
    elif arguments.progress != "json":
        print("\n".join(lines_of(found)))
    if not found.usable:
        lacking = ", ".join(package.name for package in found.packages if package.needed and package.fault)
        raise DependencyError(f"{lacking}: missing or broken; see the advice of semseg doctor")


def lines_of(found: Examination) -> list[str]:
    """The findings as lines for a person."""
    memory = "unknown" if found.free_memory_gb is None else f"{found.free_memory_gb:g} GB"
    lines = [
        f"semseg {found.version}, Python {found.python}, {found.system}",
        f"free disk here {found.free_disk_gb:g} GB, free memory {memory}",
        "",
        "Packages",
    ]
    for package in found.packages:
        state = package.fault or package.version if package.needed else package.version or "not installed (optional)"
        lines.append(f"  {package.name:<12} {state:<26} {package.purpose}")
    lines += [
        "",
        "Devices",
        *(f"  {device.name:<12} {device.fault or 'works':<26} {device.description}" for device in found.devices),
    ]
    if not found.devices:
        lines.append("  none checked, for want of PyTorch")
    if found.advice:
        lines += ["", "Advice", *(f"  {sentence}" for sentence in found.advice)]
    return [*lines, "", "Ready to use." if found.usable else "Not usable yet."]
