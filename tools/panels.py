"""What one panel of the picture shows, as red, green and blue."""

from __future__ import annotations

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import hsv_to_rgb, rgb_to_hsv
from sheet import GROUND

from semseg_core.labels.tree import LabelTree

DOUBT_COLORS = "inferno"
"""Grows steadily brighter: it reads in gray and with any color vision."""

DIMMED = 0.5
"""How bright the image is under scribbles and doubts."""


def window(image: np.ndarray) -> tuple[float, float]:
    """The intensities to show as black and as white: what lies above air, with room above the brightest tissue."""
    low, high = np.percentile(image, (1.0, 99.5))
    bright = image[image > low + 0.08 * (high - low)]
    white = low + 1.12 * (np.percentile(bright, 99.7) - low) if bright.size else low + 1.0
    return float(low), float(white)


def gray_panel(gray: np.ndarray) -> np.ndarray:
    """Gray, (rows, columns) in 0…1, on the ground of the sheet, so that air has no edge."""
    return np.array(GROUND) + gray[..., None] * (1.0 - np.array(GROUND))


def scribble_panel(gray: np.ndarray, drawn: np.ndarray, tree: LabelTree) -> np.ndarray:
    """Strokes, (rows, columns) label ids, over the dimmed image."""
    return np.where((drawn > 0)[..., None], _vivid(_colors(drawn, tree)), gray_panel(DIMMED * gray))


def result_panel(gray: np.ndarray, label_ids: np.ndarray, tree: LabelTree) -> np.ndarray:
    """Labels, in colors that keep the light and dark of the image, with fine dark lines where they meet."""
    tinted = _colors(label_ids, tree) * (0.42 + 0.58 * np.clip(1.25 * gray, 0.0, 1.0))[..., None]
    lines = np.zeros(label_ids.shape, dtype=bool)
    lines[:, 1:] |= label_ids[:, 1:] != label_ids[:, :-1]
    lines[1:] |= label_ids[1:] != label_ids[:-1]
    tinted[lines] *= 0.6
    return np.where((label_ids > 0)[..., None], tinted, gray_panel(DIMMED * gray))


def confidence_panel(gray: np.ndarray, confidence: np.ndarray, label_ids: np.ndarray) -> np.ndarray:
    """What is certain stays gray; the less certain, the brighter it glows."""
    doubt = np.where(label_ids > 0, 1.0 - np.nan_to_num(confidence), 0.0)
    return _glowing(gray_panel(DIMMED * gray), doubt)


def confidence_scale() -> np.ndarray:
    """The colors of confidence from 1 to 0, on middle gray, (1, 256, 3)."""
    return _glowing(gray_panel(np.full((1, 256), 0.3)), np.linspace(0.0, 1.0, 256)[None])


def _glowing(picture: np.ndarray, doubt: np.ndarray) -> np.ndarray:
    glow = colormaps[DOUBT_COLORS](0.25 + 0.75 * doubt)[..., :3]
    strength = np.clip(1.6 * doubt, 0.0, 1.0)[..., None]
    return (1.0 - strength) * picture + strength * glow


def _colors(label_ids: np.ndarray, tree: LabelTree) -> np.ndarray:
    """Colors of label ids, (…, 3); black where unknown."""
    found, inverse = np.unique(label_ids, return_inverse=True)
    table = np.array([tree[label_id].color if label_id else (0.0, 0.0, 0.0) for label_id in found.tolist()])
    return table[inverse].reshape(*label_ids.shape, 3)


def _vivid(colors: np.ndarray) -> np.ndarray:
    """The same hues, strong enough for a line one voxel wide."""
    hsv = rgb_to_hsv(np.clip(colors, 0.0, 1.0))
    hsv[..., 1] = np.clip(hsv[..., 1] * 1.3, 0.0, 1.0)
    hsv[..., 2] = np.clip(hsv[..., 2] * 1.2, 0.85, 1.0)
    return hsv_to_rgb(hsv)
