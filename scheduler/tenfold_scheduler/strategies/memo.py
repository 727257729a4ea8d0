"""Results worth keeping within one process, because they are a function of their arguments alone.

A remembered result may only make an answer faster, never another one: everything kept here can be forgotten at any
moment (:func:`forget`), and a property test says that no suggestion changes when it is.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Final, ParamSpec, TypeVar, cast

from tenfold_common.domain.space import Space

P = ParamSpec("P")
R = TypeVar("R")

_FORGETTERS: Final[list[Callable[[], None]]] = []


def remembered(limit: int) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Keep the latest ``limit`` results of a pure function of hashable arguments."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        kept = lru_cache(maxsize=limit)(function)
        _FORGETTERS.append(kept.cache_clear)
        return cast("Callable[P, R]", kept)  # lru_cache's own type forgets the arguments

    return decorate


def forget() -> None:
    """Drop everything remembered; every answer stays the same."""
    for clear in _FORGETTERS:
        clear()


class SpaceKey:
    """A search space as a dictionary key: two spaces spelled alike are the same.

    The spelling is the ``repr`` of parameters and constraints, in which ``1``, ``1.0`` and ``True`` differ.
    """

    __slots__ = ("_hash", "_text", "space")

    def __init__(self, space: Space) -> None:
        self.space = space
        self._text = repr((space.parameters, space.constraints))
        self._hash = hash(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SpaceKey) and other._text == self._text

    def __hash__(self) -> int:
        return self._hash
