"""Components of many channels: found by hand, used by the bank, kept by the card."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from semseg_core.data.intensity import normalize
from semseg_core.data.volume import Volume
from semseg_core.errors import ModelError
from semseg_core.features.bank import FeatureBank, build_feature_bank
from semseg_core.features.components import MOST, Components, principal_components
from semseg_core.features.layout import feature_names
from semseg_core.geometry import Grid
from semseg_core.labels.tree import LabelTree
from semseg_core.models.card import ModelCard
from semseg_core.models.model import Model, describe
from semseg_core.models.network import PointNetwork
from semseg_core.train.config import TrainConfig
from semseg_core.train.start import starting_card

TWO = Components((0.25, 0.5, 0.75), ((1.0, -0.5, 2.0), (0.0, 3.0, 1.0)))


def cube(channels: int, seed: int = 0) -> Volume:
    """A body in air, of so many channels that mix three fields."""
    rng = np.random.default_rng(seed)
    grid = Grid((10, 12, 14), np.diag((2.0, 2.0, 2.0, 1.0)))
    fields = rng.random((3, *grid.shape))
    array = 1.0 + np.tensordot(np.random.default_rng(9).random((channels, 3)), fields, 1)
    array[:, :2] = array[:, -2:] = array[:, :, :2] = array[:, :, -2:] = array[..., :2] = array[..., -2:] = 0.0
    return Volume(array.astype(np.float32), grid, tuple(f"{channel} nm" for channel in range(channels)))


def test_two_signals_in_three_channels_are_found() -> None:
    # Channels (t, t, s) with t = ±2 and s = ±1, every combination once: variances 8 along (1, 1, 0)/√2 and 1 along (0, 0, 1).
    values = np.array([[t, t, s] for t in (-2.0, 2.0) for s in (-1.0, 1.0)]) + [5.0, 6.0, 7.0]
    found = principal_components(values)
    assert found.mean == (5.0, 6.0, 7.0)
    np.testing.assert_allclose(found.axes, [[0.25, 0.25, 0.0], [0.0, 0.0, 1.0]], atol=1e-6)  # (1, 1, 0)/√2 over √8
    applied = found.apply(values.T.reshape(3, 1, 2, 2)).reshape(2, 4)
    np.testing.assert_allclose(applied, [[-1, -1, 1, 1], [-1, 1, -1, 1]], atol=1e-6)


def test_no_more_are_found_than_there_are_and_than_are_wanted() -> None:
    rng = np.random.default_rng(0)
    assert principal_components(rng.normal(size=(500, 30))).count == MOST
    assert principal_components(np.repeat(rng.normal(size=(50, 1)), 20, axis=1)).count == 1
    constant = principal_components(np.full((50, 20), 3.0))
    assert constant.count == 1
    assert not constant.apply(np.full((20, 1, 1, 1), 3.0)).any()


def test_order_of_voxels_and_sign_do_not_matter() -> None:
    values = np.random.default_rng(0).normal(size=(200, 12)) * np.arange(1, 13)
    one, other = principal_components(values), principal_components(values[::-1])
    np.testing.assert_allclose(one.axes, other.axes, atol=1e-6)
    assert all(max(axis) >= -min(axis) for axis in one.axes)


@pytest.mark.parametrize(
    "record",
    [
        {"mean": [0.0, 0.0], "axes": []},
        {"mean": [0.0], "axes": [[1.0], [1.0]]},
        {"mean": [0.0, 0.0], "axes": [[1.0]]},
        {"mean": [0.0, "NaN"], "axes": [[1.0, 1.0]]},
    ],
)
def test_impossible_components_are_refused(record: dict) -> None:
    with pytest.raises(ValueError, match="components"):
        Components.from_record(record)


def bank_of(volume: Volume, components: Components | None = TWO) -> FeatureBank:
    return build_feature_bank(volume, (2.0, 2.0, 2.0), components=components)


def test_levels_have_the_components_and_channels_stay_as_they_are() -> None:
    volume = cube(3)
    bank, usual = bank_of(volume), bank_of(volume, None)
    indices = np.argwhere(np.ones(volume.grid.shape))
    sampled = bank.sample(torch.as_tensor(volume.grid.index_to_ras(indices), dtype=torch.float32)).numpy()
    features = dict(zip(feature_names(("a", "b"), plain=3), sampled.T, strict=True))
    expected = np.array(TWO.axes) @ (volume.array.reshape(3, -1) - np.array([[0.25], [0.5], [0.75]]))
    for name, values in zip(("a value ×1", "b value ×1"), expected, strict=True):
        np.testing.assert_allclose(features[name], values, atol=1e-4)
    for channel in range(3):
        np.testing.assert_allclose(features[f"plain {channel}"], volume.array[channel].ravel(), atol=1e-5)
    # Where the body is does not depend on how it is described.
    assert bank.frame == usual.frame
    assert torch.equal(bank.foreground.maps, usual.foreground.maps)


def test_features_of_the_mirror_image_are_those_of_the_mirrored_volume() -> None:
    volume = cube(3)
    turned = replace(volume, array=volume.array[..., ::-1].copy())
    bank, mirror = bank_of(volume), bank_of(turned)
    indices = np.random.default_rng(0).integers((2, 2, 2), (8, 10, 12), size=(50, 3))
    imaged = indices * [1, 1, -1] + [0, 0, 13]
    points, images = (torch.as_tensor(volume.grid.index_to_ras(each), dtype=torch.float32) for each in (indices, imaged))
    torch.testing.assert_close(bank.sample_mirrored(points), mirror.sample(images), atol=2e-4, rtol=0.0)


def card_of(volume: Volume, tree: LabelTree, earlier: Model | None = None) -> ModelCard:
    return starting_card([volume], tree, TrainConfig(), earlier)


def test_only_very_many_channels_are_described_by_components(brain_tree: LabelTree) -> None:
    few, many = (card_of(cube(channels), brain_tree) for channels in (MOST, MOST + 1))
    assert few.components is None
    assert many.components.count == 4  # of three fields and the air around them
    assert (few.feature_count, many.feature_count) == (52 * MOST + 4, 52 * 4 + 4 + MOST + 1)
    features = describe(many, None, normalize(cube(MOST + 1), many.rules)).sample(torch.zeros(2, 3))
    assert features.shape == (2, many.network.inputs)


def test_another_image_is_described_by_the_components_of_the_first(brain_tree: LabelTree) -> None:
    first = card_of(cube(12), brain_tree)
    model = Model(first, PointNetwork(first.network, len(brain_tree.leaves)))
    other = cube(12, seed=1)
    assert card_of(other, brain_tree).components != first.components
    assert card_of(other, brain_tree, model).components == first.components


def test_a_card_keeps_them_exactly_and_an_altered_one_is_refused(brain_tree: LabelTree) -> None:
    card = card_of(cube(12), brain_tree)
    record = json.loads(json.dumps(card.to_record()))
    assert ModelCard.from_record(record, "card") == card
    for altered in ({"mean": [0.0], "axes": [[1.0]]}, {"mean": [0.0] * 12}, {"mean": [0.0] * 12, "axes": [["x"] * 12]}):
        with pytest.raises(ModelError, match="components|a field is missing or wrong"):
            ModelCard.from_record({**record, "components": altered}, "card")
    without = {**record, "components": None}
    with pytest.raises(ModelError, match="takes 224 features, this program computes 628"):
        ModelCard.from_record(without, "card")
