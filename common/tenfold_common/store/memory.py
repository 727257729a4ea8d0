"""The store in this process's memory: a fake for tests, held to the same contract suite as the real one.

It keeps the same rows as the database does, so it refuses what the database refuses, and nobody can change a stored
value from outside.
"""

import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from tenfold_common.domain.changes import (
    AddElapsed,
    AddTrial,
    Change,
    DiscardTrials,
    EndAttempt,
    EndTrial,
    MoveStudy,
    PublishAttempt,
    StartAttempt,
)
from tenfold_common.domain.records import AttemptRecord, StudyRecord, TrialRecord
from tenfold_common.domain.stopping import StoppingRules
from tenfold_common.domain.trial import AttemptKey
from tenfold_common.domain.words import (
    AttemptState,
    ContentHash,
    Json,
    StopReason,
    StudyId,
    StudyState,
    TrialState,
)
from tenfold_common.errors import FencedError, NotFoundError
from tenfold_common.ports import Clock
from tenfold_common.store import rows
from tenfold_common.store.lock import Lock
from tenfold_common.store.refusals import name_taken, no_trial
from tenfold_common.store.rows import Values

_OPEN_TRIAL = (TrialState.QUEUED, TrialState.RUNNING)
_OPEN_ATTEMPT = (AttemptState.PUBLISHED, AttemptState.RUNNING)


class MemoryStore:
    """The :class:`~tenfold_common.ports.Store` in dictionaries.

    Args:
        clock: Where the moments in the records come from.
    """

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._mutex = threading.RLock()
        self._studies: dict[StudyId, Values] = {}
        self._trials: dict[StudyId, dict[int, Values]] = {}
        self._attempts: dict[StudyId, dict[AttemptKey, Values]] = {}
        self._fingerprints: dict[str, str] = {}
        self._lock: Lock | None = None

    def add_study(self, study: StudyRecord) -> None:
        """Write a new study."""
        values = rows.study_values(study)
        with self._mutex:
            if study.id in self._studies or any(row["name"] == values["name"] for row in self._all()):
                raise name_taken(study.name)
            self._studies[study.id] = values
            self._trials[study.id], self._attempts[study.id] = {}, {}

    def study(self, name: str) -> StudyRecord:
        """The study of that name, else of that id."""
        with self._mutex:
            for column in ("name", "id"):
                for row in self._all():
                    if row[column] == rows.plain(name):
                        return rows.study_record(row)
            raise self._no_study(name)

    def studies(self, states: Sequence[StudyState] = ()) -> list[StudyRecord]:
        """Studies in any of these states, oldest first."""
        with self._mutex:
            found = [rows.study_record(row) for row in self._all() if not states or row["state"] in states]
        return sorted(found, key=lambda study: (study.created_at, study.id))

    def study_by_document(self, document_hash: ContentHash) -> StudyRecord | None:
        """The newest study submitted from exactly this study file."""
        return next((s for s in reversed(self.studies()) if s.document_hash == document_hash), None)

    def move_study(
        self,
        study: StudyId,
        *,
        revision: int,
        to: StudyState,
        reason: StopReason | None = None,
        message: str = "",
        stopping: StoppingRules | None = None,
    ) -> bool:
        """Change a study's state (and its stopping rules) if nobody was faster."""
        rules = {} if stopping is None else {"stopping": rows.stopping_text(stopping)}
        with self._mutex:
            row = self._row(study)
            if row["revision"] != revision:
                return False
            self._studies[study] = {**self._moved(row, to, reason, message), **rules}
            return True

    def trials(self, study: StudyId, *, discarded: bool = False) -> list[TrialRecord]:
        """The trial table in trial order."""
        with self._mutex:
            self._row(study)
            executions = Counter(key.trial for key in self._attempts[study])
            found = [
                rows.trial_record({**row, "attempts": executions[number]})
                for number, row in sorted(self._trials[study].items())
            ]
        return [trial for trial in found if discarded or trial.state is not TrialState.DISCARDED]

    def trial(self, study: StudyId, number: int) -> TrialRecord:
        """One trial, discarded ones included."""
        with self._mutex:
            self._row(study)
            known = self._trials[study]
            if number not in known:
                raise no_trial(number, max(known, default=None))
            executions = sum(key.trial == number for key in self._attempts[study])
            return rows.trial_record({**known[number], "attempts": executions})

    def attempts(self, study: StudyId, trial: int | None = None, *, open_only: bool = False) -> list[AttemptRecord]:
        """Attempts by (trial, part, attempt)."""
        with self._mutex:
            self._row(study)
            found = [rows.attempt_record(row) for _, row in sorted(self._attempts[study].items())]
        of_trial = [attempt for attempt in found if trial is None or attempt.key.trial == trial]
        return [attempt for attempt in of_trial if not open_only or attempt.state in _OPEN_ATTEMPT]

    def add_fingerprint(self, fingerprint: ContentHash, facts: Mapping[str, Json]) -> None:
        """Remember a machine's fingerprint."""
        with self._mutex:
            self._fingerprints.setdefault(rows.plain(fingerprint), rows.to_text(facts))

    def fingerprint(self, fingerprint: ContentHash) -> Mapping[str, Json] | None:
        """The facts behind a fingerprint's hash."""
        with self._mutex:
            text = self._fingerprints.get(rows.plain(fingerprint))
        if text is None:
            return None
        facts: Mapping[str, Json] = rows.from_text(text)
        return facts

    def apply(self, study: StudyId, changes: Sequence[Change], *, epoch: int) -> tuple[bool, ...]:
        """Apply the scheduler's changes, all or none of them."""
        now = self._clock.now()
        with self._mutex:
            if self._lock is not None and self._lock.epoch > epoch:
                raise FencedError(epoch, self._lock.epoch)
            self._row(study)
            with self._all_or_none(study):
                return tuple([self._apply(study, change, now) for change in changes])

    def lock_scheduler(self, holder: str, *, ttl_s: float) -> int | None:
        """Take or renew the scheduler's lock; its epoch, or None while somebody else holds it."""
        now = self._clock.now()
        with self._mutex:
            lock = self._lock or Lock(holder=None, epoch=0, expires_at=now)
            epoch = lock.epoch_for(rows.plain(holder), now)
            if epoch is not None:
                until = now + timedelta(seconds=ttl_s)
                self._lock = Lock(holder=rows.plain(holder), epoch=epoch, expires_at=until)
            return epoch

    def unlock_scheduler(self, holder: str) -> None:
        """Give the lock back; only its holder can."""
        with self._mutex:
            lock = self._lock
            if lock is not None and lock.holder == rows.plain(holder):
                self._lock = Lock(holder=None, epoch=lock.epoch, expires_at=lock.expires_at)

    def scheduler(self) -> tuple[str, datetime] | None:
        """Who holds the scheduler's lock and until when."""
        lock = self._lock
        if lock is None or lock.holder is None or not lock.held_at(self._clock.now()):
            return None
        return lock.holder, lock.expires_at

    def close(self) -> None:
        """Nothing to let go of; the studies stay until the object goes."""

    def _all(self) -> Iterator[Values]:
        return iter(self._studies.values())

    def _row(self, study: StudyId) -> Values:
        if study not in self._studies:
            raise self._no_study(study)
        return self._studies[study]

    def _no_study(self, name: str) -> NotFoundError:
        return NotFoundError("study", name, [row["name"] for row in self._all()])

    @contextmanager
    def _all_or_none(self, study: StudyId) -> Iterator[None]:
        before = self._studies[study], dict(self._trials[study]), dict(self._attempts[study])
        try:
            yield
        except BaseException:
            self._studies[study], self._trials[study], self._attempts[study] = before
            raise

    def _apply(self, study: StudyId, change: Change, now: datetime) -> bool:
        match change:
            case AddTrial():
                return self._add_trial(study, change, now)
            case PublishAttempt():
                return self._publish(study, change, now)
            case StartAttempt():
                return self._start(study, change, now)
            case EndAttempt():
                return self._end_attempt(study, change, now)
            case EndTrial():
                return self._change_trial(study, change.number, _OPEN_TRIAL, rows.ended_trial_values(change, now))
            case DiscardTrials():
                return self._discard(study, change, now)
            case AddElapsed():
                row = self._studies[study]
                more = row["elapsed_s"] + rows.finite(change.seconds)
                self._studies[study] = {**row, "elapsed_s": more}
                return True
            case MoveStudy():
                return self._move(study, change)

    def _add_trial(self, study: StudyId, change: AddTrial, now: datetime) -> bool:
        values = rows.new_trial_values(study, change, now)
        known = self._trials[study].get(change.number)
        if known is not None and known["state"] != TrialState.DISCARDED:
            return False
        self._trials[study][change.number] = values
        return True

    def _publish(self, study: StudyId, change: PublishAttempt, now: datetime) -> bool:
        values = rows.new_attempt_values(change, now)
        trial = self._trials[study].get(change.key.trial)
        if trial is None or trial["state"] not in _OPEN_TRIAL or change.key in self._attempts[study]:
            return False
        self._attempts[study][change.key] = values
        return True

    def _start(self, study: StudyId, change: StartAttempt, now: datetime) -> bool:
        values = rows.started_attempt_values(change, now)
        if not self._change_attempt(study, change.key, (AttemptState.PUBLISHED,), values):
            return False
        self._change_trial(study, change.key.trial, (TrialState.QUEUED,), {"state": TrialState.RUNNING.value})
        return True

    def _end_attempt(self, study: StudyId, change: EndAttempt, now: datetime) -> bool:
        late = (AttemptState.LOST,) if change.state is AttemptState.SUCCEEDED else ()
        values = rows.ended_attempt_values(change, now)
        return self._change_attempt(study, change.key, (*_OPEN_ATTEMPT, *late), values)

    def _change_attempt(
        self, study: StudyId, key: AttemptKey, allowed: tuple[AttemptState, ...], values: Values
    ) -> bool:
        row = self._attempts[study].get(key)
        if row is None or row["state"] not in allowed:
            return False
        self._attempts[study][key] = {**row, **values}
        return True

    def _change_trial(self, study: StudyId, number: int, allowed: tuple[TrialState, ...], values: Values) -> bool:
        row = self._trials[study].get(number)
        if row is None or row["state"] not in allowed:
            return False
        self._trials[study][number] = {**row, **values}
        return True

    def _discard(self, study: StudyId, change: DiscardTrials, now: datetime) -> bool:
        allowed = tuple(state for state in TrialState if state is not TrialState.DISCARDED)
        beyond = [row for number, row in self._trials[study].items() if number >= change.from_number]
        discarded = {"state": TrialState.DISCARDED.value}
        hits = [
            self._change_trial(study, row["number"], allowed, {**discarded, "ended_at": row["ended_at"] or now})
            for row in beyond
        ]
        return any(hits)

    def _move(self, study: StudyId, change: MoveStudy) -> bool:
        row = self._studies[study]
        if row["state"] not in change.allowed_from:
            return False
        moved = self._moved(row, change.to, change.reason, change.message)
        if change.to.ended and change.stopped_at is not None:
            moved["stopped_at"] = change.stopped_at
        self._studies[study] = moved
        return True

    def _moved(self, row: Values, to: StudyState, reason: StopReason | None, message: str) -> Values:
        now = self._clock.now()
        return {
            **row,
            "state": to.value,
            "reason": None if reason is None else reason.value,
            "message": rows.plain(message),
            "revision": row["revision"] + 1,
            "started_at": (row["started_at"] or now) if to is StudyState.RUNNING else row["started_at"],
            "ended_at": (row["ended_at"] or now) if to.ended else None,
            "stopped_at": row["stopped_at"] if to.ended else None,
        }
