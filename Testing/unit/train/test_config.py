"""Training options: ranges, budgets, and the way to JSON and back."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semseg_core.errors import InputError
from semseg_core.train.config import Budget, TrainConfig


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("120s", Budget(seconds=120.0)),
        ("2min", Budget(seconds=120.0)),
        ("1.5 min", Budget(seconds=90.0)),
        (" 2000steps ", Budget(steps=2000)),
        ("0.25s", Budget(seconds=0.25)),
    ],
)
def test_a_budget_is_seconds_minutes_or_steps(text: str, budget: Budget) -> None:
    assert Budget.parse(text) == budget


@pytest.mark.parametrize("text", ["", "120", "s", "-5s", "0s", "0steps", "1.5steps", "2h", "infs", "nans", "1e3s", "5s 6s"])
def test_any_other_budget_is_refused_with_examples(text: str) -> None:
    with pytest.raises(InputError, match="like 120s, 2min or 2000steps"):
        Budget.parse(text)


SECONDS = st.floats(0.001, 1e7).map(lambda value: round(value, 3))


@given(st.one_of(st.builds(Budget, seconds=SECONDS), st.builds(Budget, steps=st.integers(1, 10**9))))
def test_a_budget_survives_being_written_down(budget: Budget) -> None:
    assert Budget.parse(str(budget)) == budget


@pytest.mark.parametrize("values", [{}, {"seconds": 1.0, "steps": 1}, {"steps": 0}, {"seconds": -1.0}, {"seconds": float("nan")}])
def test_a_budget_is_exactly_one_amount_above_zero(values: dict) -> None:
    with pytest.raises(InputError, match="give one of them, above zero"):
        Budget(**values)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("device", "gpu"),
        ("device", "cuda:x"),
        ("precision", "half"),
        ("learner", "slow"),
        ("seed", -1),
        ("seed", 2**31),
        ("learning_rate", 0.0),
        ("learning_rate", float("nan")),
        ("batch_size", 0),
        ("balance", 1.1),
        ("held_back", 0.6),
        ("variants", -1),
        ("max_voxels", 10),
    ],
)
def test_a_value_outside_its_range_is_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(InputError, match=field):
        TrainConfig(**{field: value})


def test_options_survive_json() -> None:
    budget = Budget(steps=7)
    config = TrainConfig("wasserstein", budget, seed=5, device="cuda:1", variants=2, weight_decay=0.0, learner="deep")
    assert TrainConfig.from_record(json.loads(json.dumps(config.to_record()))) == config
    assert TrainConfig.from_record({}) == TrainConfig()
    assert TrainConfig.from_record({"weight_decay": 1}).weight_decay == 1  # JSON writes 1.0 as 1 where it likes


def test_json_knows_every_option() -> None:
    assert set(TrainConfig().to_record()) == {item.name for item in dataclasses.fields(TrainConfig)}
    json.dumps(TrainConfig().to_record(), allow_nan=False)


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"epochs": 5}, "'epochs' is unknown; the options are loss, budget"),
        ({"seed": "5"}, "'seed': '5' has the wrong type"),
        ({"seed": None}, "'seed': None"),
        ({"seed": 1.5}, "'seed': 1.5"),
        ({"seed": True}, "'seed': True"),
        ({"balance": "x"}, "'balance': 'x'"),
        ({"balance": None}, "'balance': None"),
        ({"device": None}, "'device': None"),
        ({"loss": 5}, "'loss': 5"),
        ({"budget": 120}, "'budget': 120"),
        ({"variants": "3"}, "'variants': '3'"),
    ],
)
def test_wrong_json_is_refused_by_name(record: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        TrainConfig.from_record(record)
