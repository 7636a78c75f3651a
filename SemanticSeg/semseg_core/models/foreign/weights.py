"""Weights of other programs, read so that nothing in a file is run.

PyTorch's restricted reader makes tensors and plain values only. Checkpoints of nnU-Net also hold NumPy scalars in their log;
their names are mapped to stand-ins of ours, so that not even NumPy's own constructors are called with what a file says.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from pathlib import Path

import torch

from semseg_core.errors import DependencyError, InputError, ModelError
from semseg_core.files import require_file

SCALARS = dict(zip(["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"], "efdbhiqBHIQ", strict=True))
"""Types of NumPy scalars, and the letters by which Python's struct reads them."""


class _ScalarType:
    """Stands in for a NumPy type: its letters are kept, its byte order is taken from the state that follows."""

    def __init__(self, letters: object, *_: object) -> None:
        self.letters = str(letters)
        self.order = "<"

    def __setstate__(self, state: object) -> None:
        if isinstance(state, tuple) and len(state) > 1 and state[1] == ">":
            self.order = ">"


def _scalar(kind: object, data: object) -> float | int | bool | None:
    """Stands in for NumPy's constructor of scalars; anything but one number becomes None."""
    if not isinstance(kind, _ScalarType) or not isinstance(data, bytes):
        return None
    if kind.letters == "b1":
        return data != b"\0"
    letter = SCALARS.get(kind.letters)
    if letter is None or struct.calcsize(letter) != len(data):
        return None
    return struct.unpack(kind.order + letter, data)[0]


STAND_INS = [
    (_ScalarType, "numpy.dtype"),
    *((_scalar, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")),
    *((_ScalarType, f"numpy.dtypes.{name}DType") for name in ("Float32", "Float64", "Int64", "Int32")),
]
"""What stands in for what, by the names that files use; versions of NumPy before 2 say `core`, later ones `_core`."""


def read_checkpoint(path: Path) -> Mapping[str, object]:
    """The contents of a file of `torch.save`: tensors, numbers, text, lists and dictionaries.

    Raises:
        ModelError: If it is missing, damaged, or holds anything else.
        DependencyError: If PyTorch is too old.
    """
    try:
        path = require_file(path, "model weights")
    except InputError as error:
        raise ModelError(str(error)) from error
    if not hasattr(torch.serialization, "safe_globals"):
        raise DependencyError(f"PyTorch {torch.__version__}: cannot read models of other programs safely; install 2.5 or newer")
    try:
        with torch.serialization.safe_globals(STAND_INS):
            found = torch.load(path, map_location="cpu", weights_only=True)
    except torch.serialization.pickle.UnpicklingError as error:
        raise ModelError(
            f"model weights {path}: hold an object that is neither numbers nor text ({_refused(error)}), "
            "and making it could run code; save the network's state_dict() alone"
        ) from error
    except (RuntimeError, ValueError, KeyError, EOFError, OSError, AttributeError, TypeError, struct.error) as error:
        raise ModelError(f"model weights {path}: are damaged or no PyTorch file ({_shortened(error)})") from error
    if not isinstance(found, Mapping):
        raise ModelError(f"model weights {path}: hold a {type(found).__name__}, not named tensors; save its state_dict()")
    return found


def only_tensors(weights: object, what: str) -> dict[str, torch.Tensor]:
    """Named tensors, without the prefix that data parallelism puts before every name.

    Raises:
        ModelError: If there are none, or something else is among them.
    """
    if not isinstance(weights, Mapping) or not weights or not all(isinstance(item, torch.Tensor) for item in weights.values()):
        raise ModelError(f"{what}: holds no named tensors; save the network's state_dict()")
    return {str(name).removeprefix("module."): tensor for name, tensor in weights.items()}


def _refused(error: Exception) -> str:
    """The name that PyTorch refused; its own message goes on to recommend how to read such a file all the same."""
    found = re.search(r"GLOBAL ([\w.]+)", str(error))
    return found[1] if found else "which one, PyTorch does not say"


def _shortened(error: Exception) -> str:
    return " ".join(str(error).split())[:160] or type(error).__name__
