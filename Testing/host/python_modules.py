"""The modules of Slicer's own Python that need no Qt, made importable; for tests with and without widgets."""

from __future__ import annotations

import sys
from types import ModuleType

import slicer
import slicer.util

from . import i18n, packaging, parameter_node_wrapper, pytorch_utils


def install_module(name: str, module: ModuleType) -> None:
    """Make a module importable as `slicer.<name>`."""
    sys.modules[f"slicer.{name}"] = module
    setattr(slicer, name, module)


def install_python_modules() -> None:
    """`slicer.i18n`, `slicer.parameterNodeWrapper`, `slicer.packaging` and `PyTorchUtils`; again is harmless."""
    install_module("i18n", i18n)
    install_module("parameterNodeWrapper", parameter_node_wrapper)
    install_module("packaging", packaging)
    slicer.util.pip_install = packaging.pip_install
    slicer.util.pip_uninstall = packaging.pip_uninstall
    sys.modules["PyTorchUtils"] = pytorch_utils
