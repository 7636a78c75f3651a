"""Checkpoints: a run that goes on from one ends exactly as one that was never interrupted."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from semseg_core.errors import InputError, ModelError
from semseg_core.models.directory import CHECKPOINT
from semseg_core.train import checkpoint, loop
from semseg_core.train.checkpoint import NUMBERS, load_checkpoint, remove_checkpoint, save_checkpoint
from semseg_core.train.loop import TrainingState

Make = Callable[..., object]

STEPS = 20
"""With `quick`, all parts of a schedule fit in."""


def snapshot(state: TrainingState) -> dict[str, object]:
    """Everything a run carries on, as comparable values."""
    tensors = {
        f"{name}.{key}": value.clone()
        for name in ("network", "average", "best", "optimizer")
        for key, value in getattr(state, name).state_dict().items()
    }
    tensors["generator"] = state.generator.get_state()
    return {name: tensor.tolist() for name, tensor in tensors.items()} | {
        name: getattr(state, name) for name in NUMBERS if name != "seconds"
    }


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Schedules whose parts end after 4, 8 and 12 steps."""
    monkeypatch.setattr(loop, "TIMED_STEPS", 4)
    monkeypatch.setattr(loop, "WARM_UP_STEPS", 8)
    monkeypatch.setattr(loop, "SCORES", 10)


@pytest.fixture
def whole(make_rows: Make, start: Make, steps: Make, train: Make) -> dict[str, object]:
    """An uninterrupted run."""
    rows, config = make_rows(), steps(STEPS)
    state = start(rows, config)
    train(state, rows, config)
    return snapshot(state)


@pytest.mark.parametrize("stop", [1, 7, 10, 15, STEPS])
@pytest.mark.parametrize("how", ["cancelled", "killed"])
def test_a_resumed_run_ends_like_an_uninterrupted_one(
    tmp_path: Path,
    whole: dict,
    make_rows: Make,
    start: Make,
    steps: Make,
    train: Make,
    monkeypatch: pytest.MonkeyPatch,
    stop: int,
    how: str,
) -> None:
    rows, config = make_rows(), steps(STEPS)
    first = start(rows, config)
    if how == "cancelled":
        train(first, rows, config, cancel_at=stop, on_checkpoint=lambda now: save_checkpoint(tmp_path, now, "same"))
        if stop == STEPS:
            save_checkpoint(tmp_path, first, "same")
    else:
        monkeypatch.setattr(loop, "CHECKPOINT_EVERY_S", 0.0)

        def die(now: TrainingState) -> None:
            if now.step == stop:
                save_checkpoint(tmp_path, now, "same")
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            train(first, rows, config, on_checkpoint=die)
        monkeypatch.setattr(loop, "CHECKPOINT_EVERY_S", 60.0)
    torch.manual_seed(12345)  # another process has other global draws behind it
    second = start(rows, config)
    load_checkpoint(tmp_path, second, "same")
    assert second.step == stop
    train(second, rows, config)
    assert snapshot(second) == whole


@pytest.fixture
def saved(tmp_path: Path, make_rows: Make, start: Make, steps: Make, train: Make) -> TrainingState:
    """A state after 10 steps, saved in `tmp_path`."""
    rows, config = make_rows(), steps(STEPS)
    state = start(rows, config)
    train(state, rows, config, cancel_at=10, on_checkpoint=lambda now: save_checkpoint(tmp_path, now, "mine"))
    return state


def test_a_resumed_run_may_be_given_another_number_of_steps(
    tmp_path: Path, saved: TrainingState, make_rows: Make, start: Make, steps: Make, train: Make
) -> None:
    del saved
    for count, ends in ((STEPS + 5, STEPS + 5), (3, 10)):
        state = start(make_rows(), steps(count))
        load_checkpoint(tmp_path, state, "mine")
        assert train(state, make_rows(), steps(count)) is False
        assert (state.step, state.planned_steps) == (ends, count)


def fresh(make_rows: Make, start: Make, steps: Make) -> TrainingState:
    return start(make_rows(), steps(STEPS))


def test_another_runs_checkpoint_is_refused(
    tmp_path: Path, saved: TrainingState, make_rows: Make, start: Make, steps: Make
) -> None:
    del saved
    with pytest.raises(ModelError, match="another tree, other cases or options; repeat those, or leave out --resume"):
        load_checkpoint(tmp_path, fresh(make_rows, start, steps), "other")


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
def test_a_truncated_checkpoint_is_told(
    tmp_path: Path, saved: TrainingState, make_rows: Make, start: Make, steps: Make, share: float
) -> None:
    del saved
    data = (tmp_path / CHECKPOINT).read_bytes()
    (tmp_path / CHECKPOINT).write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ModelError, match="train without --resume"):
        load_checkpoint(tmp_path, fresh(make_rows, start, steps), "mine")


@pytest.mark.parametrize("state", ["{", "[]", "{}", '{"step": 1}'])
def test_an_incomplete_checkpoint_is_told(
    tmp_path: Path, saved: TrainingState, make_rows: Make, start: Make, steps: Make, state: str
) -> None:
    from safetensors.torch import load_file, save_file

    del saved
    tensors = load_file(tmp_path / CHECKPOINT)
    save_file(tensors, tmp_path / CHECKPOINT, {"fingerprint": "mine", "state": state})
    with pytest.raises(ModelError, match="is incomplete"):
        load_checkpoint(tmp_path, fresh(make_rows, start, steps), "mine")


def test_a_missing_checkpoint_is_told(tmp_path: Path, make_rows: Make, start: Make, steps: Make) -> None:
    with pytest.raises(ModelError, match="no such file; check the path; train without --resume"):
        load_checkpoint(tmp_path, fresh(make_rows, start, steps), "mine")


def test_the_earlier_checkpoint_survives_a_full_disk(
    tmp_path: Path, saved: TrainingState, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (tmp_path / CHECKPOINT).read_bytes()
    monkeypatch.setattr(Path, "write_bytes", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(InputError, match="checkpoint .*: the disk is full"):
        save_checkpoint(tmp_path, saved, "mine")
    assert (tmp_path / CHECKPOINT).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [CHECKPOINT]


def test_a_checkpoint_is_removed_when_the_run_has_ended(tmp_path: Path, saved: TrainingState) -> None:
    del saved
    remove_checkpoint(tmp_path)
    remove_checkpoint(tmp_path)
    assert not (tmp_path / CHECKPOINT).exists()


def test_every_number_of_the_state_is_in_the_checkpoint(tmp_path: Path, saved: TrainingState) -> None:
    from safetensors import safe_open

    del saved
    with safe_open(tmp_path / CHECKPOINT, framework="pt") as file:
        record = json.loads(file.metadata()["state"])
    assert set(record) == set(checkpoint.NUMBERS)
    values = {name for name in TrainingState.__dataclass_fields__ if name not in (*checkpoint.PARTS, "generator")}
    assert set(record) == values
