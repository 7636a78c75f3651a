from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pytest

from semseg_core.cli import scribble
from semseg_core.data.images import read_label_map, write_label_map
from semseg_core.data.scribbles import read_scribbles
from semseg_core.errors import InputError
from semseg_core.geometry import Grid
from semseg_core.labels.reading import save_tree
from semseg_core.train.events import Done, Event, Note

GRID = Grid((12, 14, 16), np.diag((-1.0, -1.0, 2.0, 1.0)))


@pytest.fixture
def files(tmp_path, brain_tree) -> tuple[Path, Path]:
    """A label map of four leaves and its tree."""
    values = np.zeros(GRID.shape, dtype=np.int32)
    values[2:10, 2:7, 2:8], values[2:10, 2:7, 8:14] = 3, 5
    values[2:10, 7:12, 2:8], values[2:10, 7:12, 8:14] = 4, 6
    write_label_map(tmp_path / "truth.nii.gz", values, GRID)
    save_tree(tmp_path / "tree.json", brain_tree)
    return tmp_path / "truth.nii.gz", tmp_path / "tree.json"


def run(*words: object) -> list[Event]:
    """Run `semseg scribble` with these arguments; gives its events."""
    parser = argparse.ArgumentParser()
    scribble.add_parser(parser.add_subparsers())
    arguments = parser.parse_args(["scribble", *map(str, words)])
    events: list[Event] = []
    arguments.run(arguments, events.append, lambda: False)
    return events


@pytest.mark.parametrize("name", ["marks.nii.gz", "marks.seg.nrrd"])
def test_scribbles_are_written_on_the_grid_and_within_the_truth(files, tmp_path, brain_tree, name):
    truth, tree = files
    events = run(truth, "--tree", tree, "--slices", 2, "--seed", 3, "-o", tmp_path / name)
    marks, _ = read_scribbles(tmp_path / name, brain_tree, grid=GRID)
    drawn = marks.to_label_map(brain_tree)
    np.testing.assert_array_equal(drawn[drawn > 0], read_label_map(truth).array[drawn > 0])
    assert isinstance(events[-1], Done)
    assert events[-1].outputs[0] == str(tmp_path / name)
    assert events[-1].summary["voxels"] == len(marks)


def test_the_same_seed_writes_the_same_file(files, tmp_path):
    truth, tree = files
    for name in ("a.nii", "b.nii"):
        run(truth, "--tree", tree, "--slices", 2, "--seed", 3, "-o", tmp_path / name)
    assert (tmp_path / "a.nii").read_bytes() == (tmp_path / "b.nii").read_bytes()


def test_the_table_and_the_warnings_are_told(files, tmp_path, brain_tree, capsys):
    truth, tree = files
    events = run(truth, "--tree", tree, "--slices", 1, "-o", tmp_path / "marks.nii")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["label", "voxels", "with", "below", "slices:", "axial,", "coronal,", "sagittal"]
    marks, _ = read_scribbles(tmp_path / "marks.nii", brain_tree)
    cortex = next(line for line in lines if line.strip().startswith("cortex"))
    assert cortex.split()[1] == str(marks.counts()[3])
    assert lines[-1].startswith(f"{len(marks)} voxels (")
    assert any(isinstance(event, Note) and event.level == "warning" for event in events)


def test_an_unknown_value_can_be_declared(files, tmp_path):
    truth, tree = files
    values = read_label_map(truth).array.copy()
    values[0] = 42
    write_label_map(truth, values, GRID)
    with pytest.raises(InputError, match="42.*--unknown-values"):
        run(truth, "--tree", tree, "-o", tmp_path / "marks.nii")
    run(truth, "--tree", tree, "--unknown-values", "42", "-o", tmp_path / "marks.nii")
    assert not read_label_map(tmp_path / "marks.nii").array[0].any()


def test_the_label_map_is_never_overwritten(files):
    truth, tree = files
    before = truth.read_bytes()
    with pytest.raises(InputError, match="would overwrite the label map"):
        run(truth, "--tree", tree, "-o", truth)
    assert truth.read_bytes() == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--slices", "0"], "at least 1"),
        (["--seed", "-1"], "seed -1"),
        (["--thickness", "2"], "1, 3, 5"),
        (["--coarse", "2"], "between 0 and 1"),
        (["-o", "marks.png"], "must end in"),
        (["-o", "nowhere/marks.nii"], "does not exist"),
    ],
)
def test_bad_options_are_refused_before_anything_is_written(files, tmp_path, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    truth, tree = files
    before = sorted(tmp_path.iterdir())
    with pytest.raises(InputError, match=message):
        run(truth, "--tree", tree, "-o", "marks.nii", *options)
    assert sorted(tmp_path.iterdir()) == before


def test_planes_are_named_after_the_patient_not_the_array():
    turned = Grid((3, 4, 5), np.array([[0, 0, 2.0, 0], [1.0, 0, 0, 0], [0, 1.0, 0, 0], [0, 0, 0, 1]]))
    assert turned.planes == ("sagittal", "axial", "coronal")
    assert GRID.planes == ("axial", "coronal", "sagittal")


def test_a_real_parcellation_is_scribbled_on(test_data, tmp_path, capsys):
    truth = test_data / "brain-ixi-dlmuse" / "IXI132-HH-1415_DLMUSE.nii.gz"
    tree = test_data / "label-trees" / "muse_lobe_tree.json"
    run(truth, "--tree", tree, "--slices", 8, "--seed", 1, "-o", tmp_path / "marks.nii.gz")
    assert "of the volume) on 148 of 212 labels" in capsys.readouterr().out
    marks, drawn = read_label_map(truth), read_label_map(tmp_path / "marks.nii.gz")
    assert drawn.grid.same_as(marks.grid)
    assert 2500 < (drawn.array > 0).sum() < 4500
