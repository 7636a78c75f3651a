"""The start model: a context network trained on synthetic volumes, which comes with the library.

`start/start_context.json` is its card, `tools/start_model.py` what trained it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import torch

from semseg_core.errors import ModelError
from semseg_core.models.context import ContextNetwork, basic_u_net
from semseg_core.models.shape import ContextShape

FOLDER = Path(__file__).parent / "start"
"""The start model's card and weights."""

CARD = "start_context.json"


def start_context(maps: int, spacing_mm: tuple[float, float, float], plane: int | None = None) -> ContextNetwork:
    """A context network that starts from the start model.

    Its first layer takes the mean of the maps, until training tells them apart. A network of two dimensions has the sums of the
    kernels across its slices: it answers like the start model on a volume in which all slices are the same and that has no end
    across them, which the start model's padding gives it.

    Args:
        maps: Maps it takes.
        spacing_mm: Spacing along S, A, R of the grid it sees.
        plane: Axis across the slices of a network of two dimensions, or None.

    Raises:
        ModelError: If the library's copy of the start model is damaged.
    """
    network = ContextNetwork(basic_u_net(maps, spacing_mm, plane))
    network.load_state_dict(carried(load_weights(FOLDER), network.state_dict(), plane))
    return network


def read_card(folder: Path) -> dict[str, object]:
    """The card of a start model: its shape, checksum, recipe, licence, use and limits.

    Raises:
        ModelError: If it cannot be read.
    """
    try:
        return json.loads((folder / CARD).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _damaged(folder, str(error)) from error


def load_weights(folder: Path) -> dict[str, torch.Tensor]:
    """Weights of a start model, float32, by name; they are those that the card was written for.

    Raises:
        ModelError: If they are not, or do not belong to a network that this version builds.
    """
    import safetensors
    from safetensors.torch import load

    card = read_card(folder)
    try:
        record = card["weights"]
        data = (folder / str(record["file"])).read_bytes()
        if hashlib.sha256(data).hexdigest() != record["sha256"]:
            raise _damaged(folder, "the checksum differs")
        if ContextShape.from_record(card["shape"]) != basic_u_net(1, (1.0, 1.0, 1.0)):
            raise _damaged(folder, "it is of another version")
        return {name: tensor.to(torch.float32) for name, tensor in load(data).items()}
    except (KeyError, TypeError, ValueError, OSError, safetensors.SafetensorError) as error:
        raise _damaged(folder, str(error)) from error


def carried(
    weights: Mapping[str, torch.Tensor], wanted: Mapping[str, torch.Tensor], plane: int | None
) -> dict[str, torch.Tensor]:
    """Weights of a network of one map and three dimensions, for one of more maps or of two dimensions.

    Args:
        weights: What there is.
        wanted: Tensors of the shapes that are needed, by name.
        plane: Axis whose kernels are summed up, or None.
    """
    fitting = {}
    for name, weight in weights.items():
        if plane is not None and weight.ndim == 5:
            weight = weight.sum(2 + plane)
        if weight.ndim > 1 and weight.shape[1] == 1 < wanted[name].shape[1]:
            maps = wanted[name].shape[1]
            weight = weight.expand(-1, maps, *weight.shape[2:]) / maps
        fitting[name] = weight
    return fitting


def _damaged(folder: Path, why: str) -> ModelError:
    return ModelError(f"start model {folder}: it cannot be used ({why}); install SemanticSeg anew")
