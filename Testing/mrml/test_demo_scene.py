"""The demo's scene, written by the demo and opened again: it shows the image in all views, and everything lies on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from SemanticSegLib.nodes.SegmentationNodes import marksFromSegmentation
from SemanticSegLib.nodes.TreeNodes import readTree, treeNodes
from SemanticSegLib.nodes.VolumeNodes import volumeFromNodes

TOOLS = Path(__file__).resolve().parents[2] / "tools"


@pytest.fixture
def opened(phantom, new_scene, tmp_path, monkeypatch):
    """The scene of the phantom, with its truth as the result."""
    monkeypatch.syspath_prepend(TOOLS)
    import scene as demo_scene

    confidence = np.where(phantom.truth > 0, 0.9, 0.1)
    arguments = (phantom.volume, phantom.tree, phantom.marks, phantom.truth, confidence)
    demo_scene.write_scene(tmp_path / "scene.mrb", "head", *arguments)
    opened = new_scene()
    assert opened.ReadFromMRB(str(tmp_path / "scene.mrb"), True)
    return opened


def test_image_scribbles_result_and_tree_come_back(opened, phantom):
    image = opened.GetFirstNodeByName("head")
    assert [readTree(node) for node in treeNodes(opened)] == [phantom.tree]
    assert volumeFromNodes([image]).grid.same_as(phantom.volume.grid)
    np.testing.assert_allclose(volumeFromNodes([image]).array, phantom.volume.array)
    scribbles = marksFromSegmentation(opened.GetFirstNodeByName("scribbles"), image, phantom.tree)
    result = marksFromSegmentation(opened.GetFirstNodeByName("result"), image, phantom.tree)
    assert scribbles.notes == result.notes == ()
    assert scribbles.marks.counts() == phantom.marks.counts()
    label_ids = np.zeros(phantom.truth.shape, dtype=int)
    label_ids[tuple(result.marks.indices.T)] = result.marks.label_ids
    np.testing.assert_array_equal(label_ids, phantom.truth)


def test_every_slice_view_shows_the_image_and_can_fade_in_the_confidence(opened):
    image, confidence = opened.GetFirstNodeByName("head"), opened.GetFirstNodeByName("confidence")
    for name, orientation in (("Red", "Axial"), ("Green", "Coronal"), ("Yellow", "Sagittal")):
        layers = opened.GetSingletonNode(name, "vtkMRMLSliceCompositeNode")
        assert opened.GetSingletonNode(name, "vtkMRMLSliceNode").GetOrientation() == orientation
        assert layers.GetBackgroundVolumeID() == image.GetID()
        assert layers.GetForegroundVolumeID() == confidence.GetID()
        assert layers.GetForegroundOpacity() == 0.0


def test_the_result_has_surfaces_and_the_scribbles_have_none_in_3d(opened):
    result, scribbles = opened.GetFirstNodeByName("result"), opened.GetFirstNodeByName("scribbles")
    assert result.GetSegmentation().ContainsRepresentation("Closed surface")
    assert not scribbles.GetDisplayNode().GetVisibility3D()
