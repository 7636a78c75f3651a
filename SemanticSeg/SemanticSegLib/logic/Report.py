"""The text of a report that a user may send to others: versions, devices, choices and the log, and nobody's data."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Iterator

from SemanticSegLib.logic.Dependencies import Dependencies
from SemanticSegLib.logic.ParameterNode import SemanticSegParameterNode
from semseg_core import __version__

PACKAGES = ("numpy", "scipy", "SimpleITK", "torch", "monai", "safetensors")

CHOICES = ("learner", "loss", "budgetSeconds", "device", "certainty", "level", "allFrames", "everything")
"""Parameters that say how something was done. Names of nodes, models and files may name a patient and are left out."""


class Report:
    """Writes reports.

    Args:
        parameters: The panel's choices.
        dependencies: What is installed and was found.
        application: Name and version of the program that we run in.
    """

    def __init__(self, parameters: SemanticSegParameterNode, dependencies: Dependencies, application: str) -> None:
        self._parameters = parameters
        self._dependencies = dependencies
        self._application = application

    def setParameters(self, parameters: SemanticSegParameterNode) -> None:
        """Go on with the choices of another scene."""
        self._parameters = parameters

    def text(self, log: str) -> str:
        """The report.

        Args:
            log: The last lines of a log, masked; see `Masking`.
        """
        return "\n".join([*self._facts(), "", "Log", log or "(empty)"]) + "\n"

    def _facts(self) -> Iterator[str]:
        yield f"SemanticSeg {__version__} in {self._application}"
        yield f"{platform.system()} {platform.release()}, {platform.machine()}, Python {platform.python_version()}"
        for name in PACKAGES:
            try:
                yield f"{name} {importlib.metadata.version(name)}"
            except importlib.metadata.PackageNotFoundError:
                yield f"{name} not installed"
        for device in self._dependencies.devices or ():
            yield f"device {device.name}: {device.description}, {device.fault or 'works'}"
        for name in CHOICES:
            yield f"{name} = {self._parameters.getValue(name)}"
