"""Memory that chunk after chunk uses again: on a CPU, touching fresh memory costs ten times more than the arithmetic on it."""

from __future__ import annotations

import threading

import torch

_held = threading.local()


def scratch(name: str, like: torch.Tensor, columns: int | None = None) -> torch.Tensor:
    """Uninitialized memory, valid until the thread asks for the name again.

    A CPU keeps a few buffers of one chunk for good; the allocators of other devices reuse memory themselves.

    Args:
        name: What it is for.
        like: (M, L); the result has its memory order, type and device.
        columns: Its number of columns, if not L.
    """
    rows, columns = len(like), like.shape[1] if columns is None else columns
    shape = (rows, columns) if like.stride(1) == 1 else (columns, rows)
    if like.device.type == "cpu":
        buffers: dict[tuple[str, torch.dtype], torch.Tensor] = _held.__dict__
        key, size = (name, like.dtype), rows * columns
        if key not in buffers or buffers[key].numel() < size:
            buffers[key] = torch.empty(size, dtype=like.dtype)
        result = buffers[key][:size].view(shape)
    else:
        result = like.new_empty(shape)
    return result if like.stride(1) == 1 else result.t()


def softmax(logits: torch.Tensor) -> torch.Tensor:
    """Softmax over the leaves of (M, L), in its memory order, in scratch memory."""
    result = scratch("softmax", logits)
    if logits.stride(1) == 1:
        return torch.softmax(logits, 1, out=result)
    columns = scratch("work", logits).copy_(logits).t()  # else PyTorch would make this copy in fresh memory
    torch.softmax(columns, 0, out=result.t())
    return result


def take_rows(table: torch.Tensor, positions: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Rows (M, L) of a table (V + 1, L), in the memory order of `like`, in scratch memory."""
    result = scratch("rows", like)
    if like.stride(1) == 1:
        return torch.index_select(table, 0, positions, out=result)
    torch.index_select(table.t(), 1, positions, out=result.t())
    return result


def sum_of_products(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Sum over the leaves of the product of two (M, L), (M,)."""
    return torch.mul(first, second, out=scratch("work", first)).sum(1)
