"""Random search: every trial's point drawn from the space's own distributions with the trial's own generator.

No point is tried twice. A space with few points (see ``lattice.SMALL``) is walked in a seeded random order until it
is exhausted; elsewhere trial ``n`` draws until its point is allowed and new.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from tenfold_common.domain.seeds import Stream, generator
from tenfold_common.domain.space import Space, point_key
from tenfold_common.domain.words import Json, Params
from tenfold_scheduler.strategies import SuggestRequest
from tenfold_scheduler.strategies.drawing import (
    constraint_problems,
    first_new,
    keys_of,
    start_point,
    uniform_points,
    unknown_options,
)
from tenfold_scheduler.strategies.lattice import can_repeat, every_point, shuffled_points
from tenfold_scheduler.strategies.memo import SpaceKey, remembered


class RandomStrategy:
    """Draws points independently of results and, in a continuum, of each other."""

    learns = False

    def problems(self, space: Space, options: Mapping[str, Json]) -> list[str]:
        """See :class:`~tenfold_scheduler.strategies.Strategy`."""
        return unknown_options("random", options) + constraint_problems(space)

    def suggest(self, request: SuggestRequest) -> Params | None:
        """See :class:`~tenfold_scheduler.strategies.Strategy`."""
        start = start_point(request)
        if start is not None:
            return start
        if not can_repeat(request.space):
            return _draw(request.space, request.seed, request.number)
        key, first = SpaceKey(request.space), keys_of(request.start)
        position = request.number - len(request.start)
        if every_point(key) is not None:
            order = shuffled_points(key, request.seed, first)
            return dict(order[position]) if position < len(order) else None
        return _chain(key, request.seed, first, len(request.start)).point(position)


def _draw(space: Space, seed: int, number: int, known: AbstractSet[str] = frozenset()) -> Params | None:
    return first_new(space, uniform_points(space, generator(seed, Stream.STRATEGY, number)), known)


class _Chain:
    """Trial after trial, each drawing until its point is none of the earlier ones."""

    def __init__(self, space: Space, seed: int, start: frozenset[str], first_number: int) -> None:
        self._space, self._seed, self._first_number = space, seed, first_number
        self._known = set(start)
        self._points: list[Params] = []

    def point(self, position: int) -> Params | None:
        while len(self._points) <= position:
            number = self._first_number + len(self._points)
            params = _draw(self._space, self._seed, number, self._known)
            if params is None:
                return None
            self._known.add(point_key(params))
            self._points.append(params)
        return dict(self._points[position])


@remembered(4)
def _chain(key: SpaceKey, seed: int, start: frozenset[str], first_number: int) -> _Chain:
    return _Chain(key.space, seed, start, first_number)
