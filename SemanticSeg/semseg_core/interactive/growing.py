"""Strokes that grow while more of them come: anew for a whole volume, and as they last did for the slices on the screen."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from semseg_core.errors import CancelledError
from semseg_core.features.bank import FeatureBank
from semseg_core.features.growth import Growth, grow_marks, is_sparse
from semseg_core.infer.grown import GrownStrokes
from semseg_core.models.model import Model
from semseg_core.sparse.scribbles import SparseLabels


class GrowingStrokes:
    """The strokes on one image, as far as they have grown.

    Attributes:
        grown: What they say; None before they grew.

    Args:
        bank: Features of the image.
        level: As for `grow_marks`.
    """

    def __init__(self, bank: FeatureBank, level: int) -> None:
        self.grown: GrownStrokes | None = None
        self._bank, self._level = bank, level
        self._marks: SparseLabels | None = None
        self._growth: Growth | None = None

    def keep(self, marks: SparseLabels | None) -> None:
        """Forget what grew if a mark of it is not among these any more: what was taken back shall not go on."""
        if self._marks is not None and (marks is None or changed(self._marks, marks).any()):
            self.grown = self._growth = self._marks = None

    def renew(self, marks: SparseLabels | None, model: Model, cancelled: Callable[[], bool]) -> None:
        """Grow all marks, if they are not those that grew last; and find out how far they agree with a network by now.

        Raises:
            CancelledError: If `cancelled` said so.
        """

        def check() -> None:
            if cancelled():
                raise CancelledError("cancelled while strokes were grown")

        if marks is None or not is_sparse(len(marks), marks.grid):
            return
        if self._growth is None or marks is not self._marks:
            self._growth, self._marks = grow_marks(self._bank, marks, self._level, check), marks
        self.grown = GrownStrokes.beside(model, self._growth, self._bank)


def changed(marks: SparseLabels, earlier: SparseLabels | None) -> np.ndarray:
    """Which marks were not there before, or with another label, (N,) bool."""
    if earlier is None or not len(earlier):
        return np.ones(len(marks), dtype=bool)
    places, known = (np.ravel_multi_index(each.indices.T, marks.grid.shape) for each in (marks, earlier))
    order = np.argsort(known)
    found = order[np.searchsorted(known, places, sorter=order).clip(max=len(known) - 1)]
    return (known[found] != places) | (earlier.label_ids[found] != marks.label_ids)
