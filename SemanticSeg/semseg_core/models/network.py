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

KNOWN_WIDTH, KNOWN_NOISE = 64, 0.45
"""Width of the output that tells what resembles no mark, and the noise it gets beside that of the training."""

FEATURE_LIMIT = 8.0
"""Standardized features beyond ±8 standard deviations of the training voxels are cut there."""


def open_softmax(logits: torch.Tensor, unknown_logit: float | None) -> torch.Tensor:
    """Probabilities of the leaves, (N, L), beside something that nobody taught: what a row lacks to 1 is its probability.

    A softmax whose outputs must share all of 1 is sure of a leaf wherever the others are still less likely, be its own logit ever
    so low. One more logit, the same for all voxels, takes what is left where all are low. Order and answers stay.

    Args:
        logits: (N, L).
        unknown_logit: As in the model card; None for the softmax itself.

    Source:
        The energy score of Liu et al., NeurIPS 2020 (arXiv 2010.03759), as a probability: a leaf's share is that of the softmax,
        times the logistic function of the energy above `unknown_logit`.
    """
    if unknown_logit is None:
        return logits.softmax(dim=1)
    energy = logits.logsumexp(dim=1, keepdim=True)
    return (logits - torch.logaddexp(energy, torch.full_like(energy, unknown_logit))).exp()


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


class KnownOutput(nn.Module):
    """How much a voxel resembles what was marked: the log odds of a mark against any voxel of the body.

    It sees no coordinates and notable noise: otherwise it tells the scribbled slices from the others. On two IXI subjects with
    two scribbled slices per orientation an output of the main body let 0.016 of the tissue outside the brain pass and 0.65 of
    the brain; this one lets 0.02 and 0.92 pass.

    Args:
        shape: Measures of the network that it belongs to.
    """

    def __init__(self, shape: NetworkShape) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        self.inputs = shape.known
        for inputs in (self.inputs, KNOWN_WIDTH):
            layers += [nn.Linear(inputs, KNOWN_WIDTH), nn.GELU(), nn.LayerNorm(KNOWN_WIDTH), GaussianDropout(shape.dropout)]
        self.layers = nn.Sequential(*layers, nn.Linear(KNOWN_WIDTH, 1))

    def forward(self, standardized: torch.Tensor) -> torch.Tensor:
        """Log odds, (N,), of standardized features, (N, F)."""
        appearance = standardized[:, : self.inputs].clamp(-FEATURE_LIMIT, FEATURE_LIMIT)
        if self.training:
            appearance = appearance + KNOWN_NOISE * torch.randn_like(appearance)
        return self.layers(appearance)[:, 0]


class PointNetwork(nn.Module):
    """Two hidden layers on standardized features and Fourier-encoded body coordinates, then a linear head.

    Where the context network is another program's, its features also go straight to the logits, by the head that it had there.

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
        self.known = KnownOutput(shape) if shape.known else None
        self.direct = None
        if shape.direct:
            # Not trained: few marks would undo what many labelled images taught. The head learns what to add.
            self.direct = nn.Linear(shape.direct, leaf_count, bias=False).requires_grad_(False)

    def fit_scaling(self, features: torch.Tensor) -> None:
        """Take mean and scale of the inputs from training features, (N, F). Coordinates stay as they are."""
        appearance = features.shape[1] - len(COORDINATES)
        self.mean[:appearance] = features[:, :appearance].mean(dim=0)
        self.scale[:appearance] = features[:, :appearance].std(dim=0, correction=0).clamp_min(1e-3)

    @property
    def is_scaled(self) -> bool:
        """Whether mean and scale were taken from training features; a network of another program comes without them."""
        return bool((self.scale != 1).any())

    def standardize(self, features: torch.Tensor) -> torch.Tensor:
        """Features, (N, F), with zero mean and unit scale over the training voxels; those for the logits are not limited."""
        standardized = (features - self.mean) / self.scale
        limited = standardized.clamp(-FEATURE_LIMIT, FEATURE_LIMIT)
        if self.direct is not None:
            limited[:, self._direct_features] = standardized[:, self._direct_features]
        return limited

    def forward(self, standardized: torch.Tensor) -> torch.Tensor:
        """Logits, (N, L), of standardized features, (N, F)."""
        coordinates = standardized[:, -len(COORDINATES) :]
        waves = [turn(math.pi * band * coordinates) for band in FOURIER_BANDS for turn in (torch.sin, torch.cos)]
        limited = standardized if self.direct is None else standardized.clamp(-FEATURE_LIMIT, FEATURE_LIMIT)
        logits = self.head(self.body(torch.cat([limited, *waves], dim=1)))
        if self.direct is None:
            return logits
        # A foreign head knows the features as they were, whatever mean and scale they have on our rows.
        chosen = self._direct_features
        return logits + self.direct(standardized[:, chosen] * self.scale[chosen] + self.mean[chosen])

    def decide(self, standardized: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Logits, (N, L), and what `known` says, (N,); None for a network without it."""
        return self(standardized), None if self.known is None else self.known(standardized)

    @property
    def _direct_features(self) -> slice:
        return slice(-self.shape.direct - len(COORDINATES), -len(COORDINATES))
