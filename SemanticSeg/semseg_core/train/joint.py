"""The joint phase of the deep learner: context network and point network learn together, from patches around marks.

A step's loss is that of the annotated voxels in a patch, never of a dense volume. Features of the bank were computed once and do
not change; those of the context network come from the patch as it is turned, stretched and shaded at that moment.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

import torch
from torch import nn

from semseg_core.errors import CancelledError
from semseg_core.features.layout import COORDINATES
from semseg_core.models.context import ContextNetwork
from semseg_core.models.network import PointNetwork
from semseg_core.train.config import Budget, TrainConfig
from semseg_core.train.events import EventSink, Progress, Score
from semseg_core.train.loop import CHECKPOINT_EVERY_S, CLEAR_DROP, REPORT_EVERY_S, TrainingState, augmented
from semseg_core.train.optimizer import AdamW
from semseg_core.train.patches import PatchDrawer, sample_patch
from semseg_core.train.rows import TrainingRows

POINT_RATE = 1.0 / 3.0
"""Learning rate of the point network, which has learned already, as a share of the configuration's."""

CONTEXT_RATE = 2.0 / 3.0
"""Learning rate of the context network as a share of the configuration's."""

CONTEXT_DECAY = 0.03
"""Weight decay of the context network."""

WARM_UP_STEPS = 20
"""Steps of linear warm-up."""

AVERAGE_DECAY = 0.98
"""Of the moving average of the weights: a run on a CPU has few hundred steps."""

SCORES = 6
"""How often the networks are scored on held-back strokes: each time shows whole volumes to the context network."""

FLAT_PATCHES = 4
"""Patches in each step of a network of two dimensions, whose patches show few marks; of three, one takes a second on one core."""


class JointNetwork(nn.Module):
    """A point network and the context network whose features it is given.

    Args:
        point: Decides for a voxel from its features.
        context: Gives some of them.
    """

    def __init__(self, point: PointNetwork, context: ContextNetwork) -> None:
        super().__init__()
        self.point = point
        self.context = context


class PairOptimizer:
    """AdamW for both networks, each with its own learning rate and weight decay.

    Args:
        network: Its parameters are changed in place.
        weight_decay: Of the point network.
    """

    def __init__(self, network: JointNetwork, weight_decay: float) -> None:
        self._parts = {"point": AdamW(network.point, weight_decay), "context": AdamW(network.context, CONTEXT_DECAY)}

    def clear(self) -> None:
        """Forget gradients."""
        for part in self._parts.values():
            part.clear()

    def apply(self, learning_rate: float) -> None:
        """One step down the gradients that were gathered since `clear`; the rate is the configuration's, scheduled."""
        for name, share in (("point", POINT_RATE), ("context", CONTEXT_RATE)):
            self._parts[name].apply(learning_rate * share)

    def state_dict(self) -> dict[str, torch.Tensor]:
        """All moments by name, not copied."""
        return {f"{part}.{name}": tensor for part, one in self._parts.items() for name, tensor in one.state_dict().items()}

    def load_state_dict(self, state: Mapping[str, torch.Tensor]) -> None:
        """Take over the moments of another run of the same networks.

        Raises:
            KeyError: If one is missing.
            RuntimeError: If one has another shape.
        """
        for name, tensor in self.state_dict().items():
            tensor.copy_(state[name])


def start_joint(point: PointNetwork, context: ContextNetwork, config: TrainConfig) -> TrainingState:
    """The state before the first joint step; both networks are changed in place from then on.

    Args:
        point: Has learned from the context network's features already.
        context: Gives them.
        config: The run's configuration.
    """
    network = JointNetwork(point, context)
    return TrainingState(
        network=network,
        average=copy.deepcopy(network).eval(),
        best=copy.deepcopy(network).eval(),
        optimizer=PairOptimizer(network, config.weight_decay),
        generator=torch.Generator().manual_seed(config.seed),
    )


Scorer = Callable[[JointNetwork], tuple[dict[str, float], dict[str, float]]]
"""Dice and recommended least confidence by level, on held-back marks; empty where none are held back. A cancel ends it."""


def train_jointly(
    state: TrainingState,
    rows: TrainingRows,
    drawer: PatchDrawer,
    score: Scorer,
    loss: nn.Module,
    config: TrainConfig,
    until: Budget,
    started: float,
    on_event: EventSink,
    cancelled: Callable[[], bool],
    on_checkpoint: Callable[[TrainingState], None],
    autocast: torch.dtype | None = None,
) -> bool:
    """Train both networks until a budget ends or `cancelled` says so; `state.best` is the result either way.

    Args:
        state: From `start_joint`, or resumed; changed in place.
        rows: Features and targets; their features of the context network are not used.
        drawer: Draws patches; rows of held-back strokes must have weight 0.
        score: Scores the averaged networks.
        loss: Takes logits (n, L) and target positions (n,).
        config: The run's configuration.
        until: When to end: after seconds of the whole run, or steps of this phase.
        started: `time.monotonic()` when this session began.
        on_event: Gets Progress and Score events.
        cancelled: Asked at every step.
        on_checkpoint: Called every few seconds, and at the end.
        autocast: 16-bit type for the forward pass, None for float32.

    Returns:
        Whether it was cancelled.
    """
    earlier = state.seconds
    reported = checkpointed = begun = time.monotonic()
    state.seconds = earlier + begun - started
    first = share = _share(state, until)
    stopped = False
    while share < 1.0 or state.step == 0:
        stopped = cancelled()
        if stopped:
            break
        joint_step(state, rows, drawer, loss, config, _learning_rate(config, state.step, share), autocast)
        now = time.monotonic()
        state.seconds = earlier + now - started
        before, share = share, _share(state, until)
        if math.floor(before * SCORES) < math.floor(share * SCORES) < SCORES:
            with suppress(CancelledError):  # the next look tells
                _keep(state, score, on_event)
        if now - reported >= REPORT_EVERY_S and share > first:
            reported = now
            eta = (now - begun) * (1.0 - share) / (share - first)
            on_event(Progress(share, state.seconds, eta, state.step, state.loss))
        if now - checkpointed >= CHECKPOINT_EVERY_S:
            checkpointed = now
            on_checkpoint(state)
    if not stopped and state.best_step != state.step:
        try:
            _keep(state, score, on_event)
        except CancelledError:
            stopped = True
    on_checkpoint(state)
    if stopped and state.best_step != state.step:
        # As it is: to score whole volumes of many cases takes longer than the process has left (`watch.GRACE_S`).
        _keep(state, lambda _: ({}, {}), on_event)
    return stopped


def joint_step(
    state: TrainingState,
    rows: TrainingRows,
    drawer: PatchDrawer,
    loss: nn.Module,
    config: TrainConfig,
    learning_rate: float,
    autocast: torch.dtype | None = None,
) -> None:
    """One step of both optimizers on patches, whose gradients are gathered one patch after the other.

    What the point network knows of voxels without marks is not trained here: it would make the context network tell slices with
    strokes from those without.
    """
    network = state.network.train()
    device = next(network.parameters()).device
    patches = 1 if drawer.plane is None else FLAT_PATCHES
    state.optimizer.clear()
    value = 0.0
    for _ in range(patches):
        patch = drawer.draw(max(1, config.batch_size // patches), state.generator)
        variant = torch.randint(len(rows.features), (len(patch.rows),), generator=state.generator)
        with torch.autocast(device.type, dtype=autocast, enabled=autocast is not None):
            maps = network.context(patch.image.to(device))
        features = with_context(rows.features[variant, patch.rows].to(device), sample_patch(maps.float(), patch.places))
        inputs = augmented(network.point.standardize(features), config, state.generator)
        part = loss(network.point(inputs), rows.targets[patch.rows].to(device)) / patches
        part.backward()
        value += part.item()
    state.optimizer.apply(learning_rate)
    state.step += 1
    with torch.no_grad():
        keep = min(AVERAGE_DECAY, state.step / (state.step + 9.0))
        for mean, weight in zip(state.average.parameters(), network.parameters(), strict=True):
            mean.lerp_(weight, 1.0 - keep)
    state.loss = value if state.step == 1 else 0.95 * state.loss + 0.05 * value


def with_context(features: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
    """Features of rows, (n, F), with other features of the context network, (n, G)."""
    after = len(COORDINATES)
    return torch.cat([features[:, : -seen.shape[1] - after], seen, features[:, -after:]], dim=1)


def _share(state: TrainingState, until: Budget) -> float:
    """Part of the phase that is over; in seconds it began with the run, so that a resumed one has the same schedule."""
    return min(1.0, state.step / until.steps if until.seconds is None else state.seconds / until.seconds)


def _learning_rate(config: TrainConfig, step: int, share: float) -> float:
    """Linear warm-up, then a cosine down to nothing."""
    return config.learning_rate * min(1.0, (step + 1) / WARM_UP_STEPS) * 0.5 * (1.0 + math.cos(math.pi * share))


def _keep(state: TrainingState, score: Scorer, on_event: EventSink) -> None:
    """Keep the averaged networks as the result, unless they have become clearly worse on held-back strokes or broken."""
    dice, thresholds = score(state.average)
    mean = sum(dice.values()) / len(dice) if dice else state.best_score
    keep = mean >= state.best_score - CLEAR_DROP and math.isfinite(state.loss)
    if keep:
        state.best_step = state.step
        state.best.load_state_dict(state.average.state_dict())
    if dice:
        state.best_score, state.dice, state.thresholds = max(mean, state.best_score), dice, thresholds
        on_event(Score(state.step, state.loss, dice, keep))
