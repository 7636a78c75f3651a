"""Patches around marks: what a patch shows at a mark's place is what the image shows at the mark."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from semseg_core.data.resample import sample_linear
from semseg_core.geometry import Grid
from semseg_core.train import patches
from semseg_core.train.patches import PatchDrawer, Places, sample_patch, shaded, turned_axes

SPACING = (2.0, 1.5, 1.0)
"""Along R, A, S."""


@pytest.fixture
def grid() -> Grid:
    affine = np.diag([*SPACING, 1.0])
    affine[:3, 3] = (-20.0, 5.0, 7.0)
    return Grid((24, 20, 22), affine)


@pytest.fixture
def unshaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Patches show the image's own values."""
    monkeypatch.setattr(patches, "shaded", lambda patch, generator: patch)


def coordinate_image(grid: Grid) -> torch.Tensor:
    """An image of three maps that shows each voxel's own R, A, S."""
    points = torch.as_tensor(grid.index_to_ras(np.argwhere(np.ones(grid.shape))), dtype=torch.float32)
    return points.T.reshape(3, *grid.shape)


def marks_within(grid: Grid, count: int, seed: int = 0, margin: float = 0.0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    size = torch.tensor(grid.shape, dtype=torch.float64) - 1
    index = margin * size + torch.rand(count, 3, generator=generator, dtype=torch.float64) * size * (1 - 2 * margin)
    return torch.as_tensor(grid.index_to_ras(index.numpy()), dtype=torch.float32)


def drawer_of(grid: Grid, points: torch.Tensor, mirrored: bool = False, **options: object) -> PatchDrawer:
    count = len(points)
    places = Places(points, torch.zeros(count, dtype=torch.int64), torch.full((count,), mirrored))
    options = {"window": (12, 12, 12), "weights": torch.full((count,), 1.0 / count, dtype=torch.float64), **options}
    return PatchDrawer([(coordinate_image(grid), grid)], places, **options)


@pytest.mark.usefixtures("unshaded")
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_mark_is_found_in_the_patch_where_the_image_shows_it(grid: Grid, mirrored: bool) -> None:
    points = marks_within(grid, 300, margin=0.3)
    drawer = drawer_of(grid, points, mirrored)
    generator = torch.Generator().manual_seed(1)
    for _ in range(5):
        patch = drawer.draw(40, generator)
        assert patch.image.shape == (1, 3, 12, 12, 12)
        assert patch.places.abs().max() <= 1.0 + 1.0 / 11 + 1e-5
        within = (patch.places.abs() <= 1.0).all(dim=1)
        seen = sample_patch(patch.image, patch.places)
        # Coordinates are linear, so that interpolating twice changes nothing away from the image's edge.
        torch.testing.assert_close(seen[within], points[patch.rows][within], atol=0.15, rtol=0.0)


@pytest.mark.usefixtures("unshaded")
def test_a_mirrored_patch_shows_right_as_left(grid: Grid) -> None:
    points = marks_within(grid, 200, margin=0.3)
    plain, mirrored = (drawer_of(grid, points, side).draw(5, torch.Generator().manual_seed(3)) for side in (False, True))
    torch.testing.assert_close(mirrored.image, plain.image.flip(4))
    torch.testing.assert_close(mirrored.places, plain.places * torch.tensor([-1.0, 1.0, 1.0]))


def test_patches_follow_the_weights_and_leave_out_what_has_none(grid: Grid) -> None:
    points = marks_within(grid, 50)
    weights = torch.zeros(50, dtype=torch.float64)
    weights[10], weights[20] = 0.75, 0.25
    drawer = drawer_of(grid, points, weights=weights, window=(3, 3, 3))
    generator = torch.Generator().manual_seed(0)
    rows = torch.cat([drawer.draw(4, generator).rows for _ in range(80)])
    assert set(rows.tolist()) == {10, 20}
    assert 0.6 < (rows == 10).float().mean() < 0.9


def test_a_patch_never_mixes_cases_or_a_case_with_its_mirror_image(grid: Grid) -> None:
    points = marks_within(grid, 90)
    cases, mirrored = torch.arange(90) % 2, torch.arange(90) % 3 == 0
    image = (coordinate_image(grid), grid)
    drawer = PatchDrawer([image, image], Places(points, cases, mirrored), torch.ones(90), (12, 12, 12))
    generator = torch.Generator().manual_seed(0)
    for _ in range(10):
        rows = drawer.draw(30, generator).rows
        assert len(cases[rows].unique()) == len(mirrored[rows].unique()) == 1


def test_a_window_larger_than_the_image_becomes_the_image(grid: Grid) -> None:
    patch = drawer_of(grid, marks_within(grid, 30), window=(64, 64, 64)).draw(10, torch.Generator().manual_seed(0))
    assert patch.image.shape[2:] == grid.shape


def test_patches_stay_near_the_image(grid: Grid, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patches, "SHIFT", 0.0)
    monkeypatch.setattr(patches, "TURN", 0.0)
    monkeypatch.setattr(patches, "STRETCH", 0.0)
    corner = torch.as_tensor(grid.corners_ras()[:1], dtype=torch.float32)
    patch = drawer_of(grid, corner).draw(1, torch.Generator().manual_seed(0))
    # The mark is the outermost voxel, the patch the outermost 12 of each axis: but for the mark being kept a tenth from its edge.
    assert patch.places[0].abs().tolist() == pytest.approx([0.8] * 3, abs=1e-4)


@pytest.mark.usefixtures("unshaded")
def test_a_flat_patch_is_one_slice_and_turned_within_it(grid: Grid) -> None:
    points = marks_within(grid, 400)
    drawer = drawer_of(grid, points, window=(1, 12, 12), plane=0)
    generator = torch.Generator().manual_seed(0)
    for _ in range(5):
        patch = drawer.draw(20, generator)
        assert patch.image.shape == (1, 3, 1, 12, 12)
        height = patch.image[0, 2]
        assert height.max() - height.min() < 1e-3
        assert (points[patch.rows][:, 2] - height.mean()).abs().max() <= SPACING[2] / 2 + 1e-4
        assert (patch.places[:, 2] == 0).all()


def test_a_single_slice_gives_patches() -> None:
    grid = Grid((1, 20, 22), np.diag([1.0, 1.0, 5.0, 1.0]))
    patch = drawer_of(grid, marks_within(grid, 40), window=(1, 16, 16), plane=0).draw(9, torch.Generator().manual_seed(0))
    assert patch.image.shape == (1, 3, 1, 16, 16)
    assert torch.isfinite(patch.image).all()
    assert torch.isfinite(patch.places).all()


def test_turns_keep_angles_and_stretch_changes_size_by_a_tenth_at_most() -> None:
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        axes = turned_axes(generator)
        lengths = axes.norm(dim=0)
        assert ((lengths >= 0.9 - 1e-5) & (lengths <= 1.1 + 1e-5)).all()
        torch.testing.assert_close((axes / lengths).T @ (axes / lengths), torch.eye(3), atol=1e-5, rtol=0.0)
        flat = turned_axes(generator, plane=1)
        assert flat[1].tolist() == [0.0, 1.0, 0.0]
        assert abs(math.atan2(flat[2, 0], flat[0, 0])) <= patches.TURN + 1e-5


def test_shading_changes_maps_one_by_one_and_the_same_draw_the_same_way() -> None:
    patch = torch.full((1, 2, 6, 6, 6), 0.5)
    first, again = (shaded(patch, torch.Generator().manual_seed(5)) for _ in range(2))
    torch.testing.assert_close(first, again)
    assert first.shape == patch.shape
    assert (first[:, 0] - first[:, 1]).abs().mean() > 0.01
    assert first.min() > 0.2
    assert first.max() < 1.0


def test_the_image_is_not_changed(grid: Grid) -> None:
    points = marks_within(grid, 20)
    drawer = drawer_of(grid, points)
    before = drawer.images[0][0].clone()
    drawer.draw(5, torch.Generator().manual_seed(0))
    assert torch.equal(drawer.images[0][0], before)
    torch.testing.assert_close(sample_linear(before, grid, points), points, atol=1e-3, rtol=0.0)
