"""Exhaustive search: every point of the grid once, in the grid's order, first parameter slowest.

The user's start points come first; a start point that lies on the grid is not repeated. Constraints leave points out.
"""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Final

from tenfold_common.domain.space import Space, point_key
from tenfold_common.domain.words import Json, Params
from tenfold_scheduler.strategies import SuggestRequest
from tenfold_scheduler.strategies.drawing import keys_of, start_point, unknown_options
from tenfold_scheduler.strategies.memo import SpaceKey, remembered

MOST_FORBIDDEN: Final = 1_000_000
"""A grid of which so many points in a row are forbidden counts as exhausted, so that no suggestion takes for ever."""


class GridStrategy:
    """Tries every point of the grid; None when all have been tried."""

    learns = False

    def problems(self, space: Space, options: Mapping[str, Json]) -> list[str]:
        """See :class:`~tenfold_scheduler.strategies.Strategy`."""
        found = unknown_options("grid", options)
        for parameter in space.parameters:
            try:
                parameter.distribution.grid(parameter.points)
            except ValueError as error:
                found.append(f"{parameter.name!r}: {error}")
        if not found and next(_allowed(space), None) is None:
            found.append("the constraints forbid every point of the grid (or the first million): loosen them")
        return found

    def suggest(self, request: SuggestRequest) -> Params | None:
        """See :class:`~tenfold_scheduler.strategies.Strategy`."""
        start = start_point(request)
        if start is not None:
            return start
        walk = _walk(SpaceKey(request.space), keys_of(request.start))
        return walk.point(request.number - len(request.start))


class _Walk:
    """The grid without the start points, as far as anybody has asked for it.

    A generator is consumed once and its points kept, so the nth point costs only the steps not yet taken.
    """

    def __init__(self, space: Space, start: frozenset[str]) -> None:
        self._ahead = (params for params in _allowed(space) if not start or point_key(params) not in start)
        self._taken: list[Params] = []

    def point(self, position: int) -> Params | None:
        self._taken.extend(islice(self._ahead, max(0, position + 1 - len(self._taken))))
        return dict(self._taken[position]) if position < len(self._taken) else None


@remembered(4)
def _walk(key: SpaceKey, start: frozenset[str]) -> _Walk:
    return _Walk(key.space, start)


def _allowed(space: Space) -> Iterator[Params]:
    forbidden = 0
    for params in Space(space.parameters).grid():
        forbidden = 0 if space.allows(params) else forbidden + 1
        if forbidden == 0:
            yield params
        elif forbidden >= MOST_FORBIDDEN:
            return
