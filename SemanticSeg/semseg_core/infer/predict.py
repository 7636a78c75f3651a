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
from semseg_core.data.resample import grid_points
from semseg_core.data.volume import Volume
from semseg_core.errors import CancelledError, InputError
from semseg_core.features.bank import build_feature_bank
from semseg_core.geometry import Grid
from semseg_core.infer.decode import Decoder
from semseg_core.labels.encode import ids_to_values
from semseg_core.models.model import Model

POINTS_AT_ONCE = 1 << 16
"""Voxels decided on at once: features, hidden layers and logits of 150 leaves stay within 150 MiB."""


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
        cancelled: Asked several times a slice.

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
    network = model.network.to(device).eval()
    decoder = decoder.to(device)
    ids = np.zeros(volume.grid.shape, dtype=np.int32)
    confidence = np.zeros(volume.grid.shape, dtype=np.float32)
    with torch.inference_mode():
        for k in range(volume.grid.shape[0]):
            points = grid_points(volume.grid, k, device)
            asked = torch.arange(len(points), device=device)
            if not model.card.everywhere:
                asked = asked[bank.inside(points)]
            for chunk in asked.split(POINTS_AT_ONCE):
                if cancelled():
                    raise CancelledError("cancelled while applying the model; nothing was written")
                probabilities = network(network.standardize(bank.sample(points[chunk]))).softmax(dim=1)
                answers = decoder(probabilities)
                places = chunk.cpu().numpy()
                ids[k].reshape(-1)[places] = answers.label_ids.cpu().numpy()
                confidence[k].reshape(-1)[places] = answers.confidence.cpu().numpy()
            on_fraction((k + 1) / volume.grid.shape[0])
    return Prediction(ids_to_values(ids, model.card.tree), confidence, volume.grid)
