"""scikit-optimize's surrogates as pure strategies: they learn, cope with failures, and keep quiet."""

import numpy as np
import pytest

from tenfold_common.domain.constraints import Constraint
from tenfold_common.domain.distributions import FloatRange, Options
from tenfold_common.domain.space import Parameter, Space
from tenfold_common.domain.trial import Observation
from tenfold_common.domain.words import Params
from tenfold_scheduler.strategies import SuggestRequest
from tenfold_scheduler.strategies.registry import load_strategy
from tenfold_scheduler.strategies.sobol import even_points

NAMES = ["skopt-gp", "skopt-forest", "skopt-extra-trees"]
SQUARE = Space([Parameter(name=f"x{j}", distribution=FloatRange(low=0.0, high=1.0)) for j in range(2)])
CATEGORIES = Space([Parameter(name=f"c{j}", distribution=Options(values=tuple("abcdefgh"))) for j in range(4)])


def observed(space: Space, count: int, *, fail_every: int = 0) -> tuple[Observation, ...]:
    """Results at random points."""
    random = np.random.default_rng(0)
    points = [space.from_units(units) for units in random.random((count, len(space))).tolist()]
    return tuple(
        Observation(
            number=number,
            params=params,
            score=None if fail_every and number % fail_every == 0 else goodness(space, params),
        )
        for number, params in enumerate(points)
    )


def goodness(space: Space, params: Params) -> float:
    """Best (0) where every quantile is 0.3."""
    units = np.array([0.5 if u is None else u for u in space.to_units(params)])
    return -float(np.sum((units - 0.3) ** 2))


def suggest(
    name: str, space: Space, observations: tuple[Observation, ...], pending: tuple[Params, ...] = ()
) -> Params:
    """The suggestion after these results."""
    params = load_strategy(name).suggest(
        SuggestRequest(
            space=space,
            seed=1,
            number=len(observations) + len(pending),
            observations=observations,
            pending=pending,
        )
    )
    assert params is not None
    return params


@pytest.mark.parametrize("name", NAMES)
def test_the_suggestion_is_a_good_one(name: str) -> None:
    """With 25 results of a bowl, the next point is better than all but a few of them."""
    observations = observed(SQUARE, 25)
    scores = sorted(observation.score or -9.0 for observation in observations)
    assert goodness(SQUARE, suggest(name, SQUARE, observations)) > scores[-6]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("space", [SQUARE, CATEGORIES])
def test_failures_and_pending_points_are_told_and_not_repeated(name: str, space: Space) -> None:
    """Failed and pending trials are part of the model, and the answer is none of them."""
    observations = observed(space, 20, fail_every=3)
    first = suggest(name, space, observations)
    second = suggest(name, space, observations, (first,))
    assert second not in [first, *(observation.params for observation in observations)]


@pytest.mark.parametrize("name", NAMES)
def test_the_opening_is_an_even_spread(name: str) -> None:
    """The first max(6, d + 1) points, and all while there are no scores, are Sobol points."""
    spread = even_points(SQUARE, 1, frozenset())
    failures = observed(SQUARE, 9, fail_every=1)
    asked = [load_strategy(name).suggest(SuggestRequest(space=SQUARE, seed=1, number=number)) for number in range(6)]
    assert asked == [spread.point(position) for position in range(6)]
    assert suggest(name, SQUARE, failures) == spread.point(9)


@pytest.mark.parametrize("name", NAMES)
def test_constant_scores_and_tiny_scores_work(name: str) -> None:
    """Scores that are all the same, or differ by millionths, leave neither a warning nor an error."""
    for factor in (0.0, 1e-6):
        observations = tuple(
            Observation(number=one.number, params=one.params, score=(one.score or 0.0) * factor)
            for one in observed(SQUARE, 12)
        )
        assert suggest(name, SQUARE, observations) not in [one.params for one in observations]


@pytest.mark.parametrize("name", NAMES)
def test_constraints_hold(name: str) -> None:
    """The best candidate that the constraints allow is taken, not the best."""
    space = Space(SQUARE.parameters, [Constraint("x0 > 0.6")])
    observations = tuple(one for one in observed(SQUARE, 30) if space.allows(one.params))
    assert space.allows(suggest(name, space, observations))


@pytest.mark.parametrize("name", NAMES)
def test_the_global_random_state_is_left_alone(name: str) -> None:
    """Neither does the answer depend on NumPy's global generator, nor does it move it."""
    observations, answers = observed(SQUARE, 12), []
    for seed in (0, 1):
        np.random.seed(seed)  # the global generator is what the test is about
        before = np.random.get_state()[1].tolist()  # type: ignore[index]  # a tuple by default
        answers.append(suggest(name, SQUARE, observations))
        assert np.random.get_state()[1].tolist() == before  # type: ignore[index]  # a tuple by default
    assert answers[0] == answers[1]
