"""The presets by name."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

from semseg_core.errors import InputError
from semseg_core.labels.formats.own_json import from_record
from semseg_core.labels.tree import LabelTree

SUFFIX = ".json"


def preset_names() -> tuple[str, ...]:
    """Names of all presets, sorted."""
    entries = files("semseg_core.labels.presets").iterdir()
    return tuple(sorted(entry.name.removesuffix(SUFFIX) for entry in entries if entry.name.endswith(SUFFIX)))


@cache
def load_preset(name: str) -> LabelTree:
    """The preset of this name.

    Raises:
        InputError: If there is none; the message lists them.
    """
    if name not in preset_names():
        raise InputError(f"preset '{name}': there is none of this name; choose one of {', '.join(preset_names())}")
    text = files("semseg_core.labels.presets").joinpath(name + SUFFIX).read_text(encoding="utf-8")
    return from_record(json.loads(text))
