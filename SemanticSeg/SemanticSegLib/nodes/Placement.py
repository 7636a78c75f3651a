"""Where a new node goes: under the same transform as the volume it belongs to, and beside it in the subject hierarchy."""

from __future__ import annotations

import slicer


def placeBeside(
    scene: slicer.vtkMRMLScene, node: slicer.vtkMRMLDisplayableNode, neighborNode: slicer.vtkMRMLDisplayableNode
) -> None:
    """Give a node its neighbor's parent transform and its neighbor's parent in the subject hierarchy.

    A result left outside the transform of its volume would be shifted against it, and lose voxels on the way back.
    """
    node.SetAndObserveTransformNodeID(neighborNode.GetTransformNodeID())
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    neighborItem = hierarchyItem(hierarchy, neighborNode)
    hierarchy.SetItemParent(hierarchyItem(hierarchy, node), hierarchy.GetItemParent(neighborItem))


def hierarchyItem(hierarchy: slicer.vtkMRMLSubjectHierarchyNode, node: slicer.vtkMRMLNode) -> int:
    """The node's item. The application makes one for every node; plain MRML does not, so it is made here where missing."""
    item = hierarchy.GetItemByDataNode(node)
    if item == hierarchy.GetInvalidItemID():
        item = hierarchy.CreateItem(hierarchy.GetSceneItemID(), node)
    return item
