"""Between records and rows: how each fact is written into a table and read back. No SQL and no decisions.

Both stores keep these rows, the fake in dictionaries, so what one cannot store the other cannot store either: NaN is
refused with a ``ValueError``, and text that no database takes (NUL, lone surrogates) is replaced.
"""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from tenfold_common.domain.assignment import failure_from_json, failure_to_json, fold_from_json
from tenfold_common.domain.changes import AddTrial, EndAttempt, EndTrial, PublishAttempt, StartAttempt
from tenfold_common.domain.records import AttemptRecord, StudyFacts, StudyRecord, TrialRecord
from tenfold_common.domain.stopping import Plateau, StoppingRules
from tenfold_common.domain.trial import AttemptKey, Failure, FoldResult
from tenfold_common.domain.words import (
    AttemptState,
    ContentHash,
    Direction,
    StopReason,
    StudyId,
    StudyState,
    TrialState,
)

Values = dict[str, Any]  # Any: one type per column


class Row(Protocol):
    """Something that answers to column names: a row of a query, or ``Values``."""

    def __getitem__(self, column: str, /) -> Any: ...  # Any: one type per column, converted below


def study_values(study: StudyRecord) -> Values:
    """The row of a study."""
    return {
        "id": study.id,
        "name": plain(study.name),
        "seed": str(study.seed),
        "state": study.state.value,
        "reason": None if study.reason is None else study.reason.value,
        "message": plain(study.message),
        "revision": study.revision,
        "document": to_text(study.document),
        "document_hash": study.document_hash,
        "facts": to_text(asdict(study.facts)),
        "stopping": stopping_text(study.stopping),
        "stopped_at": study.stopped_at,
        "elapsed_s": finite(study.elapsed_s),
        "created_at": utc(study.created_at),
        "started_at": None if study.started_at is None else utc(study.started_at),
        "ended_at": None if study.ended_at is None else utc(study.ended_at),
    }


def study_record(row: Row) -> StudyRecord:
    """The study in a row."""
    return StudyRecord(
        id=StudyId(row["id"]),
        name=row["name"],
        seed=int(row["seed"]),
        state=StudyState(row["state"]),
        reason=None if row["reason"] is None else StopReason(row["reason"]),
        message=row["message"],
        revision=row["revision"],
        document=from_text(row["document"]),
        document_hash=ContentHash(row["document_hash"]),
        facts=_facts(row["facts"]),
        stopping=_stopping(row["stopping"]),
        stopped_at=row["stopped_at"],
        elapsed_s=row["elapsed_s"],
        created_at=row["created_at"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
    )


def new_trial_values(study: StudyId, change: AddTrial, now: datetime) -> Values:
    """The row of a suggested trial."""
    return {
        "study": study,
        "number": change.number,
        "state": TrialState.QUEUED.value,
        "params": to_text(change.params),
        "seed": change.seed,
        "conditioned_on": change.conditioned_on,
        "score": None,
        "folds": "[]",
        "failure": None,
        "seconds": None,
        "fingerprint": None,
        "created_at": now,
        "ended_at": None,
    }


def ended_trial_values(change: EndTrial, now: datetime) -> Values:
    """What a trial's outcome changes of its row."""
    return {
        "state": change.state.value,
        "score": finite(change.score),
        "folds": _folds_text(change.folds),
        "failure": _failure_text(change.failure),
        "seconds": finite(change.seconds),
        "fingerprint": None if change.fingerprint is None else plain(change.fingerprint),
        "ended_at": now,
    }


def trial_record(row: Row) -> TrialRecord:
    """The trial in a row. ``attempts`` is counted by whoever reads the row."""
    return TrialRecord(
        study=StudyId(row["study"]),
        number=row["number"],
        state=TrialState(row["state"]),
        params=from_text(row["params"]),
        seed=row["seed"],
        conditioned_on=row["conditioned_on"],
        score=row["score"],
        folds=_folds(row["folds"]),
        failure=_failure(row["failure"]),
        attempts=row["attempts"],
        seconds=row["seconds"],
        fingerprint=row["fingerprint"],
        created_at=row["created_at"],
        ended_at=row["ended_at"],
    )


def new_attempt_values(change: PublishAttempt, now: datetime) -> Values:
    """The row of a published attempt."""
    return {
        "study": change.key.study,
        "trial": change.key.trial,
        "part": change.key.part,
        "attempt": change.key.attempt,
        "state": AttemptState.PUBLISHED.value,
        "folds": to_text(change.folds),
        "counts": True,
        "worker": None,
        "fingerprint": None,
        "results": "[]",
        "failure": None,
        "seconds": None,
        "published_at": now,
        "started_at": None,
        "ended_at": None,
    }


def started_attempt_values(change: StartAttempt, now: datetime) -> Values:
    """What a worker's claim changes of an attempt's row."""
    return {
        "state": AttemptState.RUNNING.value,
        "worker": plain(change.worker),
        "fingerprint": plain(change.fingerprint),
        "started_at": now,
    }


def ended_attempt_values(change: EndAttempt, now: datetime) -> Values:
    """What an attempt's end changes of its row. An unknown worker or machine leaves the one that started it."""
    values: Values = {
        "state": change.state.value,
        "results": _folds_text(change.results),
        "failure": _failure_text(change.failure),
        "seconds": finite(change.seconds),
        "counts": change.counts,
        "ended_at": now,
    }
    if change.worker is not None:
        values["worker"] = plain(change.worker)
    if change.fingerprint is not None:
        values["fingerprint"] = plain(change.fingerprint)
    return values


def attempt_record(row: Row) -> AttemptRecord:
    """The attempt in a row."""
    return AttemptRecord(
        key=AttemptKey(StudyId(row["study"]), row["trial"], row["part"], row["attempt"]),
        state=AttemptState(row["state"]),
        folds=tuple(from_text(row["folds"])),
        counts=row["counts"],
        worker=row["worker"],
        fingerprint=row["fingerprint"],
        results=_folds(row["results"]),
        failure=_failure(row["failure"]),
        seconds=row["seconds"],
        published_at=row["published_at"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
    )


def to_text(value: object) -> str:
    """A value as JSON text of ASCII letters, keys in their order, floats to the last bit.

    Raises:
        ValueError: For NaN and infinities, which are never stored.
    """
    return _JSON.encode(value)


def from_text(text: str) -> Any:  # Any: whatever was written
    """The value that was written as this text."""
    return json.loads(text)


def stopping_text(stopping: StoppingRules) -> str:
    """Stopping rules as JSON text."""
    return to_text(asdict(stopping))


def plain(text: str) -> str:
    """The same text without what PostgreSQL and UTF-8 cannot hold; what a worker sends may be anything."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")


def utc(moment: datetime) -> datetime:
    """The same moment in UTC.

    Raises:
        ValueError: If it has no time zone.
    """
    if moment.tzinfo is None:
        raise ValueError(f"the store keeps aware datetimes, and {moment!r} has no time zone")
    return moment.astimezone(UTC)


def finite(number: float | None) -> float | None:
    """The number itself.

    Raises:
        ValueError: For NaN and infinities: a score or duration of that kind is a fault of whoever computed it.
    """
    if number is not None and not math.isfinite(number):
        raise ValueError(f"the store keeps finite numbers only, not {number!r}")
    return number


def _as_dict(value: object) -> dict[str, object]:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, FoldResult):
        return {name: getattr(value, name) for name in FoldResult.__slots__}
    raise TypeError(f"{value!r} is not plain JSON data")


_JSON: Final = json.JSONEncoder(allow_nan=False, separators=(",", ":"), default=_as_dict)


def _facts(text: str) -> StudyFacts:
    fields = from_text(text)
    fields["metrics"] = tuple(fields["metrics"])
    fields["direction"] = Direction(fields["direction"])
    return StudyFacts(**fields)


def _stopping(text: str) -> StoppingRules:
    fields = from_text(text)
    if fields["plateau"] is not None:
        fields["plateau"] = Plateau(**fields["plateau"])
    return StoppingRules(**fields)


def _folds_text(folds: Iterable[FoldResult]) -> str:
    return to_text(list(folds))


def _folds(text: str) -> tuple[FoldResult, ...]:
    return tuple(fold_from_json(fold) for fold in from_text(text))


def _failure_text(failure: Failure | None) -> str | None:
    return None if failure is None else to_text(failure_to_json(failure))


def _failure(text: str | None) -> Failure | None:
    return None if text is None else failure_from_json(from_text(text))
