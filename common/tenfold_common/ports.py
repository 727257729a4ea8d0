"""Every port of Tenfold on one page: what the processes ask of the store, the bus, the artifacts and the clock.

Adapters live beside this module (``store``, ``bus``, ``artifacts``) and are built only in composition roots. Each
port has one contract suite in ``tests/contract`` that every adapter, fakes included, passes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from tenfold_common.domain.assignment import Assignment, Ended, News, QueueRecord, WorkerRecord
from tenfold_common.domain.changes import Change
from tenfold_common.domain.records import AttemptRecord, StudyRecord, TrialRecord
from tenfold_common.domain.stopping import StoppingRules
from tenfold_common.domain.trial import AttemptKey
from tenfold_common.domain.words import ContentHash, Json, StopReason, StudyId, StudyState


class Clock(Protocol):
    """Where processes get the time from; tests inject their own."""

    def now(self) -> datetime:
        """The present moment, aware, UTC: for people and records, never for decisions."""

    def monotonic_s(self) -> float:
        """Seconds that never jump: for decisions."""


class Store(Protocol):
    """The truth. Every method is one short transaction.

    Errors: ``NotFoundError`` for unknown names; ``TransientError`` when the database is away or locked.
    """

    def add_study(self, study: StudyRecord) -> None:
        """Write a new study.

        Raises:
            MisuseError: If the name is taken.
        """

    def study(self, name: str) -> StudyRecord:
        """The study of that name (or id).

        Raises:
            NotFoundError: Naming the nearest known name.
        """

    def studies(self, states: Sequence[StudyState] = ()) -> list[StudyRecord]:
        """Studies in any of these states (all of them by default), oldest first."""

    def study_by_document(self, document_hash: ContentHash) -> StudyRecord | None:
        """The newest study submitted from exactly this study file."""

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
        """Change a study's state (and its stopping rules) on a person's behalf.

        Compare-and-set on ``revision``: False means somebody was faster; read again. Moving an ended study back to
        running clears ``stopped_at`` and ``ended_at``; ending it sets ``ended_at``.
        """

    def trials(self, study: StudyId, *, discarded: bool = False) -> list[TrialRecord]:
        """The trial table in trial order, with fold results; discarded trials only if asked for."""

    def trial(self, study: StudyId, number: int) -> TrialRecord:
        """One trial.

        Raises:
            NotFoundError: If the study has no such trial.
        """

    def attempts(self, study: StudyId, trial: int | None = None, *, open_only: bool = False) -> list[AttemptRecord]:
        """Attempts by (trial, part, attempt); only published and running ones if ``open_only``."""

    def add_fingerprint(self, fingerprint: ContentHash, facts: Mapping[str, Json]) -> None:
        """Remember a machine's fingerprint; a known one is left alone."""

    def fingerprint(self, fingerprint: ContentHash) -> Mapping[str, Json] | None:
        """The facts behind a fingerprint's hash."""

    def apply(self, study: StudyId, changes: Sequence[Change], *, epoch: int) -> tuple[bool, ...]:
        """Apply the scheduler's changes in one transaction; say for each whether it changed anything.

        Raises:
            FencedError: If a newer scheduler holds the lock: this one must stop writing.
        """

    def lock_scheduler(self, holder: str, *, ttl_s: float) -> int | None:
        """Take or renew the scheduler's lock; its epoch, or None while somebody else holds it.

        Each change of holder gives a larger epoch. The lock lapses ``ttl_s`` after the last renewal.
        """

    def unlock_scheduler(self, holder: str) -> None:
        """Give the lock back, so that the next scheduler need not wait."""

    def scheduler(self) -> tuple[str, datetime] | None:
        """Who holds the scheduler's lock and until when; None if nobody does (or the lock has lapsed)."""

    def close(self) -> None:
        """Let go of connections."""


@dataclass(frozen=True, slots=True)
class Received:
    """News with the handle by which it is discarded."""

    entry: str
    news: News


class SchedulerBus(Protocol):
    """The bus as the scheduler (and a client that watches) sees it. Errors: ``TransientError`` while it is away."""

    def publish(self, assignment: Assignment) -> None:
        """Ring for a worker. Publishing the same attempt twice is harmless: only one claim succeeds."""

    def receive(self, *, after: str = "0", block_s: float, limit: int = 200) -> list[Received]:
        """News after an entry, oldest first, waiting up to ``block_s`` for the first.

        Malformed entries are logged and discarded.
        """

    def discard(self, entries: Sequence[str]) -> None:
        """Delete news that has been committed."""

    def ring(self) -> None:
        """Tell the scheduler to look at the store again."""

    def holders(self, keys: Sequence[AttemptKey]) -> dict[AttemptKey, str | None]:
        """Which worker holds each attempt's lease now; None where nobody does."""

    def revoke(self, key: AttemptKey) -> None:
        """Make the holder of this attempt stop at its next renewal, and nobody claim it any more."""

    def forget(self, study: StudyId) -> None:
        """Drop leases and done markers of an ended study."""

    def workers(self) -> list[WorkerRecord]:
        """Workers whose heartbeat has not lapsed, by id."""

    def queues(self) -> list[QueueRecord]:
        """Known queues with their backlog, by name."""

    def incarnation(self) -> str:
        """The broker's run id: another one means that it was restarted and may have forgotten messages."""

    def close(self) -> None:
        """Let go of connections."""


class WorkerBus(Protocol):
    """The bus as a worker's slot sees it. Errors: ``TransientError`` while it is away."""

    def claim(self, key: AttemptKey, *, worker: str, fingerprint: ContentHash) -> bool:
        """Claim the lease of an attempt and send ``Started``; False if it, or a newer one, is or was claimed."""

    def renew(self, key: AttemptKey, *, worker: str) -> bool:
        """Keep the lease. False: revoked or superseded, stop at once. A lease the broker forgot is set again."""

    def finish(self, ended: Ended) -> None:
        """Send the result and turn the lease into a done marker, in one step."""

    def announce(self, record: WorkerRecord, *, ttl_s: float) -> None:
        """Heartbeat."""

    def withdraw(self, worker: str) -> None:
        """The worker leaves."""

    def close(self) -> None:
        """Let go of connections."""


class Artifacts(Protocol):
    """Blobs by content hash: written once, verified when read."""

    def put(self, data: bytes) -> ContentHash:
        """Store bytes; storing the same bytes again changes nothing."""

    def put_file(self, path: Path) -> ContentHash:
        """Store a file's content."""

    def has(self, artifact: ContentHash) -> bool:
        """Whether the artifact is there."""

    def local(self, artifact: ContentHash) -> Path:
        """A read-only local file with the artifact's content, fetched and verified at most once per machine.

        Raises:
            NotFoundError: If no such artifact exists.
            DataError: If its content does not match its hash.
        """
