"""Every error a user can meet, with the exit code the command line gives for it.

A message names the thing, the value and the remedy, in one sentence or two, for example
``label 7 'mandible': its parent 3 is its own descendant; give it another parent``.
"""

from __future__ import annotations


class SemSegError(Exception):
    """Root of all errors raised on purpose; anything else that escapes is a bug."""

    exit_code = 2


class LabelTreeError(SemSegError):
    """A label tree, or an edit of one, breaks an invariant (cycle, duplicate value, unknown id…)."""


class InputError(SemSegError):
    """A file, volume, label map, scribble set or option given by the user cannot be used."""


class ShapeError(SemSegError):
    """Arrays, tensors or grids that must agree do not."""


class ModelError(SemSegError):
    """A model directory is missing, truncated, altered, or made for something else."""


class DependencyError(SemSegError):
    """A package or system library that the task needs is not installed."""

    exit_code = 3


class MemoryLimitError(SemSegError):
    """The machine or the device ran out of memory."""

    exit_code = 4


class CancelledError(SemSegError):
    """The user asked to stop."""

    exit_code = 130
