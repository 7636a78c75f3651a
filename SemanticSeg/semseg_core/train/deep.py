"""The deep learner: the quick learner first, then a context network beside it, then the quick learner on what that found.

1. Quick phase: the point network learns from the feature bank and a start model's features. It answers early.
2. Joint phase (`joint.py`): context network and point network learn together from patches around marks.
3. Quick phase again, on the features that the context network now gives of whole volumes: what applying the model will see.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from semseg_core.data.resample import sample_linear
from semseg_core.data.volume import Volume
from semseg_core.errors import CancelledError, ModelError
from semseg_core.features.variants import vary_intensities
from semseg_core.labels.tree import LabelTree
from semseg_core.models.context import ContextNetwork
from semseg_core.models.context_maps import context_image, context_maps
from semseg_core.models.network import PointNetwork
from semseg_core.train.checkpoint import load_checkpoint, save_checkpoint
from semseg_core.train.config import Budget, TrainConfig
from semseg_core.train.events import EventSink, Note, Stage
from semseg_core.train.joint import JointNetwork, start_joint, train_jointly, with_context
from semseg_core.train.loop import TrainingState, fine_tune, start_state
from semseg_core.train.patches import PatchDrawer, Places
from semseg_core.train.rows import TrainingRows
from semseg_core.train.scoring import HeldBackScorer

QUICK_UNTIL, JOINT_UNTIL = 0.3, 0.85
"""Shares of the steps, or of the time left when learning begins, at which the first quick phase and the joint phase end; the
first may be done earlier."""

FEW_STEPS = 50
"""Joint steps below which a budget was too short to mean anything; the user is told."""


def phases(budget: Budget, learning_from: float = 0.0) -> tuple[Budget, Budget, Budget]:
    """When each phase ends: in seconds since the run began, or each in its own steps (at least one).

    Args:
        budget: Of the run.
        learning_from: Seconds of the run at which learning began.
    """
    if budget.seconds is not None:
        left = max(0.0, budget.seconds - learning_from)
        return Budget(budget.seconds - (1 - QUICK_UNTIL) * left), Budget(budget.seconds - (1 - JOINT_UNTIL) * left), budget
    quick = max(1, round(QUICK_UNTIL * budget.steps))
    joint = max(1, round((JOINT_UNTIL - QUICK_UNTIL) * budget.steps))
    return Budget(steps=quick), Budget(steps=joint), Budget(steps=max(1, budget.steps - quick - joint))


def patch_drawer(rows: TrainingRows, context: ContextNetwork, volumes: Sequence[Volume]) -> PatchDrawer:
    """Draws patches of the cases around all marks that are not held back.

    Args:
        rows: With the places of their marks.
        context: Whose image is drawn from.
        volumes: Of the cases, normalized by the card's rules.
    """
    images = [context_image(volume, context.shape) for volume in volumes]
    return PatchDrawer(images, rows.places, rows.weights * ~rows.held, context.shape.window, context.shape.plane)


@dataclass(frozen=True, eq=False)
class JointScorer:
    """Scores both networks on held-back marks, with features of whole volumes.

    Args:
        rows: With the places of their marks.
        volumes: Of the cases, normalized by the card's rules.
        tree: Their tree.
        check: Called several times a second; what it raises ends the work.
    """

    rows: TrainingRows
    volumes: Sequence[Volume]
    tree: LabelTree
    check: Callable[[], None] = lambda: None

    def __call__(self, network: JointNetwork) -> tuple[dict[str, float], dict[str, float]]:
        """Dice and recommended least confidence by level; both empty where no mark is held back."""
        rows = self.rows
        device = next(network.parameters()).device
        scored = torch.nonzero(rows.held & ~rows.mirrored)[:, 0]
        seen = context_features(network.context, self.volumes, rows.places.subset(scored), device, self.check)
        marks = HeldBackScorer(with_context(rows.features[0, scored].to(device), seen), rows.targets[scored], self.tree)
        dice = marks(network.point)
        return dice, marks.thresholds(network.point) if dice else {}


def refreshed(
    rows: TrainingRows,
    context: ContextNetwork,
    volumes: Sequence[Volume],
    config: TrainConfig,
    variants: int,
    check: Callable[[], None] = lambda: None,
) -> TrainingRows:
    """Rows with what a context network now says of whole volumes, as it does when the model is applied.

    Args:
        rows: With the places of their marks.
        context: Its features replace the earlier ones.
        volumes: Of the cases, normalized by the card's rules.
        config: For its seed.
        variants: Number of intensity variants to keep; of each the context network sees its own.
        check: Called several times a second; what it raises ends the work.
    """
    rng = np.random.default_rng(config.seed)
    device = rows.features.device
    features = []
    for variant in range(1 + variants):
        shown = volumes if variant == 0 else [vary_intensities(volume, rng) for volume in volumes]
        seen = context_features(context, shown, rows.places, device, check)
        features.append(with_context(rows.features[variant], seen))
    seen = context_features(context, volumes, rows.unmarked_places, device, check)
    return replace(rows, features=torch.stack(features), unmarked=with_context(rows.unmarked, seen))


def context_features(
    context: ContextNetwork,
    volumes: Sequence[Volume],
    places: Places,
    device: torch.device | str,
    check: Callable[[], None] = lambda: None,
) -> torch.Tensor:
    """What a context network says at places in whole volumes and their mirror images, (N, F), on the device."""
    features = torch.zeros(len(places.points), context.shape.features, device=device)
    for case, volume in enumerate(volumes):
        for mirrored in (False, True):
            chosen = places.of(case, mirrored)
            if len(chosen):
                maps, grid = context_maps(context, volume, device, check, mirrored)
                features[chosen.to(device)] = sample_linear(maps, grid, places.points[chosen].to(device))
    return features


def learn_deeply(
    state: TrainingState,
    rows: TrainingRows,
    context: ContextNetwork,
    volumes: Sequence[Volume],
    loss: torch.nn.Module,
    tree: LabelTree,
    config: TrainConfig,
    started: float,
    on_event: EventSink,
    cancelled: Callable[[], bool],
    folder: Path,
    fingerprint: str,
    resume: bool = False,
    autocast: torch.dtype | None = None,
) -> Deepened:
    """All three phases.

    A resumed run goes on within the first or the second phase exactly where its last checkpoint stands. The third has no
    checkpoints: it is short, and repeated, with all the time that was left for it.

    Args:
        state: From `start_state`; the first phase changes it in place.
        rows: Of all cases, with the places of their marks, as the context network describes them.
        context: The network to start from; changed in place.
        volumes: Of the cases, normalized by the card's rules.
        loss: Takes logits (n, L) and target positions (n,).
        tree: Their tree.
        config: The run's configuration.
        started: `time.monotonic()` when this session began; of a resumed one, when it began to learn.
        on_event: Gets stages, progress and scores.
        cancelled: Asked at every step.
        folder: Model directory, for the checkpoint.
        fingerprint: Of the run.
        resume: Whether to go on from the checkpoint.
        autocast: 16-bit type for the forward pass, None for float32.

    Raises:
        ModelError: If there is no checkpoint to resume from, or it is of another run.
    """
    at_joint = f"{fingerprint} joint"
    joint = resumed_joint(folder, state.network, context, config, at_joint) if resume else None
    if resume:
        if joint is None:
            load_checkpoint(folder, state, fingerprint)
        on_event(Note(f"resumed after step {(joint or state).all_steps}"))
    else:
        state.learning_from = time.monotonic() - started
    if joint is None:
        earlier = state.seconds
        first = replace(config, budget=phases(config.budget, state.learning_from)[0])
        # Held-back strokes measure the phases to come, so this one must not join them to its own training near its end.
        kept_out = replace(rows, weights=rows.weights * ~rows.held)
        if fine_tune(
            state,
            kept_out,
            loss,
            tree,
            first,
            started,
            on_event,
            cancelled,
            lambda now: save_checkpoint(folder, now, fingerprint),
            autocast,
        ):
            return Deepened(state, rows, context, 0, stopped=True)
        joint = start_joint(state.best, context, config)
        joint.seconds, joint.earlier_steps, joint.learning_from = earlier, state.step, state.learning_from
        joint.dice, joint.thresholds = state.dice, state.thresholds  # until it is scored
    return go_deeper(
        joint,
        rows,
        volumes,
        loss,
        tree,
        config,
        started,
        on_event,
        cancelled,
        lambda now: save_checkpoint(folder, now, at_joint),
        autocast,
    )


def resumed_joint(
    folder: Path, point: PointNetwork, context: ContextNetwork, config: TrainConfig, fingerprint: str
) -> TrainingState | None:
    """The joint phase where its checkpoint stands; None where the checkpoint is of the phase before, or there is none.

    Args:
        folder: Model directory.
        point: As the run begins with it.
        context: As the run begins with it.
        config: The run's configuration.
        fingerprint: Of the run's joint phase.
    """
    state = start_joint(copy.deepcopy(point), copy.deepcopy(context), config)
    try:
        load_checkpoint(folder, state, fingerprint)
    except ModelError:
        return None
    return state


def go_deeper(
    state: TrainingState,
    rows: TrainingRows,
    volumes: Sequence[Volume],
    loss: torch.nn.Module,
    tree: LabelTree,
    config: TrainConfig,
    started: float,
    on_event: EventSink,
    cancelled: Callable[[], bool],
    on_checkpoint: Callable[[TrainingState], None],
    autocast: torch.dtype | None = None,
) -> Deepened:
    """The joint phase, and the quick phase on what it found.

    Args:
        state: From `start_joint`, or resumed; its seconds are those of earlier sessions.
        rows: Of all cases, with the places of their marks.
        volumes: Of the cases, normalized by the card's rules.
        loss: Takes logits (n, L) and target positions (n,).
        tree: Their tree.
        config: The run's configuration.
        started: `time.monotonic()` when this session began.
        on_event: Gets stages, progress and scores.
        cancelled: Asked at every step.
        on_checkpoint: Takes the state of the joint phase.
        autocast: 16-bit type for the forward pass, None for float32.
    """

    def check() -> None:
        if cancelled():
            raise CancelledError("cancelled while the context network described the images")

    earlier = state.seconds
    _, joint_until, until = phases(config.budget, state.learning_from)
    on_event(Stage("Training the context network"))
    device = next(state.network.parameters()).device
    stopped = train_jointly(
        state,
        rows,
        patch_drawer(rows, state.network.context, volumes),
        JointScorer(rows, volumes, tree, check),
        loss,
        config,
        joint_until,
        started,
        on_event,
        cancelled,
        on_checkpoint,
        autocast,
    )
    point, context = state.best.point, state.best.context.to(device)
    final = start_state(point, config)
    final.earlier_steps = state.all_steps
    final.dice, final.thresholds = state.dice, state.thresholds  # until the last phase finds its own, if it is long enough
    if not stopped:
        on_event(Stage("Computing the context network's features"))
        try:
            rows = refreshed(rows, context, volumes, config, len(rows.features) - 1, check)
        except CancelledError:
            stopped = True
    if stopped:
        final.seconds = state.seconds
        return Deepened(final, rows, context, state.step, stopped)
    on_event(Stage("Training on its features"))
    final.seconds = earlier
    last = replace(config, budget=until)
    stopped = fine_tune(final, rows, loss, tree, last, started, on_event, cancelled, lambda _: None, autocast)
    if not stopped and config.budget.seconds is not None and state.step < FEW_STEPS:
        few = f"only {state.step} steps of the context network fitted into {config.budget}"
        on_event(Note(f"{few}; give the deep learner ten minutes or more, or take the quick one", "warning"))
    return Deepened(final, rows, context, state.step, stopped)


@dataclass(frozen=True, eq=False)
class Deepened:
    """What the deep learner found.

    Args:
        state: Its `best` is the point network to use.
        rows: As the context network describes them; as they were where it was cancelled before.
        context: The context network to use.
        joint_steps: Steps in which both learned.
        stopped: Whether it was cancelled.
    """

    state: TrainingState
    rows: TrainingRows
    context: ContextNetwork
    joint_steps: int
    stopped: bool
