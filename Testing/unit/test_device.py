"""Choosing devices and precision, on machines with and without GPUs, working and broken."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from semseg_core import device as device_module
from semseg_core.device import (
    available_devices,
    choose_device,
    choose_precision,
    fault,
    import_torch,
    memory_guard,
    plain_words,
    precision_pays,
    smoke_test,
)
from semseg_core.errors import DependencyError, InputError, MemoryLimitError


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A machine where PyTorch sees two NVIDIA GPUs; a test may declare one of them broken."""
    faults: dict[str, str] = {}
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(device_module, "fault", faults.get)
    return faults


def test_auto_takes_the_first_gpu_that_works(two_gpus: dict[str, str]) -> None:
    assert choose_device() == torch.device("cuda:0")
    two_gpus["cuda:0"] = "its driver is too old"
    assert choose_device() == torch.device("cuda:1")
    two_gpus["cuda:1"] = "its memory is full"
    assert choose_device() == torch.device("cpu")


def test_a_named_device_is_taken_or_refused_with_the_reason(two_gpus: dict[str, str]) -> None:
    assert choose_device("cuda") == torch.device("cuda:0")
    assert choose_device("cuda:1") == torch.device("cuda:1")
    assert choose_device("cpu") == torch.device("cpu")
    two_gpus["cuda:1"] = "its memory is full; close other programs that use it"
    with pytest.raises(
        InputError, match="device cuda:1: its memory is full; close other programs that use it; or use --device cpu"
    ):
        choose_device("cuda:1")
    with pytest.raises(
        InputError, match=r"device cuda:2: PyTorch sees 2 NVIDIA GPUs on this machine; choose one of auto, cpu, cuda:0"
    ):
        choose_device("cuda:2")
    with pytest.raises(InputError, match="device mps: PyTorch sees no Apple GPU"):
        choose_device("mps")


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:-1", "cuda:x", "cpu:0", "", "CUDA"])
def test_a_misspelled_device_is_refused_with_the_choices(name: str) -> None:
    with pytest.raises(InputError, match=f"device '{name}': choose auto, cpu, cuda:N or mps"):
        choose_device(name)


def test_one_gpu_is_counted_in_the_singular(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(InputError, match=r"device cuda:1: PyTorch sees 1 NVIDIA GPU on this machine"):
        choose_device("cuda:1")


def test_an_apple_gpu_is_offered_before_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert available_devices() == ["mps", "cpu"]


def test_every_device_that_auto_could_choose_here_calculates() -> None:
    assert fault("cpu") is None
    assert fault(str(choose_device())) is None


def test_a_device_that_calculates_nonsense_is_faulty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.nn.Conv3d, "forward", lambda layer, volume: layer.weight.sum() * float("nan") * volume)
    assert fault("cpu") == "it calculates wrongly; update its driver"


def test_the_smoke_test_in_a_child_finds_the_same_fault_as_the_one_here() -> None:
    absent = "cuda:63"
    assert smoke_test(absent) == fault(absent) is not None


def test_a_device_that_hangs_or_crashes_the_child_is_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "did not answer within 0 s" in (smoke_test("cpu", timeout_s=0.001) or "")
    crash = "import os, sys; os.abort()"
    real_run = device_module.subprocess.run
    monkeypatch.setattr(device_module.subprocess, "run", lambda _, **options: real_run([sys.executable, "-c", crash], **options))
    assert "a small calculation crashed with code" in (smoke_test("cpu") or "")
    crash = "raise ImportError('libtorch.so: cannot open')"
    assert smoke_test("cpu") == "ImportError: libtorch.so: cannot open"


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("CUDA error: no kernel image is available for execution on the device\nmore", "no code for it"),
        ("The NVIDIA driver on your system is too old (found version 11040).", "driver is too old"),
        ("Found no NVIDIA driver on your system.", "no working driver was found"),
        ("CUDA out of memory. Tried to allocate 2 GiB", "memory is full"),
        ("cuDNN error: CUDNN_STATUS_NOT_INITIALIZED", "cuDNN cannot be used"),
        ("something new\nwith details", "something new"),
        ("", "no reason was given"),
    ],
)
def test_messages_of_devices_become_plain_words(message: str, words: str) -> None:
    assert words in plain_words(message)
    assert "\n" not in plain_words(message)


def test_precision_is_what_was_asked_for_or_what_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = torch.device("cpu")
    assert choose_precision("float32", cpu) is None
    assert choose_precision("bfloat16", cpu) is torch.bfloat16
    for pays, expected in ((True, torch.bfloat16), (False, None)):
        monkeypatch.setattr(device_module, "precision_pays", lambda _, pays=pays: pays)
        assert choose_precision("auto", cpu) is expected
    with pytest.raises(InputError, match="precision 'half': choose auto, float32 or bfloat16"):
        choose_precision("half", cpu)


@pytest.mark.parametrize(("half_s", "pays"), [(0.5, True), (0.9, False), (2.0, False)])
def test_16_bit_pays_where_it_is_clearly_faster(monkeypatch: pytest.MonkeyPatch, half_s: float, pays: bool) -> None:
    clock, busy = [0.0], [False]
    autocast = torch.autocast

    def timed_autocast(device_type: str, dtype: torch.dtype, enabled: bool) -> torch.autocast:
        busy[0] = enabled
        return autocast(device_type, dtype=dtype, enabled=enabled)

    def now() -> float:
        clock[0] += half_s if busy[0] else 1.0
        return clock[0]

    monkeypatch.setattr(device_module, "SELF_TEST_S", 0.0)  # three steps of each kind
    monkeypatch.setattr(torch, "autocast", timed_autocast)
    monkeypatch.setattr(device_module.time, "perf_counter", now)
    # Each step reads the clock before and after; what lies between is charged at the pace of its kind.
    assert precision_pays(torch.device("cpu")) is pays


def test_the_precision_test_leaves_random_numbers_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_module, "SELF_TEST_S", 0.0)
    state = torch.get_rng_state()
    precision_pays(torch.device("cpu"))
    assert torch.equal(torch.get_rng_state(), state)


def test_a_device_without_16_bit_uses_32(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("bfloat16 is not supported on this device")

    monkeypatch.setattr(torch, "autocast", refuse)
    assert precision_pays(torch.device("cpu")) is False


def exhaust_numpy() -> None:
    """Ask numpy for more memory than any machine has."""
    np.empty((1 << 60,), dtype=np.uint8)


def exhaust_torch() -> None:
    """Ask PyTorch for more memory than any machine has."""
    torch.empty((1 << 60,), dtype=torch.uint8)


@pytest.mark.parametrize("exhaust", [exhaust_numpy, exhaust_torch])
def test_lack_of_memory_becomes_one_error(exhaust: Callable[[], None]) -> None:
    with pytest.raises(MemoryLimitError, match="^out of memory; close other programs"), memory_guard():
        exhaust()


def test_lack_of_gpu_memory_names_the_gpu() -> None:
    with pytest.raises(MemoryLimitError, match="out of memory on the GPU; .*--device cpu"), memory_guard():
        raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")


def test_other_errors_pass_the_memory_guard_unchanged() -> None:
    for error in (RuntimeError("shapes cannot be multiplied"), ValueError("out of memory")):
        with pytest.raises(type(error)) as caught, memory_guard():
            raise error
        assert caught.value is error


def test_a_missing_or_broken_torch_is_a_missing_dependency(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(DependencyError, match="cannot be loaded|not installed"):
        import_torch()
    monkeypatch.delitem(sys.modules, "torch")
    (tmp_path / "torch.py").write_text("raise OSError('libcudart.so.12: cannot open shared object file')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(DependencyError, match=r"installed but cannot be loaded \(libcudart.so.12: .*\); reinstall it"):
        choose_device("cpu")
