"""Answers of every certainty, decided once: equal to what the network would have been asked for again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from semseg_core.data import answer_paths as answer_paths_module
from semseg_core.data.answer_paths import STEPS, AnswerPaths, smallest_dtype
from semseg_core.errors import InputError, ShapeError
from semseg_core.geometry import Grid
from semseg_core.infer.decode import BackOffDecoder, decode
from semseg_core.infer.predict import PathRecorder
from semseg_core.labels.tree import Label, LabelTree

SHAPE = (2, 3, 4)


@st.composite
def tree_and_rows(draw: st.DrawFn) -> tuple[LabelTree, torch.Tensor]:
    """A ragged tree of 2 to 14 labels whose ids have gaps, and a row of leaf probabilities for each of 24 voxels."""
    count = draw(st.integers(2, 14))
    step = draw(st.sampled_from((1, 7, 40)))
    labels = [Label(1, "1", 1)]
    for number in range(2, count + 1):
        parent = 1 + step * (draw(st.integers(1, number - 1)) - 1)
        labels.append(Label(1 + step * (number - 1), str(number), number, parent=parent))
    tree = LabelTree(tuple(labels))
    sharpness = draw(st.sampled_from((0.1, 1.0, 10.0)))
    rows = np.random.default_rng(draw(st.integers(0, 2**31))).dirichlet([sharpness] * len(tree.leaves), size=24)
    return tree, torch.tensor(rows, dtype=torch.float32)


def paths_of(tree: LabelTree, rows: torch.Tensor) -> AnswerPaths:
    recorder = PathRecorder(tree, Grid(SHAPE, np.eye(4)), torch.device("cpu"))
    recorder.add(0, np.arange(len(rows)), rows)
    return recorder.paths()


@pytest.fixture
def paths(weighted_tree: LabelTree) -> AnswerPaths:
    """Voxels of the weighted tree: 21 that lean to y1 by one leaf and to X as a branch, one certain, two never asked about."""
    rows = torch.tensor([[0.20, 0.19, 0.19, 0.42, 0.0]]).repeat(22, 1)
    rows[21] = torch.tensor([0.0, 0.0, 0.0, 0.0, 1.0])
    return paths_of(weighted_tree, rows)


@given(tree_and_rows(), st.integers(0, STEPS))
@settings(max_examples=150, deadline=None)
def test_at_whole_and_half_percents_they_are_exactly_those_of_the_decoder(
    case: tuple[LabelTree, torch.Tensor], half_percents: int
) -> None:
    tree, rows = case
    threshold = half_percents / STEPS
    expected = BackOffDecoder(tree, threshold)(rows)
    paths = paths_of(tree, rows)
    found = paths.decide(threshold, "auto")
    np.testing.assert_array_equal(found.label_ids.reshape(-1), expected.label_ids.numpy())
    confidence = paths.confidence(threshold, "auto").reshape(-1)
    behind = expected.confidence.numpy() - confidence
    assert behind.min() > -1e-5, "rounded down"
    assert behind.max() < 1 / STEPS + 1e-5
    ids, counts = np.unique(found.label_ids[found.label_ids > 0], return_counts=True)
    assert found.voxels == dict(zip(ids.tolist(), counts.tolist(), strict=True))


@given(tree_and_rows(), st.floats(0.0, 1.0))
@settings(max_examples=60, deadline=None)
def test_other_thresholds_are_rounded_up(case: tuple[LabelTree, torch.Tensor], threshold: float) -> None:
    tree, rows = case
    paths = paths_of(tree, rows)
    rounded = min(np.ceil(threshold * STEPS - 1e-6) / STEPS, 1.0)
    np.testing.assert_array_equal(paths.decide(threshold, "auto").label_ids, paths.decide(rounded, "auto").label_ids)


@given(tree_and_rows(), st.integers(0, STEPS))
@settings(max_examples=60, deadline=None)
def test_the_first_level_is_that_of_the_decoder_and_deeper_ones_lie_below_it(
    case: tuple[LabelTree, torch.Tensor], half_percents: int
) -> None:
    tree, rows = case
    paths = paths_of(tree, rows)
    threshold = half_percents / STEPS
    first = paths.decide(threshold, 1).label_ids.reshape(-1)
    np.testing.assert_array_equal(first, decode(rows, tree, 1, threshold).label_ids.numpy())
    for level in range(1, tree.height + 1):
        cut = {label.id for label in tree.level_cut(level)}
        answers = paths.decide(0.0, level).label_ids.reshape(-1)
        assert set(answers.tolist()) <= cut
        upper = paths.decide(0.0, 1).label_ids.reshape(-1)
        assert all(tree.covers(above, below) for above, below in zip(upper.tolist(), answers.tolist(), strict=True))
    np.testing.assert_array_equal(paths.decide(threshold, "leaf").label_ids, paths.decide(threshold, tree.height).label_ids)


def test_levels_and_thresholds_by_hand(paths: AnswerPaths) -> None:
    """X 0.58, XX 0.38, x2 and x3 0.19 each."""
    for level, threshold, expected in [
        ("auto", 0.0, 5), ("auto", 0.3, 4), ("auto", 0.39, 2), ("auto", 0.59, 0), ("leaf", 0.0, 5), ("leaf", 0.2, 0), (1, 0.5, 2),
        (2, 0.38, 4), (2, 0.39, 0), (3, 0.19, 5),
    ]:  # fmt: skip
        answers = paths.decide(threshold, level)
        assert answers.label_ids[0, 0, 0] == expected, (level, threshold)
        certain = 7 if level == 1 else 9
        assert answers.label_ids[1, 2, 1] == certain
        assert answers.label_ids[1, 2, 2] == 0, "never asked about"
        assert answers.voxels == ({expected: 21, certain: 1} if expected else {certain: 1})
    assert paths.decide(0.0).label_ids.dtype == np.uint8
    assert paths.confidence(0.5, "auto")[0, 0, 0] == pytest.approx(0.58)
    assert paths.confidence(0.0, 2)[0, 0, 0] == pytest.approx(0.38)
    assert paths.confidence(0.0, "auto")[1, 2, 2] == 0.0


def test_one_voxel_tells_its_whole_path(paths: AnswerPaths) -> None:
    assert paths.at((0, 0, 0)) == ((2, 0.58), (4, 0.38), (5, 0.19))
    assert paths.at((1, 2, 1)) == ((7, 1.0), (9, 1.0)), "y2 lies less deep: its probability is told once"
    assert paths.at((1, 2, 3)) == ()


def test_chunks_do_not_show(paths: AnswerPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = paths.decide(0.3, "auto")
    monkeypatch.setattr(answer_paths_module, "CHUNK", 5)
    parts = paths.decide(0.3, "auto")
    np.testing.assert_array_equal(parts.label_ids, whole.label_ids)
    assert parts.voxels == whole.voxels


def test_a_tree_of_one_label_answers_with_it() -> None:
    paths = paths_of(LabelTree((Label(4, "all", 1),)), torch.ones(24, 1))
    assert set(paths.decide(1.0, "auto").label_ids.reshape(-1).tolist()) == {4}
    assert paths.at((0, 0, 0)) == ((4, 1.0),)


def test_probabilities_that_are_no_numbers_are_unknown(weighted_tree: LabelTree) -> None:
    paths = paths_of(weighted_tree, torch.full((24, 5), torch.nan))
    assert not paths.decide(0.0, "auto").label_ids.any()
    assert not paths.confidence(0.0, "auto").any()


@pytest.mark.parametrize("level", [0, 4, "deep", True, 1.0])
def test_a_level_the_tree_lacks_is_refused(paths: AnswerPaths, level: object) -> None:
    with pytest.raises(InputError, match="level"):
        paths.decide(0.5, level)


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan")])
def test_a_certainty_outside_0_to_1_is_refused(paths: AnswerPaths, threshold: float) -> None:
    with pytest.raises(InputError, match="0…1"):
        paths.decide(threshold, "auto")


def test_a_file_holds_all(paths: AnswerPaths, weighted_tree: LabelTree, tmp_path: Path) -> None:
    paths.save(tmp_path / "a.npz")
    read = AnswerPaths.load(tmp_path / "a.npz", weighted_tree)
    np.testing.assert_array_equal(read.leaves, paths.leaves)
    np.testing.assert_array_equal(read.shares, paths.shares)
    assert read.grid.same_as(paths.grid)


def test_files_that_are_wrong_are_refused(
    paths: AnswerPaths, weighted_tree: LabelTree, brain_tree: LabelTree, tmp_path: Path
) -> None:
    file = tmp_path / "a.npz"
    with pytest.raises(InputError, match=r"\.npz"):
        paths.save(tmp_path / "a.nii.gz")
    paths.save(file)
    with pytest.raises(InputError, match="not those of the tree 'six labels'"):
        AnswerPaths.load(file, brain_tree)
    whole = file.read_bytes()
    for content in (whole[: len(whole) // 2], b"no archive", np.random.default_rng(0).bytes(300)):
        file.write_bytes(content)
        with pytest.raises(InputError, match="cannot be read"):
            AnswerPaths.load(file, weighted_tree)
    np.savez(file, format=np.array([{"pickled": 1}], dtype=object))
    with pytest.raises(InputError, match="cannot be read"):
        AnswerPaths.load(file, weighted_tree)
    np.savez(file, format="semseg-answer-paths-9")
    with pytest.raises(InputError, match="another version"):
        AnswerPaths.load(file, weighted_tree)


def test_impossible_values_cannot_exist(paths: AnswerPaths) -> None:
    with pytest.raises(ShapeError, match="another image or tree"):
        replace(paths, shares=paths.shares[:2])
    with pytest.raises(InputError, match="uint8"):
        replace(paths, leaves=paths.leaves.astype(np.int32))
    with pytest.raises(InputError, match="above 5"):
        replace(paths, leaves=paths.leaves + np.uint8(4))
    with pytest.raises(InputError, match="above 200"):
        replace(paths, shares=paths.shares + np.uint8(1))


def test_leaves_take_as_little_room_as_their_number_allows() -> None:
    assert [smallest_dtype(count) for count in (1, 255, 256, 70000)] == [np.uint8, np.uint8, np.uint16, np.uint32]
