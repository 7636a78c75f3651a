"""Sampling arrays at points, and bringing any volume onto a grid along the anatomical axes.

Networks see every image the same way, however it was stored: axes along R, A, S, spacing as the model says. Nothing is ever
resampled back: results are computed at the centers of the input's own voxels.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from semseg_core.geometry import Grid

POINTS_AT_ONCE = 1 << 20
"""Points interpolated per call: 2²⁰ points of 8 channels are 32 MiB, which stays in warm memory."""

SAME_VOXEL = 1e-3
"""Distance, in voxels, up to which two voxel centers are one: what float32 headers leave."""

Box = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
"""Half-open ranges of voxel indices along `(k, j, i)`."""


def sample_linear(maps: torch.Tensor, grid: Grid, points_ras: torch.Tensor) -> torch.Tensor:
    """Values at points by trilinear interpolation; beyond the outermost voxel centers the nearest value holds.

    Args:
        maps: (M, D, H, W) float.
        grid: Grid of the maps.
        points_ras: (N, 3) float32, RAS millimetres, on the same device.

    Returns:
        (N, M), the dtype of `maps`.
    """
    matrix, offset = _normalizer(grid)
    to_normalized = torch.as_tensor(matrix, dtype=torch.float32, device=points_ras.device)
    shift = torch.as_tensor(offset, dtype=torch.float32, device=points_ras.device)
    # PyTorch's threads share batches of points, not the points of one: with two, half the time.
    batches = torch.get_num_threads() if maps.device.type == "cpu" else 1
    values = []
    for chunk in points_ras.split(POINTS_AT_ONCE):
        size = -(-len(chunk) // batches)
        normalized = (chunk @ to_normalized.T + shift).to(maps.dtype)
        filled = torch.nn.functional.pad(normalized, (0, 0, 0, batches * size - len(chunk))).view(batches, 1, 1, size, 3)
        everywhere = maps.expand(batches, *maps.shape)
        sampled = torch.nn.functional.grid_sample(
            everywhere, filled, mode="bilinear", padding_mode="border", align_corners=True
        )
        values.append(sampled[:, :, 0, 0].transpose(1, 2).flatten(0, 1)[: len(chunk)])
    return torch.cat(values) if len(values) != 1 else values[0]


def sample_box(maps: torch.Tensor, grid: Grid, target: Grid, box: Box) -> torch.Tensor:
    """Values at the voxel centers of a box of another grid with parallel axes, as `sample_linear` gives them.

    Interpolates along one axis after the other, by small matrix products: 3 to 5 times quicker than point by point.

    Args:
        maps: (M, D, H, W) float32.
        grid: Grid of the maps.
        target: Grid of the box; `are_parallel(grid, target)`.
        box: Where to sample.

    Returns:
        (M, P), the voxels of the box in array order.
    """
    to_maps = np.linalg.inv(grid.ijk_to_ras) @ target.ijk_to_ras
    turns = to_maps[:3, :3][::-1, ::-1]  # from (k, j, i) of the target to those of the maps
    offset = to_maps[:3, 3][::-1]
    axes = np.abs(turns).argmax(axis=1)  # of the target, by axis of the maps
    shrinking = sorted(range(3), key=lambda axis: (box[axes[axis]][1] - box[axes[axis]][0]) / maps.shape[axis + 1])
    for axis in shrinking:
        along = axes[axis]
        places = np.arange(*box[along]) * turns[axis, along] + offset[axis]
        maps = _interpolated(maps, axis + 1, places)
    return maps.permute(0, *(np.argsort(axes) + 1).tolist()).flatten(1)


def are_parallel(grid: Grid, other: Grid) -> bool:
    """Whether each axis of one grid runs along an axis of the other, in either direction, to a hundredth of a voxel."""
    turns = (np.linalg.inv(grid.ijk_to_ras) @ other.ijk_to_ras)[:3, :3]
    along = np.abs(turns).argmax(axis=1)
    drift = turns.copy()
    drift[np.arange(3), along] = 0.0
    return len(set(along.tolist())) == 3 and bool((np.abs(drift) @ np.array(other.shape[::-1])).max() < 1e-2)


def box_points(grid: Grid, box: Box, device: torch.device | str = "cpu") -> torch.Tensor:
    """RAS positions of the voxel centers of a box, (P, 3) float32, in array order."""
    k, j, i = torch.meshgrid(*(torch.arange(*span) for span in box), indexing="ij")
    ijk = torch.stack([i.reshape(-1), j.reshape(-1), k.reshape(-1)], dim=1).double()
    affine = torch.tensor(grid.ijk_to_ras)
    return (ijk @ affine[:3, :3].T + affine[:3, 3]).float().to(device)


def anatomical_grid(grid: Grid, spacing_mm: tuple[float, float, float]) -> Grid:
    """The grid along R, A, S that covers another grid.

    Where the other runs along the anatomical axes at the same spacing, both have the same voxel centers.

    Args:
        grid: Grid to cover.
        spacing_mm: Spacing along `(k, j, i)` of the new grid, that is along S, A, R.
    """
    corners = grid.corners_ras()
    low, high = corners.min(axis=0), corners.max(axis=0)
    spacing = np.array(spacing_mm[::-1])
    # Half a thousandth of a voxel: float32 headers must not cost the last voxel of an equal grid.
    steps = np.floor((high - low) / spacing + 5e-4).astype(int)
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = low + (high - low - steps * spacing) / 2.0
    return Grid(tuple(int(step) + 1 for step in steps[::-1]), affine)


def anatomical_spacing(grid: Grid) -> tuple[float, float, float]:
    """Spacing, in millimetres, of the image axes nearest to S, A, R: that is along `(k, j, i)` of `anatomical_grid`."""
    nearest = dict(zip(grid.orientation, grid.spacing_mm[::-1], strict=True))
    found = {axis: nearest[letter] for axis in ("SI", "AP", "RL") for letter in axis if letter in nearest}
    return found["SI"], found["AP"], found["RL"]


def resample(array: torch.Tensor, grid: Grid, target: Grid, check: Callable[[], None] = lambda: None) -> torch.Tensor:
    """The array on another grid: smoothed first along axes that become coarser, then interpolated linearly.

    Args:
        array: (C, D, H, W) float32.
        grid: Its grid.
        target: The wanted grid.
        check: Called several times a second; what it raises ends the work.

    Returns:
        (C, D', H', W') float32; points outside the array take the nearest value.
    """
    from scipy.ndimage import gaussian_filter1d

    rearranged = _rearranged(array, grid, target)
    if rearranged is not None:
        return rearranged
    # Spacing of the target along each axis of the source; sigma after nnU-Net and SimpleITK practice: half the extra width.
    directions = np.abs(grid.ijk_to_ras[:3, :3] / np.linalg.norm(grid.ijk_to_ras[:3, :3], axis=0))
    steps = directions.T @ (np.abs(target.ijk_to_ras[:3, :3]).sum(axis=1))
    smoothed = array.cpu().numpy()
    for axis, (step, spacing) in enumerate(zip(steps[::-1], grid.spacing_mm, strict=True)):
        ratio = step / spacing
        if ratio > 1.2:
            smoothed = gaussian_filter1d(smoothed, 0.5 * np.sqrt(ratio**2 - 1), axis=axis + 1, mode="nearest", truncate=3.0)
    source = torch.as_tensor(smoothed, device=array.device)
    slabs = []
    for k in range(target.shape[0]):
        check()
        slabs.append(sample_linear(source, grid, grid_points(target, k, array.device)).T)
    return torch.stack(slabs, dim=1).reshape(array.shape[0], *target.shape)


def grid_points(grid: Grid, k: int, device: torch.device | str = "cpu") -> torch.Tensor:
    """RAS positions of the voxel centers of slice `k`, (H · W, 3) float32, in array order."""
    return box_points(grid, ((k, k + 1), (0, grid.shape[1]), (0, grid.shape[2])), device)


def _interpolated(maps: torch.Tensor, axis: int, places: np.ndarray) -> torch.Tensor:
    """Maps at fractional indices along one axis; beyond the ends the last value holds."""
    last = maps.shape[axis] - 1
    places = np.clip(places, 0, last)
    lower = places.astype(np.int64)
    share = torch.as_tensor(places - lower, dtype=maps.dtype, device=maps.device)
    if len(places) == 1:
        below, above = (maps.select(axis, min(int(lower[0]) + step, last)) for step in (0, 1))
        return torch.lerp(below, above, share).unsqueeze(axis)
    first, stop = int(lower.min()), min(int(lower.max()) + 2, last + 1)
    rows = torch.arange(len(places), device=maps.device)
    weights = maps.new_zeros(len(places), stop - first)
    below, above = (torch.as_tensor(np.minimum(lower + step, last) - first, device=maps.device) for step in (0, 1))
    weights[rows, below] = 1.0 - share
    weights[rows, above] += share
    source = maps.narrow(axis, first, stop - first).movedim(axis, -1)
    # One product of two matrices: the batch of small ones that torch.matmul makes of it takes ten times as long.
    result = torch.mm(source.reshape(-1, stop - first), weights.T)
    return result.view(*source.shape[:-1], len(places)).movedim(-1, axis)


def _rearranged(array: torch.Tensor, grid: Grid, target: Grid) -> torch.Tensor | None:
    """The array with its axes in another order and direction, where these are the voxels of the target; else None."""
    to_source = np.linalg.inv(grid.ijk_to_ras) @ target.ijk_to_ras
    turns = np.rint(to_source[:3, :3][::-1, ::-1]).astype(int)  # from (k, j, i) of the target to those of the array
    if (np.abs(turns).sum(axis=0) != 1).any() or (np.abs(turns).sum(axis=1) != 1).any():
        return None
    axes = np.abs(turns).argmax(axis=0)
    turned = [axis for axis in range(3) if turns[axes[axis], axis] < 0]
    if tuple(np.array(grid.shape)[axes]) != target.shape:
        return None
    corners = np.argwhere(np.ones((2, 2, 2))) * (np.array(target.shape) - 1)
    places = corners.copy()
    places[:, turned] = np.array(target.shape)[turned] - 1 - places[:, turned]
    if np.abs(grid.ras_to_index(target.index_to_ras(corners))[:, axes] - places).max() > SAME_VOXEL:
        return None
    return array.permute(0, *(axes + 1).tolist()).flip([axis + 1 for axis in turned]).contiguous()


def _normalizer(grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Matrix (3, 3) and offset (3,) from RAS to grid_sample's coordinates (x, y, z) in -1…1."""
    inverse = np.linalg.inv(grid.ijk_to_ras)
    # An axis of one voxel has no extent: every point falls on its only center.
    scale = np.array([2.0 / (size - 1) if size > 1 else 0.0 for size in grid.shape[::-1]])
    shift = np.array([1.0 if size > 1 else 0.0 for size in grid.shape[::-1]])
    return inverse[:3, :3] * scale[:, None], inverse[:3, 3] * scale - shift
