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


def mirroring(channel_count: int, context: int = 0, plain: int = 0) -> tuple[list[int], list[float]]:
    """How the features of a point become those of its mirror image, left for right: their new order, and their signs.

    Maps of a context network keep their places: what it says of a mirror image no exchange can tell.
    """
    names = feature_names(tuple(str(index) for index in range(channel_count)), context, plain)
    place = {name: index for index, name in enumerate(names)}
    sides = {" to L ": " to R ", " to R ": " to L "}
    order = []
    for name in names:
        side = next((side for side in sides if side in name), None)
        order.append(place[name.replace(side, sides[side])] if side else place[name])
    return order, [-1.0 if " dR " in name or name == "R" else 1.0 for name in names]


def feature_names(channels: tuple[str, ...], context: int = 0, plain: int = 0) -> tuple[str, ...]:
    """Names of the features of a bank, in order; their number is the network's input width.

    Args:
        channels: Names of the image channels, or of the components of very many.
        context: Number of maps of a context network.
        plain: Number of channels that are features as they are, beside their components.
    """
    names = []
    for scale in (2**level for level in range(LEVELS)):
        names += [f"{channel} {name} ×{scale}" for channel in channels for name in MAPS_PER_CHANNEL]
        if scale >= WIDE_SCALE:
            places = [f"{steps * scale} to {side} ×{scale}" for steps in OFFSETS for side in "LRPAIS"]
            names += [f"{channel} {place}" for place in places for channel in channels]
    names += ["depth", *(f"plain {index}" for index in range(plain)), *(f"context {index}" for index in range(context))]
    return (*names, *COORDINATES)
