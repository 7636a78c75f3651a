"""Dense maps of a context network over a whole volume, as one more level of the feature bank."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from semseg_core.data.resample import anatomical_grid, resample
from semseg_core.data.volume import Volume
from semseg_core.device import require_memory
from semseg_core.geometry import Grid
from semseg_core.models.context import ContextNetwork
from semseg_core.models.shape import ContextShape

BYTES_PER_VALUE = 4

OVERLAP = 0.25
"""Share of a window that it has in common with the next."""


def context_image(volume: Volume, shape: ContextShape, check: Callable[[], None] = lambda: None) -> tuple[torch.Tensor, Grid]:
    """The image as a context network sees it, (C, D, H, W) float32, and its grid along the anatomical axes.

    Args:
        volume: Normalized by the card's rules.
        shape: What the network wants to see.
        check: Called several times a second; what it raises ends the work.
    """
    grid = anatomical_grid(volume.grid, shape.spacing_mm)
    image = resample(torch.as_tensor(volume.array), volume.grid, grid, check)
    if shape.scaling in ("volume", "nonzero"):
        image = torch.stack([_standardized(one, shape.scaling == "nonzero") for one in image])
    elif shape.scaling == "fixed":
        offset, divisor = (torch.tensor(numbers)[:, None, None, None] for numbers in (shape.offset, shape.divisor))
        image = (image - offset) / divisor
    return image, grid


def context_maps(
    network: ContextNetwork,
    volume: Volume,
    device: torch.device | str = "cpu",
    check: Callable[[], None] = lambda: None,
    mirrored: bool = False,
) -> tuple[torch.Tensor, Grid]:
    """Maps (F, D, H, W) of a whole volume, window by window, and their grid.

    Args:
        network: The network; it is put into evaluation mode.
        volume: Normalized by the card's rules.
        device: Where to compute and to keep the maps.
        check: Called before every window; what it raises ends the work.
        mirrored: Show the network the mirror image, right for left, and turn what it says back.

    Raises:
        MemoryLimitError: If the maps do not fit: a foreign network may want its own, fine spacing.
    """
    from monai.inferers import sliding_window_inference

    shape = network.shape
    size = anatomical_grid(volume.grid, shape.spacing_mm).shape
    values = math.prod(size) * (shape.maps + shape.features + 1)  # the image, its maps, and how often a voxel was seen
    spacing = " × ".join(f"{axis:g}" for axis in shape.spacing_mm)
    what = f"context network: {shape.features} maps of {' × '.join(map(str, size))} voxels of {spacing} mm"
    require_memory(BYTES_PER_VALUE * values, what, device)
    image, grid = context_image(volume, network.shape, check)
    network.to(device).eval()

    def one(window: torch.Tensor) -> torch.Tensor:
        check()
        return network(window)

    # A window larger than the image would pad it; the network pads by itself, and by less.
    window = tuple(min(size, length) for size, length in zip(network.shape.window, image.shape[1:], strict=True))
    if network.whole_windows:
        window = network.shape.window
    with torch.inference_mode():
        shown = image.flip(3) if mirrored else image
        maps = sliding_window_inference(shown[None].to(device), window, 1, one, overlap=OVERLAP, mode="gaussian")[0]
    return maps.flip(3) if mirrored else maps, grid


def _standardized(one: torch.Tensor, nonzero: bool) -> torch.Tensor:
    """A map with mean 0 and deviation 1; for `nonzero` over what is not 0, the rest staying so."""
    shown = one != 0 if nonzero else torch.ones_like(one, dtype=torch.bool)
    if int(shown.sum()) < 2:
        return one
    values = one[shown]
    return torch.where(shown, (one - values.mean()) / values.std(correction=0).clamp_min(1e-6), one)
