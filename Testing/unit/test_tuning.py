"""Process settings, tried in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import semseg_core
from semseg_core.tuning import ENVIRONMENT, tune_process

ROOT = str(Path(semseg_core.__file__).parents[1])


def test_settings_are_made_and_those_of_the_user_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    monkeypatch.setattr("semseg_core.tuning.platform.libc_ver", lambda: ("", ""))  # leave the allocator of the test run alone
    tune_process()
    assert {name: os.environ[name] for name in ENVIRONMENT} == {**ENVIRONMENT, "OMP_WAIT_POLICY": "ACTIVE"}


@pytest.mark.skipif(sys.platform != "linux", reason="minor page faults and libgomp are Linux's")
def test_freed_memory_is_reused_and_waiting_threads_sleep() -> None:
    code = """
import resource, sys
from semseg_core.tuning import tune_process
if sys.argv[1] == "tuned":
    tune_process()
import numpy as np
for _ in range(2):
    np.ones(32 << 20, np.uint8)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(8):
    np.ones(32 << 20, np.uint8)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
if sys.argv[1] == "tuned":
    import torch
    torch.ones(8)
"""
    environment = {
        name: value for name, value in os.environ.items() if name not in ENVIRONMENT and not name.startswith("MALLOC_")
    }
    environment |= {"PYTHONPATH": ROOT, "OMP_DISPLAY_ENV": "VERBOSE", "NUMPY_MADVISE_HUGEPAGE": "0"}
    children = [
        subprocess.run([sys.executable, "-c", code, mode], capture_output=True, text=True, check=True, env=environment)
        for mode in ("default", "tuned")
    ]
    default, tuned = (int(child.stdout) for child in children)
    assert tuned < 100 < default  # fresh pages touched, of 65 536
    assert "GOMP_SPINCOUNT = '0'" in children[1].stderr
