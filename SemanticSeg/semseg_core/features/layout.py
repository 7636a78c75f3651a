"""Which features a voxel has, and in which order: what a model card must agree with, without computing any."""

from __future__ import annotations

LEVELS = 4
"""Scales: 1, 2, 4 and 8 times the working spacing; at 2 mm they see 2 to 16 mm, and by offsets up to 64 mm."""

COORDINATES = ("R", "A", "S")
"""The last features: position relative to the body."""

WIDE_SCALE = 4
"""From this scale on, levels also hold what lies around a point."""

OFFSETS = (2, 4)
"""Steps, in voxels of a wide level, at which the surroundings of a point are looked at in six directions."""

MAPS_PER_CHANNEL = ("value", "dR", "dA", "dS", "curvature1", "curvature2", "curvature3")


def feature_names(channels: tuple[str, ...]) -> tuple[str, ...]:
    """Names of the features of a bank with these channels, in order; their number is the network's input width."""
    names = []
    for scale in (2**level for level in range(LEVELS)):
        names += [f"{channel} {name} ×{scale}" for channel in channels for name in MAPS_PER_CHANNEL]
        if scale >= WIDE_SCALE:
            places = [f"{steps * scale} to {side} ×{scale}" for steps in OFFSETS for side in "LRPAIS"]
            names += [f"{channel} {place}" for place in places for channel in channels]
    return (*names, "depth", *COORDINATES)
