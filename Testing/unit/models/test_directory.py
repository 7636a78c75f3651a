"""Model directories: what comes back is what was saved, and what is damaged or strange is refused in words."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from semseg_core.data.volume import Volume
from semseg_core.errors import InputError, ModelError
from semseg_core.geometry import Grid
from semseg_core.labels.tree import LabelTree
from semseg_core.models.context import ContextNetwork
from semseg_core.models.directory import CARD, CHECKPOINT, WEIGHTS, load_card, load_model, require_model_directory, save_model
from semseg_core.models.model import Model, describe
from semseg_core.models.network import PointNetwork
from semseg_core.models.shape import ContextShape

SMALL_U_NET = {
    "spatial_dims": 3,
    "in_channels": 1,
    "out_channels": 3,
    "features": [4, 4, 4, 4, 4, 4],
    "upsample": "nontrainable",
}


@pytest.fixture
def saved(tmp_path: Path, make_model: Callable[[LabelTree], Model], brain_tree: LabelTree) -> Path:
    """A model directory."""
    folder = tmp_path / "model"
    save_model(folder, make_model(brain_tree))
    return folder


def edit_card(folder: Path, **fields: object) -> None:
    card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    (folder / CARD).write_text(json.dumps(card | fields), encoding="utf-8")


def test_a_model_comes_back_as_it_was(saved: Path, make_model: Callable, brain_tree: LabelTree) -> None:
    original, loaded = make_model(brain_tree), load_model(saved)
    assert loaded.card == original.card == load_card(saved)
    for name, tensor in original.network.state_dict().items():
        assert torch.equal(tensor, loaded.network.state_dict()[name]), name
    rows = torch.randn(5, original.card.network.inputs)
    assert not loaded.network.training
    assert torch.equal(loaded.network(rows), original.network(rows))


def test_the_card_is_plain_json_with_what_the_model_expects(saved: Path) -> None:
    card = json.loads((saved / CARD).read_text(encoding="utf-8"))
    assert card["format"] == "semseg-model"
    assert card["version"] == 1
    assert "not a medical device" in card["notice"]
    assert card["channels"] == ["t1"]
    assert card["orientation"] == "RAS"
    assert card["spacing_mm"] == {"S": 3.0, "A": 2.0, "R": 2.5}
    assert card["intensity"] == [{"channel": "t1", "kind": "percentile", "low": 0.0, "high": 1.0}]
    assert card["training"] == {"steps": 7}
    assert [label["name"] for label in card["tree"]["labels"]][:2] == ["brain", "left"]
    assert card["weights"]["bytes"] == (saved / WEIGHTS).stat().st_size
    assert sorted(path.name for path in saved.iterdir()) == [CARD, WEIGHTS]


def test_saving_twice_gives_the_same_bytes(saved: Path, tmp_path: Path, make_model: Callable, brain_tree: LabelTree) -> None:
    save_model(tmp_path / "again", make_model(brain_tree))
    for name in (CARD, WEIGHTS):
        assert (tmp_path / "again" / name).read_bytes() == (saved / name).read_bytes()


@pytest.mark.parametrize("share", [0.0, 0.5, 0.999])
def test_truncated_weights_are_told(saved: Path, share: float) -> None:
    data = (saved / WEIGHTS).read_bytes()
    (saved / WEIGHTS).write_bytes(data[: int(share * len(data))])
    with pytest.raises(ModelError, match="truncated|is empty"):
        load_model(saved)


def test_one_flipped_bit_is_told(saved: Path) -> None:
    data = bytearray((saved / WEIGHTS).read_bytes())
    data[-5] ^= 1
    (saved / WEIGHTS).write_bytes(data)
    with pytest.raises(ModelError, match="does not match its card; it was truncated or altered, copy it again"):
        load_model(saved)


class Explosive:
    """Says so when it is unpickled."""

    def __reduce__(self) -> tuple:
        return pytest.fail, ("a pickle was loaded",)


def test_pickles_are_never_loaded(saved: Path) -> None:
    import hashlib

    data = pickle.dumps({"body.0.weight": Explosive()})
    (saved / WEIGHTS).write_bytes(data)
    with pytest.raises(ModelError, match="does not match its card"):
        load_model(saved)
    # Even with a card that vouches for it.
    edit_card(saved, weights={"sha256": hashlib.sha256(data).hexdigest()})
    with pytest.raises(ModelError, match="do not fit its card"):
        load_model(saved)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"version": 2}, "has version 2, this program reads 1; update SemanticSeg"),
        ({"format": "other"}, "is not a model card"),
        ({"tree": {}}, "a field is missing or wrong"),
        ({"channels": None}, "a field is missing or wrong"),
        ({"intensity": [{"channel": "t1"}]}, "a field is missing or wrong"),
        ({"intensity": [{"channel": "t1", "kind": "magic", "low": 0, "high": 1}]}, "neither 'percentile' nor 'window'"),
        ({"intensity": []}, "takes 56 features, this program computes 4"),
        ({"unknown_logit": float("inf")}, "unknown_logit inf is impossible"),
        ({"spacing_mm": {"S": 1, "A": 1}}, "a field is missing or wrong"),
        ({"spacing_mm": {"S": 1, "A": -1, "R": 1}}, "spacing .* is impossible"),
        ({"spacing_mm": {"S": 1, "A": 0, "R": 1}}, "spacing .* is impossible"),
        ({"spacing_mm": {"S": 1, "A": "NaN", "R": 1}}, "spacing .* is impossible"),
        ({"network": {"inputs": 3, "width": 16, "dropout": 0.4}}, "takes 3 features"),
        ({"network": {"inputs": 56, "width": 65536, "dropout": 0.4}}, "do not fit its card"),
        ({"network": {"inputs": 56, "width": 16, "dropout": 1.5}}, "train again"),
        ({"training": 5}, "a field is missing or wrong"),
        ({"weights": "none"}, "does not match its card"),
        ({"weights": {}}, "does not match its card"),
    ],
)
def test_an_edited_card_is_told(saved: Path, fields: dict, words: str) -> None:
    edit_card(saved, **fields)
    with pytest.raises(ModelError, match=words):
        load_model(saved)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "\xff", "[" * 100_000])
def test_a_card_that_is_no_json_object_is_told(saved: Path, text: str) -> None:
    (saved / CARD).write_bytes(text.encode("latin-1"))
    with pytest.raises(ModelError, match="is empty|is not valid JSON|is not a model card"):
        load_model(saved)


def test_a_card_of_another_tree_does_not_fit_the_weights(saved: Path, make_model: Callable, weighted_tree: LabelTree) -> None:
    record = make_model(weighted_tree).card.to_record()
    edit_card(saved, tree=record["tree"])
    with pytest.raises(ModelError, match="its weights do not fit its card"):
        load_model(saved)


def test_missing_parts_are_told(saved: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no such folder"):
        load_model(tmp_path / "none")
    with pytest.raises(ModelError, match="there is no such folder"):
        load_model(saved / CARD)
    shutil.copytree(saved, tmp_path / "cardless")
    (tmp_path / "cardless" / CARD).unlink()
    with pytest.raises(ModelError, match=r"model card .*model\.json: there is no such file"):
        load_model(tmp_path / "cardless")
    (saved / WEIGHTS).unlink()
    with pytest.raises(ModelError, match=r"model weights .*model\.safetensors: there is no such file"):
        load_model(saved)


def test_an_earlier_model_survives_a_write_that_fails(
    saved: Path, make_model: Callable, weighted_tree: LabelTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path.name: path.read_bytes() for path in saved.iterdir()}
    monkeypatch.setattr(Path, "write_text", lambda *_, **__: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(InputError, match="the disk is full"):
        save_model(saved, make_model(weighted_tree))
    assert {path.name: path.read_bytes() for path in saved.iterdir()} == before
    load_model(saved)


def test_a_model_goes_to_a_new_an_empty_or_its_own_folder(tmp_path: Path, saved: Path) -> None:
    assert require_model_directory(str(tmp_path / "new")) == tmp_path / "new"
    assert not (tmp_path / "new").exists()  # nothing is left if the run never writes
    assert require_model_directory(saved) == saved
    (tmp_path / "desktop").mkdir()
    (tmp_path / "desktop" / ".DS_Store").touch()
    (tmp_path / "desktop" / ".semseg-crashed").mkdir()
    require_model_directory(tmp_path / "desktop")
    (tmp_path / "unfinished").mkdir()
    (tmp_path / "unfinished" / CHECKPOINT).touch()
    require_model_directory(tmp_path / "unfinished")


def test_a_model_goes_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "thesis.txt").touch()
    for name, words in (("file", "is a file"), ("documents", "holds other files"), ("no/where", "does not exist")):
        with pytest.raises(InputError, match=words):
            require_model_directory(tmp_path / name)


def test_a_context_network_travels_with_the_model(tmp_path: Path, make_model: Callable, brain_tree: LabelTree) -> None:
    """Its weights are beside the others, its measures in the card; it sees a whole volume as it did before."""
    shape = ContextShape(1, 3, (2.0, 2.0, 2.0), arguments=SMALL_U_NET, window=(16, 16, 16))
    torch.manual_seed(0)
    context = ContextNetwork(shape).eval()
    plain = make_model(brain_tree)
    inputs = plain.card.network.inputs + 3
    network = PointNetwork(replace(plain.card.network, inputs=inputs), len(brain_tree.leaves)).eval()
    card = replace(plain.card, network=network.shape, context=shape)
    save_model(tmp_path / "model", Model(card, network, context))
    loaded = load_model(tmp_path / "model")
    assert loaded.card == card
    grid = Grid((20, 17, 16), np.diag((2.0, 2.0, 2.0, 1.0)))
    volume = Volume(np.random.default_rng(0).random((1, *grid.shape)).astype(np.float32), grid, ("t1",))
    bank = describe(loaded.card, loaded.context, volume)
    points = torch.tensor([[4.0, 6.0, 8.0], [0.0, 0.0, 0.0]])
    assert bank.sample(points).shape == (2, inputs)
    assert torch.equal(bank.sample(points), describe(card, context, volume).sample(points))
    edit_card(tmp_path / "model", context=None)
    with pytest.raises(ModelError, match="its network takes"):
        load_model(tmp_path / "model")


def test_a_context_network_of_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ModelError, match="kind 'os.system' is none of"):
        ContextNetwork(ContextShape(1, 3, (2.0, 2.0, 2.0), kind="os.system"))
