"""Every strategy is a pure function: caches, other studies and processes, the order of questions change nothing.

And whatever the space and the results: points are allowed, new, made of active parameters and of plain values.
"""

import json
import os
import subprocess
import sys
from dataclasses import replace
from functools import cache
from itertools import islice

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tenfold_common.domain.canonical import canonical_json
from tenfold_common.domain.constraints import Constraint
from tenfold_common.domain.distributions import FloatRange, IntRange, Normal, Options
from tenfold_common.domain.seeds import Stream, generator
from tenfold_common.domain.space import Parameter, Space, point_key
from tenfold_common.domain.trial import Observation
from tenfold_common.domain.words import Direction, Params
from tenfold_scheduler.strategies import SuggestRequest
from tenfold_scheduler.strategies.memo import forget
from tenfold_scheduler.strategies.registry import BUILT_IN, load_strategy

QUICK = ["grid", "random", "sobol", "bayesian"]
LEARNING = ["bayesian", "skopt-gp", "skopt-forest", "skopt-extra-trees"]

UNIT = FloatRange(low=0.0, high=1.0)
SPACES: dict[str, Space] = {
    "one parameter": Space([Parameter(name="C", distribution=FloatRange(low=1e-3, high=1e3, log=True), points=40)]),
    "categories": Space([Parameter(name=f"c{j}", distribution=Options(values=tuple("abcde"))) for j in range(3)]),
    "odd categories": Space(
        [
            Parameter(name="layers", distribution=Options(values=([64], [64, 32], {"deep": True}))),
            Parameter(name="like_one", distribution=Options(values=(1, True, 1.0, None, "1"))),
            Parameter(name="rate", distribution=Normal(mu=-3.0, sigma=1.0, log=True), points=5),
        ]
    ),
    "finite": Space(
        [
            Parameter(name="n", distribution=IntRange(low=1, high=4)),
            Parameter(name="k", distribution=Options(values=("x", "y"))),
            Parameter(name="m", distribution=IntRange(low=2, high=4), when={"k": ("y",)}),
        ]
    ),
    "three deep": Space(
        [
            Parameter(name="model", distribution=Options(values=("tree", "svm"))),
            Parameter(name="depth", distribution=IntRange(low=1, high=64, log=True), when={"model": ("tree",)}),
            Parameter(name="kernel", distribution=Options(values=("rbf", "poly")), when={"model": ("svm",)}),
            Parameter(name="degree", distribution=IntRange(low=2, high=5), when={"kernel": ("poly",)}),
            Parameter(name="coef0", distribution=UNIT, when={"degree": (3, 4)}, points=3),
        ]
    ),
    "one in a hundred": Space(
        [Parameter(name=name, distribution=UNIT, points=40) for name in ("x", "y", "z")],
        [Constraint("x + y < 0.15"), Constraint("z > 0.05")],
    ),
    "sixty": Space(
        [Parameter(name=f"x{j}", distribution=UNIT, points=2) for j in range(50)]
        + [Parameter(name=f"c{j}", distribution=Options(values=(0, 1))) for j in range(10)]
    ),
}


def goodness(params: Params) -> float:
    """Some score that every parameter has a part in, the same on every machine."""
    return float(sum((index + 1) * (len(point_key({"": value})) % 7) for index, value in enumerate(params.values())))


@cache
def drawn(name: str, count: int) -> tuple[Params, ...]:
    """Distinct allowed points of a space (fewer if there are not so many)."""
    space, found = SPACES[name], dict[str, Params]()
    random = generator(99, Stream.STRATEGY)
    for units in islice(iter(lambda: random.random(len(space)).tolist(), None), 4_000):
        params = space.from_units(units)
        if space.allows(params) and len(found) < count:
            found.setdefault(point_key(params), params)
    return tuple(found.values())


@st.composite
def requests(draw: st.DrawFn, names: tuple[str, ...] = tuple(SPACES), most: int = 40) -> SuggestRequest:
    """Anything the scheduler could ask: any prefix of results with failures, any pending points."""
    name = draw(st.sampled_from(names))
    points = drawn(name, most + 64)
    observed = draw(st.integers(0, min(most, len(points))))
    pending = draw(st.integers(0, min(64, len(points) - observed)))
    kind = draw(st.sampled_from(["scores", "failures", "all failed", "constant", "huge"]))
    seed = draw(st.integers(0, 2**32 - 1))
    failed = {"failures": 0.3, "all failed": 1.0}.get(kind, 0.0)
    chance = generator(seed, Stream.SPLITS).random((observed, 6))
    factor = {"constant": 0.0, "huge": 1e30}.get(kind, 1.0)
    observations = []
    for number, params in enumerate(points[:observed]):
        folds = tuple((goodness(params) + one) * factor for one in chance[number, :5].tolist())
        lost = bool(chance[number, 5] < failed)
        observations.append(
            Observation(
                number=number,
                params=params,
                score=None if lost else sum(folds) / 5,
                fold_scores=() if lost else folds,
            )
        )
    return SuggestRequest(
        space=SPACES[name],
        seed=seed,
        number=observed + pending,
        observations=tuple(observations),
        pending=points[observed : observed + pending],
        direction=draw(st.sampled_from(Direction)),
    )


def as_asked(name: str, request: SuggestRequest) -> SuggestRequest:
    """The request as the scheduler puts it: without results for a strategy that does not learn."""
    return request if load_strategy(name).learns else replace(request, observations=(), pending=())


def check(request: SuggestRequest, params: Params) -> None:
    """What holds for every point that is ever answered."""
    assert request.space.problems(params) == []
    assert list(params) == [name for name in request.space.names if name in params]
    assert point_key(json.loads(json.dumps(params, allow_nan=False))) == point_key(params)
    known = [*(one.params for one in request.observations), *request.pending]
    assert point_key(params) not in {point_key(one) for one in known}


def plain(value: object) -> bool:
    """Whether a value is Python's own (NumPy's float64 would pass for a float)."""
    if type(value) is list:
        return all(map(plain, value))
    if type(value) is dict:
        return all(map(plain, value.values()))
    return type(value) in {bool, int, float, str, type(None)}


def answers_are_pure(name: str, request: SuggestRequest, other: SuggestRequest) -> None:
    """Ask in every way there is; the answer is one."""
    asked = as_asked(name, request)
    first = load_strategy(name).suggest(asked)
    strategy = load_strategy(name)
    strategy.suggest(as_asked(name, other))
    assert strategy.suggest(asked) == first
    forget()
    assert load_strategy(name).suggest(asked) == first
    if first is not None:
        check(asked, first)
        assert all(map(plain, first.values()))
    elif name != "grid":
        assert len(asked.observations) + len(asked.pending) + asked.number >= 12


@pytest.mark.parametrize("name", QUICK)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(request=requests(), other=requests())
def test_the_same_question_has_the_same_answer(name: str, request: SuggestRequest, other: SuggestRequest) -> None:
    """Twice, in between other studies, with every cache warm or dropped: one answer, and a valid one."""
    answers_are_pure(name, request, other)


@pytest.mark.parametrize("name", ["skopt-gp", "skopt-forest", "skopt-extra-trees"])
@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    request=requests(("finite", "three deep", "odd categories", "one in a hundred"), most=14),
    other=requests(("finite", "three deep"), most=8),
)
def test_scikit_optimizes_surrogates_are_pure_too(name: str, request: SuggestRequest, other: SuggestRequest) -> None:
    """The same holds for scikit-optimize's surrogates, whose own Optimizer remembers every call."""
    answers_are_pure(name, request, other)


@pytest.mark.parametrize("name", QUICK)
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    which=st.sampled_from(tuple(SPACES)),
    seed=st.integers(0, 2**32 - 1),
    order=st.permutations(range(24)),
    lag=st.integers(1, 12),
)
def test_the_order_of_questions_does_not_matter(name: str, which: str, seed: int, order: list[int], lag: int) -> None:
    """A study's trials re-derived in any order, from cold caches, are the study's trials."""
    table = study(name, SPACES[which], seed, lag, 24)
    forget()
    for number in order:
        if number < len(table):
            assert (
                load_strategy(name).suggest(question(name, SPACES[which], seed, lag, table[:number])) == table[number]
            )


def question(name: str, space: Space, seed: int, lag: int, before: list[Params]) -> SuggestRequest:
    """What the scheduler asks after these trials, in strict order with this lag."""
    known = max(0, len(before) - lag + 1)
    observations = tuple(
        Observation(number=number, params=params, score=goodness(params))
        for number, params in enumerate(before[:known])
    )
    request = SuggestRequest(
        space=space, seed=seed, number=len(before), observations=observations, pending=tuple(before[known:])
    )
    return as_asked(name, request)


def study(name: str, space: Space, seed: int, lag: int, trials: int) -> list[Params]:
    """A study's trials, up to this many."""
    table: list[Params] = []
    while len(table) < trials:
        params = load_strategy(name).suggest(question(name, space, seed, lag, table))
        if params is None:
            break
        table.append(params)
    return table


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_finite_space_is_exhausted_without_repeats(name: str) -> None:
    """All 10 allowed points of a small space come once each, whatever the strategy, then None."""
    space = Space(SPACES["finite"].parameters, [Constraint("n + m < 6")])
    table = study(name, space, 3, 2, 40)
    assert len(table) == len({point_key(params) for params in table}) == 10
    assert load_strategy(name).suggest(question(name, space, 3, 2, table)) is None


@pytest.mark.parametrize("name", LEARNING)
def test_no_trial_repeats_another(name: str) -> None:
    """Over 10 trials of a nested space no point comes twice."""
    table = study(name, SPACES["three deep"], 8, 4, 10)
    assert len({point_key(params) for params in table}) == 10


FRESH = """
import json, sys
from tests.property.test_strategy_purity import SPACES, study
print(json.dumps([study(sys.argv[1], SPACES[which], 11, 4, int(sys.argv[2])) for which in sys.argv[3:]]))
"""


@pytest.mark.parametrize("name", ["random", "sobol", "bayesian", "skopt-gp"])
def test_another_process_gives_the_same_table(name: str) -> None:
    """A fresh interpreter with another hash seed re-derives every trial."""
    spaces = ["finite"] if name == "skopt-gp" else ["one parameter", "three deep", "odd categories"]
    trials = 10 if name == "skopt-gp" else 20
    here = [study(name, SPACES[which], 11, 4, trials) for which in spaces]
    done = subprocess.run(
        [sys.executable, "-c", FRESH, name, str(trials), *spaces],
        env={**os.environ, "PYTHONHASHSEED": "12345"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert canonical_json(json.loads(done.stdout)) == canonical_json(here)
