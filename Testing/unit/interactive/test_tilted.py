"""Slices at an angle: where their voxels lie."""

from __future__ import annotations

import numpy as np
import pytest

from semseg_core.errors import InputError
from semseg_core.geometry import Grid
from semseg_core.interactive.tilted import tilted_grid


def test_voxels_lie_in_the_plane_above_those_of_the_straight_slice(oblique_grid: Grid) -> None:
    tilted = tilted_grid(oblique_grid, 1, 0.5, 0.25, -0.5)  # across j, rising with k and falling with i
    depth, rows, columns = oblique_grid.shape
    assert tilted.shape == (depth, 1, columns)
    for k, i in ((0, 0), (2, 3), (depth - 1, columns - 1)):
        expected = oblique_grid.index_to_ras(np.array([[k, 0.5 + 0.25 * k - 0.5 * i, i]]))
        np.testing.assert_allclose(tilted.index_to_ras(np.array([[k, 0, i]])), expected, atol=1e-9)


def test_an_axis_that_is_none_is_told(oblique_grid: Grid) -> None:
    with pytest.raises(InputError, match="axis 3"):
        tilted_grid(oblique_grid, 3, 0.0, 0.0, 0.0)
