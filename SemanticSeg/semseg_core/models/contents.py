"""What lies in a model directory, read without PyTorch: the card, and the weights as bytes whose checksum the card holds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from semseg_core.errors import InputError, ModelError
from semseg_core.files import require_file
from semseg_core.models.card import ModelCard

CARD = "model.json"
WEIGHTS = "model.safetensors"

STROKES = "strokes.safetensors"
"""Beside them, of a model that was taught by strokes (`models/strokes.py`); it does without."""

CHECKPOINT = "resume.safetensors"
"""Beside them while a training has not ended: where it goes on after a crash or a cancel (`train/checkpoint.py`)."""


def load_card(path: str | Path) -> ModelCard:
    """Read only the card of a model directory.

    Raises:
        ModelError: If there is none, or it cannot be used.
    """
    folder = Path(path)
    return ModelCard.from_record(_record(folder), f"model card {folder / CARD}")


def read_weights(folder: Path) -> bytes:
    """The weights of a model, which are those that its card was written for.

    Raises:
        ModelError: If a file is missing or cannot be read, or they are not.
    """
    try:
        data = require_file(folder / WEIGHTS, "model weights").read_bytes()
    except InputError as error:
        raise ModelError(str(error)) from error
    weights = _record(folder).get("weights")
    if not isinstance(weights, Mapping) or hashlib.sha256(data).hexdigest() != weights.get("sha256"):
        raise ModelError(
            f"model {folder}: {WEIGHTS} ({len(data)} bytes) does not match its card; it was truncated or altered, copy it again"
        )
    return data


def _record(folder: Path) -> Mapping[str, object]:
    """The card as JSON."""
    if not folder.is_dir():
        raise ModelError(f"model {folder}: there is no such folder; name one written by semseg finetune")
    what = f"model card {folder / CARD}"
    try:
        record = json.loads(require_file(folder / CARD, "model card").read_text(encoding="utf-8"))
    except InputError as error:
        raise ModelError(str(error)) from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{what}: is not valid JSON ({error}); it was truncated or altered, copy it again") from error
    if not isinstance(record, Mapping):
        raise ModelError(f"{what}: is not a model card of SemanticSeg; choose a folder written by semseg finetune")
    return record
