"""The tests written for the application, `Testing/slicer`, run on the test host too, as far as it goes."""

from __future__ import annotations

import sys
import unittest
from collections.abc import Iterator
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "slicer" / "Python"
FILES = sorted(path.stem for path in FOLDER.glob("SemanticSeg*Test.py"))


def cases() -> Iterator[unittest.TestCase]:
    sys.path.insert(0, str(FOLDER))  # where Slicer's test runner puts it
    try:
        for name in FILES:
            for suite in unittest.defaultTestLoader.loadTestsFromName(name):
                yield from suite
    finally:
        sys.path.remove(str(FOLDER))


@pytest.mark.parametrize("case", list(cases()), ids=lambda case: case.id().replace(".", "-"))
@pytest.mark.usefixtures("panel")
def test_the_tests_for_the_application(case):
    result = unittest.TestResult()
    type(case)(case._testMethodName).run(result)
    assert "".join(text for _case, text in result.errors + result.failures) == ""
    assert result.testsRun == 1
    if result.skipped:
        pytest.skip(result.skipped[0][1])
