"""The scheduler's changes as SQL, each one compare-and-set: its ``WHERE`` says from which states it is allowed.

Nothing is read first and written later, so two writers cannot both win. Statements are built once, here: putting one
together costs SQLAlchemy more than running it. Parameters named ``of_...`` choose rows, ``with_...`` go into
expressions, all others are columns.
"""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Insert,
    Table,
    and_,
    bindparam,
    exists,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.base import Executable

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
from tenfold_common.domain.trial import AttemptKey
from tenfold_common.domain.words import AttemptState, StopReason, StudyId, StudyState, TrialState
from tenfold_common.store import rows
from tenfold_common.store.rows import Values
from tenfold_common.store.tables import attempts, fingerprints, scheduler, studies, trials


def in_state(table: Table, *states: str) -> ColumnElement[bool]:
    """The row is in one of these states. Spelled out, because a list of parameters is compiled anew at every run."""
    return or_(*(table.c.state == state for state in states))


def _insert_new(table: Table) -> dict[str, Insert]:
    return {
        "sqlite": sqlite.insert(table).on_conflict_do_nothing().execution_options(**_COUNTED),
        "postgresql": postgresql.insert(table).on_conflict_do_nothing().execution_options(**_COUNTED),
    }


def _insert_for_open_trial() -> dict[str, Insert]:
    names = attempts.c.keys()
    row = select(*(bindparam(f"new_{column.name}", type_=column.type) for column in attempts.c))
    row = row.where(exists().where(_OF_TRIAL, in_state(trials, TrialState.QUEUED, TrialState.RUNNING)))
    return {dialect: insert.from_select(names, row) for dialect, insert in _insert_new(attempts).items()}


_COUNTED: Final = {"preserve_rowcount": True}  # SQLAlchemy forgets how many rows an INSERT wrote unless asked
OPEN_ATTEMPT: Final = in_state(attempts, AttemptState.PUBLISHED, AttemptState.RUNNING)
_OPEN_TRIAL: Final = in_state(trials, TrialState.QUEUED, TrialState.RUNNING)
_DISCARDED: Final = in_state(trials, TrialState.DISCARDED)
_OF_TRIAL: Final = and_(trials.c.study == bindparam("of_study"), trials.c.number == bindparam("of_trial"))
_OF_ATTEMPT: Final = and_(
    attempts.c.study == bindparam("of_study"),
    attempts.c.trial == bindparam("of_trial"),
    attempts.c.part == bindparam("of_part"),
    attempts.c.attempt == bindparam("of_attempt"),
)

INSERT_LOCK: Final = _insert_new(scheduler)
INSERT_FINGERPRINT: Final = _insert_new(fingerprints)
_INSERT_TRIAL: Final = _insert_new(trials)
_INSERT_ATTEMPT: Final = _insert_for_open_trial()
_REPLACE_TRIAL: Final = update(trials).where(_OF_TRIAL, _DISCARDED)
_START_ATTEMPT: Final = update(attempts).where(_OF_ATTEMPT, in_state(attempts, AttemptState.PUBLISHED))
_START_TRIAL: Final = (
    update(trials).where(_OF_TRIAL, in_state(trials, TrialState.QUEUED)).values(state=TrialState.RUNNING.value)
)
_END_ATTEMPT: Final = update(attempts).where(_OF_ATTEMPT, OPEN_ATTEMPT)
# The late success of a superseded attempt counts: the same numbers, so as good as any other.
_END_WELL: Final = update(attempts).where(_OF_ATTEMPT, or_(OPEN_ATTEMPT, in_state(attempts, AttemptState.LOST)))
_END_TRIAL: Final = update(trials).where(_OF_TRIAL, _OPEN_TRIAL)
_DISCARD: Final = (
    update(trials)
    .where(trials.c.study == bindparam("of_study"), trials.c.number >= bindparam("of_from"), ~_DISCARDED)
    .values(
        state=TrialState.DISCARDED.value,
        ended_at=func.coalesce(trials.c.ended_at, bindparam("with_now", type_=trials.c.ended_at.type)),
    )
)
_ADD_ELAPSED: Final = (
    update(studies)
    .where(studies.c.id == bindparam("of_study"))
    .values(elapsed_s=studies.c.elapsed_s + bindparam("with_more", type_=studies.c.elapsed_s.type))
)


def apply_change(connection: Connection, study: StudyId, change: Change, now: datetime) -> bool:
    """Apply one change; whether it changed anything."""
    match change:
        case AddTrial():
            return _add_trial(connection, study, change, now)
        case PublishAttempt():
            return _publish(connection, change, now)
        case StartAttempt():
            return _start(connection, change, now)
        case EndAttempt():
            end = _END_WELL if change.state is AttemptState.SUCCEEDED else _END_ATTEMPT
            return run(connection, end, _attempt(change.key) | rows.ended_attempt_values(change, now))
        case EndTrial():
            values = rows.ended_trial_values(change, now)
            return run(connection, _END_TRIAL, _trial(study, change.number) | values)
        case DiscardTrials():
            return run(connection, _DISCARD, {"of_study": study, "of_from": change.from_number, "with_now": now})
        case AddElapsed():
            return run(connection, _ADD_ELAPSED, {"of_study": study, "with_more": rows.finite(change.seconds)})
        case MoveStudy():
            return _move(connection, study, change, now)


def moved_values(to: StudyState, reason: StopReason | None, message: str, now: datetime) -> Values:
    """What moving a study changes of its row, whoever moves it."""
    values: Values = {
        "state": to.value,
        "reason": None if reason is None else reason.value,
        "message": rows.plain(message),
        "revision": studies.c.revision + 1,
    }
    if to.ended:
        return values | {"ended_at": _first(studies.c.ended_at, now)}
    if to is StudyState.RUNNING:
        values["started_at"] = _first(studies.c.started_at, now)
    return values | {"ended_at": None, "stopped_at": None}


def run(connection: Connection, statement: Executable | dict[str, Insert], values: Values) -> bool:
    """Run a statement, or the connection's dialect of it; whether it changed a row."""
    chosen = statement[connection.dialect.name] if isinstance(statement, dict) else statement
    return connection.execute(chosen, values).rowcount > 0


def _trial(study: StudyId, number: int) -> Values:
    return {"of_study": study, "of_trial": number}


def _attempt(key: AttemptKey) -> Values:
    return {"of_study": key.study, "of_trial": key.trial, "of_part": key.part, "of_attempt": key.attempt}


def _add_trial(connection: Connection, study: StudyId, change: AddTrial, now: datetime) -> bool:
    values = rows.new_trial_values(study, change, now)
    if run(connection, _INSERT_TRIAL, values):
        return True
    # A discarded trial is not part of the study, so its number is free again, for example after `extend`. Its
    # attempts stay: new ones are numbered on from them, for the broker may remember the old ones as revoked or done.
    return run(connection, _REPLACE_TRIAL, _trial(study, change.number) | values)


def _publish(connection: Connection, change: PublishAttempt, now: datetime) -> bool:
    new = {f"new_{name}": value for name, value in rows.new_attempt_values(change, now).items()}
    return run(connection, _INSERT_ATTEMPT, new | _trial(change.key.study, change.key.trial))


def _start(connection: Connection, change: StartAttempt, now: datetime) -> bool:
    values = rows.started_attempt_values(change, now)
    if not run(connection, _START_ATTEMPT, _attempt(change.key) | values):
        return False
    connection.execute(_START_TRIAL, _trial(change.key.study, change.key.trial))
    return True


def _move(connection: Connection, study: StudyId, change: MoveStudy, now: datetime) -> bool:
    values = moved_values(change.to, change.reason, change.message, now)
    if change.to.ended and change.stopped_at is not None:
        values["stopped_at"] = change.stopped_at
    allowed = studies.c.state.in_([state.value for state in change.allowed_from])
    return run(connection, update(studies).where(studies.c.id == study, allowed).values(values), {})


def _first(kept: ColumnElement[Any], otherwise: datetime) -> ColumnElement[Any]:  # Any: a column of any type
    return func.coalesce(kept, literal(otherwise, kept.type))
