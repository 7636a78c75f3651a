"""A volume that is moved after a model was applied to it."""

from __future__ import annotations


def test_a_result_goes_with_its_volume(applied, desk):
    applied.ui.confidenceCheck.checked = True
    transform = desk.scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    for transformId in (transform.GetID(), None):
        desk.parameters.volume.SetAndObserveTransformNodeID(transformId)
        for node in (desk.parameters.result, desk.parameters.confidence, desk.parameters.scribbles):
            assert node.GetTransformNodeID() == transformId, node.GetName()
