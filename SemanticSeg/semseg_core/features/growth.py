"""What the marks of an image say of its other voxels, by growing.

A network learns from all marks what a label looks like; this knows what it is connected with, and so follows borders of which no
mark tells. It holds for the marked image alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from semseg_core.features.bank import FeatureBank
from semseg_core.features.layout import MAPS_PER_CHANNEL
from semseg_core.geometry import Grid
from semseg_core.sparse.growth import grow
from semseg_core.sparse.scribbles import SparseLabels

SPARSE_SHARE = 0.05
"""Part of an image's voxels up to which its marks are strokes, from which something can grow; 40 slices of an organ are 0.3 %."""


@dataclass(frozen=True, eq=False)
class Growth:
    """Marks, grown over an image.

    Args:
        label_ids: (D, H, W) int32, of the mark that is nearest.
        marked: (D, H, W) bool, where a mark lies; nowhere in a growth of coarse voxels.
        grid: Of both.
    """

    label_ids: torch.Tensor
    marked: torch.Tensor
    grid: Grid

    def at(self, points_ras: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What holds at points: label ids, (N,) int32, and whether there is a mark, (N,) bool.

        Args:
            points_ras: (N, 3) float32, RAS millimetres, on the bank's device.
        """
        k, j, i = _voxels(self.grid, points_ras).T
        return self.label_ids[k, j, i], self.marked[k, j, i]


def covered_leaves(ranges: torch.Tensor, leaf_count: int) -> torch.Tensor:
    """Which leaves lie in half-open ranges, (N, 2), of `leaf_ranges`: (N, L) bool."""
    leaves = torch.arange(leaf_count, device=ranges.device)
    return (ranges[:, :1] <= leaves) & (leaves < ranges[:, 1:])


def is_sparse(mark_count: int, grid: Grid) -> bool:
    """Whether marks on an image are strokes; a dense segmentation says itself what there is."""
    return 0 < mark_count <= SPARSE_SHARE * grid.voxel_count


def grow_marks(
    bank: FeatureBank, marks: SparseLabels, level: int = 0, check: Callable[[], None] = lambda: None
) -> Growth:
    """Grow marks over the image of a bank.

    Args:
        bank: Features of the image.
        marks: On the image.
        level: Of the pyramid: 0 for each voxel, 1 for an eighth of them.
        check: Called several times a second; what it raises ends the work.
    """
    maps, grid = bank.levels[level].maps, bank.levels[level].grid
    image = maps[: len(MAPS_PER_CHANNEL) * bank.channel_count : len(MAPS_PER_CHANNEL)].cpu().numpy()
    seeds = np.zeros(grid.shape, dtype=np.int32)
    points = torch.as_tensor(marks.grid.index_to_ras(marks.indices), dtype=torch.float32)
    seeds[tuple(_voxels(grid, points).T.numpy())] = marks.label_ids
    grown = grow(image, seeds, grid.spacing_mm, check)
    return Growth(*(torch.as_tensor(part, device=maps.device) for part in (grown, (seeds > 0) & (level == 0))), grid)


def _voxels(grid: Grid, points_ras: torch.Tensor) -> torch.Tensor:
    """The voxel that each point lies in, `(k, j, i)`, (N, 3) int64; outside the grid the nearest one."""
    inverse = torch.as_tensor(np.linalg.inv(grid.ijk_to_ras), dtype=torch.float32, device=points_ras.device)
    ijk = torch.round(points_ras @ inverse[:3, :3].T + inverse[:3, 3]).long()
    last = torch.tensor(grid.shape, device=points_ras.device) - 1
    return torch.minimum(ijk.flip(1).clamp_min(0), last)
