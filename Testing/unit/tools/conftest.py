"""The tools import one another as programs in one folder do."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def _tools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "tools")
    import sheet
    import slices

    # Small pictures, for time's sake; what is in them is the same.
    monkeypatch.setattr(sheet, "DOTS_PER_INCH", 60)
    monkeypatch.setattr(slices, "PIXELS", 240)
