"""The overlay of the live preview: codes for values, slices at an angle, parts of a volume."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import slicer

from SemanticSegLib.nodes.Arrays import arrayFromImage
from SemanticSegLib.nodes.PreviewOverlay import PreviewOverlay
from SemanticSegLib.nodes.VolumeNodes import addVolume
from semseg_core.geometry import Grid
from semseg_core.interactive.arrays import ShownSlice, write_volume
from semseg_core.labels.tree import LabelTree

SHAPE = (8, 10, 12)


@pytest.fixture
def volume(scene: slicer.vtkMRMLScene) -> slicer.vtkMRMLScalarVolumeNode:
    return addVolume(scene, "Head", np.zeros(SHAPE, np.int16), Grid(SHAPE, np.eye(4)))


def names(overlay: PreviewOverlay) -> np.ndarray:
    """The name of what each voxel shows."""
    table = overlay.node.GetDisplayNode().GetColorNode()
    told = np.array([table.GetColorName(code) for code in range(table.GetNumberOfColors())])
    return told[arrayFromImage(overlay.node.GetImageData())]


def shown(axis: int, index: float, value: int, *rises: float) -> ShownSlice:
    flat = tuple(size for along, size in enumerate(SHAPE) if along != axis)
    return ShownSlice(axis, index, np.full(flat, value), np.ones(flat), rises or (0.0, 0.0))


def test_values_of_any_size_become_names_and_strange_ones_unknown(scene, volume, brain_tree: LabelTree, tmp_path):
    large = LabelTree(tuple(replace(label, value=label.value * 10**8) for label in brain_tree), title="large")
    overlay = PreviewOverlay(scene, volume, None, large, ())
    values = np.full(SHAPE, 5 * 10**8)
    values[3:] = 7 * 10**8  # no label has it
    write_volume(tmp_path / "volume.npz", values, np.ones(SHAPE))
    assert len(list(overlay.showing(tmp_path / "volume.npz"))) == 1
    assert (names(overlay)[:3] == "right").all()
    assert (names(overlay)[3:] == "unknown").all()
    overlay.remove()
    assert not scene.GetNumberOfNodesByClass("vtkMRMLLabelMapVolumeNode")


def test_codes_stay_what_they_are_when_labels_come_and_go(scene, volume, brain_tree: LabelTree):
    overlay = PreviewOverlay(scene, volume, None, brain_tree, ())
    overlay.showSlices([shown(0, 2, 6)])
    without = LabelTree(tuple(label for label in brain_tree if label.name != "right"), title="less")
    overlay.color(without, ())
    assert (names(overlay)[2] == "fluid").all()
    overlay.showSlices([shown(1, 4, 4)])
    assert (names(overlay)[:, 4] == "white matter").all()
    assert (names(overlay)[2, 5:] == "fluid").all()


def test_a_slice_at_an_angle_covers_every_voxel_its_plane_passes(scene, volume, brain_tree: LabelTree):
    overlay = PreviewOverlay(scene, volume, None, brain_tree, ())
    overlay.showSlices([shown(0, 1.0, 5, 0.3, 0.35)])
    j, i = np.meshgrid(np.linspace(0, 9, 60), np.linspace(0, 11, 60), indexing="ij")
    plane = np.stack([1.0 + 0.3 * j + 0.35 * i, j, i], axis=-1).reshape(-1, 3)
    met = np.rint(plane).astype(int)
    met = met[met[:, 0] < SHAPE[0]]
    assert (names(overlay)[tuple(met.T)] == "right").all()
    assert (names(overlay) == "right").mean() < 0.4


def test_what_lay_in_the_label_layer_comes_back(scene, volume, brain_tree: LabelTree):
    own = scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "Mine")
    view = scene.AddNewNodeByClass("vtkMRMLSliceCompositeNode")
    view.SetLabelVolumeID(own.GetID())
    view.SetLabelOpacity(0.8)
    overlay = PreviewOverlay(scene, volume, None, brain_tree, ())
    assert view.GetLabelVolumeID() == overlay.node.GetID()
    overlay.remove()
    assert (view.GetLabelVolumeID(), view.GetLabelOpacity()) == (own.GetID(), 0.8)
