"""VTK's images and matrices as numpy arrays: `(k, j, i)` order, RAS millimetres."""

from __future__ import annotations

import numpy as np
import vtk
from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

SCALARS = "ImageScalars"
"""What VTK calls the voxels of an image; Slicer's DICOM export takes a segment for empty whose voxels are called otherwise."""


def arrayFromMatrix(matrix: vtk.vtkMatrix4x4) -> np.ndarray:
    """The matrix, (4, 4) float64."""
    return np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])


def matrixFromArray(array: np.ndarray) -> vtk.vtkMatrix4x4:
    """A VTK matrix of a (4, 4) array."""
    matrix = vtk.vtkMatrix4x4()
    matrix.DeepCopy(np.asarray(array, dtype=np.float64).ravel().tolist())
    return matrix


def arrayFromImage(image: vtk.vtkImageData) -> np.ndarray:
    """Voxels, (D, H, W), or (D, H, W, components) where there are several; a view of VTK's memory, valid as long as the image."""
    scalars = image.GetPointData().GetScalars()
    shape = image.GetDimensions()[::-1]
    components = scalars.GetNumberOfComponents()
    return vtk_to_numpy(scalars).reshape(shape if components == 1 else (*shape, components))


def fillImage(image: vtk.vtkImageData, array: np.ndarray) -> None:
    """Give an image the voxels of an array, (D, H, W), copied."""
    image.SetDimensions(*array.shape[::-1])
    scalars = numpy_to_vtk(np.ascontiguousarray(array).ravel(), deep=True)
    scalars.SetName(SCALARS)
    image.GetPointData().SetScalars(scalars)
