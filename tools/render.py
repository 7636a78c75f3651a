"""A 3D view of a segmentation, drawn by VTK in a process of its own.

VTK ends the process where OpenGL is missing or broken, so this file is started as a program: `render_surfaces` starts it and
looks at what came of it.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from vtkmodules.vtkCommonDataModel import vtkPolyData
    from vtkmodules.vtkRenderingCore import vtkRenderer

PIXELS = 1500
PATIENCE_S = 90
CUT_ABOVE = 0.3
"""A result that fills more of its box than this hides its inside, so that a corner is cut out of it."""

SMOOTHING_VOX = 1.2
MOST_VOXELS = 8_000_000

LOOK_FROM = np.array((-0.55, 1.0, 0.62))
"""From the left, the front and above, in RAS."""


def render_surfaces(
    label_ids: np.ndarray, ijk_to_ras: np.ndarray, colors: dict[int, tuple[float, float, float]], background: tuple[float, ...]
) -> np.ndarray | None:
    """A picture, (rows, columns, 3) uint8, of the surfaces of all labels.

    It is None where there is nothing to draw, or 3D cannot be drawn on this machine.

    Args:
        label_ids: Label ids, (D, H, W); 0 is drawn as empty.
        ijk_to_ras: Where they lie, 4×4, millimeters.
        colors: Red, green, blue in 0…1 by label id.
        background: Red, green, blue in 0…1.
    """
    from PIL import Image

    if not label_ids.any():
        return None
    with tempfile.TemporaryDirectory() as folder:
        scene, picture = Path(folder) / "surfaces.npz", Path(folder) / "surfaces.png"
        found = sorted(set(np.unique(label_ids).tolist()) - {0})
        numbers = np.searchsorted([0, *found], label_ids).astype(np.uint16)
        table = np.array([colors[label_id] for label_id in found]).reshape(-1, 3)
        np.savez(scene, numbers=numbers, ijk_to_ras=ijk_to_ras, colors=table, background=background)
        try:
            subprocess.run([sys.executable, __file__, scene, picture], check=True, capture_output=True, timeout=PATIENCE_S)
            with Image.open(picture) as image:
                return np.asarray(image.convert("RGB"))
        except (subprocess.SubprocessError, OSError):
            return None


def main(scene: str, picture: str) -> None:
    """Draw what a file says into another."""
    from slices import smoothed

    with np.load(scene) as content:
        numbers, ijk_to_ras, colors, background = (content[name] for name in ("numbers", "ijk_to_ras", "colors", "background"))
    numbers, ijk_to_ras = tight(*thinned(numbers, ijk_to_ras))
    if (numbers > 0).mean() > CUT_ABOVE:
        numbers = without_corner(numbers, ijk_to_ras)
    photograph(surfaces_of(smoothed(numbers, SMOOTHING_VOX), ijk_to_ras, colors), tuple(background), picture)


def thinned(numbers: np.ndarray, ijk_to_ras: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every second, third… voxel along all axes of a large volume, so that drawing takes seconds."""
    step = int(np.ceil((numbers.size / MOST_VOXELS) ** (1 / 3)))
    return numbers[::step, ::step, ::step], ijk_to_ras @ np.diag((step, step, step, 1))


def tight(numbers: np.ndarray, ijk_to_ras: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The smallest box around all labels, one empty voxel wider on each side so that every surface is closed."""
    places = np.argwhere(numbers)
    first, stop = places.min(axis=0), places.max(axis=0) + 1
    boxed = np.pad(numbers[tuple(map(slice, first, stop))], 1)
    shift = np.eye(4)
    shift[:3, 3] = first[::-1] - 1
    return boxed, ijk_to_ras @ shift


def without_corner(numbers: np.ndarray, ijk_to_ras: np.ndarray) -> np.ndarray:
    """The labels without the corner nearest to the viewer: in front of the middle, above it, and to the viewer's left."""
    grid = np.stack(np.meshgrid(*(np.arange(size) for size in numbers.shape), indexing="ij"), axis=-1)[..., ::-1]
    ras = grid @ ijk_to_ras[:3, :3].T + ijk_to_ras[:3, 3]
    middle = ras[numbers > 0].mean(axis=0)
    cut = (ras[..., 0] > middle[0]) & (ras[..., 1] > middle[1]) & (ras[..., 2] > middle[2])
    return np.where(cut, 0, numbers)


def surfaces_of(numbers: np.ndarray, ijk_to_ras: np.ndarray, colors: np.ndarray) -> vtkPolyData:
    """The surfaces of the labels 1, 2, …, in millimeters, each in the color of its row."""
    import vtk
    from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

    image = vtk.vtkImageData()
    image.SetDimensions(*numbers.shape[::-1])
    image.GetPointData().SetScalars(numpy_to_vtk(np.ascontiguousarray(numbers).ravel(), deep=True))
    # Surface nets give the boundaries between all labels at once, smooth and without gaps where labels meet.
    nets = vtk.vtkSurfaceNets3D()
    nets.SetInputData(image)
    nets.GenerateLabels(len(colors), 1, len(colors))
    nets.SetOutputStyleToBoundary()
    nets.SmoothingOn()
    nets.SetNumberOfIterations(24)
    nets.SetRelaxationFactor(0.4)
    matrix = vtk.vtkMatrix4x4()
    matrix.DeepCopy(ijk_to_ras.ravel().tolist())
    to_ras = vtk.vtkTransform()
    to_ras.SetMatrix(matrix)
    placed = vtk.vtkTransformPolyDataFilter()
    placed.SetInputConnection(nets.GetOutputPort())
    placed.SetTransform(to_ras)
    normals = vtk.vtkPolyDataNormals()
    normals.SetInputConnection(placed.GetOutputPort())
    normals.SetFeatureAngle(70.0)
    normals.ConsistencyOff()
    normals.Update()
    surface = normals.GetOutput()
    # Each triangle knows the labels on its two sides; it is seen in the color of the one that is not empty.
    sides = vtk_to_numpy(surface.GetCellData().GetArray("BoundaryLabels")).astype(int)
    seen = np.where(sides[:, 0] > 0, sides[:, 0], sides[:, 1])
    painted = (np.vstack([np.zeros(3), colors])[seen] * 255).astype(np.uint8)
    surface.GetCellData().SetScalars(numpy_to_vtk(painted, deep=True))
    return surface


def photograph(surface: vtkPolyData, background: tuple[float, ...], picture: str) -> None:
    """Draw a surface in the colors of its cells and write a PNG."""
    import vtk

    mapper = vtk.vtkPolyDataMapper()
    mapper.SetInputData(surface)
    mapper.SetScalarModeToUseCellData()
    actor = vtk.vtkActor()
    actor.SetMapper(mapper)
    look = actor.GetProperty()
    look.SetInterpolationToPhong()
    look.SetAmbient(0.16)
    look.SetDiffuse(0.84)
    look.SetSpecular(0.16)
    look.SetSpecularPower(28.0)
    renderer = vtk.vtkRenderer()
    renderer.SetBackground(*background)
    renderer.AddActor(actor)
    _light(renderer)
    _aim(renderer, surface)
    window = vtk.vtkRenderWindow()
    window.SetOffScreenRendering(1)
    window.SetMultiSamples(8)
    window.SetSize(PIXELS, PIXELS)
    window.AddRenderer(renderer)
    window.Render()
    grab = vtk.vtkWindowToImageFilter()
    grab.SetInput(window)
    grab.ReadFrontBufferOff()
    writer = vtk.vtkPNGWriter()
    writer.SetInputConnection(grab.GetOutputPort())
    writer.SetFileName(picture)
    writer.Write()


def _light(renderer: vtkRenderer) -> None:
    """A key light from above, a soft fill and two back lights, as a photographer would set them."""
    import vtk

    kit = vtk.vtkLightKit()
    kit.SetKeyLightIntensity(0.95)
    kit.SetKeyToFillRatio(2.4)
    kit.SetKeyToHeadRatio(4.0)
    kit.SetKeyToBackRatio(3.0)
    kit.SetKeyLightAngle(38.0, 22.0)
    kit.AddLightsToRenderer(renderer)


def _aim(renderer: vtkRenderer, surface: vtkPolyData) -> None:
    """Look at the middle of the surface from `LOOK_FROM`, the head up, and fill the picture."""
    middle = np.array(surface.GetCenter())
    camera = renderer.GetActiveCamera()
    camera.SetFocalPoint(*middle)
    camera.SetPosition(*(middle + LOOK_FROM * surface.GetLength() * 2))
    camera.SetViewUp(0, 0, 1)
    camera.SetViewAngle(22)
    renderer.ResetCamera()
    camera.Zoom(1.32)
    renderer.ResetCameraClippingRange()


if __name__ == "__main__":
    main(*sys.argv[1:])
