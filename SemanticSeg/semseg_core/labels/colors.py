"""Colors of labels: as hexadecimal text, and chosen so that siblings look alike and strangers do not."""

from __future__ import annotations

import colorsys
import re

from semseg_core.labels.tree import LabelTree

Color = tuple[float, float, float]

HEX = re.compile(r"#?([0-9a-fA-F]{6})")


def to_hex(color: Color) -> str:
    """The nearest color of 8 bits a channel, as `#rrggbb`."""
    return "#" + "".join(f"{channel:02x}" for channel in to_bytes(color))


def from_hex(text: str) -> Color | None:
    """Red, green, blue in 0…1 of `#rrggbb`, the mark being optional; None if it is nothing of the kind."""
    match = HEX.fullmatch(text.strip())
    return None if match is None else from_bytes(bytes.fromhex(match[1]))


def to_bytes(color: Color) -> tuple[int, int, int]:
    """Red, green, blue in 0…255, rounded."""
    red, green, blue = (round(channel * 255) for channel in color)
    return red, green, blue


def from_bytes(channels: bytes | tuple[int, int, int]) -> Color:
    """Red, green, blue in 0…1."""
    red, green, blue = (channel / 255 for channel in channels)
    return red, green, blue


def tree_colors(tree: LabelTree) -> dict[int, Color]:
    """A color for every label by id: hue by place among the leaves, so that branches differ and siblings are shades.

    Neighboring leaves alternate in brightness, since 148 hues alone cannot be told apart; inner labels are paler.
    """
    colors = {}
    for label, (start, stop), depth in zip(tree.labels, tree.leaf_ranges, tree.depths, strict=True):
        hue = (start + stop) / 2 / len(tree.leaves)
        if tree.is_leaf(label.id):
            colors[label.id] = colorsys.hsv_to_rgb(hue, (0.85, 0.65, 0.45)[start % 3], (0.95, 0.75, 1.0)[start % 3])
        else:
            colors[label.id] = colorsys.hsv_to_rgb(hue, min(0.1 * depth, 0.6), 0.8)
    return {label_id: from_bytes(to_bytes(color)) for label_id, color in colors.items()}


def shades(color: Color, count: int) -> list[Color]:
    """Shades of one color, from darker to lighter, the hue kept.

    Args:
        color: The color in the middle.
        count: How many to give; a single one is the color itself.
    """
    hue, lightness, saturation = colorsys.rgb_to_hls(*color)
    low, high = min(0.3, lightness), max(0.8, lightness)
    if count == 1:
        return [color]
    steps = (low + (high - low) * index / (count - 1) for index in range(count))
    return [from_bytes(to_bytes(colorsys.hls_to_rgb(hue, step, saturation))) for step in steps]
