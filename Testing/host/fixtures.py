"""Fixtures of tests with widgets, for the `conftest.py` files that import them.

Every test starts with an empty scene and ends without complaints of VTK, Qt or leftovers.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import slicer

from SemanticSegLib.nodes.VolumeNodes import addVolume
from semseg_core.geometry import Grid

from . import answers, complaints, strict
from .install import finish, install, start
from .packaging import pip
from .pytorch_utils import script as torch_script
from .scripted_panel import Panel
from .slicer_side import application as booted_application
from .slicer_side import install_slicer

install()
install_slicer()

OURS = ("SemanticSegLib", "semseg_core")
MODULE = Path(__file__).parents[2] / "SemanticSeg" / "SemanticSeg.py"


@pytest.fixture
def user_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home for caches and models of its own; and PythonSlicer on the PATH, a launcher of this very Python."""
    for variable in ("XDG_CACHE_HOME", "XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(variable, str(tmp_path / variable.lower()))
    launcher = tmp_path / "bin" / "PythonSlicer"
    launcher.parent.mkdir()
    launcher.write_text(f'#!/bin/sh\n"{sys.executable}" "$@"\n', encoding="utf-8")  # a child of its own, as the real one's
    launcher.chmod(0o755)
    monkeypatch.setenv("PATH", f"{launcher.parent}{os.pathsep}{os.environ['PATH']}")
    return tmp_path


@pytest.fixture
def application(tmp_path: Path, user_folders: Path) -> Iterator[slicer.qSlicerApplication]:
    """`slicer.app` with an empty scene; what goes wrong behind the test's back fails it at its end."""
    booted = booted_application()
    loaded = _ours()
    pip.reset()
    torch_script.reset()
    with complaints.collected():
        start(tmp_path)
        booted.start()
        yield booted.app
        try:
            finish()
        finally:
            booted.end()
            for name in _ours():
                del sys.modules[name]
            sys.modules.update(loaded)  # a module that was reloaded has other classes than the tests that were collected
        strict.check()


@pytest.fixture
def slicer_scene(application: slicer.qSlicerApplication) -> slicer.vtkMRMLScene:
    """The scene of the application, empty."""
    return application.mrmlScene()


@pytest.fixture
def head_volume(slicer_scene: slicer.vtkMRMLScene) -> slicer.vtkMRMLScalarVolumeNode:
    """A head of 28 × 36 × 32 voxels (k, j, i) of 3 × 2.5 × 2.5 mm: air 5, shell 110, core 200, a little noise."""
    shape = (28, 36, 32)
    k, j, i = np.meshgrid(*(np.linspace(-1, 1, size) for size in shape), indexing="ij")
    radius = np.sqrt((k / 0.8) ** 2 + (j / 0.85) ** 2 + (i / 0.75) ** 2)
    image = np.select([radius < 0.55, radius < 1.0], [200.0, 110.0], 5.0)
    image += np.random.default_rng(7).normal(0.0, 6.0, shape)
    affine = np.diag((-2.5, -2.5, 3.0, 1.0))
    affine[:3, 3] = (40.0, 45.0, -42.0)
    return addVolume(slicer_scene, "Head", image.astype(np.float32), Grid(shape, affine))


@pytest.fixture
def user_answers() -> Callable[..., None]:
    """Queues what the user answers to the next dialogs; see host/answers.py."""
    return answers.give


@pytest.fixture
def panel(application: slicer.qSlicerApplication) -> Iterator[Panel]:
    """The module as the application shows it, in a panel of 400 pixels; closed at the end as on quitting."""
    shown = Panel(MODULE)
    yield shown
    shown.close()


def _ours() -> dict[str, ModuleType]:
    return {name: module for name, module in sys.modules.items() if name.partition(".")[0] in OURS}
