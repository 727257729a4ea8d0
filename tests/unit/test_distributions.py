"""Distributions: known values at known quantiles, refusals in words, and the traps that rounding lays."""

import math

import pytest

from tenfold_common.domain.distributions import Distribution, FloatRange, IntRange, Normal, Options


@pytest.mark.parametrize(
    ("distribution", "u", "value"),
    [
        (FloatRange(low=0, high=10), 0.25, 2.5),
        (FloatRange(low=1e-3, high=1e3, log=True), 0.5, 1.0),
        (FloatRange(low=0, high=1, step=0.25), 0.99, 1.0),
        (FloatRange(low=0.1, high=0.5, step=0.1), 0.5, 0.3),
        (IntRange(low=2, high=5), 0.0, 2),
        (IntRange(low=2, high=5), 1.0, 5),
        (IntRange(low=10, high=30, step=10), 0.5, 20),
        (IntRange(low=1, high=1000, log=True), 1.0, 1000),
        (Normal(mu=3, sigma=2), 0.5, 3.0),
        (Normal(mu=0, sigma=1), 0.975, 1.95996398),
        (Normal(mu=1, sigma=1, log=True), 0.5, 2.71828183),
        (Options(values=("a", None, 3)), 0.5, None),
    ],
)
def test_a_quantile_has_its_known_value(distribution: Distribution, u: float, value: object) -> None:
    """Values agree with the textbook inverse CDF (1.959964 is the 0.975 quantile of the standard normal)."""
    assert distribution.from_unit(u) == value


def test_a_log_range_of_integers_gives_each_number_the_mass_between_its_neighbours() -> None:
    """The cell of k reaches from k - 1/2 to k + 1/2 on the log axis, the ends included."""
    distribution = IntRange(low=1, high=4, log=True)
    span = math.log(4.5 / 0.5)
    for k in range(1, 5):
        below, above = (math.log((k + side) / 0.5) / span for side in (-0.5, 0.5))
        assert distribution.from_unit(below + 1e-9) == k
        assert distribution.from_unit(above - 1e-9) == k


def test_a_step_far_smaller_than_the_range_survives_rounding() -> None:
    """Values are rounded to digits of the step, not of the range, so that no two steps become one."""
    distribution = FloatRange(low=0, high=100_000, step=0.2)
    values = [distribution.from_unit((index + 0.5) / 500_001) for index in range(100)]
    assert values == [round(index * 0.2, 1) for index in range(100)]


def test_steps_near_the_resolution_of_floats_are_still_values() -> None:
    """65,536 and a bit, where a float moves by 1e-11: every step of 4.5e-6 is recognised again."""
    high = 65536.0 + 1e-4
    distribution = FloatRange(low=65536.0, high=high, step=(high - 65536.0) / 22)
    assert all(distribution.contains(value) for value in distribution.grid(None))


def test_log_ranges_wider_than_a_float_ratio_still_have_quantiles() -> None:
    """The ratio of the ends may overflow; the difference of logarithms does not."""
    distribution = FloatRange(low=1e-300, high=1e300, log=True)
    assert distribution.to_unit(1.0) == pytest.approx(0.5)
    assert distribution.from_unit(0.5) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("distribution", "points", "values"),
    [
        (FloatRange(low=0, high=1), 3, [0.0, 0.5, 1.0]),
        (FloatRange(low=0.01, high=100, log=True), 5, [0.01, 0.1, 1.0, 10.0, 100.0]),
        (FloatRange(low=0, high=1), 1, [0.5]),
        (FloatRange(low=0, high=1, step=0.1), 3, [0.0, 0.5, 1.0]),
        (FloatRange(low=0, high=0.3, step=0.1), None, [0.0, 0.1, 0.2, 0.3]),
        (IntRange(low=1, high=9), 3, [1, 5, 9]),
        (IntRange(low=1, high=1000, log=True), 4, [1, 10, 100, 1000]),
        (IntRange(low=1, high=3), 10, [1, 2, 3]),
        (IntRange(low=1, high=7, step=2), None, [1, 3, 5, 7]),
        (Normal(mu=0, sigma=1), 2, [-0.67448975, 0.67448975]),
        (Options(values=("b", "a")), None, ["b", "a"]),
    ],
)
def test_a_grid_has_exactly_these_values(
    distribution: Distribution, points: int | None, values: list[object]
) -> None:
    """Evenly spread, both ends included, on the log axis for log ranges, at even quantiles for the normal."""
    assert list(distribution.grid(points)) == values


def test_the_grid_of_a_huge_integer_range_is_not_built_in_memory() -> None:
    """Two to the fifty numbers are counted, not listed."""
    assert len(IntRange(low=0, high=2**50).grid(None)) == 2**50 + 1


@pytest.mark.parametrize("distribution", [FloatRange(low=0, high=1), Normal(mu=0, sigma=1)])
def test_a_continuum_has_no_grid_without_points(distribution: Distribution) -> None:
    """The message tells what to add."""
    with pytest.raises(ValueError, match="add `points: N`"):
        distribution.grid(None)


def test_points_for_a_list_of_values_are_refused() -> None:
    """A list is tried whole; ``points`` would silently leave values out."""
    with pytest.raises(ValueError, match="`points` is for ranges"):
        Options(values=(1, 2)).grid(1)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: FloatRange(low=1, high=1), "must be below the high end"),
        (lambda: FloatRange(low=0, high=math.inf), "must be finite"),
        (lambda: FloatRange(low=-1e308, high=1e308), "too long for floats"),
        (lambda: FloatRange(low=0, high=1, log=True), "must start above 0"),
        (lambda: FloatRange(low=1, high=2, log=True, step=0.1), "not both"),
        (lambda: FloatRange(low=0, high=1, step=2), "no longer than the range"),
        (lambda: FloatRange(low=0, high=1, step=1e-9), "at most 1000000"),
        (lambda: FloatRange(low=1e9, high=1e9 + 1e-3, step=1e-5), "too small for floats near"),
        (lambda: IntRange(low=5, high=2), "must be below the high end"),
        (lambda: IntRange(low=0, high=10**400), "2\\*\\*53"),
        (lambda: Normal(mu=0, sigma=0), "positive number, not 0"),
        (lambda: Normal(mu=0, sigma=200, log=True), "reach beyond what floats can hold"),
        (lambda: Options(values=()), "is empty"),
        (lambda: Options(values=("a", "b", "a")), "listed twice"),
    ],
)
def test_an_impossible_distribution_is_refused_in_words(build: object, message: str) -> None:
    """Each refusal shows the value and the rule."""
    assert callable(build)
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.parametrize(
    ("distribution", "value"),
    [
        (FloatRange(low=0, high=1), 1.5),
        (FloatRange(low=0, high=1), True),
        (FloatRange(low=0, high=1), "0.5"),
        (FloatRange(low=0, high=1, step=0.25), 0.3),
        (IntRange(low=0, high=9), 2.0),
        (IntRange(low=0, high=9), True),
        (IntRange(low=0, high=9, step=3), 4),
        (Normal(mu=0, sigma=1, log=True), -1.0),
        (Options(values=(1, 2)), True),
        (Options(values=(1, 2)), 1.0),
    ],
)
def test_what_is_no_value_has_no_quantile(distribution: Distribution, value: bool | float | str) -> None:
    """``contains`` says no, and ``to_unit`` raises rather than guessing; true is not 1 and 1.0 is not 1."""
    assert not distribution.contains(value)
    with pytest.raises(ValueError, match="is not"):
        distribution.to_unit(value)


def test_distributions_read_as_words() -> None:
    """Messages quote a distribution as a person would say it."""
    assert str(FloatRange(low=0.0, high=1.0, step=0.5)) == "a number from 0.0 to 1.0 in steps of 0.5"
    assert str(IntRange(low=2, high=5)) == "a whole number from 2 to 5"
    assert str(Options(values=("rbf", None))) == 'one of "rbf", null'
    assert str(Normal(mu=0, sigma=1, log=True)) == "a number above 0"
