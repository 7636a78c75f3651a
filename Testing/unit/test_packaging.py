"""What is shipped: the file lists of CMake, the metadata that the Extensions Index reads, the module's entry, the wheel."""

from __future__ import annotations

import ast
import importlib.util
import re
import shutil
import sys
from pathlib import Path

import pytest
from PIL import Image

import semseg_core

ROOT = Path(__file__).resolve().parents[2]
MODULE = ROOT / "SemanticSeg"


@pytest.fixture(scope="module")
def cmake_lists():
    specification = importlib.util.spec_from_file_location("cmake_lists", ROOT / "tools" / "cmake_lists.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def listed_files() -> set[str]:
    """All paths in CMake's lists, read here once more, by another way than the tool's."""
    lines = (MODULE / "CMakeLists.txt").read_text(encoding="utf-8").splitlines()
    return {line.strip() for line in lines if re.fullmatch(r"  [\w./-]+\.\w+", line)}


def shipped_files() -> set[str]:
    """All files of the module's folder but caches and what pip left there."""
    paths = {path.relative_to(MODULE) for path in MODULE.rglob("*") if path.is_file()} - {Path("CMakeLists.txt")}
    return {path.as_posix() for path in paths if not re.search(r"__pycache__|egg-info|(^|/)\.", path.as_posix())}


def test_cmake_lists_what_is_on_the_disk_and_nothing_else():
    listed, shipped = listed_files(), shipped_files()
    assert shipped - listed == set(), "run: make lists"
    assert listed - shipped == set(), "run: make lists"
    assert {"SemanticSeg.py", "semseg_core/cli/main.py", "semseg_core/labels/presets/whole-brain.json"} <= listed


def test_the_list_tool_finds_a_file_too_many_and_one_too_few(cmake_lists, tmp_path, monkeypatch, capsys):
    copy = tmp_path / "SemanticSeg"
    shutil.copytree(MODULE, copy, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    (copy / "semseg_core" / "files.py").unlink()
    (copy / "semseg_core" / "extra.py").touch()
    monkeypatch.setattr(cmake_lists, "MODULE", copy)
    monkeypatch.setattr(sys, "argv", ["cmake_lists.py"])
    assert cmake_lists.main() == 1
    told = capsys.readouterr().out
    assert "semseg_core/files.py is not on the disk" in told
    assert "semseg_core/extra.py is not listed" in told
    monkeypatch.setattr(sys, "argv", ["cmake_lists.py", "--write"])
    assert cmake_lists.main() == 0
    assert "semseg_core/extra.py" in (copy / "CMakeLists.txt").read_text(encoding="utf-8")


def test_tests_are_entered_only_by_a_testing_build_and_never_shipped():
    text = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    assert re.search(r"if\(BUILD_TESTING\)\s+add_subdirectory\(Testing\)\s+endif\(\)", text)
    assert not [path for path in listed_files() if "test" in path.lower()]


def test_the_extensions_index_can_read_the_metadata():
    # The patterns of ExtensionsIndex/scripts/check_description_files.py: one line each, double quotes, no space before ")".
    text = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    assert re.search(r"^project\((\w+)\)", text, re.MULTILINE)[1] == "SemanticSeg"
    for name in ("HOMEPAGE", "CONTRIBUTORS", "DESCRIPTION", "ICONURL", "SCREENSHOTURLS", "DEPENDS"):
        assert re.search(rf'^set\(EXTENSION_{name} "[^"\n]+"\)$', text, re.MULTILINE), name
    assert 'set(EXTENSION_DEPENDS "PyTorch")' in text
    for kind in ("ICONURL", "SCREENSHOTURLS"):
        for url in re.search(rf'EXTENSION_{kind} "([^"]+)"', text)[1].split():
            assert (ROOT / url.partition("/main/")[2]).is_file(), url


def test_the_icon_is_what_the_catalog_and_slicer_look_for():
    for path in (ROOT / "SemanticSeg.png", MODULE / "Resources/Icons/SemanticSeg.png"):
        with Image.open(path) as icon:
            assert (icon.size, icon.mode) == ((128, 128), "RGBA")


def test_the_entry_file_has_slicers_classes_and_imports_nothing_heavy():
    tree = ast.parse((MODULE / "SemanticSeg.py").read_text(encoding="utf-8"))
    classes = {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
    assert {"SemanticSeg", "SemanticSegWidget", "SemanticSegTest"} <= classes
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {alias.name for node in imports if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in imports if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in names} - set(sys.stdlib_module_names) <= {"slicer", "qt"}


def test_torch_is_left_to_slicers_pytorch_extension():
    lines = (MODULE / "Resources" / "requirements.txt").read_text(encoding="utf-8").splitlines()
    requirements = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[\w-]+>=[\d.]+", line) for line in requirements), "lower bounds only"
    assert not [line for line in requirements if line.startswith("torch")]


def test_the_version_is_the_same_everywhere():
    assert f"version: {semseg_core.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"## {semseg_core.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_licence_is_apache_2():
    text = (ROOT / "LICENSE.txt").read_text(encoding="utf-8")
    assert "Apache License\n                           Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
