"""Held-out labels: dealt once each, nothing of them trained on, unknown only where no sibling stands for them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from semseg_core.errors import InputError
from semseg_core.labels.tree import LabelTree
from semseg_core.train.rows import CaseRows
from semseg_core.train.scoring import UNKNOWN
from semseg_core.train.unknown import (
    EVERYTHING,
    KNOWN,
    SHOWN,
    SOFTMAX,
    choose_on_other_folds,
    held_out_folds,
    validate_unknown,
    without_leaves,
)

CORTEX, WHITE, RIGHT, FLUID = 3, 4, 5, 6


@pytest.mark.parametrize("level", [None, 1])
def test_every_leaf_is_left_out_once(brain_tree: LabelTree, level: int | None) -> None:
    folds = held_out_folds(brain_tree, 2, np.random.default_rng(0), level)
    assert sorted(label_id for fold in folds for label_id in fold) == [CORTEX, WHITE, RIGHT, FLUID]
    if level is not None:
        assert any({CORTEX, WHITE} <= fold for fold in folds)  # both under left


def test_a_tree_without_some_leaves_keeps_the_ids_of_the_rest(brain_tree: LabelTree) -> None:
    assert [label.id for label in without_leaves(brain_tree, frozenset({CORTEX}))] == [1, 2, WHITE, RIGHT, FLUID]
    assert [label.id for label in without_leaves(brain_tree, frozenset({CORTEX, WHITE}))] == [1, RIGHT, FLUID]


@pytest.fixture
def validate(brain_tree: LabelTree, make_rows: Callable, steps: Callable) -> Callable:
    """Runs the protocol on points around one center per leaf, with marks on an inner label among them."""

    def run(*folds: set[int], unmarked: bool = False, **more: object) -> list:
        rows = make_rows((2, CORTEX, WHITE, RIGHT, FLUID), variants=0)
        label_ids = np.array([label.id for label in brain_tree])[rows.targets.numpy()]
        body = rows.features[0] if unmarked else None  # voxels of left-out labels are among those without marks
        case = CaseRows(rows.features, label_ids, rows.held.numpy(), np.ones(len(label_ids), dtype=bool), unmarked=body)
        leaves = np.flatnonzero(label_ids != 2)
        tested, config = rows.features[0, leaves], steps(150, weight_decay=0.0)
        return list(validate_unknown([case], tested, label_ids[leaves], brain_tree, list(map(frozenset, folds)), config, **more))

    return run


def test_left_out_classes_are_less_certain_and_known_ones_right(validate: Callable) -> None:
    (result,) = validate({RIGHT})
    assert result.left_out == {RIGHT}
    assert set(result.curves) == {SHOWN, EVERYTHING, SOFTMAX}
    assert set(result.curves[SHOWN]) == {"1", "leaf"}
    for curve in (*result.curves[SHOWN].values(), *result.curves[SOFTMAX].values()):
        assert curve.auroc > 0.8
        assert curve.accuracy[0] > 0.95
        assert curve.recall[0] == 0.0
        accuracy, _, recall = curve.at(curve.best_threshold())
        assert accuracy + recall > 1.4
    assert set(result.recommended) == {"1", "leaf", UNKNOWN}


def test_a_leaf_with_a_sibling_is_unknown_at_the_leaves_alone(validate: Callable) -> None:
    (result,) = validate({CORTEX})
    assert set(result.curves[SHOWN]) == {"leaf"}


def test_thresholds_are_chosen_on_the_other_folds(validate: Callable) -> None:
    results = validate({RIGHT}, {FLUID})
    chosen = choose_on_other_folds(results, "leaf")
    assert chosen == tuple(result.curves[SHOWN]["leaf"].best_threshold() for result in results[::-1])


def test_voxels_without_marks_teach_what_is_left_out_to_be_unknown(validate: Callable) -> None:
    (result,) = validate({RIGHT}, unmarked=True)
    assert result.curves[KNOWN]["leaf"].auroc > 0.95
    assert result.curves[SHOWN]["leaf"].auroc > 0.9
    assert result.curves[SHOWN]["leaf"].at(0.01)[2] > 0.5  # most of it lies below the floor


def test_other_detectors_are_measured_on_the_same_voxels(validate: Callable) -> None:
    asked = []

    def constant(_network: torch.nn.Module, _rows: object, features: torch.Tensor) -> torch.Tensor:
        asked.append(len(features))
        return -torch.ones(len(features))

    (result,) = validate({RIGHT}, detectors={"constant": constant})
    assert result.detected == {"constant": {"1": 0.5, "leaf": 0.5}}
    assert len(asked) == 1


def test_nothing_of_what_is_left_out_is_trained_on(validate: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    trained_on = []
    from semseg_core.train import unknown

    combine = unknown.combine
    monkeypatch.setattr(
        unknown, "combine", lambda cases, tree, balance: trained_on.extend(cases[0].label_ids) or combine(cases, tree, balance)
    )
    validate({CORTEX})
    assert set(trained_on) == {WHITE, RIGHT, FLUID}  # marks on left may have been cortex


def test_a_fold_that_leaves_nothing_to_tell_apart_is_told(validate: Callable) -> None:
    with pytest.raises(InputError, match="something to tell apart"):
        validate({CORTEX, WHITE, FLUID})
    assert torch.is_inference_mode_enabled() is False
