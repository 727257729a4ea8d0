"""Scrambled Sobol search: points that fill the space evenly, whatever comes of them.

Trial ``n`` gets the nth point of the scrambled sequence that is allowed and new. In a small finite space, where
points of the sequence fall onto each other, what the sequence leaves out comes last, in a seeded random order.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, count

from tenfold_common.domain.space import Space, point_key
from tenfold_common.domain.words import Json, Params
from tenfold_scheduler.strategies import SuggestRequest
from tenfold_scheduler.strategies.drawing import (
    MOST_TRIES,
    constraint_problems,
    first_new,
    keys_of,
    start_point,
    unknown_options,
)
from tenfold_scheduler.strategies.lattice import every_point, shuffled_points
from tenfold_scheduler.strategies.memo import SpaceKey, remembered

_BLOCK = 128
_ROUNDS = 4  # times its number of points: how far the sequence is followed in a small space before the rest comes


class SobolStrategy:
    """Fills the space evenly."""

    learns = False

    def problems(self, space: Space, options: Mapping[str, Json]) -> list[str]:
        """See :class:`~tenfold_scheduler.strategies.Strategy`."""
        return unknown_options("sobol", options) + constraint_problems(space)

    def suggest(self, request: SuggestRequest) -> Params | None:
        """See :class:`~tenfold_scheduler.strategies.Strategy`."""
        start = start_point(request)
        if start is not None:
            return start
        return even_points(request.space, request.seed, keys_of(request.start)).point(
            request.number - len(request.start)
        )


def even_points(space: Space, seed: int, known: frozenset[str]) -> "EvenPoints":
    """The evenly spread points of one study, without the known ones."""
    return _even_points(SpaceKey(space), seed, known)


class EvenPoints:
    """Allowed, distinct points in the order of the scrambled Sobol sequence, as far as anybody has asked for them.

    Args:
        key: The space.
        seed: The study's seed.
        known: Keys of points to leave out.
    """

    def __init__(self, key: SpaceKey, seed: int, known: frozenset[str]) -> None:
        self._space, self._known = key.space, set(known)
        self._taken: list[Params] = []
        small = every_point(key)
        self._most_tries = MOST_TRIES if small is None else None
        self._ahead = _sequence(key, seed, known)
        self._over = False  # asking again after the end must not look further: the answer is None for good

    def point(self, position: int) -> Params | None:
        """The point at this position, from 0; None when there are no more."""
        while len(self._taken) <= position:
            params = self._next()
            if params is None:
                return None
            self._known.add(point_key(params))
            self._taken.append(params)
        return dict(self._taken[position])

    def _next(self) -> Params | None:
        if self._over:
            return None
        params = first_new(self._space, self._ahead, self._known, most_tries=self._most_tries)
        self._over = params is None
        return params


@remembered(4)
def _even_points(key: SpaceKey, seed: int, known: frozenset[str]) -> EvenPoints:
    return EvenPoints(key, seed, known)


def _sequence(key: SpaceKey, seed: int, known: frozenset[str]) -> Iterator[Params]:
    small = every_point(key)
    if small is None:
        return _sobol(key.space, seed, count(0, _BLOCK))
    return chain(
        _sobol(key.space, seed, range(0, _ROUNDS * len(small), _BLOCK)),
        iter(shuffled_points(key, seed, known)),
    )


def _sobol(space: Space, seed: int, blocks: Iterable[int]) -> Iterator[Params]:
    from tenfold_scheduler.strategies.sobol_points import scrambled_sobol

    points = scrambled_sobol(len(space), seed)
    for first in blocks:
        for units in points.points(first, _BLOCK).tolist():
            yield space.from_units(units)
