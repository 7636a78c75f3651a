"""A session on the phantom, and marks on some of its slices."""

from __future__ import annotations

import numpy as np
import pytest

from semseg_core.sparse.scribbles import SparseLabels


@pytest.fixture(scope="session")
def first_marks(phantom) -> SparseLabels:
    """A third of the phantom's marks."""
    return phantom.marks.subset(np.arange(len(phantom.marks)) % 3 == 0)
