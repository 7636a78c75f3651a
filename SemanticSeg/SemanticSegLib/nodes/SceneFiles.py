"""A scene in one file."""

from __future__ import annotations

from pathlib import Path

import slicer

from semseg_core.errors import InputError
from semseg_core.files import replacing

SUFFIX = ".mrb"


def saveScene(scene: slicer.vtkMRMLScene, path: str | Path) -> None:
    """Write the scene with all its data as a MRML bundle; an earlier file is replaced whole or not at all.

    Args:
        scene: The scene.
        path: Where to; ends in `.mrb`.

    Raises:
        InputError: If the path is not a bundle's, the folder cannot be written, or the disk is full.
    """
    path = Path(path)
    if path.suffix.lower() != SUFFIX:
        raise InputError(f"scene {path}: a scene with its data is a {SUFFIX} file; give a name that ends so")
    messages = slicer.vtkMRMLMessageCollection()
    with replacing(path, "scene") as temporary:
        if not scene.WriteToMRB(str(temporary), None, messages):
            # The first message names the node; those after it say the same of the folders around it.
            found = messages.GetNthMessageText(0) if messages.GetNumberOfMessages() else "no reason given"
            reason = found.replace(f"{temporary.parent}/", "")
            raise InputError(f"scene {path}: could not be written ({reason}); free some disk space or choose another folder")
