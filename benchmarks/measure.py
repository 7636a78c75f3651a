"""Time and memory of calls that are compared: interleaved in one process, so that a busy machine disturbs all alike.

Import before torch: waiting threads must sleep, or every other program on the machine multiplies the times of small operations.
"""

from __future__ import annotations

import ctypes
import gc
import itertools
import os
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch  # noqa: E402 - see above

Call = Callable[[], object]
Result = TypeVar("Result")


@dataclass(frozen=True)
class Cost:
    """What a call costs: median seconds, and peak bytes above what was held before, None where they cannot be measured."""

    seconds: float
    memory_bytes: int | None


def compare(calls: Mapping[str, Call], device: torch.device, repeats: int, at_least_s: float = 0.0) -> dict[str, Cost]:
    """Cost of each call.

    Args:
        calls: What to call, by name.
        device: Where they run.
        repeats: Rounds; in each all calls take one turn, after one round that is not counted.
        at_least_s: Short calls are repeated within a turn until it takes about as long.
    """
    memory = {name: peak_bytes(call, device) for name, call in calls.items()}
    turns = {name: max(1, round(at_least_s / max(_seconds(call, device, 1), 1e-6))) for name, call in calls.items()}
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(repeats):
        for name, call in calls.items():
            seconds[name].append(_seconds(call, device, turns[name]))
    return {name: Cost(statistics.median(seconds[name]), memory[name]) for name in calls}


def peak_bytes(call: Call, device: torch.device) -> int | None:
    """Most memory a call holds beyond what was held before; its second run counts, so that libraries are loaded."""
    call()
    gc.collect()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        call()
        torch.cuda.synchronize(device)
        return torch.cuda.max_memory_allocated(device) - before
    clear = Path("/proc/self/clear_refs")
    if not clear.exists():
        return None
    ctypes.CDLL(None).malloc_trim(0)
    clear.write_text("5", encoding="ascii")  # resets the peak
    before = _status_bytes("VmRSS")
    call()
    return max(0, _status_bytes("VmHWM") - before)


def tracked(call: Callable[[], Result]) -> tuple[Result, Cost]:
    """What a call gives and what this one run of it cost, on the CPU; for calls too long to be repeated.

    The peak counts from what the process held before. Libraries that the call is the first to need are part of it, and memory
    that an earlier call freed but the allocator could not give back is not: read it to two digits at most.
    """
    gc.collect()
    clear = Path("/proc/self/clear_refs")
    before = None
    if clear.exists():
        ctypes.CDLL(None).malloc_trim(0)
        clear.write_text("5", encoding="ascii")  # resets the peak
        before = _status_bytes("VmRSS")
    started = time.perf_counter()
    result = call()
    seconds = time.perf_counter() - started
    return result, Cost(seconds, None if before is None else max(0, _status_bytes("VmHWM") - before))


def environment(device: torch.device) -> str:
    """One line about where the figures come from."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{torch.get_num_threads()} threads"
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    policy = os.environ["OMP_WAIT_POLICY"]
    return f"torch {torch.__version__} on {device.type} ({name}){load}, OMP_WAIT_POLICY={policy}"


def print_table(header: list[str], rows: Iterable[list[str]]) -> None:
    """Print a Markdown table, each row as soon as it is there."""
    for row in itertools.chain((header, ["---"] * len(header)), rows):
        print("| " + " | ".join(row) + " |", flush=True)


def ratio(value: float, aim: float | None = None, at_most: bool = True) -> str:
    """A ratio, and whether it meets its aim."""
    shown = f"{value:.0f}" if value >= 100 else f"{value:.3g}"
    if aim is None:
        return shown
    met = value <= aim if at_most else value >= aim
    return f"{shown} ({'≤' if at_most else '≥'} {aim:g}{'' if met else ', missed'})"


def _seconds(call: Call, device: torch.device, turns: int) -> float:
    """Mean seconds of a call."""
    _wait(device)
    started = time.perf_counter()
    for _ in range(turns):
        call()
    _wait(device)
    return (time.perf_counter() - started) / turns


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _status_bytes(field: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:"))
