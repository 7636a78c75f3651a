"""Applying a model: from an image to a label and a confidence for each of its own voxels.

Every voxel center of the input is described by the feature bank and decided on; nothing is resampled back, so the result lies
on the input's grid exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from semseg_core.data.answer_paths import AnswerPaths, smallest_dtype
from semseg_core.data.intensity import normalize
from semseg_core.data.volume import Volume
from semseg_core.errors import CancelledError, InputError
from semseg_core.features.bank import FeatureBank
from semseg_core.features.growth import grow_marks
from semseg_core.geometry import Grid
from semseg_core.infer.applier import ROWS_AT_ONCE, Applier, slabs
from semseg_core.infer.crumbs import crumbs
from semseg_core.infer.decode import BackOffDecoder, Decoder
from semseg_core.infer.grown import GrownStrokes
from semseg_core.infer.placing import placed
from semseg_core.labels.encode import ids_to_values
from semseg_core.labels.tree import LabelTree
from semseg_core.models.model import Model, describe
from semseg_core.models.network import PointNetwork
from semseg_core.models.strokes import strokes_on
from semseg_core.sparse.scribbles import SparseLabels

TOLD_BY = 20_000
"""Random places in the body that tell how much of it resembles no mark: 41.7 % for 41.4 % of the voxels of a CT."""


@dataclass(frozen=True, eq=False)
class Prediction:
    """The result for one image.

    Args:
        values: Label values of the model's tree, (D, H, W) int32; 0 where unknown.
        confidence: Probability of the answer, (D, H, W) float32 in 0…1; 0 where nothing was asked (air).
        grid: The input's own grid.
        paths: The answers at every certainty, where asked for.
        unfamiliar_share: Part of the body that resembles no mark, 0…1, whether it was labeled or left unknown.
        stroke_voxels: Marks that were drawn on this very image, which hold.
    """

    values: np.ndarray
    confidence: np.ndarray
    grid: Grid
    paths: AnswerPaths | None = None
    unfamiliar_share: float = 0.0
    stroke_voxels: int = 0


def predict(
    model: Model,
    volume: Volume,
    decoder: Decoder,
    device: torch.device,
    on_fraction: Callable[[float], None],
    cancelled: Callable[[], bool],
    keep_paths: bool = False,
    everything: bool = False,
) -> Prediction:
    """Label every voxel of a volume.

    Args:
        model: The model.
        volume: Image with the model's channels, intensities as stored.
        decoder: Turns leaf probabilities into answers.
        device: Where to compute.
        on_fraction: Told the share done, 0…1.
        cancelled: Asked some ten times a second.
        keep_paths: Whether to keep the answers at every certainty, too.
        everything: Whether to label also what resembles no mark.

    Raises:
        InputError: If a channel is missing.
        CancelledError: If `cancelled` said so; nothing is returned then.
    """
    missing = [name for name in model.card.channels if name not in volume.channels]
    if missing:
        raise InputError(
            f"image: channel '{missing[0]}' is missing; the model takes {', '.join(model.card.channels)}, in this order"
        )
    bank = describe(model.card, model.context, normalize(volume, model.card.rules), device, cancelled)
    bank = placed(bank, model.network.to(device), model.card, cancelled)
    floor, unknown = None if everything else model.card.known_floor, model.card.unknown_logit
    marks = strokes_on(model.strokes, volume)
    grown = None if marks is None else _grown(model, bank, marks, cancelled)
    applier = Applier(bank, model.network, decoder.to(device), volume.grid, model.card.everywhere, floor, unknown, grown)
    ids = np.zeros(volume.grid.shape, dtype=np.int32)
    confidence = np.zeros(volume.grid.shape, dtype=np.float32)
    likeliest = np.zeros(volume.grid.shape, dtype=np.int32)
    recorder = PathRecorder(model.card.tree, volume.grid, device) if keep_paths else None
    with torch.inference_mode():
        for box in slabs(volume.grid):
            (start, stop), *_ = box
            for voxels, probabilities in applier.probabilities(box, cancelled):
                answers = applier.decoder(probabilities)
                ids[start:stop].reshape(-1)[voxels] = answers.label_ids.cpu().numpy()
                confidence[start:stop].reshape(-1)[voxels] = answers.confidence.cpu().numpy()
                likeliest[start:stop].reshape(-1)[voxels] = probabilities.argmax(dim=1).cpu().numpy() + 1
                if recorder is not None:
                    recorder.add(start, voxels, probabilities)
            on_fraction(stop / volume.grid.shape[0])
    if floor is not None:
        # By the likeliest leaves, so that it is the same voxels whatever level and certainty are asked for.
        crumbling = crumbs(likeliest, None if marks is None else marks.indices)
        ids[crumbling], confidence[crumbling] = 0, 0.0
        if recorder is not None:
            recorder.leave_out(crumbling)
    paths = None if recorder is None else recorder.paths()
    share = 0.0 if model.card.known_floor is None else _unfamiliar_share(model, bank)
    values, marked = ids_to_values(ids, model.card.tree), 0 if marks is None else len(marks)
    return Prediction(values, confidence, volume.grid, paths, share, marked)


def _grown(model: Model, bank: FeatureBank, marks: SparseLabels, cancelled: Callable[[], bool]) -> GrownStrokes:
    def check() -> None:
        if cancelled():
            raise CancelledError("cancelled while strokes were grown; nothing was written")

    return GrownStrokes.beside(model, grow_marks(bank, marks, check=check), bank)


def unfamiliar_share(network: PointNetwork, features: torch.Tensor, known_floor: float | None) -> float:
    """Part of some voxels that resemble no mark, 0…1; 0 for a model that does not tell.

    Args:
        network: On the features' device.
        features: Of voxels of the body, (N, F).
        known_floor: As in the model card.
    """
    if network.known is None or known_floor is None:
        return 0.0
    network.eval()
    with torch.inference_mode():
        known = torch.cat([network.known(network.standardize(rows)) for rows in features.split(ROWS_AT_ONCE)])
    return float((known < known_floor).double().mean())


def _unfamiliar_share(model: Model, bank: FeatureBank) -> float:
    points = bank.random_points(TOLD_BY, np.random.default_rng(0))
    features = bank.sample(torch.as_tensor(points, dtype=torch.float32, device=bank.depth.maps.device))
    return unfamiliar_share(model.network, features, model.card.known_floor)


class PathRecorder:
    """Gathers, voxel by voxel, the paths that hold the answers of every certainty.

    Args:
        tree: The model's tree.
        grid: The image's grid.
        device: Where the probabilities are.
    """

    def __init__(self, tree: LabelTree, grid: Grid, device: torch.device) -> None:
        self._tree, self._grid = tree, grid
        self._decoder = BackOffDecoder(tree, 0.0).to(device)
        self._leaves = np.zeros(grid.shape, dtype=smallest_dtype(len(tree.leaves)))
        self._shares = np.zeros((max(tree.height, 1), *grid.shape), dtype=np.uint8)

    def add(self, start: int, voxels: np.ndarray, probabilities: torch.Tensor) -> None:
        """Keep the paths of voxels, counted in C order from the first voxel of a slice on."""
        rows = self._decoder.paths(probabilities)
        self._leaves[start:].reshape(-1)[voxels] = rows.leaves.cpu().numpy()
        self._shares[:, start:].reshape(len(self._shares), -1)[:, voxels] = rows.shares.cpu().numpy()

    def leave_out(self, voxels: np.ndarray) -> None:
        """Make voxels, (D, H, W) bool, unknown again."""
        self._leaves[voxels] = 0
        self._shares[:, voxels] = 0

    def paths(self) -> AnswerPaths:
        """What was gathered; voxels never asked about are unknown."""
        return AnswerPaths(self._tree, self._grid, self._leaves, self._shares)
