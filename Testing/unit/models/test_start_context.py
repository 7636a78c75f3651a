"""The start model: what ships is what was trained, and it fits other numbers of maps and of dimensions."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from torch import nn

from semseg_core.errors import ModelError
from semseg_core.models.context import ContextNetwork, basic_u_net
from semseg_core.models.start_context import CARD, FOLDER, carried, load_weights, read_card, start_context

SPACING = (4.0, 4.0, 4.0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of what ships, to be damaged."""
    return Path(shutil.copytree(FOLDER, tmp_path / "start"))


def image(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


def test_the_start_model_ships_small_and_says_where_it_comes_from() -> None:
    card = read_card(FOLDER)
    assert card["weights"]["bytes"] == (FOLDER / card["weights"]["file"]).stat().st_size < 10 * 2**20
    assert "synthetic volumes only" in card["trained_on"].lower()
    assert {"script", "seed", "steps", "minutes", "machine"} <= set(card["recipe"])
    assert {"licence", "intended_use", "limits"} <= set(card)
    weights = load_weights(FOLDER)
    assert all(tensor.dtype == torch.float32 and tensor.isfinite().all() for tensor in weights.values())
    untrained = ContextNetwork(basic_u_net(1, SPACING)).state_dict()
    assert weights.keys() == untrained.keys()


def test_it_is_the_same_each_time() -> None:
    first, second = (start_context(1, SPACING).state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)


@torch.inference_mode()
def test_more_maps_are_seen_as_their_mean() -> None:
    maps = image(1, 3, 16, 16, 32)
    network = start_context(3, SPACING)
    assert network.shape == basic_u_net(3, SPACING)
    expected = start_context(1, SPACING)(maps.mean(1, keepdim=True))
    torch.testing.assert_close(network(maps), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("plane", [0, 1, 2])
@torch.inference_mode()
def test_in_two_dimensions_it_answers_as_on_equal_slices_without_end(plane: int) -> None:
    solid, flat = start_context(1, SPACING), start_context(1, SPACING, plane)
    for layer in (*solid.modules(), *flat.modules()):
        if isinstance(layer, nn.Conv2d | nn.Conv3d):
            layer.padding_mode = "replicate"  # slices that go on beyond the volume's end
    slices = image(1, 1, 32, 32, 32).narrow(2 + plane, 0, 1)
    expected = solid(slices.expand(*(16 if axis == 2 + plane else -1 for axis in range(5))))
    given = flat(slices)
    assert given.shape == (1, 16, *(1 if axis == plane else 32 for axis in range(3)))
    torch.testing.assert_close(given.expand_as(expected), expected, rtol=1e-3, atol=1e-3)


def test_a_kernel_is_summed_across_its_slices_and_shared_among_maps() -> None:
    kernel = torch.arange(8.0).reshape(1, 1, 2, 2, 2)
    wanted = {"first": torch.zeros(1, 2, 2, 2), "bias": torch.zeros(1)}
    fitting = carried({"first": kernel, "bias": torch.ones(1)}, wanted, plane=0)
    assert fitting["first"].tolist() == [[[[2.0, 3.0], [4.0, 5.0]]] * 2]
    assert fitting["bias"].tolist() == [1.0]


def test_altered_weights_are_refused(folder: Path) -> None:
    path = folder / read_card(folder)["weights"]["file"]
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(ModelError, match="checksum differs.*install SemanticSeg anew"):
        load_weights(folder)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda card: card.pop("weights"), "weights"),
        (lambda card: card["shape"].update(maps=2), "another version"),
        (lambda card: card["shape"].update(window="wide"), "cannot be used"),
    ],
)
def test_a_card_that_does_not_fit_is_refused(folder: Path, change: object, reason: str) -> None:
    card = read_card(folder)
    change(card)
    (folder / CARD).write_text(json.dumps(card), encoding="utf-8")
    with pytest.raises(ModelError, match=reason):
        load_weights(folder)


def test_a_missing_file_is_told(folder: Path) -> None:
    (folder / CARD).unlink()
    with pytest.raises(ModelError, match="start model .* cannot be used"):
        load_weights(folder)
