"""An examination of this computer: packages, devices, disk and memory, and what is wrong with them in plain words."""

from __future__ import annotations

import importlib
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata
from types import ModuleType

from semseg_core import __version__
from semseg_core.device import available_devices, free_memory_bytes, import_torch, smoke_test

NEEDED = {
    "numpy": "arrays",
    "scipy": "filters and surface distances",
    "SimpleITK": "reading and writing images",
    "torch": "training and applying models",
    "monai": "the deep learner and start models",
    "safetensors": "model files",
    "tqdm": "progress bars",
}
"""Packages the command line does not work without, by name, and what for."""

OPTIONAL = {
    "edt": "faster distance maps in boundary losses",
    "slicer-core": "Slicer scenes (.mrb) outside Slicer",
    "slicerio": "checking .seg.nrrd files",
    "matplotlib": "pictures of the demo",
    "nilearn": "the brain of the demo",
}
"""Packages that add something, by name, and what."""

SCARCE_GB = 2.0
"""Less free disk or memory than this is worth a warning: a whole-brain model with its features takes about as much."""

NVIDIA_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class PackageState:
    """A package: its version, None where it is not installed, and what is wrong with it, None where nothing is."""

    name: str
    purpose: str
    needed: bool
    version: str | None
    fault: str | None


@dataclass(frozen=True)
class DeviceState:
    """A device: what it is, and what is wrong with it, None where nothing is."""

    name: str
    description: str
    fault: str | None


@dataclass(frozen=True)
class Examination:
    """Everything found out; `usable` says whether the command line can do its work."""

    usable: bool
    version: str
    python: str
    interpreter: str
    system: str
    packages: tuple[PackageState, ...]
    devices: tuple[DeviceState, ...]
    free_disk_gb: float
    free_memory_gb: float | None
    advice: tuple[str, ...]


def examine() -> Examination:
    """Look at packages, devices, disk and memory. PyTorch and every device are tried in processes of their own."""
    packages = [_package(name, purpose, needed=True) for name, purpose in NEEDED.items()]
    packages += [_package(name, purpose, needed=False) for name, purpose in OPTIONAL.items()]
    usable = not any(package.needed and package.fault for package in packages)
    torch_works = all(package.fault is None for package in packages if package.name == "torch")
    devices = _devices() if torch_works else ()
    free_disk_gb, free_memory_gb = shutil.disk_usage(".").free / 1e9, free_memory_bytes()
    free_memory_gb = None if free_memory_gb is None else free_memory_gb / 1e9
    advice = [_install_advice(package) for package in packages if package.needed and package.fault]
    advice += [f"{device.name}: {device.fault}." for device in devices if device.fault]
    if free_disk_gb < SCARCE_GB:
        advice.append(f"Only {free_disk_gb:.1f} GB are free in this folder; make room before training.")
    if free_memory_gb is not None and free_memory_gb < SCARCE_GB:
        advice.append(f"Only {free_memory_gb:.1f} GB of memory are free; close other programs before training.")
    return Examination(
        usable=usable,
        version=__version__,
        python=platform.python_version(),
        interpreter=sys.executable,
        system=f"{platform.system()} {platform.release()}, {platform.machine()}",
        packages=tuple(packages),
        devices=devices,
        free_disk_gb=round(free_disk_gb, 1),
        free_memory_gb=None if free_memory_gb is None else round(free_memory_gb, 1),
        advice=tuple(advice),
    )


def _package(name: str, purpose: str, needed: bool) -> PackageState:
    """Look a package up; a needed one is also imported, as half of an installation breaks only there."""
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return PackageState(name, purpose, needed, None, "not installed" if needed else None)
    return PackageState(name, purpose, needed, version, _import_fault(name) if needed else None)


def _import_fault(name: str) -> str | None:
    """Why an installed package cannot be loaded, None if it can."""
    if name == "torch":
        return smoke_test("cpu")  # a broken PyTorch may take the process with it
    try:
        importlib.import_module(name)
    except Exception as error:  # noqa: BLE001 - a broken package raises anything; naming it is this command's purpose
        lines = str(error).strip().splitlines() or [type(error).__name__]
        return f"cannot be loaded: {lines[0]}"
    return None


def _devices() -> tuple[DeviceState, ...]:
    torch = import_torch()
    states = []
    for name in available_devices():
        if name.startswith("cuda"):
            properties = torch.cuda.get_device_properties(name)
            description = f"{properties.name}, {properties.total_memory / 1e9:.0f} GB"
        else:
            description = f"{torch.get_num_threads()} threads" if name == "cpu" else "Apple GPU"
        states.append(
            DeviceState(name, description, None if name == "cpu" else smoke_test(name))
        )  # the CPU was tried with PyTorch
    return (*_unseen_gpus(torch), *states)


def _unseen_gpus(torch: ModuleType) -> tuple[DeviceState, ...]:
    """GPUs that the computer has and PyTorch does not see, and why: nobody should wonder why training is slow."""
    if torch.cuda.device_count() or not (tool := shutil.which("nvidia-smi")):
        return ()
    command = [tool, "--query-gpu=name", "--format=csv,noheader"]
    try:
        listing = subprocess.run(command, capture_output=True, text=True, timeout=NVIDIA_TIMEOUT_S, check=True).stdout
    except (OSError, subprocess.SubprocessError):  # no driver, and so nothing to tell
        return ()
    names = ", ".join(dict.fromkeys(line.strip() for line in listing.splitlines() if line.strip()))
    if not names:
        return ()
    if torch.version.cuda is None:
        fault = "this build of PyTorch has no support for it; install one that has (in 3D Slicer: with the module PyTorch Utils)"
    else:
        fault = "PyTorch does not see it; update its driver, then restart the computer"
    return (DeviceState("cuda", names, fault),)


def _install_advice(package: PackageState) -> str:
    """One sentence on how to get a needed package to work."""
    again = "" if package.version is None else "--force-reinstall "
    advice = f"{package.name}: {package.fault}; {sys.executable} -m pip install {again}{package.name}"
    return f"{advice} (in 3D Slicer: install the PyTorch extension)" if package.name == "torch" else advice
