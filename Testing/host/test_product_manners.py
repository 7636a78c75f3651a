"""What the host cannot see, because PySide6 allows it and PythonQt or Qt 5.15 does not: read in the text of the product."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PRODUCT_FOLDER = Path(__file__).parents[2] / "SemanticSeg"
PRODUCT = sorted((PRODUCT_FOLDER / "SemanticSegLib").rglob("*.py"))
UI_FILES = sorted((PRODUCT_FOLDER / "Resources" / "UI").glob("*.ui"))
PANEL = [path for path in UI_FILES if path.stem != "Models"]  # which is a window of its own
MENUS = "FEVH"
"""Letters of the menus in Slicer's main window; a letter that fits twice opens the menu only every second time."""
NOT_IN_QT_5_15 = {"event.position", "event.globalPosition", "event.keyCombination", "qt.QKeyCombination"}
PYSIDE_ONLY = {"Signal", "Slot", "Property", "QSignalBlocker"}


def breaches(source: str) -> Iterator[str]:
    """Each breach of manners in a module's text, with its line."""
    for node in ast.walk(ast.parse(source)):
        for found in _breaches_of(node):
            yield f"line {node.lineno}: {found}"


def _breaches_of(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "isinstance" and _names_qt(node.args[1]):
        yield "isinstance() with a class of Qt is False for derived classes in PythonQt"
    if isinstance(node, ast.Call) and node.keywords and _names_qt(node.func):
        yield "PythonQt takes no keyword arguments"
    if isinstance(node, ast.With | ast.AsyncWith) and any(_names_qt(item.context_expr) for item in node.items):
        yield "objects of Qt are no context managers in PythonQt"
    if isinstance(node, ast.Attribute) and ast.unparse(node) in NOT_IN_QT_5_15:
        yield f"{ast.unparse(node)} does not exist in Qt 5.15"
    if isinstance(node, ast.Attribute) and _is_qt(node.value) and node.attr in PYSIDE_ONLY:
        yield f"qt.{node.attr} does not exist in PythonQt, or does something else"
    if isinstance(node, ast.Attribute) and _is_enum_of_qt(node.value):
        yield f"{ast.unparse(node)}: enum members stand on the class itself in PythonQt"
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and "QList<int>)" in node.value.replace(" ", ""):
        yield "QList<int> in a signature is QVector<int> in Qt 5.15"


def _is_qt(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id in ("qt", "ctk")


def _names_qt(node: ast.AST) -> bool:
    return any(_is_qt(each) for each in ast.walk(node))


def _is_enum_of_qt(node: ast.AST) -> bool:
    """`qt.Qt.CheckState`, the middle of `qt.Qt.CheckState.Checked`."""
    return (
        isinstance(node, ast.Attribute)
        and node.attr[0].isupper()
        and isinstance(node.value, ast.Attribute)
        and node.value.attr[0].isupper()
        and _is_qt(node.value.value)
    )


@pytest.mark.parametrize("path", PRODUCT, ids=lambda path: path.stem)
def test_the_product_keeps_to_what_pythonqt_and_both_versions_of_qt_can(path: Path):
    assert list(breaches(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "line",
    [
        "isinstance(button, qt.QAbstractButton)",
        "isinstance(button, (str, qt.QWidget))",
        "qt.QLabel(parent=None)",
        "with qt.QPainter(widget): pass",
        "event.position()",
        "chosen = qt.Signal(int)",
        "item.setCheckState(0, qt.Qt.CheckState.Checked)",
        "model.connect('dataChanged(QModelIndex, QModelIndex, QList<int>)', f)",
    ],
)
def test_each_breach_of_manners_is_found(line: str):
    assert len(list(breaches(line))) == 1


@pytest.mark.parametrize("path", PANEL, ids=lambda path: path.stem)
def test_the_panel_leaves_the_letters_of_the_menus_to_slicer(path: Path):
    letters = re.findall(r"&amp;(\w)", path.read_text(encoding="utf-8"))
    assert not set(MENUS) & {letter.upper() for letter in letters}


def test_good_manners_are_no_breach():
    source = "button.connect('clicked()', f)\nqt.QTimer.singleShot(0, f)\nitem.setCheckState(0, qt.Qt.Checked)\nlabel.position"
    assert list(breaches(source)) == []
