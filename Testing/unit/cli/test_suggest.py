from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pytest

from semseg_core.cli import suggest
from semseg_core.data.images import write_label_map, write_volume
from semseg_core.errors import InputError, ShapeError
from semseg_core.geometry import Grid
from semseg_core.labels.reading import save_tree
from semseg_core.train.events import Done

GRID = Grid((12, 14, 16), np.diag((-1.0, -1.0, 2.0, 1.0)))


@pytest.fixture
def files(tmp_path, brain_tree) -> dict[str, Path]:
    """An image with a body, ten marks in one slice, and a confidence map with one doubt."""
    image = np.zeros(GRID.shape, dtype=np.float32)
    image[2:10, 2:12, 2:14] = 100.0
    marks = np.zeros(GRID.shape, dtype=np.int32)
    marks[3, 4, 3:13] = 3
    confidence = np.full(GRID.shape, 0.99, dtype=np.float32)
    confidence[8, 9, 10] = 0.25
    answers = np.full(GRID.shape, 5, dtype=np.int32)
    paths = {name: tmp_path / f"{name}.nii.gz" for name in ("image", "marks", "confidence", "answers")}
    write_volume(paths["image"], image, GRID)
    write_label_map(paths["marks"], marks, GRID)
    write_volume(paths["confidence"], confidence, GRID)
    write_label_map(paths["answers"], answers, GRID)
    paths["tree"] = tmp_path / "tree.json"
    save_tree(paths["tree"], brain_tree)
    return paths


def run(files: dict[str, Path], *words: object) -> Done:
    """Run `semseg suggest` on the files with further arguments."""
    parser = argparse.ArgumentParser()
    suggest.add_parser(parser.add_subparsers())
    named = ["--image", files["image"], "--scribbles", files["marks"], "--tree", files["tree"]]
    arguments = parser.parse_args(["suggest", *map(str, [*named, *words])])
    arguments.progress = "none"
    events = []
    arguments.run(arguments, events.append, lambda: False)
    return events[-1]


def test_without_a_confidence_map_labels_with_too_little_come_first(files, capsys):
    done = run(files, "--count", 3)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("  1. sagittal slice 7")
    assert lines[0].endswith("/brain/left/cortex")
    assert lines[1].strip() == "cortex is scribbled in one slice only; draw it here too."
    assert done.summary == {"suggestions": 3}


def test_with_a_confidence_map_the_doubt_comes_first_and_says_what_was_guessed(files, capsys):
    run(files, "--confidence", files["confidence"], "--result", files["answers"], "--json")
    first = json.loads(capsys.readouterr().out)[0]
    assert first["point"] == [8, 9, 10]
    assert first["index"] == first["point"][first["axis"]]
    assert first["label_id"] == 5
    assert first["reason"].startswith("The model is only 25% sure that this is right, which has 0 scribbled voxels; the nearest")


def test_the_first_slices_are_the_same_however_many_are_asked_for(files, capsys):
    found = []
    for count in (1, 4):
        run(files, "--confidence", files["confidence"], "--json", "--count", count)
        found.append(json.loads(capsys.readouterr().out))
    assert found[1][:1] == found[0]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--count", 0], "--count 0: ask for at least 1 slice"),
        (["--confidence", "missing.nii.gz"], "confidence map missing.nii.gz"),
        (["--result", "answers.nii.gz"], "has a meaning only with --confidence"),
    ],
)
def test_bad_arguments_are_named_before_anything_is_read(files, words, message):
    with pytest.raises(InputError, match=message):
        run(files, *words)


def test_an_image_is_no_confidence_map(files):
    with pytest.raises(InputError, match="holds values outside 0…1"):
        run(files, "--confidence", files["image"])


def test_a_confidence_map_of_another_image_is_refused(files, tmp_path):
    other = tmp_path / "other.nii.gz"
    write_volume(other, np.ones((3, 4, 5), dtype=np.float32), Grid((3, 4, 5), np.eye(4)))
    with pytest.raises(ShapeError, match="confidence map .* does not lie on the grid of image"):
        run(files, "--confidence", other)
