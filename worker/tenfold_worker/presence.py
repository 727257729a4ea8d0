"""What a worker says of itself: its name, what its machine is, what it runs, and what it has to give back.

Kept apart from the entry point, because the processes are started before this is imported.
"""

import math
import os
import socket
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from tenfold_common.domain.assignment import Ended, WorkerRecord
from tenfold_common.domain.trial import AttemptKey, Failure
from tenfold_common.domain.words import ContentHash, FailureKind, Json, StudyId
from tenfold_common.ports import WorkerBus
from tenfold_common.settings import Settings
from tenfold_worker.fingerprint_note import FingerprintNote
from tenfold_worker.heartbeat import Heartbeat
from tenfold_worker.supervisor import Running


class Presence:
    """The worker as the cluster knows it.

    Args:
        settings: The process's.
        worker: The worker's id.
        slots: How many assignments run at once.
        queues: Queues it takes work from.
        folder: Where its processes meet.
    """

    def __init__(self, settings: Settings, *, worker: str, slots: int, queues: Sequence[str], folder: Path) -> None:
        self._settings = settings
        self._worker = worker
        self._slots = slots
        self._queues = tuple(queues)
        self._started_at = datetime.now(UTC)
        self._note = FingerprintNote(folder)
        self._fingerprint: ContentHash | None = None
        self._heartbeat = Heartbeat(self._introduce_myself)

    def begin(self) -> None:
        """Announce the worker from now on."""
        self._heartbeat.start()

    def end(self, *, within_s: float) -> None:
        """Say goodbye, or give up after some seconds."""
        self._heartbeat.leave(within_s=within_s)

    def show(self, running: Mapping[int, Running]) -> None:
        """What the slots are at, by process id."""
        self._heartbeat.show({pid: _key(named) for pid, named in running.items()})

    def give_back(self, named: Running, *, stopping: bool) -> None:
        """Have an attempt repeated whose slot is gone; because of a stop, it counts against nobody."""
        if self._fingerprint is None:
            return  # it cannot have been claimed
        died = Failure(
            kind=FailureKind.WORKER_LOST, message="the slot that watched over the trial ended unexpectedly"
        )
        self._heartbeat.hand_back(
            Ended(
                key=_key(named),
                worker=self._worker,
                fingerprint=self._fingerprint,
                folds=(),
                failure=None if stopping else died,
                seconds=0.0,
                machine_trouble=True,
            )
        )

    def _introduce_myself(self) -> WorkerBus:
        # The note comes when the nursery is warm; until then this import would take processor time from it.
        self._fingerprint, facts = self._note.read(patience_s=math.inf)
        from tenfold_common.bus.redis_bus import RedisWorkerBus

        self._heartbeat.introduce(self._record(self._fingerprint, facts))
        return RedisWorkerBus(self._settings)

    def _record(self, fingerprint: ContentHash, facts: Mapping[str, Json]) -> WorkerRecord:
        return WorkerRecord(
            id=self._worker,
            host=socket.gethostname(),
            pid=os.getpid(),
            slots=self._slots,
            queues=self._queues,
            fingerprint=fingerprint,
            facts=facts,
            started_at=self._started_at,
            seen_at=self._started_at,
        )


def _key(named: Running) -> AttemptKey:
    study, trial, part, attempt = named
    return AttemptKey(StudyId(study), trial, part, attempt)
