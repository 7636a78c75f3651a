"""Connected regions of a mask."""

from __future__ import annotations

import numpy as np
import vtk

from SemanticSegLib.nodes.Arrays import arrayFromImage, fillImage


def regionAt(mask: np.ndarray, voxel: tuple[int, int, int]) -> np.ndarray:
    """The part of a mask, (D, H, W) bool, connected face to face with a voxel `(k, j, i)`; empty where that is outside."""
    if not mask[voxel]:
        return np.zeros_like(mask)
    image = vtk.vtkImageData()
    fillImage(image, mask.astype(np.uint8))
    seeds = vtk.vtkPoints()
    seeds.InsertNextPoint(*voxel[::-1])
    fill = vtk.vtkImageThresholdConnectivity()
    fill.SetInputData(image)
    fill.SetSeedPoints(seeds)
    fill.ThresholdByUpper(1)
    fill.SetInValue(1)
    fill.SetOutValue(0)
    fill.ReplaceInOn()
    fill.ReplaceOutOn()
    fill.Update()
    return arrayFromImage(fill.GetOutput()).astype(bool)
