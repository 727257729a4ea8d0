"""How the Bayesian strategy opens, what it does when there is little to learn, and that it beats chance."""

import math
import os
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest

from tenfold_common.domain.constraints import Constraint
from tenfold_common.domain.distributions import FloatRange, IntRange, Options
from tenfold_common.domain.seeds import Stream, generator
from tenfold_common.domain.space import Parameter, Space, point_key
from tenfold_common.domain.trial import Observation
from tenfold_common.domain.words import Direction, Json, Params
from tenfold_scheduler.strategies import SuggestRequest
from tenfold_scheduler.strategies.bayesian import INSURANCE, BayesianStrategy
from tenfold_scheduler.strategies.encoding import Encoding
from tenfold_scheduler.strategies.engine import ACTIVE, LARGE, active_set
from tenfold_scheduler.strategies.evidence import evidence_of
from tenfold_scheduler.strategies.gaussian_process import prior_hyperparameters
from tenfold_scheduler.strategies.registry import load_strategy
from tenfold_scheduler.strategies.sobol import even_points

Score = Callable[[Params], float | None]


def cube(d: int) -> Space:
    """The unit cube."""
    return Space([Parameter(name=f"x{j}", distribution=FloatRange(low=0.0, high=1.0)) for j in range(d)])


def vector(params: Params) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """The values of a point of the cube."""
    return np.array([float(str(value)) for value in params.values()])


MIXED = Space(
    [
        Parameter(name="C", distribution=FloatRange(low=1e-3, high=1e3, log=True)),
        Parameter(name="gamma", distribution=FloatRange(low=1e-5, high=10.0, log=True)),
        Parameter(name="kernel", distribution=Options(values=("rbf", "poly"))),
        Parameter(name="degree", distribution=IntRange(low=2, high=5), when={"kernel": ("poly",)}),
        Parameter(name="trees", distribution=IntRange(low=1, high=500, log=True)),
    ]
)


def number(value: Json) -> float:
    """A value that is known to be a number."""
    return float(str(value))


def mixed(params: Params) -> float:
    """A score over the mixed space, best (0) at C = 10, gamma = 0.01, about 20 trees and the rbf kernel."""
    degree = 0.0 if params["kernel"] == "rbf" else 0.5 + 0.1 * abs(number(params["degree"]) - 3)
    return -(
        (math.log10(number(params["C"])) - 1) ** 2
        + 0.5 * (math.log10(number(params["gamma"])) + 2) ** 2
        + 0.3 * (math.log(number(params["trees"])) - 3) ** 2
        + degree
    )


def bowl(params: Params) -> float:
    """Best (0) where every coordinate is 0.3."""
    return -float(np.sum((vector(params) - 0.3) ** 2))


def cliff(params: Params) -> float | None:
    """Best (1) at (0.6, 0.6), and failing not far from there."""
    x = vector(params)
    return None if x[0] + x[1] > 1.5 else float(np.exp(-np.sum(((x - 0.6) * 4) ** 2)))


def search(name: str, space: Space, score: Score, trials: int, *, seed: int, lag: int = 4) -> list[float | None]:
    """The true scores of a study whose folds are noisy, as the scheduler would run it in strict order."""
    strategy, points, observations = load_strategy(name), list[Params](), list[Observation]()
    random = np.random.default_rng(seed)
    for trial in range(trials):
        known = max(0, trial - lag + 1) if strategy.learns else 0
        params = strategy.suggest(
            SuggestRequest(
                space=space,
                seed=seed,
                number=trial,
                observations=tuple(observations[:known]),
                pending=tuple(points[known:]) if strategy.learns else (),
            )
        )
        assert params is not None
        points.append(params)
        true = score(params)
        folds = () if true is None else tuple((true + random.normal(0.0, 0.02, 5)).tolist())
        mean = math.fsum(folds) / 5 if folds else None
        observations.append(Observation(number=trial, params=params, score=mean, fold_scores=folds))
    return [score(params) for params in points]


@pytest.mark.parametrize(
    ("space", "score", "best"), [(cube(4), bowl, 0.0), (MIXED, mixed, 0.0), (cube(2), cliff, 1.0)]
)
def test_it_beats_chance_by_far(space: Space, score: Score, best: float) -> None:
    """After 40 trials the best score is, over three seeds, at most a third as far from the optimum as random's."""

    def regret(name: str) -> float:
        studies = [search(name, space, score, 40, seed=seed) for seed in range(3)]
        return sum(best - max(s for s in scores if s is not None) for scores in studies)

    assert regret("bayesian") < regret("random") / 3


def test_most_trials_of_the_second_half_are_good() -> None:
    """The search converges: the median of the last trials is better than the best random trial."""
    found = [s for s in search("bayesian", cube(4), bowl, 40, seed=1) if s is not None]
    chance = [s for s in search("random", cube(4), bowl, 40, seed=1) if s is not None]
    assert np.median(found[-15:]) > max(chance)


def test_the_opening_is_start_points_centre_and_even_spread() -> None:
    """First the user's points, then the centre, then max(6, d + 1) Sobol points, all before any result is in."""
    start: tuple[Params, ...] = ({"x0": 0.1, "x1": 0.9},)
    space, strategy = cube(2), BayesianStrategy()
    points = [strategy.suggest(SuggestRequest(space=space, seed=3, number=trial, start=start)) for trial in range(8)]
    spread = even_points(space, 3, frozenset(point_key(p) for p in points[:2] if p is not None))
    assert points == [*start, {"x0": 0.5, "x1": 0.5}, *(spread.point(position) for position in range(6))]


def test_a_centre_that_is_forbidden_or_a_start_point_is_left_out() -> None:
    """The centre is tried only if it is allowed and not already among the user's points."""
    centre: Params = {"x0": 0.5, "x1": 0.5}
    forbidden = Space(cube(2).parameters, [Constraint("x0 + x1 < 0.9")])
    strategy = BayesianStrategy()
    assert strategy.suggest(SuggestRequest(space=forbidden, seed=3, number=0)) != centre
    assert strategy.suggest(SuggestRequest(space=cube(2), seed=3, number=1, start=(centre,))) != centre


def observed(space: Space, count: int, score: Score, seed: int = 0) -> tuple[Observation, ...]:
    """Results at random points."""
    random = generator(seed, Stream.STRATEGY, 10_000)
    points = [space.from_units(units) for units in random.random((count, len(space))).tolist()]
    return tuple(Observation(number=i, params=params, score=score(params)) for i, params in enumerate(points))


def suggest(space: Space, observations: tuple[Observation, ...], trial: int | None = None) -> Params:
    """The suggestion after these results."""
    params = BayesianStrategy().suggest(
        SuggestRequest(
            space=space, seed=1, number=len(observations) if trial is None else trial, observations=observations
        )
    )
    assert params is not None
    return params


def test_without_scores_the_even_spread_goes_on() -> None:
    """While every trial fails, points keep filling the space instead of fitting nothing."""
    failures = observed(cube(2), 30, lambda params: None)
    spread = even_points(cube(2), 1, frozenset({point_key({"x0": 0.5, "x1": 0.5})}))
    assert suggest(cube(2), failures) == spread.point(29)


def test_every_twentieth_trial_is_insurance() -> None:
    """Trials 19, 39, 59 ... are drawn from the space's own distributions: no score changes them."""
    trial = 3 * INSURANCE - 1
    good, bad = (observed(cube(3), trial, score) for score in (bowl, lambda params: -bowl(params)))
    assert suggest(cube(3), good) == suggest(cube(3), bad)
    assert suggest(cube(3), good[:-1]) != suggest(cube(3), bad[:-1])


def test_the_direction_is_obeyed() -> None:
    """Minimising the negative score is maximising the score, suggestion for suggestion."""
    up, down = (observed(cube(3), 30, score) for score in (bowl, lambda params: -bowl(params)))
    request = SuggestRequest(space=cube(3), seed=1, number=30, observations=up)
    minimised = SuggestRequest(space=cube(3), seed=1, number=30, observations=down, direction=Direction.MINIMIZE)
    assert BayesianStrategy().suggest(request) == BayesianStrategy().suggest(minimised)


def test_pending_points_are_avoided() -> None:
    """Of a function not yet understood, the next point is elsewhere while the last suggestion is pending."""
    observations = observed(cube(2), 9, lambda params: math.sin(9 * number(params["x0"])) * number(params["x1"]))
    first = suggest(cube(2), observations)
    second = BayesianStrategy().suggest(
        SuggestRequest(space=cube(2), seed=1, number=10, observations=observations, pending=(first,))
    )
    assert second is not None
    assert float(np.linalg.norm(vector(first) - vector(second))) > 0.05


def test_failing_regions_are_left_alone() -> None:
    """Where every trial failed, none is suggested while good scores lie elsewhere."""
    observations = observed(cube(2), 40, lambda params: None if number(params["x0"]) > 0.5 else bowl(params))
    points = [suggest(cube(2), observations, trial=trial) for trial in range(40, 56)]
    assert all(number(params["x0"]) < 0.55 for params in points)


def test_constant_scores_are_no_obstacle() -> None:
    """When all scores are the same the suggestion explores: far from every point tried."""
    observations = observed(cube(2), 25, lambda params: 0.5)
    point = vector(suggest(cube(2), observations))
    tried = np.array([vector(observation.params) for observation in observations])
    assert float(np.min(np.linalg.norm(tried - point, axis=1))) > 0.1


def test_an_active_set_keeps_the_best_the_near_and_some_of_the_rest() -> None:
    """A large study is modelled by its best quarter, the neighbourhood of a good point, and anchors elsewhere."""
    space = cube(3)
    observations = observed(space, LARGE + 300, bowl)
    encoding = Encoding(space)
    rows = encoding.rows([observation.params for observation in observations])
    evidence = evidence_of(rows, observations, Direction.MAXIMIZE)
    h = prior_hyperparameters(3)
    chosen, other = (active_set(evidence, encoding, h, trial, np.random.default_rng(trial)) for trial in (1, 2))
    assert len(chosen) == len(set(chosen.tolist())) == ACTIVE
    assert np.all(np.diff(chosen) > 0)
    assert set(np.argsort(evidence.data.z)[: ACTIVE // 4].tolist()) <= set(chosen.tolist())
    assert set(chosen.tolist()) != set(other.tolist())


def test_a_large_study_still_suggests_good_points() -> None:
    """With more observations than the model can look at, suggestions stay near the optimum."""
    observations = observed(cube(3), LARGE + 100, bowl)
    assert bowl(suggest(cube(3), observations)) > sorted(o.score or -9.0 for o in observations)[-20]


SCRIPT = """
import json, sys
from tests.unit.test_strategies_bayesian import MIXED, mixed
from tests.unit.test_strategies_bayesian import BayesianStrategy, Observation, SuggestRequest
points, observations = [], []
for trial in range(40):
    known = max(0, trial - 3)
    points.append(BayesianStrategy().suggest(SuggestRequest(
        space=MIXED, seed=5, number=trial, observations=tuple(observations[:known]), pending=tuple(points[known:]))))
    score = round(mixed(points[-1]), 9)
    folds = tuple(score + 0.01 * ((trial * 7 + fold * 3) % 5) for fold in range(5))
    observations.append(Observation(number=trial, params=points[-1], score=score, fold_scores=folds))
print(json.dumps(points))
"""


def test_the_processor_does_not_matter() -> None:
    """Other BLAS kernels, other SIMD instructions and two threads give the same 40 trials.

    The variables make OpenBLAS and NumPy behave as on a processor of 2008; elsewhere they are ignored.
    """
    old = {
        "OPENBLAS_CORETYPE": "Nehalem",
        "NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3 AVX512F AVX512CD AVX512_SKX",
    }
    answers = [
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", SCRIPT],
            env={**os.environ, "OPENBLAS_NUM_THREADS": threads, **variables},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for threads, variables in (("1", {}), ("2", old))
    ]
    assert answers[0] == answers[1]
