"""A scene written as a bundle and opened in another scene is the same scene."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import slicer
import vtk

from SemanticSegLib.nodes.Arrays import arrayFromImage
from SemanticSegLib.nodes.SceneFiles import saveScene
from SemanticSegLib.nodes.SegmentationNodes import addSegmentation, marksFromSegmentation
from SemanticSegLib.nodes.TreeNodes import addTree, readTree, treeNodes
from SemanticSegLib.nodes.VolumeNodes import addConfidenceVolume, volumeFromNodes, volumeGrid
from semseg_core.errors import InputError
from semseg_core.labels.tree import Code, Label, LabelTree, Terminology

TAGS = ("SemanticSeg.LabelId", "SemanticSeg.Path", "TerminologyEntry", "DICOM.SegmentAlgorithmType", "DICOM.SegmentAlgorithmName")


@pytest.fixture
def tree() -> LabelTree:
    """Names and codes that file formats like to trip over."""
    liver = Terminology(Code("SCT", "123037004", "Anatomical Structure"), Code("SCT", "10200004", "Liver"))
    names = ("left/right is forbidden".replace("/", "|"), 'a:b; "c" & <d>', "größe 100 %", "Ωmega ~^")
    inner = Label(2, "organs", 20, parent=1, color=(0.2, 0.4, 0.6))
    leaves = [Label(n, name, n, parent=2, color=(0.1 * n, 0.5, 0.25), terminology=liver) for n, name in enumerate(names, start=3)]
    return LabelTree((Label(1, "body", 10), inner, *leaves), title="trip | wires")


def described(node: slicer.vtkMRMLSegmentationNode) -> list[tuple]:
    """Everything about the segments but their voxels."""
    segmentation = node.GetSegmentation()
    segments = [segmentation.GetNthSegment(index) for index in range(segmentation.GetNumberOfSegments())]
    ids = [segmentation.GetNthSegmentID(index) for index in range(segmentation.GetNumberOfSegments())]
    return [
        (segment_id, segment.GetName(), np.round(segment.GetColor(), 5).tolist(), segment.GetLabelValue(), tags_of(segment))
        for segment_id, segment in zip(ids, segments, strict=True)
    ]


def tags_of(segment: slicer.vtkSegment) -> dict[str, str]:
    found = {}
    for tag in TAGS:
        text = vtk.mutable("")
        if segment.GetTag(tag, text):
            found[tag] = str(text)
    # Slicer gives a segment without codes those of "Tissue" when it saves; it says nothing about the label.
    return {tag: text for tag, text in found.items() if "^Tissue~" not in text}


def placed(array: np.ndarray, grid) -> np.ndarray:
    """Values other than 0 with their places, (N, 4), sorted: the same whichever way the axes run."""
    indices = np.argwhere(array)
    rows = np.column_stack([np.round(grid.index_to_ras(indices), 3) + 0.0, array[tuple(indices.T)]])
    return rows[np.lexsort(rows.T)]


def test_a_scene_is_read_back_equal(scene, new_scene, volume_node, grid, tree, tmp_path, add_transform):
    rng = np.random.default_rng(3)
    turn = np.eye(4)
    turn[:3, :3] = [[0.8, -0.6, 0.0], [0.6, 0.8, 0.0], [0.0, 0.0, 1.0]]
    volume_node.SetAndObserveTransformNodeID(add_transform(turn).GetID())
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    hierarchy.CreateItem(hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), "patient"), volume_node)
    drawn = np.where(rng.random(grid.shape) < 0.05, rng.integers(1, 7, grid.shape), 0)
    nodes = {
        "scribbles": addSegmentation(scene, "scribbles", drawn, volume_node, tree, "MANUAL"),
        "result": addSegmentation(scene, "result", rng.integers(0, 7, grid.shape), volume_node, tree),
    }
    confidence = addConfidenceVolume(scene, "confidence", rng.random(grid.shape), volume_node)
    addTree(scene, tree)
    saveScene(scene, tmp_path / "scene.mrb")

    opened = new_scene()
    assert opened.ReadFromMRB(str(tmp_path / "scene.mrb"), True)
    assert [readTree(node) for node in treeNodes(opened)] == [tree]
    volume = opened.GetFirstNodeByName("T1")
    before, after = volumeFromNodes([volume_node]), volumeFromNodes([volume])
    # Slicer's reader makes left-handed axes right-handed by reversing one: other indices, the same places.
    np.testing.assert_allclose(placed(after.array[0], after.grid), placed(before.array[0], before.grid), atol=2e-3)
    assert after.grid.shape == grid.shape
    for name, node in nodes.items():
        again = opened.GetFirstNodeByName(name)
        assert described(again) == described(node)
        marks, read = marksFromSegmentation(node, volume_node, tree).marks, marksFromSegmentation(again, volume, tree)
        assert read.notes == ()
        np.testing.assert_allclose(
            placed(read.marks.to_label_map(tree), read.marks.grid), placed(marks.to_label_map(tree), marks.grid), atol=2e-3
        )
        assert again.GetParentTransformNode() is volume.GetParentTransformNode() is not None
    shown = opened.GetFirstNodeByName("confidence")
    np.testing.assert_allclose(
        placed(arrayFromImage(shown.GetImageData()), volumeGrid(shown)),
        placed(arrayFromImage(confidence.GetImageData()), volumeGrid(confidence)),
        atol=2e-3,
    )
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(opened)
    parents = {hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node)) for node in (volume, shown, again)}
    assert [hierarchy.GetItemName(parent) for parent in parents] == ["patient"]


def test_an_earlier_scene_is_replaced_whole_or_not_at_all(scene, tmp_path):
    path = tmp_path / "scene.mrb"
    saveScene(scene, path)
    first = path.read_bytes()

    class HalfWritten:
        """A scene whose disk fills up halfway."""

        def WriteToMRB(self, name: str, thumbnail: None, messages: slicer.vtkMRMLMessageCollection) -> bool:
            del thumbnail
            Path(name).write_bytes(b"PK half")
            messages.AddMessage(vtk.vtkCommand.ErrorEvent, "no space left")
            return False

    with pytest.raises(InputError, match="scene .*scene.mrb: .*no space left.*free some disk space"):
        saveScene(HalfWritten(), path)
    assert path.read_bytes() == first
    assert [entry.name for entry in tmp_path.iterdir() if not entry.name.startswith("cache")] == ["scene.mrb"]


def test_only_a_bundle_in_an_existing_folder_can_be_written(scene, tmp_path):
    with pytest.raises(InputError, match=r"\.mrb"):
        saveScene(scene, tmp_path / "scene.mrml")
    with pytest.raises(InputError, match="cannot be written"):
        saveScene(scene, tmp_path / "nowhere" / "scene.mrb")
