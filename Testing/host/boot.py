"""Real MRML as the application sets it up: one scene with its application logic and the logics of the modules that we meet."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import slicer
import slicer.util
import vtk

TERMINOLOGIES = Path(__file__).with_name("terminologies")

# Module name, as in `slicer.modules.<name in lower case>`, and its logic.
LOGICS = {
    "Terminologies": "vtkSlicerTerminologiesModuleLogic",
    "Volumes": "vtkSlicerVolumesLogic",
    "Segmentations": "vtkSlicerSegmentationsModuleLogic",
    "SubjectHierarchy": "vtkSlicerSubjectHierarchyModuleLogic",
    "Sequences": "vtkSlicerSequencesLogic",
    "Tables": "vtkSlicerTablesLogic",
    "Models": "vtkSlicerModelsLogic",
    "Transforms": "vtkSlicerTransformLogic",
    "Markups": "vtkSlicerMarkupsLogic",
}


@dataclass
class Core:
    """What lives as long as the application: the scene, its logics and the slice views."""

    scene: slicer.vtkMRMLScene
    logic: slicer.vtkSlicerApplicationLogic
    temporaryPath: Path
    modules: dict[str, Any] = field(default_factory=dict)
    sliceLogics: dict[str, slicer.vtkMRMLSliceLogic] = field(default_factory=dict)


def boot() -> Core:
    """Make the scene of the application and everything that Slicer attaches to it at startup; sets `slicer.mrmlScene`."""
    temporary = Path(tempfile.mkdtemp(prefix="semseg-host-"))
    scene = slicer.vtkMRMLScene()
    logic = slicer.vtkSlicerApplicationLogic()
    core = Core(scene, logic, temporary)
    logic.SetMRMLScene(scene)
    logic.SetTemporaryPath(str(temporary))
    logic.SetHomeDirectory(str(temporary))
    logic.GetColorLogic().SetMRMLScene(scene)
    logic.GetColorLogic().AddDefaultColorNodes()
    # The Volumes logic complains at every label map unless it finds the color logic under this name.
    core.modules["Colors"] = logic.GetColorLogic()
    logic.SetModuleLogic("Colors", logic.GetColorLogic())
    logic.SetSliceLogics(vtk.vtkCollection())
    logic.SetViewLogics(vtk.vtkCollection())
    for factory in (slicer.vtkMRMLThreeDViewDisplayableManagerFactory, slicer.vtkMRMLSliceViewDisplayableManagerFactory):
        factory.GetInstance().SetMRMLApplicationLogic(logic)
    for name, className in LOGICS.items():
        module = getattr(slicer, className)()
        if name == "Terminologies":
            module.SetModuleShareDirectory(str(TERMINOLOGIES))  # read when the scene is set
        module.SetMRMLScene(scene)
        module.SetMRMLApplicationLogic(logic)
        logic.SetModuleLogic(name, module)
        core.modules[name] = module
    _giveStorage(core)
    slicer.mrmlScene = scene
    furnish(core)
    return core


def furnish(core: Core) -> None:
    """Put into an empty scene what the application puts there: the crosshair, slice orientations and three slice views."""
    scene = core.scene
    if not scene.GetFirstNodeByClass("vtkMRMLCrosshairNode"):
        crosshair = slicer.vtkMRMLCrosshairNode()
        crosshair.SetCrosshairName("default")
        scene.AddNode(crosshair)
    slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(scene, True)
    for name, orientation, color in (
        ("Red", "Axial", (0.95, 0.29, 0.2)), ("Yellow", "Sagittal", (0.93, 0.84, 0.3)), ("Green", "Coronal", (0.43, 0.69, 0.29)),
    ):  # fmt: skip
        if name not in core.sliceLogics:
            view = slicer.vtkMRMLSliceLogic()
            view.SetMRMLScene(scene)
            view.SetMRMLApplicationLogic(core.logic)
            view.AddSliceNode(name)
            core.logic.GetSliceLogics().AddItem(view)
            core.sliceLogics[name] = view
        node = core.sliceLogics[name].GetSliceNode()
        node.SetLayoutColor(*color)
        node.SetOrientation(orientation)
        node.SetFieldOfView(250.0, 250.0, 1.0)
        node.SetDimensions(256, 256, 1)
        node.SetMappedInLayout(True)


def empty(core: Core) -> None:
    """Close the scene, as between two tests."""
    core.scene.Clear(False)
    furnish(core)


def _giveStorage(core: Core) -> None:
    """Scene files and bundles are unpacked through the cache."""
    cache = slicer.vtkCacheManager()
    folder = core.temporaryPath / "cache"
    folder.mkdir()
    cache.SetRemoteCacheDirectory(str(folder))
    storage = slicer.vtkDataIOManager()
    storage.SetCacheManager(cache)
    core.scene.SetDataIOManager(storage)
    core.scene.SetCacheManager(cache)
    core.modules["DataIO"] = storage
