"""The host answers as real PythonQt answered."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest

from host import strict
from host.pythonqt_expressions import EXPRESSIONS, objects

OBSERVED = json.loads(Path(__file__).with_name("pythonqt_observed.json").read_text(encoding="utf-8"))

DEVIATIONS = {
    "b.name": ("''", "Slicer builds its PythonQt with PYTHONQT_SUPPORT_NAME_PROPERTY; the observed one was built without"),
    "QRegExp": ("AttributeError", "gone from Qt 6, so we may not use it"),
    "enabled=None": ("AttributeError", "stricter: None is no bool"),
    "isinstance": ("True", "PySide6's classes inherit each other; the product asks for no Qt class (test_product_manners.py)"),
    "QDir.tempPath()": (repr(tempfile.gettempdir()), "wherever this machine keeps its temporary files"),
}


def answer(name: str) -> str:
    import qt

    try:
        return repr(EXPRESSIONS[name](objects(qt)))[:110]
    except Exception as error:  # noqa: BLE001 - an error is an answer
        return f"{type(error).__name__}: {error!s:.90}"


def test_every_observed_answer_has_its_expression():
    assert EXPRESSIONS.keys() == OBSERVED.keys()


@pytest.mark.parametrize("name", OBSERVED.keys() - DEVIATIONS.keys() - {"connect bogus"})
def test_the_host_answers_as_pythonqt_does(name: str):
    assert answer(name) == OBSERVED[name]


@pytest.mark.parametrize("name", sorted(DEVIATIONS))
def test_where_the_host_answers_otherwise_is_known(name: str):
    assert answer(name).startswith(DEVIATIONS[name][0])


def test_connecting_a_signal_that_does_not_exist_answers_false_and_fails_the_test():
    with strict.expected("signal 'bogus\\(\\)' does not exist"):
        assert answer("connect bogus") == OBSERVED["connect bogus"]
