"""The store on a database: SQLite on one machine, PostgreSQL for clusters, the same code for both.

Every method is one short transaction. Nothing is remembered between calls, so any number of processes may use the
same database.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, Select, bindparam, func, select, update
from sqlalchemy.exc import IntegrityError

from tenfold_common.domain.changes import Change
from tenfold_common.domain.records import AttemptRecord, StudyRecord, TrialRecord
from tenfold_common.domain.stopping import StoppingRules
from tenfold_common.domain.words import ContentHash, Json, StopReason, StudyId, StudyState
from tenfold_common.errors import FencedError, NotFoundError
from tenfold_common.ports import Clock
from tenfold_common.store import rows
from tenfold_common.store.applying import (
    INSERT_FINGERPRINT,
    INSERT_LOCK,
    OPEN_ATTEMPT,
    apply_change,
    moved_values,
    run,
)
from tenfold_common.store.database import Database
from tenfold_common.store.lock import Lock
from tenfold_common.store.refusals import name_taken, no_trial
from tenfold_common.store.tables import attempts, fingerprints, scheduler, studies, trials

_EXECUTIONS = (
    select(func.count())
    .where(attempts.c.study == trials.c.study, attempts.c.trial == trials.c.number)
    .scalar_subquery()
    .label("attempts")
)
# Locked for sharing: a take-over waits until these changes are committed, or comes first and is seen.
_NEWEST_EPOCH = select(scheduler.c.epoch).with_for_update(read=True)
_IS_THERE = select(studies.c.id).where(studies.c.id == bindparam("of_study"))


class SqlStore:
    """The :class:`~tenfold_common.ports.Store` on SQLAlchemy; made by ``open_store``. Safe to share by threads.

    Args:
        database: Open, with the right schema; closed with the store.
        clock: Where the moments in the records come from.
    """

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def add_study(self, study: StudyRecord) -> None:
        """Write a new study."""
        try:
            with self._database.writing() as connection:
                connection.execute(studies.insert().values(rows.study_values(study)))
        except IntegrityError as error:
            raise name_taken(study.name) from error

    def study(self, name: str) -> StudyRecord:
        """The study of that name, else of that id."""
        wanted = rows.plain(name)
        with self._database.reading() as connection:
            for column in (studies.c.name, studies.c.id):
                row = connection.execute(select(studies).where(column == wanted)).mappings().first()
                if row is not None:
                    return rows.study_record(row)
            raise _no_study(connection, name)

    def studies(self, states: Sequence[StudyState] = ()) -> list[StudyRecord]:
        """Studies in any of these states, oldest first."""
        query = select(studies).order_by(studies.c.created_at, studies.c.id)
        if states:
            query = query.where(studies.c.state.in_([state.value for state in states]))
        with self._database.reading() as connection:
            return [rows.study_record(row) for row in connection.execute(query).mappings()]

    def study_by_document(self, document_hash: ContentHash) -> StudyRecord | None:
        """The newest study submitted from exactly this study file."""
        query = (
            select(studies)
            .where(studies.c.document_hash == document_hash)
            .order_by(studies.c.created_at.desc(), studies.c.id.desc())
            .limit(1)
        )
        with self._database.reading() as connection:
            row = connection.execute(query).mappings().first()
            return None if row is None else rows.study_record(row)

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
        values = moved_values(to, reason, message, self._clock.now())
        if stopping is not None:
            values["stopping"] = rows.stopping_text(stopping)
        same = update(studies).where(studies.c.id == study, studies.c.revision == revision)
        with self._database.writing() as connection:
            moved = connection.execute(same.values(values)).rowcount > 0
            if not moved:
                _check_study(connection, study)
            return moved

    def trials(self, study: StudyId, *, discarded: bool = False) -> list[TrialRecord]:
        """The trial table in trial order."""
        query = select(trials, _EXECUTIONS).where(trials.c.study == study).order_by(trials.c.number)
        if not discarded:
            query = query.where(trials.c.state != "discarded")
        with self._database.reading() as connection:
            found = [rows.trial_record(row) for row in connection.execute(query).mappings()]
            if not found:
                _check_study(connection, study)
            return found

    def trial(self, study: StudyId, number: int) -> TrialRecord:
        """One trial, discarded ones included."""
        query = select(trials, _EXECUTIONS).where(trials.c.study == study, trials.c.number == number)
        with self._database.reading() as connection:
            row = connection.execute(query).mappings().first()
            if row is not None:
                return rows.trial_record(row)
            _check_study(connection, study)
            last = connection.execute(select(func.max(trials.c.number)).where(trials.c.study == study)).scalar()
            raise no_trial(number, last)

    def attempts(self, study: StudyId, trial: int | None = None, *, open_only: bool = False) -> list[AttemptRecord]:
        """Attempts by (trial, part, attempt)."""
        with self._database.reading() as connection:
            query = _attempts_query(study, trial, open_only=open_only)
            found = [rows.attempt_record(row) for row in connection.execute(query).mappings()]
            if not found:
                _check_study(connection, study)
            return found

    def add_fingerprint(self, fingerprint: ContentHash, facts: Mapping[str, Json]) -> None:
        """Remember a machine's fingerprint."""
        values = {"hash": rows.plain(fingerprint), "facts": rows.to_text(facts)}
        with self._database.writing() as connection:
            run(connection, INSERT_FINGERPRINT, values)

    def fingerprint(self, fingerprint: ContentHash) -> Mapping[str, Json] | None:
        """The facts behind a fingerprint's hash."""
        query = select(fingerprints.c.facts).where(fingerprints.c.hash == rows.plain(fingerprint))
        with self._database.reading() as connection:
            text = connection.execute(query).scalar()
        if text is None:
            return None
        facts: Mapping[str, Json] = rows.from_text(text)
        return facts

    def apply(self, study: StudyId, changes: Sequence[Change], *, epoch: int) -> tuple[bool, ...]:
        """Apply the scheduler's changes in one transaction."""
        now = self._clock.now()
        with self._database.writing() as connection:
            newest = connection.execute(_NEWEST_EPOCH).scalar()
            if newest is not None and newest > epoch:
                raise FencedError(epoch, newest)
            _check_study(connection, study)
            return tuple([apply_change(connection, study, change, now) for change in changes])

    def lock_scheduler(self, holder: str, *, ttl_s: float) -> int | None:
        """Take or renew the scheduler's lock; its epoch, or None while somebody else holds it."""
        now = self._clock.now()
        free = {"id": 1, "holder": None, "epoch": 0, "expires_at": now}
        with self._database.writing() as connection:
            run(connection, INSERT_LOCK, free)
            lock = _lock(connection, to_change=True)
            epoch = None if lock is None else lock.epoch_for(rows.plain(holder), now)
            if epoch is not None:
                until = now + timedelta(seconds=ttl_s)
                held = {"holder": rows.plain(holder), "epoch": epoch, "expires_at": until}
                connection.execute(update(scheduler).values(held))
            return epoch

    def unlock_scheduler(self, holder: str) -> None:
        """Give the lock back; only its holder can."""
        given_back = update(scheduler).where(scheduler.c.holder == rows.plain(holder)).values(holder=None)
        with self._database.writing() as connection:
            connection.execute(given_back)

    def scheduler(self) -> tuple[str, datetime] | None:
        """Who holds the scheduler's lock and until when."""
        with self._database.reading() as connection:
            lock = _lock(connection)
        if lock is None or lock.holder is None or not lock.held_at(self._clock.now()):
            return None
        return lock.holder, lock.expires_at

    def close(self) -> None:
        """Let go of connections."""
        self._database.close()


def _attempts_query(study: StudyId, trial: int | None, *, open_only: bool) -> Select[tuple[object, ...]]:
    c = attempts.c
    query = select(attempts).where(c.study == study).order_by(c.trial, c.part, c.attempt)
    if trial is not None:
        query = query.where(c.trial == trial)
    return query.where(OPEN_ATTEMPT) if open_only else query


def _check_study(connection: Connection, study: StudyId) -> None:
    if connection.execute(_IS_THERE, {"of_study": study}).first() is None:
        raise _no_study(connection, study)


def _no_study(connection: Connection, name: str) -> NotFoundError:
    return NotFoundError("study", name, list(connection.execute(select(studies.c.name)).scalars()))


def _lock(connection: Connection, *, to_change: bool = False) -> Lock | None:
    query = select(scheduler.c.holder, scheduler.c.epoch, scheduler.c.expires_at)
    row = connection.execute(query.with_for_update() if to_change else query).first()
    return None if row is None else Lock(holder=row.holder, epoch=row.epoch, expires_at=row.expires_at)
