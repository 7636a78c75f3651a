"""What a training learns from: pairs of images and marks, in the scene or in files, and how they get into a job folder."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import slicer
from slicer.i18n import tr as _

from SemanticSegLib.logic.Signal import Signal
from SemanticSegLib.nodes.NodeFiles import componentCount, marksFile, volumeFile
from semseg_core.data.cases import CaseFiles
from semseg_core.data.folders import find_cases
from semseg_core.data.image_files import WRITABLE
from semseg_core.data.images import NoteSink
from semseg_core.data.raw_nrrd import PART_BYTES
from semseg_core.errors import InputError
from semseg_core.labels.tree import LabelTree

if TYPE_CHECKING:
    from SemanticSegLib.logic.ParameterNode import SemanticSegParameterNode
    from SemanticSegLib.logic.ScribblesLogic import ScribblesLogic

MARKS_CLASSES = ("vtkMRMLSegmentationNode", "vtkMRMLLabelMapVolumeNode")
"""Nodes that can say what an image shows."""


@dataclass(frozen=True)
class JobFile:
    """One file of a job folder: its place there, what it is to the user, and the steps that write it."""

    path: str
    words: str
    steps: Iterator[None]


@dataclass(frozen=True)
class SceneCase:
    """Volumes of the scene, one or more channels of one subject, and a segmentation or label map that belongs to them.

    Segments of the names in `leftOut` are not learned from.
    """

    volumes: tuple[slicer.vtkMRMLScalarVolumeNode, ...]
    marks: slicer.vtkMRMLDisplayableNode | None
    leftOut: tuple[str, ...] = ()

    @property
    def image(self) -> str:
        """The volumes in words."""
        return " + ".join(node.GetName() for node in self.volumes) or _("no volume")

    @property
    def truth(self) -> str:
        """The marks in words."""
        return self.marks.GetName() if self.marks is not None else _("nothing drawn")

    @property
    def channelCount(self) -> int:
        """Channels of the image; the components of a color volume count one by one."""
        return sum(componentCount(node) for node in self.volumes)

    @property
    def problem(self) -> str:
        """Why it cannot be used, empty where it can."""
        if not self.volumes or any(node.GetScene() is None for node in self.volumes):
            return _("its volume is no longer in the scene; remove the case")
        if self.marks is None or self.marks.GetScene() is None:
            return _("its segmentation is no longer in the scene; remove the case")
        return ""

    def files(self, place: str, folder: Path, tree: LabelTree, onNote: NoteSink) -> list[JobFile]:
        """The files of the case; the nodes are looked at now and may be deleted afterwards."""
        found = []
        for number, node in enumerate(self.volumes, start=1):
            path = f"{place}/image{number}.nrrd"
            found.append(JobFile(path, f"'{node.GetName()}'", volumeFile(node, folder / path)))
        path = f"{place}/marks.nrrd"
        if self.marks.IsA("vtkMRMLSegmentationNode"):
            steps = marksFile(self.marks, self.volumes[0], tree, folder / path, onNote, self.leftOut)
        else:
            steps = volumeFile(self.marks, folder / path)
        return [*found, JobFile(path, f"'{self.marks.GetName()}'", steps)]


@dataclass(frozen=True)
class FileCase:
    """Files of one subject; they are linked or copied under neutral names, since names of files may name people."""

    source: CaseFiles

    @property
    def image(self) -> str:
        """The images in words."""
        return " + ".join(Path(path).name for path in self.source.images)

    @property
    def truth(self) -> str:
        """The marks in words."""
        return Path(self.source.scribbles).name

    @property
    def channelCount(self) -> int:
        """One channel each file."""
        return len(self.source.images)

    @property
    def problem(self) -> str:
        """Why it cannot be used, empty where it can."""
        missing = next((path for path in (*self.source.images, self.source.scribbles) if not Path(path).is_file()), None)
        return "" if missing is None else _("{file} is no longer there; remove the case").format(file=Path(missing).name)

    def files(self, place: str, folder: Path, _tree: LabelTree, _onNote: NoteSink) -> list[JobFile]:
        """The files of the case."""
        named = [*((f"image{number}", path) for number, path in enumerate(self.source.images, start=1))]
        found = []
        for name, source in [*named, ("marks", self.source.scribbles)]:
            suffix = next((suffix for suffix in WRITABLE if source.lower().endswith(suffix)), "")
            path = f"{place}/{name}{suffix}"
            found.append(JobFile(path, f"'{Path(source).name}'", _copied(Path(source), folder / path)))
        return found


Case = SceneCase | FileCase


class TrainingCases:
    """The cases that are chosen: the volume of the panel with its scribbles, and what was added to it.

    Args:
        parameters: Where the choice is kept, so that it is saved with the scene.
        scribbles: What is drawn on the volume of the panel.

    Attributes:
        changed: `()` after a case was added or removed.
    """

    def __init__(self, parameters: SemanticSegParameterNode, scribbles: ScribblesLogic) -> None:
        self.changed = Signal()
        self._parameters = parameters
        self._scribbles = scribbles

    def setParameters(self, parameters: SemanticSegParameterNode) -> None:
        """Go on with the choice of another scene."""
        self._parameters = parameters
        self.changed.emit()

    @property
    def own(self) -> SceneCase:
        """The volume of the panel with its scribbles; it takes part only where something is drawn."""
        volumes = _present((self._parameters.volume, *self._parameters.furtherChannels))
        return SceneCase(volumes, self._parameters.scribbles, self._scribbles.strangers)

    @property
    def ownTakesPart(self) -> bool:
        """Whether the volume of the panel has scribbles to learn from."""
        return bool(self.own.volumes) and bool(self._scribbles.counts)

    @property
    def added(self) -> tuple[Case, ...]:
        """The further cases, those of the scene first."""
        inScene = (SceneCase(_present(nodes[:-1]), nodes[-1]) for nodes in self._parameters.furtherCases if nodes)
        inFiles = (FileCase(CaseFiles(tuple(files[:-1]), files[-1])) for files in self._parameters.fileCases if files)
        return (*inScene, *inFiles)

    @property
    def all(self) -> tuple[Case, ...]:
        """What a training would learn from now."""
        return (*((self.own,) if self.ownTakesPart else ()), *self.added)

    def addFromScene(self, volumes: Sequence[slicer.vtkMRMLScalarVolumeNode], marks: slicer.vtkMRMLDisplayableNode) -> None:
        """Add volumes, in the order of the channels, and the segmentation or label map that belongs to them.

        Raises:
            InputError: If a node is missing or the pair is among the cases already.
        """
        case = SceneCase(_present(volumes), marks)
        if not case.volumes or marks is None:
            raise InputError(_("case: choose a volume and a segmentation that belongs to it"))
        if case in self.added or case == self.own:
            raise InputError(_("case '{name}': it is in the list already").format(name=case.image))
        self._parameters.furtherCases = [*self._parameters.furtherCases, [*case.volumes, marks]]
        self.changed.emit()

    def addFolder(self, folder: str | Path) -> tuple[str, ...]:
        """Add the pairs of a folder and tell what was left out; those that are in the list already are not added again.

        Raises:
            InputError: If it holds no pair.
        """
        found = find_cases(folder)
        known = [list(files) for files in self._parameters.fileCases]
        new = [[*files.images, files.scribbles] for files in found.cases]
        self._parameters.fileCases = [*known, *(files for files in new if files not in known)]
        if found.channels and not self._parameters.channelNames:
            self._parameters.channelNames = ", ".join(found.channels)
        self.changed.emit()
        return found.notes

    def remove(self, index: int) -> None:
        """Remove a further case by its place in `added`."""
        ofScene = list(self._parameters.furtherCases)
        ofFiles = list(self._parameters.fileCases)
        if index < len(ofScene):
            del ofScene[index]
            self._parameters.furtherCases = ofScene
        else:
            del ofFiles[index - len(ofScene)]
            self._parameters.fileCases = ofFiles
        self.changed.emit()


def _present(nodes: Sequence[slicer.vtkMRMLScalarVolumeNode | None]) -> tuple[slicer.vtkMRMLScalarVolumeNode, ...]:
    return tuple(node for node in nodes if node is not None)


def _copied(source: Path, target: Path) -> Iterator[None]:
    """Link a file, which takes no time and no space, or copy it part by part where the system cannot link."""
    with suppress(OSError):  # another disk, or a file system without links
        os.link(source, target)
        return
    try:
        with source.open("rb") as reading, target.open("wb") as writing:
            while data := reading.read(PART_BYTES):
                writing.write(data)
                yield
    except OSError as error:
        raise InputError(f"{source.name}: cannot be copied ({error.strerror}); check the file and the disk space") from error
