"""Which slices of a volume a slice view shows: straight ones, those at an angle, and none."""

from __future__ import annotations

import numpy as np
import pytest
import slicer

from SemanticSegLib.nodes.VisibleSlices import visibleSlices
from semseg_core.geometry import Grid

SHAPE = (10, 20, 30)
GRID = Grid(SHAPE, np.array([[2.0, 0, 0, -20], [0, 1.0, 0, 5], [0, 0, 3.0, 40], [0, 0, 0, 1]]))


@pytest.fixture
def view_at(scene: slicer.vtkMRMLScene):
    """Adds a view of an orientation through a point, RAS millimeters."""
    slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(scene, True)

    def add(orientation: str, point: tuple[float, float, float], mapped: bool = True) -> slicer.vtkMRMLSliceNode:
        view = scene.CreateNodeByClass("vtkMRMLSliceNode")
        view.UnRegister(None)
        view.SetLayoutName(f"{orientation}{scene.GetNumberOfNodes()}")
        scene.AddNode(view)
        view.SetOrientation(orientation)
        view.JumpSliceByOffsetting(*point)
        view.SetMappedInLayout(mapped)
        return view

    return add


def test_three_views_show_a_slice_of_each_axis(scene, view_at):
    (point,) = GRID.index_to_ras(np.array([[4.2, 11.0, 22.6]]))
    for orientation in ("Axial", "Coronal", "Sagittal"):
        view_at(orientation, tuple(point))
    assert visibleSlices(scene, GRID) == ((0, 4), (1, 11), (2, 23))


def test_a_view_beside_the_volume_or_not_on_the_screen_shows_none(scene, view_at):
    view_at("Axial", (0.0, 0.0, -100.0))
    view_at("Axial", (0.0, 0.0, 40.0), mapped=False)
    assert visibleSlices(scene, GRID) == ()


def test_the_first_and_the_last_slice_are_seen_to_their_edges(scene, view_at):
    view_at("Axial", (0.0, 0.0, 40.0 - 1.4))
    view_at("Axial", (0.0, 0.0, 40.0 + 9 * 3.0 + 1.4))
    assert visibleSlices(scene, GRID) == ((0, 0), (0, 9))


def test_a_volume_that_was_acquired_obliquely_is_cut_at_an_angle(scene, view_at):
    angle = np.deg2rad(20.0)
    turned = np.eye(4)
    turned[1:3, 1:3] = (np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))
    grid = Grid(SHAPE, turned @ GRID.ijk_to_ras)
    (center,) = grid.index_to_ras((np.array([SHAPE]) - 1) / 2)
    view_at("Axial", tuple(center))
    ((axis, start, along_j, along_i),) = visibleSlices(scene, grid)
    assert axis == 0
    assert along_i == pytest.approx(0.0, abs=1e-9)
    j = np.array([0.0, 7.0, 19.0])
    places = np.column_stack([start + along_j * j, j, np.full(3, 5.0)])
    np.testing.assert_allclose(grid.index_to_ras(places)[:, 2], center[2], atol=1e-6)  # all in the plane of the view
