from __future__ import annotations

import dataclasses

import pytest
import slicer

from SemanticSegLib.nodes.TreeNodes import TREE_ATTRIBUTE, addTree, readTree, treeNodes, writeTree
from semseg_core.errors import LabelTreeError
from semseg_core.labels.presets.catalog import load_preset


@pytest.mark.parametrize("preset", ["brain-tissue", "whole-brain"])
def test_a_tree_comes_back_from_its_node_equal(scene, preset):
    tree = load_preset(preset)
    node = addTree(scene, tree)
    assert node.GetName() == tree.title
    assert readTree(node) == tree


def test_a_node_is_rewritten_in_place_and_tells_its_observers(scene, brain_tree):
    node = addTree(scene, brain_tree)
    told = []
    observer = node.AddObserver(slicer.vtkMRMLTextNode.TextModifiedEvent, lambda *_: told.append(True))
    renamed = dataclasses.replace(brain_tree, title="renamed")
    writeTree(node, renamed)
    node.RemoveObserver(observer)
    assert readTree(node).title == "renamed"
    assert told == [True]


def test_trees_are_told_from_other_texts(scene, brain_tree):
    scene.AddNewNodeByClass("vtkMRMLTextNode", "notes of the day").SetText("slept badly")
    first, second = addTree(scene, brain_tree), addTree(scene, brain_tree)
    assert treeNodes(scene) == (first, second)
    assert first.GetName() != second.GetName()


@pytest.mark.parametrize("text", ["", "slept badly", "[]", '{"format": "something else"}', "[" * 100_000, '{"format": "sems'])
def test_a_text_that_is_no_tree_is_refused_by_the_nodes_name(scene, text):
    node = scene.AddNewNodeByClass("vtkMRMLTextNode", "notes")
    node.SetAttribute(TREE_ATTRIBUTE, "1")
    node.SetText(text)
    with pytest.raises(LabelTreeError, match="text node 'notes'"):
        readTree(node)
