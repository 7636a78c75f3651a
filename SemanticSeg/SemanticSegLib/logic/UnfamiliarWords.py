"""What is said where much of an image resembles nothing that was scribbled on, and what can be done about it."""

from __future__ import annotations

from slicer.i18n import tr as _

LARGE_SHARE = 0.2
"""Part of the body from which it is told."""


def resultHint(share: float, everything: bool) -> str:
    """For a result, in sentences; empty where there is little of it.

    Args:
        share: Part of the body that resembles nothing the model learned from, 0…1.
        everything: Whether it was labeled all the same.
    """
    remedy = _("Where labels are missing, scribble, or tick 'Label unfamiliar tissue, too' and apply again.")
    return _hint(share, everything, remedy)


def previewHint(share: float, everything: bool) -> str:
    """The same for the live preview."""
    remedy = _("Where labels are missing, scribble, or tick 'Label unfamiliar tissue, too' in step 4.")
    return _hint(share, everything, remedy)


def _hint(share: float, everything: bool, remedy: str) -> str:
    if share < LARGE_SHARE:
        return ""
    if everything:
        words, remedy = _("{percent} % of the tissue resembles nothing that was scribbled on: its labels are guesses."), ""
    else:
        words = _("{percent} % of the tissue resembles nothing that was scribbled on and stays unknown.")
    return f"{words.format(percent=round(100 * share))} {remedy}".rstrip()
