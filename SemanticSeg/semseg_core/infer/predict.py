"""Applying a model: from an image to a label and a confidence for each of its own voxels.

Every voxel center of the input is described by the feature bank and decided on; nothing is resampled back, so the result lies
on the input's grid exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from semseg_core.data.intensity import normalize
from semseg_core.data.volume import Volume
from semseg_core.errors import InputError
from semseg_core.features.bank import build_feature_bank
from semseg_core.geometry import Grid
from semseg_core.infer.applier import Applier, slabs
from semseg_core.infer.decode import Decoder
from semseg_core.labels.encode import ids_to_values
from semseg_core.models.model import Model


@dataclass(frozen=True, eq=False)
class Prediction:
    """The result for one image.

    Args:
        values: Label values of the model's tree, (D, H, W) int32; 0 where unknown.
        confidence: Probability of the answer, (D, H, W) float32 in 0…1; 0 where nothing was asked (air).
        grid: The input's own grid.
    """

    values: np.ndarray
    confidence: np.ndarray
    grid: Grid


def predict(
    model: Model,
    volume: Volume,
    decoder: Decoder,
    device: torch.device,
    on_fraction: Callable[[float], None],
    cancelled: Callable[[], bool],
) -> Prediction:
    """Label every voxel of a volume.

    Args:
        model: The model.
        volume: Image with the model's channels, intensities as stored.
        decoder: Turns leaf probabilities into answers.
        device: Where to compute.
        on_fraction: Told the share done, 0…1.
        cancelled: Asked some ten times a second.

    Raises:
        InputError: If a channel is missing.
        CancelledError: If `cancelled` said so; nothing is returned then.
    """
    missing = [name for name in model.card.channels if name not in volume.channels]
    if missing:
        raise InputError(
            f"image: channel '{missing[0]}' is missing; the model takes {', '.join(model.card.channels)}, in this order"
        )
    bank = build_feature_bank(normalize(volume, model.card.rules), model.card.spacing_mm, device, cancelled)
    applier = Applier(bank, model.network.to(device), decoder.to(device), volume.grid, model.card.everywhere)
    ids = np.zeros(volume.grid.shape, dtype=np.int32)
    confidence = np.zeros(volume.grid.shape, dtype=np.float32)
    for box in slabs(volume.grid):
        (start, stop), *_ = box
        ids[start:stop], confidence[start:stop] = applier.answer(box, cancelled)
        on_fraction(stop / volume.grid.shape[0])
    return Prediction(ids_to_values(ids, model.card.tree), confidence, volume.grid)
