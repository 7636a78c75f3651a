"""The configuration of a MONAI bundle as data: references are followed, nothing is evaluated.

MONAI runs what follows a `$`. Here such an expression is refused, with its words, where its value is needed, and else ignored.

Source:
    https://docs.monai.io/en/stable/config_syntax.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from semseg_core.errors import DependencyError, InputError, ModelError
from semseg_core.files import require_file

DEEPEST = 64
"""Nested lists and references that are followed at most; real configurations have about 10."""

_REFERENCE = re.compile(r"@([\w.]+(?:(?:#|::)[\w.]+)*)")


class BundleConfig:
    """A configuration file whose values are looked up by name.

    Args:
        record: What the file holds.
        what: What it is, for messages.
    """

    def __init__(self, record: Mapping[str, object], what: str) -> None:
        self.record = record
        self.what = what

    def __contains__(self, name: str) -> bool:
        try:
            self._step(name)
        except KeyError:
            return False
        return True

    def plain(self, name: str) -> object:
        """The value of a name (`network_def`, `inferer#roi_size`) with all references in it followed: plain values only.

        Raises:
            ModelError: If it is missing, or something in it is an expression or refers to itself.
        """
        return self.resolved(self.find(name), name)

    def find(self, name: str) -> object:
        """The value of a name as it stands.

        Raises:
            ModelError: If it is missing.
        """
        try:
            return self._step(name)
        except KeyError as error:
            raise ModelError(f"{self.what}: '{name}' is missing ({error}); complete it, or copy the bundle anew") from error

    def resolved(self, value: object, name: str, depth: int = 0) -> object:
        """A value with all references in it followed.

        Raises:
            ModelError: If something in it is an expression or refers to itself.
        """
        if depth > DEEPEST:
            raise ModelError(f"{self.what}: '{name}' refers to itself; correct it")
        if isinstance(value, Mapping):
            return {str(key): self.resolved(item, f"{name}#{key}", depth + 1) for key, item in value.items()}
        if isinstance(value, list):
            return [self.resolved(item, f"{name}#{index}", depth + 1) for index, item in enumerate(value)]
        if isinstance(value, str) and value.startswith(("$", "%")):
            raise ModelError(
                f"{self.what}: '{name}' is the expression '{value[:80]}', and nothing in a bundle is run; "
                "write its value there instead"
            )
        if isinstance(value, str) and "@" in value:
            found = _REFERENCE.fullmatch(value)
            if found is None:
                raise ModelError(f"{self.what}: '{name}' is '{value[:80]}', which refers to more than one value; write it out")
            try:
                return self.resolved(self._step(found[1]), found[1], depth + 1)
            except KeyError as error:
                raise ModelError(f"{self.what}: '{name}' refers to '{value}', which is missing; write its value there") from error
        return value

    def _step(self, name: str) -> object:
        """The value of a name, from one part of it to the next; a reference on the way is not followed."""
        value: object = self.record
        for part in re.split(r"#|::", name):
            if isinstance(value, Mapping) and part in value:
                value = value[part]
            elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
                value = value[int(part)]
            else:
                raise KeyError(part)
        return value


def read_config(path: Path) -> BundleConfig:
    """Read a JSON or YAML file.

    Raises:
        ModelError: If it is missing or broken.
        DependencyError: If it is YAML and PyYAML is not installed.
    """
    try:
        text = require_file(path, "MONAI bundle").read_text(encoding="utf-8")
    except (InputError, UnicodeDecodeError) as error:
        raise ModelError(str(error)) from error
    return BundleConfig(parsed(text, path), f"MONAI bundle {path}")


def parsed(text: str, path: Path) -> Mapping[str, object]:
    """A configuration's text; YAML by its suffix, else JSON.

    Raises:
        ModelError: If it is broken.
        DependencyError: If it is YAML and PyYAML is not installed.
    """
    if path.suffix in (".yaml", ".yml"):
        try:
            import yaml
        except ImportError as error:
            raise DependencyError(f"MONAI bundle {path}: YAML is read by PyYAML; install it with: pip install pyyaml") from error
        broken, read = (yaml.YAMLError, RecursionError), yaml.safe_load
    else:
        broken, read = (ValueError, RecursionError), json.loads
    try:
        record = read(text)
    except broken as error:
        raise ModelError(f"MONAI bundle {path}: cannot be read ({' '.join(str(error).split())[:160]}); copy it again") from error
    if not isinstance(record, Mapping):
        raise ModelError(f"MONAI bundle {path}: holds no names and values; copy it again")
    return record
