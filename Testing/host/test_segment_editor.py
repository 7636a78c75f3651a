"""The imitation of qMRMLSegmentEditorWidget, and strokes through the real logic of the segment editor."""

from __future__ import annotations

import numpy as np
import pytest
import slicer

from . import strict
from .gestures import click, press
from .painting import paint, world


@pytest.fixture
def segmentation(slicer_scene, head_volume):
    node = slicer_scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    node.SetReferenceImageGeometryParameterFromVolumeNode(head_volume)
    for name in ("one", "two"):
        node.GetSegmentation().AddEmptySegment(name, name)
    return node


@pytest.fixture
def editor(slicer_scene, segmentation, head_volume):
    widget = slicer.qMRMLSegmentEditorWidget()
    widget.setMRMLScene(slicer_scene)
    widget.setMRMLSegmentEditorNode(slicer_scene.AddNewNodeByClass("vtkMRMLSegmentEditorNode"))
    widget.setSegmentationNode(segmentation)
    widget.setSourceVolumeNode(head_volume)
    widget.setCurrentSegmentID("one")
    widget.setActiveEffectByName("Paint")
    effect = widget.activeEffect()
    effect.setCommonParameter("BrushDiameterIsRelative", 0)
    effect.setCommonParameter("BrushAbsoluteDiameter", 10.0)
    return widget


@pytest.fixture
def voxels(segmentation, head_volume):
    return lambda name: slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, name, head_volume) > 0


def button(editor, name):
    return slicer.util.findChild(editor, name)


def test_a_flat_brush_marks_a_disk_of_one_slice(editor, voxels, head_volume):
    paint(editor, [world(head_volume, 16, 18, 14)])
    k, j, i = np.nonzero(voxels("one"))
    assert set(k) == {14}
    assert np.hypot(2.5 * (j - 18), 2.5 * (i - 16)).max() == 5.0
    assert len(k) == 13


def test_a_ball_marks_all_within_its_radius(editor, voxels, head_volume):
    editor.activeEffect().setCommonParameter("BrushSphere", 1)
    paint(editor, [world(head_volume, 16, 18, 14)])
    k, j, i = np.nonzero(voxels("one"))
    assert set(k) == {13, 14, 15}
    assert np.sqrt((2.5 * (j - 18)) ** 2 + (2.5 * (i - 16)) ** 2 + (3 * (k - 14)) ** 2).max() <= 5.0


def test_strokes_are_undone_and_redone(editor, voxels, head_volume):
    assert not button(editor, "UndoButton").enabled
    paint(editor, [world(head_volume, 10, 18, 14)])
    first = voxels("one")
    paint(editor, [world(head_volume, 20, 18, 14)])
    both = voxels("one")
    assert both.sum() == 2 * first.sum()
    editor.undo()
    assert np.array_equal(voxels("one"), first)
    editor.redo()
    assert np.array_equal(voxels("one"), both)
    click(button(editor, "UndoButton"))
    click(button(editor, "UndoButton"))
    assert not voxels("one").any()
    assert not button(editor, "UndoButton").enabled


@pytest.mark.parametrize(("mode", "left"), [("OverwriteAllSegments", 0), ("OverwriteNone", 13)])
def test_the_overwrite_mode_decides_who_keeps_a_voxel(editor, voxels, head_volume, mode, left):
    editor.mrmlSegmentEditorNode().SetOverwriteMode(getattr(slicer.vtkMRMLSegmentEditorNode, mode))
    paint(editor, [world(head_volume, 16, 18, 14)])
    editor.setCurrentSegmentID("two")
    paint(editor, [world(head_volume, 16, 18, 14)])
    assert (voxels("one").sum(), voxels("two").sum()) == (left, 13)


def test_only_intensities_within_the_range_are_marked(editor, voxels, head_volume):
    node = editor.mrmlSegmentEditorNode()
    node.SetSourceVolumeIntensityMask(True)
    node.SetSourceVolumeIntensityMaskRange(150, 250)
    paint(editor, [world(head_volume, i, 18, 14) for i in range(0, 32, 2)])
    image = slicer.util.arrayFromVolume(head_volume)
    assert voxels("one").any()
    assert image[voxels("one")].min() >= 150


@pytest.mark.parametrize(("everyone", "left"), [(0, 13), (1, 0)])
def test_erasing_takes_from_the_segment_or_from_all(editor, voxels, head_volume, everyone, left):
    editor.setCurrentSegmentID("two")
    paint(editor, [world(head_volume, 16, 18, 14)])
    editor.setCurrentSegmentID("one")
    editor.setActiveEffectByName("Erase")
    editor.activeEffect().setParameter("EraseAllSegments", everyone)
    paint(editor, [world(head_volume, 16, 18, 14)])
    assert voxels("two").sum() == left


def test_a_stroke_lands_where_it_is_drawn_under_a_transform(editor, segmentation, voxels, head_volume, slicer_scene):
    turned = slicer_scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    slicer.util.updateTransformMatrixFromArray(turned, np.array([[0, -1, 0, 7], [1, 0, 0, 0], [0, 0, 1, 20], [0, 0, 0, 1]]))
    for node in (segmentation, head_volume):
        node.SetAndObserveTransformNodeID(turned.GetID())
    paint(editor, [world(head_volume, 16, 18, 14)])
    assert np.argwhere(voxels("one")).mean(axis=0) == pytest.approx([14, 18, 16])


def test_the_user_selects_segments_and_effects(editor):
    told = []
    editor.connect("currentSegmentIDChanged(QString)", told.append)
    table = slicer.util.findChild(editor, "SegmentsTableView")
    table.setSelectedSegmentIDs(["two"])
    assert (editor.currentSegmentID(), told) == ("two", ["two"])
    click(button(editor, "Erase"))
    assert editor.activeEffect().name == "Erase"
    click(button(editor, "NULL"))
    assert editor.activeEffect() is None


def test_removing_the_current_segment_ends_its_effect(editor, segmentation):
    segmentation.GetSegmentation().RemoveSegment("one")
    assert (editor.currentSegmentID(), editor.activeEffect()) == ("", None)


def test_only_ordered_effects_are_shown_when_asked(editor):
    editor.setEffectNameOrder(["Paint", "Erase"])
    editor.unorderedEffectsVisible = False
    assert [name for name in editor.availableEffectNames() if not button(editor, name).isHidden()] == ["Paint", "Erase"]


def test_keys_are_the_editors_only_while_installed(editor, voxels, head_volume):
    window = slicer.util.mainWindow()
    window.show()
    editor.installKeyboardShortcuts(window)
    paint(editor, [world(head_volume, 16, 18, 14)])
    press(window, "Z")
    assert not voxels("one").any()
    editor.uninstallKeyboardShortcuts()
    press(window, "Y")
    assert not voxels("one").any()


def test_without_an_editor_node_nothing_can_be_chosen(slicer_scene):
    widget = slicer.qMRMLSegmentEditorWidget()
    widget.setMRMLScene(slicer_scene)
    with strict.expected("invalid segment editor"):
        widget.setActiveEffectByName("Paint")
    with strict.expected("cannot be found"):
        widget.setMRMLSegmentEditorNode(slicer_scene.AddNewNodeByClass("vtkMRMLSegmentEditorNode"))
        widget.effectByName("Paint").parameter("BrushSize")
