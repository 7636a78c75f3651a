"""What is made of a result for looking at it: confidence map and surfaces."""

from __future__ import annotations

import numpy as np
import pytest
from mrml.result_bench import FLUID, LEFT, nodes_of, paths_on

from SemanticSegLib.nodes.Arrays import arrayFromImage
from SemanticSegLib.nodes.SurfaceNodes import surfacesOf
from SemanticSegLib.nodes.VolumeNodes import volumeGrid

# Confidence


def test_the_confidence_map_follows_the_slider_and_lies_over_the_image(bench, brain_tree):
    view = bench.scene.AddNewNodeByClass("vtkMRMLSliceCompositeNode")
    bench.show(paths_on(bench.volume, brain_tree))
    bench.settings(confidenceShown=True)
    node = bench.parameters.confidence
    assert view.GetForegroundVolumeID() == node.GetID()
    assert arrayFromImage(node.GetImageData())[:, 0, 0] == pytest.approx([0.6] * 4 + [0.8] * 3 + [0.0] * 2)
    assert volumeGrid(node).same_as(volumeGrid(bench.volume))
    bench.settings(certainty=0.7)
    assert bench.parameters.confidence is node
    assert arrayFromImage(node.GetImageData())[0, 0, 0] == pytest.approx(0.9)
    bench.settings(confidenceShown=False)
    assert view.GetForegroundVolumeID() is None


# Surfaces


def test_surfaces_are_made_one_by_one_for_the_groups_that_are_not_hidden(bench, brain_tree):
    node = bench.show(paths_on(bench.volume, brain_tree))
    bench.settings(surfacesShown=True)
    surfaces = {model.GetName(): model for model in surfacesOf(node)}
    assert sorted(surfaces) == ["fluid", "left"], "the groups of level 1 that have voxels"
    model = surfaces["left"]
    assert model.GetDisplayNode().GetColor() == pytest.approx(brain_tree[LEFT].color)
    grid = volumeGrid(bench.volume)
    corners = grid.index_to_ras(np.array([[k, j, i] for k in (-0.5, 3.5) for j in (-0.5, 10.5) for i in (-0.5, 12.5)]))
    bounds = np.array(model.GetPolyData().GetBounds()).reshape(3, 2)
    assert (bounds[:, 0] >= corners.min(axis=0) - 0.1).all()
    assert (bounds[:, 1] <= corners.max(axis=0) + 0.1).all()
    center = corners.mean(axis=0)
    assert np.abs(bounds.mean(axis=1) - center).max() < np.abs(np.ptp(corners, axis=0)).max() / 4
    bench.labels.setVisible([FLUID], False)
    bench.settings(surfacesShown=True)
    assert [model.GetName() for model in surfacesOf(node)] == ["left"]
    bench.settings(level="leaf")
    assert [model.GetName() for model in surfacesOf(node)] == ["cortex"], "they follow the level"
    bench.settings(surfacesShown=False)
    assert surfacesOf(node) == ()
    assert nodes_of(bench.scene, "vtkMRMLModelNode") == []
