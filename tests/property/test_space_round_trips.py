"""Whatever the space: points from the unit cube are sound, quantiles and values agree, the grid is exact."""

import itertools
import warnings
from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from tenfold_common.domain.canonical import canonical_json
from tenfold_common.domain.constraints import Constraint
from tenfold_common.domain.distributions import Distribution, FloatRange, IntRange, Normal, Options
from tenfold_common.domain.space import Parameter, Space, point_key
from tenfold_common.domain.words import Json

UNITS = st.floats(0, 1)
JSON_LEAVES: st.SearchStrategy[Json] = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 5), st.floats(-5, 5), st.sampled_from(["rbf", "poly", ""])
)
JSON_VALUES: st.SearchStrategy[Json] = st.one_of(JSON_LEAVES, st.lists(st.integers(0, 3), max_size=2).map(list[Json]))


@st.composite
def float_ranges(draw: st.DrawFn) -> FloatRange:
    """Ranges of every size and place, log and stepped ones included."""
    if draw(st.booleans()):
        low = 10 ** draw(st.floats(-30, 30))
        return FloatRange(low=low, high=low * 10 ** draw(st.floats(0.001, 30)), log=True)
    width = 10 ** draw(st.floats(-6, 9))
    low = draw(st.floats(-1e6, 1e6))
    high = low + width
    step = draw(st.none() | st.integers(1, 1000).map(lambda cells: (high - low) / cells))
    if step is not None and step < 1e-12 * max(abs(low), abs(high)):
        step = None  # refused: floats are too coarse there
    return FloatRange(low=low, high=high, step=step)


@st.composite
def int_ranges(draw: st.DrawFn) -> IntRange:
    """Ranges short and long, log and stepped ones included."""
    if draw(st.booleans()):
        low = draw(st.integers(1, 1000))
        return IntRange(low=low, high=low + draw(st.integers(1, 10**6)), log=True)
    low, width = draw(st.integers(-(10**6), 10**6)), draw(st.integers(1, 10**6))
    return IntRange(low=low, high=low + width, step=draw(st.none() | st.integers(1, width)))


def options(size: int = 5) -> st.SearchStrategy[Options]:
    """Lists of distinct JSON values."""
    values = st.lists(JSON_VALUES, min_size=1, max_size=size, unique_by=canonical_json)
    return st.builds(Options, values=values.map(tuple), ordered=st.booleans())


normals = st.builds(Normal, mu=st.floats(-50, 50), sigma=st.floats(0.001, 50), log=st.booleans())
distributions: st.SearchStrategy[Distribution] = st.one_of(float_ranges(), int_ranges(), normals, options())


@given(distributions, UNITS)
def test_every_quantile_gives_a_value_of_the_distribution(distribution: Distribution, u: float) -> None:
    """Strategies live in the unit cube and can never leave the space."""
    assert distribution.contains(distribution.from_unit(u))


@given(distributions, UNITS)
def test_a_value_comes_back_from_its_own_quantile(distribution: Distribution, u: float) -> None:
    """from_unit(to_unit(v)) is v, to the nine digits that are kept; exactly for discrete values."""
    value = distribution.from_unit(u)
    there = distribution.to_unit(value)
    assert 0 <= there <= 1
    again = distribution.from_unit(there)
    if distribution.size is not None or not isinstance(value, float):
        assert canonical_json(again) == canonical_json(value)
    else:
        assert abs(distribution.to_unit(again) - there) < 1e-6


@given(distributions, UNITS, UNITS)
def test_a_larger_quantile_never_gives_a_smaller_number(distribution: Distribution, a: float, b: float) -> None:
    """Numeric distributions are monotone, which is what lets a surrogate learn from them."""
    low, high = distribution.from_unit(min(a, b)), distribution.from_unit(max(a, b))
    if not isinstance(distribution, Options):
        assert isinstance(low, (int, float))
        assert isinstance(high, (int, float))
        assert low <= high


@given(st.one_of(int_ranges(), float_ranges(), normals), st.integers(1, 40))
def test_a_grid_is_ascending_without_duplicates_and_inside(distribution: Distribution, points: int) -> None:
    """Never more values than asked for, each a value of the distribution."""
    values = list(distribution.grid(points))
    numbers = [value for value in values if isinstance(value, (int, float))]
    assert 1 <= len(values) <= points
    assert len(numbers) == len(values)
    assert all(a < b for a, b in itertools.pairwise(numbers))
    assert all(distribution.contains(value) for value in values)


@st.composite
def spaces(draw: st.DrawFn) -> Space:
    """Small discrete spaces with conditions on earlier and later parameters, and constraints."""
    parameters: list[Parameter] = []
    for index in range(draw(st.integers(1, 5))):
        small: st.SearchStrategy[Distribution] = st.one_of(
            options(3),
            st.builds(IntRange, low=st.just(0), high=st.integers(1, 3)),
            st.just(FloatRange(low=0, high=1, step=0.5)),
        )
        when: dict[str, tuple[Json, ...]] = {}
        for parent in draw(st.lists(st.sampled_from(parameters), max_size=2)) if parameters else []:
            values = list(parent.distribution.grid(None))
            when[parent.name] = tuple(draw(st.lists(st.sampled_from(values), min_size=1, max_size=2)))
        parameters.append(Parameter(name=f"p{index}", distribution=draw(small), when=when))
    texts = draw(st.lists(expressions([parameter.name for parameter in parameters]), max_size=2))
    return Space(draw(st.permutations(parameters)), [Constraint(text) for text in texts])


def expressions(names: list[str]) -> st.SearchStrategy[str]:
    """Conditions from the whole grammar, over these names."""
    atoms = st.one_of(
        st.sampled_from(names),
        st.integers(-3, 3).map(str),
        st.sampled_from(["0.5", "'rbf'", "True", "None", "[1, 2]"]),
    )

    def larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        arithmetic, comparison = ["+", "-", "*", "/", "//", "%", "**"], ["<", "<=", ">", ">=", "==", "!="]
        operators = [*arithmetic, *comparison, "in", "not in", "and", "or"]
        return st.one_of(
            st.tuples(inner, st.sampled_from(operators), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
            st.tuples(inner, inner, inner).map(lambda t: f"({t[0]} < {t[1]} <= {t[2]})"),
            inner.map(lambda one: f"(not {one})"),
            inner.map(lambda one: f"(-{one})"),
            st.tuples(st.sampled_from(["min", "max"]), inner, inner).map(lambda t: f"{t[0]}({t[1]}, {t[2]})"),
            inner.map(lambda one: f"abs({one})"),
            st.lists(inner, min_size=1, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        )

    return st.recursive(atoms, larger, max_leaves=8).filter(lambda text: len(text) < 500)


@given(spaces(), st.data())
def test_every_point_of_the_cube_is_sound(space: Space, data: st.DataObject) -> None:
    """from_units gives points that problems() has nothing against, except constraints, which allows() judges."""
    point = space.from_units(data.draw(st.lists(UNITS, min_size=len(space), max_size=len(space))))
    complaints = space.problems(point)
    assert all(complaint.startswith("violates the constraint") for complaint in complaints)
    assert space.allows(point) is (not complaints)
    assert [name for name in space.names if name in point] == list(point)
    assert [unit is not None for unit in space.to_units(point)] == [name in point for name in space.names]


@given(spaces())
def test_the_grid_is_the_brute_force_product_without_duplicates(space: Space) -> None:
    """Every allowed point once, as a product over all values with inactive ones removed would have it."""
    found = [point_key(point) for point in space.grid()]
    assert len(found) == len(set(found))
    assert set(found) == _brute_force(space)


def _brute_force(space: Space) -> set[str]:
    keys = set()
    for values in itertools.product(*(parameter.distribution.grid(None) for parameter in space.parameters)):
        everything = dict(zip(space.names, values, strict=True))
        point: dict[str, Json] = {}
        for name, value in everything.items():
            if all(
                parent in point and canonical_json(point[parent]) in {canonical_json(one) for one in wanted}
                for parent, wanted in space[name].when.items()
            ):
                point[name] = value
        if space.allows(point):
            keys.add(point_key(point))
    return keys


@given(expressions(["a", "b"]), st.fixed_dictionaries({"a": JSON_VALUES, "b": JSON_VALUES}))
def test_a_constraint_agrees_with_python(text: str, point: Mapping[str, Json]) -> None:
    """Where Python can compute the expression the truth is the same; where Python raises, the condition fails.

    Two refusals are our own, to bound memory and time: what is not a number is never multiplied or powered, and
    nothing is raised to more than 64.
    """
    constraint = Constraint(text)
    if "*" in text or "%" in text:
        constraint.holds(point)  # may differ from Python by the refusals above, but never raises
        return
    assert constraint.holds(point) is _by_python(text, point)


@given(expressions(["a", "b"]), st.fixed_dictionaries({"a": st.integers(-3, 3), "b": st.floats(-3, 3)}))
def test_a_constraint_over_numbers_agrees_with_python_in_products_too(text: str, point: Mapping[str, Json]) -> None:
    """Over numbers alone, with small powers, nothing at all is refused."""
    if any(word in text for word in ("'rbf'", "None", "[", "**")):
        return
    assert Constraint(text).holds(point) is _by_python(text, point)


def _by_python(text: str, point: Mapping[str, Json]) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return bool(eval(text, {"__builtins__": {"min": min, "max": max, "abs": abs}}, dict(point)))
        except (ArithmeticError, TypeError, ValueError):
            return False
