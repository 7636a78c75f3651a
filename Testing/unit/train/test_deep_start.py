"""Where the deep learner starts, and how it shares out its budget."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from semseg_core.data.volume import Volume
from semseg_core.features.layout import feature_names
from semseg_core.geometry import Grid
from semseg_core.labels.tree import LabelTree
from semseg_core.models.card import IntensityRule, ModelCard
from semseg_core.models.network import PointNetwork
from semseg_core.models.shape import NetworkShape
from semseg_core.train.config import Budget
from semseg_core.train.deep import phases
from semseg_core.train.deep_start import deep_start, fit_context_scaling, measures

PLAIN = len(feature_names(("0", "1")))


@pytest.fixture
def trained(brain_tree: LabelTree) -> tuple[ModelCard, PointNetwork]:
    """Card and point network of the quick learner, for two channels."""
    rules = tuple(IntensityRule(name, "window", 0.0, 1.0) for name in ("t1", "t2"))
    shape = NetworkShape(PLAIN, 32)
    torch.manual_seed(0)
    network = PointNetwork(shape, len(brain_tree.leaves))
    network.fit_scaling(torch.randn(50, PLAIN) * 3.0 + 1.0)
    return ModelCard(brain_tree, ("t1", "t2"), rules, (2.0, 2.0, 2.0), shape, "cross-entropy", everywhere=False), network.eval()


@pytest.fixture
def volume() -> Volume:
    return Volume(np.zeros((2, 20, 20, 20), dtype=np.float32), Grid((20, 20, 20), np.diag([2.0, 2.0, 2.0, 1.0])), ("t1", "t2"))


def test_features_of_the_context_network_do_not_count_at_first(trained: tuple[ModelCard, PointNetwork], volume: Volume) -> None:
    card, network = trained
    deeper, wider, context = deep_start(card, network, [volume])
    assert deeper.context == context.shape
    assert deeper.network == wider.shape
    assert deeper.network.inputs == deeper.feature_count == PLAIN + 16
    features = torch.randn(30, PLAIN)
    more = torch.cat([features[:, :-3], torch.randn(30, 16), features[:, -3:]], dim=1)
    wider.eval()
    before, after = network.decide(network.standardize(features)), wider.decide(wider.standardize(more))
    for one, other in zip(before, after, strict=True):
        torch.testing.assert_close(one, other)


def test_an_earlier_scaling_stays_and_the_new_features_get_one(trained: tuple[ModelCard, PointNetwork], volume: Volume) -> None:
    _, wider, _ = deep_start(*trained, [volume])
    mean, scale = wider.mean.clone(), wider.scale.clone()
    features = torch.randn(1000, PLAIN + 16) * 5.0 + 7.0
    fit_context_scaling(wider, features)
    new = slice(PLAIN - 3, PLAIN + 13)
    assert wider.mean[new].numpy() == pytest.approx(np.full(16, 7.0), abs=0.6)
    assert wider.scale[new].numpy() == pytest.approx(np.full(16, 5.0), abs=0.4)
    mean[new], scale[new] = wider.mean[new], wider.scale[new]
    assert torch.equal(wider.mean, mean)
    assert torch.equal(wider.scale, scale)


@pytest.mark.parametrize(
    ("spacing", "shapes", "expected"),
    [
        ((2.0, 2.0, 2.0), [(90, 120, 120)], ((4.0, 4.0, 4.0), None)),
        ((2.0, 1.0, 1.0), [(90, 120, 120)], ((4.0, 2.0, 2.0), None)),
        ((5.0, 0.5, 0.5), [(20, 512, 512)], ((5.0, 0.5, 0.5), 0)),  # thick slices
        ((0.5, 3.0, 0.6), [(300, 20, 300)], ((0.5, 3.0, 0.6), 1)),
        ((1.0, 1.0, 1.0), [(1, 200, 300)], ((1.0, 1.0, 1.0), 0)),  # a photograph, a frame
        ((1.0, 1.0, 1.0), [(90, 120, 120), (90, 120, 1)], ((1.0, 1.0, 1.0), 2)),
    ],
)
def test_volumes_are_seen_coarser_and_slices_as_they_are(
    spacing: tuple[float, float, float],
    shapes: list[tuple[int, int, int]],
    expected: tuple[tuple[float, float, float], int | None],
) -> None:
    assert measures(spacing, shapes) == expected


def test_a_budget_is_shared_out_and_no_phase_goes_without() -> None:
    assert phases(Budget.parse("600s")) == (Budget(seconds=180.0), Budget(seconds=510.0), Budget(seconds=600.0))
    assert phases(Budget.parse("100steps")) == (Budget(steps=30), Budget(steps=55), Budget(steps=15))
    assert phases(Budget.parse("1steps")) == (Budget(steps=1),) * 3
