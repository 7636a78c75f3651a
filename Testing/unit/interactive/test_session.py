"""The learner that stays: it learns from strokes, takes corrections at once, and goes along with an edited tree."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from semseg_core.errors import CancelledError, InputError, ShapeError
from semseg_core.geometry import Grid
from semseg_core.infer.decode import build_decoder
from semseg_core.infer.predict import predict
from semseg_core.interactive.session import InteractiveSession
from semseg_core.labels.edit import add
from semseg_core.labels.encode import ids_to_values
from semseg_core.labels.tree import Label, LabelTree
from semseg_core.models.directory import load_model, save_model
from semseg_core.sparse.scribbles import SparseLabels
from semseg_core.train.config import Budget, TrainConfig

CONFIG = TrainConfig(device="cpu", batch_size=128)


@pytest.fixture
def new(phantom) -> Callable[..., InteractiveSession]:
    """Makes a session on the phantom."""
    return lambda **options: InteractiveSession(phantom.volume, phantom.tree, CONFIG, **options)


@pytest.fixture
def session(new: Callable, first_marks: SparseLabels) -> InteractiveSession:
    """A session that has learned from the first marks."""
    learned = new()
    learned.set_marks(first_marks)
    assert learned.refine(Budget(steps=60)) == 60
    return learned


def whole(session: InteractiveSession, **options: object) -> np.ndarray:
    return session.answer(tuple((0, size) for size in session.grid.shape), **options)[0]


def test_a_few_strokes_give_a_good_volume(session: InteractiveSession, phantom) -> None:
    truth = ids_to_values(phantom.truth, phantom.tree)
    assert (whole(session) == truth)[truth > 0].mean() > 0.85
    assert whole(session)[0, 0, 0] == 0  # air is not asked about


def test_a_slice_is_that_of_the_volume_in_every_direction(session: InteractiveSession) -> None:
    volume = whole(session)
    for axis, index in ((0, 11), (1, 20), (2, 5)):
        values, confidence = session.answer(session.slice_box(axis, index))
        assert values.shape == confidence.shape
        assert (values.squeeze(axis) == volume.take(index, axis)).mean() > 0.999


def test_a_correction_takes_within_a_few_steps_and_the_rest_stays(session: InteractiveSession, first_marks, phantom) -> None:
    before = whole(session)
    # A lesion, so to speak: the person says that a patch of the left core belongs to the right one.
    patch = np.argwhere((phantom.truth == 3) & (np.indices(phantom.truth.shape)[0] == 12))[:25]
    drawn = first_marks.to_label_map(phantom.tree)
    drawn[tuple(patch.T)] = 3
    changed = int((first_marks.to_label_map(phantom.tree) != drawn).sum())
    assert session.set_marks(SparseLabels.from_label_map(drawn, first_marks.grid, phantom.tree)) == changed
    session.refine(Budget(steps=30))
    after = whole(session)
    assert (after == 3)[tuple(patch.T)].mean() > 0.8
    assert (after == before).mean() > 0.9


def test_a_tree_that_grew_keeps_what_was_learned(session: InteractiveSession, phantom) -> None:
    before = whole(session)
    edit = add(phantom.tree, 1, "cyst")
    report = session.set_tree(edit.tree)
    assert report.added == ("cyst",)
    assert (whole(session) == before).mean() > 0.9
    with pytest.raises(InputError, match="nothing is scribbled yet"):
        session.refine(Budget(steps=1))


def test_another_tree_starts_anew(session: InteractiveSession) -> None:
    tree = LabelTree((Label(21, "body", 21), Label(22, "bone", 22, 21), Label(23, "rest", 23, 21)))
    assert session.set_tree(tree) is None
    with pytest.raises(InputError, match="nothing is learned yet"):
        whole(session)


def test_the_model_says_the_same_when_saved_and_applied(session: InteractiveSession, phantom, tmp_path: Path) -> None:
    save_model(tmp_path / "model", session.model())
    model = load_model(tmp_path / "model")
    assert model.card.training["steps"] == 60
    decoder = build_decoder(model.card.tree)
    result = predict(model, phantom.volume, decoder, torch.device("cpu"), lambda fraction: None, bool)
    assert (result.values == session.answer_all()[0]).mean() > 0.999


def test_a_session_from_a_model_answers_before_the_first_stroke(new: Callable, trained, phantom) -> None:
    session = new(start=load_model(trained.folder))
    truth = ids_to_values(phantom.truth, phantom.tree)
    assert (whole(session) == truth)[truth > 0].mean() > 0.85
    assert len(session.taken_over.kept) == 4


def test_cancel_ends_a_refinement_and_keeps_what_was_learned(new: Callable, first_marks: SparseLabels) -> None:
    session = new()
    session.set_marks(first_marks)
    assert session.refine(Budget(seconds=60), cancelled=lambda: session.steps >= 5) == 5
    assert whole(session).any()
    with pytest.raises(CancelledError):
        whole(session, cancelled=lambda: True)
    with pytest.raises(CancelledError, match="features"):
        new(cancelled=lambda: True)


def test_equal_seeds_give_equal_answers(new: Callable, first_marks: SparseLabels) -> None:
    answers = []
    for _ in range(2):
        session = new()
        session.set_marks(first_marks)
        session.refine(Budget(steps=10))
        answers.append(session.answer(session.slice_box(0, 14))[1])
    np.testing.assert_array_equal(*answers)


def test_what_is_asked_too_early_or_wrongly_is_told(new: Callable, first_marks: SparseLabels, phantom) -> None:
    session = new()
    for ask in (lambda: whole(session), session.model):
        with pytest.raises(InputError, match="nothing is learned yet"):
            ask()
    with pytest.raises(InputError, match="nothing is scribbled yet"):
        session.refine(Budget(steps=1))
    with pytest.raises(InputError, match="slice 99 across axis 0"):
        session.slice_box(0, 99)
    with pytest.raises(ShapeError, match="does not lie on the grid of the image"):
        session.set_marks(SparseLabels(Grid((4, 4, 4), np.eye(4)), np.zeros((1, 3)), np.array([3])))
    with pytest.raises(InputError, match="only /head/left/left core is marked"):
        session.set_marks(first_marks.subset(first_marks.label_ids == 3))
    with pytest.raises(InputError, match="at least two"):
        session.set_tree(LabelTree(phantom.tree.labels[:1]))


def test_tissue_unlike_any_mark_is_unknown_unless_everything_is_asked_for(new: Callable, first_marks, phantom) -> None:
    session = new()
    assert session.unfamiliar_share == 0.0
    session.set_marks(first_marks.subset(np.isin(first_marks.label_ids, (3, 6))))  # the cores, and nothing of the shells
    session.refine(Budget(steps=60))
    shell, body = np.isin(phantom.truth, (4, 7)), phantom.truth > 0
    assert (whole(session) == 0)[shell].mean() > 0.8
    assert session.unfamiliar_share == pytest.approx(shell.sum() / body.sum(), abs=0.1)
    labeled = whole(session, everything=True)
    assert (labeled > 0)[body].mean() > 0.95
    assert labeled[0, 0, 0] == 0  # air
    familiar = whole(session) > 0
    np.testing.assert_array_equal(labeled[familiar], whole(session)[familiar])
    grown = session.answer_all(everything=True)[0]
    np.testing.assert_array_equal(whole(session, everything=True), grown)
    np.testing.assert_array_equal(session.answer_on(session.grid, everything=True)[0], grown)


def test_strokes_hold_once_they_have_grown_and_no_longer_when_taken_back(new: Callable, first_marks: SparseLabels) -> None:
    session = new()
    wrong = SparseLabels(first_marks.grid, first_marks.indices, np.where(first_marks.label_ids == 3, 6, first_marks.label_ids))
    session.set_marks(first_marks)
    session.refine(Budget(steps=60))
    session.set_marks(wrong)
    session.refine(Budget(steps=1))
    painted = tuple(first_marks.indices.T)
    before = whole(session)[painted]
    assert (before == ids_to_values(first_marks.label_ids, session.tree)).mean() > 0.9, "one step does not undo what was learned"
    expected = ids_to_values(wrong.label_ids, session.tree)
    np.testing.assert_array_equal(session.answer_all()[0][painted], expected)
    np.testing.assert_array_equal(whole(session)[painted], expected)
    session.set_marks(first_marks)
    np.testing.assert_array_equal(whole(session)[painted], before)


def test_marks_in_air_make_it_answer_there(new: Callable, first_marks: SparseLabels, phantom) -> None:
    session = new()
    air = np.argwhere(phantom.truth == 0)[::200]
    indices, label_ids = np.concatenate([first_marks.indices, air]), np.concatenate([first_marks.label_ids, np.full(len(air), 4)])
    session.set_marks(SparseLabels(first_marks.grid, indices, label_ids))
    session.refine(Budget(steps=5))
    assert whole(session)[0, 0, 0] > 0
