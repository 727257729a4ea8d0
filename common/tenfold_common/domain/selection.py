"""Which trial wins. A pure function of the trial table."""

from collections.abc import Iterable

from tenfold_common.domain.trial import Observation
from tenfold_common.domain.words import Direction


def winner(observations: Iterable[Observation], direction: Direction) -> Observation | None:
    """The observation with the best mean score; ties go to the lowest number. None if every trial failed."""
    best: Observation | None = None
    for observation in sorted(observations, key=lambda item: item.number):
        if observation.score is None:
            continue
        if best is None or best.score is None or direction.better(observation.score, best.score):
            best = observation
    return best
