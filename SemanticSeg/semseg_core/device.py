"""What the computer offers to PyTorch: devices that work, 16-bit arithmetic that pays, memory.

PyTorch is imported inside functions only, so that `semseg doctor` can tell what is wrong without it.
"""

from __future__ import annotations

import math
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from semseg_core.errors import DependencyError, InputError, MemoryLimitError

if TYPE_CHECKING:
    import torch

PAYS_FROM = 1.2
"""16-bit arithmetic is used where a training step becomes this many times faster; less is not worth the rounding."""

SELF_TEST_S = 1.0
"""Time the comparison of 16 with 32 bit may take, in seconds."""

TRIAL_TIMEOUT_S = 120.0
"""Time after which a device that does not answer is called broken: loading PyTorch from a slow disk takes half of it."""

OUT_OF_MEMORY = re.compile(r"out of memory|not enough memory|allocate memory|alloc_cpu|bad.?alloc", re.IGNORECASE)
"""How PyTorch, ITK and C++ word it in a RuntimeError."""

MEMORY_FILE = "/proc/meminfo"

KNOWN_FAULTS = (
    (OUT_OF_MEMORY, "its memory is full; close other programs that use it"),
    (
        re.compile("no kernel image|not compatible with the current PyTorch", re.IGNORECASE),
        "this build of PyTorch has no code for it; install a build made for it",
    ),
    (
        re.compile("driver.*(too old|insufficient)", re.IGNORECASE),
        "its driver is too old for this build of PyTorch; update the driver",
    ),
    (
        re.compile("NVIDIA driver|CUDA driver", re.IGNORECASE),
        "no working driver was found; install or repair it, then restart the computer",
    ),
    (re.compile("cudnn", re.IGNORECASE), "cuDNN cannot be used; reinstall PyTorch"),
)
"""What the usual error messages of a device mean, and the remedy."""


def choose_device(name: str = "auto") -> torch.device:
    """The device to compute on.

    Args:
        name: `"auto"` for the first GPU that works, else the CPU; or `"cpu"`, `"cuda"`, `"cuda:N"`, `"mps"`.

    Raises:
        InputError: If there is no such device, or it fails at a small calculation.
        DependencyError: If PyTorch is not installed or cannot be loaded.
    """
    torch = import_torch()
    if name == "auto":
        working = (candidate for candidate in available_devices() if candidate == "cpu" or fault(candidate) is None)
        return torch.device(next(working))
    match = re.fullmatch(r"cpu|mps|cuda(:\d+)?", name)
    if match is None:
        raise InputError(f"device '{name}': choose auto, cpu, cuda:N or mps")
    name = "cuda:0" if name == "cuda" else name
    offered = available_devices()
    if name not in offered:
        gpus = sum(device.startswith("cuda") for device in offered)
        found = (
            f"PyTorch sees {gpus} NVIDIA GPU{'' if gpus == 1 else 's'}"
            if name.startswith("cuda")
            else "PyTorch sees no Apple GPU"
        )
        raise InputError(f"device {name}: {found} on this machine; choose one of auto, {', '.join(sorted(offered))}")
    if name != "cpu" and (words := fault(name)) is not None:
        raise InputError(f"device {name}: {words}; or use --device cpu")
    return torch.device(name)


def available_devices() -> list[str]:
    """Names of the devices PyTorch sees, the preferred first and `"cpu"` last; whether they work is another question."""
    torch = import_torch()
    devices = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        devices.append("mps")
    return [*devices, "cpu"]


def fault(name: str) -> str | None:
    """What is wrong with a device, in plain words, after a small calculation in this process; None if it works."""
    torch = import_torch()
    try:
        layer = torch.nn.Conv3d(2, 4, 3, padding=1).to(name)
        volume = torch.ones(1, 2, 8, 8, 8, device=name)
        layer(volume).square().mean().backward()
        gradient = layer.weight.grad.sum().item()
    except (RuntimeError, AssertionError) as error:  # a PyTorch built without CUDA raises the latter
        return plain_words(str(error))
    return None if math.isfinite(gradient) else "it calculates wrongly; update its driver"


def smoke_test(name: str, timeout_s: float = TRIAL_TIMEOUT_S) -> str | None:
    """The same as `fault`, in a process of its own, so that a device which hangs or crashes cannot take us along."""
    root = str(Path(__file__).parent.parent)
    code = (
        f"import sys; sys.path.insert(0, {root!r}); from semseg_core.device import fault; print('fault:', fault({name!r}) or '')"
    )
    try:
        child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=timeout_s, check=False)
    except subprocess.TimeoutExpired:
        return f"it did not answer within {timeout_s:.0f} s; restart the computer, or update its driver"
    answer = re.search(r"^fault: ?(.*)$", child.stdout, re.MULTILINE)
    if answer is not None:
        return answer[1] or None
    if child.returncode > 0 and child.stderr.strip():
        return plain_words(child.stderr.strip().splitlines()[-1])
    return f"a small calculation crashed with code {child.returncode}; update its driver, or reinstall PyTorch"


def plain_words(message: str) -> str:
    """What a device's error message means for a person; its own first line where we do not know it."""
    known = (words for pattern, words in KNOWN_FAULTS if pattern.search(message))
    lines = message.strip().splitlines() or ["no reason was given"]
    return next(known, lines[0])


def choose_precision(precision: str, device: torch.device) -> torch.dtype | None:
    """The 16-bit type for autocast, None for float32.

    Args:
        precision: `"float32"`, `"bfloat16"`, or `"auto"` for the latter where it pays on the device.
        device: Where training runs.

    Raises:
        InputError: If `precision` is none of these.
    """
    if precision not in ("auto", "float32", "bfloat16"):
        raise InputError(f"precision '{precision}': choose auto, float32 or bfloat16")
    torch = import_torch()
    if precision == "bfloat16" or (precision == "auto" and precision_pays(device)):
        return torch.bfloat16
    return None


def precision_pays(device: torch.device) -> bool:
    """Whether bfloat16 makes a training step of a small network clearly faster on the device, by a test of about a second.

    The best time of each kind counts, as a busy machine lengthens single runs only. Leaves PyTorch's random state untouched.
    """
    torch = import_torch()
    widths = (128, 512, 512, 128)
    rows = torch.linspace(-1.0, 1.0, 2048 * widths[0], device=device).reshape(2048, -1)
    weights = [
        torch.full((out, into), 0.01, device=device, requires_grad=True) for into, out in zip(widths, widths[1:], strict=False)
    ]

    def step_s(half: bool) -> float:
        started = time.perf_counter()
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=half):
            activations = rows
            for weight in weights:
                activations = torch.nn.functional.linear(activations, weight).relu()
        activations.float().mean().backward()
        weights[0].grad.sum().item()  # waits for the device
        return time.perf_counter() - started

    try:
        step_s(False), step_s(True)  # the first step of each kind sets things up
        times = {False: [], True: []}
        ends = time.perf_counter() + SELF_TEST_S
        while len(times[True]) < 3 or (time.perf_counter() < ends and len(times[True]) < 50):
            for half in times:
                times[half].append(step_s(half))
    except RuntimeError:  # the device knows no bfloat16
        return False
    return min(times[False]) >= PAYS_FROM * min(times[True])


@contextmanager
def memory_guard() -> Iterator[None]:
    """Turns any library's way of saying "out of memory" into ours.

    Raises:
        MemoryLimitError: Where memory of the machine or the device ran out within.
    """
    try:
        yield
    except MemoryError as error:
        raise MemoryLimitError("out of memory; close other programs, or use a smaller or coarser volume") from error
    except RuntimeError as error:
        if not OUT_OF_MEMORY.search(str(error)):
            raise
        if re.search("cuda|mps|hip", str(error), re.IGNORECASE):
            remedy = "close other programs that use the GPU, use a smaller or coarser volume, or --device cpu"
            raise MemoryLimitError(f"out of memory on the GPU; {remedy}") from error
        raise MemoryLimitError("out of memory; close other programs, or use a smaller or coarser volume") from error


def free_memory_bytes() -> int | None:
    """Memory that programs can still get, None where the system does not tell."""
    try:
        with open(MEMORY_FILE, encoding="ascii") as stream:  # noqa: PTH123 - Linux; elsewhere there is no such file
            available = next(line for line in stream if line.startswith("MemAvailable:"))
        return int(available.split()[1]) * 1024
    except (OSError, StopIteration):
        pass
    try:
        import psutil  # not needed, but often there: Slicer's own tools bring it
    except ImportError:
        return None
    return int(psutil.virtual_memory().available)


def require_memory(needed_bytes: float, what: str, device: torch.device | str = "cpu") -> None:
    """Refuse what cannot fit, before any time is spent: systems promise more memory than they have, and end whoever uses it.

    Args:
        needed_bytes: At least so much will be held.
        what: Needs it, for the message.
        device: Where it will be held.

    Raises:
        MemoryLimitError: If less is free; nothing happens where the system does not tell.
    """
    torch = import_torch()
    on_gpu = torch.device(device).type == "cuda"
    free_bytes = torch.cuda.mem_get_info(device)[0] if on_gpu else free_memory_bytes()
    if free_bytes is not None and needed_bytes > free_bytes:
        figures = f"{needed_bytes / 1e9:.1f} GB of memory, {free_bytes / 1e9:.1f} GB are free"
        raise MemoryLimitError(f"{what} needs {figures}; crop the image to what matters, or close other programs")


def import_torch() -> ModuleType:
    """PyTorch.

    Raises:
        DependencyError: If it is not installed or cannot be loaded.
    """
    try:
        import torch
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise DependencyError("PyTorch is not installed; install it with: pip install torch") from error
    except (ImportError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise DependencyError(
            f"PyTorch is installed but cannot be loaded ({reason}); reinstall it with: pip install --force-reinstall torch"
        ) from error
    return torch
