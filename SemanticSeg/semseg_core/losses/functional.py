"""What all losses share: unknown targets, annotated voxels in chunks, and one autograd function with a given gradient.

Rows of logits (N, L) and dense logits (B, L, *spatial) are read the same way, as items of (L, S): a row tensor is one item whose
classes lie next to each other in memory. Chunks are handed out as (M, L) views in whichever of the two memory orders the logits
have, because turning one into the other costs as much as the loss itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

from semseg_core.errors import InputError, ShapeError

UNKNOWN_TARGET = -1
"""Target of a voxel nobody labelled. A target on the root says no more, and counts as unknown too."""

CHUNK_ELEMENTS = {"cpu": 1 << 20}
"""Logits worked on at a time: on a CPU about what its caches hold, and enough that calls cost less than arithmetic."""

DEVICE_CHUNK_ELEMENTS = 1 << 26
"""The same on other devices, where launches cost more than memory."""

SUM_TOLERANCE = 1e-2
"""How far the sum of a distribution may be from 1: half precision rounds each of a hundred leaves."""

Evaluate = Callable[[torch.Tensor, bool], tuple[torch.Tensor, torch.Tensor | None]]
"""Takes detached logits and whether a gradient is wanted; gives the loss, a scalar, and its gradient by the logits."""


@dataclass(frozen=True)
class Chunk:
    """Annotated voxels of one item.

    Args:
        item: Which item of the batch.
        voxels: Their flat indices, a slice where all voxels of the item are annotated, else (M,) int64.
        logits: (M, L), float32 or float64; a view where possible, so never written to.
        positions: Marked label of each voxel, (M,) int64, at least 1.
        truth: Instead of marks, a distribution over the leaves, (M, L); None where there are marks.
    """

    item: int
    voxels: slice | torch.Tensor
    logits: torch.Tensor
    positions: torch.Tensor
    truth: torch.Tensor | None = None


Kernel = Callable[[Chunk, "torch.Tensor | None", float], torch.Tensor]
"""Takes annotated voxels, where to put their gradients (M, L) or None, and a factor on these; gives losses (M,)."""


class Annotated:
    """The annotated voxels of a batch, and where their gradient goes.

    Args:
        logits: (N, L) or (B, L, *spatial), any floating dtype.
        targets: Positions in depth-first order, (N,) or (B, *spatial), an integer dtype; -1 is unknown. Where `soft`, also
            distributions over the leaves in the shape of the logits, of a floating dtype; all zero is unknown.
        leaves: Number of leaves, L.
        labels: Number of labels in the tree, V + 1.
        soft: Whether distributions are understood.

    Raises:
        ShapeError: If the shapes do not belong together.
        InputError: If a target is no position of the tree, or no distribution.
    """

    def __init__(self, logits: torch.Tensor, targets: torch.Tensor, leaves: int, labels: int, soft: bool = False) -> None:
        self._truth = None
        if soft and targets.is_floating_point():
            self._truth = as_items(targets.contiguous())
            targets = _known_distributions(logits, targets)
        every = check_targets(logits, targets, leaves, labels) > 0
        self._logits = as_items(logits)
        self._targets = targets.reshape(self._logits.shape[0], self._logits.shape[2])
        self._voxels = [None if every else torch.nonzero(item > 0).squeeze(1) for item in self._targets]
        self.dtype = torch.float64 if logits.dtype == torch.float64 else torch.float32
        size = self._targets.shape[1]
        self.counts = tuple(size if voxels is None else len(voxels) for voxels in self._voxels)

    def __len__(self) -> int:
        """Number of annotated voxels in the batch."""
        return sum(self.counts)

    def __iter__(self) -> Iterator[Chunk]:
        """The annotated voxels, chunk by chunk, items in order."""
        leaves = self._logits.shape[1]
        limit = CHUNK_ELEMENTS.get(self._logits.device.type, DEVICE_CHUNK_ELEMENTS)
        step = max(1, limit // leaves)
        for item, (voxels, count) in enumerate(zip(self._voxels, self.counts, strict=True)):
            for start in range(0, count, step):
                part = slice(start, min(start + step, count)) if voxels is None else voxels[start : start + step]
                logits = _read(self._logits[item], part).to(self.dtype)
                truth = None if self._truth is None else _read(self._truth[item], part).to(self.dtype)
                yield Chunk(item, part, logits, self._targets[item, part].long(), truth)

    def zeros(self, *shape: int) -> torch.Tensor:
        """Zeros to sum into, on the device of the logits and in the precision of the work."""
        return torch.zeros(shape, dtype=self.dtype, device=self._logits.device)

    def empty_gradient(self, logits: torch.Tensor) -> torch.Tensor:
        """A gradient for `write`, zero wherever no voxel is annotated.

        It has the precision of the work: in half precision, shares of many voxels would vanish before a loss scale reaches them.
        """
        every = len(self) == self._targets.numel()
        return (torch.empty_like if every else torch.zeros_like)(logits, dtype=self.dtype)

    @staticmethod
    def rows(gradient: torch.Tensor, chunk: Chunk) -> torch.Tensor:
        """The gradient of a chunk, (M, L): a view to write to where its voxels lie in a slice, else a copy for `write`."""
        return _read(as_items(gradient)[chunk.item], chunk.voxels)

    @staticmethod
    def write(gradient: torch.Tensor, chunk: Chunk, rows: torch.Tensor) -> None:
        """Put the rows of `rows` back where they came from, unless they are a view."""
        item = as_items(gradient)[chunk.item]
        if isinstance(chunk.voxels, slice):
            return
        if item.stride(0) == 1:
            item.t().index_copy_(0, chunk.voxels, rows)
        else:
            item.index_copy_(1, chunk.voxels, rows.t())


def mean_over_voxels(
    logits: torch.Tensor, targets: torch.Tensor, leaves: int, labels: int, kernel: Kernel, soft: bool = False
) -> torch.Tensor:
    """Mean over the annotated voxels of the batch of a loss that each has by itself; 0 without any.

    Args:
        logits: As for `Annotated`, like all but the kernel.
        targets: Marks, or distributions.
        leaves: L.
        labels: V + 1.
        kernel: Gives losses and gradients of a chunk.
        soft: Whether the kernel understands distributions.
    """

    def evaluate(logits: torch.Tensor, wanted: bool) -> tuple[torch.Tensor, torch.Tensor | None]:
        annotated = Annotated(logits, targets, leaves, labels, soft)
        gradient = annotated.empty_gradient(logits) if wanted else None
        share = 1.0 / max(len(annotated), 1)
        total = annotated.zeros()
        for chunk in annotated:
            rows = annotated.rows(gradient, chunk) if wanted else None
            total += kernel(chunk, rows, share).sum()
            if wanted:
                annotated.write(gradient, chunk, rows)
        return total * share, gradient

    return analytic(logits, evaluate)


def as_items(logits: torch.Tensor) -> torch.Tensor:
    """Rows (N, L) or dense logits (B, L, *spatial) as a view (B, L, S)."""
    return logits.t().unsqueeze(0) if logits.dim() == 2 else logits.view(*logits.shape[:2], math.prod(logits.shape[2:]))


def analytic(logits: torch.Tensor, evaluate: Evaluate) -> torch.Tensor:
    """A scalar loss whose gradient is computed together with its value, in full precision also under autocast.

    The gradient is held until the backward pass takes it, so memory peaks at one tensor of the logits' size; a second backward
    pass over the same graph evaluates again.
    """
    if logits.dim() > 2 and not _is_viewable(logits):
        logits = logits.contiguous()
    return _Analytic.apply(logits, evaluate)


def check_targets(logits: torch.Tensor, targets: torch.Tensor, leaves: int, labels: int) -> int:
    """The lowest target, after refusing targets that do not belong to the logits or the tree.

    Raises:
        ShapeError: If the shapes do not belong together.
        InputError: If targets are no integers, or a target is no position of the tree.
    """
    expected = (logits.shape[0], *logits.shape[2:])
    if logits.dim() < 2 or logits.shape[1] != leaves:
        raise ShapeError(
            f"logits: expected (N, {leaves}) or (B, {leaves}, *spatial), one channel per leaf, got {tuple(logits.shape)}"
        )
    if tuple(targets.shape) != expected:
        raise ShapeError(f"targets: expected {expected} for logits {tuple(logits.shape)}, got {tuple(targets.shape)}")
    if targets.dtype == torch.bool or targets.is_floating_point():
        raise InputError(f"targets: expected positions in the tree as integers, got {targets.dtype}")
    if not targets.numel():
        return UNKNOWN_TARGET
    lowest, highest = (int(bound) for bound in torch.aminmax(targets))
    if lowest < UNKNOWN_TARGET or highest >= labels:
        wrong = lowest if lowest < UNKNOWN_TARGET else highest
        raise InputError(
            f"targets: {wrong} is no position of a tree of {labels} labels; expected 0 to {labels - 1}, or -1 for unknown"
        )
    return lowest


def _known_distributions(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Targets for distributions over the leaves: 1 where there is one, unknown where all is zero."""
    if truth.shape != logits.shape:
        raise ShapeError(
            f"targets: expected distributions of shape {tuple(logits.shape)} like the logits, got {tuple(truth.shape)}"
        )
    sums = truth.sum(1)
    known = sums != 0
    if bool((truth < 0).any()) or bool(((sums - 1.0).abs() > SUM_TOLERANCE)[known].any()):
        raise InputError("targets: distributions over the leaves must be 0 or more and sum to 1, or be all zero where unknown")
    return torch.where(known, 1, UNKNOWN_TARGET)


class _Analytic(torch.autograd.Function):
    """Value and gradient as `evaluate` gives them."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, logits: torch.Tensor, evaluate: Evaluate) -> torch.Tensor:
        ctx.evaluate = evaluate
        value, ctx.gradient = _without_autocast(evaluate, logits, ctx.needs_input_grad[0])
        ctx.save_for_backward(logits)
        return value

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: torch.autograd.function.FunctionCtx, upstream: torch.Tensor) -> tuple[torch.Tensor, None]:
        (logits,) = ctx.saved_tensors
        gradient, ctx.gradient = ctx.gradient, None
        if gradient is None:
            _, gradient = _without_autocast(ctx.evaluate, logits, True)
        # A pass over a large gradient is worth avoiding where looking at the factor is free.
        if upstream.device.type != "cpu" or float(upstream) != 1.0:
            gradient.mul_(upstream)
        return gradient.to(logits.dtype), None


def _without_autocast(evaluate: Evaluate, logits: torch.Tensor, wanted: bool) -> tuple[torch.Tensor, torch.Tensor | None]:
    with torch.autocast(logits.device.type, enabled=False):
        return evaluate(logits.detach(), wanted)


def _is_viewable(logits: torch.Tensor) -> bool:
    """Whether the voxels of each item can be counted in one stride."""
    try:
        as_items(logits)
    except RuntimeError:
        return False
    return True


def _read(item: torch.Tensor, voxels: slice | torch.Tensor) -> torch.Tensor:
    """Voxels (M, L) of an item (L, S), in its memory order."""
    if isinstance(voxels, slice):
        return item[:, voxels].t()
    if item.stride(0) == 1:
        return item.t().index_select(0, voxels)
    return item.index_select(1, voxels).t()
