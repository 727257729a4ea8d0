"""What a trial is made of: folds, outcomes, attempts. Facts only; the life cycle is decided in the scheduler."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tenfold_common.domain.words import FailureKind, Params, StudyId


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldResult:
    """One fold of one trial, scored.

    Attributes:
        fold: Number of the fold, from 0.
        scores: Score per metric name, finite; scikit-learn's convention for the sign (``neg_...`` is negative).
        fit_s: Seconds spent in ``fit``.
        score_s: Seconds spent scoring.
        train_rows: Rows fitted on.
        validation_rows: Rows scored.
        warnings: Distinct warnings the model gave, each cut to one line.
    """

    fold: int
    scores: Mapping[str, float]
    fit_s: float
    score_s: float
    train_rows: int
    validation_rows: int
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a trial (or one attempt of it) has no score.

    Attributes:
        kind: What sort of failure.
        message: One line for tables.
        fold: The fold it happened in, or None where no fold had begun.
        traceback: Everything that helps: the traceback, the last output, how the process ended.
    """

    kind: FailureKind
    message: str
    fold: int | None = None
    traceback: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of evaluating some folds: their results in fold order, and the failure that ended it, if any.

    When there is a failure, ``folds`` holds the folds before the failing one, so that the outcome is the same
    whoever ran it.
    """

    folds: tuple[FoldResult, ...]
    failure: Failure | None = None


@dataclass(frozen=True, slots=True, order=True)
class AttemptKey:
    """Names one execution of one assignment.

    Attributes:
        study: The study.
        trial: The trial's number.
        part: Which part of the trial's folds (0 when the trial goes out whole).
        attempt: 1 for the first execution.
    """

    study: StudyId
    trial: int
    part: int
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """A finished trial as a strategy sees it. ``score`` is None for a failed trial."""

    number: int
    params: Params
    score: float | None
    fold_scores: tuple[float, ...] = ()


def mean_score(folds: Sequence[FoldResult], metric: str) -> float:
    """The trial's score: the mean over its folds, added with ``math.fsum`` so that the order cannot matter."""
    return math.fsum(fold.scores[metric] for fold in folds) / len(folds)


def merge_outcomes(outcomes: Sequence[Outcome]) -> Outcome:
    """One outcome of several parts: the failure in the lowest fold decides, and only folds before it count."""
    folds = sorted((fold for outcome in outcomes for fold in outcome.folds), key=lambda fold: fold.fold)
    failures = [outcome.failure for outcome in outcomes if outcome.failure is not None]
    if not failures:
        return Outcome(folds=tuple(folds))
    first = min(failures, key=lambda failure: -1 if failure.fold is None else failure.fold)
    limit = -1 if first.fold is None else first.fold
    return Outcome(folds=tuple(fold for fold in folds if fold.fold < limit), failure=first)
