"""Files of torch.save are read without running what is in them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from semseg_core.errors import ModelError
from semseg_core.models.foreign.weights import only_tensors, read_checkpoint


class Trap:
    """Runs a command when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple:
        return os.system, (f"touch {self.mark}",)


def test_a_file_that_would_run_a_command_is_refused_and_runs_nothing(tmp_path: Path) -> None:
    torch.save({"weights": Trap(tmp_path / "it ran")}, tmp_path / "model.pt")
    with pytest.raises(ModelError, match=r"neither numbers nor text \((posix|nt)\.system\)"):
        read_checkpoint(tmp_path / "model.pt")
    assert not (tmp_path / "it ran").exists()


def test_numpy_scalars_are_read_as_numbers(tmp_path: Path) -> None:
    scalars = [np.float32(0.25), np.float64(0.1), np.int64(-7), np.int32(5), np.bool_(True), np.float16(1.5), np.uint8(200)]
    torch.save({"log": scalars, "big": np.array(2.5, dtype=">f8")[()]}, tmp_path / "a.pth")
    found = read_checkpoint(tmp_path / "a.pth")
    assert found == {"log": [0.25, 0.1, -7, 5, True, 1.5, 200], "big": 2.5}
    assert all(type(number) in (float, int, bool) for number in found["log"])


def test_numpy_scalars_that_hold_objects_are_not_made(tmp_path: Path) -> None:
    """A NumPy scalar of the type "object" may hold anything; the stand-in makes nothing of it."""

    class Strange:
        def __reduce__(self) -> tuple:
            return np.float64(1).__reduce__()[0], (np.dtype("O"), b"12345678")

    torch.save({"log": Strange()}, tmp_path / "a.pth")
    assert read_checkpoint(tmp_path / "a.pth") == {"log": None}


@pytest.mark.parametrize(
    ("content", "message"), [(b"", "the file is empty"), (b"no archive", "damaged or no PyTorch file|neither numbers nor text")]
)
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.pth").write_bytes(content)
    with pytest.raises(ModelError, match=message):
        read_checkpoint(tmp_path / "a.pth")


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    torch.save({"weight": torch.randn(100)}, tmp_path / "a.pth")
    whole = (tmp_path / "a.pth").read_bytes()
    (tmp_path / "a.pth").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match="damaged or no PyTorch file"):
        read_checkpoint(tmp_path / "a.pth")
    with pytest.raises(ModelError, match="there is no such file"):
        read_checkpoint(tmp_path / "b.pth")


def test_weights_are_named_tensors() -> None:
    assert list(only_tensors({"module.a.weight": torch.ones(1)}, "weights")) == ["a.weight"]
    with pytest.raises(ModelError, match="weights: holds no named tensors"):
        only_tensors({"a": 3}, "weights")
    with pytest.raises(ModelError, match="weights: holds no named tensors"):
        only_tensors(None, "weights")
