"""Facts that the tests of the store write and read: a clock they can turn, studies, trials, changes."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

from tenfold_common.domain.canonical import content_hash
from tenfold_common.domain.changes import AddTrial, Change, EndAttempt, EndTrial, PublishAttempt, StartAttempt
from tenfold_common.domain.records import StudyFacts, StudyRecord
from tenfold_common.domain.stopping import Plateau, StoppingRules
from tenfold_common.domain.trial import AttemptKey, Failure, FoldResult
from tenfold_common.domain.words import (
    AttemptState,
    ContentHash,
    Direction,
    FailureKind,
    StudyId,
    StudyState,
    TrialState,
)
from tenfold_common.ports import Store

NOON = datetime(2026, 5, 4, 12, 0, 0, 123_456, tzinfo=UTC)
SOME_HASH = content_hash(b"some bytes")
_NUMBERS = count(1)


@dataclass
class TurnedClock:
    """A clock that stands still until it is turned."""

    moment: datetime = field(default=NOON)

    def now(self) -> datetime:
        """The moment it shows."""
        return self.moment

    def monotonic_s(self) -> float:
        """The same as seconds."""
        return self.moment.timestamp()

    def turn(self, seconds: float) -> datetime:
        """Turn it forward; the new moment."""
        self.moment += timedelta(seconds=seconds)
        return self.moment


def a_study(name: str = "digits", *, state: StudyState = StudyState.SUBMITTED, age_s: float = 0.0) -> StudyRecord:
    """A study as a client submits it; each has its own id."""
    return StudyRecord(
        id=StudyId(f"{next(_NUMBERS):016x}"),
        name=name,
        seed=42,
        state=state,
        reason=None,
        message="",
        revision=1,
        document={"name": name, "search": {"space": {"z": 1.0e-3, "a": [0.1, 1e22, True, None, "ä"]}}},
        document_hash=content_hash(name.encode()),
        facts=some_facts(),
        stopping=StoppingRules(trials=60, time_s=3600.0, target=0.995, plateau=Plateau(trials=20, min_delta=1e-4)),
        stopped_at=None,
        elapsed_s=0.0,
        created_at=NOON - timedelta(seconds=age_s),
        started_at=None,
        ended_at=None,
    )


def some_facts() -> StudyFacts:
    """Facts of a small classification study."""
    return StudyFacts(
        strategy="bayesian",
        learns=True,
        lag=6,
        metrics=("accuracy", "f1_macro"),
        direction=Direction.MAXIMIZE,
        folds=2,
        rows=1437,
        features=64,
        data_hash=SOME_HASH,
        splits_hash=SOME_HASH,
        spec_hash=SOME_HASH,
        code_hash=None,
        queue="cpu",
        attempts=3,
        environment={"python": "3.11.7", "scikit-learn": "1.9.1"},
    )


def some_folds(score: float = 0.1) -> tuple[FoldResult, ...]:
    """Two folds with scores that no decimal of fewer digits hits."""
    return tuple(
        FoldResult(
            fold=number,
            scores={"f1_macro": score / 3, "accuracy": score + number / 7},
            fit_s=0.1 + 0.2,
            score_s=1e-9,
            train_rows=100,
            validation_rows=50,
            warnings=("did not converge",) * number,
        )
        for number in range(2)
    )


def a_failure(message: str = "ValueError: no") -> Failure:
    """An exception in fold 1."""
    return Failure(kind=FailureKind.EXCEPTION, message=message, fold=1, traceback="Traceback\n  …\n")


def suggested(number: int = 0, *, c: float = 0.1) -> AddTrial:
    """A suggestion."""
    return AddTrial(number=number, params={"svc.C": c, "a": "rbf"}, seed=2**32 - 1, conditioned_on=number // 2)


def key(study: StudyRecord, trial: int = 0, attempt: int = 1, *, part: int = 0) -> AttemptKey:
    """An attempt's key."""
    return AttemptKey(study.id, trial, part, attempt)


def published(study: StudyRecord, trial: int = 0, attempt: int = 1, *, part: int = 0) -> PublishAttempt:
    """An attempt about to be published."""
    return PublishAttempt(key=key(study, trial, attempt, part=part), folds=(0, 1))


def started(study: StudyRecord, trial: int = 0, attempt: int = 1, *, worker: str = "host:1") -> StartAttempt:
    """A worker's claim."""
    return StartAttempt(key=key(study, trial, attempt), worker=worker, fingerprint=SOME_HASH)


def succeeded(study: StudyRecord, trial: int = 0, attempt: int = 1) -> EndAttempt:
    """A worker's result."""
    return EndAttempt(
        key=key(study, trial, attempt),
        state=AttemptState.SUCCEEDED,
        worker="host:2",
        fingerprint=ContentHash("b" * 64),
        results=some_folds(),
        seconds=1.5,
    )


def gone(
    study: StudyRecord, trial: int = 0, attempt: int = 1, *, state: AttemptState = AttemptState.LOST
) -> EndAttempt:
    """An attempt that ended without a result."""
    return EndAttempt(key=key(study, trial, attempt), state=state)


def won(number: int = 0, *, score: float = 0.1) -> EndTrial:
    """A trial's success."""
    return EndTrial(
        number=number,
        state=TrialState.SUCCEEDED,
        score=score,
        folds=some_folds(score),
        failure=None,
        seconds=1.5,
        fingerprint=SOME_HASH,
    )


def lost(number: int = 0, *, message: str = "ValueError: no") -> EndTrial:
    """A trial's failure in its second fold."""
    return EndTrial(
        number=number,
        state=TrialState.FAILED,
        score=None,
        folds=some_folds()[:1],
        failure=a_failure(message),
        seconds=None,
        fingerprint=None,
    )


def whole_life(study: StudyRecord, number: int) -> list[Change]:
    """All changes of an uneventful trial."""
    return [
        suggested(number),
        published(study, number),
        started(study, number),
        succeeded(study, number),
        won(number),
    ]


def apply(store: Store, study: StudyRecord, *changes: Change) -> tuple[bool, ...]:
    """Apply changes as the first scheduler does."""
    return store.apply(study.id, changes, epoch=1)
