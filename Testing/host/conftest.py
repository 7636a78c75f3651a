"""Each test of the host ends as each test on the host: cleaned up, and failed by what went wrong behind its back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from host import install


@pytest.fixture(autouse=True)
def _host(tmp_path: Path) -> Iterator[None]:
    install.install()
    install.start(tmp_path)
    yield
    install.finish()
