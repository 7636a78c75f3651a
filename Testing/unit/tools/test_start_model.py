"""The training of the start model, in miniature: it learns, goes on, and writes what the library reads."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from semseg_core.models.start_context import load_weights, read_card


@pytest.fixture
def start_model(_tools: None, monkeypatch: pytest.MonkeyPatch):
    import start_model

    monkeypatch.setattr(start_model, "SIZES", (16,))
    monkeypatch.setattr(start_model, "ANATOMIES", {16: 1})
    monkeypatch.setattr(start_model, "PLACES", 256)
    monkeypatch.setattr(start_model, "CONTRASTED", 32)
    return start_model


def test_neighbours_by_hand(start_model) -> None:
    first, second = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
    vectors = torch.stack([first, first, second, second]).repeat(2, 1)
    regions, places = torch.tensor([0, 0, 1, 1]), torch.tensor([0, 9, 0, 8]) + torch.tensor([0, 0, 16, 16]) * 16
    # Every voxel has its distant one in two views (cosine 1) and two others in two views (cosine 0); itself and its own image
    # in the other view are no candidates.
    expected = math.log(1 + 2 * math.exp(-1 / start_model.TEMPERATURE))
    assert start_model.neighbour_loss(vectors, regions, places, 16).item() == pytest.approx(expected, abs=1e-6)


def test_neighbours_without_a_distant_one_of_their_region_do_not_count(start_model) -> None:
    vectors = torch.randn((4, 3), generator=torch.Generator().manual_seed(0)).requires_grad_()
    loss = start_model.neighbour_loss(vectors, torch.tensor([0, 1]), torch.tensor([0, 100]), 16)
    loss.backward()
    assert loss.item() == 0.0
    assert vectors.grad.isfinite().all()


def test_a_batch_is_the_same_whenever_asked(start_model) -> None:
    first, second, other = (start_model.draw_batch(step) for step in (5, 5, 6))
    assert [tuple(part.shape) for part in first] == [(2, 1, 16, 16, 16), (1, 256), (2, 256, 13), (1, 256)]
    assert all(torch.equal(*pair) for pair in zip(first, second, strict=True))
    assert not torch.equal(first[0], other[0])


def test_training_that_goes_on_ends_as_one_that_was_never_interrupted(start_model, tmp_path: Path) -> None:
    torch.manual_seed(0)
    training = start_model.Training(1e9)
    training.step()
    torch.save(training.state_dict(), tmp_path / "state.pt")
    again = start_model.Training(1e9)
    again.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    for one in (training, again):
        one.step()
    assert again.steps == 2
    for name, tensor in training.mean.items():
        torch.testing.assert_close(again.mean[name], tensor)


def test_it_learns(start_model, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    batch = start_model.draw_batch(0)
    monkeypatch.setattr(start_model, "draw_batch", lambda step: batch)
    monkeypatch.setattr(start_model, "WARM_UP_STEPS", 1)
    training = start_model.Training(1e9)
    for _ in range(8):
        training.step()
    errors = np.array(training.losses)[:, 1:].sum(1)
    assert errors[-1] < 0.85 * errors[0]
    assert "step 8: contrast" in training.report()


def test_what_it_writes_is_what_the_library_reads(start_model, tmp_path: Path) -> None:
    training = start_model.Training(60.0)
    start_model.export(training, tmp_path)
    weights = load_weights(tmp_path)
    assert read_card(tmp_path)["recipe"]["seed"] == start_model.SEED
    for name, tensor in training.mean.items():
        torch.testing.assert_close(weights[name], tensor, rtol=1e-3, atol=1e-6)  # half precision keeps 11 bits
