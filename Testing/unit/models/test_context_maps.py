"""Maps of a context network over a whole volume."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from semseg_core import device
from semseg_core.data.volume import Volume
from semseg_core.errors import MemoryLimitError
from semseg_core.geometry import Grid
from semseg_core.models.context import ContextNetwork
from semseg_core.models.context_maps import context_maps
from semseg_core.models.shape import ContextShape


def test_maps_that_do_not_fit_are_refused_before_they_are_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    shape = ContextShape(1, 8, (0.5, 0.5, 0.5))
    network = ContextNetwork(shape, torch.nn.Conv3d(1, 8, 1))
    volume = Volume(np.zeros((1, 11, 11, 11), dtype=np.float32), Grid((11, 11, 11), np.eye(4)), ("image",))
    needed = 21**3 * (1 + 8 + 1) * 4
    monkeypatch.setattr(device, "free_memory_bytes", lambda: needed)
    assert context_maps(network, volume)[0].shape == (8, 21, 21, 21)
    monkeypatch.setattr(device, "free_memory_bytes", lambda: needed - 1)
    with pytest.raises(MemoryLimitError, match="8 maps of 21 × 21 × 21 voxels of 0.5 × 0.5 × 0.5 mm needs .* crop the image"):
        context_maps(network, volume)
    monkeypatch.setattr(device, "free_memory_bytes", lambda: None)
    assert context_maps(network, volume)[0].shape == (8, 21, 21, 21)
