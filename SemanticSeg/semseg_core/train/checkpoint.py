"""The checkpoint of a running training: one safetensors file, replaced atomically, from which a crashed run goes on.

Numbers travel as tensors, all else as JSON in the file's header; nothing is pickled.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch

from semseg_core.errors import InputError, ModelError
from semseg_core.files import replacing, require_file
from semseg_core.models.directory import CHECKPOINT, make_model_directory
from semseg_core.train.loop import TrainingState

NUMBERS = (
    "step",
    "planned_steps",
    "seconds",
    "loss",
    "best_score",
    "best_step",
    "dice",
    "thresholds",
    "averaged_from",
    "earlier_steps",
    "learning_from",
)

PARTS = ("network", "average", "best", "optimizer")


def save_checkpoint(folder: Path, state: TrainingState, fingerprint: str) -> None:
    """Write the state.

    Args:
        folder: Model directory.
        state: The state after a step.
        fingerprint: Identifies tree, cases and configuration: a run goes on with the same ones only.

    Raises:
        InputError: If the disk is full or the folder cannot be written; an earlier checkpoint stays whole.
    """
    from safetensors.torch import save

    tensors = {"generator": state.generator.get_state(), "global_generator": torch.get_rng_state()}
    for name in PARTS:
        tensors.update({f"{name}.{key}": value.cpu().contiguous() for key, value in getattr(state, name).state_dict().items()})
    record = {name: getattr(state, name) for name in NUMBERS}
    header = {"format": "semseg-checkpoint", "fingerprint": fingerprint, "state": json.dumps(record)}
    data = save({name: tensor.clone() for name, tensor in tensors.items()}, header)
    make_model_directory(folder)
    with replacing(folder / CHECKPOINT, "checkpoint") as temporary:
        temporary.write_bytes(data)


def load_checkpoint(folder: Path, state: TrainingState, fingerprint: str) -> None:
    """Bring a fresh state to where the checkpoint stands.

    Raises:
        ModelError: If there is no checkpoint, it is damaged, or belongs to another run.
    """
    from safetensors import SafetensorError, safe_open

    path = folder / CHECKPOINT
    try:
        require_file(path, "checkpoint")
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except InputError as error:
        raise ModelError(f"{error}; train without --resume") from error
    except SafetensorError as error:
        raise ModelError(f"checkpoint {path}: is damaged ({error}); train without --resume") from error
    if header.get("fingerprint") != fingerprint:
        raise ModelError(
            f"checkpoint {path}: was made with another tree, other cases or options; repeat those, or leave out --resume"
        )
    try:
        _restore(state, json.loads(header["state"]), tensors)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ModelError(f"checkpoint {path}: is incomplete ({error}); train without --resume") from error


def remove_checkpoint(folder: Path) -> None:
    """Delete the checkpoint of a run that has ended."""
    (folder / CHECKPOINT).unlink(missing_ok=True)


def _restore(state: TrainingState, record: dict[str, object], tensors: dict[str, torch.Tensor]) -> None:
    for name in PARTS:
        prefix = f"{name}."
        getattr(state, name).load_state_dict(
            {key[len(prefix) :]: value for key, value in tensors.items() if key.startswith(prefix)}
        )
    state.generator.set_state(tensors["generator"])
    torch.set_rng_state(tensors["global_generator"])
    for name in NUMBERS:
        setattr(state, name, record[name])
