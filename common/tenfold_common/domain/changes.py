"""What the scheduler may change in the store, as values. One list of changes is one transaction.

The decision core returns these; the store applies them. Each is a compare-and-set: it is applied only if the row is
still in a state the change is allowed from, so that applying twice, or from two schedulers, changes nothing twice.
"""

from dataclasses import dataclass

from tenfold_common.domain.trial import AttemptKey, Failure, FoldResult
from tenfold_common.domain.words import (
    AttemptState,
    ContentHash,
    Params,
    StopReason,
    StudyState,
    TrialState,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AddTrial:
    """Write a suggestion down. First writer wins: an existing trial of that number is left alone."""

    number: int
    params: Params
    seed: int
    conditioned_on: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishAttempt:
    """Write down that an attempt is about to be published."""

    key: AttemptKey
    folds: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StartAttempt:
    """A worker has claimed the attempt; its trial is running."""

    key: AttemptKey
    worker: str
    fingerprint: ContentHash


@dataclass(frozen=True, slots=True, kw_only=True)
class EndAttempt:
    """The attempt is over: succeeded, failed, lost or revoked.

    Attributes:
        counts: Whether a lost attempt counts against the study's limit (a broker restart does not).
    """

    key: AttemptKey
    state: AttemptState
    worker: str | None = None
    fingerprint: ContentHash | None = None
    results: tuple[FoldResult, ...] = ()
    failure: Failure | None = None
    seconds: float | None = None
    counts: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class EndTrial:
    """The trial's outcome, from a queued or running trial only; fold results are written only if this won."""

    number: int
    state: TrialState
    score: float | None
    folds: tuple[FoldResult, ...]
    failure: Failure | None
    seconds: float | None
    fingerprint: ContentHash | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscardTrials:
    """Trials from this number on lie beyond the stop and are not part of the study."""

    from_number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AddElapsed:
    """Seconds the study was worked on since the last such change."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveStudy:
    """Change the study's state, from the given states only.

    Attributes:
        to: The new state.
        allowed_from: States it may be changed from; elsewhere the change is dropped.
        stopped_at: Number of trials in the study; only when it ends.
    """

    to: StudyState
    allowed_from: tuple[StudyState, ...]
    reason: StopReason | None = None
    message: str = ""
    stopped_at: int | None = None


Change = AddTrial | PublishAttempt | StartAttempt | EndAttempt | EndTrial | DiscardTrials | AddElapsed | MoveStudy
