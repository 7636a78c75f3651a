"""A whole volume from a lattice: close to the exact answers, and exact where neighbors are not certain."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from semseg_core.data.intensity import normalize
from semseg_core.data.volume import Volume
from semseg_core.errors import CancelledError
from semseg_core.features.bank import build_feature_bank
from semseg_core.geometry import Grid
from semseg_core.infer import quick
from semseg_core.infer.applier import Applier
from semseg_core.infer.decode import build_decoder
from semseg_core.infer.quick import answer_exactly, answer_quickly, lattice
from semseg_core.models.directory import load_model


@pytest.fixture(scope="module")
def applier(trained, phantom) -> Applier:
    """The phantom at a third of its spacing, so that structures are many voxels wide; odd and even sizes."""
    model = load_model(trained.folder)
    bank = build_feature_bank(normalize(phantom.volume, model.card.rules), model.card.spacing_mm)
    grid = phantom.volume.grid
    affine = grid.ijk_to_ras @ np.diag((0.5, 0.5, 0.5, 1.0))
    fine = Grid((2 * grid.shape[0] - 1, 2 * grid.shape[1], 2 * grid.shape[2]), affine)
    return Applier(bank, model.network, build_decoder(model.card.tree), fine, everywhere=False)


@pytest.fixture(scope="module")
def exact(applier: Applier) -> tuple[np.ndarray, np.ndarray]:
    """Every voxel asked."""
    return answer_exactly(applier)


def test_nearly_all_answers_are_the_exact_ones_and_fewer_are_asked(
    applier: Applier, exact: tuple, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    network = applier.network.forward
    monkeypatch.setattr(applier.network, "forward", lambda rows: asked.append(len(rows)) or network(rows))
    told = []
    label_ids, confidence = answer_quickly(applier, told.append)
    assert sum(asked) < 0.6 * (exact[0] > 0).sum()
    assert (label_ids == exact[0]).mean() > 0.998
    assert np.abs(confidence - exact[1]).mean() < 0.01
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1.0)


def test_where_nothing_is_certain_everything_is_asked(applier: Applier, exact: tuple, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quick, "CERTAIN", {2: 1.1, 1: 1.1})
    label_ids, confidence = answer_quickly(applier)
    assert (label_ids == exact[0]).mean() > 0.9999
    np.testing.assert_allclose(confidence, exact[1], atol=1e-3)


@pytest.mark.parametrize(("row", "column"), [(17, 17), (18, 18), (17, 18)])
def test_a_line_of_one_voxel_between_the_lattice_is_not_lost(trained, phantom, row: int, column: int) -> None:
    array = phantom.volume.array.copy()
    array[0] = np.where(phantom.truth > 0, np.where(array[0] > 155, 200.0, 110.0), 5.0)
    array[0, 5:23, row, column] = 600.0  # not on every fourth voxel across it, so the lattice does not touch it
    model = load_model(trained.folder)
    bank = build_feature_bank(normalize(Volume(array, phantom.volume.grid, ("image",)), model.card.rules), model.card.spacing_mm)

    class Bright(torch.nn.Module):
        """Tells what is brighter than all tissue, whatever lies around, from the rest."""

        def standardize(self, features: torch.Tensor) -> torch.Tensor:
            return features

        def forward(self, features: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.one_hot((features[:, 0] > 1.3).long(), 4) * 20.0

        def decide(self, features: torch.Tensor) -> tuple[torch.Tensor, None]:
            return self(features), None

    applier = Applier(bank, Bright(), build_decoder(phantom.tree), phantom.volume.grid, everywhere=False)
    exact, found = answer_exactly(applier)[0], answer_quickly(applier)[0]
    line = exact == phantom.tree.leaves[1].id
    assert line[:, row, column].sum() > 10
    assert (found == exact)[line].all()


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 1, 3), (1, 5, 4)])
def test_a_grid_of_any_size_is_filled(applier: Applier, shape: tuple[int, int, int]) -> None:
    affine = applier.grid.ijk_to_ras.copy()
    affine[:3, 3] = applier.bank.frame.center_mm
    small = applier.on(Grid(shape, affine))
    label_ids, confidence = answer_quickly(small)
    assert (label_ids == answer_exactly(small)[0]).all()
    assert (confidence > 0).all()


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_slice_is_answered_nearly_as_the_volume(applier: Applier, exact: tuple, axis: int) -> None:
    index = applier.grid.shape[axis] // 2 + 1
    places = [slice(index, index + 1) if along == axis else slice(None) for along in range(3)]
    label_ids, confidence = answer_quickly(applier.on(lattice(applier.grid, places)))
    assert (label_ids == exact[0][tuple(places)]).mean() > 0.99
    assert np.abs(confidence - exact[1][tuple(places)]).mean() < 0.02


def test_a_lattice_has_the_places_of_its_voxels() -> None:
    grid = Grid((5, 6, 7), np.array([[0, 2.0, 0, 1], [3.0, 0, 0, 2], [0, 0, 1.5, 3], [0, 0, 0, 1]]))
    part = lattice(grid, [slice(1, None, 2), slice(None, None, 4), slice(3, 6)])
    assert part.shape == (2, 2, 3)
    np.testing.assert_allclose(part.index_to_ras([[1, 1, 2]]), grid.index_to_ras([[3, 4, 5]]))


def test_a_cancel_ends_either_pass(applier: Applier) -> None:
    calls = iter([False] * 3 + [True] * 100)
    with pytest.raises(CancelledError):
        answer_quickly(applier, cancelled=lambda: next(calls))


def test_turned_grids_are_answered_alike(applier: Applier) -> None:
    turn = np.deg2rad(30.0)
    rotation = np.eye(4)
    rotation[:2, :2] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    oblique = applier.on(Grid((9, 40, 40), rotation @ applier.grid.ijk_to_ras))
    wanted = torch.rand(1, 40, 40).numpy() < 0.5
    box = ((4, 5), (0, 40), (0, 40))
    some, all_of_them = oblique.answer(box, wanted=wanted)[0], oblique.answer(box)[0]
    assert (some[wanted] == all_of_them[wanted]).all()
    assert (some[~wanted] == 0).all()
