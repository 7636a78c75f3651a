"""Training rows that need no image: points around one center per leaf."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from semseg_core.labels.tree import LabelTree
from semseg_core.losses.table import build_loss
from semseg_core.models.network import NetworkShape, PointNetwork
from semseg_core.train.config import Budget, TrainConfig
from semseg_core.train.events import Event, ignore
from semseg_core.train.loop import TrainingState, fine_tune, start_state
from semseg_core.train.rows import TrainingRows

INPUTS = 8


def points_of(leaf_indices: torch.Tensor, seed: int) -> torch.Tensor:
    """Features, (N, 8), around the center of each leaf; the last three are coordinates near 0."""
    generator = torch.Generator().manual_seed(seed)
    centers = torch.nn.functional.one_hot(leaf_indices, INPUTS).float() * 4.0
    points = centers + torch.randn(len(leaf_indices), INPUTS, generator=generator) * 0.5
    points[:, -3:] *= 0.1
    return points


@pytest.fixture
def make_rows(brain_tree: LabelTree) -> Callable[..., TrainingRows]:
    """Makes rows with 40 marks on each given label (ids); a mark on an inner label lies at one of its leaves in turn."""

    def make(label_ids: tuple[int, ...] = (3, 4, 5, 6), held_share: float = 0.25, variants: int = 1) -> TrainingRows:
        positions = torch.tensor([brain_tree.position(label_id) for label_id in label_ids]).repeat_interleave(40)
        numbers = torch.arange(len(positions))
        ranges = torch.tensor(brain_tree.leaf_ranges)[positions]
        leaves = ranges[:, 0] + numbers % (ranges[:, 1] - ranges[:, 0])
        return TrainingRows(
            features=torch.stack([points_of(leaves, seed) for seed in range(1 + variants)]),
            targets=positions,
            weights=torch.full((len(positions),), 1.0 / len(positions), dtype=torch.float64),
            held=(numbers % 40) < held_share * 40,
            outside=0.0,
            mirrored=torch.zeros(len(positions), dtype=torch.bool),
            unmarked=torch.zeros(0, INPUTS),
        )

    return make


@pytest.fixture
def start(brain_tree: LabelTree) -> Callable[..., TrainingState]:
    """The state before the first step of a small network."""

    def make(rows: TrainingRows, config: TrainConfig) -> TrainingState:
        torch.manual_seed(config.seed)
        network = PointNetwork(NetworkShape(INPUTS, 24, known=INPUTS - 3), len(brain_tree.leaves))
        network.fit_scaling(rows.features.flatten(0, 1))
        return start_state(network, config)

    return make


@pytest.fixture
def steps() -> Callable[..., TrainConfig]:
    """Options of a run in steps, with batches small enough for tests."""
    return lambda count, **options: TrainConfig(budget=Budget(steps=count), batch_size=64, **options)


@pytest.fixture
def train(brain_tree: LabelTree) -> Callable[..., bool]:
    """Train; `cancel_at` is the step after which the user cancels."""

    def run(
        state: TrainingState,
        rows: TrainingRows,
        config: TrainConfig,
        on_event: Callable[[Event], None] = ignore,
        cancel_at: int | None = None,
        on_checkpoint: Callable[[TrainingState], None] = ignore,
        started: float | None = None,
    ) -> bool:
        import time

        loss = build_loss("cross-entropy", brain_tree)
        begun = time.monotonic() if started is None else started
        return fine_tune(state, rows, loss, brain_tree, config, begun, on_event, lambda: state.step == cancel_at, on_checkpoint)

    return run
