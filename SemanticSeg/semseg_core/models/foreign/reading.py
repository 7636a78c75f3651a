"""A start model of any kind: one of ours, a MONAI bundle, an nnU-Net folder."""

from __future__ import annotations

from pathlib import Path

from semseg_core.errors import ModelError
from semseg_core.models.card import ModelCard
from semseg_core.models.contents import CARD, CHECKPOINT, WEIGHTS
from semseg_core.models.directory import load_model
from semseg_core.models.foreign.bundle import CONFIGS, is_bundle, read_bundle
from semseg_core.models.foreign.nnu_net import PLANS, find_nnu_net, read_nnu_net
from semseg_core.models.foreign.torch_script import is_torch_script, read_torch_script
from semseg_core.models.model import Model


def read_start_model(path: str | Path) -> Model:
    """Read a model that can be fine-tuned.

    Raises:
        ModelError: If it is none, or damaged, or of a kind that cannot be fine-tuned.
        DependencyError: If a package is missing that builds its network.
    """
    path = Path(path)
    if is_torch_script(path):
        raise ModelError(
            f"start model {path}: TorchScript can be applied (semseg predict) but not fine-tuned; give a bundle with model.pt"
        )
    if any((path / name).exists() for name in (CARD, WEIGHTS, CHECKPOINT)):  # of ours, if perhaps damaged
        return load_model(path)
    if is_bundle(path):
        return read_bundle(path)
    folder = find_nnu_net(path)
    if folder is not None:
        return read_nnu_net(folder)
    if path.is_file():
        raise ModelError(f"model {path}: is a file; name its folder: a model of ours, a MONAI bundle or one of nnU-Net")
    if path.is_dir():
        raise ModelError(
            f"model {path}: holds no model: neither {CARD} of SemanticSeg, nor a MONAI bundle ({CONFIGS}, models), "
            f"nor a model folder of nnU-Net ({PLANS})"
        )
    raise ModelError(f"model {path}: there is no such folder; check the path")


def read_model_to_apply(path: str | Path) -> Model:
    """Read a model that can be applied: also TorchScript, whose own code is run (`torch_script.py` says what that means).

    Raises:
        ModelError: If it is none, or damaged.
        DependencyError: If a package is missing that builds its network.
    """
    path = Path(path)
    return read_torch_script(path) if is_torch_script(path) else read_start_model(path)


def import_notes(card: ModelCard) -> tuple[str, ...]:
    """What a user should know of a model that was just read from another program's files; empty for our own."""
    imported = card.training.get("imported")
    return tuple(imported.get("notes", ())) if isinstance(imported, dict) else ()
