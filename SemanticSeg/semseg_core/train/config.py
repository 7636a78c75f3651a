"""How to fine-tune: one record, rendered as command line options, as JSON and as the panel's fields. Imports no torch."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass

from semseg_core.errors import InputError

LEARNERS = ("quick", "deep")

DEVICES = r"auto|cpu|mps|cuda(:\d+)?"


@dataclass(frozen=True)
class Budget:
    """When to stop: after seconds of wall time, reading and feature computing included, or after optimizer steps.

    It is that of a whole run, however often the run is resumed. Reading and computing features again does not count then.

    Raises:
        InputError: If not exactly one of the two is given, above zero.
    """

    seconds: float | None = None
    steps: int | None = None

    def __post_init__(self) -> None:
        given = [value for value in (self.seconds, self.steps) if value is not None]
        if len(given) != 1 or not given[0] > 0:
            raise InputError(f"budget of {self.seconds} seconds and {self.steps} steps: give one of them, above zero")

    @classmethod
    def parse(cls, text: str) -> Budget:
        """A budget from `120s`, `2min` or `2000steps`.

        Raises:
            InputError: If the text is none of these, or not above zero.
        """
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|min|steps)", text.strip())
        if not match or float(match[1]) <= 0 or (match[2] == "steps" and "." in match[1]):
            raise InputError(f"budget '{text}': give seconds, minutes or steps, like 120s, 2min or 2000steps")
        if match[2] == "steps":
            return cls(steps=int(match[1]))
        return cls(seconds=float(match[1]) * (60 if match[2] == "min" else 1))

    def __str__(self) -> str:
        return f"{self.steps}steps" if self.seconds is None else f"{self.seconds:.12g}s"


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides what a training run does, besides its data.

    Args:
        loss: Expression over the table of losses; None takes the table's recommended one.
        budget: When to stop.
        seed: Seed of every random choice.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".
        precision: "auto" (16 bit where a self-test says it pays), "float32" or "bfloat16".
        learning_rate: Peak of the schedule.
        weight_decay: Of AdamW, on matrices only.
        batch_size: Annotated voxels per step.
        balance: 0 draws voxels as often as they were scribbled, 1 draws all subtrees alike.
        feature_noise: Standard deviation of the noise added to standardized features.
        location_jitter: Standard deviation of the random shift and stretch of body coordinates, as a share of the body.
        variants: Copies of each case with changed intensities; None lets a time budget decide.
        held_back: Share of strokes kept for measuring.
        unmarked_share: Voxels without marks per step, as a share of the batch; they teach what resembles no mark.
        learner: "quick" (on the feature bank, and a start model's context network as it is) or "deep" (a context network learns
            with it, from what the quick learner found).
        start_features: Whether the quick learner describes voxels by the shipped start model, too.
        mirror: Whether to learn from mirror images, too, where the tree has left and right.
        max_voxels: Largest working volume; finer images are seen at a coarser spacing, results keep their grid.

    Raises:
        InputError: If a value is outside its range.
    """

    loss: str | None = None
    budget: Budget = Budget(seconds=120.0)
    seed: int = 0
    device: str = "auto"
    precision: str = "auto"
    learning_rate: float = 3e-3
    weight_decay: float = 0.3
    batch_size: int = 1024
    balance: float = 0.5
    feature_noise: float = 0.2
    location_jitter: float = 0.02
    variants: int | None = None
    held_back: float = 0.1
    unmarked_share: float = 0.5
    mirror: bool = True
    start_features: bool = False
    learner: str = "quick"
    max_voxels: int = 12_000_000

    def __post_init__(self) -> None:
        if not re.fullmatch(DEVICES, self.device):
            raise InputError(f"device '{self.device}': choose auto, cpu, cuda, cuda:N or mps")
        if self.precision not in ("auto", "float32", "bfloat16"):
            raise InputError(f"precision '{self.precision}': choose auto, float32 or bfloat16")
        if self.learner not in LEARNERS:
            raise InputError(f"learner '{self.learner}': choose quick or deep")
        for name, low, high in _RANGES:
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise InputError(f"{name} {value}: choose a value from {low:g} to {high:g}")

    def to_record(self) -> dict[str, object]:
        """As plain JSON values."""
        return {**dataclasses.asdict(self), "budget": str(self.budget)}

    @classmethod
    def from_record(cls, record: Mapping[str, object]) -> TrainConfig:
        """From plain JSON values; missing ones take their defaults.

        Raises:
            InputError: If a name is unknown or a value has the wrong type.
        """
        known = {item.name: item for item in dataclasses.fields(cls)}
        for name, value in record.items():
            if name not in known:
                raise InputError(f"training option '{name}' is unknown; the options are {', '.join(known)}")
            if not isinstance(value, _KINDS[known[name].type]) or isinstance(value, bool) != (known[name].type == "bool"):
                raise InputError(f"training option '{name}': {value!r} has the wrong type")
        values = dict(record)
        if "budget" in values:
            values["budget"] = Budget.parse(values["budget"])
        return cls(**values)


_KINDS = {
    "Budget": str,
    "str": str,
    "bool": bool,
    "str | None": (str, type(None)),
    "int": int,
    "int | None": (int, type(None)),
    "float": (int, float),
}
"""What JSON holds for a field of this annotation."""

_RANGES = (
    ("seed", 0, 2**31 - 1),
    ("learning_rate", 1e-6, 1.0),
    ("weight_decay", 0.0, 10.0),
    ("batch_size", 1, 1_000_000),
    ("balance", 0.0, 1.0),
    ("feature_noise", 0.0, 2.0),
    ("location_jitter", 0.0, 0.5),
    ("variants", 0, 32),
    ("held_back", 0.0, 0.5),
    ("unmarked_share", 0.0, 4.0),
    ("max_voxels", 1000, 10**9),
)
