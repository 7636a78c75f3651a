"""Applying from files: what is written, what is told, and what stays when something fails."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from semseg_core.data.answer_paths import AnswerPaths
from semseg_core.data.images import read_label_map, read_volume
from semseg_core.data.segmentation import read_segmentation
from semseg_core.errors import CancelledError, InputError, LabelTreeError, ModelError, SemSegError
from semseg_core.infer.session import predict_files
from semseg_core.labels.encode import ids_to_values
from semseg_core.models.directory import CARD, STROKES, load_card
from semseg_core.train.events import Done, Event, Progress, Stage, ignore


@pytest.fixture
def apply(trained, phantom_files) -> Callable[..., list[Event]]:
    """Apply the phantom's model to the phantom; gives the events."""

    def run(output: Path, cancelled: Callable[[], bool] = bool, **options: object) -> list[Event]:
        events: list[Event] = []
        arguments = {"model_folder": trained.folder, "images": (str(phantom_files.image),), **options}
        predict_files(output=output, on_event=events.append, cancelled=cancelled, **arguments)
        return events

    return run


def test_the_files_are_written_and_told_in_the_end(
    apply: Callable, tmp_path: Path, phantom, phantom_files, trained
) -> None:
    events = apply(tmp_path / "out.nii.gz", confidence_output=tmp_path / "sure.nii.gz")
    assert [event.message.split()[0] for event in events if isinstance(event, Stage)] == ["Reading", "Applying", "Writing"]
    fractions = [event.fraction for event in events if isinstance(event, Progress)]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    done = events[-1]
    assert isinstance(done, Done)
    assert done.outputs == tuple(str(tmp_path / name) for name in ("out.nii.gz", "out.ctbl", "sure.nii.gz"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.ctbl", "out.nii.gz", "sure.nii.gz"]
    result, truth = read_label_map(tmp_path / "out.nii.gz"), phantom_files.truth
    shares = {name: done.summary[name] for name in ("unknown_share", "unfamiliar_share")}
    assert done.summary == {"labels": 4, "stroke_voxels": load_card(trained.folder).training["voxels"], **shares}
    assert shares["unknown_share"] == round(float((result.array == 0).mean()), 4)
    assert result.grid.same_as(phantom.volume.grid, 1e-4)
    assert (result.array == truth)[truth > 0].mean() > 0.95
    sure = read_volume([tmp_path / "sure.nii.gz"]).array[0]
    assert sure.min() >= 0.0
    assert 0.9 < sure.max() <= 1.0
    assert (sure[result.array == 0] == 0).all()


def test_paths_hold_what_other_certainties_would_have_answered(apply: Callable, tmp_path: Path, phantom, trained) -> None:
    events = apply(None, paths_output=tmp_path / "answers.npz")
    assert events[-1].outputs == (str(tmp_path / "answers.npz"),)
    assert [path.name for path in tmp_path.iterdir()] == ["answers.npz"], "nothing that was not asked for"
    tree = load_card(trained.folder).tree
    paths = AnswerPaths.load(tmp_path / "answers.npz", tree)
    assert paths.grid.same_as(phantom.volume.grid, 1e-4)
    for level, threshold in (("auto", 0.5), ("auto", 0.9), (1, 0.0)):
        options = {"level": level, "min_confidence": threshold}
        apply(tmp_path / "out.nii.gz", confidence_output=tmp_path / "sure.nii.gz", **options)
        expected = read_label_map(tmp_path / "out.nii.gz").array
        answers = paths.decide(threshold, level)
        np.testing.assert_array_equal(ids_to_values(answers.label_ids, tree), expected)
        sure = read_volume([tmp_path / "sure.nii.gz"]).array[0]
        assert np.abs(paths.confidence(threshold, level) - sure).max() < 0.0051


def test_what_resembles_no_mark_is_told_whether_it_is_labeled_or_not(apply: Callable, tmp_path: Path, trained, phantom) -> None:
    picky = shutil.copytree(trained.folder, tmp_path / "picky")
    record = json.loads((picky / CARD).read_text(encoding="utf-8"))
    (picky / STROKES).unlink()  # where they lie they hold, familiar or not
    (picky / CARD).write_text(json.dumps({**record, "known_floor": 0.0}), encoding="utf-8")
    unknown, told = {}, {}
    for everything in (False, True):
        options = {"model_folder": picky, "everything": everything, "paths_output": tmp_path / "answers.npz"}
        told[everything] = apply(None, **options)[-1].summary["unfamiliar_share"]
        paths = AnswerPaths.load(tmp_path / "answers.npz", phantom.tree)
        unknown[everything] = (paths.leaves == 0)[phantom.truth > 0].mean()
        sure = paths.decide(0.9, "auto").label_ids  # what the slider from detail to certainty shows
        assert (sure[paths.leaves == 0] == 0).all()
    assert told[True] == told[False] == pytest.approx(unknown[False], abs=0.1)  # 28 × 36 × 32 voxels are mostly border
    assert told[True] > 0.05
    assert unknown[True] < 0.03


def test_nothing_to_write_is_refused(apply: Callable, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing is to be written"):
        apply(None)
    with pytest.raises(InputError, match="nothing is to be written"):
        apply(None, confidence_output=tmp_path / "sure.nii.gz")
    with pytest.raises(InputError, match=r"\.npz"):
        apply(None, paths_output=tmp_path / "answers.nii.gz")


def test_both_kinds_of_file_hold_the_same(apply: Callable, tmp_path: Path, phantom) -> None:
    apply(tmp_path / "out.nii.gz")
    apply(tmp_path / "out.seg.nrrd")
    read = read_segmentation(tmp_path / "out.seg.nrrd", phantom.tree)
    np.testing.assert_array_equal(read.values, read_label_map(tmp_path / "out.nii.gz").array)
    assert read.grid.same_as(phantom.volume.grid)
    assert read.notes == ()


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"images": ("none.nii.gz",)}, InputError, r"image none\.nii\.gz: there is no such file"),
        ({"model_folder": "none"}, ModelError, "there is no such folder"),
        ({"level": 7}, LabelTreeError, "level 7: the tree 'phantom' has levels 0"),
        ({"level": "deep"}, InputError, "give a level number"),
        ({"min_confidence": 1.5}, InputError, "give a probability within"),
        ({"device": "cuda:7"}, InputError, "device cuda:7"),
        ({"confidence_output": "{folder}/out.nii.gz"}, InputError, "give an image file of its own"),
        ({"confidence_output": "{folder}/sure.seg.nrrd"}, InputError, "give an image file of its own"),
        ({"confidence_output": "{folder}/sure.txt"}, InputError, "chosen by the name"),
        ({"confidence_output": "{folder}/no/sure.nii.gz"}, InputError, "does not exist"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_written(
    apply: Callable, tmp_path: Path, options: dict, error: type[SemSegError], words: str
) -> None:
    (tmp_path / "out.nii.gz").write_bytes(b"earlier")
    placed = {name: value.format(folder=tmp_path) if name == "confidence_output" else value for name, value in options.items()}
    with pytest.raises(error, match=words):
        apply(tmp_path / "out.nii.gz", **placed)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("out.nii.gz", b"earlier")]


@pytest.mark.parametrize("name", ["out.txt", "out", "out.nii.bz2", "folder", "no/out.nii.gz"])
def test_an_output_that_cannot_be_is_refused(apply: Callable, tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="output"):
        apply(tmp_path / name)


def test_the_image_itself_is_never_overwritten(apply: Callable, tmp_path: Path, phantom_files) -> None:
    image = tmp_path / "image.nii.gz"
    shutil.copy(phantom_files.image, image)
    for source in (str(image), f"{image}#0"):
        for options in ({"output": image}, {"output": tmp_path / "out.nii.gz", "confidence_output": image}):
            with pytest.raises(InputError, match="is the image itself"):
                apply(images=(source,), **options)
    assert image.read_bytes() == phantom_files.image.read_bytes()


def test_a_cancel_leaves_the_earlier_file(apply: Callable, tmp_path: Path) -> None:
    (tmp_path / "out.nii.gz").write_bytes(b"earlier")
    asked = iter([False] * 10 + [True] * 100)
    with pytest.raises(CancelledError):
        apply(tmp_path / "out.nii.gz", cancelled=lambda: next(asked))
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("out.nii.gz", b"earlier")]


def test_an_image_with_other_channels_is_told(apply: Callable, tmp_path: Path, phantom_files) -> None:
    image = str(phantom_files.image)
    with pytest.raises(InputError, match="2 channels were given"):
        apply(tmp_path / "out.nii.gz", images=(image, image))


def test_the_model_is_left_as_it_was(trained, phantom_files, tmp_path: Path) -> None:
    before = {path.name: path.read_bytes() for path in trained.folder.iterdir()}
    predict_files(trained.folder, (str(phantom_files.image),), tmp_path / "out.nii.gz", ignore, bool)
    assert {path.name: path.read_bytes() for path in trained.folder.iterdir()} == before
