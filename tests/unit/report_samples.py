"""Stored studies as reports and verbs meet them: built in memory, with known numbers."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tenfold_common.domain.canonical import hash_of
from tenfold_common.domain.changes import (
    AddElapsed,
    AddTrial,
    Change,
    EndAttempt,
    EndTrial,
    MoveStudy,
    PublishAttempt,
    StartAttempt,
)
from tenfold_common.domain.records import StudyFacts, StudyRecord, TrialRecord
from tenfold_common.domain.stopping import StoppingRules
from tenfold_common.domain.trial import AttemptKey, Failure, FoldResult, mean_score
from tenfold_common.domain.words import (
    AttemptState,
    ContentHash,
    Direction,
    FailureKind,
    Json,
    Params,
    StopReason,
    StudyId,
    StudyState,
    TrialState,
)
from tenfold_common.ports import Store
from tenfold_common.store.memory import MemoryStore

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
FINGERPRINT = ContentHash("fe" * 32)
MACHINE: dict[str, Json] = {
    "host": "node-1",
    "cpu": {"model": "Cortex", "count": 8},
    "python": "3.11.9",
    "packages": {"numpy": "2.1.0", "scikit-learn": "1.7.0"},
}
TRACEBACK = 'Traceback (most recent call last):\n  File "model.py", line 3, in fit\nValueError: gamma is too large'


class FixedClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: datetime = NOON) -> None:
        self.moment = now

    def now(self) -> datetime:
        """The moment it stands at."""
        return self.moment

    def monotonic_s(self) -> float:
        """The same, in seconds."""
        return self.moment.timestamp()

    def advance(self, seconds: float) -> None:
        """Move it."""
        self.moment += timedelta(seconds=seconds)


def study_record(name: str = "digits-svc", **changes: object) -> StudyRecord:
    """A new study of two metrics and two folds."""
    study = StudyRecord(
        id=StudyId(hash_of(name)[:16]),
        name=name,
        seed=42,
        state=StudyState.SUBMITTED,
        reason=None,
        message="",
        revision=0,
        document={"name": name, "seed": 42},
        document_hash=ContentHash("d0" * 32),
        facts=StudyFacts(
            strategy="bayesian",
            learns=True,
            lag=4,
            metrics=("accuracy", "f1_macro"),
            direction=Direction.MAXIMIZE,
            folds=2,
            rows=1437,
            features=64,
            data_hash=ContentHash("da" * 32),
            splits_hash=ContentHash("5b" * 32),
            spec_hash=ContentHash("5c" * 32),
            code_hash=None,
            queue="cpu",
            attempts=3,
            environment={"python": "3.11.9"},
        ),
        stopping=StoppingRules(trials=4),
        stopped_at=None,
        elapsed_s=0.0,
        created_at=NOON,
        started_at=None,
        ended_at=None,
    )
    return replace(study, **changes)  # type: ignore[arg-type]  # a test names the fields it means


def fold(number: int, accuracy: float, *, warnings: tuple[str, ...] = ()) -> FoldResult:
    """A fold's result with round numbers."""
    return FoldResult(
        fold=number,
        scores={"accuracy": accuracy, "f1_macro": accuracy - 0.01},
        fit_s=0.5,
        score_s=0.25,
        train_rows=700,
        validation_rows=350,
        warnings=warnings,
    )


def params(number: int) -> Params:
    """The point of a trial."""
    return {"svc.C": 1.0 + number, "svc.gamma": 0.01 * (number + 1), "svc.kernel": "rbf"}


def trial_record(number: int, scores: Sequence[float] = (), **changes: object) -> TrialRecord:
    """A trial: succeeded if it has scores, else queued."""
    folds = tuple(fold(index, score) for index, score in enumerate(scores))
    trial = TrialRecord(
        study=study_record().id,
        number=number,
        state=TrialState.SUCCEEDED if folds else TrialState.QUEUED,
        params=params(number),
        seed=1000 + number,
        conditioned_on=max(0, number - 4),
        score=mean_score(folds, "accuracy") if folds else None,
        folds=folds,
        attempts=1 if folds else 0,
        seconds=1.5 if folds else None,
        fingerprint=FINGERPRINT if folds else None,
        created_at=NOON,
        ended_at=NOON if folds else None,
    )
    return replace(trial, **changes)  # type: ignore[arg-type]  # a test names the fields it means


def failed_trial(number: int, kind: FailureKind = FailureKind.EXCEPTION, **changes: object) -> TrialRecord:
    """A trial that failed in its second fold."""
    return replace(
        trial_record(number),
        state=TrialState.FAILED,
        folds=(fold(0, 0.5),),
        failure=Failure(kind=kind, message="ValueError: gamma is too large", fold=1, traceback=TRACEBACK),
        seconds=0.75,
        ended_at=NOON,
        **changes,  # type: ignore[arg-type]  # a test names the fields it means
    )


def store_finished_study(store: Store, clock: FixedClock, name: str = "digits-svc") -> StudyRecord:
    """Put a study of four trials into the store, as a scheduler would: one failed, the third is the best."""
    store.add_study(study_record(name))
    study = store.study(name)
    epoch = store.lock_scheduler("test", ttl_s=60.0)
    assert epoch is not None
    store.add_fingerprint(FINGERPRINT, MACHINE)
    running = MoveStudy(to=StudyState.RUNNING, allowed_from=(StudyState.SUBMITTED,))
    store.apply(study.id, [running], epoch=epoch)
    for number, scores in enumerate([(0.90, 0.92), (), (0.97, 0.99), (0.95, 0.95)]):
        clock.advance(2.0)
        store.apply(study.id, evaluation(study, number, scores), epoch=epoch)
    finished = MoveStudy(
        to=StudyState.FINISHED,
        allowed_from=(StudyState.RUNNING,),
        reason=StopReason.TRIALS,
        message="all 4 trials are done",
        stopped_at=4,
    )
    store.apply(study.id, [AddElapsed(seconds=8.0), finished], epoch=epoch)
    store.unlock_scheduler("test")
    return store.study(name)


def evaluation(study: StudyRecord, number: int, scores: Sequence[float]) -> list[Change]:
    """The changes by which a scheduler records a trial: with scores it succeeds, without it fails in fold 1."""
    key = AttemptKey(study.id, number, 0, 1)
    folds = tuple(fold(index, score) for index, score in enumerate(scores)) or (fold(0, 0.5),)
    failure = None if scores else failed_trial(number).failure
    return [
        AddTrial(number=number, params=params(number), seed=1000 + number, conditioned_on=max(0, number - 4)),
        PublishAttempt(key=key, folds=(0, 1)),
        StartAttempt(key=key, worker="node-1:99", fingerprint=FINGERPRINT),
        EndAttempt(
            key=key,
            state=AttemptState.SUCCEEDED if scores else AttemptState.FAILED,
            worker="node-1:99",
            fingerprint=FINGERPRINT,
            results=folds,
            failure=failure,
            seconds=1.5,
        ),
        EndTrial(
            number=number,
            state=TrialState.SUCCEEDED if scores else TrialState.FAILED,
            score=mean_score(folds, "accuracy") if scores else None,
            folds=folds,
            failure=failure,
            seconds=1.5,
            fingerprint=FINGERPRINT,
        ),
    ]


def memory_store(clock: FixedClock) -> MemoryStore:
    """An empty store that tells the time by ``clock``."""
    return MemoryStore(clock=clock)
