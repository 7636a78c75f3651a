"""What is compared: what users have instead, and the project's network with each loss, decision and feature switched on or off.

A method is one line of `METHODS`: how it learns from strokes, and how it answers. Two lines that learn alike learn once.
"""

from __future__ import annotations

import importlib
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from learning_network import Learned, Subject, learn, stroke_rows

from semseg_core.features.growth import grow_marks
from semseg_core.features.layout import COORDINATES, feature_names
from semseg_core.infer.decode import build_decoder
from semseg_core.infer.grown import GrownStrokes
from semseg_core.losses.catalog import DEFAULT_LOSS
from semseg_core.models.model import Model
from semseg_core.models.network import open_softmax
from semseg_core.sparse.sampling import held_back_strokes
from semseg_core.sparse.scribbles import SparseLabels
from semseg_core.train.config import TrainConfig

TREES = 100
LEAST_SLICES = 3
"""Along every axis, of what Slicer's filter takes."""

ANSWERED_AT_ONCE, VOTED_AT_ONCE = 1 << 13, 1 << 16
"""Voxels that a network and a forest are asked about at once: its threads are started anew for every tree each time."""

GRAY_LEVELS = 4000
"""Steps between darkest and brightest that grow-from-seeds sees; Slicer hands it the stored whole numbers."""


@dataclass(frozen=True, eq=False)
class Task:
    """Strokes on a subject.

    Args:
        subject: With the features of the bank alone.
        started: With those of the start model among them; None where no method asks for them.
        marks: The strokes.
        steps: Of every network's training.
        seed: Of everything drawn.
    """

    subject: Subject
    started: Subject | None
    marks: SparseLabels
    steps: int
    seed: int


class Answers(NamedTuple):
    """One per voxel asked about: `label_ids`, (M,), and `confidence`, (M,) in 0…1, or None.

    `growth_weight` is what grown strokes added to the logits of their labels; NaN where none were heard.
    """

    label_ids: np.ndarray
    confidence: np.ndarray | None = None
    growth_weight: float = math.nan


@dataclass(frozen=True)
class Method:
    """One line of the tables.

    Args:
        name: What the tables call it.
        fit: Learns from a task.
        answer: Gives the answers for a task from what was learned.
    """

    name: str
    fit: Callable[[Task], object]
    answer: Callable[[Task, object], Answers]

    @property
    def takes_steps(self) -> bool:
        """Whether it learns the better, the more steps it is given."""
        return isinstance(self.fit, Train)

    @property
    def needs_start(self) -> bool:
        """Whether it sees features of the start model."""
        return isinstance(self.fit, Train) and self.fit.start

    @property
    def needs_sides(self) -> bool:
        """Whether it is another method over again where the tree has no left and right."""
        return isinstance(self.fit, Train) and self.fit == Train(self.fit.loss, mirror=True)


@dataclass(frozen=True)
class Train:
    """Trains the project's network.

    Args:
        loss: Expression over the table of losses.
        mirror: Whether to learn from mirror images, too.
        unmarked: Whether to learn from voxels without marks, too, what resembles no mark.
        start: Whether to see features of the start model.
        held_back: Share of the strokes that join after 60 % of the steps and are measured on before, as in the product.
    """

    loss: str
    mirror: bool = False
    unmarked: bool = False
    start: bool = False
    held_back: float = 0.0

    def __call__(self, task: Task) -> Learned:
        """The trained network, and what was found on held-back strokes."""
        subject = self.subject(task)
        held = held_back_strokes(task.marks, self.held_back, np.random.default_rng(task.seed))
        rows = stroke_rows(subject, task.marks, self.mirror, self.unmarked, task.seed, held)
        return learn(self.loss, [rows], subject.card, subject.case.tree, task.steps, task.seed)

    def subject(self, task: Task) -> Subject:
        """The subject as this network sees it."""
        return task.started if self.start else task.subject


@dataclass(frozen=True)
class Decide:
    """Answers by the project's network.

    Args:
        fit: What trained it.
        minimum_cost: Whether to answer with the least expected path length along the tree, instead of the likeliest leaf.
        grown: Whether to hear the strokes, grown over the image, beside the network.
    """

    fit: Train
    minimum_cost: bool = False
    grown: bool = False

    def __call__(self, task: Task, learned: Learned) -> Answers:
        """All answers."""
        subject, network, tree = self.fit.subject(task), learned.network, task.subject.case.tree
        decoder = build_decoder(tree, minimum_cost=self.minimum_cost)
        strokes = self._strokes(task, learned) if self.grown else None
        parts, places = [], np.argwhere(subject.asked)
        with torch.inference_mode():
            for start in range(0, len(places), ANSWERED_AT_ONCE):
                chunk = slice(start, start + ANSWERED_AT_ONCE)
                logits = network(network.standardize(subject.features[chunk]))
                if strokes is not None:
                    points = torch.as_tensor(subject.grid.index_to_ras(places[chunk]), dtype=torch.float32)
                    logits = strokes.at(points).added_to(logits)
                parts.append(decoder(open_softmax(logits, learned.unknown_logit)))
        answers = Answers(*(torch.cat(part).numpy() for part in zip(*parts, strict=True)))
        return answers if strokes is None else answers._replace(growth_weight=strokes.weight)

    def _strokes(self, task: Task, learned: Learned) -> GrownStrokes:
        subject = self.fit.subject(task)
        model = Model(replace(subject.card, known_floor=learned.known_floor), learned.network)
        return GrownStrokes.beside(model, grow_marks(subject.bank, task.marks), subject.bank)


def network_method(name: str, fit: Train, minimum_cost: bool = False, grown: bool = False) -> Method:
    """A line for the project's network."""
    return Method(name, fit, Decide(fit, minimum_cost, grown))


def load_libraries() -> None:
    """Load what the peers need, so that it is not counted as theirs."""
    for name in ("slicer", "sklearn.ensemble", "vtk.util.numpy_support"):
        importlib.import_module(name)


def index_strokes(task: Task) -> object:
    """A search tree of the strokes' places in millimeters."""
    from scipy.spatial import cKDTree

    return cKDTree(task.marks.grid.index_to_ras(task.marks.indices))


def nearest_stroke(task: Task, places: object) -> Answers:
    """The label of the nearest mark."""
    points = task.subject.grid.index_to_ras(np.argwhere(task.subject.asked))
    return Answers(task.marks.label_ids[places.query(points)[1]])


def gray_image(task: Task) -> np.ndarray:
    """What grow-from-seeds sees, (D, H, W) int16: the image, or of several channels the first principal component."""
    array = task.subject.case.volume.array
    pixels = array.reshape(len(array), -1) - array.reshape(len(array), -1).mean(axis=1, keepdims=True)
    _, directions = np.linalg.eigh(pixels @ pixels.T)
    gray = directions[:, -1] @ pixels
    low, high = np.percentile(gray, (0.1, 99.9))
    return np.rint(np.clip((gray - low) / (high - low), 0.0, 1.0) * GRAY_LEVELS).astype(np.int16).reshape(array.shape[1:])


def grow_from_seeds(task: Task, gray: np.ndarray) -> Answers:
    """What Slicer's effect computes, on the whole image: `vtkImageGrowCutSegment` of slicer-core."""
    from slicer import vtkImageGrowCutSegment
    from vtk import VTK_SHORT, vtkImageData
    from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

    def as_image(array: np.ndarray) -> vtkImageData:
        image = vtkImageData()
        image.SetDimensions(*reversed(array.shape))
        image.SetSpacing(*reversed(task.subject.grid.spacing_mm))
        image.GetPointData().SetScalars(numpy_to_vtk(array.ravel(), deep=True, array_type=VTK_SHORT))
        return image

    marked, seeds = np.unique(task.marks.label_ids, return_inverse=True)
    seed_map = np.zeros(gray.shape, dtype=np.int16)
    seed_map[tuple(task.marks.indices.T)] = seeds + 1
    # It takes three slices at least: a single one is put between two copies.
    thin = [(size < LEAST_SLICES,) * 2 for size in gray.shape]
    wide, wide_seeds = (np.pad(array, np.array(thin, dtype=int), mode="edge") for array in (gray, seed_map))
    growth = vtkImageGrowCutSegment()
    growth.SetIntensityVolume(as_image(wide))
    growth.SetSeedLabelVolume(as_image(wide_seeds))
    growth.Update()
    grown = vtk_to_numpy(growth.GetOutput().GetPointData().GetScalars()).reshape(wide.shape)
    grown = grown[tuple(slice(int(before), int(before) + size) for (before, _), size in zip(thin, gray.shape, strict=True))]
    return Answers(np.concatenate([[0], marked])[grown[task.subject.asked]])


def fit_forest(task: Task) -> object:
    """A random forest of scikit-learn, on some of the same features."""
    from sklearn.ensemble import RandomForestClassifier

    forest = RandomForestClassifier(TREES, n_jobs=-1, random_state=task.seed)
    features = forest_features(stroke_rows(task.subject, task.marks).features[0], task.subject)
    with warnings.catch_warnings(record=True):
        return forest.fit(features, task.marks.label_ids)


def forest_answers(task: Task, forest: object) -> Answers:
    """The likeliest label of each voxel, and its share of the trees' votes."""
    label_ids, confidence = [], []
    for chunk in task.subject.features.split(VOTED_AT_ONCE):
        # The threads of scikit-learn 1.9 change each other's warning filters, and warn of their loss once a tree.
        with warnings.catch_warnings(record=True):
            votes = forest.predict_proba(forest_features(chunk, task.subject))
        label_ids.append(forest.classes_[votes.argmax(axis=1)])
        confidence.append(votes.max(axis=1))
    return Answers(np.concatenate(label_ids), np.concatenate(confidence))


def forest_features(features: torch.Tensor, subject: Subject) -> np.ndarray:
    """16 features per channel, or component of many, and the coordinates: value, slope and outer curvatures at four scales."""
    names = feature_names(tuple(str(number) for number in range(subject.bank.channel_count)))
    columns = {part: [at for at, name in enumerate(names) if f" {part} ×" in name] for part in _PARTS}
    slope = sum(features[:, columns[part]] ** 2 for part in ("dR", "dA", "dS")).sqrt()
    kept = [features[:, columns[part]] for part in ("value", "curvature1", "curvature3")]
    return torch.cat([*kept, slope, features[:, -len(COORDINATES) :]], dim=1).numpy()


_PARTS = ("value", "dR", "dA", "dS", "curvature1", "curvature3")

NEAREST, SEEDS, FOREST = "nearest stroke", "grow from seeds (Slicer)", "random forest"
FLAT, MINIMUM_COST, LEVELS = "flat cross-entropy", "flat cross-entropy, minimum-cost decision", "recommended tree loss"
WASSERSTEIN, MIRRORED = "Wasserstein + cross-entropy", "recommended tree loss, mirrored rows"
UNMARKED, STARTED = "recommended tree loss, unmarked voxels", "recommended tree loss, start model"
ALL = "recommended tree loss, all three"
PRODUCT, STROKES_GROWN = "recommended tree loss, product's rows", "recommended tree loss, grown strokes"

AS_PRODUCT = Train(DEFAULT_LOSS, mirror=True, unmarked=True, held_back=TrainConfig().held_back)
"""As `semseg finetune` does with no option given: mirrored where there are sides, unmarked voxels, a tenth held back."""

METHODS = {
    method.name: method
    for method in (
        Method(NEAREST, index_strokes, nearest_stroke),
        Method(SEEDS, gray_image, grow_from_seeds),
        Method(FOREST, fit_forest, forest_answers),
        network_method(FLAT, Train("cross-entropy")),
        network_method(MINIMUM_COST, Train("cross-entropy"), minimum_cost=True),
        network_method(LEVELS, Train(DEFAULT_LOSS)),
        network_method(WASSERSTEIN, Train("wasserstein")),
        network_method(MIRRORED, Train(DEFAULT_LOSS, mirror=True)),
        network_method(UNMARKED, Train(DEFAULT_LOSS, unmarked=True)),
        network_method(STARTED, Train(DEFAULT_LOSS, start=True)),
        network_method(ALL, Train(DEFAULT_LOSS, mirror=True, unmarked=True, start=True)),
        network_method(PRODUCT, AS_PRODUCT),
        network_method(STROKES_GROWN, AS_PRODUCT, grown=True),
    )
}

CURVES = (NEAREST, SEEDS, FOREST, FLAT, LEVELS, STROKES_GROWN)
"""Drawn against strokes and steps, where no others are named."""
