"""What grid, random and Sobol search promise: start points first, no repeats, constraints kept, an end."""

import pytest

from tenfold_common.domain.constraints import Constraint
from tenfold_common.domain.distributions import FloatRange, IntRange, Normal, Options
from tenfold_common.domain.space import Parameter, Space, point_key
from tenfold_common.domain.words import Params
from tenfold_scheduler.strategies import SuggestRequest
from tenfold_scheduler.strategies.drawing import MOST_TRIES
from tenfold_scheduler.strategies.lattice import SMALL, can_repeat, every_point
from tenfold_scheduler.strategies.memo import SpaceKey
from tenfold_scheduler.strategies.registry import BUILT_IN, load_strategy

X = Parameter(name="x", distribution=FloatRange(low=0.0, high=1.0))
Y = Parameter(name="y", distribution=FloatRange(low=0.0, high=1.0))
N = Parameter(name="n", distribution=IntRange(low=1, high=4))
KERNEL = Parameter(name="kernel", distribution=Options(values=("rbf", "poly")))
DEGREE = Parameter(name="degree", distribution=IntRange(low=2, high=4), when={"kernel": ("poly",)})

SMALL_SPACE = Space([N, KERNEL, DEGREE], [Constraint("n * degree < 10")])
SMALL_SPACE_POINTS = 4 + 3 + 3 + 2 + 1  # rbf: 4 values of n; poly: 3, 3, 2 and 1 degrees for n = 1, 2, 3, 4


def points(name: str, space: Space, numbers: int, *, seed: int = 0, start: tuple[Params, ...] = ()) -> list[Params]:
    """The points of the first trials, up to the first None."""
    strategy, found = load_strategy(name), list[Params]()
    for number in range(numbers):
        params = strategy.suggest(SuggestRequest(space=space, seed=seed, number=number, start=start))
        if params is None:
            break
        found.append(params)
    return found


def keys(some: list[Params]) -> list[str]:
    """How the points are spelled."""
    return [point_key(params) for params in some]


@pytest.mark.parametrize("name", BUILT_IN)
def test_start_points_come_first(name: str) -> None:
    """Every strategy answers the user's start points before anything else, in their order."""
    start: tuple[Params, ...] = ({"x": 0.25, "y": 0.5}, {"x": 0.75, "y": 0.125})
    strategy = load_strategy(name)
    for number, params in enumerate(start):
        assert strategy.suggest(SuggestRequest(space=Space([X, Y]), seed=1, number=number, start=start)) == params


@pytest.mark.parametrize("name", BUILT_IN)
def test_an_option_nobody_knows_is_refused(name: str) -> None:
    """No option is accepted and ignored: a strategy that takes none says so."""
    problems = load_strategy(name).problems(SMALL_SPACE, {"depth": 3})
    assert problems == [f"the strategy {name!r} takes no options, so 'depth' must be removed"]


@pytest.mark.parametrize("name", ["random", "sobol", "bayesian", "skopt-gp"])
def test_constraints_that_nothing_satisfies_are_a_problem(name: str) -> None:
    """A space whose constraints leave nothing is reported before anything is queued."""
    problems = load_strategy(name).problems(Space([X, Y], [Constraint("x > 2")]), {})
    assert problems == [
        f"none of {MOST_TRIES} random points satisfies the constraints ('x > 2'): loosen them, or narrow the ranges"
    ]


@pytest.mark.parametrize("name", ["random", "sobol"])
def test_constraints_that_nothing_satisfies_end_the_search(name: str) -> None:
    """A search for an allowed point ends, with None, however often it is asked."""
    request = SuggestRequest(space=Space([X, Y], [Constraint("x > 2")]), seed=0, number=0)
    strategy = load_strategy(name)
    assert [strategy.suggest(request) for _ in range(2)] == [None, None]


@pytest.mark.parametrize("name", ["grid", "random", "sobol"])
def test_a_small_space_is_exhausted_without_repeats(name: str) -> None:
    """Every allowed point of a small finite space comes exactly once, then None for good."""
    found = points(name, SMALL_SPACE, 100)
    assert len(found) == SMALL_SPACE_POINTS
    assert sorted(keys(found)) == sorted(keys(list(SMALL_SPACE.grid())))
    for number in (SMALL_SPACE_POINTS, SMALL_SPACE_POINTS + 1, 500):
        assert load_strategy(name).suggest(SuggestRequest(space=SMALL_SPACE, seed=0, number=number)) is None


@pytest.mark.parametrize("name", ["grid", "random", "sobol"])
def test_a_start_point_is_not_repeated(name: str) -> None:
    """What the user wanted tried first is left out of what follows."""
    start: tuple[Params, ...] = ({"n": 3, "kernel": "rbf"}, {"n": 1, "kernel": "poly", "degree": 4})
    found = points(name, SMALL_SPACE, 100, start=start)
    assert found[:2] == list(start)
    assert len(found) == len(set(keys(found))) == SMALL_SPACE_POINTS


def test_grid_points_come_in_the_grids_order() -> None:
    """The nth trial of a grid is the nth allowed point of the grid, first parameter slowest."""
    assert points("grid", SMALL_SPACE, 100) == list(SMALL_SPACE.grid())


def test_a_start_point_off_the_grid_removes_nothing() -> None:
    """Start points that are no grid points come in addition to the whole grid."""
    space = Space([Parameter(name="x", distribution=FloatRange(low=0.0, high=1.0), points=3)])
    assert points("grid", space, 10, start=({"x": 0.25},)) == [{"x": 0.25}, {"x": 0.0}, {"x": 0.5}, {"x": 1.0}]


def test_grid_needs_points_or_steps() -> None:
    """A range without points or a step is a problem that names the parameter and the cure."""
    (problem,) = load_strategy("grid").problems(Space([X, N]), {})
    assert problem.startswith("'x': ")
    assert "points: N" in problem


def test_a_grid_forbidden_as_a_whole_is_a_problem() -> None:
    """Constraints that leave no grid point are reported, and the grid is exhausted at once."""
    space = Space([N], [Constraint("n > 4")])
    assert load_strategy("grid").problems(space, {}) == [
        "the constraints forbid every point of the grid (or the first million): loosen them"
    ]
    assert points("grid", space, 3) == []


def test_grid_answers_do_not_depend_on_the_order_of_questions() -> None:
    """Asking for a late point first changes no earlier one."""
    space = Space([Parameter(name="n", distribution=IntRange(low=10, high=90))])
    strategy = load_strategy("grid")
    asked = [strategy.suggest(SuggestRequest(space=space, seed=0, number=number)) for number in (80, 0, 81, 40)]
    assert asked == [{"n": 90}, {"n": 10}, None, {"n": 50}]


def test_random_points_in_a_continuum_depend_on_their_number_alone() -> None:
    """Trial 7 gets the same point with or without the trials before it and with or without start points."""
    space, strategy = Space([X, Y]), load_strategy("random")
    alone = strategy.suggest(SuggestRequest(space=space, seed=5, number=7))
    assert alone == points("random", space, 8, seed=5)[7]
    assert alone == strategy.suggest(SuggestRequest(space=space, seed=5, number=7, start=({"x": 0.5, "y": 0.5},)))
    assert alone != strategy.suggest(SuggestRequest(space=space, seed=6, number=7))


@pytest.mark.parametrize("name", ["random", "sobol"])
def test_points_repeat_in_no_branch_without_a_continuum(name: str) -> None:
    """A branch of a conditional space that holds a single point is tried once, not in half of the trials."""
    gamma = Parameter(name="gamma", distribution=FloatRange(low=0.0, high=1.0), when={"kernel": ("poly",)})
    space = Space([KERNEL, gamma])
    assert can_repeat(space)
    found = points(name, space, 60)
    assert len(found) == len(set(keys(found))) == 60
    assert found.count({"kernel": "rbf"}) == 1


@pytest.mark.parametrize("name", ["random", "sobol"])
def test_rare_points_are_found(name: str) -> None:
    """Constraints that forbid 99 % of the space leave a search that works and obeys them."""
    space = Space([X, Y], [Constraint("x > 0.9"), Constraint("y < 0.1")])
    found = points(name, space, 20)
    assert len(found) == len(set(keys(found))) == 20
    assert all(space.allows(params) for params in found)


@pytest.mark.parametrize("name", ["random", "sobol"])
def test_draws_follow_the_distributions(name: str) -> None:
    """A log range is drawn evenly in its logarithm, a normal around its mean, choices equally often."""
    space = Space(
        [
            Parameter(name="C", distribution=FloatRange(low=1e-3, high=1e3, log=True)),
            Parameter(name="shift", distribution=Normal(mu=5.0, sigma=2.0)),
            KERNEL,
        ]
    )
    found = points(name, space, 400)
    assert 0.42 < sum(1 for params in found if float(str(params["C"])) < 1.0) / 400 < 0.58
    assert 4.6 < sum(float(str(params["shift"])) for params in found) / 400 < 5.4
    assert 0.42 < sum(1 for params in found if params["kernel"] == "rbf") / 400 < 0.58


def test_sobol_spreads_its_points_evenly() -> None:
    """The first 16 Sobol points of one parameter fall into 16 different sixteenths of its range."""
    found = points("sobol", Space([X]), 16, seed=9)
    assert sorted(int(float(str(params["x"])) * 16) for params in found) == list(range(16))


def test_a_space_of_one_point_has_one_trial() -> None:
    """A space without parameters, or with a single choice, is exhausted after one trial."""
    for space in (Space([]), Space([Parameter(name="k", distribution=Options(values=("only",)))])):
        for name in ("grid", "random", "sobol"):
            assert len(points(name, space, 5)) == 1


def test_points_of_a_grid_do_not_thin_a_random_search() -> None:
    """``points`` belongs to the grid: a random search reaches every value of the range."""
    space = Space([Parameter(name="n", distribution=IntRange(low=1, high=9), points=2)])
    assert len(points("random", space, 20)) == 9


def test_a_large_finite_space_is_not_listed() -> None:
    """Spaces of more than 100,000 points are drawn from, without repeats, and never written out."""
    space = Space([Parameter(name=f"n{j}", distribution=IntRange(low=1, high=100)) for j in range(4)])
    assert every_point(SpaceKey(space)) is None
    assert SMALL < 100**4
    found = points("random", space, 50)
    assert len(set(keys(found))) == 50


def test_a_returned_point_is_the_callers() -> None:
    """Changing a point that was answered changes no later answer."""
    for name in ("grid", "random", "sobol"):
        strategy, request = load_strategy(name), SuggestRequest(space=SMALL_SPACE, seed=0, number=2)
        first = strategy.suggest(request)
        assert first is not None
        kept = dict(first)
        first["n"] = "spoiled"
        assert strategy.suggest(request) == kept


def test_start_points_are_copied() -> None:
    """A start point is answered as a copy, so that the study's own list stays as it is."""
    start: tuple[Params, ...] = ({"x": 0.5, "y": 0.5},)
    for name in BUILT_IN:
        answered = load_strategy(name).suggest(SuggestRequest(space=Space([X, Y]), seed=0, number=0, start=start))
        assert answered is not start[0]
