"""Puts the Slicer half of the host together; imported after `install()`, once per process."""

from __future__ import annotations

from functools import cache

import slicer

from . import mrml_widgets, node_combo_box, scripted_module, scripted_panel, segment_editor_widget, segment_widgets, views
from .application import Application
from .python_modules import install_module, install_python_modules

_WIDGET_MODULES = [mrml_widgets, node_combo_box, scripted_panel, segment_editor_widget, segment_widgets, views]


@cache
def application() -> Application:
    """The application, booted at the first call."""
    install_python_modules()
    install_module("ScriptedLoadableModule", scripted_module)
    for module in _WIDGET_MODULES:
        for name, value in vars(module).items():
            if name.startswith(("qMRML", "qSlicer")) and isinstance(value, type):
                setattr(slicer, name, value)
    return Application()
