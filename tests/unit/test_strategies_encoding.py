"""Rows stand for exactly the points they decode to, for every distribution and for conditional parameters."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from tenfold_common.domain.distributions import Distribution, FloatRange, IntRange, Normal, Options
from tenfold_common.domain.space import Parameter, Space
from tenfold_common.domain.words import Json
from tenfold_scheduler.strategies.candidates import mutants
from tenfold_scheduler.strategies.encoding import NO_CATEGORY, RESTING, Encoding, row_keys


@dataclass(frozen=True)
class Halves:
    """A distribution the encoding has never heard of: 0.5, 1.0 and 1.5."""

    size: int | None = 3
    ordered: bool = True

    def from_unit(self, u: float) -> Json:
        """One of the three."""
        return 0.5 * (1 + min(2, int(u * 3)))

    def to_unit(self, value: Json) -> float:
        """The middle of its third."""
        return (float(str(value)) * 2 - 0.5) / 3

    def contains(self, value: Json) -> bool:
        """One of the three."""
        return value in (0.5, 1.0, 1.5)

    def grid(self, points: int | None) -> Sequence[Json]:
        """All three."""
        return [0.5, 1.0, 1.5]


DISTRIBUTIONS: list[Distribution] = [
    FloatRange(low=-1.0, high=3.0),
    FloatRange(low=1e-5, high=1e2, log=True),
    FloatRange(low=0.0, high=1.0, step=0.1),
    IntRange(low=-3, high=12),
    IntRange(low=1, high=1000, log=True),
    IntRange(low=0, high=100, step=25),
    Normal(mu=2.0, sigma=3.0),
    Normal(mu=0.0, sigma=1.0, log=True),
    Options(values=("a", 1, True, None, 1.0)),
    Options(values=(16, 32, 64), ordered=True),
    Halves(),
]

EVERYTHING = Space([Parameter(name=f"p{index}", distribution=one) for index, one in enumerate(DISTRIBUTIONS)])

NESTED = Space(
    [
        Parameter(name="model", distribution=Options(values=("tree", "svm"))),
        Parameter(name="kernel", distribution=Options(values=("rbf", "poly")), when={"model": ("svm",)}),
        Parameter(name="degree", distribution=IntRange(low=2, high=5), when={"kernel": ("poly",)}),
        Parameter(name="coef0", distribution=FloatRange(low=0.0, high=1.0), when={"degree": (3, 4)}),
    ]
)


def units(space: Space, count: int = 300) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Random quantiles."""
    return np.random.default_rng(0).random((count, len(space)))


@pytest.mark.parametrize("space", [EVERYTHING, NESTED])
def test_a_snapped_row_is_the_row_of_its_point(space: Space) -> None:
    """Snapping quantiles and encoding the point at those quantiles give the same row."""
    encoding, drawn = Encoding(space), units(space)
    points = [space.from_units(one) for one in drawn.tolist()]
    snapped = encoding.snapped(drawn)
    np.testing.assert_allclose(snapped, encoding.rows(points), atol=1e-7)
    assert row_keys(snapped[:, encoding.cells > 0]) == row_keys(encoding.rows(points)[:, encoding.cells > 0])


@pytest.mark.parametrize("space", [EVERYTHING, NESTED])
def test_a_row_decodes_to_its_point(space: Space) -> None:
    """The point of a snapped row is the point at the quantiles it was snapped from."""
    encoding, drawn = Encoding(space), units(space)
    assert [encoding.point(row) for row in encoding.snapped(drawn)] == [space.from_units(u) for u in drawn.tolist()]


def test_snapping_twice_changes_nothing() -> None:
    """A snapped row is a fixed point: what was scored is what is tried."""
    for space in (EVERYTHING, NESTED):
        encoding = Encoding(space)
        once = encoding.snapped(units(space))
        np.testing.assert_allclose(encoding.snapped(np.clip(once, 0, 1)), once, atol=1e-12)


def test_inactive_parameters_rest() -> None:
    """Inactive ordered parameters stand at 0.5, inactive categories are a category of their own."""
    encoding = Encoding(NESTED)
    rows = encoding.rows([{"model": "tree"}, {"model": "svm", "kernel": "poly", "degree": 3, "coef0": 0.25}])
    np.testing.assert_array_equal(rows, [[0.25, NO_CATEGORY, RESTING, RESTING], [0.75, 0.75, 1.5 / 4, 0.25]])


def test_a_parent_matches_as_the_space_says() -> None:
    """``when`` compares spellings: an integer parent is not matched by 3.0, nor True by 1."""
    child = Parameter(name="child", distribution=FloatRange(low=0.0, high=1.0), when={"parent": (3.0,)})
    space = Space([Parameter(name="parent", distribution=IntRange(low=3, high=4)), child])
    assert np.all(Encoding(space).snapped(units(space))[:, 1] == RESTING)
    child = Parameter(name="child", distribution=FloatRange(low=0.0, high=1.0), when={"parent": (1,)})
    space = Space([Parameter(name="parent", distribution=Options(values=(True, 1))), child])
    snapped = Encoding(space).snapped(units(space))
    np.testing.assert_array_equal(snapped[:, 1] == RESTING, snapped[:, 0] == 0.25)


def test_points_are_plain_python_values() -> None:
    """Nothing of NumPy's reaches the store."""
    for params in (Encoding(EVERYTHING).point(row) for row in Encoding(EVERYTHING).snapped(units(EVERYTHING, 20))):
        assert {type(value) for value in params.values()} <= {float, int, str, bool, type(None)}


def test_unknown_values_are_an_error() -> None:
    """A value that no distribution of the space has is a ValueError, never a wrong row."""
    for distribution in (IntRange(low=1, high=9), Options(values=("a", "b"))):
        encoding = Encoding(Space([Parameter(name="p", distribution=distribution)]))
        with pytest.raises(ValueError, match="x"):
            encoding.rows([{"p": "x"}])


def test_a_mapping_is_the_same_value_whatever_the_order_of_its_keys() -> None:
    """A choice that comes back from the store with its keys sorted is still that choice."""
    options = Options(values=({"b": 1, "a": 2}, "other"))
    encoding = Encoding(Space([Parameter(name="p", distribution=options)]))
    np.testing.assert_array_equal(encoding.rows([{"p": {"a": 2, "b": 1}}, {"p": "other"}]), [[0.25], [0.75]])


def test_mutants_stay_in_the_space() -> None:
    """Mutants are snapped rows: they equal the rows of the points they decode to."""
    for space in (EVERYTHING, NESTED):
        encoding = Encoding(space)
        rows = mutants(encoding, encoding.snapped(units(space, 5)), 500, np.random.default_rng(1))
        np.testing.assert_allclose(rows, encoding.rows([encoding.point(row) for row in rows]), atol=1e-7)


def test_mutants_are_near_and_far() -> None:
    """Some mutants differ from the parent in one coordinate only, some in all, and steps range over two decades."""
    space = Space([Parameter(name=f"x{j}", distribution=FloatRange(low=0.0, high=1.0)) for j in range(5)])
    parent = np.full((1, 5), 0.5)
    steps = np.abs(mutants(Encoding(space), parent, 500, np.random.default_rng(1)) - parent)
    moved = (steps > 0).sum(axis=1)
    assert moved.min() == 1
    assert moved.max() == 5
    assert np.quantile(steps[steps > 0], 0.05) < 0.005
    assert np.quantile(steps[steps > 0], 0.95) > 0.2


def test_a_mutation_wakes_sleeping_parameters_anywhere() -> None:
    """When a category flips, the parameters it activates take values from their whole range."""
    encoding = Encoding(NESTED)
    rows = mutants(encoding, encoding.rows([{"model": "tree"}]), 2000, np.random.default_rng(1))
    degrees = {encoding.point(row).get("degree") for row in rows}
    assert degrees == {None, 2, 3, 4, 5}
