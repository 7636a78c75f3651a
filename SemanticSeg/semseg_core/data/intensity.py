"""Intensity rules: how a stored intensity becomes what a network sees, the same for training and applying.

A rule belongs to a channel and is written into the model card. `percentile` adapts to each volume, for MR and anything
without units; `window` is fixed, for CT.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from semseg_core.data.volume import Volume
from semseg_core.errors import InputError

AIR_HU = -500.0
"""An image whose darkest hundredth lies below this is taken for CT: nothing else stores air at about -1000."""

SAMPLES = 2_000_000
"""Voxels that percentiles are taken over: enough for a relative error of 1e-3, and quick on 512³ voxels."""


@dataclass(frozen=True)
class IntensityRule:
    """How one channel is scaled.

    Args:
        channel: Name of the image channel it reads.
        kind: "percentile" (0 is the 1st percentile of the volume, 1 the 99th of what is brighter than air) or "window".
        low: Value that becomes 0, for "window".
        high: Value that becomes 1, for "window".

    Raises:
        InputError: If the kind is unknown or the window is empty.
    """

    channel: str
    kind: str = "percentile"
    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in ("percentile", "window"):
            raise InputError(
                f"intensity rule of channel '{self.channel}': kind '{self.kind}' is neither 'percentile' nor 'window'"
            )
        if not self.low < self.high:
            raise InputError(f"intensity rule of channel '{self.channel}': window {self.low} to {self.high} is empty")

    def apply(self, array: np.ndarray) -> np.ndarray:
        """The array, (D, H, W), scaled so that tissue lies within about 0…1; float32, limited to -0.5…2."""
        low, high = (self.low, self.high) if self.kind == "window" else _percentiles(array)
        return np.clip((array - np.float32(low)) / np.float32(high - low), -0.5, 2.0).astype(np.float32)


def choose_rules(volume: Volume) -> tuple[IntensityRule, ...]:
    """Rules fit for a volume: percentiles, or for CT one wide window and one of soft tissue."""
    rules: list[IntensityRule] = []
    for name, array in zip(volume.channels, volume.array, strict=True):
        if np.percentile(_sample(array), 1.0) < AIR_HU:
            rules += [IntensityRule(name, "window", -1000.0, 1000.0), IntensityRule(name, "window", -160.0, 240.0)]
        else:
            rules.append(IntensityRule(name))
    return tuple(rules)


def normalize(volume: Volume, rules: tuple[IntensityRule, ...]) -> Volume:
    """The volume as a network sees it: one channel per rule.

    Raises:
        InputError: If a rule's channel is not in the volume.
    """
    arrays = []
    for rule in rules:
        if rule.channel not in volume.channels:
            raise InputError(f"channel '{rule.channel}' is missing; the image has {', '.join(volume.channels)}")
        arrays.append(rule.apply(volume.array[volume.channels.index(rule.channel)]))
    return Volume(np.stack(arrays), volume.grid, tuple(f"{rule.channel} {index}" for index, rule in enumerate(rules)))


def otsu_threshold(array: np.ndarray, bins: int = 256) -> float:
    """The value that splits a histogram into two classes of greatest variance between them (Otsu 1979)."""
    counts, edges = np.histogram(array, bins=bins, range=tuple(np.percentile(array, (0.0, 99.5))))
    centers = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    sum_below = np.cumsum(counts * centers)
    means_apart = sum_below / np.maximum(below, 1) - (sum_below[-1] - sum_below) / np.maximum(above, 1)
    return float(centers[np.argmax(below * above.astype(float) * means_apart**2)])


def _percentiles(array: np.ndarray) -> tuple[float, float]:
    """The 1st percentile of all voxels, and the 99th of those brighter than half of Otsu's threshold."""
    sample = _sample(array)
    low = float(np.percentile(sample, 1.0))
    tissue = sample[sample > low + 0.5 * (otsu_threshold(sample) - low)]
    high = float(np.percentile(tissue, 99.0)) if tissue.size else float(sample.max())
    return low, high if high > low else low + 1.0


def _sample(array: np.ndarray) -> np.ndarray:
    flat = array.reshape(-1)
    return flat[:: max(1, flat.size // SAMPLES)]
