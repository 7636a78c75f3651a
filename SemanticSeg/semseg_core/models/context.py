"""The context network: a convolutional body from MONAI whose dense maps join a voxel's features.

It sees a voxel's surroundings, which the feature bank cannot; it has no head of its own, because the point network decides from
all features together. Built from names and plain numbers of a card: nothing in a card is evaluated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import nn

from semseg_core.errors import ModelError
from semseg_core.models.foreign.bodies import NETWORKS, foreign_body
from semseg_core.models.shape import ContextShape

WIDTHS = (16, 16, 32, 64, 64, 16)
"""Channels of MONAI's BasicUNet from fine to coarse, and of its last layer: 0.9 million weights, 3.4 MB."""

FEATURES = 16


def basic_u_net(maps: int, spacing_mm: tuple[float, float, float], plane: int | None = None) -> ContextShape:
    """The project's own context network for images of `maps` maps.

    Args:
        maps: Maps it takes.
        spacing_mm: Spacing along S, A, R of the grid it sees.
        plane: Axis across the slices of a network of two dimensions, or None.
    """
    arguments = {
        "spatial_dims": 3 if plane is None else 2,
        "in_channels": maps,
        "out_channels": FEATURES,
        "features": list(WIDTHS),
        # Interpolation instead of transposed convolution: no checkerboard, and kernels can be carried from 3D to 2D.
        "upsample": "nontrainable",
    }
    window = tuple(1 if axis == plane else 64 for axis in range(3)) if plane is not None else (64, 64, 64)
    return ContextShape(maps, FEATURES, spacing_mm, arguments=arguments, window=window, plane=plane)


class ContextNetwork(nn.Module):
    """A body that gives maps, and the shape it was built from.

    Args:
        shape: What to build.
        body: What was built from it already, if so.

    Raises:
        ModelError: If the kind is unknown, its package is missing, or it refuses its arguments.
    """

    def __init__(self, shape: ContextShape, body: nn.Module | None = None) -> None:
        super().__init__()
        self.shape = shape
        self.body = _build(shape) if body is None else body

    @property
    def whole_windows(self) -> bool:
        """Whether its body wants windows of exactly the size in its shape, filled up with 0 where the image ends."""
        return getattr(self.body, "whole_windows", False)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Maps (B, F, D, H, W) of scaled images (B, C, D, H, W); for a network of two dimensions one axis of both has length 1.

        Sizes that the body cannot halve four times are padded by the edge and cut again.
        """
        plane = self.shape.plane
        flat = image if plane is None else image.squeeze(2 + plane)
        padding = []
        for size in () if self.whole_windows else reversed(flat.shape[2:]):
            padding += [0, max(LEAST, size + -size % STEP) - size]
        padded = nn.functional.pad(flat, padding, mode="replicate") if any(padding) else flat
        maps = self.body(padded)[(..., *(slice(size) for size in flat.shape[2:]))]
        return maps if plane is None else maps.unsqueeze(2 + plane)


STEP, LEAST = 16, 32
"""Bodies halve their input four times, and normalize over what is left: more than one voxel."""


def _build(shape: ContextShape) -> nn.Module:
    if shape.kind not in BODIES:
        raise ModelError(f"context network: kind '{shape.kind}' is none of {', '.join(BODIES)}; update SemanticSeg")
    try:
        return BODIES[shape.kind](**shape.arguments)
    except ImportError as error:
        raise ModelError(f"context network: {error.name} is not installed; install it with: pip install monai") from error
    except (TypeError, ValueError, RuntimeError) as error:
        raise ModelError(f"context network {shape.kind}: refuses its arguments ({error}); copy the model anew") from error


def _monai_basic_u_net(**arguments: object) -> nn.Module:
    from monai.networks.nets import BasicUNet

    return BasicUNet(**arguments)


BODIES: Mapping[str, Callable[..., nn.Module]] = {
    "BasicUNet": _monai_basic_u_net,
    **{kind: foreign_body(kind) for kind in NETWORKS},
}
"""Classes that a card may name; no other is ever built."""
