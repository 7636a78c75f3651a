"""Models as one file: out and in again, and what is refused from elsewhere."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from semseg_core.errors import InputError, ModelError
from semseg_core.labels.tree import LabelTree
from semseg_core.models import package
from semseg_core.models.contents import CARD, CHECKPOINT, WEIGHTS
from semseg_core.models.directory import load_model, save_model
from semseg_core.models.package import export_model, import_model


@pytest.fixture
def folder(make_model: Callable, brain_tree: LabelTree, tmp_path: Path) -> Path:
    """A model directory of a training that could go on."""
    folder = tmp_path / "model"
    save_model(folder, make_model(brain_tree))
    (folder / CHECKPOINT).write_bytes(b"half-trained")
    return folder


@pytest.fixture
def packed(folder: Path, tmp_path: Path) -> Path:
    """That model as one file."""
    export_model(folder, tmp_path / "model.zip")
    return tmp_path / "model.zip"


def repack(path: Path, changes: dict[str, bytes]) -> None:
    """Replace or add members."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in (members | changes).items():
            archive.writestr(name, data)


def test_a_model_comes_back_from_its_file_without_the_checkpoint(folder: Path, packed: Path, tmp_path: Path) -> None:
    import_model(packed, tmp_path / "again")
    assert sorted(path.name for path in (tmp_path / "again").iterdir()) == sorted([CARD, WEIGHTS])
    for name in (CARD, WEIGHTS):
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()
    assert load_model(tmp_path / "again").card == load_model(folder).card


def test_nothing_takes_the_place_of_a_model(packed: Path, folder: Path) -> None:
    with pytest.raises(InputError, match="exists already; choose another name"):
        import_model(packed, folder)
    assert (folder / CHECKPOINT).read_bytes() == b"half-trained"


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"readme.txt": b"hello"}, "does not hold model.json and model.safetensors alone"),
        ({"../evil": b"out of here"}, "does not hold model.json and model.safetensors alone"),
        ({WEIGHTS: b"other weights"}, r"^model model.zip: .* does not match its card"),
        ({CARD: b"{"}, r"^model card model.zip.* is not valid JSON"),
        ({CARD: b"[]"}, r"^model card model.zip.* is not a model card"),
    ],
)
def test_what_is_no_sound_model_is_refused_and_leaves_nothing(
    packed: Path, tmp_path: Path, changes: dict[str, bytes], complaint: str
) -> None:
    repack(packed, changes)
    before = sorted(tmp_path.parent.rglob("*"))
    with pytest.raises(ModelError, match=complaint):
        import_model(packed, tmp_path / "again")
    assert sorted(tmp_path.parent.rglob("*")) == before


def test_an_archive_that_grows_beyond_all_bounds_is_refused(
    packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(package.LIMITS, WEIGHTS, 1000)
    with pytest.raises(ModelError, match="larger than 0 MB"):
        import_model(packed, tmp_path / "again")


@pytest.mark.parametrize("end", [10, -30])
def test_a_truncated_file_is_refused(packed: Path, tmp_path: Path, end: int) -> None:
    packed.write_bytes(packed.read_bytes()[:end])
    with pytest.raises(ModelError, match="no sound zip archive"):
        import_model(packed, tmp_path / "again")


def test_a_damaged_member_is_refused(packed: Path, tmp_path: Path) -> None:
    data = bytearray(packed.read_bytes())
    data[len(data) // 2] ^= 0xFF
    packed.write_bytes(bytes(data))
    with pytest.raises(ModelError, match="no sound zip archive"):
        import_model(packed, tmp_path / "again")


def test_a_damaged_model_is_not_exported(folder: Path, tmp_path: Path) -> None:
    (folder / WEIGHTS).write_bytes(b"short")
    with pytest.raises(ModelError, match="does not match its card"):
        export_model(folder, tmp_path / "model.zip")
    assert not (tmp_path / "model.zip").exists()
