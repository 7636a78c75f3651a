"""The whole report of a small case, and its JSON."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest

from semseg_core.errors import InputError, LabelTreeError, ShapeError
from semseg_core.geometry import Grid
from semseg_core.labels.tree import Label, LabelTree
from semseg_core.metrics.records import Confusion, LabelScore, report_from_json, report_to_json
from semseg_core.metrics.report import HOW_SCORED, evaluate

CORTEX, WHITE, LEFT, RIGHT, FLUID = 3, 4, 2, 5, 6
GRID = Grid((1, 2, 4), np.diag((1.0, 2.0, 3.0, 1.0)))
TRUTH = np.array([[[CORTEX, CORTEX, WHITE, RIGHT], [RIGHT, 0, 0, LEFT]]])
ANSWER = np.array([[[CORTEX, WHITE, WHITE, CORTEX], [0, RIGHT, 0, WHITE]]])


def test_a_small_case_is_reported_whole(brain_tree: LabelTree) -> None:
    report = evaluate(TRUTH, ANSWER, GRID, brain_tree)
    assert (report.tree_title, report.truth_voxels, report.outside_voxels) == ("six labels", 6, 1)
    # Left: 4 in the truth, 5 answered, 4 in both; right: 2, 1 and 0; white matter: 1, 2 (the last answer is read as left) and 1.
    assert report.labels[:3] == (
        LabelScore(LEFT, "/brain/left", 1, False, 4, 5, 8 / 9),
        LabelScore(CORTEX, "/brain/left/cortex", 2, True, 2, 2, 0.5),
        LabelScore(WHITE, "/brain/left/white matter", 2, True, 1, 2, 2 / 3),
    )
    assert [label.id for label in report.labels] == [2, 3, 4, 5, 6]
    assert report.dice == pytest.approx({"1": 4 / 9, "2": 7 / 18, "leaf": 7 / 18})
    assert report.tree.accuracy == 0.5
    assert report.confusions == (
        Confusion("/brain/left/cortex", "/brain/left/white matter", 1),
        Confusion("/brain/right", "/brain/left/cortex", 1),
    )
    assert report.surface is None
    assert report.how_scored[: len(HOW_SCORED)] == HOW_SCORED
    assert "lie outside every label" in report.how_scored[-1]


def test_within_truth_leaves_out_what_the_truth_does_not_say(brain_tree: LabelTree) -> None:
    report = evaluate(TRUTH, ANSWER, GRID, brain_tree, within_truth=True)
    assert (report.truth_voxels, report.outside_voxels) == (6, 0)
    assert report.labels[3] == LabelScore(RIGHT, "/brain/right", 1, True, 2, 0, 0.0)
    assert report.how_scored[-1] == "Voxels whose truth is unknown are left out."


def test_surfaces_are_reported_with_means_by_level(brain_tree: LabelTree) -> None:
    report = evaluate(TRUTH, TRUTH, GRID, brain_tree, surface_tolerance_mm=1.0)
    assert report.surface is not None
    assert report.surface.normalized_dice == {"1": 1.0, "2": 1.0, "leaf": 1.0}
    assert report.surface.mean_distance_mm == {"1": 0.0, "2": 0.0, "leaf": 0.0}
    assert [score.label_id for score in report.surface.labels] == [2, 3, 4, 5, 6]
    assert "NSD 0" in report.how_scored[-1]


@pytest.mark.parametrize("tolerance", [None, 1.0])
def test_a_report_survives_json_and_json_holds_no_nan(brain_tree: LabelTree, tolerance: float | None) -> None:
    report = evaluate(TRUTH, ANSWER, GRID, brain_tree, surface_tolerance_mm=tolerance)
    text = report_to_json(report)
    record = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert record["labels"][-1]["dice"] is None  # fluid, absent from both
    again = report_from_json(text)
    assert math.isnan(again.labels[-1].dice)
    assert report_to_json(again) == text
    assert [field.name for field in dataclasses.fields(again)] == list(record)[1:]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 99}', '{"schema": 1, "surface": null, "labels": 3}'])
def test_what_is_no_report_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="^report: "):
        report_from_json(text)


def test_the_most_frequent_mistakes_come_first(weighted_tree: LabelTree) -> None:
    truth, answer = np.full((1, 1, 6), 3), np.array([[[3, 5, 8, 8, 9, 0]]])
    report = evaluate(truth, answer, Grid((1, 1, 6), np.eye(4)), weighted_tree)
    assert [(pair.answer, pair.voxels) for pair in report.confusions] == [
        ("/root/Y/y1", 2),
        ("/root/X/XX/x2", 1),
        ("/root/Y/y2", 1),
    ]


def test_bad_input_names_the_remedy(brain_tree: LabelTree) -> None:
    with pytest.raises(InputError, match="truth: no voxel carries a label of the tree 'six labels'; is it the right"):
        evaluate(np.zeros_like(TRUTH), ANSWER, GRID, brain_tree)
    with pytest.raises(ShapeError, match=r"prediction: expected \(1, 2, 4\) voxels \(k, j, i\), got \(1, 2, 3\)"):
        evaluate(TRUTH, ANSWER[..., :3], GRID, brain_tree)
    with pytest.raises(LabelTreeError, match="prediction: label id 77"):
        evaluate(TRUTH, np.full_like(ANSWER, 77), GRID, brain_tree)
    for tolerance in (-1.0, math.nan, math.inf):
        with pytest.raises(InputError, match="surface tolerance"):
            evaluate(TRUTH, ANSWER, GRID, brain_tree, surface_tolerance_mm=tolerance)


def test_a_tree_of_one_label_is_scored_as_an_ordinary_mask() -> None:
    tree = LabelTree((Label(1, "organ", 1),))
    report = evaluate(
        np.array([[[1, 1, 0]]]), np.array([[[1, 0, 1]]]), Grid((1, 1, 3), np.eye(4)), tree, surface_tolerance_mm=0.5
    )
    assert report.dice == {"leaf": 0.5}
    assert report.labels == (LabelScore(1, "/organ", 0, True, 2, 2, 0.5),)
