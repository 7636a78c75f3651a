"""A learner that stays beside a person who scribbles: features are computed once, every stroke goes on from the last weights."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone

import numpy as np
import torch

from semseg_core import __version__
from semseg_core.data.intensity import normalize
from semseg_core.data.resample import Box
from semseg_core.data.volume import Volume
from semseg_core.device import choose_device
from semseg_core.errors import InputError, ModelError
from semseg_core.features.growth import is_sparse
from semseg_core.geometry import Grid
from semseg_core.infer.applier import Applier
from semseg_core.infer.crumbs import crumbs
from semseg_core.infer.decode import Decoder, build_decoder
from semseg_core.infer.placing import placed
from semseg_core.infer.predict import unfamiliar_share
from semseg_core.infer.quick import answer_exactly, answer_quickly, lattice
from semseg_core.interactive.growing import GrowingStrokes, changed
from semseg_core.labels.encode import ids_to_values
from semseg_core.labels.pairs import mirror_images
from semseg_core.labels.tree import LabelTree
from semseg_core.losses.table import build_loss
from semseg_core.models.card import ModelCard
from semseg_core.models.model import Model, describe
from semseg_core.models.strokes import Strokes
from semseg_core.models.transfer import TransferReport, transfer
from semseg_core.sparse.scribbles import SparseLabels
from semseg_core.train.aligning import aligned
from semseg_core.train.config import Budget, TrainConfig
from semseg_core.train.loop import RowDrawer, start_state, take_step
from semseg_core.train.rows import CaseRows, combine, marks_points, mirrored_marks, sample_rows, with_images
from semseg_core.train.scoring import known_floor
from semseg_core.train.start import require_two_leaves, starting_card, starting_network

SCALING_VOXELS = 20_000
"""Voxels that stand for the body: they scale the features, and teach what resembles no mark."""

FRESH_SHARE = 0.1
"""Part of a batch drawn from the marks that came last, right after they came.

On IXI132 after 160 steps, six corrective strokes of 20 wrong voxels one after the other, 15 steps for each: 99 % of a stroke are
right at once, and leaf Dice elsewhere is lower by 0.007 in the end; with 60 steps for each, not at all. With a share of 0.2, a
correction rate of 0.25 and a warm-up of 5 steps it is lower by 0.052; with no share, half of a stroke is right after 12 steps.
"""

FRESH_STEPS = 100
"""Steps in which that part falls to 1/e: a correction takes at once, and is one stroke among others in the end."""

WARM_UP_STEPS = 12
"""Steps in which the learning rate rises, anew in each refinement: Adam's moments are those of other marks."""

CORRECTION_RATE = 0.15
"""Learning rate once `FIRST_STEPS` have been made, as a part of that before: what was learned shall stay."""

FIRST_STEPS = 60
"""Steps at full rate; a second stroke may cut the first refinement short."""

QUICK_BATCH = 512
"""Voxels per step until the fresh marks have been learned; a step of 1024 takes 1.4 times as long."""

QUICK_FROM_VOXELS = 1 << 21
"""Images of this size on are answered quickly, slices of them too. Of smaller ones structures are few voxels wide: of 120×120×90
voxels with 148 labels five of six would be asked all the same, and slices take twice as long."""


class InteractiveSession:
    """One image, one tree, one network, all kept in memory.

    Example:
        session = InteractiveSession(volume, tree)
        session.set_marks(marks)
        session.refine(Budget(seconds=5))
        values, confidence = session.answer(session.slice_box(0, 96))

    Args:
        volume: Image, intensities as stored.
        tree: Label tree with at least two leaves.
        config: How to train; the budget is not used, each refinement has its own, and nothing is held back.
        start: Model to start from; it answers before the first stroke.
        cancelled: Asked while features are computed.

    Raises:
        SemSegError: If the tree, the device or the start model cannot be used, or on cancel.
    """

    def __init__(
        self,
        volume: Volume,
        tree: LabelTree,
        config: TrainConfig | None = None,
        start: Model | None = None,
        cancelled: Callable[[], bool] = bool,
    ) -> None:
        require_two_leaves(tree)
        self.config = config or TrainConfig()
        self.grid = volume.grid
        self._volume = volume
        device = choose_device(self.config.device)
        self._card = starting_card([volume], tree, self.config, start)
        self._loss = build_loss(self._card.loss, tree).to(device)
        self._context = None if start is None else start.context
        self._images = mirror_images(tree) if self.config.mirror else {}
        normalized = normalize(volume, self._card.rules)
        self._bank = describe(self._card, self._context, normalized, device, cancelled, bool(self._images))
        network, self.taken_over = starting_network(self._card, start, self.config.seed)
        network = network.to(device)
        self._first_landmarks = self._card.landmarks
        if start is not None:
            self._card = replace(self._card, known_floor=start.card.known_floor)
            self._bank = placed(self._bank, network, self._card, cancelled)
        self._body = self._body_features()
        if not network.is_scaled:
            network.fit_scaling(self._body)
        self._state = start_state(network, self.config)
        self._answering = self._settled = start is not None
        self._decoders: dict[tuple[int | str, float], Decoder] = {}
        self._marks: SparseLabels | None = None
        self._case: CaseRows | None = None
        self._growing = GrowingStrokes(self._bank, int(self.grid.voxel_count >= QUICK_FROM_VOXELS))
        self._seconds = 0.0

    @property
    def tree(self) -> LabelTree:
        """The label tree."""
        return self._card.tree

    @property
    def steps(self) -> int:
        """Training steps done so far."""
        return self._state.step

    @property
    def loss(self) -> float:
        """Running mean of the loss of a batch; NaN before the first."""
        return self._state.loss

    @property
    def unfamiliar_share(self) -> float:
        """Part of the body that resembles no mark, 0…1."""
        return unfamiliar_share(self._state.average, self._body, self._card.known_floor)

    def set_tree(self, tree: LabelTree) -> TransferReport | None:
        """Go on with an edited tree; the marks must be set again.

        Returns:
            What of the network was taken over; None if nothing was learned, or nothing matches.
        """
        require_two_leaves(tree)
        report = None
        self._settled = self._settled or self._state.step >= FIRST_STEPS
        if self._answering:
            try:
                network, report = transfer(Model(self._card, self._state.average, self._context), tree)
            except ModelError:  # another tree altogether
                self._answering = self._settled = False
        self._card = replace(self._located(), tree=tree)
        if report is None:
            network, _ = starting_network(self._card, None, self.config.seed)
            network.mean, network.scale = self._state.network.mean, self._state.network.scale
        self._images = mirror_images(tree) if self.config.mirror else {}
        self._loss = build_loss(self._card.loss, tree).to(self._device)
        self._state = start_state(network.to(self._device), self.config)
        self._decoders, self._marks, self._case = {}, None, None
        self._growing.keep(None)
        return report

    def set_marks(self, marks: SparseLabels) -> int:
        """Replace all marks; those not there before, or changed, are learned first.

        Args:
            marks: All marks, on the image's grid.

        Returns:
            Number of new or changed marks.

        Raises:
            InputError: If no two marked labels exclude each other.
            ShapeError: If the marks lie on another grid.
        """
        marks.grid.require_same(self.grid, "scribbles", "the image")
        device = self._device
        points = marks_points(marks).to(device)
        held = np.zeros(len(marks), dtype=bool)
        inside = self._bank.inside(points).cpu().numpy()
        chosen = mirrored_marks(marks.label_ids, self._bank.body_coordinates(points)[:, 0].cpu().numpy(), self._images)
        features = sample_rows(self._bank, points, chosen)[None]
        case = with_images(features, marks.label_ids, held, inside, chosen, self._images)
        rows = combine([replace(case, unmarked=self._body)], self.tree, self.config.balance)
        fresh = changed(marks, self._marks)
        count = int(fresh.sum())
        # A correction is about this place; its mirror image is one mark among others.
        fresh = np.concatenate([fresh, np.zeros(len(rows.targets) - len(fresh), dtype=bool)])
        self._all = RowDrawer(rows, device)
        # The first marks are all alike; later ones stand out against those that are learned already.
        emphasised = self._answering and self._marks is not None and fresh.any()
        self._fresh = RowDrawer(replace(rows, weights=rows.weights * torch.as_tensor(fresh)), device) if emphasised else None
        self._card = replace(self._card, everywhere=rows.everywhere)
        self._marked = features[0, : len(marks)]
        self._marks, self._case = marks, case
        self._growing.keep(marks)
        self._state.averaged_from = self._state.step
        return count

    def refine(self, budget: Budget, on_fraction: Callable[[float], object] = float, cancelled: Callable[[], bool] = bool) -> int:
        """Train on the marks, from the present weights.

        Args:
            budget: Seconds or steps of this refinement.
            on_fraction: Told at every step which part is done, 0…1.
            cancelled: Asked at every step; what was learned until then stays.

        Returns:
            Steps made.

        Raises:
            InputError: If there are no marks.
        """
        if self._marks is None:
            raise InputError("nothing is scribbled yet; send marks first")
        begun, first = time.monotonic(), self._state.step
        peak = self.config.learning_rate * (CORRECTION_RATE if self._settled or self._state.step >= FIRST_STEPS else 1.0)
        while True:
            made, seconds = self._state.step - first, time.monotonic() - begun
            done = made / budget.steps if budget.steps is not None else seconds / budget.seconds
            if made:
                on_fraction(min(done, 1.0))
            if made and (done >= 1.0 or cancelled()):
                break
            rate = peak * min(1.0, (made + 1) / WARM_UP_STEPS) * 0.5 * (1.0 + math.cos(math.pi * min(done, 1.0)))
            take_step(self._state, *self._batch(), self._loss, self.config, rate)
            self._answering = True
        floor = None if self._card.everywhere else known_floor(self._state.average, self._marked, self._body)
        self._card = replace(self._card, known_floor=floor)
        self._seconds += time.monotonic() - begun
        return made

    def answer(
        self,
        box: Box,
        level: int | str = "leaf",
        min_confidence: float = 0.0,
        cancelled: Callable[[], bool] = bool,
        everything: bool = False,
    ) -> tuple[np.ndarray, np.ndarray]:
        """What the network says now, of some voxels.

        Args:
            box: Half-open ranges of `(k, j, i)`.
            level: As for `build_decoder`.
            min_confidence: As for `build_decoder`.
            cancelled: Asked some ten times a second.
            everything: Whether to label also what resembles no mark.

        Returns:
            Label-map values, int32, 0 where unknown, and probabilities, float32, both of the box's shape.

        Raises:
            InputError: If nothing was learned yet.
            CancelledError: If `cancelled` said so.
        """
        part = lattice(self.grid, [slice(*span) for span in box])
        return self._ask(self._applier(level, min_confidence, everything).on(part), cancelled=cancelled)

    def answer_on(
        self,
        grid: Grid,
        level: int | str = "leaf",
        min_confidence: float = 0.0,
        cancelled: Callable[[], bool] = bool,
        everything: bool = False,
    ) -> tuple[np.ndarray, np.ndarray]:
        """The same for all voxels of another grid in the same image, such as a slice at an angle."""
        return self._ask(self._applier(level, min_confidence, everything).on(grid), cancelled=cancelled)

    def answer_all(
        self,
        level: int | str = "leaf",
        min_confidence: float = 0.0,
        on_fraction: Callable[[float], object] = float,
        cancelled: Callable[[], bool] = bool,
        everything: bool = False,
    ) -> tuple[np.ndarray, np.ndarray]:
        """The same for the whole volume; strokes grow anew first, which slices then hear, too.

        Args:
            level: As for `build_decoder`.
            min_confidence: As for `build_decoder`.
            on_fraction: Told the share done, 0…1.
            cancelled: Asked some ten times a second.
            everything: Whether to label also what resembles no mark.

        Raises:
            InputError: If nothing was learned yet.
            CancelledError: If `cancelled` said so.
        """
        if self._answering:
            self._growing.renew(self._marks, Model(self._card, self._state.average), cancelled)
        applier = self._applier(level, min_confidence, everything)
        values, confidence = self._ask(applier, on_fraction, cancelled)
        if applier.known_floor is not None:
            crumbling = crumbs(values, None if self._marks is None else self._marks.indices)
            values[crumbling], confidence[crumbling] = 0, 0.0
        return values, confidence

    def slice_box(self, axis: int, index: int) -> Box:
        """The box of one slice, across axis 0 (k), 1 (j) or 2 (i).

        Raises:
            InputError: If there is no such slice.
        """
        if axis not in (0, 1, 2) or not 0 <= index < self.grid.shape[axis]:
            raise InputError(f"slice {index} across axis {axis}: the image has {self.grid.shape} voxels (k, j, i)")
        return tuple((index, index + 1) if along == axis else (0, size) for along, size in enumerate(self.grid.shape))

    def model(self) -> Model:
        """The model as it is now, to save or to apply elsewhere.

        Raises:
            InputError: If nothing was learned yet.
        """
        if not self._answering:
            raise InputError("nothing is learned yet; there is no model to keep")
        training = {
            "software": __version__,
            "torch": torch.__version__,
            "date": datetime.now(timezone.utc).date().isoformat(),
            "options": self.config.to_record(),
            "interactive": True,
            "steps": self._state.step,
            "seconds": round(self._seconds, 1),
            "voxels": 0 if self._marks is None else len(self._marks),
            "device": self._device.type,
            "start": None if self.taken_over is None else self.taken_over.counts(),
        }
        drawn = self._marks is not None and is_sparse(len(self._marks), self.grid)
        strokes = (Strokes.of(self._volume, self._marks),) if drawn else ()
        return Model(replace(self._located(), training=training), self._state.average, self._context, strokes)

    def _located(self) -> ModelCard:
        """The card with the places of marked labels; they are found when someone asks, not at every stroke."""
        if self._case is None:
            return self._card
        return replace(self._card, landmarks=aligned([self._case], self.tree, self._first_landmarks)[1])

    @property
    def _device(self) -> torch.device:
        return self._bank.depth.maps.device

    def _applier(self, level: int | str, min_confidence: float, everything: bool) -> Applier:
        if not self._answering:
            raise InputError("nothing is learned yet; send marks and refine, or start from a model")
        chosen = (level, min_confidence)
        if chosen not in self._decoders:
            self._decoders = {chosen: build_decoder(self.tree, level, min_confidence).to(self._device)}
        card, decoder = self._card, self._decoders[chosen]
        floor = None if everything else card.known_floor
        network, unknown = self._state.average, card.unknown_logit
        return Applier(self._bank, network, decoder, self.grid, card.everywhere, floor, unknown, self._growing.grown)

    def _ask(
        self, applier: Applier, on_fraction: Callable[[float], object] = float, cancelled: Callable[[], bool] = bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """All voxels of the applier's grid; the inside of structures of a large image by their neighbors (`infer/quick.py`)."""
        ask = answer_quickly if self.grid.voxel_count >= QUICK_FROM_VOXELS else answer_exactly
        label_ids, confidence = ask(applier, on_fraction, cancelled)
        return ids_to_values(label_ids, self.tree), confidence

    def _batch(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Features and targets of one step, fresh marks first, then more and more of all; and features without marks."""
        generator = self._state.generator
        since = self._state.step - self._state.averaged_from
        if self._fresh is None or since > 3 * FRESH_STEPS:
            count = self.config.batch_size
            return *self._all.draw(count, generator), self._unmarked(count)
        count = min(QUICK_BATCH, self.config.batch_size)
        fresh = round(count * FRESH_SHARE * math.exp(-since / FRESH_STEPS))
        parts = self._fresh.draw(fresh, generator), self._all.draw(count - fresh, generator)
        features, targets = zip(*parts, strict=True)
        return torch.cat(features), torch.cat(targets), self._unmarked(count)

    def _unmarked(self, count: int) -> torch.Tensor:
        return self._all.draw_unmarked(round(self.config.unmarked_share * count), self._state.generator)

    def _body_features(self) -> torch.Tensor:
        """Features of random voxels of the body and of its mirror image, (n, F)."""
        points = self._bank.random_points(SCALING_VOXELS, np.random.default_rng(self.config.seed))
        ras = torch.as_tensor(points, dtype=torch.float32, device=self._device)
        if not self._images:
            return self._bank.sample(ras)
        return torch.cat([self._bank.sample(ras[::2]), self._bank.sample_mirrored(ras[1::2])])
