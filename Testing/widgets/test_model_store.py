"""The store of models: names, disk use, and models that come and go as files."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from SemanticSegLib.logic.ChildProcess import childEnvironment
from SemanticSegLib.logic.ModelStore import LONGEST, ModelStore, usableName
from semseg_core.data.intensity import IntensityRule
from semseg_core.errors import InputError, ModelError
from semseg_core.features.layout import feature_names
from semseg_core.labels.tree import LabelTree
from semseg_core.models.card import ModelCard
from semseg_core.models.contents import CARD, WEIGHTS
from semseg_core.models.directory import load_model, save_model
from semseg_core.models.model import Model
from semseg_core.models.network import PointNetwork
from semseg_core.models.shape import NetworkShape


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "data" / "models")


@pytest.fixture
def heard(store: ModelStore) -> list[str]:
    """What the list held at each change."""
    found: list[str] = []
    store.changed.connect(lambda: found.append(", ".join(sorted(model.name for model in store.list()))))
    return found


@pytest.fixture
def add(store: ModelStore, brain_tree: LabelTree) -> Callable[[str], str]:
    """Puts a model into the store; gives its name."""

    def add_model(name: str) -> str:
        torch.manual_seed(0)
        shape = NetworkShape(len(feature_names(("t1",))), 16)
        network = PointNetwork(shape, len(brain_tree.leaves)).eval()
        network.fit_scaling(torch.randn(50, shape.inputs))
        card = ModelCard(brain_tree, ("t1",), (IntensityRule("t1"),), (1.0, 1.0, 1.0), shape, "cross-entropy", False)
        folder = store.newFolder(name)
        save_model(folder, Model(card, network))
        return folder.name

    return add_model


def test_an_empty_store_makes_no_folder(store: ModelStore) -> None:
    assert store.list() == ()
    assert store.bytes == 0
    assert not store.root.exists()


def test_models_are_listed_newest_first_with_card_and_size(store: ModelStore, add: Callable, brain_tree: LabelTree) -> None:
    older, newer = add("older"), add("newer")
    (store.root / older / CARD).touch()
    os.utime(store.root / older / CARD, (1e9, 1e9))
    (store.root / "no model").mkdir()
    listed = store.list()
    assert [model.name for model in listed] == [newer, older]
    assert listed[0].card.tree == brain_tree
    assert listed[0].bytes == sum((store.root / newer / name).stat().st_size for name in (CARD, WEIGHTS))
    assert store.bytes == listed[0].bytes + listed[1].bytes
    assert listed[1].modified == 1e9


def test_a_card_is_read_again_only_when_it_changed(store: ModelStore, add: Callable) -> None:
    name = add("m")
    assert store.model(name).card is store.model(name).card
    (store.root / name / CARD).write_text("{}")
    assert store.model(name).card is None
    assert "is not a model card" in store.model(name).fault


def test_a_damaged_model_can_be_deleted_and_not_exported(store: ModelStore, add: Callable, heard: list, tmp_path: Path) -> None:
    name = add("m")
    (store.root / name / WEIGHTS).write_bytes(b"short")
    with pytest.raises(ModelError, match="does not match its card"):
        store.exportTo(name, tmp_path / "m.zip")
    store.delete(name)
    assert heard == [""]
    with pytest.raises(InputError, match="not there any more"):
        store.delete(name)


def test_a_name_that_is_taken_gets_a_number(add: Callable) -> None:
    assert [add("MRHead 14:32"), add("mrhead 14:32"), add("MRHead 14:32")] == ["MRHead 14.32", "mrhead 14.32 2", "MRHead 14.32 3"]


@pytest.mark.parametrize(
    ("wish", "name"),
    [
        ("Kopf größer 2", "Kopf größer 2"),
        ("a/b\\c?*<>|\"d'", "a-b-c------d'"),
        ("..", "-"),
        ("con", "-con"),
        ("LPT1.old", "-LPT1.old"),
        (" end. ", "end"),
        ("x" * 200, "x" * LONGEST),
        ("", "-"),
        ("line\nbreak", "line-break"),
    ],
)
def test_every_wish_becomes_a_name_that_any_system_can_store(wish: str, name: str) -> None:
    assert usableName(wish) == name
    assert usableName(name) == name


def test_renaming_keeps_the_model_and_tells(store: ModelStore, add: Callable, heard: list) -> None:
    add("first")
    add("second")
    store.rename("first", " mine ")
    store.rename("mine", "Mine")
    store.rename("Mine", "Mine")
    assert heard == ["mine, second", "Mine, second"]
    assert load_model(store.model("Mine").folder).card.channels == ("t1",)
    with pytest.raises(InputError, match="another model has it"):
        store.rename("Mine", "SECOND" if (store.root / "SECOND").exists() else "second")
    for name in ("a/b", "../up", "", "nul", "x" * 99):
        with pytest.raises(InputError, match="none of"):
            store.rename("Mine", name)
    with pytest.raises(InputError, match="not there any more"):
        store.rename("gone", "here")


def test_a_model_goes_out_as_one_file_and_comes_in_again(store: ModelStore, add: Callable, heard: list, tmp_path: Path) -> None:
    name = add("brain")
    store.exportTo(name, tmp_path / "brain.zip")
    other = ModelStore(tmp_path / "elsewhere" / "models")
    assert other.importFrom(tmp_path / "brain.zip").name == "brain"
    assert store.importFrom(tmp_path / "brain.zip").name == "brain 2"
    assert heard == ["brain, brain 2"]
    assert load_model(other.model("brain").folder).card == load_model(store.model("brain 2").folder).card


def test_what_is_no_model_is_not_taken_in(store: ModelStore, heard: list, tmp_path: Path) -> None:
    (tmp_path / "letter.zip").write_text("dear reader")
    with pytest.raises(ModelError, match="no sound zip archive"):
        store.importFrom(tmp_path / "letter.zip")
    assert list(store.root.iterdir()) == []
    assert heard == []


def test_a_store_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("in the way")
    with pytest.raises(InputError, match="cannot be made"):
        ModelStore(tmp_path / "data" / "models").newFolder("m")


def test_the_store_needs_no_torch(store: ModelStore, add: Callable, tmp_path: Path) -> None:
    store.exportTo(add("m"), tmp_path / "m.zip")
    program = f"""
import sys
sys.modules["slicer"] = type(sys)("slicer")
sys.modules["slicer.i18n"] = i18n = type(sys)("slicer.i18n")
i18n.tr = str
sys.modules["torch"] = None
from pathlib import Path
from SemanticSegLib.logic.ModelStore import ModelStore
store = ModelStore(Path({str(store.root)!r}))
print(store.importFrom(Path({str(tmp_path / "m.zip")!r})).card.channels)
"""

    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=childEnvironment(), check=False)
    assert run.stdout == "('t1',)\n", run.stderr
