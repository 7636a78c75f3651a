"""An image as a value: channels, grid and names."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from semseg_core.errors import ShapeError
from semseg_core.geometry import Grid


@dataclass(frozen=True, eq=False)
class Volume:
    """A scalar or multi-channel image.

    Args:
        array: Intensities, (C, D, H, W) float32.
        grid: Where the voxels lie.
        channels: One name per channel.

    Raises:
        ShapeError: If array, grid and names do not belong together.
    """

    array: np.ndarray
    grid: Grid
    channels: tuple[str, ...]

    def __post_init__(self) -> None:
        array = np.asarray(self.array, dtype=np.float32)
        if array.ndim != 4 or array.shape[1:] != self.grid.shape:
            raise ShapeError(f"volume: expected (C, {', '.join(map(str, self.grid.shape))}), got {array.shape}")
        if len(self.channels) != array.shape[0]:
            raise ShapeError(f"volume: {array.shape[0]} channels but {len(self.channels)} names {self.channels}")
        object.__setattr__(self, "array", array)
        object.__setattr__(self, "channels", tuple(self.channels))


@dataclass(frozen=True, eq=False)
class LabelMap:
    """A label map as stored: integer values on a grid, not yet read by any tree.

    Args:
        array: Values, (D, H, W), an integer dtype.
        grid: Where the voxels lie.
        source: The file it came from, for messages.
    """

    array: np.ndarray
    grid: Grid
    source: str = "label map"

    def __post_init__(self) -> None:
        if self.array.shape != self.grid.shape or not np.issubdtype(self.array.dtype, np.integer):
            raise ShapeError(
                f"{self.source}: expected integers of shape {self.grid.shape}, got {self.array.dtype} {self.array.shape}"
            )
