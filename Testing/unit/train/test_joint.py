"""The joint phase, on a slice whose rows tell nothing: what is learned comes from the context network."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from semseg_core.data.resample import sample_linear
from semseg_core.data.volume import Volume
from semseg_core.errors import ModelError
from semseg_core.geometry import Grid
from semseg_core.labels.tree import LabelTree
from semseg_core.losses.table import build_loss
from semseg_core.models.context import ContextNetwork
from semseg_core.models.context_maps import context_maps
from semseg_core.models.network import PointNetwork
from semseg_core.models.shape import ContextShape, NetworkShape
from semseg_core.train import joint as joint_module
from semseg_core.train.checkpoint import load_checkpoint, save_checkpoint
from semseg_core.train.config import Budget, TrainConfig
from semseg_core.train.deep import JointScorer, patch_drawer, refreshed
from semseg_core.train.events import Event, Progress, Score, ignore
from semseg_core.train.joint import JointNetwork, start_joint, train_jointly, with_context
from semseg_core.train.loop import TrainingState
from semseg_core.train.patches import Places
from semseg_core.train.rows import TrainingRows

FEATURES = 4
SIZE = 32
Learn = Callable[..., bool]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """One patch of a slice in each step."""
    monkeypatch.setattr(joint_module, "FLAT_PATCHES", 1)


@pytest.fixture
def volume() -> Volume:
    """A slice with fine stripes along R on the right, along A on the left: a voxel's own brightness tells nothing."""
    j, i = np.indices((SIZE, SIZE))
    stripes = np.where(i < SIZE // 2, j % 4 < 2, i % 4 < 2)
    return Volume(stripes[None, None].astype(np.float32), Grid((1, SIZE, SIZE), np.eye(4)), ("image",))


@pytest.fixture
def rows(volume: Volume, brain_tree: LabelTree) -> TrainingRows:
    """Marks on a third of the voxels: left cortex (3) and right cortex (5). Features are zeros."""
    chosen = np.random.default_rng(0).permutation(SIZE * SIZE)[: SIZE * SIZE // 3]
    indices = np.stack([np.zeros_like(chosen), chosen // SIZE, chosen % SIZE], axis=1)
    label_ids = np.where(indices[:, 2] < SIZE // 2, 3, 5)
    points = torch.as_tensor(volume.grid.index_to_ras(indices), dtype=torch.float32)
    count = len(chosen)
    return TrainingRows(
        features=torch.zeros(1, count, 2 + FEATURES + 3),
        targets=torch.tensor([brain_tree.position(label_id) for label_id in label_ids.tolist()]),
        weights=torch.full((count,), 1.0 / count, dtype=torch.float64),
        held=torch.arange(count) % 4 == 0,
        outside=0.0,
        mirrored=torch.zeros(count, dtype=torch.bool),
        unmarked=torch.zeros(0, 2 + FEATURES + 3),
        places=Places.sides(points, points[:0]),
    )


@pytest.fixture
def begin(brain_tree: LabelTree) -> Callable[[TrainConfig], TrainingState]:
    """The state before the first joint step of two small networks."""

    def make(config: TrainConfig) -> TrainingState:
        torch.manual_seed(config.seed)
        arguments = {"spatial_dims": 2, "in_channels": 1, "out_channels": FEATURES, "features": [8, 8, 8, 8, 8, 8]}
        shape = ContextShape(1, FEATURES, (1.0, 1.0, 1.0), arguments=arguments, window=(1, 32, 32), plane=0)
        point = PointNetwork(NetworkShape(2 + FEATURES + 3, 16, dropout=0.1, known=2), len(brain_tree.leaves))
        return start_joint(point, ContextNetwork(shape), config)

    return make


@pytest.fixture
def learn(volume: Volume, rows: TrainingRows, brain_tree: LabelTree) -> Learn:
    """Train jointly; `cancel_at` is the step after which the user cancels."""

    def run(
        state: TrainingState,
        config: TrainConfig,
        until: Budget | None = None,
        on_event: Callable[[Event], None] = ignore,
        cancel_at: int | None = None,
        on_checkpoint: Callable[[TrainingState], None] = ignore,
    ) -> bool:
        return train_jointly(
            state,
            rows,
            patch_drawer(rows, state.network.context, [volume]),
            JointScorer(rows, [volume], brain_tree),
            build_loss("cross-entropy", brain_tree),
            config,
            until or config.budget,
            time.monotonic(),
            on_event,
            lambda: state.step == cancel_at,
            on_checkpoint,
        )

    return run


def config_of(steps: int) -> TrainConfig:
    return TrainConfig(budget=Budget(steps=steps), batch_size=256, learning_rate=0.02)


def weights_of(network: torch.nn.Module) -> list[torch.Tensor]:
    return [tensor.clone() for tensor in network.state_dict().values()]


def same(first: list[torch.Tensor], second: list[torch.Tensor]) -> bool:
    return all(torch.equal(one, other) for one, other in zip(first, second, strict=True))


def test_the_context_network_learns_what_rows_do_not_tell(begin, learn: Learn) -> None:
    config, events = config_of(50), []
    state = begin(config)
    before = weights_of(state.network.context)
    assert learn(state, config, on_event=events.append) is False
    assert state.step == state.best_step == 50
    assert not same(before, weights_of(state.network.context))
    scores = [event for event in events if isinstance(event, Score)]
    assert len(scores) == joint_module.SCORES
    assert scores[-1].dice["leaf"] > 0.9  # of strokes that no step has used
    assert state.dice == scores[-1].dice
    assert 0.0 < state.thresholds["leaf"] <= 1.0


def test_the_result_is_the_average_of_the_weights(begin, learn: Learn) -> None:
    config = config_of(5)
    state = begin(config)
    learn(state, config)
    assert same(weights_of(state.best), weights_of(state.average))
    assert not same(weights_of(state.best), weights_of(state.network))


def test_networks_are_scored_as_they_will_be_applied(begin, volume: Volume, rows: TrainingRows, brain_tree: LabelTree) -> None:
    network = begin(config_of(1)).network
    fresh = refreshed(rows, network.context, [volume], config_of(1), variants=0)
    maps, grid = context_maps(network.context, volume)
    torch.testing.assert_close(fresh.features[0, :, 2:-3], sample_linear(maps, grid, rows.places.points))
    assert torch.equal(fresh.features[0, :, :2], rows.features[0, :, :2])
    dice, _ = JointScorer(rows, [volume], brain_tree)(network)
    assert set(dice) == {"1", "leaf"}


def test_nothing_held_back_gives_no_score(begin, volume: Volume, rows: TrainingRows, brain_tree: LabelTree) -> None:
    scorer = JointScorer(replace(rows, held=torch.zeros_like(rows.held)), [volume], brain_tree)
    assert scorer(begin(config_of(1)).network) == ({}, {})


def test_mirror_images_are_described_by_what_the_mirrored_volume_shows(begin, volume: Volume, rows: TrainingRows) -> None:
    context: ContextNetwork = begin(config_of(1)).network.context
    points = rows.places.points[:20]
    both = replace(rows, features=torch.zeros(1, 40, 9), places=Places.sides(points, points))
    fresh = refreshed(both, context, [volume], config_of(1), variants=0).features[0, :, 2:-3]
    flipped = Volume(np.ascontiguousarray(volume.array[..., ::-1]), volume.grid, volume.channels)
    maps, grid = context_maps(context, flipped)
    places = points.clone()
    places[:, 0] = SIZE - 1 - places[:, 0]
    torch.testing.assert_close(fresh[20:], sample_linear(maps, grid, places), atol=1e-5, rtol=1e-4)
    assert not torch.allclose(fresh[20:], fresh[:20], atol=1e-3)


def test_variants_show_the_context_network_other_intensities(begin, volume: Volume, rows: TrainingRows) -> None:
    twice = replace(rows, features=torch.zeros(2, *rows.features.shape[1:]))
    context = begin(config_of(1)).network.context
    features = refreshed(twice, context, [volume], config_of(1), variants=1).features
    assert features.shape[0] == 2
    assert (features[0] - features[1]).abs().max() > 0.01
    assert refreshed(twice, context, [volume], config_of(1), variants=0).features.shape[0] == 1


def test_a_cancelled_run_goes_on_to_what_an_uninterrupted_one_gives(begin, learn: Learn, tmp_path: Path) -> None:
    config = config_of(8)
    whole = begin(config)
    learn(whole, config)
    part = begin(config)
    assert learn(part, config, cancel_at=3, on_checkpoint=lambda state: save_checkpoint(tmp_path, state, "run")) is True
    assert part.best_step == 3
    resumed = begin(config)
    load_checkpoint(tmp_path, resumed, "run")
    assert resumed.step == 3
    assert learn(resumed, config) is False
    assert resumed.step == 8
    assert same(weights_of(whole.best), weights_of(resumed.best))


def test_a_checkpoint_of_other_networks_is_refused(begin, tmp_path: Path, brain_tree: LabelTree) -> None:
    state = begin(config_of(1))
    save_checkpoint(tmp_path, state, "run")
    other = start_joint(PointNetwork(NetworkShape(9, 24), len(brain_tree.leaves)), state.network.context, config_of(1))
    with pytest.raises(ModelError, match="incomplete"):
        load_checkpoint(tmp_path, other, "run")


def test_a_run_in_seconds_ends_in_time_and_tells_how_far_it_is(
    begin, learn: Learn, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(joint_module, "joint_step", lambda state, *_: (now.__setitem__(0, now[0] + 1.0), _count(state)))
    monkeypatch.setattr(joint_module, "SCORES", 1)
    state, events = begin(config_of(1)), []
    learn(state, config_of(1), until=Budget(seconds=20.0), on_event=events.append)
    assert state.step == 20
    progress = [event for event in events if isinstance(event, Progress)]
    assert [event.fraction for event in progress] == pytest.approx([step / 20 for step in range(1, 21)])
    assert progress[9].eta_s == pytest.approx(10.0)


def _count(state: TrainingState) -> None:
    state.step, state.loss = state.step + 1, 1.0


def test_features_of_the_context_network_lie_before_the_coordinates() -> None:
    features = torch.arange(12.0).reshape(1, 12)
    replaced = with_context(features, torch.full((1, 4), -1.0))
    assert replaced[0].tolist() == [0, 1, 2, 3, 4, -1, -1, -1, -1, 9, 10, 11]


def test_only_what_no_loss_reaches_stays_as_it_was(begin, learn: Learn) -> None:
    config = config_of(2)
    state = begin(config)
    network: JointNetwork = state.network
    known = weights_of(network.point.known)
    learn(state, config)
    assert same(known, weights_of(network.point.known))
