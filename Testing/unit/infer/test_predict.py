"""Applying a model: every voxel of any grid, however the image is stored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.ndimage import distance_transform_edt, maximum_filter, minimum_filter

from semseg_core.data.intensity import IntensityRule
from semseg_core.data.resample import anatomical_grid, resample
from semseg_core.data.volume import Volume
from semseg_core.errors import CancelledError, InputError
from semseg_core.features.layout import feature_names
from semseg_core.geometry import Grid
from semseg_core.infer.decode import build_decoder
from semseg_core.infer.predict import Prediction, predict
from semseg_core.labels.tree import LabelTree
from semseg_core.models.card import ModelCard
from semseg_core.models.directory import load_model
from semseg_core.models.model import Model
from semseg_core.models.network import NetworkShape, PointNetwork

CPU = torch.device("cpu")


def apply(model: Model, volume: Volume, level: int | str = "leaf", min_confidence: float = 0.0) -> Prediction:
    return predict(model, volume, build_decoder(model.card.tree, level, min_confidence), CPU, lambda fraction: None, bool)


def overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Mean Dice over all values but 0 of two label maps."""
    values = np.union1d(first, second)
    return float(
        np.mean([2 * ((first == v) & (second == v)).sum() / ((first == v).sum() + (second == v).sum()) for v in values if v])
    )


@pytest.fixture(scope="module")
def model(trained) -> Model:
    """The model of the phantom."""
    return load_model(trained.folder)


@pytest.fixture(scope="module")
def straight(model: Model, phantom) -> Prediction:
    """The phantom as it is stored, decided at the leaves."""
    return apply(model, phantom.volume)


def test_the_phantom_is_segmented_on_its_own_grid(straight: Prediction, phantom, phantom_files) -> None:
    assert straight.grid is phantom.volume.grid
    assert straight.values.shape == straight.confidence.shape == phantom.volume.grid.shape
    assert straight.values.dtype == np.int32
    assert straight.confidence.dtype == np.float32
    body = phantom_files.truth > 0
    for value in (1, 2, 3, 4):
        found, true = (straight.values == value) & body, phantom_files.truth == value
        assert 2 * (found & true).sum() / (found.sum() + true.sum()) > 0.9, value
    assert straight.confidence.min() >= 0.0
    assert straight.confidence.max() <= 1.0
    assert straight.confidence[body].mean() > 0.8


def test_the_logit_of_what_nobody_taught_makes_answers_less_sure_and_no_other(
    model: Model, straight: Prediction, phantom
) -> None:
    assert model.card.unknown_logit is not None
    softmax = apply(replace(model, card=replace(model.card, unknown_logit=None)), phantom.volume)
    assert (softmax.values == straight.values).all()
    assert (softmax.confidence >= straight.confidence - 1e-6).all()
    assert softmax.confidence.mean() > straight.confidence.mean() + 1e-4


def test_air_stays_unknown_where_nobody_marked_it(straight: Prediction, phantom_files) -> None:
    far = distance_transform_edt(phantom_files.truth == 0, (3.0, 2.5, 2.5)) > 8.0
    assert far.sum() > 5000
    assert not straight.values[far].any()
    assert not straight.confidence[far].any()


def stored_as(volume: Volume, code: str) -> tuple[Volume, Callable[[np.ndarray], np.ndarray]]:
    """The same image stored with i, j, k along other letters, and what brings its label map back to the first order."""
    letters = ("RL", "AP", "SI")
    old, new = volume.grid.orientation, code
    axis_of = {pair: index for index, letter in enumerate(old) for pair in letters if letter in pair}
    order = [axis_of[next(pair for pair in letters if letter in pair)] for letter in new]  # old ijk axis of each new one
    sizes = volume.grid.shape[::-1]
    matrix = np.zeros((4, 4))
    matrix[3, 3] = 1.0
    flips = []
    for column, axis in enumerate(order):
        flip = old[axis] != new[column]
        matrix[axis, column] = -1.0 if flip else 1.0
        matrix[axis, 3] += sizes[axis] - 1 if flip else 0.0
        flips.append(flip)

    def turn(array: np.ndarray) -> np.ndarray:
        ijk = array.transpose(2, 1, 0).transpose(order)
        return np.ascontiguousarray(ijk[tuple(slice(None, None, -1 if flip else 1) for flip in flips)].transpose(2, 1, 0))

    def back(array: np.ndarray) -> np.ndarray:
        ijk = array.transpose(2, 1, 0)[tuple(slice(None, None, -1 if flip else 1) for flip in flips)]
        return ijk.transpose(np.argsort(order)).transpose(2, 1, 0)

    turned = turn(volume.array[0])
    grid = Grid(turned.shape, volume.grid.ijk_to_ras @ matrix)
    assert grid.orientation == code
    return Volume(turned[None], grid, volume.channels), back


@pytest.mark.parametrize("code", ["RAS", "LPI", "PSR", "SAL"])
def test_the_answer_does_not_depend_on_how_the_image_is_stored(model: Model, phantom, straight: Prediction, code: str) -> None:
    volume, back = stored_as(phantom.volume, code)
    np.testing.assert_array_equal(back(volume.array[0]), phantom.volume.array[0])
    result = apply(model, volume)
    assert overlap(back(result.values), straight.values) > 0.99
    np.testing.assert_allclose(back(result.confidence), straight.confidence, atol=0.2)


def test_an_oblique_image_has_the_same_answers_at_the_same_points(
    model: Model, phantom, phantom_files, straight: Prediction
) -> None:
    """The phantom, resampled onto a finer grid that is turned by 25° about S and 15° about R."""
    straight_grid = phantom.volume.grid
    turn, tilt = np.deg2rad(25), np.deg2rad(15)
    rotation = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    rotation = rotation @ np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
    shape = (52, 60, 60)
    affine = np.eye(4)
    affine[:3, :3] = rotation * 2.0
    center = straight_grid.corners_ras().mean(axis=0)
    affine[:3, 3] = center - affine[:3, :3] @ ((np.array(shape[::-1]) - 1) / 2)
    grid = Grid(shape, affine)
    turned = resample(torch.from_numpy(phantom.volume.array), straight_grid, grid).numpy()
    result = apply(model, Volume(turned, grid, phantom.volume.channels))
    assert result.grid is grid
    points = straight_grid.index_to_ras(np.argwhere(np.ones(straight_grid.shape)))
    indices = grid.ras_to_index(points)
    places = np.rint(indices).astype(int)
    # Only where a voxel center of one lies near one of the other, and not at a border, which interpolation blurs.
    uniform = maximum_filter(phantom_files.truth, 3) == minimum_filter(phantom_files.truth, 3)
    near = (np.abs(indices - places).max(axis=1) < 0.3) & ((places >= 0) & (places < shape)).all(axis=1)
    near &= (uniform & (phantom_files.truth > 0)).reshape(-1)
    assert near.sum() > 500
    here, there = straight.values.reshape(-1)[near], result.values[tuple(places[near].T)]
    # Interpolated noise is weaker and the field of view larger: core and shell may differ a little, the sides may not.
    assert overlap(here, there) > 0.9
    left = (1, 2)
    assert overlap(1 + np.isin(here, left), 1 + np.isin(there, left)) > 0.99


def test_levels_and_certainty_give_inner_labels_and_unknown(model: Model, phantom, straight: Prediction) -> None:
    sides = apply(model, phantom.volume, 1)
    assert set(np.unique(sides.values)) == {0, 7, 8}
    asked = straight.values > 0
    leaf_side = np.select([np.isin(straight.values, (1, 2)), asked], [8, 7], 0)
    assert (sides.values == leaf_side)[asked].mean() > 0.98
    assert (sides.confidence >= straight.confidence - 1e-5)[asked & (sides.values == leaf_side)].all()
    model = replace(model, strokes=())  # which leave nothing uncertain on the phantom
    straight = apply(model, phantom.volume)
    certain = apply(model, phantom.volume, "auto", 0.9)
    assert {7, 8} & set(np.unique(certain.values))
    assert (certain.confidence[certain.values > 0] >= 0.9 - 1e-5).all()
    strict = apply(model, phantom.volume, "leaf", 0.9)
    assert ((strict.values == 0) & asked).any()
    assert (strict.values[strict.values > 0] == straight.values[strict.values > 0]).all()


def test_the_size_of_chunks_does_not_matter(model: Model, phantom, straight: Prediction, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("semseg_core.infer.applier.ROWS_AT_ONCE", 100)
    monkeypatch.setattr("semseg_core.infer.applier.SLAB_VOXELS", 3000)
    result = apply(model, phantom.volume)
    assert (result.values == straight.values).mean() > 0.9999
    np.testing.assert_allclose(result.confidence, straight.confidence, atol=1e-3)


def test_progress_runs_to_one_and_a_cancel_ends_it(model: Model, phantom, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("semseg_core.infer.applier.SLAB_VOXELS", 3000)
    told = []
    decoder = build_decoder(model.card.tree)
    predict(model, phantom.volume, decoder, CPU, told.append, bool)
    assert told == sorted(told)
    assert told[-1] == 1.0
    told.clear()
    with pytest.raises(CancelledError, match="nothing was written"):
        predict(model, phantom.volume, decoder, CPU, told.append, lambda: len(told) >= 3)
    assert len(told) == 3


def test_a_missing_channel_is_told(model: Model, phantom) -> None:
    with pytest.raises(InputError, match="channel 'image' is missing; the model takes image"):
        apply(model, Volume(phantom.volume.array, phantom.volume.grid, ("t2",)))


def random_model(tree: LabelTree, channels: tuple[str, ...], spacing: tuple[float, float, float]) -> Model:
    """A model that was never trained, and answers everywhere."""
    torch.manual_seed(0)
    shape = NetworkShape(len(feature_names(channels)), 8)
    rules = tuple(IntensityRule(name) for name in channels)
    return Model(
        ModelCard(tree, channels, rules, spacing, shape, "cross-entropy", True), PointNetwork(shape, len(tree.leaves)).eval()
    )


@pytest.mark.parametrize(
    ("shape", "spacing"),
    [
        ((1, 40, 44), (1.0, 0.5, 0.5)),
        ((40, 1, 44), (1.0, 1.0, 1.0)),
        ((3, 3, 3), (2.0, 2.0, 2.0)),
        ((1, 1, 1), (1.0, 1.0, 1.0)),
        ((4, 60, 64), (10.0, 0.8, 0.8)),
    ],
)
@pytest.mark.parametrize("channels", [("t1",), ("t1", "flair")])
def test_any_shape_is_answered_everywhere(
    brain_tree: LabelTree, shape: tuple[int, int, int], spacing: tuple[float, float, float], channels: tuple[str, ...]
) -> None:
    array = np.random.default_rng(0).uniform(0, 100, (len(channels), *shape)).astype(np.float32)
    grid = Grid(shape, np.diag((-spacing[2], -spacing[1], spacing[0], 1.0)))
    result = apply(random_model(brain_tree, channels, (2.0, 2.0, 2.0)), Volume(array, grid, channels))
    assert np.isin(result.values, (3, 4, 5, 6)).all()
    assert np.isfinite(result.confidence).all()
    assert (result.confidence >= 0.25 - 1e-5).all()  # the best of four


def test_the_image_is_seen_at_the_models_spacing(model: Model, phantom, straight: Prediction) -> None:
    """A finer copy of the image has the same answers: the network sees both at the spacing it was trained with."""
    fine = anatomical_grid(phantom.volume.grid, (1.5, 1.25, 1.25))
    array = resample(torch.from_numpy(phantom.volume.array), phantom.volume.grid, fine).numpy()
    result = apply(model, Volume(array, fine, phantom.volume.channels))
    indices = fine.ras_to_index(phantom.volume.grid.index_to_ras(np.argwhere(np.ones(phantom.volume.grid.shape))))
    there = result.values[tuple(np.rint(indices).astype(int).T)].reshape(straight.values.shape)
    assert overlap(there, straight.values) > 0.93
