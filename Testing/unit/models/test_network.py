"""The point network: its scaling, its location encoding and its head."""

from __future__ import annotations

import math

import pytest
import torch

from semseg_core.features.layout import COORDINATES
from semseg_core.models.network import FEATURE_LIMIT, FOURIER_BANDS, NetworkShape, PointNetwork, open_softmax


def test_features_are_standardized_and_coordinates_left_alone() -> None:
    network = PointNetwork(NetworkShape(inputs=8, width=4), 3)
    features = torch.randn(1000, 8) * 5 + 2
    network.fit_scaling(features)
    standardized = network.standardize(features)
    torch.testing.assert_close(standardized[:, :5].mean(dim=0), torch.zeros(5), atol=1e-4, rtol=0)
    torch.testing.assert_close(standardized[:, :5].std(dim=0, correction=0), torch.ones(5), atol=1e-2, rtol=0)
    torch.testing.assert_close(standardized[:, 5:], features[:, 5:].clamp(-FEATURE_LIMIT, FEATURE_LIMIT))


def test_a_feature_that_never_varies_stays_finite_and_far_ones_are_cut() -> None:
    network = PointNetwork(NetworkShape(inputs=5, width=4), 2)
    features = torch.full((10, 5), 7.0)
    network.fit_scaling(features)
    assert torch.isfinite(network.standardize(features)).all()
    assert network.standardize(features + 1e6).max() == FEATURE_LIMIT


def test_the_body_sees_features_and_waves_of_the_coordinates() -> None:
    network = PointNetwork(NetworkShape(inputs=4, width=6), 2).eval()
    seen = []
    network.body.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    row = torch.tensor([[0.3, 0.5, -0.25, 1.0]])  # one feature, then R, A, S
    logits = network(row)
    assert logits.shape == (1, 2)
    assert seen[0].shape == (1, 4 + len(COORDINATES) * 2 * len(FOURIER_BANDS))
    # Band 1 first: sine, then cosine, of π times R, A, S.
    by_hand = [math.sin(math.pi * 0.5), math.sin(-math.pi * 0.25), math.sin(math.pi), math.cos(math.pi * 0.5)]
    assert seen[0][0, :8].tolist() == pytest.approx([0.3, 0.5, -0.25, 1.0, *by_hand], abs=1e-6)


def test_noise_acts_while_training_only_and_averages_out() -> None:
    torch.manual_seed(0)
    network = PointNetwork(NetworkShape(inputs=4, width=32, dropout=0.4), 2)
    rows = torch.randn(1, 4)
    assert torch.equal(network.eval()(rows), network(rows))
    network.train()
    assert not torch.equal(network(rows), network(rows))
    noise = network.body[3]
    values = noise(torch.ones(200_000))
    assert values.mean().item() == pytest.approx(1.0, abs=0.01)
    assert values.var().item() == pytest.approx(0.4 / 0.6, abs=0.02)  # that of dropout scaled by 1 / (1 - p)


def test_no_rows_give_no_logits() -> None:
    assert PointNetwork(NetworkShape(inputs=4, width=4), 3).eval()(torch.zeros(0, 4)).shape == (0, 3)


def test_what_resembles_a_mark_is_told_without_coordinates() -> None:
    """Neither place nor what lies beyond the limit of the features changes it; a network may have no such output."""
    torch.manual_seed(0)
    network = PointNetwork(NetworkShape(inputs=6, width=4, known=2), 2).eval()
    rows = torch.randn(5, 6)
    logits, known = network.decide(rows)
    assert torch.equal(logits, network(rows))
    assert known.shape == (5,)
    moved = rows.clone()
    moved[:, 2:] += 1.0  # a map of a context network, and the coordinates
    assert torch.equal(network.decide(moved)[1], known)
    assert not torch.equal(network(moved), logits)
    assert not torch.equal(network.train().decide(rows)[1], network.decide(rows)[1])  # noise while training
    assert PointNetwork(NetworkShape(inputs=6, width=4), 2).decide(rows)[1] is None


def test_the_unknown_takes_what_low_logits_leave_and_the_order_of_leaves_stays() -> None:
    logits = torch.tensor([[4.0, 2.0, 0.0], [-2.0, -4.0, -6.0]])  # alike to a softmax
    with_unknown = torch.cat([logits, torch.ones(2, 1)], dim=1).softmax(dim=1)
    found = open_softmax(logits, 1.0)
    torch.testing.assert_close(found, with_unknown[:, :3])
    assert found[0].sum() > 0.95
    assert found[1].sum() < 0.06
    torch.testing.assert_close(open_softmax(logits, None), logits.softmax(dim=1))
    far = torch.tensor([[1e4, 0.0], [-1e4, 0.0]])
    torch.testing.assert_close(open_softmax(far, -1e4), torch.eye(2))
