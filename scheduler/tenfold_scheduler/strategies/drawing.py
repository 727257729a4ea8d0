"""What the strategies share: start points, and which drawn points are new and allowed.

Every search for an allowed point ends after :data:`MOST_TRIES` points. A strategy that finds none answers None: the
study ends as exhausted. ``problems`` (:func:`constraint_problems`) says so before anything is queued.
"""

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from itertools import islice
from typing import TYPE_CHECKING, Final

from tenfold_common.domain.seeds import Stream, generator
from tenfold_common.domain.space import Space, point_key
from tenfold_common.domain.words import Json, Params
from tenfold_scheduler.strategies import SuggestRequest

if TYPE_CHECKING:
    from numpy.random import Generator

MOST_TRIES: Final = 10_000
"""Points looked at for one that is new and satisfies the constraints."""

_BLOCK: Final = 64


def start_point(request: SuggestRequest) -> Params | None:
    """The user's point for this trial, if there is one; every strategy answers it first."""
    return dict(request.start[request.number]) if request.number < len(request.start) else None


def uniform_points(space: Space, random: "Generator") -> Iterator[Params]:
    """Points drawn from the space's own distributions, without end; constraints are not looked at."""
    while True:
        for units in random.random((_BLOCK, len(space))).tolist():
            yield space.from_units(units)


def first_new(
    space: Space,
    points: Iterable[Params],
    known: AbstractSet[str] = frozenset(),
    *,
    most_tries: int | None = MOST_TRIES,
) -> Params | None:
    """The first point that is allowed and not known; None if there is none.

    Args:
        space: Whose constraints must hold.
        points: Where to look, perhaps without end.
        known: Keys (see ``point_key``) of points not to repeat.
        most_tries: How many points to look at; None for all of them, if they end.
    """
    for params in islice(points, most_tries):
        if space.allows(params) and not (known and point_key(params) in known):
            return params
    return None


def unknown_options(name: str, options: Mapping[str, Json]) -> list[str]:
    """A sentence for each option given to a strategy that takes none."""
    return [f"the strategy {name!r} takes no options, so {option!r} must be removed" for option in options]


def constraint_problems(space: Space) -> list[str]:
    """A sentence if the constraints leave (next to) nothing of the space."""
    if not space.constraints or first_new(space, uniform_points(space, generator(0, Stream.STRATEGY))) is not None:
        return []
    texts = ", ".join(repr(constraint.text) for constraint in space.constraints)
    return [
        f"none of {MOST_TRIES} random points satisfies the constraints ({texts}): loosen them, or narrow the ranges"
    ]


def keys_of(points: Iterable[Params]) -> frozenset[str]:
    """The spellings by which points are told apart."""
    return frozenset(point_key(params) for params in points)
