"""Growing marks: hand-made images, and shortest paths of scipy's graph search."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semseg_core.errors import CancelledError
from semseg_core.sparse.growth import PER_MM, grow

SPACING = (3.0, 1.0, 1.0)


def shortest(image: np.ndarray, seeds: np.ndarray, spacing: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    """The nearest seed of each voxel over its 18 neighbors by Dijkstra's method, and how much nearer it is than another's."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import dijkstra

    numbers = np.arange(seeds.size).reshape(seeds.shape)
    starts, ends, costs = [], [], []
    for step in product((-1, 0, 1), repeat=3):
        if not 1 <= np.abs(step).sum() <= 2:
            continue
        here = tuple(slice(max(0, -s), size - max(0, s)) for s, size in zip(step, seeds.shape, strict=True))
        there = tuple(slice(max(0, s), size + min(0, s)) for s, size in zip(step, seeds.shape, strict=True))
        change = np.abs(image[(slice(None), *here)] - image[(slice(None), *there)]).mean(axis=0)
        starts.append(numbers[here].ravel())
        ends.append(numbers[there].ravel())
        costs.append((change + PER_MM * np.linalg.norm(np.multiply(step, spacing))).ravel())
    graph = coo_matrix((np.concatenate(costs), (np.concatenate(starts), np.concatenate(ends))), (seeds.size,) * 2).tocsr()
    marked = np.flatnonzero(seeds)
    lengths = dijkstra(graph, indices=marked)
    labels = np.unique(seeds[seeds > 0])
    by_label = np.stack([lengths[seeds.ravel()[marked] == label].min(axis=0) for label in labels])
    ordered = np.sort(by_label, axis=0)
    lead = ordered[1] - ordered[0] if len(labels) > 1 else np.full(seeds.size, np.inf)
    return labels[by_label.argmin(axis=0)].reshape(seeds.shape), lead.reshape(seeds.shape)


def test_an_edge_is_not_crossed_although_the_other_mark_is_nearer() -> None:
    image = np.zeros((1, 1, 3, 12), dtype=np.float32)
    image[..., 8:] = 1.0
    seeds = np.zeros((1, 3, 12), dtype=np.int32)
    seeds[0, 1, 0], seeds[0, 1, 9] = 7, 5
    assert (grow(image, seeds, SPACING) == np.where(image[0] > 0.5, 5, 7)).all()


def test_flat_places_are_shared_by_distance() -> None:
    seeds = np.zeros((1, 1, 9), dtype=np.int32)
    seeds[0, 0, 0], seeds[0, 0, 8] = 1, 2
    grown = grow(np.zeros((1, 1, 1, 9), dtype=np.float32), seeds, (1.0, 1.0, 1.0))[0, 0]
    assert grown[:4].tolist() == [1] * 4
    assert grown[5:].tolist() == [2] * 4


def test_a_label_follows_a_bent_structure_to_its_end() -> None:
    """A spiral of bright voxels, much longer than the straight way."""
    image = np.zeros((1, 1, 9, 9), dtype=np.float32)
    for rows, columns in (
        (0, slice(0, 9)),
        (slice(0, 9), 8),
        (8, slice(0, 9)),
        (slice(2, 9), 0),
        (2, slice(0, 7)),
        (slice(2, 7), 6),
        (6, slice(2, 7)),
    ):
        image[0, 0, rows, columns] = 1.0
    seeds = np.zeros((1, 9, 9), dtype=np.int32)
    seeds[0, 0, 0], seeds[0, 1, 0] = 3, 4
    grown = grow(image, seeds, (1.0, 1.0, 1.0))
    assert (grown[image[0] > 0.5] == 3).all()


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 2))
def test_it_finds_the_shortest_paths_of_a_graph_search(seed: int, channels: int) -> None:
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(1, 6, 3))
    image = rng.random((channels, *shape)).astype(np.float32)
    seeds = np.zeros(shape, dtype=np.int32)
    places = rng.choice(seeds.size, size=min(4, seeds.size), replace=False)
    seeds.reshape(-1)[places] = rng.integers(1, 4, len(places))
    expected, lead = shortest(image, seeds, SPACING)
    grown = grow(image, seeds, SPACING)
    assert (grown[seeds > 0] == seeds[seeds > 0]).all()
    assert ((grown == expected) | (lead < 1e-5)).all()


def test_without_marks_nothing_grows() -> None:
    assert not grow(np.ones((1, 2, 3, 4), dtype=np.float32), np.zeros((2, 3, 4), dtype=np.int32), SPACING).any()


def test_it_ends_when_asked_to() -> None:
    def stop() -> None:
        raise CancelledError("enough")

    with pytest.raises(CancelledError, match="enough"):
        grow(np.ones((1, 2, 3, 4), dtype=np.float32), np.ones((2, 3, 4), dtype=np.int32), SPACING, stop)
