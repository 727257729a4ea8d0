"""Every point of a space that has few enough of them, and whether points can repeat at all."""

from dataclasses import replace
from itertools import islice
from typing import Final

from tenfold_common.domain.seeds import Stream, generator
from tenfold_common.domain.space import Space, point_key
from tenfold_common.domain.words import Params
from tenfold_scheduler.strategies.memo import SpaceKey, remembered

SMALL: Final = 100_000
"""Spaces with no more points than this (constraints not counted) are listed whole when that helps."""


def can_repeat(space: Space) -> bool:
    """Whether two draws can be the same point with a chance worth speaking of.

    They cannot if some parameter is always active and a continuum.
    """
    return not any(p.distribution.size is None and not p.when for p in space.parameters)


@remembered(2)
def every_point(key: SpaceKey) -> tuple[Params, ...] | None:
    """All allowed points in the order of the full grid; None for a continuum or more than :data:`SMALL` points.

    The points are shared: copy one before giving it away.
    """
    space = _without_points(key.space)
    if not space.is_finite() or _unconstrained_size(space) > SMALL:
        return None
    return tuple(space.grid())


@remembered(2)
def shuffled_points(key: SpaceKey, seed: int, known: frozenset[str]) -> tuple[Params, ...]:
    """All allowed points that are not known, in a random order seeded by the study; empty for a large space.

    The points are shared: copy one before giving it away.
    """
    points = [params for params in every_point(key) or () if not known or point_key(params) not in known]
    order = generator(seed, Stream.STRATEGY).permutation(len(points))
    return tuple(points[index] for index in order)


def _without_points(space: Space) -> Space:
    """The space whose grid holds every value: ``points`` thins the grid of a range, not the range."""
    return Space([replace(parameter, points=None) for parameter in space.parameters], space.constraints)


def _unconstrained_size(space: Space) -> int:
    # Counted before constraints are looked at, so that the count ends after SMALL + 1 points whatever they forbid.
    return sum(1 for _ in islice(Space(space.parameters).grid(), SMALL + 1))
