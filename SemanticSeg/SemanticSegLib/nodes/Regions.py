"""Where a mask is: the box around it, and its connected regions."""

from __future__ import annotations

import numpy as np
import vtk

from SemanticSegLib.nodes.Arrays import arrayFromImage, fillImage


def bounds(mask: np.ndarray) -> tuple[slice, slice, slice] | None:
    """The smallest box around all nonzero voxels, (D, H, W); None where there are none."""
    rows = mask.any(axis=2)
    found = []
    for there in (rows.any(axis=1), rows.any(axis=0)):
        places = np.flatnonzero(there)
        if not len(places):
            return None
        found.append(slice(int(places[0]), int(places[-1]) + 1))
    places = np.flatnonzero(mask[tuple(found)].any(axis=(0, 1)))
    return found[0], found[1], slice(int(places[0]), int(places[-1]) + 1)


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
