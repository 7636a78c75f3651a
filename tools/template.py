"""The demo's own data: the MNI152 template that ships within nilearn, a truth made from its tissue maps, and scribbles on that.

The template is real MR: the average of T1 images of 152 people, here in its left-right symmetric form (ICBM 2009a), brain only.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from semseg_core.data.images import read_volume
from semseg_core.errors import DependencyError
from semseg_core.geometry import Grid
from semseg_core.labels.tree import LabelTree
from semseg_core.sparse.scribbles import SparseLabels
from semseg_core.sparse.simulate import simulate_scribbles

TREE = "brain-tissue"
FILES = "datasets/data/mni_icbm152_{}_tal_nlin_sym_09a_converted.nii.gz"
HALF = 127.5
"""The tissue maps store probability 1 as 255; above one half, a voxel belongs to the tissue."""

MARGIN_VOX = 4
SLICES_PER_ORIENTATION = 8
SEED = 6
SUBJECT = "MNI152 T1 template, the average of 152 people"
DESCRIPTION = "the MNI152 template: real MR, the average of 152 people, left-right symmetric, brain only"


class Template(NamedTuple):
    """The template cropped to the brain; arrays are (D, H, W), labels are ids of the tree, 0 outside the brain."""

    image: np.ndarray
    grid: Grid
    truth: np.ndarray
    brain: np.ndarray


def load_template(tree: LabelTree) -> Template:
    """Read the template and make the truth: gray or white matter where its probability is above one half, else other.

    Raises:
        DependencyError: If nilearn is not installed, or came without the template.
    """
    image, gray, white = (read_volume([template_file(name)]) for name in ("t1", "gm", "wm"))
    brain = ndimage.binary_fill_holes(image.array[0] > 0)
    window, grid = _around(brain, image.grid)
    tissue = np.select([gray.array[0] > HALF, white.array[0] > HALF], [0, 1], 2)[window]
    right_mm = grid.index_to_ras(np.argwhere(np.ones(grid.shape, dtype=bool)))[:, 0].reshape(grid.shape)
    tissues = ("gray matter", "white matter", "other")
    table = np.array([[tree.find(f"{side} {name}").id for name in tissues] for side in ("left", "right")])
    truth = np.where(brain[window], table[(right_mm >= 0).astype(int), tissue], 0)
    return Template(image.array[0][window], grid, truth, brain[window])


def draw_scribbles(template: Template, tree: LabelTree) -> SparseLabels:
    """Scribbles as a person would draw them, on a few slices of each orientation."""
    rng = np.random.default_rng(SEED)
    return simulate_scribbles(template.truth, template.grid, tree, SLICES_PER_ORIENTATION, rng)


def template_file(name: str) -> Path:
    """Where nilearn keeps the map `t1`, `gm` or `wm`; nilearn itself is not imported, which would take seconds."""
    package = importlib.util.find_spec("nilearn")
    if package is None:
        raise DependencyError("nilearn is not installed, and with it the brain of the demo; run: make demo")
    path = Path(package.submodule_search_locations[0]) / FILES.format(name)
    if not path.is_file():
        raise DependencyError(f"nilearn came without {path.name}, the brain of the demo; install nilearn 0.11 to 0.14")
    return path


def _around(mask: np.ndarray, grid: Grid) -> tuple[tuple[slice, ...], Grid]:
    """The window around a mask with a margin, and the grid of what lies in it."""
    places = np.argwhere(mask)
    first = np.maximum(places.min(axis=0) - MARGIN_VOX, 0)
    stop = np.minimum(places.max(axis=0) + 1 + MARGIN_VOX, mask.shape)
    corner = np.eye(4)
    corner[:3, 3] = first[::-1]
    return tuple(slice(*ends) for ends in zip(first, stop, strict=True)), Grid(tuple(stop - first), grid.ijk_to_ras @ corner)
