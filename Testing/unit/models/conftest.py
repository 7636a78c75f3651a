"""A model without training: its answers mean nothing, its parts are all there."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from semseg_core.data.intensity import IntensityRule
from semseg_core.features.layout import feature_names
from semseg_core.labels.tree import LabelTree
from semseg_core.models.card import ModelCard
from semseg_core.models.model import Model
from semseg_core.models.network import NetworkShape, PointNetwork


@pytest.fixture
def make_model() -> Callable[[LabelTree], Model]:
    """Makes a model of a tree with random weights."""

    def make(tree: LabelTree, width: int = 16) -> Model:
        torch.manual_seed(0)
        shape = NetworkShape(len(feature_names(("t1",))), width, known=20)
        network = PointNetwork(shape, len(tree.leaves))
        network.fit_scaling(torch.randn(50, shape.inputs) * 3 + 1)
        card = ModelCard(tree, ("t1",), (IntensityRule("t1"),), (3.0, 2.0, 2.5), shape, "cross-entropy", False, {"steps": 7})
        return Model(card, network.eval())

    return make
