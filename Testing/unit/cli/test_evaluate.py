"""`semseg evaluate` on files, as a user runs it."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from semseg_core.cli import evaluate
from semseg_core.data.images import read_label_map, write_label_map
from semseg_core.data.segmentation import write_segmentation
from semseg_core.errors import InputError, ShapeError
from semseg_core.geometry import Grid
from semseg_core.labels.reading import save_tree
from semseg_core.labels.tree import LabelTree
from semseg_core.metrics.records import report_from_json
from semseg_core.train.events import Done, Event, Note

Semseg = Callable[..., list[Event]]


@pytest.fixture
def folder(tmp_path: Path, brain_tree: LabelTree, oblique_grid: Grid) -> Path:
    """A tree, a truth in values of leaves, and a prediction that backs off, errs and leaves voxels out."""
    save_tree(tmp_path / "tree.json", brain_tree)
    truth = np.zeros(oblique_grid.shape, dtype=np.int16)
    truth[:, :, :2], truth[:, :, 2:4], truth[:, :, 4] = 3, 4, 5
    prediction = truth.copy()
    prediction[0, :, 0] = 20  # left, above the true cortex
    prediction[1, :, 2] = 5  # right instead of white matter
    prediction[2, :, 4] = 0
    prediction[3, :, 5] = 6  # fluid where the truth is unknown
    write_label_map(tmp_path / "truth.nii.gz", truth, oblique_grid)
    write_label_map(tmp_path / "prediction.nii.gz", prediction, oblique_grid)
    write_segmentation(tmp_path / "prediction.seg.nrrd", prediction, oblique_grid, brain_tree)
    return tmp_path


@pytest.fixture
def semseg(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Semseg:
    """Runs `semseg evaluate` in that folder and gives its events."""
    monkeypatch.chdir(folder)

    def run(
        *options: str, truth: str = "truth.nii.gz", prediction: str = "prediction.nii.gz", progress: str = "bar"
    ) -> list[Event]:
        parser = argparse.ArgumentParser()
        evaluate.add_parser(parser.add_subparsers())
        files = ["--tree", "tree.json", "--truth", truth, "--prediction", prediction]
        arguments = parser.parse_args(["evaluate", *files, *options])
        arguments.progress = progress  # main adds this option to every command
        events: list[Event] = []
        arguments.run(arguments, events.append, lambda: False)
        return events

    return run


def test_the_report_is_printed_and_written(semseg: Semseg, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    events = semseg("--json", "report.json")
    report = report_from_json((folder / "report.json").read_text(encoding="utf-8"))
    # 100 voxels with a truth; 5 backed off to the left, 5 mistaken for the right, 5 unknown, 5 answers outside.
    assert (report.truth_voxels, report.outside_voxels) == (100, 5)
    assert (report.tree.accuracy, report.tree.caution, report.tree.mistakes, report.tree.coverage) == (0.85, 0.1, 0.05, 0.95)
    assert report.dice["leaf"] == pytest.approx((70 / 75 + 70 / 75 + 30 / 40 + 0) / 4)
    assert report.tree.distance == pytest.approx((5 * 1 + 5 * 3 + 5 * 1) / 100)
    printed = capsys.readouterr().out
    assert "six labels: 100 voxels with a truth; 5 answers outside the truth" in printed
    assert re.search(rf"^  leaves +{report.dice['leaf']:.3f}$", printed, re.MULTILINE)
    assert "Correct            85.0 %   cautious 10.0 %   mistakes 5.0 %" in printed
    assert "Mistake severity   3.000   with a sibling 0.0 %" in printed
    assert "5  /brain/left/white matter → /brain/right" in printed
    assert "How it was scored" in printed
    done = events[-1]
    assert isinstance(done, Done)
    assert done.outputs == ("report.json",)
    assert done.summary["dice"] == report.dice


def test_slicers_segmentation_scores_like_the_label_map(semseg: Semseg, folder: Path) -> None:
    semseg("--json", "a.json")
    semseg("--json", "b.json", prediction="prediction.seg.nrrd")
    assert (folder / "a.json").read_text() == (folder / "b.json").read_text()


def test_surfaces_are_compared_on_request(semseg: Semseg, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    semseg("--surface", "--json", "report.json", prediction="truth.nii.gz")
    record = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert record["surface"]["tolerance_mm"] == 1.0
    assert record["surface"]["normalized_dice"]["leaf"] == 1.0
    assert record["surface"]["labels"][-1] == {"label_id": 6, "normalized_dice": None, "mean_distance_mm": None}
    assert "NSD at 1 mm" in capsys.readouterr().out


def test_within_truth_leaves_answers_outside_out(semseg: Semseg, folder: Path) -> None:
    semseg("--within-truth", "--json", "report.json")
    report = report_from_json((folder / "report.json").read_text(encoding="utf-8"))
    assert (report.within_truth, report.outside_voxels) == (True, 0)
    assert report.dice["leaf"] == pytest.approx((70 / 75 + 70 / 75 + 30 / 40) / 3)


def test_values_of_other_trees_can_be_declared_unknown(semseg: Semseg, folder: Path, oblique_grid: Grid) -> None:
    foreign = np.full(oblique_grid.shape, 42, dtype=np.int16)
    foreign[0] = 5
    write_label_map(folder / "foreign.nii.gz", foreign, oblique_grid)
    with pytest.raises(InputError, match=r"truth foreign.nii.gz: .*42.*--unknown-values"):
        semseg(truth="foreign.nii.gz")
    semseg("--unknown-values", "42", "--json", "report.json", truth="foreign.nii.gz")
    assert report_from_json((folder / "report.json").read_text(encoding="utf-8")).truth_voxels == 30


def test_nothing_but_events_is_printed_for_programs(semseg: Semseg, capsys: pytest.CaptureFixture[str]) -> None:
    semseg(progress="json")
    assert capsys.readouterr().out == ""


def test_a_cropped_truth_says_the_same_as_the_whole(semseg: Semseg, folder: Path, brain_tree: LabelTree) -> None:
    whole = read_label_map(folder / "truth.nii.gz")
    truth = np.zeros_like(whole.array)
    truth[1:3, 1:4, 1:5] = whole.array[1:3, 1:4, 1:5]
    start = np.eye(4)
    start[:3, 3] = (1, 1, 1)
    cropped = truth[1:3, 1:4, 1:5]
    write_label_map(folder / "part.nii.gz", truth, whole.grid)
    write_segmentation(folder / "part.seg.nrrd", cropped, Grid(cropped.shape, whole.grid.ijk_to_ras @ start), brain_tree)
    summaries = [semseg(truth=name)[-1].summary for name in ("part.nii.gz", "part.seg.nrrd")]
    assert summaries[0] == summaries[1]


def test_truth_beyond_the_segmentation_is_told(semseg: Semseg, folder: Path, oblique_grid: Grid) -> None:
    prediction = read_label_map(folder / "prediction.nii.gz").array[:-1]
    write_label_map(folder / "short.nii.gz", prediction, Grid(prediction.shape, oblique_grid.ijk_to_ras))
    told = [event.message for event in semseg(prediction="short.nii.gz") if isinstance(event, Note)]
    beyond = np.count_nonzero(read_label_map(folder / "truth.nii.gz").array[-1])
    assert f"truth: {beyond} voxels lie outside the segmentation and are left out" in told


def test_two_grids_are_refused_and_an_earlier_report_stays(semseg: Semseg, folder: Path, oblique_grid: Grid) -> None:
    moved = np.array(oblique_grid.ijk_to_ras)
    moved[0, 3] += 0.3
    write_label_map(folder / "moved.nii.gz", np.full(oblique_grid.shape, 5, dtype=np.int16), Grid(oblique_grid.shape, moved))
    (folder / "report.json").write_text("earlier")
    with pytest.raises(ShapeError, match="truth truth.nii.gz: not drawn on the voxels of prediction moved.nii.gz: shifted by"):
        semseg("--json", "report.json", prediction="moved.nii.gz")
    assert (folder / "report.json").read_text() == "earlier"


@pytest.mark.parametrize(
    ("options", "files", "message"),
    [
        ((), {"truth": "none.nii.gz"}, "truth none.nii.gz: there is no such file"),
        ((), {"prediction": "."}, "prediction .: it is a directory"),
        (("--json", "nowhere/report.json"), {}, "report nowhere/report.json: folder .* does not exist; create it first"),
        (("--tolerance", "2"), {}, "--tolerance 2: has a meaning only with --surface; add it"),
        (("--surface", "--tolerance", "-1"), {}, "surface tolerance -1.0 mm: give a finite distance"),
    ],
)
def test_bad_input_names_the_remedy(semseg: Semseg, options: tuple[str, ...], files: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        semseg(*options, **files)


def test_an_empty_truth_is_refused(semseg: Semseg, folder: Path, oblique_grid: Grid) -> None:
    write_label_map(folder / "empty.nii.gz", np.zeros(oblique_grid.shape, dtype=np.int16), oblique_grid)
    with pytest.raises(InputError, match="truth: no voxel carries a label of the tree 'six labels'"):
        semseg(truth="empty.nii.gz")


def test_a_real_brain_shifted_by_a_voxel_scores_better_at_coarser_levels(test_data: Path, semseg: Semseg, folder: Path) -> None:
    from semseg_core.data.images import read_label_map

    truth = test_data / "brain-ixi-dlmuse" / "IXI132-HH-1415_DLMUSE.nii.gz"
    label_map = read_label_map(truth)
    write_label_map(folder / "shifted.nii.gz", np.roll(label_map.array, 1, axis=2), label_map.grid)
    tree = ("--tree", str(test_data / "label-trees" / "muse_lobe_tree.json"))
    semseg(*tree, "--within-truth", "--json", "report.json", truth=str(truth), prediction="shifted.nii.gz")
    report = report_from_json((folder / "report.json").read_text(encoding="utf-8"))
    assert 0.3 < report.dice["leaf"] < report.dice["2"] < 1.0
    assert report.tree.f1 > report.tree.accuracy
