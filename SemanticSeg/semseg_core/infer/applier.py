"""A network and the features of one volume, ready to answer for any box of its voxels: a slice on the screen, or all of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch

from semseg_core.data.resample import Box
from semseg_core.errors import CancelledError
from semseg_core.features.bank import FeatureBank, voxel_points
from semseg_core.geometry import Grid
from semseg_core.infer.decode import Decoder
from semseg_core.infer.grown import GrownStrokes
from semseg_core.models.network import PointNetwork, open_softmax

ROWS_AT_ONCE = 1 << 13
"""Voxels decided on at once: hidden layers of 8 MiB stay in the processor's cache."""

SLAB_VOXELS = 1 << 16
"""Voxels described at once, in whole slices: 56 features of them are 14 MiB."""


@dataclass(frozen=True, eq=False)
class Applier:
    """Answers for voxels of one image.

    Args:
        bank: The image's features.
        network: On the bank's device.
        decoder: Turns leaf probabilities into answers; on the bank's device.
        grid: The image's grid.
        everywhere: Whether voxels outside the body are asked about; else they are unknown.
        known_floor: As in the model card; voxels that resemble no mark are unknown. None asks about all.
        unknown_logit: As in the model card.
        grown: What strokes on this very image say, if there are any.
    """

    bank: FeatureBank
    network: PointNetwork
    decoder: Decoder
    grid: Grid
    everywhere: bool
    known_floor: float | None = None
    unknown_logit: float | None = None
    grown: GrownStrokes | None = None

    def on(self, grid: Grid) -> Applier:
        """The same for other voxels of the same body."""
        return replace(self, grid=grid)

    def answer(
        self, box: Box, cancelled: Callable[[], bool] = bool, wanted: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Label ids, int32, and their probabilities, float32, of a box of voxels; 0 where unknown or not asked.

        Args:
            box: Part of the grid.
            cancelled: Asked some ten times a second.
            wanted: Which voxels of the box to ask about at most, bool; all when None.

        Raises:
            CancelledError: If `cancelled` said so.
        """
        shape = tuple(stop - start for start, stop in box)
        label_ids = np.zeros(shape, dtype=np.int32)
        confidence = np.zeros(shape, dtype=np.float32)
        for voxels, probabilities in self.probabilities(box, cancelled, wanted):
            answers = self.decoder(probabilities)
            label_ids.reshape(-1)[voxels] = answers.label_ids.cpu().numpy()
            confidence.reshape(-1)[voxels] = answers.confidence.cpu().numpy()
        return label_ids, confidence

    def probabilities(
        self, box: Box, cancelled: Callable[[], bool] = bool, wanted: np.ndarray | None = None
    ) -> Iterator[tuple[np.ndarray, torch.Tensor]]:
        """Numbers of voxels within a box, counted in C order, and their probabilities, (n, L); a few thousand at a time.

        Raises:
            CancelledError: If `cancelled` said so.
        """
        self.network.eval()
        asks_known = self.known_floor is not None and self.network.known is not None
        with torch.inference_mode():
            mask = None if wanted is None else torch.from_numpy(wanted.reshape(-1))
            asked, features = self.bank.sample_box(self.grid, box, self.everywhere, mask)
            for places, rows in zip(asked.split(ROWS_AT_ONCE), features.split(ROWS_AT_ONCE), strict=True):
                if cancelled():
                    raise CancelledError("cancelled while applying the model; nothing was written")
                rows = self.network.standardize(rows)
                said = None if self.grown is None else self.grown.at(voxel_points(self.grid, box, places))
                if asks_known:  # a tenth of the work of the rest, which is for what resembles a mark alone
                    resembling = self.network.known(rows) >= self.known_floor
                    if said is not None:
                        resembling |= said.marked
                        said = said.of(resembling)
                    places, rows = places[resembling], rows[resembling]
                logits = self.network(rows)
                if said is not None:
                    logits = said.added_to(logits)
                yield places.cpu().numpy(), open_softmax(logits, self.unknown_logit)


def slabs(grid: Grid, voxels: int | None = None) -> Iterator[Box]:
    """Boxes of whole slices, each of about so many voxels, or `SLAB_VOXELS`, that make up a grid."""
    depth, rows, columns = grid.shape
    thickness = max(1, (voxels or SLAB_VOXELS) // (rows * columns))
    for start in range(0, depth, thickness):
        yield (start, min(start + thickness, depth)), (0, rows), (0, columns)
