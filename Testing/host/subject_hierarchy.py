"""What the Subject Hierarchy module does by itself: items come and go with the nodes that a user sees."""

from __future__ import annotations

import slicer
import vtk

_NEVER = (
    "vtkMRMLSubjectHierarchyNode",
    "vtkMRMLDisplayNode",
    "vtkMRMLStorageNode",
    "vtkMRMLAbstractViewNode",
    "vtkMRMLColorNode",
)


def watch(scene: slicer.vtkMRMLScene) -> None:
    """Follow the scene for as long as it lives."""
    scene.AddObserver(slicer.vtkMRMLScene.NodeAddedEvent, _onNodeAdded)
    scene.AddObserver(slicer.vtkMRMLScene.NodeAboutToBeRemovedEvent, _onNodeAboutToBeRemoved)
    for event in (slicer.vtkMRMLScene.EndImportEvent, slicer.vtkMRMLScene.EndCloseEvent):
        scene.AddObserver(event, _onManyChanged, 10.0)


def _has_plugin(node: slicer.vtkMRMLNode) -> bool:
    return any(node.IsA(each) for each in ("vtkMRMLStorableNode", "vtkMRMLSequenceBrowserNode")) and not any(
        node.IsA(each) for each in _NEVER
    )


def _add(scene: slicer.vtkMRMLScene, node: slicer.vtkMRMLNode) -> None:
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    if not node.GetHideFromEditors() and _has_plugin(node) and not hierarchy.GetItemByDataNode(node):
        hierarchy.CreateItem(hierarchy.GetSceneItemID(), node)


@vtk.calldata_type(vtk.VTK_OBJECT)
def _onNodeAdded(scene: slicer.vtkMRMLScene, _event: str, node: slicer.vtkMRMLNode) -> None:
    if node.IsA("vtkMRMLSubjectHierarchyNode"):
        slicer.vtkMRMLSubjectHierarchyNode.ResolveSubjectHierarchy(scene)
    elif not scene.IsImporting():
        _add(scene, node)


@vtk.calldata_type(vtk.VTK_OBJECT)
def _onNodeAboutToBeRemoved(scene: slicer.vtkMRMLScene, _event: str, node: slicer.vtkMRMLNode) -> None:
    if scene.IsClosing() or node.IsA("vtkMRMLSubjectHierarchyNode"):
        return
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    item = hierarchy.GetItemByDataNode(node)
    if item:
        hierarchy.RemoveItem(item, False, False)


def _onManyChanged(scene: slicer.vtkMRMLScene, _event: str) -> None:
    """After a scene file was read or the scene was closed: there is one hierarchy, and it has every node."""
    slicer.vtkMRMLSubjectHierarchyNode.ResolveSubjectHierarchy(scene)
    for index in range(scene.GetNumberOfNodes()):
        _add(scene, scene.GetNthNode(index))
