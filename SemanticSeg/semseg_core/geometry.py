"""Where voxels lie: a grid of `(k, j, i)` indices and its affine to RAS millimetres.

Arrays are always indexed `(k, j, i)`, slowest axis first, as numpy and `slicer.util.arrayFromVolume` give them. An affine is
always `ijk_to_ras`: 4×4, float64, millimetres, acting on columns `(i, j, k, 1)` as in MRML and NIfTI. LPS exists in
`data/io.py` only.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from semseg_core.errors import ShapeError

TOLERANCE_MM = 1e-3
"""Two grids are the same when no corner moves by more than this.

NIfTI stores its affine in float32 and NRRD writes about 15 digits, so a round trip moves the far corner of a 500 mm volume
by up to 3e-5 mm; a genuine difference between two scans is never below 1e-2 mm.
"""


PLANES = {"S": "axial", "I": "axial", "A": "coronal", "P": "coronal", "R": "sagittal", "L": "sagittal"}
"""The plane that lies across each anatomical direction."""


@dataclass(frozen=True, eq=False)
class Grid:
    """The voxel grid of a volume.

    Args:
        shape: Number of voxels along `(k, j, i)`, each at least 1.
        ijk_to_ras: 4×4 affine from `(i, j, k, 1)` to RAS in millimetres; invertible.

    Raises:
        ShapeError: If the shape is not three positive integers, or the affine is not a finite, invertible 4×4 matrix.
    """

    shape: tuple[int, int, int]
    ijk_to_ras: np.ndarray

    def __post_init__(self) -> None:
        shape = tuple(int(size) for size in self.shape)
        affine = np.array(self.ijk_to_ras, dtype=np.float64)
        if len(shape) != 3 or min(shape) < 1:
            raise ShapeError(f"grid: expected three positive sizes (k, j, i), got {self.shape}")
        if affine.shape != (4, 4) or not np.isfinite(affine).all():
            raise ShapeError(f"grid: expected a finite 4×4 affine, got shape {affine.shape}; check the image header")
        # Relative to the spacings: voxels of 100 nm are no zero spacing.
        volume, box = abs(np.linalg.det(affine[:3, :3])), np.linalg.norm(affine[:3, :3], axis=0).prod()
        if not np.allclose(affine[3], (0, 0, 0, 1)) or not volume > 1e-6 * box:
            raise ShapeError("grid: the affine is not invertible; the image header gives a zero spacing or equal axes")
        affine.setflags(write=False)
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "ijk_to_ras", affine)

    @cached_property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance between neighbouring voxels along `(k, j, i)`, in millimetres."""
        lengths = np.linalg.norm(self.ijk_to_ras[:3, :3], axis=0)
        return float(lengths[2]), float(lengths[1]), float(lengths[0])

    @property
    def voxel_count(self) -> int:
        """Number of voxels."""
        return int(np.prod(self.shape))

    @property
    def voxel_volume_ml(self) -> float:
        """Volume of one voxel in millilitres."""
        return float(abs(np.linalg.det(self.ijk_to_ras[:3, :3]))) / 1000.0

    @cached_property
    def orientation(self) -> str:
        """Nearest anatomical direction of the axes `i`, `j`, `k`, for example `"RAS"` or `"LPS"`."""
        axes, signs = self._nearest_axes()
        letters = ("LR", "PA", "IS")
        return "".join(letters[axis][int(sign > 0)] for axis, sign in zip(axes, signs, strict=True))

    @cached_property
    def planes(self) -> tuple[str, str, str]:
        """What slices along `k`, `j` and `i` are called: the anatomical plane nearest to each."""
        along_i, along_j, along_k = (PLANES[letter] for letter in self.orientation)
        return along_k, along_j, along_i

    def index_to_ras(self, indices: np.ndarray) -> np.ndarray:
        """RAS millimetres, (N, 3) float64, of `(k, j, i)` indices, (N, 3), which may be fractional."""
        ijk = np.asarray(indices, dtype=np.float64)[:, ::-1]
        return ijk @ self.ijk_to_ras[:3, :3].T + self.ijk_to_ras[:3, 3]

    def ras_to_index(self, points: np.ndarray) -> np.ndarray:
        """Fractional `(k, j, i)` indices, (N, 3) float64, of RAS points, (N, 3), in millimetres."""
        inverse = np.linalg.inv(self.ijk_to_ras)
        ijk = np.asarray(points, dtype=np.float64) @ inverse[:3, :3].T + inverse[:3, 3]
        return ijk[:, ::-1]

    def same_as(self, other: Grid, tolerance_mm: float = TOLERANCE_MM) -> bool:
        """Whether both grids have the same shape and no corner lies further apart than `tolerance_mm`."""
        if self.shape != other.shape:
            return False
        return bool(np.abs(self.corners_ras() - other.corners_ras()).max() <= tolerance_mm)

    def corners_ras(self) -> np.ndarray:
        """Centres of the eight corner voxels, (8, 3), RAS millimetres."""
        last = np.array(self.shape) - 1
        return self.index_to_ras(np.array([(k, j, i) for k in (0, last[0]) for j in (0, last[1]) for i in (0, last[2])]))

    def require_same(self, other: Grid, mine: str, others: str) -> None:
        """Refuse two grids that differ.

        Args:
            other: The grid to compare with.
            mine: What lies on this grid, for the message ("scribbles a.nii.gz").
            others: What lies on the other grid ("image b.nii.gz").

        Raises:
            ShapeError: If the grids differ; the message says in what.
        """
        if self.same_as(other):
            return
        if self.shape != other.shape:
            difference = f"{self.shape[::-1]} voxels (i, j, k) against {other.shape[::-1]}"
        else:
            distance = np.abs(self.corners_ras() - other.corners_ras()).max()
            difference = f"the same size, but corners up to {distance:.3g} mm apart"
        raise ShapeError(f"{mine} does not lie on the grid of {others}: {difference}; resample one onto the other first")

    def _nearest_axes(self) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
        """For `i`, `j`, `k`: the RAS axis (0, 1, 2) each runs along most closely, all different, and its sign."""
        from itertools import permutations

        direction = self.ijk_to_ras[:3, :3] / np.linalg.norm(self.ijk_to_ras[:3, :3], axis=0)
        axes = max(permutations(range(3)), key=lambda p: sum(abs(direction[p[c], c]) for c in range(3)))
        signs = tuple(1 if direction[axes[column], column] > 0 else -1 for column in range(3))
        return axes, signs

    def __repr__(self) -> str:
        spacing = " × ".join(f"{value:.4g}" for value in self.spacing_mm[::-1])
        size = " × ".join(str(value) for value in self.shape[::-1])
        return f"Grid({size} voxels (i, j, k), {spacing} mm, {self.orientation})"
