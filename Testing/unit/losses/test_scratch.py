"""Memory that is used again."""

from __future__ import annotations

import threading

import pytest
import torch

from semseg_core.losses.scratch import scratch, softmax, sum_of_products, take_rows


@pytest.mark.parametrize("by_columns", [False, True])
def test_the_same_name_gives_the_same_memory_in_the_order_asked_for(by_columns):
    like = torch.empty(6, 4).t() if by_columns else torch.empty(4, 6)
    first = scratch("test", like)
    assert first.shape == like.shape
    assert first.stride() == like.stride()
    assert scratch("test", like).data_ptr() == first.data_ptr()
    assert scratch("other", like).data_ptr() != first.data_ptr()
    assert scratch("test", like.double()).dtype == torch.float64
    narrower = scratch("test", like, columns=3)
    assert narrower.shape == (4, 3)
    assert narrower.data_ptr() == first.data_ptr()
    assert scratch("test", torch.empty(100, 100)).shape == (100, 100)


def test_threads_do_not_share_it():
    like = torch.empty(4, 6)
    mine, others = scratch("test", like).data_ptr(), []
    thread = threading.Thread(target=lambda: others.append(scratch("test", like)))
    thread.start()
    thread.join()
    assert others[0].data_ptr() != mine


@pytest.mark.parametrize("by_columns", [False, True])
def test_what_is_computed_in_it_is_right(by_columns):
    draw = torch.Generator().manual_seed(0)
    logits, table = torch.randn(7, 5, generator=draw), torch.randn(9, 5, generator=draw)
    positions = torch.tensor([0, 8, 3, 3, 1, 2, 8])
    logits = logits.t().contiguous().t() if by_columns else logits
    before = logits.clone()
    rows = take_rows(table, positions, logits)
    torch.testing.assert_close(rows, table[positions])
    torch.testing.assert_close(softmax(logits), before.softmax(1))
    torch.testing.assert_close(sum_of_products(softmax(logits), rows), (before.softmax(1) * table[positions]).sum(1))
    assert torch.equal(logits, before)
