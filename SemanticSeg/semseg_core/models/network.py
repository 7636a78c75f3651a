"""The network: a body that turns a voxel's features into an embedding, and a head with one output per leaf.

The head is linear and runs on annotated voxels only while training. It may be replaced leaf by leaf, so that a model can be
carried to another tree.
"""

from __future__ import annotations

import math

import torch
from torch import nn

from semseg_core.features.layout import COORDINATES
from semseg_core.models.shape import NetworkShape

FOURIER_BANDS = (1, 2, 4, 8)
"""Spatial frequencies of the location encoding: half, one, two and four waves across the body.

Without them a pointwise network learns location too smoothly to tell neighboring structures apart (Tancik et al., NeurIPS 2020).
"""

FEATURE_LIMIT = 8.0
"""Standardized features beyond ±8 standard deviations of the training voxels are cut there."""


class GaussianDropout(nn.Module):
    """Multiplies hidden values by noise of mean 1 while training, as strong as dropout of a share `rate`.

    Source:
        Srivastava et al., JMLR 2014, section 10. On a CPU PyTorch draws normal numbers 6 times faster than plain dropout's
        coin flips, which took 30 % of a training step.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.deviation = math.sqrt(rate / (1.0 - rate))

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Noisy values while training, the values themselves otherwise."""
        return values * (1.0 + self.deviation * torch.randn_like(values)) if self.training else values


class PointNetwork(nn.Module):
    """Two hidden layers on standardized features and Fourier-encoded body coordinates, then a linear head.

    Args:
        shape: Its measures.
        leaf_count: Outputs, one per leaf in depth-first order.
    """

    def __init__(self, shape: NetworkShape, leaf_count: int) -> None:
        super().__init__()
        self.shape = shape
        encoded = shape.inputs + len(COORDINATES) * 2 * len(FOURIER_BANDS)
        self.register_buffer("mean", torch.zeros(shape.inputs))
        self.register_buffer("scale", torch.ones(shape.inputs))
        layers: list[nn.Module] = []
        for inputs in (encoded, shape.width):
            layers += [nn.Linear(inputs, shape.width), nn.GELU(), nn.LayerNorm(shape.width), GaussianDropout(shape.dropout)]
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(shape.width, leaf_count)

    def fit_scaling(self, features: torch.Tensor) -> None:
        """Take mean and scale of the inputs from training features, (N, F). Coordinates stay as they are."""
        appearance = features.shape[1] - len(COORDINATES)
        self.mean[:appearance] = features[:, :appearance].mean(dim=0)
        self.scale[:appearance] = features[:, :appearance].std(dim=0, correction=0).clamp_min(1e-3)

    def standardize(self, features: torch.Tensor) -> torch.Tensor:
        """Features, (N, F), with zero mean and unit scale over the training voxels."""
        return ((features - self.mean) / self.scale).clamp(-FEATURE_LIMIT, FEATURE_LIMIT)

    def forward(self, standardized: torch.Tensor) -> torch.Tensor:
        """Logits, (N, L), of standardized features, (N, F)."""
        coordinates = standardized[:, -len(COORDINATES) :]
        waves = [turn(math.pi * band * coordinates) for band in FOURIER_BANDS for turn in (torch.sin, torch.cos)]
        return self.head(self.body(torch.cat([standardized, *waves], dim=1)))
