"""The entry for the Extensions Index: what schema 1.0.2 and the Index's own checks ask of it, and that CMake says the same."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ENTRY = ROOT / "docs" / "SemanticSeg.json"
SCHEMA = "https://raw.githubusercontent.com/Slicer/Slicer/main/Schemas/slicer-extension-catalog-entry-schema-v1.0.2.json#"

# Schema 1.0.2 in our words: the type of every key it allows; no others are.
KINDS = {
    "$schema": str,
    "build_dependencies": list,
    "build_subdirectory": str,
    "category": str,
    "dicom_support_rule": str,
    "enabled": bool,
    "scm_revision": str,
    "scm_type": str,
    "scm_url": str,
    "tier": int,
}
REQUIRED = {"$schema", "category", "scm_url"}


def faults(entry: dict) -> list[str]:
    """What the schema and the Index would refuse."""
    found = [f"{key}: not allowed" for key in entry.keys() - KINDS.keys()]
    found += [f"{key}: missing" for key in REQUIRED - entry.keys()]
    found += [f"{key}: not a {KINDS[key].__name__}" for key in entry.keys() & KINDS.keys() if type(entry[key]) is not KINDS[key]]
    if not all(isinstance(name, str) for name in entry.get("build_dependencies", [])):
        found.append("build_dependencies: not all names")
    if not 1 <= entry.get("tier", 1) <= 5:
        found.append("tier: not from 1 to 5")
    if entry.get("scm_type", "git") not in ("git", "local"):
        found.append("scm_type: neither git nor local")
    if entry.get("$schema") != SCHEMA:
        found.append("$schema: not version 1.0.2")
    if not re.fullmatch(r"https://github\.com/[\w-]+/Slicer\w+\.git", entry.get("scm_url", "")):
        found.append("scm_url: the repository's name does not begin with Slicer")
    return found


def metadata(name: str) -> str:
    """What CMake says of the extension."""
    text = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    return re.search(rf'^set\(EXTENSION_{name} "([^"\n]+)"\)$', text, re.MULTILINE)[1]


@pytest.fixture
def entry() -> dict:
    return json.loads(ENTRY.read_text(encoding="utf-8"))


def test_the_entry_is_one_that_the_index_takes(entry):
    assert faults(entry) == []
    assert b"\r" not in ENTRY.read_bytes(), "the Index takes LF line ends only"
    assert entry["category"] == "Segmentation"


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"homepage": "x"}, "homepage"),
        ({"tier": 6}, "tier"),
        ({"tier": True}, "tier"),
        ({"build_dependencies": "PyTorch"}, "build_dependencies"),
        ({"build_dependencies": [1]}, "build_dependencies"),
        ({"scm_type": "svn"}, "scm_type"),
        ({"$schema": "v1.0.1"}, "schema"),
        ({"scm_url": "https://github.com/someone/SemanticSeg.git"}, "scm_url"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_fault_is_found(entry, change, fault):
    assert [found for found in faults(entry | change) if fault in found]


def test_the_entry_and_cmake_say_the_same(entry):
    project = re.search(r"^project\((\w+)\)$", (ROOT / "CMakeLists.txt").read_text(encoding="utf-8"), re.MULTILINE)[1]
    assert project == ENTRY.stem
    assert not project.startswith("Slicer")
    assert entry["build_dependencies"] == metadata("DEPENDS").split()
    assert entry["scm_url"] == metadata("HOMEPAGE") + ".git"
    assert entry["build_subdirectory"] == ".", "there is no superbuild"
    raw = metadata("HOMEPAGE").replace("github.com", "raw.githubusercontent.com") + f"/{entry['scm_revision']}/"
    for url in (metadata("ICONURL"), *metadata("SCREENSHOTURLS").split()):
        assert url.startswith(raw)
        assert (ROOT / url.removeprefix(raw)).suffix in {".png", ".jpg", ".jpeg", ".gif"}
        assert (ROOT / url.removeprefix(raw)).is_file(), url


def test_the_module_shows_the_category_of_the_entry(entry):
    module = (ROOT / "SemanticSeg" / "SemanticSeg.py").read_text(encoding="utf-8")
    assert f'translate("qSlicerAbstractCoreModule", "{entry["category"]}")' in module


def test_nothing_of_us_is_called_by_another_owner_or_branch(entry):
    """The owner is a placeholder until the repository is published; it is the same wherever it stands."""
    texts = ["CMakeLists.txt", "README.md", "CITATION.cff", "CONTRIBUTING.md", "SemanticSeg/SemanticSeg.py", *tracked_documents()]
    whole = "\n".join((ROOT / name).read_text(encoding="utf-8") for name in texts)
    addresses = set(re.findall(r"github(?:usercontent)?\.com/([\w-]+/SlicerSemanticSeg\b)", whole))
    assert addresses == {entry["scm_url"].removeprefix("https://github.com/").removesuffix(".git")}


def tracked_documents() -> list[str]:
    return [path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.*") if path.suffix in {".md", ".json"}]
