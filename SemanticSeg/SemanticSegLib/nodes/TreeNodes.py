"""Label trees in the scene: a text node holds our own JSON, so that the tree is saved, opened and undone with the scene."""

from __future__ import annotations

import json

import slicer

from semseg_core.errors import LabelTreeError
from semseg_core.labels.formats.own_json import VERSION, from_record, to_text
from semseg_core.labels.tree import LabelTree

TREE_ATTRIBUTE = "SemanticSeg.LabelTree"
"""Marks a text node as a label tree of ours; its value is the version of the JSON."""


def addTree(scene: slicer.vtkMRMLScene, tree: LabelTree) -> slicer.vtkMRMLTextNode:
    """A new text node that holds the tree, called as its title."""
    node = scene.AddNewNodeByClass("vtkMRMLTextNode", scene.GenerateUniqueName(tree.title or "Label tree"))
    writeTree(node, tree)
    return node


def writeTree(textNode: slicer.vtkMRMLTextNode, tree: LabelTree) -> None:
    """Replace what a text node holds by the tree, and mark it as ours."""
    textNode.SetAttribute(TREE_ATTRIBUTE, str(VERSION))
    textNode.SetText(to_text(tree))


def readTree(textNode: slicer.vtkMRMLTextNode) -> LabelTree:
    """The tree a text node holds.

    Raises:
        LabelTreeError: If it is not JSON of ours, or no valid tree; the message names the node.
    """
    try:
        return from_record(json.loads(textNode.GetText() or ""))
    except (json.JSONDecodeError, RecursionError) as error:
        raise LabelTreeError(f"text node '{textNode.GetName()}': holds no label tree ({error}); choose another one") from error
    except LabelTreeError as error:
        raise LabelTreeError(f"text node '{textNode.GetName()}': {error}") from error


def treeNodes(scene: slicer.vtkMRMLScene) -> tuple[slicer.vtkMRMLTextNode, ...]:
    """The scene's text nodes that are marked as label trees, in the scene's order."""
    found = scene.GetNodesByClass("vtkMRMLTextNode")
    nodes = (found.GetItemAsObject(index) for index in range(found.GetNumberOfItems()))
    return tuple(node for node in nodes if node.GetAttribute(TREE_ATTRIBUTE) is not None)
