"""TorchScript models, for applying alone: a file, or a MONAI bundle with `models/model.ts` and no `models/model.pt`.

Loading such a file runs code that lies in it. It is TorchScript's own, in PyTorch's interpreter: it computes with tensors and
reaches neither Python nor files nor the network, but it may ask for any amount of memory and time. So a file is loaded only
when the user asks to apply it, and it is not carried into a model of ours.

What TorchScript does not say (labels, channels, spacing, intensities) is taken from the configuration that MONAI stores in the
file or in the bundle around it, or from a JSON file of the same name beside it, which holds `network_data_format`,
`preprocessing` and `inferer` as MONAI's metadata.json and inference.json do.
"""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from semseg_core.errors import ModelError
from semseg_core.models.foreign.bundle import CONFIGS, METADATA, NAMES, SCRIPT, WEIGHTS, bundle_config, describe_bundle
from semseg_core.models.foreign.bundle_config import BundleConfig, parsed, read_config
from semseg_core.models.foreign.description import Head, assemble, tried_output
from semseg_core.models.model import Model

SUFFIXES = (".ts", ".torchscript")
LARGEST_CONFIG = 4 << 20
"""Bytes of a configuration inside a file that are read at most."""


def is_torch_script(path: Path) -> bool:
    """Whether it is a TorchScript file, or a bundle that holds no other weights."""
    if path.is_dir():
        return (path / CONFIGS).is_dir() and (path / SCRIPT).is_file() and not (path / WEIGHTS).is_file()
    return path.is_file() and (path.suffix in SUFFIXES or _holds_code(path))


def read_torch_script(path: Path) -> Model:
    """Read a model that can be applied and neither fine-tuned nor saved.

    Raises:
        ModelError: If it is damaged, or nothing says what it takes and answers.
    """
    script = path / SCRIPT if path.is_dir() else path
    metadata, config = _described(path, script)
    foreign = describe_bundle(path.stem, metadata, config, "TorchScript", {})
    try:
        with warnings.catch_warnings():  # newer versions of PyTorch call TorchScript deprecated; its files are still about
            warnings.simplefilter("ignore", DeprecationWarning)
            network = torch.jit.load(str(script), map_location="cpu").eval()
    except (RuntimeError, ValueError, OSError) as error:
        raise ModelError(f"TorchScript model {script}: is damaged or no TorchScript ({_shortened(error)})") from error
    body = _Script(network)
    count = len(foreign.labels)
    output = tried_output(body, foreign)
    if output.shape[1] != count:
        raise ModelError(f"TorchScript model {script}: gives {output.shape[1]} maps for {count} labels; correct 'channel_def'")
    return assemble(foreign, Head(None, torch.eye(count), torch.zeros(count)), lambda: body)


class _Script(nn.Module):
    """A TorchScript module as a part of ours; its own parts and weights are left inside."""

    def __init__(self, network: torch.jit.ScriptModule) -> None:
        super().__init__()
        self.script = network

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """What it says to an image."""
        return self.script(image)


def _described(path: Path, script: Path) -> tuple[BundleConfig, BundleConfig]:
    """Metadata and configuration of a TorchScript model.

    Raises:
        ModelError: If there are none.
    """
    if path.is_dir():
        return read_config(path / CONFIGS / METADATA), bundle_config(path)
    beside = script.with_suffix(".json")
    if beside.is_file():
        config = read_config(beside)
        return config, config
    inside = _inside(script)
    config = next((inside[f"{name}.json"] for name in NAMES if f"{name}.json" in inside), None)
    if METADATA not in inside or config is None:
        raise ModelError(
            f"TorchScript model {script}: nothing says its labels, spacing and intensities; write them to {beside.name} "
            "beside it: 'network_data_format', 'preprocessing' and 'inferer' as in a MONAI bundle"
        )
    what = f"TorchScript model {script}"
    return BundleConfig(inside[METADATA], what), BundleConfig(config, what)


def _inside(script: Path) -> dict[str, Mapping[str, object]]:
    """Configurations stored in the file, by name; read as text, without loading it."""
    found = {}
    try:
        with zipfile.ZipFile(script) as archive:
            for info in archive.infolist():
                parts = info.filename.split("/")
                if len(parts) == 3 and parts[1] == "extra" and info.file_size <= LARGEST_CONFIG:
                    name = parts[2] if parts[2].endswith(".json") else f"{parts[2]}.json"
                    with archive.open(info) as stream:
                        found[name] = parsed(stream.read(LARGEST_CONFIG).decode("utf-8", "replace"), Path(name))
    except (zipfile.BadZipFile, OSError) as error:
        raise ModelError(f"TorchScript model {script}: is damaged or no TorchScript ({_shortened(error)})") from error
    return found


def _holds_code(path: Path) -> bool:
    """Whether a file is a zip archive with TorchScript's code; `torch.save` writes archives without."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any("/code/" in name for name in archive.namelist())


def _shortened(error: Exception) -> str:
    return " ".join(str(error).split())[:160]
