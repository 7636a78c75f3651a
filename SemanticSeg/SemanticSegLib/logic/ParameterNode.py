"""The panel's choices, kept in a parameter node and saved with the scene. What belongs to the user is in QSettings instead."""

from typing import Annotated

import slicer
from slicer.parameterNodeWrapper import FloatRange, Minimum, WithinRange, parameterNodeWrapper


@parameterNodeWrapper
class SemanticSegParameterNode:
    """What is worked on and how, one typed member per choice.

    Images: `volume` is the first channel, `furtherChannels` the others, all on the grid of the first.

    Nodes that we make: `tree` (text of the label tree), `scribbles`, `result`, `confidence` (0 to 1); `truth` is what a result
    is evaluated against. None of them is set in a new scene.

    Labels and brush: `currentLabelId` is the id of the label that is painted with, 0 for none; scribbles and results of
    `hiddenLabelIds` are not shown. With `brushSphere` the brush is a ball, else a disk in the slice. With `limitIntensity` only
    voxels within `intensityRange` take a stroke.

    Training: besides `volume` with `scribbles`, `furtherCases` are learned from, each the volumes of one subject and then its
    segmentation or label map, and `fileCases`, each the image files and then the file of marks. `channelNames` and
    `unknownValues` are as typed: "t1, flair", and values of label maps like "255". `loss` is an expression of `semseg losses`,
    "default" for the recommended one; `startModel` is the name of a stored model or a folder, empty for none; `learner` and
    `device` are those of `train/config.py`.

    Applying: `model` is the name of a stored model; `level` is "leaf", "auto" (the deepest level whose confidence reaches
    `certainty`) or the number of a tree level; with `allFrames` every frame of the volume's sequence is segmented; with
    `everything` tissue that resembles nothing scribbled on is labeled, too, which stays unknown else.
    """

    volume: slicer.vtkMRMLScalarVolumeNode
    furtherChannels: list[slicer.vtkMRMLScalarVolumeNode]

    tree: slicer.vtkMRMLTextNode
    scribbles: slicer.vtkMRMLSegmentationNode
    result: slicer.vtkMRMLSegmentationNode
    confidence: slicer.vtkMRMLScalarVolumeNode
    truth: slicer.vtkMRMLSegmentationNode

    currentLabelId: Annotated[int, Minimum(0)] = 0
    hiddenLabelIds: list[int]
    brushDiameterMm: Annotated[float, WithinRange(0.5, 50.0)] = 3.0
    brushSphere: bool = False
    limitIntensity: bool = False
    intensityRange: FloatRange
    scribbleOpacity: Annotated[float, WithinRange(0.0, 1.0)] = 1.0

    furtherCases: list[list[slicer.vtkMRMLDisplayableNode]]
    fileCases: list[list[str]]
    channelNames: str = ""
    unknownValues: str = ""
    learner: str = "quick"
    loss: str = "default"
    budgetSeconds: Annotated[float, Minimum(1.0)] = 120.0
    device: str = "auto"
    startModel: str = ""

    model: str = ""
    certainty: Annotated[float, WithinRange(0.0, 1.0)] = 0.0
    level: str = "auto"
    allFrames: bool = False
    everything: bool = False
    resultOpacity: Annotated[float, WithinRange(0.0, 1.0)] = 0.5
    showConfidence: bool = False
    show3D: bool = False
