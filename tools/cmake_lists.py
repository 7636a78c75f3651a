"""Keeps the file lists of the Slicer module true: Slicer ships what `SemanticSeg/CMakeLists.txt` lists and nothing else.

`python tools/cmake_lists.py` tells what differs from the disk, `--write` writes the lists anew.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

MODULE = Path(__file__).resolve().parent.parent / "SemanticSeg"
LISTS = ("MODULE_PYTHON_SCRIPTS", "MODULE_PYTHON_RESOURCES")


def main() -> int:
    """Compare or write; the exit code is 1 when the lists differ from the disk."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write the lists from the disk")
    path = MODULE / "CMakeLists.txt"
    present = on_disk(MODULE)
    if parser.parse_args().write:
        path.write_text(rewritten(path.read_text(encoding="utf-8"), present), encoding="utf-8", newline="\n")
    listed = listed_in(path.read_text(encoding="utf-8"))
    for name in LISTS:
        for entry in sorted(set(listed[name]) ^ set(present[name])):
            print(f"SemanticSeg/CMakeLists.txt: {entry} is {'not on the disk' if entry in listed[name] else 'not listed'}")
    if listed != present:
        print("Write the lists anew with: make lists")
        return 1
    return 0


def on_disk(module: Path) -> dict[str, list[str]]:
    """The module's scripts and resources, as paths relative to it, by name of their list."""
    files = sorted(path.relative_to(module) for path in module.rglob("*") if path.is_file() and path.name != "CMakeLists.txt")
    shipped = [path for path in files if not any(part.startswith((".", "__pycache__", "semseg_core.egg")) for part in path.parts)]
    return {
        "MODULE_PYTHON_SCRIPTS": [path.as_posix() for path in shipped if path.suffix == ".py"],
        "MODULE_PYTHON_RESOURCES": [path.as_posix() for path in shipped if path.suffix != ".py"],
    }


def listed_in(text: str) -> dict[str, list[str]]:
    """What the text of a `CMakeLists.txt` lists, by name of the list."""
    return {name: _block(name).search(text)[1].split() for name in LISTS}


def rewritten(text: str, present: dict[str, list[str]]) -> str:
    """The text of a `CMakeLists.txt` with its lists replaced."""
    for name, entries in present.items():
        block = f"set({name}\n" + "".join(f"  {entry}\n" for entry in entries) + "  )"
        text = _block(name).sub(lambda _, block=block: block, text)
    return text


def _block(name: str) -> re.Pattern[str]:
    return re.compile(rf"set\({name}\n([^)]*)\)")


if __name__ == "__main__":
    sys.exit(main())
