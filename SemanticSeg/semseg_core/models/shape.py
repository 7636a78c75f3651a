"""The measures of networks, as a model card holds them; read without PyTorch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from semseg_core.errors import ModelError


@dataclass(frozen=True)
class NetworkShape:
    """What is needed to build the point network again.

    Args:
        inputs: Number of features of the bank.
        width: Width of both hidden layers.
        dropout: Strength of the noise on hidden values while training, as the share that plain dropout would drop.
        known: Number of features, from the first on, by which it also tells what resembles no mark; 0 if it does not. Of the
            bank alone: a context network that saw the marks tells slices with marks from the others.
        direct: Number of context features, the last ones before the coordinates, that also go straight to the logits; 0 for none.
    """

    inputs: int
    width: int = 256
    dropout: float = 0.4
    known: int = 0
    direct: int = 0


@dataclass(frozen=True)
class ContextShape:
    """What is needed to build a context network again, and to show it an image as it wants to see it.

    Args:
        kind: Name of its class, one of `models/context.py`'s table.
        arguments: Of that class, plain JSON values.
        maps: Maps it takes, one per intensity rule of the card.
        features: Maps it gives.
        spacing_mm: Spacing along S, A, R of the grid it sees.
        window: Voxels of a window along S, A, R.
        plane: For a network of two dimensions the axis across its slices, 0 (S), 1 (A) or 2 (R); None for three.
        scaling: "none" takes maps as the card's rules give them; "volume" subtracts each map's mean and divides by its deviation;
            "nonzero" does so with its nonzero part and leaves the rest at 0; "fixed" subtracts `offset` and divides by `divisor`.
        offset: One per map, for "fixed".
        divisor: One per map, for "fixed".

    Raises:
        ModelError: If a value is impossible.
    """

    maps: int
    features: int
    spacing_mm: tuple[float, float, float]
    kind: str = "BasicUNet"
    arguments: Mapping[str, object] = field(default_factory=dict)
    window: tuple[int, int, int] = (64, 64, 64)
    plane: int | None = None
    scaling: str = "none"
    offset: tuple[float, ...] = ()
    divisor: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        numbers = (*self.offset, *self.divisor)
        fixed = self.scaling != "fixed" or (len(self.offset) == len(self.divisor) == self.maps and 0.0 not in self.divisor)
        if not (
            0 < self.maps <= 1024
            and 0 < self.features <= 1024
            and len(self.spacing_mm) == len(self.window) == 3
            and all(0.0 < axis < math.inf for axis in self.spacing_mm)
            and all(0 < size <= 512 for size in self.window)
            and self.plane in (None, 0, 1, 2)
            and self.scaling in ("none", "volume", "nonzero", "fixed")
            and all(math.isfinite(number) for number in numbers)
            and fixed
        ):
            raise ModelError(f"context network {self.kind}: its measures are impossible ({self}); copy the model anew")

    def to_record(self) -> dict[str, object]:
        """As plain JSON values."""
        return {
            "kind": self.kind,
            "arguments": dict(self.arguments),
            "maps": self.maps,
            "features": self.features,
            "spacing_mm": dict(zip(("S", "A", "R"), self.spacing_mm, strict=True)),
            "window": list(self.window),
            "plane": self.plane,
            "scaling": self.scaling,
            "offset": list(self.offset),
            "divisor": list(self.divisor),
        }

    @classmethod
    def from_record(cls, record: Mapping[str, object]) -> ContextShape:
        """From plain JSON values.

        Raises:
            KeyError, TypeError, ValueError, ModelError: If one is missing or wrong.
        """
        plane = record["plane"]
        return cls(
            maps=int(record["maps"]),
            features=int(record["features"]),
            spacing_mm=tuple(float(record["spacing_mm"][axis]) for axis in ("S", "A", "R")),
            kind=str(record["kind"]),
            arguments=dict(record["arguments"]),
            window=tuple(int(size) for size in record["window"]),
            plane=None if plane is None else int(plane),
            scaling=str(record["scaling"]),
            offset=tuple(float(number) for number in record["offset"]),
            divisor=tuple(float(number) for number in record["divisor"]),
        )
