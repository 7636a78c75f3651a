"""The training loop, on rows that need no image."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from semseg_core.labels.tree import LabelTree
from semseg_core.train import loop
from semseg_core.train.config import Budget, TrainConfig
from semseg_core.train.events import Event, Progress, Score
from semseg_core.train.loop import HOLD_BACK_UNTIL, WARM_UP_STEPS, TrainingState
from semseg_core.train.scoring import FLOORS, known_floor

from .conftest import points_of

Make = Callable[..., object]


def weights_of(network: torch.nn.Module) -> list[torch.Tensor]:
    return [tensor.clone() for tensor in network.state_dict().values()]


def same(first: list[torch.Tensor], second: list[torch.Tensor]) -> bool:
    return all(torch.equal(one, other) for one, other in zip(first, second, strict=True))


def probabilities(state: TrainingState, leaves: torch.Tensor) -> torch.Tensor:
    """Of new points around the centers of leaves, (N, L)."""
    with torch.no_grad():
        return state.best(state.best.standardize(points_of(leaves, 99))).softmax(dim=1)


def test_marks_on_leaves_are_learned(make_rows: Make, start: Make, steps: Make, train: Make) -> None:
    rows, config = make_rows(), steps(80)
    state = start(rows, config)
    assert train(state, rows, config) is False
    leaves = torch.arange(4).repeat(50)
    assert (probabilities(state, leaves).argmax(dim=1) == leaves).float().mean() > 0.97
    assert state.step == state.planned_steps == state.best_step == 80
    assert state.dice["leaf"] > 0.9


def test_marks_on_an_inner_label_are_learned_as_one_of_its_leaves(make_rows: Make, start: Make, steps: Make, train: Make) -> None:
    rows, config = make_rows((2, 5, 6)), steps(80)  # nothing says what is cortex and what is white matter
    state = start(rows, config)
    train(state, rows, config)
    left = probabilities(state, torch.tensor([0, 1] * 50))
    assert left[:, :2].sum(dim=1).mean() > 0.9
    right = probabilities(state, torch.full((50,), 2))
    assert right[:, 2].mean() > 0.9
    # Leaves and inner marks together: the leaves are told apart, and the inner marks do not pull them together.
    rows = make_rows((2, 3, 4, 5, 6))
    state = start(rows, config)
    train(state, rows, config)
    leaves = torch.arange(4).repeat(50)
    assert (probabilities(state, leaves).argmax(dim=1) == leaves).float().mean() > 0.9


def test_equal_seeds_give_equal_networks_and_others_do_not(make_rows: Make, start: Make, steps: Make, train: Make) -> None:
    networks = []
    for seed in (1, 1, 2):
        rows, config = make_rows(), steps(30, seed=seed)
        state = start(rows, config)
        train(state, rows, config)
        networks.append(weights_of(state.best))
    assert same(networks[0], networks[1])
    assert not same(networks[0], networks[2])


def learning_rates(make_rows: Make, start: Make, train: Make, config: TrainConfig, count: int) -> tuple[list[float], list]:
    """Rate of each of the first steps, and the weights after them."""
    rows = make_rows()
    state = start(rows, config)
    rates = []
    step = state.optimizer.step
    state.optimizer.step = lambda loss, rate: (rates.append(rate), step(loss, rate))
    train(state, rows, config, cancel_at=count)
    return rates, weights_of(state.network)


def test_nothing_depends_on_the_budget_during_warm_up(make_rows: Make, start: Make, steps: Make, train: Make) -> None:
    short, short_weights = learning_rates(make_rows, start, train, steps(100), WARM_UP_STEPS)
    long, long_weights = learning_rates(make_rows, start, train, steps(1000), WARM_UP_STEPS)
    assert short == long == pytest.approx([3e-3 * (step + 1) / WARM_UP_STEPS for step in range(WARM_UP_STEPS)])
    assert same(short_weights, long_weights)


def test_after_warm_up_the_rate_falls_along_a_cosine_to_zero(make_rows: Make, start: Make, steps: Make, train: Make) -> None:
    rates, _ = learning_rates(make_rows, start, train, steps(150), None)
    assert len(rates) == 150
    assert max(rates) == pytest.approx(3e-3)
    assert rates[100] == pytest.approx(1.5e-3)  # half-way down
    assert rates[WARM_UP_STEPS:] == sorted(rates[WARM_UP_STEPS:], reverse=True)
    assert rates[-1] < 1e-5


def test_a_budget_shorter_than_the_warm_up_ends_in_it(make_rows: Make, start: Make, steps: Make, train: Make) -> None:
    rows, config = make_rows(), steps(1)
    state = start(rows, config)
    assert train(state, rows, config) is False
    assert (state.step, state.best_step) == (1, 1)


def plan_at_most(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a time budget think that so many steps are enough."""
    monkeypatch.setattr(loop, "ENOUGH_STEPS", count)
    monkeypatch.setattr(loop, "ENOUGH_EPOCHS", 0)


def test_a_time_budget_is_kept_and_can_be_repeated_in_steps(
    make_rows: Make, start: Make, steps: Make, train: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan_at_most(90, monkeypatch)  # so that the plan is done before the time is over, on any machine
    rows, config = make_rows(), TrainConfig(budget=Budget(seconds=30.0), batch_size=64)
    state = start(rows, config)
    begun = time.monotonic()
    train(state, rows, config)
    assert time.monotonic() - begun < 30.0
    assert state.step == state.planned_steps == 90
    repeated = start(rows, steps(90))
    train(repeated, rows, steps(90))
    assert same(weights_of(state.best), weights_of(repeated.best))
    assert state.dice == repeated.dice


def test_time_that_is_over_ends_the_run_after_a_step(make_rows: Make, start: Make, train: Make) -> None:
    rows, config = make_rows(), TrainConfig(budget=Budget(seconds=0.5), batch_size=64)
    state = start(rows, config)
    train(state, rows, config, started=time.monotonic() - 60)  # features took a minute
    assert state.step == state.best_step == 1


def test_the_plan_fits_the_time_that_is_left(make_rows: Make, start: Make, train: Make) -> None:
    rows, config = make_rows(), TrainConfig(budget=Budget(seconds=1.5), batch_size=64)
    state = start(rows, config)
    begun = time.monotonic()
    train(state, rows, config)
    assert time.monotonic() - begun < 15.0
    assert state.planned_steps >= WARM_UP_STEPS
    assert state.step > 25


@pytest.mark.parametrize("cancel_at", [1, 20, 60])
def test_cancelling_keeps_the_network_so_far_and_says_so(
    make_rows: Make, start: Make, steps: Make, train: Make, cancel_at: int
) -> None:
    rows, config, saved = make_rows(), steps(100), []
    state = start(rows, config)
    before = weights_of(state.best)
    assert train(state, rows, config, cancel_at=cancel_at, on_checkpoint=lambda now: saved.append(now.step)) is True
    assert saved == [cancel_at]
    assert state.best_step == state.step == cancel_at
    assert same(weights_of(state.best), weights_of(state.average))
    assert not same(weights_of(state.best), before)


def test_cancelling_before_the_first_step_leaves_nothing_to_save(make_rows: Make, start: Make, steps: Make, train: Make) -> None:
    rows, config, saved = make_rows(), steps(100), []
    state = start(rows, config)
    assert train(state, rows, config, cancel_at=0, on_checkpoint=saved.append) is True
    assert state.step == 0
    assert saved == []


@pytest.mark.parametrize("seconds", [None, 60.0])
@pytest.mark.parametrize("cancel_at", [None, 2, 15])
def test_progress_stays_within_its_bounds(
    make_rows: Make, start: Make, train: Make, monkeypatch: pytest.MonkeyPatch, seconds: float | None, cancel_at: int | None
) -> None:
    monkeypatch.setattr(loop, "REPORT_EVERY_S", 0.0)
    monkeypatch.setattr(loop, "TIMED_STEPS", 4)
    monkeypatch.setattr(loop, "WARM_UP_STEPS", 8)
    plan_at_most(20, monkeypatch)
    rows, events = make_rows(), []
    config = TrainConfig(budget=Budget(steps=20) if seconds is None else Budget(seconds=seconds), batch_size=16)
    train(start(rows, config), rows, config, events.append, cancel_at)
    fractions = [event.fraction for event in events if isinstance(event, Progress)]
    assert fractions == sorted(fractions)
    assert fractions[0] >= 0.0
    planned = seconds is None or cancel_at != 2
    assert fractions[-1] == (1.0 if cancel_at is None else cancel_at / 20 if planned else 0.0)


def test_held_back_marks_are_drawn_only_near_the_end(make_rows: Make) -> None:
    rows, generator = make_rows(held_share=0.5), torch.Generator().manual_seed(0)
    marked = replace(rows, features=rows.features.clone())
    marked.features[..., 0] = rows.held.float()
    drawn = loop.RowDrawer(marked, torch.device("cpu"))
    early, _ = drawn.draw(4096, generator, holding_back=True)
    late, _ = drawn.draw(4096, generator)
    assert early[:, 0].sum() == 0
    assert late[:, 0].mean().item() == pytest.approx(0.5, abs=0.05)


def test_marks_are_drawn_by_their_weight_and_from_every_variant(make_rows: Make) -> None:
    rows, generator = make_rows(held_share=0.0, variants=3), torch.Generator().manual_seed(0)
    features = torch.zeros_like(rows.features)
    features[..., 0] = torch.arange(4.0)[:, None]
    weights = torch.where(rows.targets == rows.targets[0], 0.7, 0.1)
    drawn = loop.RowDrawer(replace(rows, features=features, weights=weights / weights.sum()), torch.device("cpu"))
    batch, targets = drawn.draw(8192, generator, holding_back=True)
    assert torch.bincount(batch[:, 0].long()).div(8192).tolist() == pytest.approx([0.25] * 4, abs=0.03)
    assert (targets == rows.targets[0]).float().mean().item() == pytest.approx(0.7, abs=0.03)


def test_scores_stop_when_held_back_marks_join(make_rows: Make, start: Make, steps: Make, train: Make) -> None:
    rows, config, events = make_rows(), steps(100), []
    train(start(rows, config), rows, config, events.append)
    scored = [event.step for event in events if isinstance(event, Score)]
    assert scored
    assert max(scored) < HOLD_BACK_UNTIL * 100
    assert min(scored) > loop.TIMED_STEPS


def test_a_network_that_became_clearly_worse_is_not_kept(
    make_rows: Make, start: Make, steps: Make, train: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    falling = iter([0.9, 0.88, *[0.2] * 50])
    monkeypatch.setattr(loop, "HOLD_BACK_UNTIL", 2.0)
    monkeypatch.setattr(loop.HeldBackScorer, "__call__", lambda scorer, network: {"leaf": next(falling)})
    rows, config, events = make_rows(), steps(100), []
    state = start(rows, config)
    train(state, rows, config, events.append)
    scores = [event for event in events if isinstance(event, Score)]
    assert [event.best for event in scores[:4]] == [True, True, False, False]
    assert state.best_step == scores[1].step
    assert not same(weights_of(state.best), weights_of(state.average))


def test_a_network_broken_by_its_loss_is_not_kept(make_rows: Make, start: Make, steps: Make, brain_tree: LabelTree) -> None:
    rows, config = make_rows(), steps(100)
    state = start(rows, config)

    class Breaking(torch.nn.Module):
        def forward(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
            loss = torch.nn.functional.cross_entropy(logits, (targets - 1).clamp(0, 3))
            return loss if state.step < 40 else loss * torch.nan

    loop.fine_tune(state, rows, Breaking(), brain_tree, config, time.monotonic(), lambda event: None, bool, lambda now: None)
    assert 25 < state.best_step <= 40
    assert all(torch.isfinite(tensor).all() for tensor in state.best.state_dict().values())


def test_without_held_back_marks_the_last_network_is_the_result(make_rows: Make, start: Make, steps: Make, train: Make) -> None:
    rows, config, events = make_rows(held_share=0.0), steps(60), []
    state = start(rows, config)
    train(state, rows, config, events.append)
    assert state.best_step == 60
    assert state.dice == {}
    assert not any(isinstance(event, Score) for event in events)


def test_checkpoints_are_made_every_few_seconds(
    make_rows: Make, start: Make, steps: Make, train: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT_EVERY_S", 0.0)
    rows, config, saved = make_rows(), steps(5), []
    train(start(rows, config), rows, config, on_checkpoint=lambda now: saved.append(now.step))
    assert saved == [1, 2, 3, 4, 5]


def test_coordinates_are_shifted_together_and_other_features_get_noise() -> None:
    inputs = torch.zeros(20_000, 5)
    inputs[:, -3:] = 0.5
    varied = loop.augmented(inputs, TrainConfig(feature_noise=0.2, location_jitter=0.02), torch.Generator().manual_seed(0))
    assert varied[:, :2].std().item() == pytest.approx(0.2, rel=0.05)
    assert (varied[:, -3:] == varied[:1, -3:]).all()
    assert 0.0 < (varied[0, -3:] - 0.5).abs().max() < 0.15
    assert (inputs[:, -3:] == 0.5).all()


def test_events_are_frozen_values(make_rows: Make, start: Make, steps: Make, train: Make) -> None:
    rows, config = make_rows(), steps(60)
    events: list[Event] = []
    train(start(rows, config), rows, config, events.append)
    score = next(event for event in events if isinstance(event, Score))
    assert set(score.dice) == {"1", "leaf"}
    assert all(0.0 <= value <= 1.0 for value in score.dice.values())


def test_the_known_output_tells_marks_from_other_voxels(make_rows: Make, start, train, steps) -> None:
    """Other voxels are marks of the last two leaves, which bear none, in half of the cases: those alone become unknown."""
    marked, others = make_rows((3, 4), held_share=0.0, variants=0), make_rows((3, 4, 5, 6), held_share=0.0, variants=0)
    rows = replace(marked, unmarked=others.features[0])
    state = start(rows, steps(200))
    train(state, rows, steps(200))
    network = state.best.eval()
    known = network.decide(network.standardize(others.features[0]))[1].detach()
    floor = known_floor(network, marked.features[0], others.features[0])
    assert (known[:80] >= floor).float().mean() > 0.97
    assert (known[80:] >= floor).float().mean() < 0.05
    assert floor <= FLOORS[-1]
    assert known_floor(network, marked.features[0, :0], others.features[0]) is None
    # Where all of the body is like what is marked, nothing is taken for unknown.
    assert known_floor(network, marked.features[0], marked.features[0]) <= FLOORS[0]
