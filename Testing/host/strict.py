"""What went wrong behind a test's back: failed connects, exceptions in slots, warnings of Qt. `check()` raises them.

Real PythonQt prints such things and goes on. Here every one of them is written down and fails the test that caused it.
"""

from __future__ import annotations

import re
import sys
import traceback
from contextlib import contextmanager

from PySide6 import QtCore

_QUIET = (  # what the offscreen platform says of itself, whatever the panel does
    r"This plugin does not support",
    r"QFontDatabase: Cannot find font directory",
    r"Populating font family aliases",
    r"qt\.qpa\.",
    r"QStandardPaths: (XDG_RUNTIME_DIR|runtime directory)",
)

_violations: list[str] = []


class HostViolation(AssertionError):  # noqa: N818 - it is the failure of an assertion
    """Something that Slicer would have swallowed, or that does not exist there."""


def report(text: str) -> None:
    """Write down a violation; the running test fails at its end."""
    _violations.append(text)


def report_exception(where: str, error: BaseException) -> None:
    """Write down an exception that no Python code above could have caught."""
    report(f"{where}: " + "".join(traceback.format_exception(error)))


def check() -> None:
    """Raise everything written down since the last check, and forget it.

    Raises:
        HostViolation: If there is anything.
    """
    found, _violations[:] = list(_violations), []
    if found:
        raise HostViolation("\n".join(found))


@contextmanager
def expected(pattern: str):
    """What matches the pattern is expected within this block, at least once; everything else stays written down.

    Raises:
        HostViolation: If nothing matched.
    """
    before = len(_violations)
    yield
    matching = [text for text in _violations[before:] if re.search(pattern, text)]
    if not matching:
        raise HostViolation(f"nothing like {pattern!r} happened; what did: {_violations[before:]}")
    _violations[before:] = [text for text in _violations[before:] if text not in matching]


def _on_qt_message(kind: QtCore.QtMsgType, _context: QtCore.QMessageLogContext, text: str) -> None:
    loud = kind in (QtCore.QtMsgType.QtWarningMsg, QtCore.QtMsgType.QtCriticalMsg, QtCore.QtMsgType.QtFatalMsg)
    if loud and not any(re.search(quiet, text) for quiet in _QUIET):
        report(f"Qt says: {text}")


def watch() -> None:
    """Listen to Qt's messages and to exceptions that reach the interpreter's last hook, as those in overridden virtuals do."""
    QtCore.qInstallMessageHandler(_on_qt_message)
    interpreters_hook = sys.excepthook

    def on_exception(kind, error, trace):
        report_exception("exception below Qt", error)
        interpreters_hook(kind, error, trace)

    sys.excepthook = on_exception
