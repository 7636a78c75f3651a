"""Puts the Slicer half of the host together; imported after `install()`, once per process."""

from __future__ import annotations

import sys
from functools import cache

import slicer

from . import (
    checkable_node_combo_box,
    mrml_widgets,
    node_combo_box,
    sample_data,
    scripted_module,
    scripted_panel,
    segment_editor_effect,
    segment_editor_widget,
    segment_widgets,
    terminology_widgets,
    views,
)
from .application import Application
from .python_modules import install_module, install_python_modules

_WIDGET_MODULES = (
    checkable_node_combo_box,
    mrml_widgets,
    node_combo_box,
    scripted_panel,
    segment_editor_effect,
    segment_editor_widget,
    segment_widgets,
    terminology_widgets,
    views,
)


@cache
def install_slicer() -> None:
    """Make the rest of Slicer's Python and its widget classes importable; needs `install()` first."""
    install_python_modules()
    install_module("ScriptedLoadableModule", scripted_module)
    sys.modules["SampleData"] = sample_data
    for module in _WIDGET_MODULES:
        for name, value in vars(module).items():
            if name.startswith(("qMRML", "qSlicer")) and isinstance(value, type):
                setattr(slicer, name, value)


@cache
def application() -> Application:
    """The application, booted at the first call."""
    install_slicer()
    return Application()
