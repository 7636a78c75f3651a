"""What the documents quote is what the panel says: words on the screen in bold, messages in the table of troubles."""

from __future__ import annotations

import ast
import re
import xml.etree.ElementTree as ElementTree
from functools import cache
from pathlib import Path

import pytest

from semseg_core import user_folders

ROOT = Path(__file__).resolve().parents[2]
MODULE = ROOT / "SemanticSeg"
TUTORIAL = ROOT / "docs" / "tutorial.md"
README = ROOT / "README.md"


@cache
def words_of_the_panel() -> frozenset[str]:
    """All texts of the Slicer side, in code and in `.ui` files; what is filled in is written as …."""
    texts = set()
    for path in [MODULE / "SemanticSeg.py", *(MODULE / "SemanticSegLib").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.add(re.sub(r"\{[^}]*\}", "…", node.value))
    for path in (MODULE / "Resources" / "UI").glob("*.ui"):
        texts |= {string.text.replace("&", "") for string in ElementTree.parse(path).iter("string") if string.text}
    return frozenset(texts)


def in_bold(text: str) -> list[str]:
    return [" ".join(found.split(" ")) for found in re.findall(r"\*\*([^*]+)\*\*", re.sub(r"\n\s*", " ", text))]


def section(title: str) -> str:
    return README.read_text(encoding="utf-8").partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def test_words_in_bold_are_on_the_screen():
    quoted = in_bold(TUTORIAL.read_text(encoding="utf-8"))
    assert len(quoted) > 40
    known = words_of_the_panel()
    assert [words for words in quoted if words not in known and not any(words in text for text in known if " " in words)] == []


@pytest.mark.parametrize("title", ["Network", "Where files are kept and how to remove them", "Troubleshooting"])
def test_buttons_that_the_readme_names_are_there(title):
    text = section(title)
    assert len(text) > 300
    headings = re.findall(r"^- \*\*([^*]+)\*\*", text, re.MULTILINE)  # what a paragraph is about
    assert [words for words in in_bold(text) if words not in words_of_the_panel() and words not in headings] == []


def test_messages_in_the_table_of_troubles_are_those_of_the_panel():
    messages = re.findall(r"^\| (?!message|---)(.+?) \| .+ \|$", section("Troubleshooting"), re.MULTILINE)
    assert len(messages) > 15
    unknown = []
    for message in messages:
        parts = [part.strip() for part in message.split("…") if len(part.strip()) > 3]
        if not any(all(part in text for part in parts) for text in words_of_the_panel()):
            unknown.append(message)
    assert unknown == []


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_folders_in_the_readme_are_those_of_the_library(platform, monkeypatch):
    text = section("Where files are kept and how to remove them").replace("\\", "/")
    monkeypatch.setattr(user_folders.sys, "platform", platform)
    for variable in ("XDG_CACHE_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("LOCALAPPDATA", "%LOCALAPPDATA%")
    for folder, inside in ((user_folders.data_folder(), "models"), (user_folders.cache_folder(), "jobs")):
        assert f"`{folder.as_posix().replace(Path.home().as_posix(), '~')}/{inside}`" in text
