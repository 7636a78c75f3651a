"""The record of an evaluation, and its JSON."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass

from semseg_core.errors import InputError
from semseg_core.metrics.hierarchy import TreeScores
from semseg_core.metrics.surface import SurfaceScore

SCHEMA = 1
"""Version of the JSON; raised when a field changes its meaning."""


@dataclass(frozen=True)
class LabelScore:
    """Overlap of one label; Dice is NaN where it is absent from truth and answers."""

    id: int
    path: str
    depth: int
    leaf: bool
    truth_voxels: int
    answer_voxels: int
    dice: float


@dataclass(frozen=True)
class Confusion:
    """How often one label was mistaken for another; paths of both, and voxels."""

    truth: str
    answer: str
    voxels: int


@dataclass(frozen=True)
class SurfaceReport:
    """Surface agreement of every label, and means by level; means leave out labels without a number."""

    tolerance_mm: float
    normalized_dice: dict[str, float]
    mean_distance_mm: dict[str, float]
    labels: tuple[SurfaceScore, ...]


@dataclass(frozen=True)
class Report:
    """How good a segmentation is.

    Args:
        tree_title: What the tree is called.
        how_scored: The rules, in words.
        within_truth: Whether voxels without a truth were left out.
        truth_voxels: Voxels whose truth is a label.
        outside_voxels: Voxels outside every label of the truth that were answered.
        dice: Mean Dice by level: `"1"`, `"2"`, … and `"leaf"`.
        dice_by_depth: Mean Dice of the labels at each depth.
        tree: Errors measured along the tree.
        labels: Overlap of every label below the root, in depth-first order.
        confusions: The most frequent mistakes, most frequent first.
        surface: Surface agreement, where asked for.
    """

    tree_title: str
    how_scored: tuple[str, ...]
    within_truth: bool
    truth_voxels: int
    outside_voxels: int
    dice: dict[str, float]
    dice_by_depth: dict[str, float]
    tree: TreeScores
    labels: tuple[LabelScore, ...]
    confusions: tuple[Confusion, ...]
    surface: SurfaceReport | None = None


def report_to_json(report: Report) -> str:
    """The report as JSON text; numbers that JSON lacks (NaN) become null."""
    return json.dumps(_nulls({"schema": SCHEMA, **asdict(report)}), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def report_from_json(text: str) -> Report:
    """The report that `report_to_json` wrote; null becomes NaN.

    Raises:
        InputError: If the text is not such a report.
    """
    try:
        record = json.loads(text)
        if record.pop("schema") != SCHEMA:
            raise InputError(f"report: only schema {SCHEMA} can be read; write it again with this version")
        surface = record.pop("surface")
        record = _nans(record)
        return Report(
            **{
                **record,
                "how_scored": tuple(record["how_scored"]),
                "tree": TreeScores(**record["tree"]),
                "labels": tuple(LabelScore(**label) for label in record["labels"]),
                "confusions": tuple(Confusion(**pair) for pair in record["confusions"]),
                "surface": None if surface is None else _surface_from(_nans(surface)),
            }
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"report: this is not a report of semseg evaluate ({error}); write it again") from error


def _surface_from(record: dict) -> SurfaceReport:
    return SurfaceReport(**{**record, "labels": tuple(SurfaceScore(**score) for score in record["labels"])})


def _nulls(value: object) -> object:
    if isinstance(value, dict):
        return {key: _nulls(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_nulls(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _nans(value: object) -> object:
    if isinstance(value, dict):
        return {key: _nans(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_nans(item) for item in value]
    return math.nan if value is None else value
