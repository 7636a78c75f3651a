"""Model directories: `model.json`, the card, `model.safetensors`, the weights, and `strokes.safetensors`, if any were drawn.

Nothing in them is ever unpickled or evaluated. The card holds the checksum of the weights, so that a truncated copy or a pair
that does not belong together is found before it answers. A model does without the strokes.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import ExitStack
from pathlib import Path

import torch

from semseg_core.errors import InputError, ModelError
from semseg_core.files import replacing, require_writable
from semseg_core.models.contents import CARD, CHECKPOINT, STROKES, WEIGHTS, load_card, read_weights
from semseg_core.models.context import ContextNetwork
from semseg_core.models.model import Model
from semseg_core.models.network import PointNetwork
from semseg_core.models.strokes import read_strokes, to_bytes

CONTEXT = "context."
"""What the names of the context network's weights begin with."""


def require_model_directory(path: str | Path) -> Path:
    """The path, if a model can be written there; refused when it is a file or holds something else. It is not made yet.

    Raises:
        InputError: If it cannot be used.
    """
    folder = Path(path)
    if folder.is_file():
        raise InputError(f"model {folder}: is a file; name a folder")
    if not folder.is_dir():
        return require_writable(folder, "model")
    require_writable(folder / CARD, "model")
    if not _is_ours(folder):
        raise InputError(f"model {folder}: the folder holds other files; name a new or empty one")
    return folder


def make_model_directory(folder: Path) -> None:
    """Make the folder where it is missing.

    Raises:
        InputError: If it cannot be made.
    """
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise InputError(f"model {folder}: the folder cannot be made ({error.strerror}); choose another place") from error


def save_model(folder: Path, model: Model) -> None:
    """Write all files; an earlier model there stays whole if anything fails.

    Raises:
        InputError: If the disk is full or the folder cannot be written.
    """
    from safetensors.torch import save

    tensors = dict(model.network.state_dict())
    if model.context is not None:
        tensors.update({CONTEXT + name: tensor for name, tensor in model.context.state_dict().items()})
    weights = save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()})
    card = {
        **model.card.to_record(),
        "weights": {"file": WEIGHTS, "sha256": hashlib.sha256(weights).hexdigest(), "bytes": len(weights)},
    }
    text = json.dumps(card, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    make_model_directory(folder)
    # All files are whole on disk before any takes its name.
    with ExitStack() as files:
        card_file, weights_file = (files.enter_context(replacing(folder / name, "model")) for name in (CARD, WEIGHTS))
        weights_file.write_bytes(weights)
        card_file.write_text(text, encoding="utf-8", newline="\n")
        if model.strokes:
            files.enter_context(replacing(folder / STROKES, "model")).write_bytes(to_bytes(model.strokes))
    if not model.strokes:
        (folder / STROKES).unlink(missing_ok=True)  # those of an earlier model


def load_model(path: str | Path) -> Model:
    """Read a model.

    Raises:
        ModelError: If the folder holds no model, or one that is damaged or of a newer version.
    """
    import safetensors
    from safetensors.torch import load

    folder = Path(path)
    card = load_card(folder)
    data = read_weights(folder)
    with torch.device("meta"):  # an altered card could ask for more memory than there is; the weights say what is needed
        network = PointNetwork(card.network, len(card.tree.leaves))
        context = None if card.context is None else ContextNetwork(card.context)
    try:
        tensors = load(data)
        network.load_state_dict(_part(tensors, context=False), assign=True)
        if context is not None:
            context.load_state_dict(_part(tensors, context=True), assign=True)
    except (safetensors.SafetensorError, RuntimeError) as error:
        raise ModelError(f"model {folder}: its weights do not fit its card; train again") from error
    return Model(card, network.eval(), None if context is None else context.eval(), read_strokes(folder, card.tree))


def _part(tensors: dict[str, torch.Tensor], context: bool) -> dict[str, torch.Tensor]:
    """The weights of one of the two networks, by their names in it."""
    return {name.removeprefix(CONTEXT): tensor for name, tensor in tensors.items() if name.startswith(CONTEXT) is context}


def _is_ours(folder: Path) -> bool:
    """Whether the folder holds a model or a checkpoint, or nothing; hidden files, of desktops and of a crash, do not count."""
    names = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    return not names or bool(names & {CARD, CHECKPOINT})
