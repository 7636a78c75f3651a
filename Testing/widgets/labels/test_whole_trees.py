from __future__ import annotations

import numpy as np
import qt
from host import answers, gestures
from widgets.labels_desk import shape_of

from SemanticSegLib.nodes.SegmentationNodes import addSegmentation
from semseg_core.labels.presets.catalog import load_preset
from semseg_core.labels.reading import load_tree


def test_labels_are_exported_and_imported(brain, brain_tree, tmp_path):
    path = tmp_path / "Größe.json"
    answers.choose("Export…")
    answers.give(str(path))
    gestures.click(brain.ui.moreButton)
    assert load_tree(path).tree == brain_tree
    assert brain.status == "Written: Größe.json"
    brain.labels.rename(3, "gray matter")
    answers.choose("Import…")
    answers.give(str(path))
    gestures.click(brain.ui.moreButton)
    assert brain.labels.tree[3].name == "cortex"


def test_what_a_format_cannot_keep_is_said(brain, tmp_path):
    answers.choose("Export…")
    answers.give(str(tmp_path / "labels.ctbl"))
    gestures.click(brain.ui.moreButton)
    assert "a .ctbl is a flat list" in brain.status


def test_a_file_that_is_no_tree_is_refused_by_name(empty, tmp_path):
    path = tmp_path / "notes.json"
    path.write_text("slept badly")
    answers.give(str(path))
    gestures.click(empty.ui.importButton)
    assert "notes.json" in empty.status
    assert empty.ui.startPage.visible


def test_another_tree_asks_before_strokes_lose_their_labels(brain, strokes, brain_tree):
    answers.choose("brain tissue, left and right: 6 leaves")
    answers.give(qt.QMessageBox.Cancel)
    gestures.click(brain.ui.moreButton)
    assert "150 scribbled voxels" in answers.asked[-1].text
    assert brain.labels.tree == brain_tree
    answers.choose("brain tissue, left and right: 6 leaves")
    answers.give(qt.QMessageBox.Ok)
    gestures.click(brain.ui.moreButton)
    assert brain.labels.tree == load_preset("brain-tissue")
    assert brain.shape() == [brain.told]
    gestures.click(brain.ui.undoButton)
    assert brain.shape() == [shape_of(brain_tree)]
    assert strokes[-1] == "back"


def test_segments_of_the_scene_become_labels(brain, head_volume, brain_tree, slicer_scene):
    ids = np.zeros(head_volume.GetImageData().GetDimensions()[::-1], dtype=np.int32)
    ids.flat[:2] = (3, 6)
    addSegmentation(slicer_scene, "by hand", ids, head_volume, brain_tree)
    answers.choose("by hand")
    gestures.click(brain.ui.moreButton)
    assert brain.shape() == [["brain", ["left", ["cortex"]], ["fluid"]]]
    assert brain.labels.tree.find("cortex").id == 3


def test_a_color_table_of_the_scene_becomes_labels(empty, slicer_scene):
    node = slicer_scene.AddNewNodeByClass("vtkMRMLColorTableNode", "organs")
    node.SetTypeToUser()
    node.SetNumberOfColors(3)
    node.SetColor(1, "liver", 1.0, 0.0, 0.0)
    node.SetColor(2, "spleen", 0.0, 0.0, 1.0)
    gestures.click(empty.ui.emptyButton)
    answers.choose("organs")
    gestures.click(empty.ui.moreButton)
    assert empty.shape() == [["organs", ["liver"], ["spleen"]]]


def test_the_distance_map_names_the_pair_under_the_pointer(brain):
    answers.choose("Distance map…")
    gestures.click(brain.ui.moreButton)
    dialog = next(each for each in qt.QApplication.topLevelWidgets() if "Distances" in each.windowTitle)
    heat_map = brain.editor._sources._map.heatMap
    corner = qt.QPointF(heat_map.width - 2, 2)
    event = qt.QMouseEvent(qt.QEvent.MouseMove, corner, corner, qt.Qt.NoButton, qt.Qt.NoButton, qt.Qt.NoModifier)
    qt.QApplication.sendEvent(heat_map, event)
    assert "cortex – fluid: 3" in [label.text for label in dialog.findChildren(qt.QLabel)]
    near, far = heat_map.pixmap.toImage().pixelColor(2, 2), heat_map.pixmap.toImage().pixelColor(heat_map.width - 2, 2)
    assert near.lightness() < far.lightness()
