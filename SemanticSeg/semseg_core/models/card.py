"""The model card: everything about a model but its weights, as plain JSON.

It holds no path, no name of a file and no patient data: what a user gives to a model is its tree, channel names and counts.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from semseg_core.data.intensity import IntensityRule
from semseg_core.errors import ModelError, SemSegError
from semseg_core.features.components import Components
from semseg_core.features.layout import COORDINATES, feature_names
from semseg_core.labels.formats.own_json import from_record as tree_from_record
from semseg_core.labels.formats.own_json import to_record as tree_to_record
from semseg_core.labels.tree import LabelTree
from semseg_core.models.shape import ContextShape, NetworkShape

FORMAT = "semseg-model"
VERSION = 1
NOTICE = "For research, not a medical device. Check every result before you rely on it."


@dataclass(frozen=True)
class ModelCard:
    """What a model expects and answers.

    Args:
        tree: Its labels; the leaves in depth-first order are the network's outputs.
        channels: Names of the image channels, in order.
        rules: How intensities are scaled, one per input map.
        spacing_mm: Working spacing along S, A, R, as arrays are ordered.
        network: Measures of the network.
        loss: Expression of the loss it was trained with.
        everywhere: Whether air and padding around the body are labelled too; else they stay unknown.
        training: Summary of the training, figures and counts only.
        context: Measures of the context network, if the model has one.
        known_floor: Least output of the network's `known` at which a voxel resembles something that was marked; below, it stays
            unknown. None where the network cannot tell.
        unknown_logit: Logit of what nobody taught, beside those of the leaves (`open_softmax`). None where it is not known.
        landmarks: Middles of labels in body coordinates, along R, A, S, by id; by them the body is found in other images.
        components: What stands for the normalized channels at all scales of the features, where there are very many.
    """

    tree: LabelTree
    channels: tuple[str, ...]
    rules: tuple[IntensityRule, ...]
    spacing_mm: tuple[float, float, float]
    network: NetworkShape
    loss: str
    everywhere: bool
    training: dict[str, object] = field(default_factory=dict)
    context: ContextShape | None = None
    known_floor: float | None = None
    unknown_logit: float | None = None
    landmarks: Mapping[int, tuple[float, float, float]] = field(default_factory=dict)
    components: Components | None = None

    @property
    def feature_count(self) -> int:
        """Number of features that its network is given."""
        maps, context = len(self.rules), 0 if self.context is None else self.context.features
        described, plain = (maps, 0) if self.components is None else (self.components.count, maps)
        return len(feature_names(tuple(map(str, range(described))), context, plain))

    def to_record(self) -> dict[str, object]:
        """As plain JSON values, without the weights' checksum."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "notice": NOTICE,
            "channels": list(self.channels),
            "orientation": "RAS",
            "spacing_mm": dict(zip(("S", "A", "R"), self.spacing_mm, strict=True)),
            "intensity": [dataclasses.asdict(rule) for rule in self.rules],
            "network": {"name": "point network", **dataclasses.asdict(self.network)},
            "context": None if self.context is None else self.context.to_record(),
            "known_floor": self.known_floor,
            "unknown_logit": self.unknown_logit,
            "landmarks": {str(label_id): list(place) for label_id, place in self.landmarks.items()},
            "components": None if self.components is None else self.components.to_record(),
            "loss": self.loss,
            "everywhere": self.everywhere,
            "training": self.training,
            "tree": tree_to_record(self.tree),
        }

    @classmethod
    def from_record(cls, record: Mapping[str, object], what: str) -> ModelCard:
        """From plain JSON values.

        Raises:
            ModelError: If it is no model card, one of a newer version, or a field is missing or wrong.
        """
        if not isinstance(record, Mapping) or record.get("format") != FORMAT:
            raise ModelError(f"{what}: is not a model card of SemanticSeg; choose a folder written by semseg finetune")
        if record.get("version") != VERSION:
            raise ModelError(f"{what}: has version {record.get('version')}, this program reads {VERSION}; update SemanticSeg")
        try:
            spacing = record["spacing_mm"]
            network = record["network"]
            # The first models have no such fields.
            context, floor, unknown = (record.get(name) for name in ("context", "known_floor", "unknown_logit"))
            components = record.get("components")
            card = cls(
                tree=tree_from_record(record["tree"]),
                channels=tuple(str(name) for name in record["channels"]),
                rules=tuple(
                    IntensityRule(str(rule["channel"]), str(rule["kind"]), float(rule["low"]), float(rule["high"]))
                    for rule in record["intensity"]
                ),
                spacing_mm=tuple(float(spacing[axis]) for axis in ("S", "A", "R")),
                network=NetworkShape(
                    int(network["inputs"]),
                    int(network["width"]),
                    float(network["dropout"]),
                    int(network.get("known", 0)),
                    int(network.get("direct", 0)),
                ),
                loss=str(record["loss"]),
                everywhere=bool(record["everywhere"]),
                training=dict(record["training"]),
                context=None if context is None else ContextShape.from_record(context),
                known_floor=None if floor is None else float(floor),
                unknown_logit=None if unknown is None else float(unknown),
                landmarks={int(key): _place(place) for key, place in record.get("landmarks", {}).items()},
                components=None if components is None else Components.from_record(components),
            )
        except (KeyError, TypeError, ValueError, OverflowError, SemSegError) as error:
            raise ModelError(
                f"{what}: a field is missing or wrong ({error}); the file was altered, train again or copy it anew"
            ) from error
        if not all(0.0 < axis < math.inf for axis in card.spacing_mm):
            raise ModelError(f"{what}: its spacing {card.spacing_mm} mm is impossible; the file was altered, copy it anew")
        if card.components is not None and len(card.components.mean) != len(card.rules):
            raise ModelError(f"{what}: its components are not of its {len(card.rules)} channels; copy it anew")
        expected = card.feature_count
        if card.known_floor is not None and not (card.network.known and math.isfinite(card.known_floor)):
            raise ModelError(f"{what}: its known_floor {card.known_floor} is impossible; the file was altered, copy it anew")
        if card.unknown_logit is not None and not math.isfinite(card.unknown_logit):
            raise ModelError(f"{what}: its unknown_logit {card.unknown_logit} is impossible; the file was altered, copy it anew")
        if card.network.direct not in (0, 0 if card.context is None else card.context.features):
            raise ModelError(f"{what}: {card.network.direct} features go to the logits, which it does not have; copy it anew")
        if not 0 <= card.network.known <= card.network.inputs - len(COORDINATES):
            raise ModelError(f"{what}: its network {card.network} is impossible; the file was altered, copy it anew")
        if card.network.inputs != expected or not 0 < card.network.width <= 1 << 16 or not 0 <= card.network.dropout < 1:
            raise ModelError(
                f"{what}: its network takes {card.network.inputs} features, this program computes {expected}; train again"
            )
        return card


def _place(numbers: object) -> tuple[float, float, float]:
    """Three finite numbers.

    Raises:
        TypeError, ValueError: If it is something else.
    """
    right, anterior, superior = (float(number) for number in numbers)
    if not all(map(math.isfinite, (right, anterior, superior))):
        raise ValueError(f"landmark {numbers}")
    return right, anterior, superior
