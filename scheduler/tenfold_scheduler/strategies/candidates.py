"""Where a learning strategy looks: seeded, discrete candidates, and the best of them that may be tried.

The end point of a continuous optimiser would differ in its last bits between processors; the best of a finite list,
with scores rounded and ties given to the lowest index, does not.
"""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from tenfold_common.domain.words import Params
from tenfold_scheduler.strategies import SuggestRequest
from tenfold_scheduler.strategies.encoding import Encoding, Rows, encoding_of, row_keys
from tenfold_scheduler.strategies.lattice import every_point
from tenfold_scheduler.strategies.memo import SpaceKey, remembered

if TYPE_CHECKING:
    from numpy.random import Generator

Vector = NDArray[np.float64]

SCORE_DIGITS: Final = 6

PARENTS: Final = 5
"""How many of the best points are mutated."""

LISTED: Final = 2_000
"""A finite space with no more points than this is scored whole."""

_PRIOR, _MUTANTS, _ROUNDS, _REFINED = 600, 450, 3, 200

_NARROWEST, _WIDEST = 0.005, 0.3  # of the steps of a mutation, in quantiles


def fill(pool: "Pool", encoding: Encoding, parents: Rows, random: "Generator") -> None:
    """Put candidates into an empty pool: the whole of a small space; elsewhere a broad sample, then refinements.

    Args:
        pool: Where they go.
        encoding: Of the space.
        parents: The best rows seen so far, shape (p, d), p >= 1.
        random: Where chance comes from.
    """
    listed = _listed(SpaceKey(encoding.space))
    if listed is not None:
        pool.add(listed)
        return
    pool.add(prior_rows(encoding, _PRIOR, random))
    pool.add(mutants(encoding, parents, _MUTANTS, random))
    for refinement in range(_ROUNDS):
        best = list(islice(pool.best_first(), PARENTS))
        if best:
            pool.add(mutants(encoding, np.array(best), _REFINED, random, reach=0.5 ** (refinement + 1)))


def first_unknown(pool: "Pool", encoding: Encoding, request: SuggestRequest) -> Params | None:
    """The best candidate that is really new and allowed, decided on the point itself, not on its row."""
    known = [observation.params for observation in request.observations] + list(request.pending)
    for row in pool.best_first():
        params = encoding.point(row)
        if params not in known and request.space.allows(params):
            return params
    return None


@remembered(4)
def _listed(key: SpaceKey) -> Rows | None:
    points = every_point(key)
    return None if points is None or len(points) > LISTED else encoding_of(key).rows(points)


class Pool:
    """Candidates with their scores, in the order they were made.

    Args:
        encoding: Of the space.
        score: Scores of rows, shape (m,); higher is better.
        known: Keys of rows that are not to be tried again.
    """

    def __init__(self, encoding: Encoding, score: Callable[[Rows], Vector], known: frozenset[bytes]) -> None:
        self._encoding, self._score, self._known = encoding, score, known
        self._verdicts: dict[int, bool] = {}
        self._rows: Rows = np.empty((0, len(encoding.space)))
        self._scores: Vector = np.empty(0)

    def add(self, rows: Rows) -> None:
        """Score the rows that are not known and put them behind the others."""
        new = rows[[key not in self._known for key in row_keys(rows)]]
        if len(new):
            self._rows = np.vstack([self._rows, new])
            self._scores = np.concatenate([self._scores, np.round(self._score(new), SCORE_DIGITS)])

    def best_first(self) -> Iterator[Rows]:
        """Rows of allowed candidates, highest score first, ties in the order they were made."""
        for index in np.argsort(-self._scores, kind="stable").tolist():
            if self._allowed(index):
                yield self._rows[index]

    def _allowed(self, index: int) -> bool:
        space = self._encoding.space
        if not space.constraints:
            return True
        if index not in self._verdicts:
            self._verdicts[index] = space.allows(self._encoding.point(self._rows[index]))
        return self._verdicts[index]


def prior_rows(encoding: Encoding, count: int, random: "Generator") -> Rows:
    """Candidates from the space's own distributions, shape (count, d)."""
    return encoding.snapped(random.random((count, len(encoding.space))))


def mutants(encoding: Encoding, parents: Rows, count: int, random: "Generator", *, reach: float = 1.0) -> Rows:
    """Candidates near the parents, shape (count, d).

    Each is a parent with some coordinates moved: ordered ones by a normal step (at least about one cell of a discrete
    parameter), categories to any category. How many coordinates move, and how far, differs from mutant to mutant.

    Args:
        encoding: Of the space.
        parents: Rows to start from, shape (p, d), p >= 1.
        count: How many mutants.
        random: Where chance comes from.
        reach: Factor on the steps.
    """
    d = len(encoding.space)
    chosen = parents[random.integers(len(parents), size=count)]
    fresh = random.random((count, d))
    # What an inactive parameter would be is unknown: should a mutation wake it, it starts anywhere.
    units = np.where(encoding.resting(chosen), fresh, chosen)
    share = np.array([1.0 / d, 0.3, 0.8])[random.integers(3, size=count)]
    moved = random.random((count, d)) < share[:, None]
    moved[np.arange(count), random.integers(d, size=count)] = True
    width = _NARROWEST * (_WIDEST / _NARROWEST) ** random.random(count) * reach
    step = random.standard_normal((count, d)) * np.maximum(width[:, None], encoding.cells[None, :])
    shifted = np.where(encoding.categorical[None, :], fresh, _reflected(units + step))
    return encoding.snapped(np.where(moved, shifted, units))


def _reflected(units: Rows) -> Rows:
    """Coordinates beyond 0 or 1 mirrored back inside."""
    folded = np.mod(units, 2.0)
    mirrored: Rows = np.where(folded > 1.0, 2.0 - folded, folded)
    return mirrored
