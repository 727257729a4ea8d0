"""Sobol points are the reference's, scrambling keeps what makes them even, and any point is found by its index."""

import numpy as np
import pytest
from scipy.stats import qmc

from tenfold_scheduler.strategies.direction_numbers import DIMENSIONS
from tenfold_scheduler.strategies.sobol_points import ScrambledSobol, direction_matrix, owen_scrambled, sobol_words


def test_unscrambled_points_are_those_of_scipy() -> None:
    """All 128 dimensions of the sequence equal SciPy's, point for point."""
    reference = qmc.Sobol(DIMENSIONS, scramble=False, bits=32).random(512)
    np.testing.assert_array_equal(sobol_words(direction_matrix(DIMENSIONS), 0, 512) / 2.0**32, reference)


@pytest.mark.parametrize("seed", [0, 1, 2**63])
def test_scrambled_points_are_even_in_every_coordinate(seed: int) -> None:
    """Of the first 256 scrambled points each 256th of each coordinate holds exactly one."""
    cells = np.floor(ScrambledSobol(DIMENSIONS, seed).points(0, 256) * 256)
    assert all(len(set(column)) == 256 for column in cells.T)


def test_scrambled_points_are_even_in_boxes() -> None:
    """Scrambling keeps the net: of 256 points in two dimensions each box of 1/16 by 1/16 holds exactly one."""
    cells = np.floor(ScrambledSobol(2, 3).points(0, 256) * 16)
    assert len({tuple(cell) for cell in cells.tolist()}) == 256


def test_scrambled_points_spread_better_than_random_ones() -> None:
    """The discrepancy of 256 points in 5 dimensions is far below that of random points, and near SciPy's own."""
    own = qmc.discrepancy(ScrambledSobol(5, 1).points(0, 256))
    assert own < 0.2 * qmc.discrepancy(np.random.default_rng(0).random((256, 5)))
    assert own < 1.5 * qmc.discrepancy(qmc.Sobol(5, rng=0).random(256))


def test_seeds_give_different_points() -> None:
    """Another study seed scrambles differently, the same one alike."""
    points = ScrambledSobol(3, 7).points(0, 8)
    np.testing.assert_array_equal(points, ScrambledSobol(3, 7).points(0, 8))
    assert not np.any(points == ScrambledSobol(3, 8).points(0, 8))


@pytest.mark.parametrize("dimensions", [1, 5, DIMENSIONS + 3])
def test_any_point_is_found_by_its_index(dimensions: int) -> None:
    """Points 100 to 119 are the same whether or not the earlier ones were asked for."""
    sequence = ScrambledSobol(dimensions, 4)
    np.testing.assert_array_equal(sequence.points(100, 20), sequence.points(0, 120)[100:])


def test_more_dimensions_than_the_table_are_filled_with_random_numbers() -> None:
    """Spaces of more than 128 parameters get points too, inside the unit cube and all different."""
    points = ScrambledSobol(DIMENSIONS + 40, 2).points(0, 64)
    assert points.shape == (64, DIMENSIONS + 40)
    assert np.all((points > 0.0) & (points < 1.0))
    assert len(np.unique(points)) == points.size


def test_scrambling_is_a_permutation() -> None:
    """Different words stay different under the same key."""
    words = np.arange(4096, dtype=np.uint32)[:, None] << np.uint32(20)
    assert len(np.unique(owen_scrambled(words, np.array([12345], dtype=np.uint32)))) == 4096


def test_the_first_points_never_change() -> None:
    """The sequence of a seed is part of every recorded study: these numbers may never change."""
    expected = [[0.96584425, 0.56994994, 0.44682228], [0.20537271, 0.42545576, 0.75047835]]
    np.testing.assert_allclose(ScrambledSobol(3, 1).points(0, 2), expected, atol=1e-8)
