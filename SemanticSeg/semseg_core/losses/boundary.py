"""Hausdorff loss by distance fields, for densely labelled boxes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from semseg_core.errors import InputError, ShapeError
from semseg_core.labels.tree import LabelTree
from semseg_core.losses.fields import FieldCache, boundary_fields
from semseg_core.losses.functional import analytic, check_targets
from semseg_core.losses.marks import Marks, leaf_index

THINNEST = 3
"""Least thickness of a labelled box in voxels, unless it spans the volume: strokes along an axis are thinner."""

Box = tuple[slice, ...]


class HausdorffLoss(nn.Module):
    """Mean over leaves and voxels of squared error × (distance to the predicted + distance to the true boundary).

    Distances are not differentiated. They need to know every voxel around, so the loss runs on boxes in which every voxel is
    marked with a leaf: those given to `forward`, else the bounding box of the marks of each item, which must then be full.
    Strokes are refused.

    Ignored: everything outside the boxes, where the gradient is 0. Without annotated voxels: 0 with a zero gradient. Perfect
    prediction: 0. Half-precision logits are worked on in float32; distance fields are made on the CPU.

    Args:
        tree: The label tree; leaves in its order are the channels.
        exponent: Of the distances (MONAI's alpha).
        logarithm: Whether log(1 + loss) is given.
        spacing_mm: Voxel size, one number or one per axis of the volume, for distances in mm; None for distances in voxels.
        background: Leaf left out, by path or name; None for none.

    Source:
        Karimi and Salcudean 2019; equal to `HausdorffDTLoss` and `LogHausdorffDTLoss` of MONAI 1.6.1, whose distances are in
        voxels. The logarithm as in Usman et al., arXiv 2502.09148, by their code; their printed equation 4 has the wrong sign.

    Raises:
        InputError: If an option has an impossible value.
    """

    def __init__(
        self,
        tree: LabelTree,
        exponent: float = 2.0,
        logarithm: bool = False,
        spacing_mm: float | Sequence[float] | None = None,
        background: str | None = None,
    ) -> None:
        super().__init__()
        if not 0 < exponent < float("inf"):
            raise InputError(f"hausdorff: exponent {exponent}: give a number above 0")
        spacing = (1.0,) if spacing_mm is None else (spacing_mm,) if isinstance(spacing_mm, (int, float)) else tuple(spacing_mm)
        if not spacing or not all(0 < size < float("inf") for size in spacing):
            raise InputError(f"hausdorff: spacing_mm {spacing_mm}: give positive numbers, like 3/1/1")
        self.marks = Marks(tree)
        left_out = -1 if background is None else leaf_index(tree, background, "background")
        self.leaves = [leaf for leaf in range(len(tree.leaves)) if leaf != left_out]
        if not self.leaves:
            raise InputError("hausdorff: the tree has no leaf besides the background; give it one, or leave out background")
        self.exponent, self.logarithm, self.spacing = exponent, logarithm, spacing
        self._cache = FieldCache()

    def forward(
        self, logits: torch.Tensor, targets: torch.Tensor, boxes: Sequence[Sequence[Sequence[int]] | None] | None = None
    ) -> torch.Tensor:
        """The loss, a scalar.

        Args:
            logits: (B, L, *spatial).
            targets: Positions of leaves, (B, *spatial) integers; -1 is unknown.
            boxes: For each item the densely labelled box, half-open (start, stop) in voxels along each axis, or None for none.

        Raises:
            ShapeError: If shapes do not belong together, or the box lies outside.
            InputError: If a box is not densely labelled with leaves.
        """
        check_targets(logits, targets, self.marks.leaf_count, self.marks.label_count)
        axes = logits.dim() - 2
        if not 1 <= axes <= 3:
            raise ShapeError(
                f"hausdorff: it needs logits on a grid, (B, L, *spatial), not {tuple(logits.shape)}; for rows use tversky"
            )
        if len(self.spacing) not in (1, axes):
            raise ShapeError(f"hausdorff: spacing_mm has {len(self.spacing)} numbers for {axes} axes; give one, or one per axis")
        if boxes is not None and len(boxes) != len(logits):
            raise ShapeError(f"hausdorff: {len(boxes)} boxes for {len(logits)} items; give one, or None, for each")
        found = {}
        for item, marks in enumerate(targets):
            box = _full_box(marks) if boxes is None else _given_box(boxes[item], marks)
            if box is not None:
                found[item] = box, self._leaf_map(marks[box])

        def evaluate(logits: torch.Tensor, wanted: bool) -> tuple[torch.Tensor, torch.Tensor | None]:
            dtype = torch.float64 if logits.dtype == torch.float64 else torch.float32
            gradient = torch.zeros_like(logits, dtype=dtype) if wanted else None
            total = torch.zeros((), dtype=dtype, device=logits.device)
            for item, (box, leaf_map) in found.items():
                inside = (slice(None), *box)
                out = gradient[item][inside] if wanted else None
                total += self._box_loss(logits[item][inside].to(dtype), leaf_map, out) / len(found)
            if wanted and found:
                gradient /= len(found) * ((1.0 + total) if self.logarithm else 1.0)
            return total.log1p() if self.logarithm else total, gradient

        return analytic(logits, evaluate)

    def _leaf_map(self, positions: torch.Tensor) -> torch.Tensor:
        """Leaf index of every voxel of a box, int32, after refusing voxels without a leaf."""
        positions = positions.long()
        known = (positions > 0) & self.marks.is_leaf[positions.clamp_min(0)]
        if not bool(known.all()):
            raise InputError(
                f"hausdorff: {int((~known).sum())} of {known.numel()} voxels of the box are not marked with a leaf, so its "
                "boundaries are not known; label the box densely, or use tversky or dice for strokes"
            )
        return self.marks.first_leaf[positions].int()

    def _box_loss(self, logits: torch.Tensor, leaf_map: torch.Tensor, out: torch.Tensor | None) -> torch.Tensor:
        """Loss of a densely labelled box; its gradient goes to `out`, (L, *box) of zeros, unless that is None."""
        probabilities = logits.softmax(0)
        spacing = self.spacing * (leaf_map.dim() if len(self.spacing) == 1 else 1)
        threads = torch.get_num_threads()
        true_fields = self._cache.get(leaf_map.cpu().numpy(), lambda labels: self._true_fields(labels, spacing, threads))
        total, center = logits.new_zeros(()), torch.zeros_like(logits[0])
        for start in range(0, len(self.leaves), threads):
            some = self.leaves[start : start + threads]
            masks = ((probabilities[leaf] > 0.5).cpu().numpy() for leaf in some)
            fields = boundary_fields(list(masks), spacing, self.exponent, threads)
            for number, leaf in enumerate(some, start):
                field = fields.pop(0)
                weights = torch.from_numpy(np.add(field, true_fields[number], out=field)).to(probabilities)
                truth = (leaf_map == leaf).view(torch.uint8)
                # Errors lie where the gradient will be, so that they take no memory of their own.
                errors = torch.sub(probabilities[leaf], truth, out=None if out is None else out[leaf])
                weights.mul_(errors)
                total += torch.dot(errors.flatten(), weights.flatten())
                if out is not None:
                    out[leaf] = weights
                    center.addcmul_(probabilities[leaf], weights)
        share = 1.0 / (len(self.leaves) * leaf_map.numel())
        if out is not None:
            out.sub_(center).mul_(probabilities.mul_(2.0 * share))
        return total * share

    def _true_fields(self, leaf_map: np.ndarray, spacing: Sequence[float], threads: int) -> np.ndarray:
        """Distances of every voxel to the boundary of each leaf, (leaves, *box) float32."""
        masks = [leaf_map == leaf for leaf in self.leaves]
        return np.stack(boundary_fields(masks, spacing, self.exponent, threads))


def _full_box(marks: torch.Tensor) -> Box | None:
    """The bounding box of the marks, None if there are none.

    Raises:
        InputError: If it is not full, or as thin as a stroke.
    """
    annotated = torch.nonzero(marks > 0)
    if not len(annotated):
        return None
    starts, stops = annotated.amin(0), annotated.amax(0) + 1
    sizes = (stops - starts).tolist()
    thin = any(size < min(THINNEST, length) for size, length in zip(sizes, marks.shape, strict=True))
    if thin or len(annotated) < np.prod(sizes):
        raise InputError(
            f"hausdorff: the {len(annotated)} marks do not fill a box (theirs has {' × '.join(map(str, sizes))} voxels), so "
            "boundaries are not known; use tversky or dice for strokes, or name the densely labelled box"
        )
    return tuple(slice(start, stop) for start, stop in zip(starts.tolist(), stops.tolist(), strict=True))


def _given_box(box: Sequence[Sequence[int]] | None, marks: torch.Tensor) -> Box | None:
    """A box as slices.

    Raises:
        ShapeError: If it does not lie in the volume.
    """
    if box is None:
        return None
    ranges = [tuple(int(bound) for bound in axis) for axis in box]
    inside = len(ranges) == marks.dim() and all(
        0 <= start < stop <= size for (start, stop), size in zip(ranges, marks.shape, strict=True)
    )
    if not inside:
        raise ShapeError(
            f"hausdorff: box {ranges} does not lie in a volume of {tuple(marks.shape)} voxels; give (start, stop) per axis"
        )
    return tuple(slice(start, stop) for start, stop in ranges)
