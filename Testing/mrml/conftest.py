"""Real MRML without the application: Slicer's own scene, nodes and logics from the wheel `slicer-core`.

Any error that VTK or MRML prints fails the test that caused it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import slicer
import vtk
from host.complaints import collected
from host.python_modules import install_python_modules

from SemanticSegLib.nodes.VolumeNodes import addVolume
from semseg_core.geometry import Grid

install_python_modules()

from mrml.result_bench import bench, plain_bench  # noqa: E402, F401 - as below
from mrml.scribble_desk import desk, new_desk, plain  # noqa: E402, F401 - the module needs Slicer's Python


@pytest.fixture(autouse=True)
def vtk_errors() -> Iterator[list[str]]:
    """What VTK and MRML complained about; must be empty at the end, so a test that expects complaints clears it."""
    with collected() as complaints:
        yield complaints


@pytest.fixture
def new_scene(tmp_path: Path) -> Callable[[], slicer.vtkMRMLScene]:
    """Makes scenes with the logics the application would have: colors, segmentations, volumes, and a place to unpack bundles."""
    logics = []

    def make() -> slicer.vtkMRMLScene:
        scene = slicer.vtkMRMLScene()
        application = slicer.vtkSlicerApplicationLogic()
        application.SetMRMLScene(scene)
        colors = application.GetColorLogic()
        colors.SetMRMLScene(scene)
        colors.AddDefaultColorNodes()
        segmentations = slicer.vtkSlicerSegmentationsModuleLogic()
        segmentations.SetMRMLApplicationLogic(application)
        segmentations.SetMRMLScene(scene)
        cache = slicer.vtkCacheManager()
        folder = tmp_path / f"cache{len(logics)}"
        folder.mkdir()
        cache.SetRemoteCacheDirectory(str(folder))
        storage = slicer.vtkDataIOManager()
        storage.SetCacheManager(cache)
        scene.SetDataIOManager(storage)
        scene.SetCacheManager(cache)
        logics.append((application, segmentations, storage))
        return scene

    return make


@pytest.fixture
def scene(new_scene: Callable[[], slicer.vtkMRMLScene]) -> slicer.vtkMRMLScene:
    """An empty scene."""
    return new_scene()


def affine(spacing: tuple[float, float, float], degrees: float, origin: tuple[float, float, float], flip: int = 1) -> np.ndarray:
    """IJK to RAS: spacing (i, j, k) in mm, turned about R and then S, k reversed where `flip` is -1."""
    turn = np.deg2rad(degrees)
    about_s = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    about_r = np.array([[1, 0, 0], [0, np.cos(turn), -np.sin(turn)], [0, np.sin(turn), np.cos(turn)]])
    matrix = np.eye(4)
    matrix[:3, :3] = about_s @ about_r @ np.diag((*spacing[:2], flip * spacing[2]))
    matrix[:3, 3] = origin
    return matrix


GRIDS = {
    "axis-aligned": affine((1.0, 1.0, 1.0), 0.0, (0.0, 0.0, 0.0)),
    "oblique and anisotropic": affine((0.7, 1.3, 2.5), 20.0, (-31.0, 12.5, 7.25)),
    "left-handed": affine((1.0, 1.0, 2.0), 35.0, (5.0, -40.0, 80.0), flip=-1),
}


@pytest.fixture(params=GRIDS)
def grid(request: pytest.FixtureRequest) -> Grid:
    """Grids of 9 × 11 × 13 voxels (k, j, i) of every kind."""
    return Grid((9, 11, 13), GRIDS[request.param])


@pytest.fixture
def volume_node(scene: slicer.vtkMRMLScene, grid: Grid) -> slicer.vtkMRMLScalarVolumeNode:
    """A volume of noise on the grid."""
    return addVolume(scene, "T1", np.random.default_rng(0).normal(100.0, 20.0, grid.shape).astype(np.float32), grid)


@pytest.fixture
def add_transform(scene: slicer.vtkMRMLScene) -> Callable[[np.ndarray], slicer.vtkMRMLLinearTransformNode]:
    """Adds a linear transform node of a 4 × 4 matrix."""

    def add(matrix: np.ndarray) -> slicer.vtkMRMLLinearTransformNode:
        node = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "turned")
        to_parent = vtk.vtkMatrix4x4()
        to_parent.DeepCopy(matrix.ravel().tolist())
        node.SetMatrixTransformToParent(to_parent)
        return node

    return add
