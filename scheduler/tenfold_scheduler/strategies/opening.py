"""How a learning strategy begins: the user's points, evenly spread ones, and the model only after that.

Also what it does when there is nothing to learn from, and when it wants chance to decide.
"""

import math
from itertools import count, islice
from typing import Final

from tenfold_common.domain.seeds import Stream, generator
from tenfold_common.domain.space import Space
from tenfold_common.domain.trial import Observation
from tenfold_common.domain.words import Params
from tenfold_scheduler.strategies import SuggestRequest
from tenfold_scheduler.strategies.drawing import first_new, keys_of, uniform_points
from tenfold_scheduler.strategies.lattice import every_point
from tenfold_scheduler.strategies.memo import SpaceKey
from tenfold_scheduler.strategies.sobol import even_points

FEWEST_SCORES: Final = 4
"""With fewer scores than this there is nothing to fit a model to: the even spread goes on."""

_FEWEST_EVEN: Final = 6


def centre_point(space: Space) -> Params | None:
    """The point at the middle of every distribution, if it is allowed."""
    params = space.from_units([0.5] * len(space))
    return params if space.allows(params) else None


def is_opening(request: SuggestRequest, first: int) -> bool:
    """Whether the trial's point is still one of the even spread.

    Args:
        request: What is asked.
        first: Number of the first trial of the even spread.
    """
    if request.number < first + max(_FEWEST_EVEN, len(request.space) + 1):
        return True
    return sum(map(is_scored, request.observations)) < FEWEST_SCORES


def is_scored(observation: Observation) -> bool:
    """Whether a trial has a score to learn from."""
    return observation.score is not None and math.isfinite(observation.score)


def even_point(request: SuggestRequest, before: tuple[Params, ...]) -> Params | None:
    """The trial's point of the even spread, or the next one that is new.

    Args:
        request: What is asked.
        before: Points of the trials before the even spread.
    """
    spread = even_points(request.space, request.seed, keys_of(before))
    known = known_keys(request)
    for position in islice(count(request.number - len(before)), len(known) + 1):
        params = spread.point(position)
        if params is None:
            break
        if first_new(request.space, [params], known) is not None:
            return params
    return any_new_point(request)


def any_new_point(request: SuggestRequest) -> Params | None:
    """A random allowed point that is new; None if there is none (in a small space) or none was found."""
    known = known_keys(request)
    random = generator(request.seed, Stream.STRATEGY, request.number)
    everything = every_point(SpaceKey(request.space))
    if everything is None:
        return first_new(request.space, uniform_points(request.space, random), known)
    order = random.permutation(len(everything))
    found = first_new(request.space, (everything[index] for index in order), known, most_tries=None)
    return None if found is None else dict(found)


def known_keys(request: SuggestRequest) -> frozenset[str]:
    """Keys of every point that has been suggested, scored or not."""
    return keys_of([*(observation.params for observation in request.observations), *request.pending])
