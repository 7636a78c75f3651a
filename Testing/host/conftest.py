"""The host's own tests use the fixtures that it gives to others; those without the application end as strictly."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .fixtures import application, head_volume, panel, slicer_scene, user_answers, user_folders  # noqa: F401
from .install import finish, start


@pytest.fixture(autouse=True)
def _strict_qt(tmp_path: Path) -> Iterator[None]:
    start(tmp_path)
    yield
    finish()
