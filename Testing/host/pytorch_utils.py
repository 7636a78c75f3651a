"""`PyTorchUtils` of the PyTorch extension, as far as others call it; what an installation leads to is chosen by the test."""

from __future__ import annotations

import importlib.metadata
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Literal

from .packaging import pip


@dataclass
class ScriptedTorch:
    """`installed`: whether torch seems to be there. `asked`: the arguments of each installation that was asked for."""

    installed: bool = True
    outcome: Literal["installed", "declined", "failed"] = "installed"
    device: str = "cpu"
    asked: list[dict[str, Any]] = field(default_factory=list)

    def reset(self) -> None:
        """As at the start of a test: torch is there, and installing works."""
        self.__init__()


script = ScriptedTorch()


class PyTorchUtilsLogic:
    """The logic; Python code makes it without arguments."""

    @staticmethod
    def torchInstalled() -> bool:
        return script.installed

    def installTorch(
        self,
        askConfirmation: bool = False,
        forceComputationBackend: str | None = None,
        torchVersionRequirement: str | None = None,
    ) -> Any:
        """The torch module, None if the user declines.

        Raises:
            RuntimeError: If the script says that it fails; the real one lets the error of its installer through.
        """
        script.asked.append(
            {
                "askConfirmation": askConfirmation,
                "forceComputationBackend": forceComputationBackend,
                "torchVersionRequirement": torchVersionRequirement,
            }
        )
        if script.outcome == "declined" and askConfirmation:
            return None
        if script.outcome == "failed":
            raise RuntimeError("Failed to install PyTorch: light_the_torch returned 1")
        script.installed = True
        pip.missing.discard("torch")
        return self.torch

    def uninstallTorch(self, askConfirmation: bool = False, forceComputationBackend: str | None = None) -> None:
        script.installed = False

    @property
    def torch(self) -> Any:
        """What stands for the torch module: its version alone, since torch is never to be imported into the application."""
        return SimpleNamespace(__version__=importlib.metadata.version("torch")) if script.installed else self.installTorch()

    @property
    def torchVersionInformation(self) -> str:
        return f"installed version {self.torch.__version__}" if script.installed else "not installed"

    def getDevice(self) -> str:
        return script.device

    @property
    def cuda(self) -> bool:
        return script.device != "cpu"
