"""The imitation of qMRMLNodeComboBox."""

from __future__ import annotations

import pytest
import qt
import slicer

from . import strict

VOLUME, SEGMENTATION = "vtkMRMLScalarVolumeNode", "vtkMRMLSegmentationNode"


@pytest.fixture
def box(slicer_scene):
    combo = slicer.qMRMLNodeComboBox()
    combo.nodeTypes = (VOLUME,)
    combo.setMRMLScene(slicer_scene)
    return combo


@pytest.fixture
def inner(box):
    """The combo box that the user sees."""
    return box.findChildren(qt.QComboBox)[0]


def texts(inner):
    return [inner.itemText(index) for index in range(inner.count)]


def choose(inner, text):
    index = texts(inner).index(text)
    inner.setCurrentIndex(index)
    inner.activated.emit(index)


def test_it_follows_the_scene(box, slicer_scene):
    seen = []
    assert box.connect("currentNodeChanged(vtkMRMLNode*)", lambda node: seen.append(node and node.GetName()))
    first, second = (slicer_scene.AddNewNodeByClass(VOLUME, name) for name in "ab")
    slicer_scene.AddNewNodeByClass(SEGMENTATION)
    assert (box.currentNode(), box.nodeCount()) == (first, 2)
    slicer_scene.RemoveNode(first)
    assert box.currentNode() is second
    slicer_scene.Clear(0)
    assert box.currentNode() is None
    assert seen == ["a", "b", None]


def test_none_can_be_chosen_and_is_chosen_at_first(box, inner, slicer_scene):
    box.noneEnabled, box.noneDisplay = True, "no volume"
    node = slicer_scene.AddNewNodeByClass(VOLUME, "a")
    assert (box.currentNode(), inner.currentText) == (None, "no volume")
    box.setCurrentNode(node)
    assert box.currentNodeID == node.GetID()
    choose(inner, "no volume")
    assert box.currentNodeID == ""


def test_a_new_name_is_shown(box, inner, slicer_scene):
    slicer_scene.AddNewNodeByClass(VOLUME, "a").SetName("b")
    assert texts(inner)[0] == "b"


def test_only_nodes_with_the_attribute_are_shown(box, slicer_scene):
    box.addAttribute(VOLUME, "role", "input")
    slicer_scene.AddNewNodeByClass(VOLUME, "other")
    assert box.nodeCount() == 0
    assert box.addNode().GetAttribute("role") == "input"
    assert box.nodeCount() == 1


def test_subclasses_and_hidden_nodes(box, slicer_scene):
    slicer_scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode")
    assert box.nodeCount() == 1
    box.showChildNodeTypes = False
    assert box.nodeCount() == 0
    box.showChildNodeTypes = True
    box.nodeFromIndex(0).SetHideFromEditors(True)
    assert box.nodeCount() == 0


def test_the_user_makes_renames_and_deletes_nodes(box, inner, slicer_scene, user_answers):
    box.renameEnabled = True
    made = []
    box.connect("nodeAddedByUser(vtkMRMLNode*)", made.append)
    box.setNodeTypeLabel("image", VOLUME)
    choose(inner, "Create new image")
    assert made == [box.currentNode()]
    user_answers("better name")
    choose(inner, "Rename current image")
    assert box.currentNode().GetName() == "better name"
    choose(inner, "Delete current image")
    assert slicer_scene.GetNumberOfNodesByClass(VOLUME) == 0


def test_a_node_wished_for_before_there_is_a_scene_is_chosen_with_it(slicer_scene):
    slicer_scene.AddNewNodeByClass(VOLUME)
    second = slicer_scene.AddNewNodeByClass(VOLUME)
    combo = slicer.qMRMLNodeComboBox()
    combo.nodeTypes = (VOLUME,)
    combo.setCurrentNodeID(second.GetID())
    assert not combo.enabled
    combo.setMRMLScene(slicer_scene)
    assert combo.currentNode() is second
    assert combo.enabled


def test_what_the_header_does_not_declare_does_not_exist(box):
    with pytest.raises(AttributeError):
        box.setNodeTypes([VOLUME])
    with pytest.raises(AttributeError):
        box.currentIndex = 0
    with strict.expected("does not exist"):
        assert not box.connect("currentIndexChanged(int)", print)


def test_a_box_that_is_gone_leaves_no_observer(box, slicer_scene):
    box.delete()
    slicer_scene.AddNewNodeByClass(VOLUME)
