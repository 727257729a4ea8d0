"""What a study's observations say, in the numbers a Gaussian process works with.

Failed trials (and scores that are no finite numbers) are told as somewhat worse than the worst score seen, with
doubt: the model learns to stay away, but a lone failure next to good scores does not bend the whole surface.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tenfold_common.domain.trial import Observation
from tenfold_common.domain.words import Direction
from tenfold_scheduler.strategies.encoding import Mask, Rows
from tenfold_scheduler.strategies.gaussian_process import (
    MOST_FITTED,
    Data,
    Hyperparameters,
    fitted,
    prior_hyperparameters,
)
from tenfold_scheduler.strategies.memo import remembered
from tenfold_scheduler.strategies.noise import mean_variances
from tenfold_scheduler.strategies.opening import FEWEST_SCORES, is_scored
from tenfold_scheduler.strategies.transform import transformed

Vector = NDArray[np.float64]

FAILURE_GAP: Final = 0.5
"""How much worse than the worst score a failure is told, in standard deviations of the scores."""

FAILURE_DOUBT: Final = 0.25
"""Variance of that statement."""

FIRST_FIT: Final = 12
FIT_GROWTH: Final = 1.15


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Observations in trial order.

    Attributes:
        data: For the process: all observations, failures included.
        scored: Which observations have a score, shape (n,).
        flat: Whether the scores tell nothing apart.
    """

    data: Data
    scored: Mask
    flat: bool

    def only(self, chosen: NDArray[np.intp] | Mask) -> "Evidence":
        """The evidence of some of the observations, transformed as it stands."""
        data = self.data
        return Evidence(
            data=Data(
                X=data.X[chosen],
                z=data.z[chosen],
                fold_variance=data.fold_variance[chosen],
                doubt=data.doubt[chosen],
            ),
            scored=self.scored[chosen],
            flat=self.flat,
        )


def evidence_of(rows: Rows, observations: Sequence[Observation], direction: Direction) -> Evidence:
    """What the observations say; at least one of them must have a score.

    Args:
        rows: The observations' rows, shape (n, d).
        observations: In trial order.
        direction: Which scores are better.
    """
    scored = np.array([is_scored(observation) for observation in observations], dtype=bool)
    good = [observation for observation in observations if is_scored(observation)]
    sign = 1.0 if direction is Direction.MINIMIZE else -1.0
    told = transformed(sign * np.array([observation.score for observation in good], dtype=np.float64))
    z = np.full(len(rows), float(np.max(told.z)) + FAILURE_GAP)
    z[scored] = told.z
    fold_variance = np.zeros(len(rows))
    fold_variance[scored] = _fold_variances(good) * told.slope**2
    doubt = np.where(scored, 0.0, FAILURE_DOUBT)
    return Evidence(data=Data(X=rows, z=z, fold_variance=fold_variance, doubt=doubt), scored=scored, flat=told.flat)


def _fold_variances(good: Sequence[Observation]) -> Vector:
    """Variance of each mean score; zeros unless all have the same folds."""
    counts = {len(observation.fold_scores) for observation in good}
    if counts == {0} or len(counts) > 1:
        return np.zeros(len(good))
    folds = np.array([observation.fold_scores for observation in good], dtype=np.float64)
    return mean_variances(folds) if np.all(np.isfinite(folds)) else np.zeros(len(good))


def last_fit(n: int) -> int | None:
    """The largest ``ceil(12 * 1.15^e)`` up to ``n``: how many observations the hyperparameters in force know of.

    Hyperparameters are a function of that prefix alone, so that a restarted scheduler computes the same.
    """
    if n < FIRST_FIT:
        return None
    epoch = 0
    while _fit_at(epoch + 1) <= n:
        epoch += 1
    return _fit_at(epoch)


def _fit_at(epoch: int) -> int:
    return math.ceil(round(FIRST_FIT * FIT_GROWTH**epoch, 6))


def hyperparameters_for(
    rows: Rows, observations: Sequence[Observation], direction: Direction, categorical: Mask
) -> Hyperparameters:
    """The hyperparameters in force for a suggestion made from these observations."""
    d = rows.shape[1]
    n = last_fit(len(observations))
    if n is None or sum(map(is_scored, observations[:n])) < FEWEST_SCORES:
        return prior_hyperparameters(d)
    known = evidence_of(rows[:n], observations[:n], direction)
    if known.flat:
        return prior_hyperparameters(d)
    # Failures say where not to go, but their made-up value says nothing about the scores' smoothness.
    scores = known.only(known.scored)
    return _fitted(_Fit(scores.only(telling(scores.data.z)).data, categorical))


def telling(z: Vector) -> NDArray[np.intp]:
    """Which observations to fit to, in trial order: all, or the best and an even sample of the rest, half each."""
    if len(z) <= MOST_FITTED:
        return np.arange(len(z))
    order = np.argsort(z, kind="stable")
    best, rest = order[: MOST_FITTED // 2], np.sort(order[MOST_FITTED // 2 :])
    spread = rest[np.linspace(0, len(rest) - 1, MOST_FITTED - len(best)).round().astype(np.intp)]
    return np.sort(np.concatenate([best, spread]))


class _Fit:
    """The arguments of one fit as a dictionary key: equal content, equal key."""

    __slots__ = ("_digest", "categorical", "data")

    def __init__(self, data: Data, categorical: Mask) -> None:
        self.data, self.categorical = data, categorical
        digest = blake2b(repr(data.X.shape).encode(), digest_size=16)
        for part in (data.X, data.z, data.fold_variance, data.doubt, categorical):
            digest.update(np.ascontiguousarray(part).tobytes())
        self._digest = digest.digest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Fit) and other._digest == self._digest

    def __hash__(self) -> int:
        return hash(self._digest)


@remembered(64)
def _fitted(fit: _Fit) -> Hyperparameters:
    return fitted(fit.data, fit.categorical)
