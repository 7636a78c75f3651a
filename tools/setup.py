"""Makes `.venv`, the one environment that all make targets run in; does nothing when it is ready.

What is installed is written down in `.venv/installed.json` and compared with what is wanted at each call, so that a new
`pyproject.toml`, another Python or another PyTorch takes effect by itself. A set-up that was broken off is begun anew, because
pip cannot tell a half-copied package from a whole one. Standard library only; started by `tools/setup.sh`.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
LOG = VENV / "setup.log"
INSTALLED = VENV / "installed.json"
UNFINISHED = VENV / "unfinished"
CHECKED = VENV / "checked"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

TORCH_VERSION = "2.13.0"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
NEEDED_GB = {"cpu": 3, "cuda": 10}
"""Disk space of a first set-up: 2.2 GB installed for the CPU, and the archive being unpacked."""

FULL_BYTES = 50e6
"""With less left than this, a failure of pip is put down to the full disk, which may have swallowed its own words."""

PLATFORMS = {("linux", "x86_64"), ("darwin", "arm64"), ("win32", "AMD64")}
"""Where PyPI has wheels of slicer-core, Slicer's own MRML, which the demo's scene and the MRML tests run on."""

DEBIAN_PACKAGES = {
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libX11.so.6": "libx11-6",
    "libXrender.so.1": "libxrender1",
    "libgcc_s.so.1": "libgcc-s1",
    "libgomp.so.1": "libgomp1",
    "libstdc++.so.6": "libstdc++6",
}

IMPORTS = "import matplotlib.pyplot, nilearn, scipy.ndimage, SimpleITK, slicer, torch, vtk; print(torch.__version__)"
RENDER = "import vtk; w = vtk.vtkRenderWindow(); w.SetOffScreenRendering(1); w.AddRenderer(vtk.vtkRenderer()); w.Render()"
"""Run in a process of its own: without OpenGL, VTK ends it by a segmentation fault."""


class SetupError(Exception):
    """The set-up cannot go on; the message is one sentence with the remedy."""


def main() -> int:
    """Bring `.venv` up to date; the exit code is 0 when it is ready."""
    try:
        prepare()
    except SetupError as error:
        print(error, file=sys.stderr)
        return 3
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"{VENV} cannot be made: {error}. Look at the disk and its permissions and run again.", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        print("\nSet-up interrupted; the next make begins it anew.", file=sys.stderr)
        return 130
    return 0


def prepare() -> None:
    """Install and check what is missing."""
    installed = read_installed()
    wanted = {
        "python": sys.version,
        "base": sys.base_prefix,
        "folder": str(VENV),
        "torch": choose_torch(installed),
        "packages": wanted_packages(),
    }
    if installed != wanted or UNFINISHED.exists():
        require_platform()
        install(installed, wanted)
    if not CHECKED.exists():
        check()
        CHECKED.touch()


def install(installed: dict, wanted: dict) -> None:
    """Make or update the environment so that it holds what is wanted."""
    started = time.monotonic()
    updating = not UNFINISHED.exists() and all(installed.get(key) == wanted[key] for key in wanted.keys() - {"packages"})
    if updating:
        say("pyproject.toml has changed: bringing .venv up to date")
        CHECKED.unlink(missing_ok=True)
        UNFINISHED.touch()
    else:
        clear(installed)
        require_space(wanted["torch"])
        say(f"Making .venv with Python {platform.python_version()} (details: {LOG.relative_to(ROOT)})")
        VENV.mkdir()
        UNFINISHED.touch()
        venv.create(VENV, with_pip=True, symlinks=os.name != "nt")
        install_torch(wanted["torch"])
    say("Installing the library and its tools")
    complete = pip("--editable", ".[dev]")
    if updating and not complete:
        UNFINISHED.unlink()  # pip puts back what it could not replace; without a network the old environment is all there is
    require(complete, "the library and its tools")
    INSTALLED.write_text(json.dumps(wanted, indent=1), encoding="utf-8")
    UNFINISHED.unlink()
    say(f"Installed in {time.monotonic() - started:.0f} s")


def read_installed() -> dict:
    """What the last complete set-up installed; empty if there is none."""
    try:
        return json.loads(INSTALLED.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def wanted_packages() -> dict:
    """The parts of `pyproject.toml` that pip acts on; settings of linters do not count."""
    with (ROOT / "pyproject.toml").open("rb") as stream:
        configuration = tomllib.load(stream)
    return {"torch": TORCH_VERSION, "project": configuration["project"], "setuptools": configuration["tool"]["setuptools"]}


def choose_torch(installed: dict) -> str:
    """PyTorch for "cpu" or "cuda": what TORCH asks for, else what is installed, else what the machine has."""
    asked = os.environ.get("TORCH", "")
    if asked not in ("", "cpu", "cuda"):
        raise SetupError(f"TORCH={asked} is not known; say TORCH=cpu or TORCH=cuda.")
    return asked or installed.get("torch") or ("cuda" if has_nvidia_gpu() else "cpu")


def has_nvidia_gpu() -> bool:
    """Whether the NVIDIA driver sees a GPU."""
    if any(Path("/proc/driver/nvidia/gpus").glob("*")):
        return True
    try:
        listing = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return listing.returncode == 0 and "GPU" in listing.stdout


def require_platform() -> None:
    """Refuse a processor for which a needed wheel does not exist."""
    machine = platform.machine()
    if (sys.platform, machine) not in PLATFORMS:
        raise SetupError(
            f"This processor ({sys.platform} {machine}) has no wheel of slicer-core, which the demo and the tests need; use "
            "x86-64 Linux (in a container: --platform linux/amd64), a Mac with Apple silicon or 64-bit Windows on x86-64. "
            "The library alone installs here with: pip install ."
        )


def require_space(torch: str) -> None:
    """Refuse a disk that would be full before the end."""
    free = shutil.disk_usage(ROOT).free / 1e9
    if free < NEEDED_GB[torch]:
        needed = NEEDED_GB[torch]
        raise SetupError(f"{ROOT} has {free:.1f} GB free and the set-up needs {needed} GB; free some space and run again.")


def clear(installed: dict) -> None:
    """Remove an environment of ours that is unfinished or for something else; leave anybody else's alone."""
    if not VENV.exists():
        return
    if not installed and not UNFINISHED.exists() and any(VENV.iterdir()):
        raise SetupError(f"{VENV} is there but was not made by this set-up; move or delete it and run again.")
    say("Removing .venv: it is unfinished or was made for another Python, folder or PyTorch")
    try:
        shutil.rmtree(VENV)
    except OSError as error:
        raise SetupError(f"{VENV} cannot be removed ({error.strerror}); delete it and run again.") from error


def install_torch(torch: str) -> None:
    """Install PyTorch first, so that what depends on it takes this build."""
    if torch == "cuda":
        say("Installing PyTorch with CUDA, several GB, since there is an NVIDIA GPU (or TORCH=cuda); TORCH=cpu makes it small")
        require(pip(f"torch=={TORCH_VERSION}"), "PyTorch")
        return
    say("Installing PyTorch for the CPU, since no NVIDIA GPU was found (or TORCH=cpu); TORCH=cuda takes the GPU build")
    if sys.platform == "linux":
        # A configured index or folder may have the CPU build; PyTorch's own index has it, and must not hold us up where it is
        # out of reach. PyPI's build for Linux always brings CUDA, so it comes last.
        build = f"torch=={TORCH_VERSION}+cpu"
        if pip(build) or pip(build, "--index-url", CPU_INDEX, "--retries", "0", "--timeout", "10"):
            return
        require_space("cuda")
        say(f"{CPU_INDEX} is out of reach: taking PyPI's build, which brings several GB of CUDA libraries with it")
    require(pip(f"torch=={TORCH_VERSION}"), "PyTorch")


def pip(*arguments: str) -> bool:
    """Run `pip install`, its output going to the log; whether it succeeded."""
    # Compiling every module to bytecode costs 30 s, and most modules are never imported.
    command = [PYTHON, "-m", "pip", "install", "--no-input", "--no-compile", "--disable-pip-version-check", *arguments]
    with LOG.open("a", encoding="utf-8") as log:
        log.write(f"\n$ pip install {' '.join(arguments)}\n")
        log.flush()
        start = log.tell()
        code = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, check=False, cwd=ROOT).returncode
    if code and ("No space left on device" in read_log()[start:] or shutil.disk_usage(ROOT).free < FULL_BYTES):
        raise SetupError("The disk is full; free some space and run again.")
    return code == 0


def require(succeeded: bool, what: str) -> None:
    """Turn a failure of pip into its own last error and a remedy."""
    if not succeeded:
        errors = [line.strip() for line in read_log().splitlines() if line.startswith("ERROR: ")]
        reason = errors[-1].removeprefix("ERROR: ") if errors else "it gave no reason"
        raise SetupError(f"pip could not install {what}: {reason}. Check the network and run again; details are in {LOG}.")


def read_log() -> str:
    """What pip has said so far."""
    return LOG.read_text(encoding="utf-8", errors="replace")


def check() -> None:
    """Import what was installed, and say what the system lacks.

    Raises:
        SetupError: If a package cannot be imported, naming the Debian package of the library it misses.
    """
    say("Checking that everything can be imported")
    imported = subprocess.run([PYTHON, "-c", IMPORTS], capture_output=True, text=True, check=False)
    if imported.returncode:
        last_line = imported.stderr.strip().rpartition("\n")[2]
        library = re.search(r"(lib[\w.+-]+\.so[.\d]*): cannot open shared object file", last_line)
        if library:
            package = DEBIAN_PACKAGES.get(library[1], f"the package that has {library[1]}")
            raise SetupError(f"The system library {library[1]} is missing; on Debian or Ubuntu: sudo apt install {package}")
        raise SetupError(f"An installed package does not work ({last_line}); delete {VENV} and run again.")
    say(f"Ready, with PyTorch {imported.stdout.strip()}")
    if sys.platform == "linux" and subprocess.run([PYTHON, "-c", RENDER], capture_output=True, check=False).returncode:
        say("No OpenGL: pictures will be 2D only; for 3D on Debian or Ubuntu: sudo apt install libegl1 libgl1-mesa-dri")


def say(sentence: str) -> None:
    """Tell the user what goes on."""
    print(f"[setup] {sentence}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
