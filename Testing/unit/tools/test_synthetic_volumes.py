"""Random anatomies and their images: repeatable, plausible, and true to what is asked about them."""

from __future__ import annotations

import numpy as np
import pytest

SEEDS = range(6)


@pytest.fixture
def volumes(_tools: None):
    import synthetic_volumes

    return synthetic_volumes


def test_the_same_seed_gives_the_same_volume(volumes) -> None:
    first, second, other = (volumes.draw_anatomy(np.random.default_rng(seed), 24) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.regions, second.regions)
    assert not np.array_equal(first.regions, other.regions)
    again = [volumes.draw_views(np.random.default_rng(3), first) for _ in range(2)]
    for one, other in zip(*again, strict=True):
        np.testing.assert_array_equal(one.image, other.image)


def test_anatomies_have_several_regions_numbered_from_air(volumes) -> None:
    for seed in SEEDS:
        anatomy = volumes.draw_anatomy(np.random.default_rng(seed), 32)
        present = np.unique(anatomy.regions)
        assert 4 <= len(present) <= 60
        assert set(present) - {volumes.AIR} == set(range(1, len(anatomy.tissues)))
        assert (anatomy.tissues[1:] != anatomy.tissues[volumes.AIR]).all()


def test_some_regions_have_a_partner_of_the_same_tissue(volumes) -> None:
    pairs = [np.bincount(volumes.draw_anatomy(np.random.default_rng(seed), 32).tissues).max() for seed in SEEDS]
    assert set(pairs) == {1, 2}


def test_two_views_differ_but_not_in_borders(volumes) -> None:
    generator = np.random.default_rng(0)
    anatomy = volumes.draw_anatomy(generator, 32)
    views = volumes.draw_views(generator, anatomy)
    borders = volumes._borders(anatomy.regions)
    for view in views:
        assert view.image.dtype == np.float32
        assert view.image.min() >= -0.5
        assert view.image.max() <= 2.0
        steps = np.linalg.norm(np.gradient(view.clean), axis=0)
        assert steps[borders].mean() > 3 * steps[~borders].mean()
    assert abs(np.corrcoef(views[0].clean.ravel(), views[1].clean.ravel())[0, 1]) < 0.99


def test_targets_of_two_halves(volumes) -> None:
    regions = np.ones((8, 8, 8), dtype=np.int64)
    regions[:, :, 4:] = 2
    anatomy = volumes.Anatomy(regions, np.array([0, 1, 2]))
    clean = np.where(regions == 1, 0.25, 0.75).astype(np.float32)
    place = np.ravel_multi_index((3, 3, 1), regions.shape)  # two voxels before the last one of its half
    (given,) = volumes.targets(anatomy, (volumes.View(clean, clean),), np.array([place]))
    told = dict(zip(volumes.TARGETS, given[0], strict=True))
    assert told["border nearness"] == pytest.approx(np.exp(-1.0))
    assert told["on border"] == 0.0
    assert (told["to border D"], told["to border H"], told["to border W"]) == (0.0, 0.0, pytest.approx(2.0 / 6.0))
    # The half's voxels 0…3 have their middle at 1.5 and a deviation of √1.25.
    assert told["within region W"] == pytest.approx(-0.5 / (np.sqrt(1.25) + 1.0) / 2.0)
    assert told["region size"] == pytest.approx(np.log(0.5) / 6.0 + 0.5)
    assert told["region thickness"] == pytest.approx(3.0 / 6.0)
    assert told["from air"] == 1.0
    assert (told["value"], told["value across"]) == (0.25, 0.75)


def test_small_regions_are_asked_about_more_often_than_their_size(volumes) -> None:
    regions = np.ones((16, 16, 16), dtype=np.int64)
    regions[:2, :2, :2] = 2  # 8 of 4096 voxels; by the root of its size 1 of 23.6
    places = volumes.draw_places(np.random.default_rng(0), volumes.Anatomy(regions, np.arange(3)), 20_000)
    assert np.mean(regions.ravel()[places] == 2) == pytest.approx(np.sqrt(8) / (np.sqrt(8) + np.sqrt(4088)), rel=0.1)
