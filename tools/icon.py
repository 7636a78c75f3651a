"""Draws the icon: a brain slice, scribbles on its left half, the segmentation and its label tree on the right half.

`python tools/icon.py` writes `SemanticSeg.png`, for the Extensions Catalog, and the same picture as the module's icon.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

ROOT = Path(__file__).resolve().parent.parent
TARGETS = (ROOT / "SemanticSeg.png", ROOT / "SemanticSeg/Resources/Icons/SemanticSeg.png")
SIZE = 128
DRAWN = 8 * SIZE

LOBES = ((255, 194, 75), (250, 141, 79), (232, 88, 100), (186, 82, 152))  # cortex, front to back: one family of colors
WHITE_MATTER, FLUID = (58, 174, 178), (44, 72, 140)
GRAY_CORTEX, GRAY_MATTER, GRAY_FLUID = (128, 132, 140), (196, 200, 206), (62, 66, 74)
FRAME = (24, 28, 38)


def main() -> None:
    """Write both files."""
    picture = draw().resize((SIZE, SIZE), Image.Resampling.LANCZOS)
    for target in TARGETS:
        target.parent.mkdir(parents=True, exist_ok=True)
        picture.save(target, optimize=True)


def draw() -> Image.Image:
    """The icon, `DRAWN` pixels wide, on a transparent ground."""
    y, x = np.mgrid[0:DRAWN, 0:DRAWN] / (DRAWN / 2) - 1.0  # -1…1, y downwards
    side = np.abs(x)
    angle = np.arctan2(side / 0.86, -y / 0.97)  # 0 in front, π behind, alike on both sides
    radius = np.hypot(x / 0.86, y / 0.97)
    fissure = side < 0.020 + 0.030 * np.clip(np.abs(y) - 0.55, 0, None)
    brain = (radius < 0.955 - 0.018 * np.cos(14 * angle)) & ~(fissure & (np.abs(y) > 0.30))
    white = brain & (radius < 0.67 + 0.055 * np.cos(14 * angle)) & (side > 0.30 * (np.abs(y) - 0.18))
    fluid = np.hypot((side - 0.15 - 0.35 * (y + 0.02) ** 2) / 0.085, (y - 0.02) / 0.34) < 1.0

    picture = np.zeros((DRAWN, DRAWN, 4), np.uint8)
    picture[radius < 1.0] = (*FRAME, 255)
    right = x > 0
    for index, color in enumerate(LOBES):
        picture[brain & right & (angle >= index * np.pi / 4) & (angle < (index + 1) * np.pi / 4 + 1e-6)] = (*color, 255)
    picture[brain & ~right] = (*GRAY_CORTEX, 255)
    for region, color, gray in ((white, WHITE_MATTER, GRAY_MATTER), (fluid, FLUID, GRAY_FLUID)):
        picture[region & right] = (*color, 255)
        picture[region & ~right] = (*gray, 255)
    shade = 1.0 + 0.10 * np.clip(-y - 0.2 * x, -1, 1)  # lit from above, a little
    picture[..., :3] = np.clip(picture[..., :3] * shade[..., None], 0, 255).astype(np.uint8)
    image = Image.fromarray(picture).filter(ImageFilter.GaussianBlur(2))
    draw_scribbles(image)
    draw_tree(image)
    return image


def draw_scribbles(image: Image.Image) -> None:
    """One stroke per label on the gray half."""
    wave = np.linspace(0.0, 1.0, 60)
    for color, start, stop, swing in (
        (LOBES[0], (-0.17, -0.80), (-0.47, -0.66), 0.022),
        (LOBES[1], (-0.66, -0.42), (-0.71, -0.10), 0.022),
        (LOBES[2], (-0.71, 0.18), (-0.62, 0.48), 0.022),
        (LOBES[3], (-0.45, 0.68), (-0.16, 0.81), 0.022),
        (WHITE_MATTER, (-0.40, -0.40), (-0.40, 0.42), 0.050),
        (FLUID, (-0.165, -0.18), (-0.165, 0.22), 0.0),
    ):
        along = np.subtract(stop, start)
        across = np.array((-along[1], along[0])) / np.hypot(*along)
        stroke = np.array(start) + wave[:, None] * along + (swing * np.sin(3 * np.pi * wave))[:, None] * across
        draw_line(image, stroke, 60, (255, 255, 255))
        draw_line(image, stroke, 38, color)


def draw_tree(image: Image.Image) -> None:
    """The label tree on the colored half: root, two inner labels, four leaves."""
    root, inner = (0.0, 0.02), ((0.40, -0.30), (0.40, 0.34))
    leaves = (((0.24, -0.76), (0.70, -0.34)), ((0.70, 0.36), (0.24, 0.78)))
    for node, children in zip(inner, leaves, strict=True):
        for start, stop in ((root, node), (node, children[0]), (node, children[1])):
            draw_line(image, np.array((start, stop)), 26, (255, 255, 255))
    for node, size in ((root, 0.090), *((node, 0.075) for node in inner), *((leaf, 0.062) for pair in leaves for leaf in pair)):
        draw_dot(image, node, size, (255, 255, 255))


def draw_line(image: Image.Image, points: np.ndarray, width: int, color: tuple[int, int, int]) -> None:
    """A line with round ends through points in -1…1."""
    pixels = [tuple(point) for point in (np.asarray(points) + 1) * DRAWN / 2]
    ImageDraw.Draw(image).line(pixels, fill=color, width=width, joint="curve")
    for point in (points[0], points[-1]):
        draw_dot(image, point, width / DRAWN, color)


def draw_dot(image: Image.Image, center: tuple[float, float], size: float, color: tuple[int, int, int]) -> None:
    """A disc of radius `size`, in -1…1."""
    (x, y), r = ((value + 1) * DRAWN / 2 for value in center), size * DRAWN / 2
    ImageDraw.Draw(image).ellipse((x - r, y - r, x + r, y + r), fill=color)


if __name__ == "__main__":
    main()
