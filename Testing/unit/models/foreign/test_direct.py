"""The direct way from a foreign network's features to the logits."""

from __future__ import annotations

import torch

from semseg_core.models.network import FEATURE_LIMIT, PointNetwork
from semseg_core.models.shape import NetworkShape

INPUTS, DIRECT = 9, 4
FEATURES = slice(2, 6)
"""Of nine features the last three are coordinates, the four before them go straight to the logits."""


def make_network() -> PointNetwork:
    torch.manual_seed(0)
    network = PointNetwork(NetworkShape(INPUTS, width=8, direct=DIRECT), 3).eval()
    with torch.no_grad():
        network.head.weight.zero_()
        network.head.bias.copy_(torch.tensor([1.0, 2.0, 3.0]))
    return network


def test_logits_are_those_of_the_foreign_head_whatever_the_scaling() -> None:
    network = make_network()
    features = 5 * torch.randn(50, INPUTS) + 2
    features[0, 3] = 1000.0  # far beyond the limit of standardized features
    wanted = features[:, FEATURES] @ network.direct.weight.T + torch.tensor([1.0, 2.0, 3.0])
    assert not network.is_scaled
    torch.testing.assert_close(network(network.standardize(features)), wanted)
    network.fit_scaling(features[1:] * 3)
    assert network.is_scaled
    torch.testing.assert_close(network(network.standardize(features)), wanted, rtol=1e-4, atol=1e-4)


def test_the_body_sees_limited_features() -> None:
    network = make_network()
    torch.nn.init.normal_(network.head.weight)
    features = torch.zeros(2, INPUTS)
    features[:, 3] = torch.tensor([FEATURE_LIMIT, 1000.0])
    said = network(network.standardize(features)) - features[:, FEATURES] @ network.direct.weight.T
    torch.testing.assert_close(said[0], said[1], rtol=1e-3, atol=1e-3)


def test_training_leaves_it_as_it_was() -> None:
    network = make_network()
    network(torch.randn(5, INPUTS)).square().sum().backward()
    assert network.direct.weight.grad is None
    assert network.head.weight.grad.abs().sum() > 0
