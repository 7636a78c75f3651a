"""Training rows of the phantom."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from semseg_core.data.intensity import choose_rules, normalize
from semseg_core.errors import CancelledError, InputError
from semseg_core.features.layout import feature_names
from semseg_core.labels.tree import LabelTree
from semseg_core.models.card import ModelCard
from semseg_core.models.shape import NetworkShape
from semseg_core.sparse.sampling import balanced_weights
from semseg_core.sparse.scribbles import SparseLabels
from semseg_core.train import rows as rows_module
from semseg_core.train.config import TrainConfig
from semseg_core.train.rows import CaseRows, case_rows, combine, mirrored_marks

SPACING = (3.0, 2.5, 2.5)


def card_of(phantom) -> ModelCard:
    rules = choose_rules(phantom.volume)
    shape = NetworkShape(len(feature_names(("image",))))
    return ModelCard(phantom.tree, ("image",), rules, SPACING, shape, "cross-entropy", everywhere=False)


def rows_of(
    phantom, marks: SparseLabels | None = None, variants: int = 0, seed: int = 0, cancelled=bool, mirror: bool = False
) -> CaseRows:
    card = card_of(phantom)
    volume = normalize(phantom.volume, card.rules)
    draws = np.random.default_rng(seed)
    marks = phantom.marks if marks is None else marks
    return case_rows(volume, marks, card, None, TrainConfig(held_back=0.3, mirror=mirror), lambda: variants, draws, cancelled)


def case_of(label_ids: list[int], inside: list[bool] | None = None, held: list[bool] | None = None) -> CaseRows:
    """A case made up of labels alone."""
    count = len(label_ids)
    return CaseRows(
        torch.arange(2.0 * count * 3).reshape(2, count, 3),
        np.array(label_ids, dtype=np.int32),
        np.array(held or [False] * count, dtype=bool),
        np.array(inside or [True] * count, dtype=bool),
    )


def test_there_is_a_row_per_mark_and_variant(phantom) -> None:
    rows = rows_of(phantom, variants=2)
    assert rows.features.shape == (3, len(phantom.marks), len(feature_names(("image",))))
    assert torch.isfinite(rows.features).all()
    assert rows.label_ids.tolist() == phantom.marks.label_ids.tolist()
    assert rows.inside.all()
    assert not torch.equal(rows.features[0], rows.features[1])


def test_the_unchanged_volume_does_not_depend_on_the_draws_but_variants_do(phantom) -> None:
    first, again, other = rows_of(phantom, variants=1), rows_of(phantom, variants=1), rows_of(phantom, variants=1, seed=1)
    assert torch.equal(first.features, again.features)
    assert (first.held == again.held).all()
    assert torch.equal(first.features[0], other.features[0])
    assert not torch.equal(first.features[1], other.features[1])


def test_mirror_images_are_marked_with_the_other_side(phantom) -> None:
    """Cores and shells, left and right, are paired; rows of images follow those of the marks, also of variants."""
    rows, plain = rows_of(phantom, variants=1, mirror=True), rows_of(phantom, variants=1)
    count = len(phantom.marks)
    assert torch.equal(rows.features[:, :count], plain.features)
    assert rows.features.shape[:2] == (2, 2 * count)
    assert (rows.mirrored == np.repeat([False, True], count)).all()
    assert (rows.held[count:] == rows.held[:count]).all()
    other = {3: 6, 6: 3, 4: 7, 7: 4}
    assert rows.label_ids[count:].tolist() == [other[label_id] for label_id in phantom.marks.label_ids.tolist()]
    side = feature_names(("image",)).index("R")
    assert torch.equal(rows.features[0, count:, side], -rows.features[0, :count, side])


def test_only_pairs_and_labels_in_the_middle_are_mirrored() -> None:
    label_ids = np.repeat([1, 2, 3, 4], 3)
    right = np.array([0.5, 0.6, 0.7, -0.5, -0.6, -0.7, -0.1, 0.1, 0.6, 0.2, 0.3, 0.4])
    chosen = mirrored_marks(label_ids, right, {1: 2, 2: 1, 3: 3, 4: 4})
    assert chosen.tolist() == [True] * 9 + [False] * 3  # label 4 has no side but lies on one, as the liver does
    assert not mirrored_marks(label_ids, right, {}).any()
    assert mirrored_marks(label_ids, right, {1: 2, 2: 1}).tolist() == [True] * 6 + [False] * 6


def test_features_tell_the_labels_apart(phantom) -> None:
    """The brightness of the core, and the side."""
    rows = rows_of(phantom)
    names = feature_names(("image",))
    brightness, side = (rows.features[0, :, names.index(name)].numpy() for name in ("image value ×1", "R"))
    core = np.isin(rows.label_ids, (3, 6))
    assert brightness[core].min() > brightness[~core].max()
    left = np.isin(rows.label_ids, (3, 4))
    assert side[left].max() < 0 < side[~left].min()


def test_marks_in_air_are_outside(phantom) -> None:
    marks = SparseLabels(phantom.volume.grid, [[0, 0, 0], [14, 18, 16], [27, 35, 31]], [3, 4, 6])
    assert rows_of(phantom, marks).inside.tolist() == [False, True, False]


def test_no_marks_make_no_rows(phantom) -> None:
    rows = rows_of(phantom, SparseLabels(phantom.volume.grid, np.zeros((0, 3)), np.zeros(0)), variants=1)
    assert rows.features.shape[:2] == (2, 0)
    assert rows.inside.shape == rows.held.shape == (0,)


def test_computing_rows_can_be_cancelled(phantom) -> None:
    with pytest.raises(CancelledError):
        rows_of(phantom, cancelled=lambda: True)


def test_a_dense_segmentation_is_thinned_with_small_labels_kept(phantom, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows_module, "MAX_ROWS_PER_CASE", 1000)
    dense = SparseLabels(phantom.volume.grid, np.argwhere(phantom.truth), phantom.truth[phantom.truth > 0])
    rows = rows_of(phantom, dense)
    assert len(rows.label_ids) == 1000
    counts = np.bincount(rows.label_ids, minlength=8)[[3, 4, 6, 7]]
    # By nature cores have 8 % of the marks each; balanced half-way, √0.08 / (2 √0.08 + 2 √0.42) = 15 %.
    assert counts / 1000 == pytest.approx([0.15, 0.35, 0.15, 0.35], abs=0.04)


def test_every_case_is_drawn_as_often_whatever_its_marks(brain_tree: LabelTree) -> None:
    few, many = case_of([3, 5]), case_of([3] * 40 + [6] * 10, held=[True] * 5 + [False] * 45)
    rows = combine([few, many], brain_tree, 0.5)
    assert rows.weights[:2].sum().item() == pytest.approx(0.5)
    assert rows.weights.sum().item() == pytest.approx(1.0)
    assert rows.weights[2:].numpy() * 2 == pytest.approx(balanced_weights(many.label_ids, brain_tree, 0.5))
    assert rows.features.shape == (2, 52, 3)
    assert rows.targets.tolist() == [2, 4] + [2] * 40 + [5] * 10  # positions in depth-first order
    assert rows.targets.dtype == torch.int64
    assert rows.held.tolist() == [False] * 2 + [True] * 5 + [False] * 45


def test_a_case_without_marks_of_a_label_is_fine_when_another_has_them(brain_tree: LabelTree) -> None:
    assert combine([case_of([3, 3]), case_of([5]), case_of([])], brain_tree, 0.5).targets.tolist() == [2, 2, 4]


@pytest.mark.parametrize(
    ("label_ids", "names"), [([3, 3], "/brain/left/cortex"), ([3, 2, 2, 1], "/brain, /brain/left, /brain/left/cortex")]
)
def test_labels_that_do_not_exclude_each_other_are_refused(brain_tree: LabelTree, label_ids: list[int], names: str) -> None:
    with pytest.raises(InputError, match=f"only {names} is marked; mark something beside it"):
        combine([case_of(label_ids)], brain_tree, 0.5)


def test_outside_is_the_share_of_the_label_that_lies_there_most(brain_tree: LabelTree) -> None:
    case = case_of([3] * 8 + [5] * 2, inside=[True] * 7 + [False] + [False, True])
    assert combine([case], brain_tree, 0.5).outside == pytest.approx(0.5)
    assert combine([case_of([3, 5])], brain_tree, 0.5).outside == 0.0


def test_voxels_without_marks_stand_for_the_body(phantom) -> None:
    rows = rows_of(phantom)
    names = feature_names(("image",))
    assert 5_000 < len(rows.unmarked) <= 20_000
    side = rows.unmarked[:, names.index("R")].numpy()
    assert abs(np.median(side)) < 0.1  # all over the body, not where the marks are
    assert np.quantile(side, 0.9) > 0.6
    combined = combine([rows, rows], phantom.tree, 0.5)
    assert len(combined.unmarked) == 2 * len(rows.unmarked)


def test_what_was_segmented_or_labels_air_has_nothing_unknown(phantom) -> None:
    everywhere = np.argwhere(np.ones(phantom.volume.grid.shape))
    dense = SparseLabels(phantom.volume.grid, everywhere, np.where(everywhere[:, 2] < 16, 4, 7))
    assert len(rows_of(phantom, dense).unmarked) == 0
    air = SparseLabels(phantom.volume.grid, [[0, 0, 0], [14, 18, 16], [14, 18, 8]], [3, 4, 6])
    rows = rows_of(phantom, air)
    assert len(rows.unmarked)
    assert len(combine([rows], phantom.tree, 0.5).unmarked) == 0
