"""The same volume as another scanner might have shown it: contrast, brightness, bias field and noise, drawn then applied."""

from __future__ import annotations

import numpy as np

from semseg_core.data.volume import Volume


def vary_intensities(volume: Volume, rng: np.random.Generator) -> Volume:
    """A variant of a normalized volume: gamma 0.7…1.4, gain ±15 %, a smooth bias field of ±20 %, noise up to 3 %.

    Ranges follow nnU-Net's and SynthSeg's augmentation at about half strength: features are trained on the unchanged
    volume too.

    Args:
        volume: Tissue within about 0…1.
        rng: Draws the variant; equal generators give equal variants.
    """
    from scipy.ndimage import zoom

    channels = []
    coarse_shape = tuple(min(4, size) for size in volume.grid.shape)
    coarse = rng.uniform(-0.2, 0.2, coarse_shape)
    bias = zoom(coarse, [size / low for size, low in zip(volume.grid.shape, coarse_shape, strict=True)], order=1)
    for array in volume.array:
        gamma = np.exp(rng.uniform(np.log(0.7), np.log(1.4)))
        gain = rng.uniform(0.85, 1.15)
        noise = rng.uniform(0.0, 0.03)
        changed = np.sign(array) * np.abs(array) ** gamma * gain * (1.0 + bias)
        # What was masked away stays one value: the features find the body by it.
        channels.append(changed + rng.normal(0.0, noise, array.shape) * (array > array.min()))
    return Volume(np.stack(channels), volume.grid, volume.channels)
