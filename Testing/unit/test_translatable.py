"""Every word that a user sees can be translated: it goes through `_()`, whole, where Slicer's lupdate finds it."""

from __future__ import annotations

import ast
import re
import string
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

MODULE = Path(__file__).resolve().parents[2] / "SemanticSeg"
WIDGETS = sorted((MODULE / "SemanticSegLib" / "widgets").glob("*.py"))
SLICER_SIDE = [MODULE / "SemanticSeg.py", *sorted((MODULE / "SemanticSegLib").rglob("*.py"))]

SHOWN_PROPERTIES = {
    "accessibleName", "acknowledgementText", "helpText", "placeholderText", "prefix", "specialValueText", "suffix", "text",
    "title", "toolTip", "windowTitle",
}  # fmt: skip
FIRST, ALL, FILE_DIALOG = (0,), range(9), (1, 3)
SHOWING_CALLS = {
    **dict.fromkeys(("addItem", "addAction", "addMenu", "setAccessibleName", "setFormat", "setInformativeText"), FIRST),
    **dict.fromkeys(("setPlainText", "setPlaceholderText", "setText", "setTitle", "setToolTip", "setWindowTitle"), ALL),
    **dict.fromkeys(("QAction", "QCheckBox", "QLabel", "QMessageBox", "QPushButton", "QRadioButton", "QToolButton"), ALL),
    **dict.fromkeys(("addButton", "addItems", "addRow", "addTab", "insertItem", "setHeaderLabels", "setLabelText"), ALL),
    **dict.fromkeys(("confirmOkCancelDisplay", "confirmYesNoDisplay", "errorDisplay", "infoDisplay", "warningDisplay"), ALL),
    "setHorizontalHeaderLabels": ALL,
    **dict.fromkeys(("getOpenFileName", "getSaveFileName", "getOpenFileNames", "getExistingDirectory"), FILE_DIALOG),
}
"""Calls that put texts before a user's eyes, and which of their arguments do."""

PHRASE = re.compile(r"[^\W\d_]{2,} [^\W\d_]{2,}")
NO_WORDS = re.compile(r"https?://\S+|\*(\.\w+)+|<[^>]*>|&\w+;")


def untranslated(source: str) -> Iterator[str]:
    """Each word that a module's text shows without translation, with its line, and each phrase, wherever it is shown."""
    tree = ast.parse(source)
    shown = [value for node in ast.walk(tree) for value in _shown_by(node)]
    found = {words for value in shown for words in _words_in(value)}
    found |= {text for text in _words_in(tree) if PHRASE.search(text.value)}
    yield from (f"line {text.lineno}: {text.value!r} is shown without _()" for text in found)


def unfit_for_translation(source: str) -> Iterator[str]:
    """Each `_()` that lupdate cannot read, or whose places are not those that are filled in."""
    for node in ast.walk(ast.parse(source)):
        if _is_call_of(node, "_") and not (len(node.args) == 1 and _is_text(node.args[0]) and not node.keywords):
            yield f"line {node.lineno}: _() takes one text, which is written there and is no f-string"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
            text = node.func.value
            if _is_call_of(text, "_") and text.args and _is_text(text.args[0]):
                places = {name for _, name, _, _ in string.Formatter().parse(text.args[0].value) if name is not None}
                filled = {keyword.arg for keyword in node.keywords}
                if node.args or (places != filled and None not in filled):  # None: **values, known when it runs only
                    yield f"line {node.lineno}: the places {sorted(places)} are filled with {sorted(map(str, filled))}"


def _shown_by(node: ast.AST) -> Iterator[ast.expr]:
    """The expressions whose value a node puts before a user's eyes."""
    if isinstance(node, ast.Assign):
        if any(isinstance(target, ast.Attribute) and target.attr in SHOWN_PROPERTIES for target in node.targets):
            yield node.value
    elif isinstance(node, ast.Call):
        yield from (node.args[place] for place in SHOWING_CALLS.get(_name(node.func), ()) if place < len(node.args))


def _words_in(node: ast.AST) -> Iterator[ast.Constant]:
    """Texts with words in them; docstrings and what is compared, looked up or passed to `_()` are not shown as they stand."""
    if _is_call_of(node, "_") or _is_call_of(node, "translate") or isinstance(node, ast.Compare):
        return
    if isinstance(node, ast.Expr) and _is_text(node.value):
        return
    if isinstance(node, ast.Assign) and _name(node.targets[0]) == "contributors":  # people
        return
    if isinstance(node, ast.Subscript):
        yield from _words_in(node.value)
    elif _is_text(node) and re.search(r"[^\W\d_]{2}", NO_WORDS.sub("", node.value)):
        yield node
    else:
        for child in ast.iter_child_nodes(node):
            yield from _words_in(child)


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _is_call_of(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


@pytest.mark.parametrize("path", [MODULE / "SemanticSeg.py", *WIDGETS], ids=lambda path: path.stem)
def test_every_word_that_a_widget_shows_can_be_translated(path):
    assert list(untranslated(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("path", SLICER_SIDE, ids=lambda path: path.stem)
def test_every_text_for_translation_is_written_whole_and_its_places_are_filled(path):
    assert list(unfit_for_translation(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "line",
    [
        "button.text = 'Apply'",
        "button.toolTip = _('Apply') if ready else 'choose a volume'",
        "label.setText(f'{count} labels')",
        "menu.addAction('Import…')",
        "view.setHeaderLabels([_('Name'), 'Voxels'])",
        "label = qt.QLabel('Painting:')",
        "slicer.util.confirmYesNoDisplay(question, 'Restart')",
        "ui.label.text = ', '.join(['three labels'])",
        "words = 'no label selected'",
    ],
)
def test_each_word_without_translation_is_found(line):
    assert len(list(untranslated(line))) == 1


@pytest.mark.parametrize(
    "line",
    ["_(f'{count} labels')", "_('a' + b)", "_(text)", "_('{count} labels').format(number=3)", "_('{} labels').format(3)"],
)
def test_each_text_that_lupdate_cannot_read_is_found(line):
    assert len(list(unfit_for_translation(line))) == 1


def test_what_is_no_word_is_left_alone():
    source = """
        def f():
            'Says how many there are.'
            a.text = f'{n} %'
            choices.addItem(_('Automatic'), 'auto')
            b.text = names['leaf']
            c.text = _('x {n}').format(n=1)
            d.text = '·' if kind == 'done' else ''
    """
    source = textwrap.dedent(source)
    assert list(untranslated(source)) == []
    assert list(unfit_for_translation(source)) == []
