"""The workflows call what is there: they cannot be run here, so at least their words are compared with the repository."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_calls_targets_and_files_that_exist(path):
    text = path.read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    called = set(re.findall(r"- run: make (\w+)", text))
    assert called <= targets
    files = re.findall(r"\b((?:SemanticSeg|Testing)(?:/[\w.]+)+)", text)
    assert called or files
    assert [name for name in files if not (ROOT / name).exists()] == []


def test_the_application_runs_every_test_that_is_written_for_it():
    folder = ROOT / "Testing" / "slicer" / "Python"
    written = {path.name for path in folder.glob("SemanticSeg*Test.py")}
    listed = set(re.findall(r"slicer_add_python_unittest\(SCRIPT (\w+\.py)\)", (folder / "CMakeLists.txt").read_text("utf-8")))
    assert listed == written
    assert len(written) >= 4
    assert "add_subdirectory(slicer/Python)" in (ROOT / "Testing" / "CMakeLists.txt").read_text(encoding="utf-8")
    for name in written:
        text = (folder / name).read_text(encoding="utf-8")
        assert f"class {Path(name).stem}(SemanticSegTestCase)" in text, "CTest names a test by its file"
        assert not re.search(r"import (pytest|host|PySide6)|from (pytest|host|PySide6)", text), "the application has none"
