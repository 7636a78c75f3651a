"""The ten voxels whose metrics were worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from semseg_core.labels.tree import LabelTree
from semseg_core.metrics.confusion import ConfusionTable, confusion_table

TRUE_LEAVES = [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
ANSWERED_LEAVES = [0, 1, 1, 2, 2, 3, 3, 4, 4, 0]


@pytest.fixture
def ten_voxels(weighted_tree: LabelTree) -> ConfusionTable:
    """Two voxels of each leaf of the weighted tree; one of each answered rightly, the other as the next leaf."""
    ids = np.array([leaf.id for leaf in weighted_tree.leaves])
    return confusion_table(ids[TRUE_LEAVES], ids[ANSWERED_LEAVES], weighted_tree)
