"""Search strategies, each one pure function behind one interface.

``suggest(request)`` depends on the request alone: no clock, no global randomness, no memory that could change an
answer. Whoever asks twice gets the same point. Plug-ins register in the entry point group ``tenfold.strategies``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from tenfold_common.domain.space import Space
from tenfold_common.domain.trial import Observation
from tenfold_common.domain.words import Direction, Json, Params


@dataclass(frozen=True, slots=True, kw_only=True)
class SuggestRequest:
    """Everything a suggestion may depend on.

    Attributes:
        space: The search space.
        seed: The study's seed; randomness comes from ``seeds.generator(seed, Stream.STRATEGY, number)``.
        number: The trial the suggestion is for.
        observations: Outcomes of trials 0..number-lag, in trial order. Empty for a strategy that does not learn.
        pending: Parameters of the later trials below ``number``, in trial order, *whether or not they have
            finished*. Empty for a strategy that does not learn.
        direction: Which scores are better.
        start: Points the user wants tried first; every strategy answers ``start[number]`` while there is one.
        options: The study file's ``search.options`` for this strategy.
    """

    space: Space
    seed: int
    number: int
    observations: tuple[Observation, ...] = ()
    pending: tuple[Params, ...] = ()
    direction: Direction = Direction.MAXIMIZE
    start: tuple[Params, ...] = ()
    options: Mapping[str, Json] = field(default_factory=dict)


@runtime_checkable
class Strategy(Protocol):
    """What a search strategy is."""

    @property
    def learns(self) -> bool:
        """Whether suggestions depend on results. If not, there is no lag and nothing to wait for."""

    def problems(self, space: Space, options: Mapping[str, Json]) -> list[str]:
        """What makes this strategy unable to search this space, in sentences; empty if nothing does."""

    def suggest(self, request: SuggestRequest) -> Params | None:
        """The point for trial ``request.number``; None when there is nothing left to try.

        The point satisfies the space's constraints and holds active parameters only.
        """
