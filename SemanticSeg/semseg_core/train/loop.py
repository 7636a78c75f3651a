"""The training loop: rows in, network out. It touches no files and prints nothing.

The state after every step is a value that can be saved and taken up again, so that a crash or a cancel loses nothing.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from semseg_core.labels.tree import LabelTree
from semseg_core.models.network import PointNetwork
from semseg_core.train.config import TrainConfig
from semseg_core.train.events import EventSink, Progress, Score
from semseg_core.train.optimizer import AdamW
from semseg_core.train.rows import TrainingRows
from semseg_core.train.scoring import HeldBackScorer

WARM_UP_STEPS = 50
"""Steps of linear warm-up. The schedule is the same for every budget until they are over."""

TIMED_STEPS = 25
"""Steps by which a time budget learns how long one takes. Nothing before them depends on the budget."""

AVERAGE_DECAY = 0.99
"""Of the exponential moving average of the weights, which is what is measured and kept: 100 steps of memory."""

ENOUGH_EPOCHS = 250
"""Times a mark is seen on average before a time budget stops early: three times as often was no better on three IXI subjects
(leaf Dice 0.593 after 700 steps, 0.588 after 2500)."""

ENOUGH_STEPS = 800
"""Steps that even very few marks are given."""

SCORES = 20
"""How often the network is kept and, while strokes are held back, scored in a run."""

HOLD_BACK_UNTIL = 0.6
"""Share of the steps after which the held-back strokes are trained on too.

Until then they show how good the network is; to leave them out for good would cost 0.03 leaf Dice (docs/benchmarks.md).
"""

CLEAR_DROP = 0.05
"""A network is kept unless its held-back Dice is lower than the best by more than this: a few strokes measure no finer."""

REPORT_EVERY_S = 0.25
CHECKPOINT_EVERY_S = 10.0


@dataclass
class TrainingState:
    """Where a run stands; everything a resumed run needs besides its rows and configuration.

    Args:
        network: Being trained.
        average: Moving average of its weights.
        best: Copy of the average that is the result if the run ends now.
        optimizer: Of `network`, with its moments.
        generator: Draws rows, noise and jitter.
        step: Steps done.
        planned_steps: Steps the schedule is made for; 0 until known.
        seconds: Wall time used so far, over all sessions.
        loss: Running mean of the loss of a batch; NaN before the first.
        best_score: Highest mean held-back Dice over levels so far; -1 before the first.
        best_step: Step of `best`.
        dice: Last held-back Dice by level, from before those strokes were trained on.
        thresholds: Recommended least confidence by level, from those strokes at that time.
        averaged_from: Step at which the average was begun, anew where the marks have changed.
        earlier_steps: Steps of the phases before this one, of the deep learner.
        learning_from: Seconds of the run at which learning began: images were read and described before.
    """

    network: PointNetwork
    average: PointNetwork
    best: PointNetwork
    optimizer: AdamW
    generator: torch.Generator
    step: int = 0
    planned_steps: int = 0
    seconds: float = 0.0
    loss: float = math.nan
    best_score: float = -1.0
    best_step: int = 0
    dice: dict[str, float] = field(default_factory=dict)
    thresholds: dict[str, float] = field(default_factory=dict)
    averaged_from: int = 0
    earlier_steps: int = 0
    learning_from: float = 0.0

    @property
    def all_steps(self) -> int:
        """Steps of the run so far, over all phases."""
        return self.earlier_steps + self.step


def start_state(network: PointNetwork, config: TrainConfig) -> TrainingState:
    """The state before the first step."""
    return TrainingState(
        network=network,
        average=copy.deepcopy(network).eval(),
        best=copy.deepcopy(network).eval(),
        optimizer=AdamW(network, config.weight_decay),
        generator=torch.Generator().manual_seed(config.seed),
    )


def fine_tune(
    state: TrainingState,
    rows: TrainingRows,
    loss: torch.nn.Module,
    tree: LabelTree,
    config: TrainConfig,
    started: float,
    on_event: EventSink,
    cancelled: Callable[[], bool],
    on_checkpoint: Callable[[TrainingState], None],
    autocast: torch.dtype | None = None,
) -> bool:
    """Train until the budget ends or `cancelled` says so; `state.best` is the result either way.

    Args:
        state: From `start_state`, or resumed; changed in place.
        rows: Features and targets.
        loss: From the table of losses; takes logits (n, L) and target positions (n,).
        tree: For scoring.
        config: The run's configuration.
        started: `time.monotonic()` when this session began: its reading and feature computing count against a time budget.
        on_event: Gets Progress and Score events.
        cancelled: Asked at every step.
        on_checkpoint: Called every few seconds, and at the end if cancelled.
        autocast: 16-bit type for the forward pass, None for float32.

    Returns:
        Whether it was cancelled.
    """
    device = next(state.network.parameters()).device
    drawer = RowDrawer(rows, device)
    scored = rows.held & ~rows.mirrored
    scorer = HeldBackScorer(rows.features[0, scored].to(device), rows.targets[scored], tree)
    earlier = state.seconds
    reported = checkpointed = time.monotonic()
    timing_from = (state.step, time.monotonic())
    if config.budget.steps is not None:
        state.planned_steps = config.budget.steps  # a resumed run may be given more, or fewer, than before
    while True:
        now = time.monotonic()
        state.seconds = earlier + now - started
        if state.planned_steps == 0 and state.step - timing_from[0] >= TIMED_STEPS:
            state.planned_steps = _plan(config, state, len(rows.targets), timing_from, now)
        over = _is_over(config, state)
        stopped = not over and cancelled()
        if over or stopped:
            break
        features, targets = drawer.draw(config.batch_size, state.generator, _holding_back(state))
        unmarked = drawer.draw_unmarked(round(config.unmarked_share * config.batch_size), state.generator)
        take_step(state, features, targets, unmarked, loss, config, _learning_rate(config, state), autocast)
        if state.planned_steps and state.step > TIMED_STEPS and state.step % max(1, state.planned_steps // SCORES) == 0:
            _keep(state, scorer, on_event)
        if now - reported >= REPORT_EVERY_S and state.planned_steps:
            reported = now
            pace = (now - timing_from[1]) / max(1, state.step - timing_from[0])
            eta = pace * (state.planned_steps - state.step)
            on_event(Progress(state.step / state.planned_steps, state.seconds, eta, state.step, state.loss))
        if now - checkpointed >= CHECKPOINT_EVERY_S:
            checkpointed = now
            on_checkpoint(state)
    if stopped and state.step:
        on_checkpoint(state)  # before the last score, of which an uninterrupted run would not know
    if state.step and state.best_step != state.step:
        _keep(state, scorer, on_event)
    done = state.step / state.planned_steps if stopped and state.planned_steps else float(over)
    on_event(Progress(done, state.seconds, 0.0, state.step))
    return stopped


class RowDrawer:
    """The rows on the device, drawn batch by batch."""

    def __init__(self, rows: TrainingRows, device: torch.device) -> None:
        self.features = rows.features.to(device)
        self.targets = rows.targets.to(device)
        self.unmarked = rows.unmarked.to(device)
        self._all = _cumulative(rows.weights)
        self._training = _cumulative(rows.weights * ~rows.held)

    def draw(self, count: int, generator: torch.Generator, holding_back: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
        """One batch: features (count, F) of a random variant of each drawn mark, and targets (count,)."""
        uniform = torch.rand(count, generator=generator, dtype=torch.float64)
        cumulative = self._training if holding_back else self._all
        chosen = torch.searchsorted(cumulative, uniform, right=True).clamp_max(len(self.targets) - 1)
        variant = torch.randint(len(self.features), (count,), generator=generator)
        device = self.features.device
        return self.features[variant.to(device), chosen.to(device)], self.targets[chosen.to(device)]

    def draw_unmarked(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """Features of random voxels without marks, (count, F), or none at all."""
        if not len(self.unmarked):
            return self.unmarked
        return self.unmarked[torch.randint(len(self.unmarked), (count,), generator=generator).to(self.unmarked.device)]


def take_step(
    state: TrainingState,
    features: torch.Tensor,
    targets: torch.Tensor,
    unmarked: torch.Tensor,
    loss: torch.nn.Module,
    config: TrainConfig,
    learning_rate: float,
    autocast: torch.dtype | None = None,
) -> None:
    """One optimizer step on a batch, which changes the state in place.

    Args:
        state: Where the run stands.
        features: Of marks, (n, F).
        targets: Their positions, (n,).
        unmarked: Features of voxels without marks, (u, F); u may be 0.
        loss: Takes logits (n, L) and targets.
        config: How to train.
        learning_rate: Of this step.
        autocast: 16-bit type for the forward pass, None for float32.
    """
    network = state.network.train()
    inputs = augmented(network.standardize(torch.cat([features, unmarked])), config, state.generator)
    with torch.autocast(inputs.device.type, dtype=autocast, enabled=autocast is not None):
        logits = network(inputs[: len(targets)])  # of voxels without marks nothing asks: a fifth of a step
        known = None if network.known is None else network.known(inputs)
    batch_loss = loss(logits.float(), targets)
    if known is not None and len(unmarked):
        batch_loss = batch_loss + _known_loss(known.float(), len(targets))
    state.optimizer.step(batch_loss, learning_rate)
    state.step += 1
    with torch.no_grad():
        # Early on the average follows the network, so that a run cancelled after seconds keeps something of use.
        averaged = state.step - state.averaged_from
        keep = min(AVERAGE_DECAY, averaged / (averaged + 9.0))
        for mean, value in zip(state.average.parameters(), network.parameters(), strict=True):
            mean.lerp_(value, 1.0 - keep)
    value = batch_loss.item()
    state.loss = value if state.step == 1 else 0.95 * state.loss + 0.05 * value


def _known_loss(known: torch.Tensor, marks: int) -> torch.Tensor:
    """Cross-entropy of telling marks, which come first, from any voxels of the body.

    Voxels like those that bear marks are among the others, too; so the output becomes the log of how much more often a voxel of
    this kind is marked than it occurs (learning from positive and unlabelled samples: Elkan and Noto, KDD 2008).
    """
    return torch.nn.functional.softplus(-known[:marks]).mean() + torch.nn.functional.softplus(known[marks:]).mean()


def _learning_rate(config: TrainConfig, state: TrainingState) -> float:
    """Linear warm-up, then a cosine down to nothing."""
    rate = config.learning_rate * min(1.0, (state.step + 1) / WARM_UP_STEPS)
    if state.step > WARM_UP_STEPS and state.planned_steps:
        done = (state.step - WARM_UP_STEPS) / max(1, state.planned_steps - WARM_UP_STEPS)
        rate *= 0.5 * (1.0 + math.cos(math.pi * min(1.0, done)))
    return rate


def augmented(inputs: torch.Tensor, config: TrainConfig, generator: torch.Generator) -> torch.Tensor:
    """Standardized features with noise, and body coordinates stretched and shifted as another body's would be."""
    coordinates = 3
    noise = torch.randn(inputs.shape, generator=generator).to(inputs.device) * config.feature_noise
    noise[:, -coordinates:] = 0.0
    stretch = 1.0 + torch.randn((1, coordinates), generator=generator).to(inputs.device) * config.location_jitter
    shift = torch.randn((1, coordinates), generator=generator).to(inputs.device) * config.location_jitter
    varied = inputs + noise
    varied[:, -coordinates:] = inputs[:, -coordinates:] * stretch + shift
    return varied


def _plan(config: TrainConfig, state: TrainingState, row_count: int, timing_from: tuple[int, float], now: float) -> int:
    """Number of steps that a time budget is good for."""
    pace = (now - timing_from[1]) / max(1, state.step - timing_from[0])
    # 15 % are kept for scoring, for saving, and for a machine that gets busier.
    affordable = int(0.85 * (config.budget.seconds - state.seconds) / max(pace, 1e-6))
    enough = max(ENOUGH_STEPS, ENOUGH_EPOCHS * row_count // config.batch_size)
    return max(WARM_UP_STEPS, min(enough, state.step + affordable))


def _is_over(config: TrainConfig, state: TrainingState) -> bool:
    out_of_time = config.budget.seconds is not None and state.seconds >= config.budget.seconds and state.step > 0
    return out_of_time or 0 < state.planned_steps <= state.step


def _holding_back(state: TrainingState) -> bool:
    return not state.planned_steps or state.step < HOLD_BACK_UNTIL * state.planned_steps


def _cumulative(weights: torch.Tensor) -> torch.Tensor:
    """Running sum of probabilities, ending at 1, to draw from by a uniform number."""
    cumulative = torch.cumsum(weights, dim=0)
    return cumulative / cumulative[-1]


def _keep(state: TrainingState, scorer: HeldBackScorer, on_event: EventSink) -> None:
    """Keep the averaged network as the result, unless it has become clearly worse on held-back strokes or broken."""
    dice = scorer(state.average) if _holding_back(state) else {}
    score = sum(dice.values()) / len(dice) if dice else state.best_score
    keep = score >= state.best_score - CLEAR_DROP and math.isfinite(state.loss)
    if keep:
        state.best_step = state.step
        state.best.load_state_dict(state.average.state_dict())
    if dice:
        state.best_score, state.dice = max(score, state.best_score), dice
        state.thresholds = scorer.thresholds(state.average)
        on_event(Score(state.step, state.loss, dice, keep))
